#!/usr/bin/env bash
# systemd.sh BINARY: lets systemd judge deploy/usher.service, with BINARY in place of the
# installed program, and asks how exposed the service is.
set -euo pipefail
cd "$(dirname "$0")/.."
binary=$(readlink -f "${1:-bin/usher}")
if ! command -v systemd-analyze >/dev/null && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then # a container has none
  echo "== installing systemd, for systemd-analyze"
  { apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -yq --no-install-recommends systemd; } >/dev/null || true
fi
command -v systemd-analyze >/dev/null || { echo "systemd.sh: cannot be tried here: systemd-analyze is missing (Debian: systemd)" >&2; exit 77; }
[ -x "$binary" ] || { echo "systemd.sh: $binary is no program: make build" >&2; exit 1; }
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT
sed "s#/usr/local/bin/usher#$binary#" deploy/usher.service > "$dir/usher.service"
said=$(systemd-analyze verify --man=no "$dir/usher.service" 2>&1) || { echo "$said"; exit 1; }
[ -z "$(grep -F usher.service <<<"$said" || true)" ] || { echo "$said"; exit 1; }
# 0 is locked away, 10 wide open; what a web service needs is about 3.
systemd-analyze security --offline=true --threshold=40 "$dir/usher.service" | tail -1
