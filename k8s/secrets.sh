#!/bin/bash
# Generates the passwords of the databases, the keys of the vault, those of access tokens and those of
# commands, and writes them as Secrets into k8s/secrets.yaml. Git ignores that file. The script never
# overwrites it: without the vault's keys, nobody can read the stored card numbers again. Keep a
# copy in a safe place.
#
# SMTP_URL and MAIL_FROM say by which server and with which sender identity and statement send e-mails.
#
#   ./k8s/secrets.sh [FOLDER]       in place of k8s
set -euo pipefail
cd "$(dirname "$0")/.."

readonly file=${1:-k8s}/secrets.yaml
if [[ -e $file ]]; then
  echo "$file exists already and is never overwritten" >&2
  exit 1
fi
: "${SMTP_URL:?such as smtp://USER:PASSWORD@mail.example:587}" "${MAIL_FROM:?such as Code Bank <no-reply@bank.example>}"
umask 077
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

password() { od -An -N24 -tx1 /dev/urandom | tr -d ' \n'; }
# The server of k8s/postgres.yaml has no certificate. See k8s/network.yaml for who reaches it.
url() { echo "postgres://$1:$3@postgres:5432/$2?sslmode=disable"; }

# secret NAME KEY VALUE [KEY VALUE]...
secret() {
  printf -- '---\napiVersion: v1\nkind: Secret\nmetadata: {name: %s, namespace: codebank}\ntype: Opaque\ndata:\n' "$1"
  shift
  while (($#)); do
    printf '  %s: %s\n' "$1" "$(printf '%s' "$2" | base64 | tr -d '\n')"
    shift 2
  done
}

go run ./operations/cmd/bankctl keys new --out "$scratch/vault.key" >/dev/null
go run ./identity/cmd/identity keys new --signing-keys "$scratch/signing.json" >/dev/null
go run ./operations/cmd/bankctl command-keys add gateway --for-users --file "$scratch/commands.json" >/dev/null
go run ./operations/cmd/bankctl command-keys export gateway --file "$scratch/commands.json" --out "$scratch/gateway.json" >/dev/null
go run ./operations/cmd/bankctl command-keys add gateway --for-users --file "$scratch/requests.json" >/dev/null
bank=$(password) bank_service=$(password) statement=$(password) statement_service=$(password) statement_sink=$(password) checkout=$(password) checkout_service=$(password)
identity=$(password) identity_service=$(password) gateway=$(password) gateway_service=$(password)
{
  secret postgres postgres "$(password)" bank "$bank" bank-service "$bank_service" statement "$statement" \
    statement-service "$statement_service" statement-sink "$statement_sink" checkout "$checkout" checkout-service "$checkout_service" \
    identity "$identity" identity-service "$identity_service" gateway "$gateway" gateway-service "$gateway_service"
  secret bank database-url "$(url bank_service bank_001 "$bank_service")" vault.key "$(<"$scratch/vault.key")" \
    commands.json "$(<"$scratch/commands.json")"
  secret migrate ledger-database-url "$(url bank bank_001 "$bank")" statement-database-url "$(url statement statement_001 "$statement")" \
    checkout-database-url "$(url checkout checkout "$checkout")" identity-database-url "$(url identity identity "$identity")" \
    gateway-database-url "$(url gateway gateway "$gateway")"
  secret statement database-url "$(url statement_service statement_001 "$statement_service")" smtp-url "$SMTP_URL" mail-from "$MAIL_FROM" \
    requests.json "$(<"$scratch/requests.json")"
  secret checkout database-url "$(url checkout_service checkout "$checkout_service")"
  secret identity database-url "$(url identity_service identity "$identity_service")" signing.json "$(<"$scratch/signing.json")" \
    smtp-url "$SMTP_URL" mail-from "$MAIL_FROM"
  secret gateway database-url "$(url gateway_service gateway "$gateway_service")" gateway.json "$(<"$scratch/gateway.json")"
} >"$scratch/secrets.yaml"
mv --no-clobber "$scratch/secrets.yaml" "$file"
echo "created $file"
