# The product alone: built without the `sandbox` feature, so it knows WhatsApp's certificate from a forged one.
FROM rust:1.95-bookworm AS build
WORKDIR /src
COPY . .
RUN cargo build --release --locked -p salonbridge && strip target/release/salonbridge

FROM debian:bookworm-slim
RUN apt-get update && apt-get install -y --no-install-recommends ca-certificates && rm -rf /var/lib/apt/lists/* \
 && useradd --system --uid 10001 --create-home --home-dir /app salonbridge
COPY --from=build /src/target/release/salonbridge /usr/local/bin/salonbridge
COPY tenants /app/tenants
WORKDIR /app
RUN mkdir data && chown salonbridge data
USER salonbridge
ENV SALONBRIDGE_LISTEN=0.0.0.0:8080
VOLUME /app/data
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s CMD ["salonbridge", "ping"]
ENTRYPOINT ["salonbridge"]
CMD ["serve"]
