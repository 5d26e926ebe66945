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
  # Another bank has folders of its own, and so has who operates the hub, which is of no bank.
  case $2:$program in 001:*) ;; -:operator) options+=(--suffix=-of-none) ;; -:*) ;; *) options+=("--suffix=-$2") ;; esac
  shift 2
  for name in "$@"; do
    options+=(--host "$name,$name.codebank,$name.codebank.svc,$name.codebank.svc.cluster.local")
  done
  "$bankctl" certificates --out "$folder" --apart "${options[@]}" "$program" >&2
}

# secret NAME PROGRAM
secret() {
  printf -- '---\napiVersion: v1\nkind: Secret\nmetadata: {name: %s-tls, namespace: codebank}\ntype: kubernetes.io/tls\ndata:\n' "$1"
  printf '  tls.crt: %s\n  tls.key: %s\n  ca.crt: %s\n' "$(encoded "$1/$2.pem")" "$(encoded "$1/$2.key")" "$(encoded "$1/authority.pem")"
}

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
readonly bankctl=$scratch/bankctl
go build -o "$bankctl" ./operations/cmd/bankctl

certificate bank 001 bank bank-replicas
certificate statement 001 statement
certificate checkout 001 checkout
certificate identity - identity
certificate codepix - codepix
certificate gateway 001 gateway
certificate banking 001 banking
certificate payment-gateway 001 payment-gateway
certificate payment-processor 001 payment-processor
certificate operator 001
certificate bank 002 bank-002 bank-002-replicas
certificate statement 002 statement-002
certificate banking 002 banking-002
certificate operator 002
certificate operator -
{
  for program in bank statement checkout identity codepix gateway banking payment-gateway payment-processor; do
    secret "$program" "$program"
  done
  secret bank-002 bank
  secret statement-002 statement
  secret banking-002 banking
  # The jobs apply only read who may sign the certificates of the statements.
  for job in apply apply-002; do
    printf -- '---\napiVersion: v1\nkind: Secret\nmetadata: {name: %s-tls, namespace: codebank}\ntype: Opaque\ndata:\n' "$job"
    printf '  ca.crt: %s\n' "$(encoded authority.pem)"
  done
} >"$scratch/certificates.yaml"
mv "$scratch/certificates.yaml" "$file"
echo "created $file"
