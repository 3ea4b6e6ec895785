# One image for the four binaries: `ledger`, `worker`, `console` and `gateway_stub`.
#
#   docker build -t reserve .
#   docker run reserve ledger serve --help
FROM debian:12 AS build
WORKDIR /src
# The packages change seldom: a layer of their own.
COPY run ./
RUN ./run setup
COPY . .
RUN ./run build release ledger worker console gateway_stub \
    && mkdir /out \
    && for binary in ledger worker console gateway_stub; do \
         strip --strip-debug -o "/out/$binary" "build/release/bin/$binary" || exit 1; \
       done

FROM debian:12-slim
# libmariadb3 comes with the connector and brings its folder of plugins, which must stay:
# caching_sha2_password, how MySQL authenticates, is loaded from there.
RUN apt-get update \
    && apt-get install -y --no-install-recommends \
         ca-certificates libabsl20220623 libcpp-httplib0.11 libgrpc++1.51 libicu72 libjemalloc2 \
         libmysqlcppconn7v5 \
         libprometheus-cpp-core1.0 libprometheus-cpp-pull1.0 libprotobuf32 libssl3 tzdata \
    && rm -rf /var/lib/apt/lists/*
COPY --from=build /out/ /usr/local/bin/
# Nobody's account; by number, so that Kubernetes can tell that it is not root.
USER 65532:65532
EXPOSE 8080 50051 50052 9100
# Other machines are served with a certificate (RESERVE_TLS_CERTIFICATE_FILE and the like), or if
# plain text is asked for (--insecure_plaintext): else this ends at once, and says so.
CMD ["ledger", "serve", "--listen=0.0.0.0:50051"]
