#!/bin/bash
# The image of the database runs this script once, when the data folder is empty. It
# creates a database and its owner for each service, so that no service can open the
# database of another. The passwords come from the environment and go to psql on its
# standard input, because every process can read a command line.
set -eo pipefail

create() {
  local role=$1 database=$2 password=$3
  psql --quiet --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname postgres <<SQL
CREATE ROLE $role LOGIN PASSWORD '${password//\'/\'\'}';
CREATE DATABASE $database OWNER $role;
REVOKE ALL ON DATABASE $database FROM PUBLIC;
SQL
}

create bank bank_001 "${DB_PASSWORD_BANK:?}"
create statement statement_001 "${DB_PASSWORD_STATEMENT:?}"
create checkout checkout "${DB_PASSWORD_CHECKOUT:?}"
