#!/bin/bash
# The image of the database runs this script once, when the data folder is empty. It
# creates the roles, and a database with an owner for each service, so that no service
# can open the database of another. An owner migrates its database and is used for
# nothing else (bankctl migrate). A service signs in as a role that owns nothing. The
# passwords come from the environment and go to psql on its standard input, because
# every process can read a command line.
set -eo pipefail

run() { psql --quiet --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname postgres; }

# role NAME PASSWORD [ATTRIBUTE]...
role() {
  local name=$1 password=$2
  shift 2
  run <<<"CREATE ROLE $name LOGIN PASSWORD '${password//\'/\'\'}' $*;"
}

# database NAME OWNER
database() {
  run <<SQL
CREATE DATABASE $1 OWNER $2;
REVOKE ALL ON DATABASE $1 FROM PUBLIC;
SQL
}

role bank "${DB_PASSWORD_BANK:?}"
role bank_service "${DB_PASSWORD_BANK_SERVICE:?}"
database bank_001 bank
role statement "${DB_PASSWORD_STATEMENT:?}"
role statement_service "${DB_PASSWORD_STATEMENT_SERVICE:?}"
# The check for gaps must see when the transactions of the sink began.
run <<<"GRANT pg_read_all_stats TO statement_service;"
# Row-level security does not let COPY in, so the sink bypasses it.
role statement_sink "${DB_PASSWORD_STATEMENT_SINK:?}" BYPASSRLS
database statement_001 statement
# Bank 002 has databases and roles of its own: neither bank opens those of the other.
role bank_002 "${DB_PASSWORD_BANK_002:?}"
role bank_service_002 "${DB_PASSWORD_BANK_SERVICE_002:?}"
database bank_002 bank_002
role statement_002 "${DB_PASSWORD_STATEMENT_002:?}"
role statement_service_002 "${DB_PASSWORD_STATEMENT_SERVICE_002:?}"
run <<<"GRANT pg_read_all_stats TO statement_service_002;"
role statement_sink_002 "${DB_PASSWORD_STATEMENT_SINK_002:?}" BYPASSRLS
database statement_002 statement_002
role checkout "${DB_PASSWORD_CHECKOUT:?}"
role checkout_service "${DB_PASSWORD_CHECKOUT_SERVICE:?}"
# The payment gateway of merchants and its processor work on the same database.
role payment_gateway_service "${DB_PASSWORD_PAYMENT_GATEWAY_SERVICE:?}"
role payment_processor_service "${DB_PASSWORD_PAYMENT_PROCESSOR_SERVICE:?}"
database checkout checkout
role identity "${DB_PASSWORD_IDENTITY:?}"
role identity_service "${DB_PASSWORD_IDENTITY_SERVICE:?}"
database identity identity
role gateway "${DB_PASSWORD_GATEWAY:?}"
role gateway_service "${DB_PASSWORD_GATEWAY_SERVICE:?}"
database gateway gateway
# The hub between the banks is of none of them.
role codepix "${DB_PASSWORD_CODEPIX:?}"
role codepix_service "${DB_PASSWORD_CODEPIX_SERVICE:?}"
database codepix codepix

# Nobody can sign in as these before an operator sets a password: ALTER ROLE auditor LOGIN
# PASSWORD '…'. The auditor compares the copies of the events, and the operator of the bank
# has events published again.
run <<<"CREATE ROLE auditor NOLOGIN; CREATE ROLE bank_operator NOLOGIN;
  CREATE ROLE auditor_002 NOLOGIN; CREATE ROLE bank_operator_002 NOLOGIN;"
