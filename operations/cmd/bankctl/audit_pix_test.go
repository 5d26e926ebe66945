package main

import (
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"codebank.dev/bank/postgres"
	"codebank.dev/native/postgres/postgrestest"
	"codebank.dev/platform/database/databasetest"
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

// ledger returns the address of a bank's database for its owner.
func (p *pixPlaces) ledger(code string) string {
	for pair := range strings.SplitSeq(p.ledgers, ",") {
		if url, ok := strings.CutPrefix(pair, code+"="); ok {
			return url
		}
	}
	return ""
}

// exec changes a database as its owner.
func (p *pixPlaces) exec(url, sql string) {
	p.t.Helper()
	conn, err := pgx.Connect(p.t.Context(), url)
	require.NoError(p.t, err)
	defer func() { _ = conn.Close(p.t.Context()) }()
	_, err = conn.Exec(p.t.Context(), sql)
	require.NoError(p.t, err)
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
	places.exec(places.hub, `INSERT INTO payments VALUES ('E00000001AAAAAAAAAAAAAAAAAAAAAAA', NULL, 1, false, '001', gen_random_uuid(), 'A***',
		'002', gen_random_uuid(), 'B***', 1000, 'BRL', 0, 'EMAIL', '', '', '', '', 1, now(), now(), NULL, NULL, NULL, now())`)
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
	bank := places.ledger("001")
	places.exec(places.hub, `INSERT INTO pix_tallies SELECT '001', 1, 'k1', 1, ('1' || repeat('0', 255))::bit(256)`)
	status, stdout, _ := places.audit()
	require.Equal(t, exitFailed, status)
	require.Contains(t, stdout, "DIFFERENT keys EMAIL of bank 001: the bank's copy has 0 active keys, and the hub 1; see bankctl pix reconcile --dry-run\n")

	places.exec(bank, `INSERT INTO pix_keys (kind, key, account_id, state, digest, created_at) VALUES
		('EMAIL', 'ana@example.com', gen_random_uuid(), 'ACTIVE', decode('40' || repeat('00', 31), 'hex'), now()),
		('CPF', '52998224725', gen_random_uuid(), 'PENDING', decode(repeat('00', 32), 'hex'), now())`)
	status, stdout, _ = places.audit()
	require.Equal(t, exitFailed, status)
	require.Contains(t, stdout, "the digests over 1 active keys differ")
	require.NotContains(t, stdout, "ana@example.com")

	places.exec(bank, `UPDATE pix_keys SET digest = decode('80' || repeat('00', 31), 'hex') WHERE kind = 'EMAIL'`)
	status, stdout, stderr := places.audit()
	require.Zero(t, status, stdout+stderr)
	require.Contains(t, stdout, "keys of bank 001: 1 EMAIL\n")
}

// paidCode is a payment from bank 001 that account 1 has been credited by Pix, and the code that it pays.
const paidCode = `
INSERT INTO accounts (id, customer_id, balance, held, credit_limit, sequence, last_at, kind, currency)
	VALUES ('00000000-0000-0000-0000-000000000001', gen_random_uuid(), 700, 0, 0, 1, now(), 2, 'BRL');
INSERT INTO entries (transaction_id, account_id, sequence, amount, balance_after, held_after, credit_limit_after, occurred_at, decision_micros,
	debit_account, credit_account, attempt, leg, kind, direction, status, decline, channel, caller, request_id, fingerprint, trace_id,
	merchant_id, merchant_name, merchant_category_code, merchant_city, merchant_country, description, counterparty_name, end_to_end_id,
	producer_version, merchant_reference, counterparty_bank_code)
	VALUES (gen_random_uuid(), '00000000-0000-0000-0000-000000000001', 1, 700, 700, 0, 0, now(), 1,
	gen_random_uuid(), '00000000-0000-0000-0000-000000000001', 1, 0, 13, 2, 1, 0, 0, 'codepix', 'a', decode(repeat('00', 32), 'hex'), '',
	'', '', '', '', '', '', '', 'E00000001AAAAAAAAAAAAAAAAAAAAAAA', '', 'order7', '001');
INSERT INTO pix_codes (id, account_id, request_id, fingerprint, once, state, key, txid, amount, message, text, created_at, ended_at, paid_by)
	VALUES ('00000000-0000-0000-0000-000000000007', '00000000-0000-0000-0000-000000000001', gen_random_uuid(), decode(repeat('00', 32), 'hex'),
	true, 'PAID', 'ana@example.com', 'order7', 700, '', '', now() - interval '1 hour', now(), 'E00000001AAAAAAAAAAAAAAAAAAAAAAA')`

// The hub and bank 001 do not know the payment: that is what the audit finds as long as the code is as it should be.
func TestTheAuditOfPixComparesTheCodesOfBanksWithTheirPayments(t *testing.T) {
	places := newPixPlaces(t)
	owner := places.ledger("002")
	places.exec(owner, paidCode)
	places.ledgers = "001=" + databasetest.As(t, places.ledger("001"), postgres.AuditorRole) + ",002=" + databasetest.As(t, owner, postgres.AuditorRole)
	_, stdout, stderr := places.audit()
	require.Contains(t, stdout, "codes of bank 002: 1, 1 of them paid\n", stderr)
	require.NotContains(t, stdout, "DIFFERENT code")

	const code = "DIFFERENT code 00000000-0000-0000-0000-000000000007 of bank 002, payment "
	const payment = "E00000001AAAAAAAAAAAAAAAAAAAAAAA: "
	for _, change := range []struct{ set, finding string }{
		{"txid = 'order8'", payment + "PAID_WITHOUT_PAYMENT: the code is PAID, and its account has no credit with its txid\n"},
		{"txid = 'order7', paid_by = 'E2'", payment + "PAID_BY_OTHER: the code is paid by it, and names E2\n"},
		{"state = 'CANCELLED', paid_by = ''", payment + "PAYMENT_NOT_MARKED: the code is paid by it, and is CANCELLED\n"},
		{"state = 'ACTIVE', ended_at = NULL", payment + "PAYMENT_NOT_MARKED: the code is paid by it, and is ACTIVE\n"},
		{"once = false, amount = 701", payment + "OTHER_AMOUNT: the payment is of 700, and the code of 701\n"},
	} {
		places.exec(owner, "UPDATE pix_codes SET "+change.set)
		status, stdout, _ := places.audit()
		require.Equal(t, exitFailed, status)
		require.Contains(t, stdout, code+change.finding)
	}
	status, stdout, _ := places.audit("-o", "json")
	require.Equal(t, exitFailed, status)
	require.Contains(t, stdout, `{"bank_code":"002","compared":true,"codes":1,"paid":0,"differences":{"OTHER_AMOUNT":1}}`)
	require.NotContains(t, stdout, "ana@example.com")
}

func TestTheAuditOfPixReadsALedgerFromBeforeCodes(t *testing.T) {
	places := newPixPlaces(t)
	places.exec(places.ledger("001"), "DROP TABLE pix_codes")
	status, stdout, stderr := places.audit()
	require.Zero(t, status, stderr)
	require.Contains(t, stdout, "codes of bank 001: not compared, because the ledger is of a version without codes; see bankctl migrate ledger\n")
	status, stdout, _ = places.audit("-o", "json")
	require.Zero(t, status)
	require.Contains(t, stdout, `{"bank_code":"001","compared":false,"codes":0,"paid":0,"differences":{}}`)
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
