package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"codebank.dev/gateway/gatewaytest"
	"codebank.dev/native/await"
	"codebank.dev/platform/serve"
	"codebank.dev/platform/wallstest"
	"github.com/stretchr/testify/require"
)

// problem reads an answer as problem details with this status.
func problem(t *testing.T, answer *http.Response, body string, status int) serve.Problem {
	t.Helper()
	require.Equal(t, status, answer.StatusCode, body)
	require.Equal(t, "application/problem+json", answer.Header.Get("Content-Type"))
	var read serve.Problem
	require.NoError(t, json.Unmarshal([]byte(body), &read), body)
	require.Equal(t, answer.Header.Get("X-Trace-Id"), read.TraceID)
	return read
}

// transact does an operation under a key.
func (p *process) transact(t *testing.T, who as, key, body string) (*http.Response, string) {
	t.Helper()
	return p.send(t, who, "POST", "/wallet/transaction", body, "Idempotency-Key", key)
}

// balanceOf returns the balance of a wallet as its JSON shows it.
func (p *process) balanceOf(t *testing.T, who as) string {
	t.Helper()
	_, body := p.send(t, who, "GET", "/wallet/balance", "")
	var read struct{ Balance json.Number }
	require.NoError(t, json.Unmarshal([]byte(body), &read), body)
	return read.Balance.String()
}

func TestTheWalletGoesThroughAllOperations(t *testing.T) {
	p := start(t)
	maria := as(p.Kit.Customer(t, gatewaytest.User))
	answer, body := p.send(t, maria, "GET", "/wallet/balance", "")
	require.Equal(t, 200, answer.StatusCode, body)
	require.JSONEq(t, `{"balance":0.00,"held":0.00,"available":0.00,"currency":"BRL"}`, body)

	answer, body = p.transact(t, maria, "d", `{"operation":"deposit","amount":100.50,"description":"Salary"}`)
	require.Equal(t, 201, answer.StatusCode, body)
	require.Contains(t, body, `"amount":100.50`, "a number with the currency's decimal places")
	require.Equal(t, "completed", member(t, body, "status"))
	require.Equal(t, "Salary", member(t, body, "description"))
	answer, body = p.transact(t, maria, "w", `{"operation":"withdraw","amount":"0.5"}`)
	require.Equal(t, 201, answer.StatusCode, body)
	answer, body = p.transact(t, maria, "p", `{"operation":"purchase","amount":40}`)
	require.Equal(t, 201, answer.StatusCode, body)
	bought := member(t, body, "transactionId")
	require.Equal(t, "60.00", p.balanceOf(t, maria))

	answer, body = p.transact(t, maria, "c", `{"operation":"cancellation","transactionId":"`+bought+`"}`)
	require.Equal(t, "NOT_PENDING", problem(t, answer, body, 422).Reason, "what has moved money is not cancelled, and can still be reversed")
	answer, body = p.transact(t, maria, "r1", `{"operation":"reversal","transactionId":"`+bought+`","amount":15.01}`)
	require.Equal(t, 201, answer.StatusCode, body)
	require.Equal(t, bought, member(t, body, "originalTransactionId"))
	answer, body = p.transact(t, maria, "r2", `{"operation":"reversal","transactionId":"`+bought+`"}`)
	require.Equal(t, 201, answer.StatusCode, body)
	require.Contains(t, body, `"amount":24.99`)
	require.Equal(t, "100.00", p.balanceOf(t, maria))
	answer, body = p.transact(t, maria, "r3", `{"operation":"reversal","transactionId":"`+bought+`"}`)
	require.Equal(t, "ALREADY_REVERSED", problem(t, answer, body, 422).Reason)

	for range 2 {
		answer, body = p.transact(t, maria, "much", `{"operation":"withdraw","amount":100.01}`)
		require.Equal(t, "INSUFFICIENT_FUNDS", problem(t, answer, body, 422).Reason, "a repeat gets the refusal again")
	}
	_, body = p.send(t, maria, "GET", "/q/accounts", "")
	require.Contains(t, body, `"balance":10000,`)
}

// Deposits, other people's purchases, and purchases from a merchant of his own choice are nothing that a user
// takes back by himself, whichever way he asks.
func TestOnlyTheWalletsOwnPurchasesAreGivenBack(t *testing.T) {
	p := start(t)
	maria, joao := as(p.Kit.Customer(t, gatewaytest.User)), as(p.Kit.Customer(t, other))
	_, body := p.transact(t, maria, "d", `{"operation":"deposit","amount":100}`)
	paidIn := member(t, body, "transactionId")
	answer, body := p.transact(t, maria, "r", `{"operation":"reversal","transactionId":"`+paidIn+`"}`)
	require.Equal(t, "NOT_REVERSIBLE", problem(t, answer, body, 422).Reason)
	_, body = p.transact(t, maria, "p", `{"operation":"purchase","amount":1}`)
	bought := member(t, body, "transactionId")
	for _, operation := range []string{"reversal", "cancellation"} {
		answer, body = p.transact(t, joao, operation, `{"operation":"`+operation+`","transactionId":"`+bought+`"}`)
		theirs := problem(t, answer, body, 404)
		answer, body = p.transact(t, joao, operation, `{"operation":"`+operation+`","transactionId":"`+other+`"}`)
		missing := problem(t, answer, body, 404)
		theirs.TraceID, missing.TraceID = "", ""
		require.Equal(t, missing, theirs, "what is not yours is as what is not there")
	}
	_, body = p.send(t, maria, "GET", "/wallet/balance", "")
	account := member(t, body, "accountId")
	answer, body = p.send(t, maria, "POST", "/v1/accounts/"+account+":purchase",
		`{"requestId":"shop","amountMinor":"100","currency":"BRL","merchant":{"id":"padaria","name":"Padaria","categoryCode":"5462","city":"Olinda","country":"BR"}}`)
	require.Equal(t, 200, answer.StatusCode, body)
	shop := member(t, body, "transaction", "name")
	answer, body = p.send(t, maria, "POST", "/v1/"+shop+":reverse", `{"requestId":"back"}`)
	require.Equal(t, "MERCHANT_GIVES_BACK", problem(t, answer, body, 403).Reason)
	answer, body = p.transact(t, maria, "back", `{"operation":"reversal","transactionId":"`+shop[len("transactions/"):]+`"}`)
	require.Equal(t, "MERCHANT_GIVES_BACK", problem(t, answer, body, 403).Reason)
}

func TestACancellationReleasesAHold(t *testing.T) {
	p := start(t)
	maria := as(p.Kit.Customer(t, gatewaytest.User))
	p.transact(t, maria, "d", `{"operation":"deposit","amount":100}`)
	_, body := p.send(t, maria, "GET", "/wallet/balance", "")
	_, body = p.send(t, maria, "POST", "/v1/accounts/"+member(t, body, "accountId")+":hold", `{"requestId":"h","amountMinor":"2500","currency":"BRL"}`)
	held := member(t, body, "transaction", "name")[len("transactions/"):]
	_, body = p.send(t, maria, "GET", "/wallet/balance", "")
	require.Contains(t, body, `"held":25.00,"available":75.00`)
	for i := range 2 {
		answer, body := p.transact(t, maria, "c", `{"operation":"cancellation","transactionId":"`+held+`"}`)
		require.Equal(t, 201, answer.StatusCode, body)
		require.Equal(t, i > 0, answer.Header.Get("Idempotency-Replayed") == "true")
	}
	_, body = p.send(t, maria, "GET", "/wallet/balance", "")
	require.Contains(t, body, `"held":0.00,"available":100.00`)
}

// An amount is what its text says, and nothing is rounded.
func TestAnAmountIsReadExactlyOrRefused(t *testing.T) {
	p := start(t)
	maria := as(p.Kit.Customer(t, gatewaytest.User))
	for i, amount := range []string{"0.1", `"0.2"`, "9007199254740.93", "1"} {
		answer, body := p.transact(t, maria, fmt.Sprint("fine-", i), `{"operation":"deposit","amount":`+amount+`}`)
		require.Equal(t, 201, answer.StatusCode, body)
	}
	require.Equal(t, "9007199254742.23", p.balanceOf(t, maria))
	for _, amount := range []string{"1.005", `"1.230"`, "0", "-1", `"-0.01"`, "1e2", `"1,5"`, `""`, "true", "[1]", "{}", `"NaN"`, "99999999999999999999", "10000000000000.00"} {
		answer, body := p.transact(t, maria, "wrong", `{"operation":"deposit","amount":`+amount+`}`)
		require.Equal(t, "amount", problem(t, answer, body, 400).Field, amount)
	}
	for body, field := range map[string]string{
		`{}`: "operation", `{"operation":"steal","amount":1}`: "operation", `{"operation":0}`: "operation", `{"operation":"deposit"}`: "amount",
		`{"operation":"deposit","amount":1,"transactionId":"` + other + `"}`: "transactionId",
		`{"operation":"reversal"}`:                                                "transactionId",
		`{"operation":"reversal","transactionId":"x"}`:                            "transactionId",
		`{"operation":"cancellation","transactionId":"` + other + `","amount":1}`: "amount",
		`{"operation":"deposit","amount":1,"amount":2}`:                           "amount",
		`{"operation":"deposit","amount":1,"userId":"` + other + `"}`:             "userId",
	} {
		answer, text := p.transact(t, maria, "wrong", body)
		require.Equal(t, field, problem(t, answer, text, 400).Field, body)
	}
	require.Equal(t, "9007199254742.23", p.balanceOf(t, maria))
}

func TestAKeyNamesACommand(t *testing.T) {
	p := start(t)
	maria, joao := as(p.Kit.Customer(t, gatewaytest.User)), as(p.Kit.Customer(t, other))
	const deposit = `{"operation":"deposit","amount":5}`
	for _, path := range []string{"/wallet/transaction", "/statement/generate"} {
		answer, body := p.send(t, maria, "POST", path, deposit)
		refused := problem(t, answer, body, 400)
		require.Equal(t, "IDEMPOTENCY_KEY_REQUIRED", refused.Reason)
		require.Equal(t, "Idempotency-Key", refused.Field)
	}
	answer, first := p.transact(t, maria, "one", deposit)
	require.Empty(t, answer.Header.Get("Idempotency-Replayed"))
	answer, again := p.transact(t, maria, "one", deposit)
	require.Equal(t, first, again)
	require.Equal(t, "true", answer.Header.Get("Idempotency-Replayed"))
	for i := range 2 {
		answer, _ = p.transact(t, maria, "declined", `{"operation":"withdraw","amount":500}`)
		require.Equal(t, 422, answer.StatusCode)
		require.Equal(t, i > 0, answer.Header.Get("Idempotency-Replayed") == "true")
	}
	require.Equal(t, "5.00", p.balanceOf(t, maria))
	answer, body := p.transact(t, maria, "one", `{"operation":"deposit","amount":6}`)
	require.Empty(t, answer.Header.Get("Idempotency-Replayed"))
	refused := problem(t, answer, body, 422)
	require.Equal(t, "IDEMPOTENCY_KEY_REUSED", refused.Reason)
	require.Equal(t, "Idempotency-Key", refused.Field)
	answer, body = p.transact(t, joao, "one", `{"operation":"deposit","amount":7}`)
	require.Equal(t, 201, answer.StatusCode, "another user has keys of his own: %s", body)
	require.Equal(t, "7.00", p.balanceOf(t, joao))

	// The contract's own REST has the same commands by the same names.
	_, body = p.send(t, maria, "GET", "/wallet/balance", "")
	account := member(t, body, "accountId")
	answer, body = p.send(t, maria, "POST", "/v1/accounts/"+account+":deposit", `{"requestId":"one","amountMinor":"500","currency":"BRL"}`)
	require.Equal(t, 200, answer.StatusCode, body)
	require.Equal(t, "one", member(t, body, "transaction", "requestId"))
	require.Equal(t, "true", answer.Header.Get("Idempotency-Replayed"))
	require.Equal(t, member(t, first, "transactionId"), member(t, body, "transaction", "name")[len("transactions/"):])
	require.Equal(t, "5.00", p.balanceOf(t, maria))
	answer, body = p.send(t, joao, "POST", "/v1/transactions:cancel", `{"requestId":"unused"}`)
	require.Equal(t, 200, answer.StatusCode, body)
	answer, body = p.transact(t, maria, "unused", deposit)
	require.Equal(t, 201, answer.StatusCode, "another user's id is another one: %s", body)
	answer, body = p.send(t, maria, "POST", "/v1/transactions:cancel", `{"requestId":"not a word"}`)
	require.Equal(t, "request_id", problem(t, answer, body, 400).Field)
}

// Many first commands at once open one wallet.
func TestAWalletIsOpenedOnce(t *testing.T) {
	p := start(t)
	maria := as(p.Kit.Customer(t, gatewaytest.User))
	var sending sync.WaitGroup
	for i := range 8 {
		sending.Go(func() {
			answer, body := p.transact(t, maria, fmt.Sprint(i), `{"operation":"deposit","amount":1}`)
			if answer.StatusCode != 201 {
				t.Error(body)
			}
		})
	}
	sending.Wait()
	require.Equal(t, "8.00", p.balanceOf(t, maria))
	_, body := p.send(t, maria, "GET", "/q/accounts", "")
	var read struct{ Accounts []struct{ ID string } }
	require.NoError(t, json.Unmarshal([]byte(body), &read))
	require.Len(t, read.Accounts, 1)

	// A wallet that was closed is followed by a new one.
	answer, body := p.send(t, maria, "POST", "/v1/accounts/"+read.Accounts[0].ID+":close", `{"requestId":"close"}`)
	require.Equal(t, 200, answer.StatusCode, body)
	p.transact(t, maria, "after", `{"operation":"deposit","amount":2}`)
	require.Equal(t, "2.00", p.balanceOf(t, maria))
}

func TestSigningInAndOut(t *testing.T) {
	p := start(t)
	answer, body := p.send(t, "", "POST", "/authorize", `{"email":"`+gatewaytest.Email+`","password":"wrong"}`)
	require.Equal(t, "WRONG_CREDENTIALS", problem(t, answer, body, 401).Reason)
	answer, body = p.send(t, "", "POST", "/auth/sign-in", `{"email":"`+gatewaytest.Email+`","password":"`+gatewaytest.Password+`","device":"Phone"}`, "X-Forwarded-For", "203.0.113.9")
	require.Equal(t, 200, answer.StatusCode, body)
	require.Empty(t, answer.Header.Values("Set-Cookie"))
	require.Equal(t, "no-store", answer.Header.Get("Cache-Control"))
	require.Equal(t, "refresh-1", member(t, body, "refreshToken"))
	require.Equal(t, "device-1", member(t, body, "deviceToken"))
	require.Equal(t, []string{"127.0.0.1", "127.0.0.1"}, p.Identity.Addresses(), "only a proxy that is trusted says where a client is")
	token := member(t, body, "token")
	_, body = p.send(t, as(token), "GET", "/auth/me", "")
	require.Equal(t, gatewaytest.Email, member(t, body, "email"))
	require.Equal(t, gatewaytest.User, member(t, body, "id"))
	answer, body = p.send(t, "", "POST", "/auth/refresh", `{"refreshToken":"refresh-1"}`)
	require.Equal(t, 200, answer.StatusCode, body)
	require.Equal(t, "refresh-2", member(t, body, "refreshToken"))
	answer, body = p.send(t, as(token), "POST", "/auth/sign-out", "")
	require.Equal(t, 204, answer.StatusCode, body)
	answer, body = p.send(t, "", "POST", "/auth/sign-out", `{"refreshToken":"refresh-2"}`)
	require.Equal(t, 204, answer.StatusCode, body)
	answer, body = p.send(t, "", "POST", "/auth/sign-out", "")
	problem(t, answer, body, 401)
	require.Equal(t, []string{token, "refresh-2"}, p.Identity.SignedOut())

	answer, body = p.send(t, "", "POST", "/auth/sign-up", `{"name":"Ana","email":"ana@example.com","password":"a-long-password"}`)
	require.Equal(t, 202, answer.StatusCode, body)
	require.Contains(t, member(t, body, "next"), "/auth/sign-up/confirm")
	answer, body = p.send(t, "", "POST", "/auth/sign-up/confirm", `{"token":"guessed","password":"a-long-password"}`)
	problem(t, answer, body, 422)
	require.NotContains(t, p.Log(), token)
}

func TestBehindAProxyTheClientIsWhoTheProxySays(t *testing.T) {
	p := start(t, "--trusted-proxies=127.0.0.0/8")
	p.send(t, "", "POST", "/authorize", `{"email":"a@example.com","password":"b"}`, "X-Forwarded-For", "10.9.9.9, 203.0.113.9")
	require.Equal(t, []string{"203.0.113.9"}, p.Identity.Addresses())
}

func TestAStatementIsAnsweredAtOnceOrMadeLater(t *testing.T) {
	p := start(t)
	maria, joao := as(p.Kit.Customer(t, gatewaytest.User)), as(p.Kit.Customer(t, other))
	generate := func(key, body string) (*http.Response, string) {
		return p.send(t, maria, "POST", "/statement/generate", body, "Idempotency-Key", key)
	}
	today := time.Now().UTC()
	date := func(days int) string { return today.AddDate(0, 0, -days).Format(time.DateOnly) }
	answer, body := generate("none", `{"maxDate":"`+date(3)+`"}`)
	require.Equal(t, "ACCOUNT_NOT_FOUND", problem(t, answer, body, 404).Reason, "a statement opens no wallet")
	p.transact(t, maria, "d", `{"operation":"deposit","amount":10}`)
	p.transact(t, maria, "p", `{"operation":"purchase","amount":2.5}`)

	p.Statement.Lose(true)
	for _, format := range []string{"json", "csv"} {
		answer, body = generate("early", `{"maxDate":"`+date(3)+`","format":"`+format+`"}`)
		require.Equal(t, "STATEMENT_BEHIND", problem(t, answer, body, 503).Reason)
		require.Equal(t, "1", answer.Header.Get("Retry-After"))
	}
	answer, body = generate("early", `{"maxDate":"`+date(3)+`","accountId":"`+other+`"}`)
	require.Equal(t, "accountId", problem(t, answer, body, 404).Field)
	p.Statement.Lose(false)

	answer, body = generate("short", `{"maxDate":"`+date(3)+`"}`)
	require.Equal(t, 200, answer.StatusCode, body)
	require.Contains(t, body, `"closingBalance":7.50`)
	var read struct {
		Items []struct {
			Operation       string
			Amount, Balance json.Number
		}
	}
	require.NoError(t, json.Unmarshal([]byte(body), &read))
	require.Len(t, read.Items, 2)
	require.Equal(t, "deposit", read.Items[0].Operation, "oldest first")
	require.Equal(t, json.Number("7.50"), read.Items[1].Balance)

	answer, body = generate("csv", `{"minDate":"`+date(3)+`","maxDate":"`+date(0)+`","format":"csv"}`)
	require.Equal(t, 200, answer.StatusCode, body)
	require.Equal(t, gatewaytest.Content, body)
	require.Equal(t, `attachment; filename=statement.csv`, answer.Header.Get("Content-Disposition"))

	answer, body = generate("long", `{"maxDate":"`+date(40)+`"}`)
	require.Equal(t, 202, answer.StatusCode, body)
	require.Equal(t, "csv", member(t, body, "format"))
	require.Equal(t, []string{gatewaytest.Email}, p.Statement.Announced(), "only what takes long is announced")
	location := answer.Header.Get("Location")
	require.Equal(t, location, member(t, body, "location"))
	_, body = p.send(t, maria, "GET", "/wallet/balance", "")
	byContract := func(id, address string) (*http.Response, string) {
		return p.send(t, maria, "POST", "/v1/accounts/"+member(t, body, "accountId")+"/files", `{"requestId":"`+id+`","format":"FILE_FORMAT_CSV",`+
			`"startTime":"2026-01-01T00:00:00Z","endTime":"2026-01-02T00:00:00Z","email":"`+address+`"}`)
	}
	answer, text := byContract("stranger", "someone@else.example")
	require.Equal(t, "email", problem(t, answer, text, 400).Field)
	answer, text = byContract("own", strings.ToUpper(gatewaytest.Email))
	require.Equal(t, 200, answer.StatusCode, text)
	answer, body = p.send(t, maria, "GET", location, "")
	require.Equal(t, 200, answer.StatusCode, body)
	require.Equal(t, "pending", member(t, body, "state"))
	answer, body = p.send(t, maria, "GET", location+"/content", "")
	require.Equal(t, "FILE_NOT_READY", problem(t, answer, body, 422).Reason)
	time.Sleep(time.Until(today.Truncate(time.Second).Add(time.Second))) // tidy:sleep the present is another second
	require.Empty(t, answer.Header.Get("Idempotency-Replayed"))
	p.Identity.Leave() // A repeat needs no address.
	answer, body = generate("long", `{"maxDate":"`+date(40)+`"}`)
	require.Equal(t, "true", answer.Header.Get("Idempotency-Replayed"), body)
	require.Equal(t, 202, answer.StatusCode, "a later repeat is the same file: %s", body)
	require.Equal(t, location, answer.Header.Get("Location"))
	answer, body = generate("long", `{"maxDate":"`+date(50)+`"}`)
	require.Equal(t, "IDEMPOTENCY_KEY_REUSED", problem(t, answer, body, 422).Reason)
	for _, different := range []string{`"format":"pdf"`, `"language":"pt-BR"`} {
		answer, body = generate("long", `{"maxDate":"`+date(40)+`",`+different+`}`)
		require.Equal(t, "IDEMPOTENCY_KEY_REUSED", problem(t, answer, body, 422).Reason, different)
	}
	answer, body = generate("long-and-new", `{"maxDate":"`+date(40)+`"}`)
	problem(t, answer, body, 503)
	_, body = p.send(t, maria, "GET", "/wallet/balance", "")
	_, body = p.send(t, maria, "GET", "/v1/accounts/"+member(t, body, "accountId")+"/files", "")
	require.Contains(t, body, `"files":[{`)
	require.NotRegexp(t, `"requestId":"[^"]`, body, "a derived id names nothing to the user")
	p.Statement.Work()
	answer, body = p.send(t, maria, "GET", location+"/content", "")
	require.Equal(t, 200, answer.StatusCode, body)
	require.Equal(t, gatewaytest.Content, body)
	parts := strings.Split(location, "/")
	contract := "/v1/accounts/" + parts[3] + "/files/" + parts[4]
	answer, body = p.send(t, maria, "GET", contract+":download", "")
	require.Equal(t, 200, answer.StatusCode, body)
	require.Equal(t, gatewaytest.Content, body)
	require.Equal(t, "text/csv; charset=utf-8", answer.Header.Get("Content-Type"))
	answer, _ = p.send(t, "", "GET", contract+":download", "")
	require.Equal(t, 401, answer.StatusCode)
	for _, path := range []string{location, location + "/content", contract, contract + ":download", "/statement/files/x/y"} {
		answer, body = p.send(t, joao, "GET", path, "")
		require.Equal(t, "FILE_NOT_FOUND", problem(t, answer, body, 404).Reason)
	}

	for body, field := range map[string]string{
		`{}`: "maxDate", `{"maxDate":"31/01/2026"}`: "maxDate", `{"maxDate":"` + date(-2) + `"}`: "maxDate",
		`{"maxDate":"` + date(3) + `","minDate":"` + date(2) + `"}`:    "maxDate",
		`{"maxDate":"` + date(3) + `","minDate":"yesterday"}`:          "minDate",
		`{"maxDate":"` + date(3) + `","format":"xls"}`:                 "format",
		`{"maxDate":"` + date(3) + `","accountId":"1"}`:                "accountId",
		`{"maxDate":"` + date(3) + `","email":"someone@else.example"}`: "email",
	} {
		answer, text := generate("wrong", body)
		require.Equal(t, field, problem(t, answer, text, 400).Field, body)
	}
}

func TestAnEndedSessionIsRefused(t *testing.T) {
	p := start(t)
	session := as(p.Kit.Sign(t, wallstest.Token{Subject: gatewaytest.User, Roles: []string{"customer"}, Session: other}))
	answer, body := p.transact(t, session, "d", `{"operation":"deposit","amount":10}`)
	require.Equal(t, 201, answer.StatusCode, body)
	p.Kit.EndSession(other)
	await.Until(t, func() bool {
		answer, _ := p.send(t, session, "GET", "/wallet/balance", "")
		return answer.StatusCode == 401
	}, 10*time.Second, 20*time.Millisecond)
	require.Equal(t, "10.00", p.balanceOf(t, as(p.Kit.Customer(t, gatewaytest.User))))
}
