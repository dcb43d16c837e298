# Two images of one binary.
#
#   docker build --target static .   Usher alone: give it DATABASE_URL (and REDIS_URL)
#   docker build .                   with PostgreSQL built in: docker run -p 8080:8080 -v usher:/var/lib/usher …
#
# Both listen on every interface, so they let nobody in without a key: set
# USHER_ACCESS_KEYS_FILE, or mount a config.yaml and set USHER_CONFIG.

FROM node:24-bookworm-slim AS assets
WORKDIR /src
COPY web/package.json web/package-lock.json web/.npmrc web/vendor.sh ./
RUN npm ci --no-fund --no-audit --omit=dev && ./vendor.sh node_modules /vendor

FROM golang:1.26-bookworm AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
COPY --from=assets /vendor web/assets/vendor
RUN CGO_ENABLED=0 go build -tags disable_grpc_modules -trimpath -ldflags="-s -w" -o /usher .
# The image from scratch has no shell to make these with.
RUN mkdir -p /root-fs/etc/ssl/certs /root-fs/var/lib/usher /root-fs/tmp \
 && echo 'usher:x:10001:10001:Usher:/var/lib/usher:/sbin/nologin' > /root-fs/etc/passwd \
 && echo 'usher:x:10001:' > /root-fs/etc/group \
 && cp /etc/ssl/certs/ca-certificates.crt /root-fs/etc/ssl/certs/ \
 && chown -R 10001:10001 /root-fs/var/lib/usher && chmod 1777 /root-fs/tmp

FROM scratch AS static
COPY --from=build /root-fs/ /
COPY --from=build /usher /usr/local/bin/usher
ENV USHER_HTTP_LISTEN=:8080 USHER_DATA_DIR=/var/lib/usher USHER_LOG_FORMAT=json
USER 10001:10001
EXPOSE 8080
VOLUME /var/lib/usher
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s CMD ["/usr/local/bin/usher", "healthcheck"]
ENTRYPOINT ["/usr/local/bin/usher"]
CMD ["serve"]

FROM debian:bookworm-slim AS debian
# create_main_cluster = false: the package would make a cluster that nobody uses.
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates postgresql-common \
 && sed -i 's/^#\?create_main_cluster.*/create_main_cluster = false/' /etc/postgresql-common/createcluster.conf \
 && apt-get install -y --no-install-recommends postgresql \
 && rm -rf /var/lib/apt/lists/* \
 && groupadd --gid 10001 usher \
 && useradd --uid 10001 --gid usher --home-dir /var/lib/usher --create-home --shell /usr/sbin/nologin usher
COPY --from=build /usher /usr/local/bin/usher
ENV USHER_HTTP_LISTEN=:8080 USHER_DATA_DIR=/var/lib/usher USHER_LOG_FORMAT=json
USER usher
EXPOSE 8080
VOLUME /var/lib/usher
# PostgreSQL gets its time to write everything down: docker stop --time 60
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s CMD ["/usr/local/bin/usher", "healthcheck"]
ENTRYPOINT ["/usr/local/bin/usher"]
CMD ["serve"]
