# syntax=docker/dockerfile:1.7
# The programs of this repository: bank, statement, checkout, bankctl, probe. One image
# for all; what runs is the container's command.
#
#   docker build -t codebank:0.1.0 .

FROM golang:1.26.0-bookworm AS build
WORKDIR /src
# With .git, so that every event can name the commit of the program that made it.
COPY . .
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/root/.cache/go-build \
    CGO_ENABLED=0 go build -trimpath -ldflags='-s -w' -o /out/ \
        ./bank/cmd/bank ./statement/cmd/statement ./operations/cmd/bankctl ./checkout/cmd/checkout ./stack/probe
# A volume takes over the owner of the folder that it is mounted on.
RUN install --directory --mode=0700 /codebank

# Certificates, time zones, a user 65532, and no shell. Its releases are the numbered ones
# of Debian; it has no other.
FROM gcr.io/distroless/static-debian12:nonroot
COPY --from=build /out/ /
COPY --from=build --chown=65532:65532 /codebank /var/lib/codebank
USER 65532:65532
