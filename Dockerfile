# syntax=docker/dockerfile:1.7
# The programs of this repository: bank, statement, checkout, identity, gateway, banking, payment-gateway, payment-processor, codepix, bankctl, probe.
# All are in one image. The command of a container chooses the program.
#
#   docker build -t codebank:0.1.0 .

FROM golang:1.26.0-bookworm AS build
WORKDIR /src
# The copy includes .git, so that every event can name the commit of the program that made
# it.
COPY . .
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/root/.cache/go-build \
    CGO_ENABLED=0 go build -trimpath -ldflags='-s -w' -o /out/ \
        ./bank/cmd/bank ./statement/cmd/statement ./operations/cmd/bankctl ./checkout/cmd/checkout ./identity/cmd/identity \
        ./gateway/cmd/gateway ./checkout/cmd/payment-gateway ./checkout/cmd/payment-processor ./codepix/cmd/codepix ./web/cmd/banking ./stack/probe
# A volume gets the owner of the folder that it is mounted on.
RUN install --directory --mode=0700 /codebank /commands /requests /charges /pix /hub /hub/001 /hub/002 /tls /tls/bank /tls/bank-002 /tls/statement /tls/statement-002 /tls/checkout /tls/identity \
        /tls/codepix /tls/gateway /tls/banking /tls/banking-002 /tls/payment-gateway /tls/payment-processor

# The image has certificates, time zones and a user 65532, and no shell. Its only versions
# are the releases of Debian.
FROM gcr.io/distroless/static-debian12:nonroot
COPY --from=build /out/ /
COPY --from=build --chown=65532:65532 /codebank /var/lib/codebank
COPY --from=build --chown=65532:65532 /commands /etc/codebank/commands
COPY --from=build --chown=65532:65532 /requests /etc/codebank/requests
COPY --from=build --chown=65532:65532 /charges /etc/codebank/charges
COPY --from=build --chown=65532:65532 /pix /etc/codebank/pix
COPY --from=build --chown=65532:65532 /hub /etc/codebank/hub
COPY --from=build --chown=65532:65532 /tls /etc/codebank/tls
USER 65532:65532
