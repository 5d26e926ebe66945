package main

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"codebank.dev/gateway"
	"codebank.dev/gateway/gatewaytest"
	"codebank.dev/gateway/postgres"
	"codebank.dev/native/postgres/postgrestest"
	"codebank.dev/platform/database/databasetest"
	"codebank.dev/schemas/command"
	"github.com/stretchr/testify/require"
)

// transfersFlags are the flags of transfers: a migrated database, a key, and a broker and a registry that are away.
func transfersFlags(t *testing.T) []string {
	t.Helper()
	url := postgrestest.Database(t)
	require.NoError(t, postgres.Migrate(t.Context(), postgres.Config{URL: url}))
	return []string{
		"--database-url=" + databasetest.As(t, url, postgres.ServiceRole), "--command-key=" + keyFile(t),
		"--kafka-brokers=127.0.0.1:1", "--registry-url=http://127.0.0.1:1",
	}
}

// keyFile returns the name of a new file with a key of the gateway.
func keyFile(t *testing.T) string {
	t.Helper()
	none, err := command.ParseKeys([]byte(`{"keys":[]}`))
	require.NoError(t, err)
	content, err := none.With("gateway-1", gateway.Namespace, true)
	require.NoError(t, err)
	name := filepath.Join(t.TempDir(), "command-key.json")
	require.NoError(t, os.WriteFile(name, content, 0o600))
	return name
}

// shown is a transfer as the program answers it.
type shown struct {
	ID, Status, Currency, Message string
	Error                         *string
	Amount                        int64
}

// signIn returns the access token of the one user, and an open wallet of his.
func (p *process) signIn(t *testing.T) (who as, wallet string) {
	t.Helper()
	who = as(p.Kit.Customer(t, gatewaytest.User))
	answer, body := p.send(t, who, "POST", "/v1/accounts:open", `{"requestId": "`+rand.Text()+`", "currency": "BRL"}`)
	require.Equal(t, 200, answer.StatusCode, body)
	var opened struct{ Account struct{ Name string } }
	require.NoError(t, json.Unmarshal([]byte(body), &opened))
	return who, strings.TrimPrefix(opened.Account.Name, "accounts/")
}

// transfer asks for a transfer.
func (p *process) transfer(t *testing.T, who as, key, body string) (*http.Response, string) {
	t.Helper()
	return p.send(t, who, "POST", "/cmd/transfer", body, "Idempotency-Key", key)
}

const nobodys = "11111111-2222-4333-8444-555555555555"

func bodyOf(amount, from, to string) string {
	return fmt.Sprintf(`{"amount": %s, "message": "Te quiero", "from_account_id": "%s", "to_account_id": "%s"}`, amount, from, to)
}

func TestATransferIsAcceptedWhileBrokerAndRegistryAreAway(t *testing.T) {
	p := start(t)
	who, wallet := p.signIn(t)
	answer, body := p.transfer(t, who, "one", bodyOf("1", wallet, nobodys))
	require.Equal(t, 201, answer.StatusCode, body)
	var accepted shown
	require.NoError(t, json.Unmarshal([]byte(body), &accepted))
	require.Equal(t, shown{ID: accepted.ID, Status: "processing", Currency: "BRL", Message: "Te quiero", Amount: 1}, accepted)

	again, repeated := p.transfer(t, who, "one", bodyOf("1", wallet, nobodys))
	require.Equal(t, 201, again.StatusCode)
	require.Equal(t, body, repeated, "word for word")
	require.Equal(t, "true", again.Header.Get("Idempotency-Replayed"))
	require.Empty(t, answer.Header.Get("Idempotency-Replayed"))

	read, found := p.send(t, who, "GET", answer.Header.Get("Location"), "")
	require.Equal(t, 200, read.StatusCode)
	require.Equal(t, body, found)

	stranger := as(p.Kit.Customer(t, nobodys))
	hidden, _ := p.send(t, stranger, "GET", answer.Header.Get("Location"), "")
	require.Equal(t, 404, hidden.StatusCode)
	_, list := p.send(t, stranger, "GET", "/q/transfers", "")
	require.JSONEq(t, `{"transfers": [], "next_page_token": ""}`, list)
	hidden, _ = p.send(t, stranger, "POST", "/cmd/transfers/"+accepted.ID+"/cancel", "", "Idempotency-Key", "x")
	require.Equal(t, 404, hidden.StatusCode)
}

func TestWhatCannotBeSentIsRefusedAsTheSeedDoes(t *testing.T) {
	p := start(t)
	who, wallet := p.signIn(t)
	stranger := as(p.Kit.Customer(t, nobodys))
	_, body := p.transfer(t, who, "used", bodyOf("5", wallet, nobodys))
	require.Contains(t, body, "processing")
	for rule, tt := range map[string]struct {
		who       as
		key, body string
		status    int
		reason    string
	}{
		"without a key":                {who, "", bodyOf("1", wallet, nobodys), 400, "IDEMPOTENCY_KEY_REQUIRED"},
		"a key with a space":           {who, "a b", bodyOf("1", wallet, nobodys), 400, "INVALID_FIELD"},
		"a key of another transfer":    {who, "used", bodyOf("6", wallet, nobodys), 422, "IDEMPOTENCY_KEY_REUSED"},
		"another's source":             {stranger, "k", bodyOf("1", wallet, nobodys), 401, "SOURCE_NOT_YOURS"},
		"a source that does not exist": {who, "k", bodyOf("1", nobodys, wallet), 401, "SOURCE_NOT_YOURS"},
		"to itself":                    {who, "k", bodyOf("1", wallet, wallet), 422, "SAME_ACCOUNT"},
		"nothing":                      {who, "k", bodyOf("0", wallet, nobodys), 422, "AMOUNT_TOO_SMALL"},
		"less than nothing":            {who, "k", bodyOf("-1", wallet, nobodys), 422, "AMOUNT_TOO_SMALL"},
		"a part of a minor unit":       {who, "k", bodyOf("1.5", wallet, nobodys), 400, ""},
		"a number as a text":           {who, "k", bodyOf(`"1"`, wallet, nobodys), 400, ""},
		"too much for any account":     {who, "k", bodyOf("9223372036854775807", wallet, nobodys), 400, "INVALID_FIELD"},
		"more than 64 bits":            {who, "k", bodyOf("92233720368547758070", wallet, nobodys), 400, ""},
		"no source":                    {who, "k", `{"amount": 1, "to_account_id": "` + nobodys + `"}`, 400, "INVALID_FIELD"},
		"no amount":                    {who, "k", `{"from_account_id": "` + wallet + `", "to_account_id": "` + nobodys + `"}`, 400, "INVALID_FIELD"},
		"an account that is none":      {who, "k", bodyOf("1", wallet, "UUID2"), 400, "An account id is a lower-case UUID."},
		"an unknown member":            {who, "k", `{"amount": 1, "sudo": true}`, 400, ""},
		"nobody":                       {"", "k", bodyOf("1", wallet, nobodys), 401, ""},
	} {
		headers := []string{"Idempotency-Key", tt.key}
		if tt.key == "" {
			headers = nil
		}
		answer, body := p.send(t, tt.who, "POST", "/cmd/transfer", tt.body, headers...)
		require.Equal(t, tt.status, answer.StatusCode, "%s: %s", rule, body)
		require.Contains(t, body, tt.reason, rule)
	}
	_, list := p.send(t, who, "GET", "/q/transfers", "")
	require.Equal(t, 1, strings.Count(list, `"processing"`), list)
}

func TestTransfersAreListedInPages(t *testing.T) {
	p := start(t)
	who, wallet := p.signIn(t)
	for i := range 5 {
		answer, body := p.transfer(t, who, fmt.Sprint("key", i), bodyOf(fmt.Sprint(i+1), wallet, nobodys))
		require.Equal(t, 201, answer.StatusCode, body)
	}
	var page struct {
		Transfers     []shown
		NextPageToken string `json:"next_page_token"`
	}
	var amounts []int64
	for path := "/q/transfers?page_size=2&status=processing"; ; path = "/q/transfers?page_size=2&status=processing&page_token=" + page.NextPageToken {
		answer, body := p.send(t, who, "GET", path, "")
		require.Equal(t, 200, answer.StatusCode, body)
		require.NoError(t, json.Unmarshal([]byte(body), &page))
		for _, one := range page.Transfers {
			amounts = append(amounts, one.Amount)
		}
		if page.NextPageToken == "" {
			break
		}
	}
	require.Equal(t, []int64{5, 4, 3, 2, 1}, amounts)
	for _, query := range []string{"status=lost", "page_size=-1", "page_size=x", "page_token=x", "state=processing", "status=processing&status=completed"} {
		answer, body := p.send(t, who, "GET", "/q/transfers?"+query, "")
		require.Equal(t, 400, answer.StatusCode, "%s: %s", query, body)
	}
	_, body := p.send(t, who, "GET", "/q/transfers?page_size=1", "")
	require.NoError(t, json.Unmarshal([]byte(body), &page))
	stranger := as(p.Kit.Customer(t, nobodys))
	answer, _ := p.send(t, stranger, "GET", "/q/transfers?page_size=1&page_token="+page.NextPageToken, "")
	require.Equal(t, 400, answer.StatusCode, "a token is of one user's list")
}

func TestAHundredPostsWithOneKeyAreOneTransfer(t *testing.T) {
	p := start(t)
	who, wallet := p.signIn(t)
	answers := make(chan string, 100)
	var group sync.WaitGroup
	for range cap(answers) {
		group.Go(func() {
			answer, body := p.transfer(t, who, "one", bodyOf("3", wallet, nobodys))
			answers <- fmt.Sprint(answer.StatusCode, body)
		})
	}
	group.Wait()
	first := <-answers
	require.Contains(t, first, "201")
	for range cap(answers) - 1 {
		require.Equal(t, first, <-answers)
	}
	_, list := p.send(t, who, "GET", "/q/transfers", "")
	require.Equal(t, 1, strings.Count(list, `"processing"`))
}
