package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"codebank.dev/bank/postgres"
	"codebank.dev/native/postgres/postgrestest"
	"codebank.dev/operations/audit/ledger"
	"codebank.dev/operations/pipelinetest"
	"codebank.dev/platform/id"
	"codebank.dev/statement"
	"codebank.dev/statement/file"
	"codebank.dev/statement/file/pdf"
	"codebank.dev/statement/file/verify"
)

// TestAStatementFileIsComparedWithTheLedger makes files of a card's purchases in a real ledger.
func TestAStatementFileIsComparedWithTheLedger(t *testing.T) {
	url := postgrestest.Database(t)
	bank := pipelinetest.StartBank(t, url)
	customer := bank.Issue(t)
	for _, amount := range []int64{1_250, 99, 7_000} {
		bank.Buy(t, customer, amount)
	}
	header, lines := statementOf(t, url, customer.AccountID())
	require.Len(t, lines, 3)
	auditor := "--ledger-database-url=" + pipelinetest.Ledger(t, url, postgres.AuditorRole)

	for _, format := range file.Formats() {
		path := filepath.Join(t.TempDir(), "statement"+format.Extension())
		writeStatement(t, path, format, header, lines)
		status, stdout, stderr := bankctl(t, "statement", "verify", path, auditor)
		require.Equal(t, exitOK, status, stdout+stderr)
		require.Contains(t, stdout, "lines:    3, balance 0 to -8349 (minor units)")
		require.True(t, strings.HasSuffix(stdout, "\nstatement: verified\n"), stdout)
		require.NotContains(t, stdout, "not compared")

		bank.Buy(t, customer, 5) // An event that came later changes nothing.
		status, _, stderr = bankctl(t, "statement", "verify", path, auditor)
		require.Equal(t, exitOK, status, stderr)

		text, err := os.ReadFile(path)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(path, bytes.Replace(text, []byte("12.50"), []byte("12.60"), 1), 0o600))
		status, stdout, _ = bankctl(t, "statement", "verify", path, auditor)
		require.Equal(t, exitFailed, status)
		require.Contains(t, stdout, "line 1 (event "+customer.AccountID()+":")
		require.Contains(t, stdout, "statement: DIFFERENT (")
	}
}

// TestAForgedStatementFileIsSoundOnlyByItself: whoever computes the digests anew is found by the ledger.
func TestAForgedStatementFileIsSoundOnlyByItself(t *testing.T) {
	url := postgrestest.Database(t)
	bank := pipelinetest.StartBank(t, url)
	customer := bank.Issue(t)
	bank.Buy(t, customer, 1_250)
	header, lines := statementOf(t, url, customer.AccountID())
	lines[0].MerchantName = "Somebody else"
	path := filepath.Join(t.TempDir(), "statement.csv")
	writeStatement(t, path, file.CSV, header, lines)

	status, stdout, stderr := bankctl(t, "statement", "verify", path, "--without-ledger")
	require.Equal(t, exitOK, status, stdout+stderr)
	require.Contains(t, stdout, "note:     not compared with the ledger")
	auditor := "--ledger-database-url=" + pipelinetest.Ledger(t, url, postgres.AuditorRole)
	status, stdout, _ = bankctl(t, "statement", "verify", path, auditor, "-o", "json")
	require.Equal(t, exitFailed, status)
	var report verify.Report
	require.NoError(t, json.Unmarshal([]byte(stdout), &report))
	require.True(t, report.Ledger)
	require.Equal(t, []verify.Finding{{
		Line: 1, EventID: file.EventID(header.Account, lines[0].Sequence), Problem: "a text is not as the ledger has it, or a program has saved the file anew",
	}}, report.Findings)

	status, stdout, stderr = bankctl(t, "statement", "verify", path, "--ledger-database-url=postgres://nobody@127.0.0.1:1/nothing")
	require.Equal(t, exitAway, status, stdout)
	require.Contains(t, stderr, "the ledger cannot be read")

	status, stdout, _ = bankctl(t, "statement", "verify", path, auditor, "--bank-code", "002")
	require.Equal(t, exitFailed, status)
	require.Contains(t, stdout, "the file is of bank 001, and --bank-code is 002")
}

func TestAStatementIsNotVerifiedWithoutItsLedger(t *testing.T) {
	status, _, stderr := bankctl(t, "statement", "verify", "/nowhere")
	require.Equal(t, exitUsage, status)
	require.Contains(t, stderr, "--ledger-database-url")
	status, _, stderr = bankctl(t, "statement", "verify", "/nowhere", "--without-ledger")
	require.Equal(t, exitFailed, status)
	require.Contains(t, stderr, "/nowhere")
	path := filepath.Join(t.TempDir(), "x.csv")
	require.NoError(t, os.WriteFile(path, []byte("hello"), 0o600))
	status, stdout, _ := bankctl(t, "statement", "verify", path, "--without-ledger")
	require.Equal(t, exitFailed, status)
	require.Contains(t, stdout, "not a statement file")
}

// statementOf returns the statement of an account up to now, from the ledger.
func statementOf(t *testing.T, url, account string) (*file.Header, []statement.Line) {
	store, err := postgres.Open(t.Context(), postgres.Config{URL: url, BankCode: "001"})
	require.NoError(t, err)
	defer store.Close()
	uuid, err := id.Parse(account)
	require.NoError(t, err)
	now := time.Now().UTC().Truncate(time.Millisecond)
	header := &file.Header{
		BankCode: "001", Account: uuid, Kind: file.Card, Start: now.Add(-time.Hour), End: now.Add(time.Hour), CreatedAt: now, Language: file.English,
	}
	var lines []statement.Line
	for line, err := range ledger.New(store, "001").Lines(t.Context(), uuid, 1_000) {
		require.NoError(t, err)
		header.Currency, header.CompleteTo, header.CompleteToTime = line.Currency, line.Sequence, line.OccurredAt
		if !line.Shown() {
			continue
		}
		lines = append(lines, *line)
		header.Totals.Lines++
		header.Totals.Debits += line.Amount
		header.Totals.Closing = line.BalanceAfter
	}
	return header, lines
}

func writeStatement(t *testing.T, path string, format file.Format, header *file.Header, lines []statement.Line) {
	var out bytes.Buffer
	w, err := file.NewWriter(&out, format.Parts(), header)
	require.NoError(t, err)
	for i := range lines {
		require.NoError(t, w.Line(&lines[i]))
	}
	require.NoError(t, w.Close())
	if format == file.PDF {
		csv := bytes.Clone(out.Bytes())
		out.Reset()
		require.NoError(t, pdf.Write(&out, csv))
	}
	require.NoError(t, os.WriteFile(path, out.Bytes(), 0o600))
}
