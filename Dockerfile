# One file for all images: docker build --target api|runtime|simulator|cli .
# docker-bake.hcl builds them for two architectures; node scripts/run.mjs images builds them without a Docker engine.

# The build stage runs on the machine that builds, whatever the image is for. Any Node.js from 24 on will do: the one in
# the image comes from the lockfile.
ARG BUILD_IMAGE=node:24-bookworm-slim
# Debian without a package manager and without a shell. CI hands in the digest of the day.
ARG BASE_IMAGE=gcr.io/distroless/cc-debian12

FROM --platform=$BUILDPLATFORM ${BUILD_IMAGE} AS build
ENV CI=true TURBO_TELEMETRY_DISABLED=1 NPM_CONFIG_UPDATE_NOTIFIER=false
WORKDIR /src
COPY package.json ./
RUN npm install --global "$(node -p "require('./package.json').packageManager")"
COPY . .
# Packages stay in a cache beside the layers: they are a hundred times what is built with them.
RUN --mount=type=cache,id=semibot-modules,target=/src/node_modules,sharing=locked \
    pnpm install --frozen-lockfile && pnpm exec turbo run build --filter=./apps/*

FROM build AS api-files
ARG TARGETARCH
RUN --mount=type=cache,id=semibot-modules,target=/src/node_modules,sharing=locked \
    node infra/docker/assemble.mjs /out "$TARGETARCH" api cli

FROM build AS runtime-files
ARG TARGETARCH
RUN --mount=type=cache,id=semibot-modules,target=/src/node_modules,sharing=locked \
    node infra/docker/assemble.mjs /out "$TARGETARCH" runtime-orchestrator cli

FROM build AS simulator-files
ARG TARGETARCH
RUN --mount=type=cache,id=semibot-modules,target=/src/node_modules,sharing=locked \
    node infra/docker/assemble.mjs /out "$TARGETARCH" llm-simulator

FROM build AS cli-files
ARG TARGETARCH
RUN --mount=type=cache,id=semibot-modules,target=/src/node_modules,sharing=locked \
    node infra/docker/assemble.mjs /out "$TARGETARCH" cli

# Files belong to root and cannot be written by the user that runs them; the services write nothing but their output.
FROM ${BASE_IMAGE} AS base
ENV NODE_ENV=production NODE_OPTIONS=--enable-source-maps PATH=/usr/local/bin:/usr/bin:/bin
WORKDIR /app
USER 10001:10001
STOPSIGNAL SIGTERM

FROM base AS api
COPY --from=api-files /out/ /
ENV API_HOST=0.0.0.0
EXPOSE 3001
HEALTHCHECK --interval=15s --timeout=3s --start-period=20s --retries=3 CMD ["node", "/app/healthcheck.mjs", "API_PORT", "3001"]
CMD ["node", "/app/apps/api/dist/server.js"]

FROM base AS runtime
COPY --from=runtime-files /out/ /
ENV RUNTIME_HOST=0.0.0.0
EXPOSE 8000
HEALTHCHECK --interval=15s --timeout=3s --start-period=20s --retries=3 CMD ["node", "/app/healthcheck.mjs", "RUNTIME_PORT", "8000", "RUNTIME_TLS_CERT"]
CMD ["semibot-runtime"]

FROM base AS simulator
COPY --from=simulator-files /out/ /
EXPOSE 4010
HEALTHCHECK --interval=15s --timeout=3s --start-period=5s --retries=3 CMD ["node", "/app/healthcheck.mjs", "SIMULATOR_PORT", "4010"]
CMD ["node", "/app/apps/llm-simulator/dist/server.js", "--host", "0.0.0.0"]

FROM base AS cli
COPY --from=cli-files /out/ /
ENTRYPOINT ["semibot"]
CMD ["--help"]
