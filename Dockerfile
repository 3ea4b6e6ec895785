# One image for the four programs: `ledger`, `worker`, `console` and `gateway_stub`.
#
#   docker build --build-arg BUILD=$(git rev-parse --short HEAD) -t reserve .
#   docker run reserve ledger serve --help
#
# What it holds is our programs, the libraries that they load, certificates of authorities and time
# zones: no shell and no package manager. Each package has one version (scripts/image/*.lock).
# `./run image` does the same steps in clean Debian roots, without a container engine.
FROM debian:12 AS build
WORKDIR /src
# The packages change seldom: a layer of their own.
COPY scripts/image/ scripts/image/
RUN scripts/image/install.sh scripts/image/build.lock
COPY . .
# What this build is called, by --version and reserve_build_info.
ARG BUILD=unknown
RUN scripts/image/compile.sh "$BUILD" /out

FROM debian:12-slim AS root
COPY scripts/image/ /image-scripts/
RUN /image-scripts/install.sh /image-scripts/runtime.lock
COPY --from=build /out/ /usr/local/bin/
# With the plugins of libmariadb: caching_sha2_password, how MySQL authenticates, is one.
RUN /image-scripts/collect.sh /image

FROM scratch
COPY --from=root /image/ /
ENV PATH=/usr/local/bin:/usr/bin
# Nobody's account; by number, so that Kubernetes can tell that it is not root.
USER 65532:65532
EXPOSE 8080 50051 50052 9100
# Other machines are served with a certificate (RESERVE_TLS_CERTIFICATE_FILE and the like), or if
# plain text is asked for (--insecure_plaintext): else this ends at once, and says so.
CMD ["ledger", "serve", "--listen=0.0.0.0:50051"]
