# Stages: base and dependencies below everything; build, test and development with the toolchain; production and simulator to be run.
# A build without a registry imports its own images under these two names: scripts/build-image.
ARG SWIFT_IMAGE=docker.io/library/swift:6.3-bookworm
ARG RUNTIME_IMAGE=docker.io/library/debian:bookworm-slim

# What the programs need to run, and nothing that they do not: the Swift runtime is linked into them.
FROM ${RUNTIME_IMAGE} AS base
# Not older: the fixes of this revision are relied on (as scripts/common.sh checks for a build).
ARG NGHTTP2_MINIMUM=1.52.0-1+deb12u3
RUN apt-get update \
    && DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends \
        ca-certificates libcurl4 libnghttp2-14 libprotobuf-c1 libsqlite3-0 zlib1g \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt /var/cache/debconf/*-old /var/lib/dpkg/*-old /var/log/apt /var/log/dpkg.log /var/log/alternatives.log \
    && dpkg --compare-versions "$(dpkg-query --show --showformat '${Version}' libnghttp2-14)" ge "${NGHTTP2_MINIMUM}" \
    && groupadd --gid 1001 novitai \
    && useradd --uid 1001 --gid 1001 --home-dir /var/lib/novitai --no-create-home --shell /usr/sbin/nologin novitai \
    && install --directory --owner 1001 --group 1001 --mode 0700 /var/lib/novitai

FROM ${SWIFT_IMAGE} AS dependencies
RUN apt-get update \
    && DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends \
        libnghttp2-dev libprotobuf-c-dev libcurl4-openssl-dev libsqlite3-dev zlib1g-dev pkg-config \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY Package.swift ./
# Into SwiftPM's own cache, from which every later stage takes them without a network.
RUN swift package resolve && rm -rf .build

FROM dependencies AS build
COPY Sources ./Sources
COPY Tests ./Tests
COPY scripts/release-options ./scripts/
# The cache only saves time: what is built comes from the sources above.
RUN --mount=type=cache,target=/src/.build \
    options=$(cat scripts/release-options) \
    && for product in novitaid novitai-sidecar novitai novita-sim; do \
        swift build $options --product "$product" || exit 1; \
    done \
    && mkdir /out \
    && for product in novitaid novitai-sidecar novitai novita-sim; do \
        strip -o "/out/$product" "$(swift build $options --show-bin-path)/$product" || exit 1; \
    done \
    && cp Package.resolved /out/

# docker build --target test: passes when every test does.
FROM dependencies AS test
COPY . .
RUN scripts/test

# With the sources mounted at /src: builds, runs, and does both again whenever a file changes.
FROM dependencies AS development
RUN apt-get update \
    && DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends inotify-tools \
    && rm -rf /var/lib/apt/lists/* \
    && install --directory --mode 1777 /var/lib/novitai /src/.build
ENV DATABASE_URL=sqlite:/var/lib/novitai/novitai.db
STOPSIGNAL SIGTERM
ENTRYPOINT ["/src/scripts/develop"]
CMD ["novitaid"]

# What is in the production image, for who has to know whether a vulnerability concerns it.
FROM base AS sbom
COPY --from=build /out/Package.resolved /
COPY scripts/image-sbom /
RUN /image-sbom /Package.resolved > /novitai.spdx.json

FROM base AS simulator
COPY --from=build /out/novita-sim /usr/local/bin/
LABEL org.opencontainers.image.title="novita-sim" \
      org.opencontainers.image.description="A simulator of Novita.ai's REST API, for development and tests" \
      org.opencontainers.image.licenses="Apache-2.0"
USER 1001:1001
WORKDIR /var/lib/novitai
STOPSIGNAL SIGTERM
ENTRYPOINT ["/usr/local/bin/novita-sim"]

FROM base AS production
ARG REVISION=unknown
ARG CREATED=1970-01-01T00:00:00Z
COPY --from=sbom /novitai.spdx.json /usr/share/doc/novitai/
COPY LICENSE /usr/share/doc/novitai/
COPY --from=build /out/novitaid /out/novitai-sidecar /out/novitai /usr/local/bin/
LABEL org.opencontainers.image.title="novitai" \
      org.opencontainers.image.description="A control plane for rented GPU machines, over gRPC" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}"
ENV DATABASE_URL=sqlite:/var/lib/novitai/novitai.db
USER 1001:1001
WORKDIR /var/lib/novitai
VOLUME /var/lib/novitai
EXPOSE 50051 8080
# novitaid drains for SHUTDOWN_GRACE (30 s): whoever stops the container must wait longer, as compose/ and deploy/ do with 40 s.
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=10s --start-period=40s --retries=3 CMD ["/usr/local/bin/novitaid", "probe"]
ENTRYPOINT ["/usr/local/bin/novitaid"]
