package statement_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"codebank.dev/native/postgres/postgrestest"
	"codebank.dev/operations/audit"
	"codebank.dev/operations/audit/statement"
	"codebank.dev/operations/pipelinetest"
	"codebank.dev/schemas/event"
	"codebank.dev/statement/postgres"
)

// open returns a statement's migrated database, with a connection to change it.
func open(t testing.TB) (*statement.Statement, *pgx.Conn) {
	t.Helper()
	url := postgrestest.Database(t)
	auditor := pipelinetest.Statement(t, url, postgres.AuditorRole)
	conn, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, conn.Close(context.Background())) })
	source, err := statement.New(t.Context(), auditor)
	require.NoError(t, err)
	t.Cleanup(source.Close)
	return source, conn
}

// full is an event with every field that a statement keeps.
func full() event.Transaction {
	const account = "5a1f3c1e-9d2b-4c56-8a53-0d6a5f7f2b10"
	t := event.Transaction{EventID: event.ID(account, 42), AccountID: account, Sequence: event.Some[int64](42), OccurredAtMillis: 1_767_225_600_123}
	for i, field := range audit.StatementFields() {
		if value, _ := t.Get(field.Name); value != (event.Value{}) && value != event.IntegerValue(0) {
			continue
		}
		value := event.TextValue(fmt.Sprintf("text %d ção", i))
		if field.Type == event.Integer {
			value = event.IntegerValue(int64(i) - 10)
		}
		if err := t.Set(field.Name, value); err != nil {
			panic(err)
		}
	}
	return t
}

// unknown is an event with nothing but what it must have.
func unknown() event.Transaction {
	return event.Transaction{
		EventID: "3d0c5a64-5c5e-5b62-b8b1-0d5a3f9e7c02", TransactionID: "3d0c5a64-5c5e-5b62-b8b1-0d5a3f9e7c02", BankCode: "001",
		Kind: event.KindPurchase, Direction: event.DirectionDebit, Status: event.StatusDeclined, AmountMinor: 500, Currency: "BRL",
		Channel: event.ChannelPointOfSale, OccurredAtMillis: -1,
	}
}

// insert writes an event as the sink does.
func insert(t testing.TB, conn *pgx.Conn, e event.Transaction) {
	t.Helper()
	var columns, values []string
	for _, field := range audit.StatementFields() {
		value, err := e.Get(field.Name)
		require.NoError(t, err)
		columns = append(columns, field.Name)
		switch {
		case value.Type == 0:
			values = append(values, "NULL")
		case field.Time:
			values = append(values, "'"+time.UnixMilli(value.Integer).UTC().Format("2006-01-02 15:04:05.000")+"'")
		case value.Type == event.Integer:
			values = append(values, fmt.Sprint(value.Integer))
		default:
			values = append(values, "'"+value.Text+"'")
		}
	}
	_, err := conn.Exec(t.Context(), "INSERT INTO statement_lines ("+strings.Join(columns, ",")+") VALUES ("+strings.Join(values, ",")+")")
	require.NoError(t, err)
}

// renew leaves one line, that of the full event.
func renew(t testing.TB, conn *pgx.Conn) {
	t.Helper()
	_, err := conn.Exec(t.Context(), "DELETE FROM statement_lines")
	require.NoError(t, err)
	insert(t, conn, full())
}

func read(t testing.TB, source *statement.Statement) []audit.Copy {
	t.Helper()
	var copies []audit.Copy
	require.NoError(t, source.Read(t.Context(), func(c *audit.Copy) error {
		copies = append(copies, *c)
		return nil
	}))
	return copies
}

func TestEveryFieldIsReadAsItWasWritten(t *testing.T) {
	source, conn := open(t)
	require.Empty(t, read(t, source))
	insert(t, conn, full())
	insert(t, conn, unknown())
	copies := read(t, source)
	require.Len(t, copies, 2)
	require.Equal(t, audit.Copy{ID: full().EventID, Event: full()}, copies[0])
	require.Equal(t, audit.Copy{ID: unknown().EventID, Event: unknown()}, copies[1])

	count, err := source.Count(t.Context())
	require.NoError(t, err)
	require.EqualValues(t, 2, count)
	found, err := source.Find(t.Context(), audit.Wanted{EventID: full().EventID})
	require.NoError(t, err)
	require.Equal(t, copies[:1], found)
	found, err = source.Find(t.Context(), audit.Wanted{EventID: "none"})
	require.NoError(t, err)
	require.Empty(t, found)
}

func TestAChangeOfAnyColumnShows(t *testing.T) {
	source, conn := open(t)
	for _, field := range audit.StatementFields() {
		renew(t, conn)
		change := field.Name + " || 'x'"
		switch {
		case field.Time:
			change = field.Name + " + interval '1 millisecond'"
		case field.Type == event.Integer:
			change = field.Name + " + 1"
		}
		_, err := conn.Exec(t.Context(), "UPDATE statement_lines SET "+field.Name+" = "+change)
		require.NoError(t, err)
		original, changed := full(), read(t, source)[0]
		differences := event.Diff(&original, &changed.Event)
		require.Len(t, differences, 1, field.Name)
		require.Equal(t, field.Name, differences[0].Field)
	}
}

func TestWhatNoEventCanHaveIsAProblem(t *testing.T) {
	source, conn := open(t)
	for change, problem := range map[string]audit.Problem{
		"occurred_at = occurred_at + interval '1 microsecond'": {Field: "occurred_at", Stored: "2026-01-01T00:00:00.123001Z"},
		"occurred_at = 'infinity'":                             {Field: "occurred_at", Stored: "infinity"},
		"occurred_at = '-infinity'":                            {Field: "occurred_at", Stored: "-infinity"},
		"merchant_city = ''":                                   {Field: "merchant_city", Stored: ""},
	} {
		renew(t, conn)
		_, err := conn.Exec(t.Context(), "UPDATE statement_lines SET "+change)
		require.NoError(t, err)
		require.Equal(t, []audit.Problem{problem}, read(t, source)[0].Problems)
	}
}

func TestManyRowsAreReadInPieces(t *testing.T) {
	source, conn := open(t)
	insert(t, conn, full())
	_, err := conn.Exec(t.Context(), `INSERT INTO statement_lines (event_id, transaction_id, bank_code, kind, direction, status, amount_minor,
		currency, channel, occurred_at, description)
		SELECT 'e' || n, 't', '001', 'PURCHASE', 'DEBIT', 'APPROVED', n, 'BRL', 'API', now(), repeat('x', n % 9000) FROM generate_series(1, 20000) n`)
	require.NoError(t, err)
	var sum int64
	for _, c := range read(t, source)[1:] {
		sum += c.Event.AmountMinor
		require.Len(t, c.Event.Description, int(c.Event.AmountMinor%9000))
	}
	require.EqualValues(t, 20000*20001/2, sum)
}

func TestAwayIsAnError(t *testing.T) {
	source, err := statement.New(t.Context(), "postgres://nobody:secret@127.0.0.1:1/none")
	require.NoError(t, err)
	defer source.Close()
	require.Error(t, source.Read(t.Context(), nil))
	_, err = source.Count(t.Context())
	require.Error(t, err)
	require.NotContains(t, err.Error(), "secret")
	_, err = statement.New(t.Context(), "postgres://nobody:secret@127.0.0.1:port/none")
	require.Error(t, err)
	require.NotContains(t, err.Error(), "secret")

	empty, err := statement.New(t.Context(), postgrestest.Database(t))
	require.NoError(t, err)
	defer empty.Close()
	require.ErrorContains(t, empty.Read(t.Context(), nil), "statement_lines")
}

func TestAnErrorOfTheReaderEndsTheReading(t *testing.T) {
	source, conn := open(t)
	insert(t, conn, full())
	enough := errors.New("enough")
	require.ErrorIs(t, source.Read(t.Context(), func(*audit.Copy) error { return enough }), enough)
}

func BenchmarkRead(b *testing.B) {
	source, conn := open(b)
	insert(b, conn, full())
	_, err := conn.Exec(b.Context(), `INSERT INTO statement_lines (event_id, transaction_id, account_id, customer_id, bank_code, sequence, kind, direction, status,
		amount_minor, currency, balance_after_minor, held_after_minor, available_after_minor, credit_limit_minor, card_id, card_brand, card_last4, card_bin,
		merchant_id, merchant_name, merchant_category_code, merchant_city, merchant_country, channel, description, occurred_at)
		SELECT 'e' || n, transaction_id, account_id, customer_id, bank_code, n, kind, direction, status,
		amount_minor, currency, balance_after_minor, held_after_minor, available_after_minor, credit_limit_minor, card_id, card_brand, card_last4, card_bin,
		merchant_id, merchant_name, merchant_category_code, merchant_city, merchant_country, channel, description, occurred_at
		FROM statement_lines, generate_series(1, 200000) n`)
	require.NoError(b, err)
	for b.Loop() {
		rows := 0
		require.NoError(b, source.Read(b.Context(), func(*audit.Copy) error { rows++; return nil }))
		require.Equal(b, 200_001, rows)
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/200_000, "µs/line")
}
