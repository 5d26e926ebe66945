package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"codebank.dev/native/postgres/postgrestest"
	"codebank.dev/platform/keyfile"
	"codebank.dev/schemas/command"
)

// commandKeys runs a command of command-keys.
func commandKeys(t *testing.T, args ...string) (status int, output string) {
	t.Helper()
	var written bytes.Buffer
	status = run(t.Context(), append([]string{"command-keys"}, args...), nil, streams{out: &written, err: &written})
	return status, written.String()
}

// The file of the one who verifies has all keys, and a producer's own file has its own.
func TestProducersGetKeysThatTheVerifierKnows(t *testing.T) {
	folder := t.TempDir()
	all, own := filepath.Join(folder, "commands.json"), filepath.Join(folder, "gateway.json")
	for _, args := range [][]string{
		{"add", "gateway", "--file", all, "--for-users"}, {"add", "payroll", "--file", all}, {"add", "gateway", "--file", all, "--for-users"},
		{"export", "gateway", "--file", all, "--out", own},
	} {
		status, output := commandKeys(t, args...)
		require.Zero(t, status, output)
		require.Contains(t, output, args[1]+"-", "the key is named")
	}
	for _, file := range []string{all, own} {
		info, err := os.Stat(file)
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	}
	verifier, err := readCommandKeys(all)
	require.NoError(t, err)
	require.True(t, verifier.Signer("gateway").ForUsers)
	require.False(t, verifier.Signer("payroll").ForUsers)
	producer, err := readCommandKeys(own)
	require.NoError(t, err)
	require.Len(t, producer.All(), 2)
	require.Nil(t, producer.Signer("payroll"))
	record := command.Record{Topic: "bank-001.commands.v1", Key: []byte("account"), Body: []byte("body")}
	signer := producer.Signer("gateway")
	_, err = verifier.Verify(record, signer.ID, signer.Sign(record))
	require.NoError(t, err)

	status, output := commandKeys(t, "list", "--file", all)
	require.Zero(t, status)
	require.Contains(t, output, verifier.Signer("payroll").ID)
	content, err := os.ReadFile(all)
	require.NoError(t, err)
	for _, line := range bytes.Split(content, []byte("\n")) {
		if _, secret, found := bytes.Cut(line, []byte(`"secret": `)); found {
			require.NotContains(t, output, string(bytes.Trim(secret, `"`)))
		}
	}
	status, output = commandKeys(t, "remove", signer.ID, "--file", all)
	require.Zero(t, status, output)
	require.Contains(t, output, "dead letters")
	verifier, err = readCommandKeys(all)
	require.NoError(t, err)
	_, err = verifier.Verify(record, signer.ID, signer.Sign(record))
	require.ErrorIs(t, err, command.ErrForged)
}

func TestABankAndTheHubGetKeysInOneFileAtOnce(t *testing.T) {
	file := filepath.Join(t.TempDir(), "pix-keys.json")
	status, output := commandKeys(t, "add", command.PixBank("001"), command.PixHub, "--file", file)
	require.Zero(t, status, output)
	keys, err := readCommandKeys(file)
	require.NoError(t, err)
	require.Len(t, keys.All(), 2)
	for _, producer := range []string{command.PixBank("001"), command.PixHub} {
		require.Contains(t, output, keys.Signer(producer).ID)
	}
	status, output = commandKeys(t, "add", "payroll", "", "--file", file)
	require.NotZero(t, status, output)
	unchanged, err := readCommandKeys(file)
	require.NoError(t, err)
	require.Equal(t, keys, unchanged, "all of them or none")
}

func TestKeysOfCommandsAreRefusedWithAReason(t *testing.T) {
	file := filepath.Join(t.TempDir(), "commands.json")
	status, output := commandKeys(t, "add", "gateway", "--file", file)
	require.Zero(t, status, output)
	for want, args := range map[string][]string{
		"no valid":          {"add", "Bad Name", "--file", file},
		"no key of payroll": {"export", "payroll", "--file", file, "--out", file + ".own"},
		"there is no key":   {"remove", "payroll-1", "--file", file},
		"no such file":      {"list", "--file", file + ".other"},
		"required flag":     {"list"},
		"right form":        {"list", "--file", write(t, "not json")},
	} {
		status, output := commandKeys(t, args...)
		require.NotZero(t, status, want)
		require.Contains(t, output, want)
	}
	require.NoFileExists(t, file+".own")
	require.NoError(t, os.Chmod(file, 0o644))
	status, output = commandKeys(t, "add", "gateway", "--file", file)
	require.NotZero(t, status)
	require.Contains(t, output, keyfile.ErrAccess.Error())
}

// A key stays while the gateway has commands under it that have not ended, unless somebody insists.
func TestAKeyUnderWhichCommandsWaitIsNotRemoved(t *testing.T) {
	file := filepath.Join(t.TempDir(), "commands.json")
	for range 2 {
		status, output := commandKeys(t, "add", "gateway", "--file", file, "--for-users")
		require.Zero(t, status, output)
	}
	keys, err := readCommandKeys(file)
	require.NoError(t, err)
	older, newer := keys.All()[0].ID, keys.All()[1].ID
	url := postgrestest.Database(t)
	status, _, stderr := runMigrate(t, "gateway", "--gateway-database-url", url)
	require.Zero(t, status, stderr)
	conn, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	defer func() { require.NoError(t, conn.Close(context.WithoutCancel(t.Context()))) }()
	_, err = conn.Exec(t.Context(), `INSERT INTO outbox (id, topic, key, schema_folder, schema_version, body, mac_key_id, mac, created_at, due_at)
		VALUES (gen_random_uuid(), 'commands', '', 'commands', 1, '', $1, 'mac', now(), now())`, older)
	require.NoError(t, err)

	database := "--gateway-database-url=" + url
	status, output := commandKeys(t, "remove", older, "--file", file, database)
	require.NotZero(t, status)
	require.Contains(t, output, "1 commands of the gateway under "+older+" have not ended")
	status, output = commandKeys(t, "remove", older, "--file", file, "--gateway-database-url=postgres://nobody@127.0.0.1:1/none", "--timeout=2s")
	require.NotZero(t, status)
	require.Contains(t, output, "cannot be counted")
	keys, err = readCommandKeys(file)
	require.NoError(t, err)
	require.Len(t, keys.All(), 2)
	status, output = commandKeys(t, "remove", newer, "--file", file, database)
	require.Zero(t, status, output)
	status, output = commandKeys(t, "add", "gateway", "--file", file, "--for-users")
	require.Zero(t, status, output)
	status, output = commandKeys(t, "remove", older, "--file", file, database, "--force")
	require.Zero(t, status, output)
}

// write returns the path of a file with a content.
func write(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
	return path
}
