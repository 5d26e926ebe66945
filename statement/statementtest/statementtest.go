// Package statementtest has what tests of the statement need: events of an account,
// and a writer that puts them into the database as the sink does.
package statementtest

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"codebank.dev/platform/database/databasetest"
	"codebank.dev/schemas/event"
	"codebank.dev/statement/postgres"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
)

// Bank is the code of the bank whose events these are.
const Bank = "001"

// Customer is the customer of every account. Without a link it belongs to the user with the same UUID.
const Customer = "5c0d5bc1-0a35-4a3c-a5bd-74a0bd0b3d44"

// Opened is when the first event of every account happened; the event of sequence n
// happens n-1 minutes later.
var Opened = time.Date(2026, time.January, 31, 23, 58, 0, 0, time.UTC)

// Purchase returns an approved purchase of 100 minor units: the n-th event of an
// account with a limit of 100,000 that has bought nothing else.
func Purchase(account string, sequence int64) event.Transaction {
	balance := -100 * sequence
	return event.Transaction{
		EventID:             event.ID(account, sequence),
		TransactionID:       fmt.Sprintf("transaction-%d", sequence),
		AccountID:           account,
		CustomerID:          Customer,
		BankCode:            Bank,
		Sequence:            event.Some(sequence),
		Kind:                "PURCHASE",
		Direction:           "DEBIT",
		Status:              "APPROVED",
		AmountMinor:         100,
		Currency:            "BRL",
		BalanceAfterMinor:   event.Some(balance),
		HeldAfterMinor:      event.Some[int64](0),
		AvailableAfterMinor: event.Some(balance + 100_000),
		CreditLimitMinor:    event.Some[int64](100_000),
		CardID:              "0d6b1c7e-51f1-4b7c-a0a6-0e8c1b1f2c11",
		CardBrand:           "VISA",
		CardLast4:           "1111",
		CardBIN:             "411111",
		MerchantID:          "padaria-sao-joao",
		MerchantName:        "Padaria São João",
		MerchantCity:        "São Paulo",
		MerchantCountry:     "BR",
		Channel:             "POINT_OF_SALE",
		OccurredAtMillis:    Opened.Add(time.Duration(sequence-1) * time.Minute).UnixMilli(),
		ProducerVersion:     "test",
		CardUse:             "LATER",
	}
}

// Decline returns a declined purchase. It moves no money, so the caller gives the
// balance.
func Decline(account string, sequence, balance int64) event.Transaction {
	e := Purchase(account, sequence)
	e.Status, e.DeclineCode, e.DeclineReason = "DECLINED", "51", "INSUFFICIENT_FUNDS"
	e.BalanceAfterMinor, e.AvailableAfterMinor = event.Some(balance), event.Some(balance+100_000)
	return e
}

// Opening returns the first event of an account.
func Opening(account string) event.Transaction {
	e := Purchase(account, 1)
	e.Kind, e.Direction, e.Status, e.AmountMinor = "OPENING", "NONE", "APPLIED", 0
	e.BalanceAfterMinor, e.AvailableAfterMinor = event.Some[int64](0), event.Some[int64](100_000)
	e.CardID, e.CardBrand, e.CardLast4, e.CardBIN, e.CardUse = "", "", "", "", ""
	e.MerchantID, e.MerchantName, e.MerchantCity, e.MerchantCountry = "", "", "", ""
	return e
}

// Refusal returns a decline that belongs to no account.
func Refusal(transaction string) event.Transaction {
	e := Purchase("", 0)
	e.EventID, e.TransactionID, e.CustomerID, e.Sequence = transaction, transaction, "", event.Optional[int64]{}
	e.Status, e.DeclineCode, e.DeclineReason = "DECLINED", "14", "UNKNOWN_CARD"
	e.BalanceAfterMinor, e.HeldAfterMinor = event.Optional[int64]{}, event.Optional[int64]{}
	e.AvailableAfterMinor, e.CreditLimitMinor, e.CardID = event.Optional[int64]{}, event.Optional[int64]{}, ""
	e.CardUse = ""
	return e
}

// Migrated migrates the statement at an address, whose user must be a superuser, and returns its address
// for the statement's role. It may be called again.
func Migrated(t testing.TB, url string) string {
	t.Helper()
	require.NoError(t, postgres.Migrate(t.Context(), postgres.Config{URL: url, BankCode: Bank}))
	return databasetest.As(t, url, postgres.ServiceRole)
}

// Sink writes events as the sink does: one transaction, as the sink's role. The first row of an event_id
// stays.
type Sink struct {
	pool, own *pgxpool.Pool
	insert    string
	fields    []event.Field
}

// NewSink returns a sink into the database of the given URL, which must be migrated. The user must be a
// superuser.
func NewSink(t testing.TB, url string) *Sink {
	t.Helper()
	s := &Sink{pool: connected(t, url), own: connected(t, databasetest.As(t, url, postgres.SinkRole, "BYPASSRLS"))}
	var columns, values []string
	for _, field := range event.Fields() {
		if field.Internal {
			continue
		}
		s.fields = append(s.fields, field)
		columns = append(columns, field.Name)
		values = append(values, fmt.Sprintf("$%d", len(columns)))
	}
	s.insert = fmt.Sprintf("INSERT INTO statement_lines (%s) VALUES (%s) ON CONFLICT (event_id) DO NOTHING",
		strings.Join(columns, ", "), strings.Join(values, ", "))
	return s
}

func connected(t testing.TB, url string) *pgxpool.Pool {
	t.Helper()
	pool, err := pgxpool.New(context.Background(), url)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	return pool
}

// TB is the part of a test that a sink needs. The checks of a property test have it
// too.
type TB interface {
	Helper()
	Errorf(format string, args ...any)
	FailNow()
}

// Write writes the events in one transaction.
func (s *Sink) Write(t TB, events ...event.Transaction) {
	t.Helper()
	batch := &pgx.Batch{}
	for i := range events {
		batch.Queue(s.insert, s.row(t, &events[i])...)
	}
	err := pgx.BeginFunc(context.Background(), s.own, func(tx pgx.Tx) error {
		return tx.SendBatch(context.Background(), batch).Close()
	})
	require.NoError(t, err)
}

// row returns the event's fields as values of their columns.
func (s *Sink) row(t TB, e *event.Transaction) []any {
	t.Helper()
	row := make([]any, len(s.fields))
	for i, field := range s.fields {
		value, err := e.Get(field.Name)
		require.NoError(t, err)
		switch {
		case field.Time && value.Type != 0:
			row[i] = time.UnixMilli(value.Integer).UTC()
		case value.Type == event.Text:
			row[i] = value.Text
		case value.Type == event.Integer:
			row[i] = value.Integer
		}
	}
	return row
}

// Pool returns connections of the administrator, for tests that look into the tables and change them.
func (s *Sink) Pool() *pgxpool.Pool { return s.pool }
