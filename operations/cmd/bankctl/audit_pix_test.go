package main

import (
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"codebank.dev/native/postgres/postgrestest"
)

// pixPlaces are the databases of two banks and of the hub, with the tables of this version.
type pixPlaces struct {
	t            *testing.T
	ledgers, hub string
}

func newPixPlaces(t *testing.T) *pixPlaces {
	places := &pixPlaces{t: t, hub: postgrestest.Database(t)}
	status, _, stderr := runMigrate(t, "codepix", "--codepix-database-url", places.hub)
	require.Zero(t, status, stderr)
	for _, code := range []string{"001", "002"} {
		url := postgrestest.Database(t)
		status, _, stderr = runMigrate(t, "ledger", "--ledger-database-url", url, "--bank-code", code)
		require.Zero(t, status, stderr)
		places.ledgers = strings.TrimPrefix(places.ledgers+","+code+"="+url, ",")
	}
	return places
}

// audit runs the command and returns its status and what it prints.
func (p *pixPlaces) audit(args ...string) (status int, stdout, stderr string) {
	var out, err strings.Builder
	args = append([]string{"audit", "pix", "--codepix-database-url", p.hub, "--ledgers", p.ledgers}, args...)
	status = run(p.t.Context(), args, nil, streams{out: &out, err: &err})
	return status, out.String(), err.String()
}

func TestTheAuditOfPixComparesBanksAndHub(t *testing.T) {
	places := newPixPlaces(t)
	status, stdout, stderr := places.audit()
	require.Zero(t, status, stderr)
	require.Equal(t, "payments: 0, returns: 0, in doubt: 0\naudit pix: equal\n", stdout)

	// The hub has a payment that no bank has sent.
	conn, err := pgx.Connect(t.Context(), places.hub)
	require.NoError(t, err)
	defer func() { _ = conn.Close(t.Context()) }()
	_, err = conn.Exec(t.Context(), `INSERT INTO payments VALUES ('E00000001AAAAAAAAAAAAAAAAAAAAAAA', NULL, 1, false, '001', gen_random_uuid(), 'A***',
		'002', gen_random_uuid(), 'B***', 1000, 'BRL', 0, 'EMAIL', '', '', '', '', 1, now(), now(), NULL, NULL, NULL, now())`)
	require.NoError(t, err)
	status, stdout, stderr = places.audit()
	require.Equal(t, exitFailed, status)
	require.Contains(t, stdout, "DIFFERENT E00000001AAAAAAAAAAAAAAAAAAAAAAA in 001: kind: the sender has no entry with which the payment begins\n")
	require.Contains(t, stdout, "audit pix: DIFFERENT (1 findings)\n")
	require.Contains(t, stderr, "the banks and the hub differ")
	status, stdout, _ = places.audit("-o", "json")
	require.Equal(t, exitFailed, status)
	require.Contains(t, stdout, `"findings":[{"place":"001","end_to_end_id":"E00000001AAAAAAAAAAAAAAAAAAAAAAA","field":"kind"`)
}

func TestTheAuditOfPixComparesTheKeysOfBanksWithTheHub(t *testing.T) {
	places := newPixPlaces(t)
	exec := func(url, sql string) {
		conn, err := pgx.Connect(t.Context(), url)
		require.NoError(t, err)
		defer func() { _ = conn.Close(t.Context()) }()
		_, err = conn.Exec(t.Context(), sql)
		require.NoError(t, err)
	}
	bank, _, _ := strings.Cut(strings.TrimPrefix(places.ledgers, "001="), ",")
	exec(places.hub, `INSERT INTO pix_tallies SELECT '001', 1, 'k1', 1, ('1' || repeat('0', 255))::bit(256)`)
	status, stdout, _ := places.audit()
	require.Equal(t, exitFailed, status)
	require.Contains(t, stdout, "DIFFERENT keys EMAIL of bank 001: the bank's copy has 0 active keys, and the hub 1; see bankctl pix reconcile --dry-run\n")

	exec(bank, `INSERT INTO pix_keys (kind, key, account_id, state, digest, created_at) VALUES
		('EMAIL', 'ana@example.com', gen_random_uuid(), 'ACTIVE', decode('40' || repeat('00', 31), 'hex'), now()),
		('CPF', '52998224725', gen_random_uuid(), 'PENDING', decode(repeat('00', 32), 'hex'), now())`)
	status, stdout, _ = places.audit()
	require.Equal(t, exitFailed, status)
	require.Contains(t, stdout, "the digests over 1 active keys differ")
	require.NotContains(t, stdout, "ana@example.com")

	exec(bank, `UPDATE pix_keys SET digest = decode('80' || repeat('00', 31), 'hex') WHERE kind = 'EMAIL'`)
	status, stdout, stderr := places.audit()
	require.Zero(t, status, stdout+stderr)
	require.Contains(t, stdout, "keys of bank 001: 1 EMAIL\n")
}

func TestTheAuditOfPixSaysWhatItNeedsAndWhatIsAway(t *testing.T) {
	places := newPixPlaces(t)
	good := places.ledgers
	for ledgers, said := range map[string]string{
		"":                                       "must be formatted as key=value",
		"1=postgres://127.0.0.1:1/x":             "is no bank code",
		strings.Replace(good, "001=", "003=", 1): "is of bank 001",
	} {
		places.ledgers = ledgers
		status, _, stderr := places.audit()
		require.Equal(t, exitUsage, status, stderr)
		require.Contains(t, stderr, said)
	}
	places.ledgers = "001=postgres://u:hunter2@127.0.0.1:1/x"
	status, _, stderr := places.audit("--timeout", "1s")
	require.Equal(t, exitAway, status, stderr)
	require.Contains(t, stderr, "bank 001")
	require.NotContains(t, stderr, "hunter2")
}
