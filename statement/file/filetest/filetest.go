// Package filetest makes statements for the tests of statement files.
package filetest

import (
	"bytes"
	"context"
	"iter"
	"strconv"
	"testing"
	"time"

	"codebank.dev/platform/id"
	"codebank.dev/statement"
	"codebank.dev/statement/file"
	"codebank.dev/statement/file/pdf"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// Statement is a statement that can be written, and the account's events from the first one on.
type Statement struct {
	Header file.Header
	// Lines are the lines of the statement. Events are all events up to the header's CompleteTo.
	Lines, Events []statement.Line
}

// ByLine are the formats that a file.Writer writes.
var ByLine = []file.Format{file.CSV, file.OFX2, file.OFX1, file.CAMT053}

// Account is the account of Sample.
var Account = id.Derive(id.ID{}, "account")

// Sample returns a statement of three lines, in which each format has something to escape.
func Sample() Statement {
	start := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	s := Statement{Header: file.Header{
		BankCode: "001", Account: Account, Kind: file.Wallet, Currency: "BRL", Start: start, End: start.AddDate(0, 1, 0),
		CompleteTo: 9, CreatedAt: start.AddDate(0, 1, 1), Language: file.English,
	}}
	balance := int64(0)
	add := func(sequence, amount int64, kind, direction string) *statement.Line {
		switch direction {
		case "CREDIT":
			balance += amount
		case "DEBIT":
			balance -= amount
		}
		s.Events = append(s.Events, statement.Line{
			Sequence: sequence, Kind: kind, Direction: direction, Status: "APPROVED", Amount: amount, Currency: "BRL", BalanceAfter: balance,
			OccurredAt:    start.Add(time.Duration(sequence-3)*time.Hour + 7*time.Millisecond),
			TransactionID: id.Derive(Account, "t", strconv.FormatInt(sequence, 10)).String(),
		})
		return &s.Events[len(s.Events)-1]
	}
	add(1, 0, "OPENING", "NONE")
	add(2, 10_000, "DEPOSIT", "CREDIT")
	add(3, 5_000, "DEPOSIT", "CREDIT").Description = `=HYPERLINK("http://example.com")`
	l := add(4, 12_000, "TRANSFER", "DEBIT")
	l.Description, l.CounterpartyName, l.CounterpartyAccountID = "Aluguel; +novembro", `Ana "Nana" Souza, filha`, id.Derive(Account, "other").String()
	add(5, 700, "HOLD", "NONE")
	add(6, 99_999, "TRANSFER", "DEBIT").Status = "DECLINED"
	balance = s.Events[3].BalanceAfter
	s.Events[5].BalanceAfter = balance
	add(7, 345, "CAPTURE", "DEBIT")
	l = &s.Events[6]
	l.MerchantName, l.MerchantCity, l.MerchantCountry, l.MerchantCategoryCode = "Café São João & Filhos <1958>", "São Paulo", "BR", "5814"
	l.MerchantReference, l.CardBrand, l.CardLast4 = "'42\nمرحبا 🙂", "VISA", "1111"
	add(8, 700, "EXPIRY", "NONE")
	add(9, 0, "LIMIT_CHANGE", "NONE")
	s.settle()
	return s
}

// Pix returns a statement of a payment that was sent to another bank, of one that came from there, and of what was given
// back of it.
func Pix() Statement {
	s := Sample()
	balance := s.Events[1].BalanceAfter
	s.Events = s.Events[:2]
	for i, line := range []statement.Line{
		{Kind: "PIX_OUT", Direction: "DEBIT", Amount: 1_500, CounterpartyName: "Bruno L***", EndToEndID: "E000000010G3r0vJ1lZl6WkYpW5H2cQ8", Description: "Almoço"},
		{Kind: "PIX_IN", Direction: "CREDIT", Amount: 2_000, CounterpartyName: "Carla M***", EndToEndID: "E000000021Q8wTfB0mXn4RsVtU7E9dK3"},
		{Kind: "PIX_RETURN", Direction: "DEBIT", Amount: 500, CounterpartyName: "Carla M***", EndToEndID: "D000000012Hb5ZxN3kLp7YqCwA6F1gJ4"},
	} {
		line.Sequence, line.Status, line.Currency, line.CounterpartyBankCode = int64(i)+3, "APPROVED", "BRL", "002"
		line.TransactionID = id.Derive(Account, "t", strconv.FormatInt(line.Sequence, 10)).String()
		line.CounterpartyAccountID = id.Derive(Account, "other").String()
		line.OccurredAt = s.Header.Start.Add(time.Duration(i) * time.Hour)
		if balance -= line.Amount; line.Direction == "CREDIT" {
			balance += 2 * line.Amount
		}
		line.BalanceAfter = balance
		s.Events = append(s.Events, line)
	}
	s.settle()
	return s
}

// settle computes lines and header from the events.
func (s *Statement) settle() {
	h := &s.Header
	h.Totals = file.Totals{}
	s.Lines = nil
	for i := range s.Events {
		line := &s.Events[i]
		h.CompleteTo, h.CompleteToTime = line.Sequence, line.OccurredAt
		if line.OccurredAt.Before(h.Start) {
			h.Totals.Opening, h.Totals.Closing = line.BalanceAfter, line.BalanceAfter
			continue
		}
		if !line.OccurredAt.Before(h.End) || !line.Shown() {
			continue
		}
		s.Lines = append(s.Lines, *line)
		h.Totals.Lines++
		h.Totals.Closing = line.BalanceAfter
		if line.Direction == "DEBIT" {
			h.Totals.Debits += line.Amount
		} else {
			h.Totals.Credits += line.Amount
		}
	}
}

// Range sets the statement's range.
func (s *Statement) Range(start, end time.Time) {
	s.Header.Start, s.Header.End = start, end
	s.settle()
}

// Write returns the statement as a file.
func (s *Statement) Write(t require.TestingT, format file.Format) []byte {
	var out bytes.Buffer
	w, err := file.NewWriter(&out, format.Parts(), &s.Header)
	require.NoError(t, err)
	for i := range s.Lines {
		require.NoError(t, w.Line(&s.Lines[i]))
	}
	require.NoError(t, w.Close())
	require.EqualValues(t, out.Len(), w.Written())
	if format != file.PDF {
		return out.Bytes()
	}
	var pages bytes.Buffer
	require.NoError(t, pdf.Write(&pages, out.Bytes()))
	return pages.Bytes()
}

// Ledger returns the account's events like a ledger.
func (s *Statement) Ledger(_ context.Context, account id.ID, through int64) iter.Seq2[*statement.Line, error] {
	return func(yield func(*statement.Line, error) bool) {
		for i := range s.Events {
			if line := s.Events[i]; account == s.Header.Account && line.Sequence <= through && !yield(&line, nil) {
				return
			}
		}
	}
}

// Long returns a wallet's statement of n lines, without any text that needs an escape.
func Long(tb testing.TB, n int64) *Statement {
	tb.Helper()
	s := Sample()
	start := s.Header.Start
	s.Events = []statement.Line{{Sequence: 1, Kind: "OPENING", Direction: "NONE", Status: "APPROVED", Currency: "BRL", OccurredAt: start.Add(-time.Hour)}}
	for i := range n {
		line := statement.Line{
			Sequence: i + 2, Kind: "TRANSFER", Direction: "CREDIT", Status: "APPROVED", Amount: 1_000 + i%997, Currency: "BRL",
			OccurredAt: start.Add(time.Duration(i) * time.Second), TransactionID: id.Derive(Account, strconv.FormatInt(i, 10)).String(),
			Description: "Mensalidade do mês", CounterpartyName: "Maria Aparecida dos Santos", CounterpartyAccountID: Account.String(),
		}
		if i%3 == 1 {
			line.Direction = "DEBIT"
		}
		s.Events = append(s.Events, line)
	}
	balance := int64(0)
	for i := range s.Events {
		switch line := &s.Events[i]; line.Direction {
		case "CREDIT":
			balance += line.Amount
			line.BalanceAfter = balance
		case "DEBIT":
			balance -= line.Amount
			line.BalanceAfter = balance
		}
	}
	s.Range(start, start.AddDate(1, 0, 0))
	return &s
}

// texts are pieces of random texts: what is escaped somewhere, what begins a formula, and what is written in
// another direction or with characters outside of the basic plane.
var texts = []string{
	"=1+1", "+55", "-2", "@x", "|", "'", "\"", ",", ";", "\t", "\r\n", "\n", "\r", " ", "<b>", "&amp;", "]]>", "</MEMO>", "Café", "São", "ß", "日本",
	"مرحبا", "שלום", "🙂", "👩‍👩‍👧", "\u202e", "\u2028", "\u0085", "\x01", "=", "＝1", "0", "123.45", "a", "word", "\ufffe", "\u00a0",
}

func text(t *rapid.T, name string) string {
	var all string
	for _, piece := range rapid.SliceOfN(rapid.SampledFrom(texts), 0, 12).Draw(t, name) {
		all += piece
	}
	if rapid.IntRange(0, 20).Draw(t, name+" is long") == 0 {
		for len(all) < 600 {
			all += "longo ã"
		}
	}
	return all
}

// Random returns a random statement: currencies with 0, 2 and 3 places, cards below zero, ranges with and without
// lines, events that nobody sees.
func Random(t *rapid.T) *Statement {
	start := time.Date(2026, 2, 27, 0, 0, 0, 0, time.UTC)
	s := &Statement{Header: file.Header{
		BankCode: rapid.StringMatching(`[0-9]{3}`).Draw(t, "bank"), Account: id.Derive(id.ID{}, rapid.StringN(1, 5, -1).Draw(t, "account")),
		Kind:     rapid.SampledFrom([]file.AccountKind{file.Card, file.Wallet}).Draw(t, "kind"),
		Currency: rapid.SampledFrom([]string{"BRL", "USD", "JPY", "KWD", "XCG"}).Draw(t, "currency"),
		Language: rapid.SampledFrom([]string{file.English, file.Portuguese}).Draw(t, "language"), CreatedAt: start.AddDate(0, 3, 0),
	}}
	at, balance := start, int64(0)
	for sequence := range rapid.Int64Range(0, 25).Draw(t, "events") {
		at = at.Add(time.Duration(rapid.Int64Range(0, 200_000_000).Draw(t, "milliseconds")) * time.Millisecond)
		line := statement.Line{
			Sequence: sequence + 1, Currency: s.Header.Currency, OccurredAt: at, Status: "APPROVED",
			Kind:          rapid.SampledFrom([]string{"PURCHASE", "DEPOSIT", "TRANSFER", "CAPTURE", "PIX_OUT", "PIX_IN", "REVERSAL", "WITHDRAWAL", "NEW_KIND", "HOLD"}).Draw(t, "kind"),
			Direction:     rapid.SampledFrom([]string{"CREDIT", "DEBIT", "DEBIT", "NONE"}).Draw(t, "direction"),
			Amount:        rapid.OneOf(rapid.Int64Range(0, 3_000), rapid.Int64Range(0, 9_000_000_000_000_000)).Draw(t, "amount"),
			TransactionID: id.Derive(s.Header.Account, strconv.FormatInt(sequence, 10)).String(),
			Description:   text(t, "description"), MerchantName: text(t, "merchant"), MerchantReference: text(t, "reference"),
			CounterpartyName: text(t, "counterparty"), MerchantCity: text(t, "city"),
			CounterpartyBankCode: rapid.SampledFrom([]string{"", "", "002"}).Draw(t, "bank of the counterparty"),
			EndToEndID:           rapid.SampledFrom([]string{"", "", "E000000010G3r0vJ1lZl6WkYpW5H2cQ8", "<&>", "=1"}).Draw(t, "end to end"),
		}
		if line.Kind == "HOLD" {
			line.Direction = "NONE"
		}
		switch line.Direction {
		case "CREDIT":
			balance += line.Amount
		case "DEBIT":
			balance -= line.Amount
		}
		line.BalanceAfter = balance
		s.Events = append(s.Events, line)
	}
	from := start.Add(time.Duration(rapid.Int64Range(-1, 20).Draw(t, "from")) * 24 * time.Hour)
	s.Range(from, from.Add(time.Duration(rapid.Int64Range(1, 60).Draw(t, "days"))*24*time.Hour))
	return s
}
