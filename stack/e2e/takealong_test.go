package e2e

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"codebank.dev/native/await"
	bankv1 "codebank.dev/schemas/gen/bank/v1"
	statementv1 "codebank.dev/schemas/gen/statement/v1"
	"codebank.dev/stack/launch"
)

// verified is what bankctl says of a file.
type verified struct {
	Format       string `json:"format"`
	Account      string `json:"account"`
	CompleteTo   int64  `json:"complete_to_sequence"`
	OpeningMinor int64  `json:"opening_minor"`
	ClosingMinor int64  `json:"closing_minor"`
	Lines        int64  `json:"lines"`
	Ledger       bool   `json:"compared_with_ledger"`
}

// verify lets bankctl compare a file with its digests and with the ledger, and returns the totals.
func verify(t *testing.T, stack *launch.Stack, name string, content []byte) (report verified) {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(path, content, 0o600))
	var text strings.Builder
	err := stack.Bankctl(t.Context(), &text, "statement", "verify", path, "--output", "json")
	require.NoError(t, err, "%s", text.String())
	require.NoError(t, json.Unmarshal([]byte(text.String()), &report), "%s", text.String())
	return report
}

// A customer downloads the statement in each format, as a file. It has the ledger's totals, and nobody else gets it.
func TestAStatementIsTakenAlongInEachFormat(t *testing.T) {
	t.Parallel() // it disturbs nobody, and waits
	stack := running(t)
	who, other := newCustomer(t, stack, seedPassword), newCustomer(t, stack, seedPassword)
	from, to := openFor(t, stack, who, 10_000), openFor(t, stack, other, 0)
	for _, amount := range []string{"1200", "34", "5"} {
		accepted := ask(t, stack, who, "along-"+amount, http.MethodPost, "/cmd/transfer", transferBody(idOf(from.GetName()), idOf(to.GetName()), amount))
		require.Equal(t, http.StatusCreated, accepted.status, "%s", accepted.body)
		require.Equal(t, "completed", awaitTransfer(t, stack, who, string(accepted.body))["status"])
	}
	const closing = 10_000 - 1_200 - 34 - 5
	require.Equal(t, int64(closing), balanceOf(t, stack, from))
	var sequence, lines int64
	var last time.Time
	require.NoError(t, ledgerConnection(t, stack).QueryRow(t.Context(),
		"SELECT max(sequence), count(*) FILTER (WHERE debit_account IS NOT NULL), max(occurred_at) FROM entries WHERE account_id = $1",
		uuid.MustParse(idOf(from.GetName()))).Scan(&sequence, &lines, &last))
	awaitStatement(t, stack, from, func(s *statementv1.Statement) bool { return s.GetCompleteToSequence() == sequence }, "everything is shown")
	await.Until(t, func() bool { return time.Now().Truncate(time.Second).After(last) }, timeout, 50*time.Millisecond, "a range ends with the last whole second")

	// All are asked for first, because each waits until its range is complete.
	formats, files := []string{"csv", "ofx", "ofx1", "camt.053", "pdf"}, map[string]map[string]any{}
	for _, format := range formats {
		asked := ask(t, stack, who, "along-"+format, http.MethodPost, "/statement/generate", statementBody(from, format))
		require.Equal(t, http.StatusAccepted, asked.status, "%s", asked.body)
		files[format] = asked.decode(t)
		require.Equal(t, format, files[format]["format"])
	}
	for _, format := range formats {
		t.Run(format, func(t *testing.T) {
			content := takeAlong(t, stack, who, from.GetName()+"/files/"+files[format]["id"].(string), files[format])
			report := verify(t, stack, "statement."+format, content)
			require.Equal(t, int64(0), report.OpeningMinor)
			require.Equal(t, int64(closing), report.ClosingMinor)
			require.Equal(t, lines, report.Lines)
			require.Equal(t, sequence, report.CompleteTo)
			require.Equal(t, idOf(from.GetName()), report.Account)
			require.True(t, report.Ledger)
		})
	}
	stolen := ask(t, stack, other, "stolen", http.MethodPost, "/statement/generate", statementBody(from, "csv"))
	require.Equal(t, http.StatusNotFound, stolen.status, "%s", stolen.body)
}

// statementBody asks for a file of so many days that it is made after the answer.
func statementBody(account *bankv1.Account, format string) string {
	today := time.Now().UTC()
	return `{"accountId": "` + idOf(account.GetName()) + `", "format": "` + format + `", "minDate": "` + today.AddDate(0, 0, -40).Format(time.DateOnly) +
		`", "maxDate": "` + today.Format(time.DateOnly) + `"}`
}

// takeAlong downloads a file that a customer has asked for, by its name, on both ways. Another customer cannot.
func takeAlong(t *testing.T, stack *launch.Stack, who *launch.Person, name string, file map[string]any) []byte {
	t.Helper()
	awaitFile(t, stack, who, name)
	paths := []string{file["content"].(string), "/v1/" + name + ":download"}
	content := ask(t, stack, who, "", http.MethodGet, paths[0], "")
	require.Equal(t, http.StatusOK, content.status, "%s", content.body)
	require.Contains(t, content.header.Get("Content-Disposition"), "attachment")
	require.Equal(t, content.body, ask(t, stack, who, "", http.MethodGet, paths[1], "").body)
	stranger := newCustomer(t, stack, seedPassword)
	for _, path := range append(paths, file["location"].(string), "/v1/"+name) {
		refused := ask(t, stack, stranger, "", http.MethodGet, path, "")
		require.Equal(t, http.StatusNotFound, refused.status, "%s: %s", path, refused.body)
		require.Equal(t, http.StatusUnauthorized, ask(t, stack, nil, "", http.MethodGet, path, "").status, path)
	}
	return content.body
}

// What cannot be transferred is refused at once, with the seed's status, or accepted and then cancelled. No money
// moves either way.
func TestTransfersThatCannotBeMadeMoveNothing(t *testing.T) {
	stack := running(t)
	who, other := newCustomer(t, stack, seedPassword), newCustomer(t, stack, seedPassword)
	account, others := openFor(t, stack, who, 100), openFor(t, stack, other, 100)
	mine, theirs := idOf(account.GetName()), idOf(others.GetName())
	ledger := ledgerConnection(t, stack)
	moved := func() (count int64) {
		require.NoError(t, ledger.QueryRow(t.Context(), "SELECT count(*) FROM entries WHERE kind = 7 AND status = 1 AND account_id = ANY($1)",
			[]uuid.UUID{uuid.MustParse(mine), uuid.MustParse(theirs)}).Scan(&count))
		return count
	}
	for name, tt := range map[string]struct {
		from, to, amount string
		status           int
		reason           string // of a refusal, or the error of a transfer that was accepted
	}{
		"not enough funds":               {mine, theirs, "101", http.StatusCreated, "not_enough_funds"},
		"an unknown destination":         {mine, uuid.NewString(), "1", http.StatusCreated, "to_account_not_found"},
		"to its own account":             {mine, mine, "1", http.StatusUnprocessableEntity, "SAME_ACCOUNT"},
		"from another's account":         {theirs, mine, "1", http.StatusUnauthorized, "SOURCE_NOT_YOURS"},
		"from an account that is none":   {uuid.NewString(), mine, "1", http.StatusUnauthorized, "SOURCE_NOT_YOURS"},
		"nothing":                        {mine, theirs, "0", http.StatusUnprocessableEntity, "AMOUNT_TOO_SMALL"},
		"a part of a minor unit":         {mine, theirs, "1.5", http.StatusBadRequest, "MALFORMED_REQUEST"},
		"not enough, and none to get it": {mine, uuid.NewString(), "101", http.StatusCreated, "to_account_not_found"},
	} {
		t.Run(name, func(t *testing.T) {
			key := strings.ReplaceAll(name, " ", "-")
			body := transferBody(tt.from, tt.to, tt.amount)
			got := ask(t, stack, who, key, http.MethodPost, "/cmd/transfer", body)
			require.Equal(t, tt.status, got.status, "%s", got.body)
			if tt.status != http.StatusCreated {
				require.Equal(t, tt.reason, got.decode(t)["reason"])
				require.Equal(t, tt.reason, ask(t, stack, who, key, http.MethodPost, "/cmd/transfer", body).decode(t)["reason"], "and so again")
				return
			}
			ended := awaitTransfer(t, stack, who, string(got.body))
			require.Equal(t, "cancelled", ended["status"])
			require.Equal(t, tt.reason, ended["error"])
			require.Nil(t, ended["transaction_id"])
			again := ask(t, stack, who, key, http.MethodPost, "/cmd/transfer", body)
			require.Equal(t, string(got.body), string(again.body), "the same key is the same transfer, word for word")
		})
	}
	without := ask(t, stack, who, "", http.MethodPost, "/cmd/transfer", transferBody(mine, theirs, "1"))
	require.Equal(t, http.StatusBadRequest, without.status, "%s", without.body)
	require.Equal(t, "IDEMPOTENCY_KEY_REQUIRED", without.decode(t)["reason"])
	require.Equal(t, http.StatusUnauthorized, ask(t, stack, nil, "k", http.MethodPost, "/cmd/transfer", transferBody(mine, theirs, "1")).status)
	require.Zero(t, moved())
	require.Equal(t, int64(100), balanceOf(t, stack, account))
	require.Equal(t, int64(100), balanceOf(t, stack, others))
	requireAuditEqual(t, stack)
}
