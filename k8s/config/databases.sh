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
database statement_001 statement
role checkout "${DB_PASSWORD_CHECKOUT:?}"
database checkout checkout

# Nobody can sign in as these before an operator sets a password: ALTER ROLE auditor LOGIN
# PASSWORD '…'. The auditor compares the copies of the events, and the operator of the bank
# has events published again.
run <<<"CREATE ROLE auditor NOLOGIN; CREATE ROLE bank_operator NOLOGIN;"
