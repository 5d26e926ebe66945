#!/bin/bash
# Makes the certificates of the programs and writes them as Secrets into k8s/certificates.yaml. The
# authority that signs them is in k8s/certificates, with a certificate for operators. Git ignores
# both. They are valid for 30 days: repeat the script before, and apply the file again. Whoever has
# k8s/certificates can be any program, so keep it off the cluster.
#
#   ./k8s/certificates.sh [FOLDER]       in place of k8s
set -euo pipefail
cd "$(dirname "$0")/.."

readonly folder=${1:-k8s}/certificates file=${1:-k8s}/certificates.yaml
umask 077
mkdir -p "$folder"

# encoded FILE
encoded() { base64 <"$folder/$1" | tr -d '\n'; }

# certificate PROGRAM BANK [SERVICE]... makes a certificate for the names of its Services.
certificate() {
  local program=$1 options=(--of-bank "$2") name
  shift 2
  for name in "$@"; do
    options+=(--host "$name,$name.codebank,$name.codebank.svc,$name.codebank.svc.cluster.local")
  done
  "$bankctl" certificates --out "$folder" --apart "${options[@]}" "$program" >&2
}

# secret PROGRAM
secret() {
  printf -- '---\napiVersion: v1\nkind: Secret\nmetadata: {name: %s-tls, namespace: codebank}\ntype: kubernetes.io/tls\ndata:\n' "$1"
  printf '  tls.crt: %s\n  tls.key: %s\n  ca.crt: %s\n' "$(encoded "$1/$1.pem")" "$(encoded "$1/$1.key")" "$(encoded "$1/authority.pem")"
}

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
readonly bankctl=$scratch/bankctl
go build -o "$bankctl" ./operations/cmd/bankctl

certificate bank 001 bank bank-replicas
certificate statement 001 statement
certificate checkout 001 checkout
certificate identity - identity
certificate gateway 001 gateway
certificate operator 001
{
  for program in bank statement checkout identity gateway; do
    secret "$program"
  done
  # The job apply only reads who may sign the certificate of the statement.
  printf -- '---\napiVersion: v1\nkind: Secret\nmetadata: {name: apply-tls, namespace: codebank}\ntype: Opaque\ndata:\n'
  printf '  ca.crt: %s\n' "$(encoded authority.pem)"
} >"$scratch/certificates.yaml"
mv "$scratch/certificates.yaml" "$file"
echo "created $file"
