package main

import (
	"encoding/json"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	checkout "codebank.dev/checkout/postgres"
	codepix "codebank.dev/codepix/postgres"
	"codebank.dev/native/postgres/postgrestest"
	"codebank.dev/platform/database/databasetest"
)

// newCharge is a charge that was accepted an hour ago, and its event.
const newCharge = `
BEGIN;
INSERT INTO merchants (slug, name) VALUES ('cafe', 'Café');
INSERT INTO charges (id, merchant, mode, state, amount_minor, currency, capture_now, captured_minor, refunded_minor, reserved_minor, ending, rejection_code,
	rejection_reason, rejection_message, card_brand, card_bin, card_last4, description, version, created_at, changed_at, purchase)
	VALUES ('0e6d7715-faf3-51ef-bf49-dbd421b8ecb4', 'cafe', 2, 1, 500, 'BRL', true, 0, 0, 0, 0, '', '', '', 0, '', '', '', 1,
	date_trunc('hour', now()) - interval '1 hour', date_trunc('hour', now()) - interval '1 hour', '');
INSERT INTO charge_keys VALUES ('0e6d7715-faf3-51ef-bf49-dbd421b8ecb4', decode(repeat('00', 32), 'hex'));
INSERT INTO merchant_sequences VALUES ('cafe', 2, 1);
INSERT INTO charge_events (merchant, mode, sequence, kind, charge_id, version, state, captured_minor, refunded_minor, reserved_minor, at)
	SELECT merchant, mode, 1, 1, id, 1, 1, 0, 0, 0, created_at FROM charges;
COMMIT`

func TestTheAuditOfChargesComparesDatabaseAndIndex(t *testing.T) {
	url := postgrestest.Database(t)
	status, _, stderr := runMigrate(t, "checkout", "--checkout-database-url", url)
	require.Zero(t, status, stderr)
	indexed := &documents{byID: map[string]map[string]any{}}
	search := httptest.NewServer(indexed)
	t.Cleanup(search.Close)
	audit := func(args ...string) (int, string, string) {
		t.Helper()
		return bankctl(t, append([]string{
			"audit", "charges", "--elasticsearch-url", search.URL, "--checkout-database-url", databasetest.As(t, url, checkout.AuditorRole),
		}, args...)...)
	}
	status, stdout, stderr := audit()
	require.Zero(t, status, stderr)
	require.Regexp(t, `^charges before \S+: 0 changes in the database, 0 documents in the index\naudit charges: equal\n$`, stdout)

	conn, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	defer func() { _ = conn.Close(t.Context()) }()
	_, err = conn.Exec(t.Context(), newCharge)
	require.NoError(t, err)
	status, stdout, stderr = audit()
	require.Equal(t, exitFailed, status)
	require.Contains(t, stdout, "charges of cafe LIVE PENDING: 1, 500 BRL, and in the index 0, 0 BRL\n")
	require.Contains(t, stdout, "MISSING 0e6d7715-faf3-51ef-bf49-dbd421b8ecb4/1 of cafe LIVE, sequence 1: the index does not have it\n")
	require.Contains(t, stderr, "the charges in the database and in the index differ")

	var at int64
	require.NoError(t, conn.QueryRow(t.Context(), "SELECT (extract(epoch FROM at) * 1000)::bigint FROM charge_events").Scan(&at))
	indexed.put("0e6d7715-faf3-51ef-bf49-dbd421b8ecb4/1", map[string]any{
		"merchant_id": "cafe", "mode": "LIVE", "sequence": 1, "kind": "CHARGE_ACCEPTED", "charge_id": "0e6d7715-faf3-51ef-bf49-dbd421b8ecb4", "status": "PENDING",
		"amount_minor": 500, "currency": "BRL", "captured_minor": 0, "refunded_minor": 0, "operation_kind": "NONE", "operation_status": "NONE", "occurred_at": at,
	})
	status, stdout, stderr = audit("-o", "json")
	require.Zero(t, status, stdout+stderr)
	require.Contains(t, stdout, `"charges":[{"merchant_id":"cafe","mode":"LIVE","state":"PENDING","currency":"BRL","database":{"count":1,"amount_minor":500},"index":{"count":1,"amount_minor":500}}]`)
	require.Equal(t, 1, strings.Count(stdout, "\n"), "one object")
}

func TestTheAuditOfChargesSaysWhatItNeedsAndWhatIsAway(t *testing.T) {
	status, _, stderr := bankctl(t, "audit", "charges")
	require.Equal(t, exitUsage, status)
	require.Contains(t, stderr, "checkout-database-url")
	status, _, stderr = bankctl(t, "audit", "charges", "--checkout-database-url", "postgres://u:hunter2@127.0.0.1:1/x", "--elasticsearch-url", "http://127.0.0.1:1", "--timeout", "1s")
	require.Equal(t, exitAway, status, stderr)
	require.Contains(t, stderr, "charges in the database")
	require.NotContains(t, stderr, "hunter2")
}

// The roles of auditors suffice for all of it, and one JSON object has all reports.
func TestTheAuditComparesChargesAndPaymentsBetweenBanksIfItIsAskedTo(t *testing.T) {
	w := newTown(t)
	hub, shop := postgrestest.Database(t), postgrestest.Database(t)
	for _, args := range [][]string{{"codepix", "--codepix-database-url", hub}, {"checkout", "--checkout-database-url", shop}} {
		status, _, stderr := runMigrate(t, args...)
		require.Zero(t, status, stderr)
	}
	more := []string{
		"--ledgers", "001=" + w.arguments[slices.Index(w.arguments, "--ledger-database-url")+1],
		"--codepix-database-url", databasetest.As(t, hub, codepix.AuditorRole),
		"--charges", "--checkout-database-url", databasetest.As(t, shop, checkout.AuditorRole),
	}
	report := w.audit(exitOK, more...)
	require.Regexp(t, `(?s)audit pix: equal\n.*audit charges: equal\n.*audit: equal\n$`, report)
	conn, err := pgx.Connect(t.Context(), shop)
	require.NoError(t, err)
	defer func() { _ = conn.Close(t.Context()) }()
	_, err = conn.Exec(t.Context(), newCharge)
	require.NoError(t, err)
	report = w.audit(exitFailed, more...)
	require.Regexp(t, `(?s)audit pix: equal\n.*audit charges: DIFFERENT \(1 findings\)\n.*audit: equal\n$`, report)
	var read struct {
		Equal        bool
		Pix, Charges *struct{ Equal bool }
	}
	require.NoError(t, json.Unmarshal([]byte(w.audit(exitFailed, append(more, "-o", "json")...)), &read))
	require.True(t, read.Equal)
	require.Equal(t, []bool{true, false}, []bool{read.Pix.Equal, read.Charges.Equal})
}
