#!/usr/bin/env bash
# docker.sh: builds both images of the Dockerfile with buildah and runs them, as root, where
# there is no container engine and no image registry. The base images are made here, under the
# names that the Dockerfile uses: Debian by debootstrap from this machine's own mirror (or that of
# USHER_DEBIAN_MIRROR), Go and Node from this machine. It needs root that may mount (CAP_SYS_ADMIN; an
# ordinary container has not), apt or buildah and debootstrap, about 4 GB of disk and a quarter of an hour.
# Ends with 77 where it cannot be tried, and says what is missing; with 1 where an image is bad.
set -euo pipefail
cd "$(dirname "$0")/.."
export STORAGE_DRIVER=vfs BUILDAH_ISOLATION=chroot
cache=${USHER_DOCKER_CACHE:-$PWD/.cache/docker}
say() { printf '== %s\n' "$*"; }
die() { printf 'docker.sh: %s\n' "$*" >&2; exit 1; }
cannot() { printf 'docker.sh: cannot be tried here: %s\n' "$*" >&2; exit 77; }

[ "$(id -u)" = 0 ] || cannot "it needs root: chroot isolation is root's"
may=$(mktemp -d); mount -t tmpfs tmpfs "$may" 2>/dev/null || { rmdir "$may"; cannot "root may not mount here (CAP_SYS_ADMIN is missing): use a virtual machine, or a privileged container"; }
umount "$may"; rmdir "$may"
free=$(df -Pm "$PWD" | awk 'NR == 2 {print $4}'); [ "$free" -gt 4000 ] || cannot "only $free MB of disk are free, it takes 4,000"
missing=""
for p in buildah debootstrap; do command -v $p >/dev/null || missing="$missing $p"; done
if [ -n "$missing" ]; then
  say "installing$missing"
  command -v apt-get >/dev/null || cannot "missing:$missing"
  apt-get update -q >/dev/null && DEBIAN_FRONTEND=noninteractive apt-get install -yq --no-install-recommends $missing >/dev/null || cannot "apt-get cannot install$missing"
fi

has() { buildah inspect --type image "$1" >/dev/null 2>&1; }
mkdir -p "$cache"
debian=docker.io/library/debian:bookworm-slim golang=docker.io/library/golang:1.26-bookworm nodejs=docker.io/library/node:24-bookworm-slim

if ! has $debian; then
  say "base: Debian by debootstrap"
  mirror=${USHER_DEBIAN_MIRROR:-$(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' 2>/dev/null | grep -m1 '/debian/*$' || true)}
  [ -n "$mirror" ] || cannot "this machine's apt has no Debian mirror: set USHER_DEBIAN_MIRROR to the address of one"
  rm -rf "$cache/debian"
  debootstrap --variant=minbase --include=ca-certificates bookworm "$cache/debian" "$mirror" >"$cache/debootstrap.log" 2>&1 || { tail -5 "$cache/debootstrap.log"; cannot "debootstrap cannot fetch Debian from $mirror"; }
  cp /etc/apt/apt.conf.d/*proxy* "$cache/debian/etc/apt/apt.conf.d/" 2>/dev/null || true
  c=$(buildah from scratch)
  buildah add -q "$c" "$cache/debian" / >/dev/null
  buildah copy -q "$c" /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt >/dev/null # whom this machine trusts
  buildah commit -q "$c" $debian >/dev/null && buildah rm "$c" >/dev/null
  rm -rf "$cache/debian"
fi
if ! has $golang; then
  say "base: this machine's Go"
  c=$(buildah from --pull=never $debian)
  buildah add -q "$c" "$(go env GOROOT)" /usr/local/go >/dev/null
  buildah config --env PATH=/usr/local/go/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin --env GOPATH=/go --env GOPROXY="$(go env GOPROXY)" --env GOSUMDB="$(go env GOSUMDB)" --env GOTOOLCHAIN=local "$c"
  buildah commit -q "$c" $golang >/dev/null && buildah rm "$c" >/dev/null
fi
if ! has $nodejs; then
  # Debian's own node is a small program over many libraries, which the image has not; others' are whole.
  c=$(buildah from --pull=never $debian)
  if command -v node npm >/dev/null && ! ldd "$(readlink -f "$(command -v node)")" | grep -q libnode; then
    say "base: this machine's Node"
    npm=$(dirname "$(dirname "$(readlink -f "$(command -v npm)")")")
    buildah add -q "$c" "$(readlink -f "$(command -v node)")" /usr/local/bin/node >/dev/null
    buildah add -q "$c" "$npm" /usr/local/lib/npm >/dev/null
    buildah run "$c" -- sh -c 'ln -s ../lib/npm/bin/npm-cli.js /usr/local/bin/npm && chmod +x /usr/local/lib/npm/bin/npm-cli.js'
  else
    say "base: Debian's Node"
    buildah run "$c" -- sh -c 'apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -yq --no-install-recommends nodejs npm' >"$cache/node.log" 2>&1 || { tail -5 "$cache/node.log"; die "Debian's node cannot be installed in the image"; }
  fi
  buildah run "$c" -- node --version || die "node does not run in the image"
  registry=$(npm config get registry 2>/dev/null || true)
  buildah config ${registry:+--env "npm_config_registry=$registry"} --env NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt "$c"
  buildah commit -q "$c" $nodejs >/dev/null && buildah rm "$c" >/dev/null
fi

# What git knows of, as it is now: the tree may change while an image is built.
context=$cache/context
rm -rf "$context" && mkdir -p "$context"
git ls-files -z --cached --others --exclude-standard | tar --null --ignore-failed-read -T - -c 2>/dev/null | tar -x -C "$context"

build() { # target tag
  say "build $1"
  buildah build --pull=never --layers --target "$1" -v "$(go env GOMODCACHE):/go/pkg/mod" -v "$(go env GOCACHE):/root/.cache/go-build" -t "$2" "$context" >"$cache/$1.log" 2>&1 \
    || { tail -30 "$cache/$1.log"; die "$1 does not build"; }
}
build static usher-test:static
build debian usher-test:debian

# run IMAGE PORT [env...] starts the image's own command as its own user and waits for /readyz.
started=""
trap 'for p in $started; do kill -INT "$p" 2>/dev/null || true; done; wait' EXIT
serve() {
  local image=$1 port=$2; shift 2
  c=$(buildah from --pull=never "$image")
  ! buildah run "$c" -- true 2>/dev/null && [ "${image##*:}" = debian ] && die "$image runs nothing"
  local envs=(); for e in "$@" "USHER_HTTP_LISTEN=127.0.0.1:$port"; do envs+=(--env "$e"); done
  say "run $image on $port"
  buildah run "${envs[@]}" "$c" -- /usr/local/bin/usher serve >"$cache/${image##*:}.serve.log" 2>&1 &
  started="$started $!"
  for _ in $(seq 120); do
    curl -fs "http://127.0.0.1:$port/readyz" >/dev/null && return 0
    kill -0 $! 2>/dev/null || break
    sleep 1
  done
  tail -20 "$cache/${image##*:}.serve.log"; die "$image does not become ready"
}
check() { # container port
  buildah run --env "USHER_HTTP_LISTEN=127.0.0.1:$2" "$1" -- /usr/local/bin/usher healthcheck || die "healthcheck fails"
  buildah run "$1" -- /usr/local/bin/usher version
}

# With PostgreSQL built in: it starts as uid 10001, which has a passwd entry.
serve usher-test:debian 18471
check "$c" 18471
[ "$(buildah run "$c" -- id -un)" = usher ] || die "the image's user has no name"
buildah run "$c" -- sh -c 'test -d /var/lib/usher/postgres/data && test "$(stat -c %U /var/lib/usher/postgres/data)" = usher' || die "the database is not where it belongs"

# Alone: against a PostgreSQL of this machine.
say "a PostgreSQL for the static image"
bin=$(dirname "$(ls /usr/lib/postgresql/*/bin/postgres | sort -V | tail -1)")
pg=$(mktemp -d /tmp/usher-docker-pg.XXXXXX); chown postgres "$pg"
su postgres -s /bin/sh -c "$bin/initdb -D $pg/data -A trust -U postgres >/dev/null && $bin/pg_ctl -D $pg/data -o \"-p 18472 -c listen_addresses=127.0.0.1 -c unix_socket_directories=$pg\" -l $pg/log -w start >/dev/null" || die "PostgreSQL does not start"
trap 'for p in $started; do kill -INT "$p" 2>/dev/null || true; done; wait; su postgres -s /bin/sh -c "$bin/pg_ctl -D $pg/data -m fast stop >/dev/null"; rm -rf "$pg"' EXIT
serve usher-test:static 18473 "DATABASE_URL=postgres://postgres@127.0.0.1:18472/postgres" "USHER_SEAL_KEY=$(head -c 32 /dev/urandom | base64)"
check "$c" 18473
say "both images build, run, answer and know their user: ok"
