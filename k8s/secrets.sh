#!/bin/bash
# Generates the passwords of the databases, the keys of the vault, those of access tokens, of commands, and
# of the banks and the hub between them, of the sessions of internet banking, and writes them as Secrets into k8s/secrets.yaml. Git ignores that
# file. The script never overwrites it: without the vault's keys, nobody can read the stored card numbers
# again. Keep a copy in a safe place.
#
# SMTP_URL and MAIL_FROM say by which server and with which sender identity, statement and codepix send e-mails.
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

# secret NAME KEY VALUE [KEY VALUE]... A value @FILE is the content of a file, which a variable cannot hold if it has zeros.
secret() {
  printf -- '---\napiVersion: v1\nkind: Secret\nmetadata: {name: %s, namespace: codebank}\ntype: Opaque\ndata:\n' "$1"
  shift
  while (($#)); do
    printf '  %s: %s\n' "$1" "$(case $2 in @*) cat "${2#@}" ;; *) printf '%s' "$2" ;; esac | base64 | tr -d '\n')"
    shift 2
  done
}

readonly bankctl=$scratch/bankctl identity_program=$scratch/identity banking_program=$scratch/banking
go build -o "$bankctl" ./operations/cmd/bankctl
go build -o "$identity_program" ./identity/cmd/identity
go build -o "$banking_program" ./web/cmd/banking
"$bankctl" keys new --out "$scratch/vault.key" >/dev/null
"$identity_program" keys new --signing-keys "$scratch/signing.json" >/dev/null
"$bankctl" command-keys add gateway --for-users --file "$scratch/commands.json" >/dev/null
"$bankctl" command-keys export gateway --file "$scratch/commands.json" --out "$scratch/gateway.json" >/dev/null
"$bankctl" command-keys add gateway --for-users --file "$scratch/requests.json" >/dev/null
"$bankctl" command-keys add payment-gateway --for-users --file "$scratch/charges.json" >/dev/null
"$bankctl" keys new --out "$scratch/vault-002.key" >/dev/null
# Nobody signs for bank 002 yet but who gets a key like these.
"$bankctl" command-keys add events --for-users --file "$scratch/commands-002.json" >/dev/null
"$bankctl" command-keys add events --for-users --file "$scratch/requests-002.json" >/dev/null
"$bankctl" webhooks key --file "$scratch/webhook.key" >/dev/null
for code in 001 002; do
  "$banking_program" keys new --session-key "$scratch/sessions-$code.key" >/dev/null
  "$bankctl" command-keys add "bank-$code" codepix --file "$scratch/pix-keys-$code.json" >/dev/null
done
bank=$(password) bank_service=$(password) statement=$(password) statement_service=$(password) statement_sink=$(password) checkout=$(password) checkout_service=$(password)
identity=$(password) identity_service=$(password) gateway=$(password) gateway_service=$(password)
payment_gateway_service=$(password) payment_processor_service=$(password)
bank_002=$(password) bank_service_002=$(password) statement_002=$(password) statement_service_002=$(password) statement_sink_002=$(password)
codepix=$(password) codepix_service=$(password)
{
  secret postgres postgres "$(password)" bank "$bank" bank-service "$bank_service" statement "$statement" \
    statement-service "$statement_service" statement-sink "$statement_sink" checkout "$checkout" checkout-service "$checkout_service" \
    identity "$identity" identity-service "$identity_service" gateway "$gateway" gateway-service "$gateway_service" \
    payment-gateway-service "$payment_gateway_service" payment-processor-service "$payment_processor_service" \
    bank-002 "$bank_002" bank-service-002 "$bank_service_002" statement-002 "$statement_002" \
    statement-service-002 "$statement_service_002" statement-sink-002 "$statement_sink_002" \
    codepix "$codepix" codepix-service "$codepix_service"
  secret connect statement-001.url jdbc:postgresql://postgres:5432/statement_001 statement-001.user statement_sink \
    statement-001.password "$statement_sink" statement-002.url jdbc:postgresql://postgres:5432/statement_002 \
    statement-002.user statement_sink_002 statement-002.password "$statement_sink_002"
  secret bank-002 database-url "$(url bank_service_002 bank_002 "$bank_service_002")" vault.key "$(<"$scratch/vault-002.key")" \
    commands.json "$(<"$scratch/commands-002.json")" pix-keys.json "$(<"$scratch/pix-keys-002.json")"
  secret statement-002 database-url "$(url statement_service_002 statement_002 "$statement_service_002")" smtp-url "$SMTP_URL" \
    mail-from "$MAIL_FROM" requests.json "$(<"$scratch/requests-002.json")"
  secret migrate-002 ledger-database-url "$(url bank_002 bank_002 "$bank_002")" \
    statement-database-url "$(url statement_002 statement_002 "$statement_002")"
  secret bank database-url "$(url bank_service bank_001 "$bank_service")" vault.key "$(<"$scratch/vault.key")" \
    commands.json "$(<"$scratch/commands.json")" pix-keys.json "$(<"$scratch/pix-keys-001.json")"
  secret migrate ledger-database-url "$(url bank bank_001 "$bank")" statement-database-url "$(url statement statement_001 "$statement")" \
    checkout-database-url "$(url checkout checkout "$checkout")" identity-database-url "$(url identity identity "$identity")" \
    gateway-database-url "$(url gateway gateway "$gateway")" codepix-database-url "$(url codepix codepix "$codepix")"
  secret statement database-url "$(url statement_service statement_001 "$statement_service")" smtp-url "$SMTP_URL" mail-from "$MAIL_FROM" \
    requests.json "$(<"$scratch/requests.json")"
  secret checkout database-url "$(url checkout_service checkout "$checkout_service")"
  secret identity database-url "$(url identity_service identity "$identity_service")" signing.json "$(<"$scratch/signing.json")" \
    smtp-url "$SMTP_URL" mail-from "$MAIL_FROM"
  secret codepix database-url "$(url codepix_service codepix "$codepix_service")" smtp-url "$SMTP_URL" mail-from "$MAIL_FROM" \
    pix-keys-001.json "$(<"$scratch/pix-keys-001.json")" pix-keys-002.json "$(<"$scratch/pix-keys-002.json")"
  secret gateway database-url "$(url gateway_service gateway "$gateway_service")" gateway.json "$(<"$scratch/gateway.json")"
  secret banking sessions.key "@$scratch/sessions-001.key"
  secret banking-002 sessions.key "@$scratch/sessions-002.key"
  secret payment-gateway database-url "$(url payment_gateway_service checkout "$payment_gateway_service")" \
    charges.json "$(<"$scratch/charges.json")" webhook.key "$(<"$scratch/webhook.key")"
  secret payment-processor database-url "$(url payment_processor_service checkout "$payment_processor_service")" \
    charges.json "$(<"$scratch/charges.json")"
} >"$scratch/secrets.yaml"
mv --no-clobber "$scratch/secrets.yaml" "$file"
echo "created $file"
