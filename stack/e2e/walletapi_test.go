package e2e

import (
	"context"
	"encoding/json"
	"fmt"
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

// What the document of seed 004 does with its API: sign up and in, pay in and out, buy, take back and cancel, read
// the balance, and have a statement made, at once and later.
func TestTheWalletDocumentsAPIWorksFromSignUpToStatement(t *testing.T) {
	stack := running(t)
	who := signUpByAPI(t, stack)
	do := func(key, body string, status int) map[string]any {
		t.Helper()
		got := ask(t, stack, who, key, http.MethodPost, "/wallet/transaction", body)
		require.Equal(t, status, got.status, "%s: %s", body, got.body)
		return got.decode(t)
	}
	deposited := do("in", `{"operation": "deposit", "amount": 100.50}`, http.StatusCreated)
	require.Equal(t, deposited, do("in", `{"operation": "deposit", "amount": 100.50}`, http.StatusCreated), "the same key is the same deposit")
	do("out", `{"operation": "withdraw", "amount": "20.25"}`, http.StatusCreated)
	bought := do("buy", `{"operation": "purchase", "amount": 30}`, http.StatusCreated)
	do("back", `{"operation": "reversal", "amount": 10, "transactionId": "`+fmt.Sprint(bought["transactionId"])+`"}`, http.StatusCreated)
	do("", `{"operation": "deposit", "amount": 1}`, http.StatusBadRequest)
	do("much", `{"operation": "withdraw", "amount": 1000}`, http.StatusUnprocessableEntity)
	do("exact", `{"operation": "deposit", "amount": 0.001}`, http.StatusBadRequest)
	cancelled := ask(t, stack, who, "undo", http.MethodPost, "/wallet/transaction", `{"operation": "cancellation", "transactionId": "`+fmt.Sprint(bought["transactionId"])+`"}`)
	require.GreaterOrEqual(t, cancelled.status, 400, "what has moved money is not cancelled")

	read := ask(t, stack, who, "", http.MethodGet, "/wallet/balance", "").decode(t)
	require.Equal(t, json.Number("60.25"), read["balance"], "a number, not a text")
	account := read["accountId"].(string)
	hold := placeHold(t, stack, who, account, 1_000)
	do("release", `{"operation": "cancellation", "transactionId": "`+hold+`"}`, http.StatusCreated)
	require.Equal(t, json.Number("60.25"), ask(t, stack, who, "", http.MethodGet, "/wallet/balance", "").decode(t)["available"])

	awaitStatement(t, stack, &bankv1.Account{Name: "accounts/" + account}, func(s *statementv1.Statement) bool {
		return s.GetBalanceMinor() == 6_025 && s.GetHeldMinor() == 0
	}, "the statement has all of it")
	requireShortStatement(t, stack, who)
	requireLongStatement(t, stack, who)

	require.Equal(t, http.StatusNoContent, ask(t, stack, who, "", http.MethodPost, "/auth/sign-out", "").status)
	await.Until(t, func() bool {
		return ask(t, stack, who, "", http.MethodGet, "/wallet/balance", "").status == http.StatusUnauthorized
	}, timeout, 20*time.Millisecond, "a session that has ended is not taken any more")
	requireAuditEqual(t, stack)
}

// signUpByAPI signs somebody up, by e-mail, and in.
func signUpByAPI(t *testing.T, stack *launch.Stack) *launch.Person {
	t.Helper()
	who := &launch.Person{Email: "api-" + uuid.NewString()[:13] + "@example.com", Password: seedPassword}
	asked := ask(t, stack, nil, "", http.MethodPost, "/auth/sign-up", `{"email": "`+who.Email+`"}`)
	require.Equal(t, http.StatusAccepted, asked.status, "%s", asked.body)
	ctx, cancel := context.WithTimeout(t.Context(), timeout)
	defer cancel()
	confirmed := ask(t, stack, nil, "", http.MethodPost, "/auth/sign-up/confirm", `{"token": "`+stack.AwaitCode(ctx, who.Email)+`", "password": "`+who.Password+`"}`)
	require.Equal(t, http.StatusCreated, confirmed.status, "%s", confirmed.body)
	var err error
	who.User, err = uuid.Parse(confirmed.decode(t)["id"].(string))
	require.NoError(t, err)
	signedIn := ask(t, stack, nil, "", http.MethodPost, "/auth/sign-in", `{"email": "`+who.Email+`", "password": "`+who.Password+`"}`)
	require.Equal(t, http.StatusOK, signedIn.status, "%s", signedIn.body)
	who.Token = signedIn.decode(t)["token"].(string)
	me := ask(t, stack, who, "", http.MethodGet, "/auth/me", "")
	require.Equal(t, who.Email, me.decode(t)["email"])
	wrong := ask(t, stack, nil, "", http.MethodPost, "/auth/sign-in", `{"email": "`+who.Email+`", "password": "wrong password"}`)
	require.Equal(t, http.StatusUnauthorized, wrong.status, "%s", wrong.body)
	return who
}

// placeHold sets an amount aside by the contract's own REST, and returns the id of the hold.
func placeHold(t *testing.T, stack *launch.Stack, who *launch.Person, account string, amount int64) string {
	t.Helper()
	got := ask(t, stack, who, "", http.MethodPost, "/v1/accounts/"+account+":hold",
		fmt.Sprintf(`{"requestId": "hold", "amountMinor": %d, "currency": "BRL", "merchantReference": "room-12"}`, amount))
	require.Equal(t, http.StatusOK, got.status, "%s", got.body)
	return idOf(got.decode(t)["transaction"].(map[string]any)["name"].(string))
}

// requireShortStatement asks for the lines of some days, which are in the answer.
func requireShortStatement(t *testing.T, stack *launch.Stack, who *launch.Person) {
	t.Helper()
	today := time.Now().UTC()
	got := ask(t, stack, who, "short", http.MethodPost, "/statement/generate",
		`{"minDate": "`+today.AddDate(0, 0, -3).Format(time.DateOnly)+`", "maxDate": "`+today.Format(time.DateOnly)+`"}`)
	require.Equal(t, http.StatusOK, got.status, "%s", got.body)
	statement := got.decode(t)
	require.Equal(t, json.Number("0.00"), statement["openingBalance"])
	require.Equal(t, json.Number("60.25"), statement["closingBalance"])
	require.Len(t, statement["items"], 4)
}

// requireLongStatement asks for more days than are made at once.
func requireLongStatement(t *testing.T, stack *launch.Stack, who *launch.Person) {
	t.Helper()
	today := time.Now().UTC()
	body := `{"minDate": "` + today.AddDate(0, 0, -40).Format(time.DateOnly) + `", "maxDate": "` + today.Format(time.DateOnly) + `", "format": "csv"}`
	got := ask(t, stack, who, "long", http.MethodPost, "/statement/generate", body)
	require.Equal(t, http.StatusAccepted, got.status, "%s", got.body)
	file := got.decode(t)
	require.Equal(t, file["id"], ask(t, stack, who, "long", http.MethodPost, "/statement/generate", body).decode(t)["id"], "the same key is the same file")
	await.Until(t, func() bool {
		return ask(t, stack, who, "", http.MethodGet, file["location"].(string), "").decode(t)["state"] == "ready"
	}, timeout, 50*time.Millisecond)
	content := ask(t, stack, who, "", http.MethodGet, file["content"].(string), "")
	require.Equal(t, http.StatusOK, content.status)
	require.Contains(t, content.header.Get("Content-Disposition"), "attachment")
	requireVerified(t, stack, "long.csv", content.body)
	other := newCustomer(t, stack, seedPassword)
	for _, path := range []string{file["location"].(string), file["content"].(string)} {
		require.Equal(t, http.StatusNotFound, ask(t, stack, other, "", http.MethodGet, path, "").status, path)
	}
}

// requireVerified lets bankctl compare a file with its digests and with the ledger.
func requireVerified(t *testing.T, stack *launch.Stack, name string, content []byte) {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(path, content, 0o600))
	var report strings.Builder
	err := stack.Bankctl(t.Context(), &report, "statement", "verify", path)
	require.NoError(t, err, "%s\n%s", report.String(), content)
	require.Contains(t, report.String(), "statement: verified")
}
