package main

import (
	"testing"

	"github.com/stretchr/testify/require"

	identity "codebank.dev/identity/postgres"
	"codebank.dev/native/postgres/postgrestest"
	"codebank.dev/platform/database/databasetest"
)

func TestTheFirstOperatorIsMadeBeforeIdentityRuns(t *testing.T) {
	const password = "seven wet stones"
	url := postgrestest.Database(t)
	add := func(args ...string) (int, string, string) {
		return bankctl(t, append([]string{"operators", "add"}, args...)...)
	}
	status, _, stderr := add("root@example.com")
	require.Equal(t, exitUsage, status)
	require.Contains(t, stderr, "BANKCTL_IDENTITY_DATABASE_URL")
	status, _, stderr = bankctl(t, "migrate", "identity", "--identity-database-url="+url)
	require.Equal(t, exitOK, status, stderr)
	administrator := url
	url = databasetest.As(t, url, identity.ServiceRole)
	status, _, stderr = add("root@example.com", "--identity-database-url="+url)
	require.Equal(t, exitFailed, status)
	require.Contains(t, stderr, "root@example.com has no account: name a file with its password in BANKCTL_OPERATOR_PASSWORD_FILE")
	status, _, stderr = add("root@example.com", "--identity-database-url="+url, "--operator-password=short")
	require.Equal(t, exitFailed, status)
	require.Contains(t, stderr, "--operator-password: A password has 8 to 128 characters")
	status, stdout, stderr := add("root@example.com", "--identity-database-url="+url, "--operator-password="+password)
	require.Equal(t, exitOK, status, stderr)
	require.Contains(t, stdout, "opened an account for the operator root@example.com")
	status, stdout, stderr = add("root@example.com", "--identity-database-url="+url, "-o", "json")
	require.Equal(t, exitOK, status, stderr)
	require.JSONEq(t, `{"kind": "operator", "name": "root@example.com", "action": "granted"}`, stdout)

	conn := dial(t, administrator)
	url = databasetest.As(t, administrator, identity.AuditorRole)
	var roles, acts []string
	require.NoError(t, conn.QueryRow(t.Context(), "SELECT roles FROM users WHERE email = 'root@example.com'").Scan(&roles))
	require.Equal(t, []string{"operator"}, roles)
	require.NoError(t, conn.QueryRow(t.Context(), "SELECT array_agg(act || ' ' || who_kind ORDER BY sequence) FROM audit_log").Scan(&acts))
	require.Equal(t, []string{"USER_CREATED OPERATOR", "ROLES_CHANGED OPERATOR"}, acts)
	status, _, stderr = bankctl(t, "audit-log", "verify", "--chain-only", "--identity-database-url="+url)
	require.Equal(t, exitOK, status, stderr)

	_, err := conn.Exec(t.Context(), "ALTER TABLE audit_log DISABLE TRIGGER ALL; UPDATE audit_log SET who = 'x' WHERE sequence = 1")
	require.NoError(t, err)
	status, stdout, _ = bankctl(t, "audit-log", "verify", "--chain-only", "--identity-database-url="+url)
	require.Equal(t, exitFailed, status)
	require.Contains(t, stdout, "row 1 was changed")
}
