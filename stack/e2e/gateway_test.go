package e2e

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"codebank.dev/native/await"
	bankv1 "codebank.dev/schemas/gen/bank/v1"
	"codebank.dev/stack/launch"
)

// seedPassword is that of the document whose calls are tried below.
const seedPassword = "dameDiner0"

// newCustomer signs a new user up, with a password, and in.
func newCustomer(t *testing.T, stack *launch.Stack, password string) *launch.Person {
	t.Helper()
	person, err := stack.SignUpWith(t.Context(), "e2e-"+uuid.NewString()[:13]+"@example.com", password)
	require.NoError(t, err)
	return person
}

// mostAtOnce is the largest amount of one request, in minor units.
const mostAtOnce = 999_999_999_999_999

// openFor opens a wallet of a customer with a deposit, which may be more than one request can pay in. The bank's
// operator does so.
func openFor(t *testing.T, stack *launch.Stack, who *launch.Person, deposit int64) *bankv1.Account {
	t.Helper()
	wallets := bankv1.NewWalletServiceClient(dial(t, stack.Addresses().BankGRPC()))
	first := min(deposit, mostAtOnce)
	opened, err := wallets.OpenAccount(t.Context(), &bankv1.OpenAccountRequest{
		RequestId: newRequestID(), CustomerId: who.User.String(), Currency: "BRL", OpeningDepositMinor: first,
	})
	require.NoError(t, err)
	for left := deposit - first; left > 0; left -= mostAtOnce {
		_, err := wallets.Deposit(t.Context(), &bankv1.DepositRequest{
			RequestId: newRequestID(), Account: opened.GetAccount().GetName(), AmountMinor: min(left, mostAtOnce), Currency: "BRL",
		})
		require.NoError(t, err)
	}
	return opened.GetAccount()
}

// balanceOf is the balance of an account in the ledger.
func balanceOf(t *testing.T, stack *launch.Stack, account *bankv1.Account) int64 {
	t.Helper()
	read, err := bankv1.NewWalletServiceClient(dial(t, stack.Addresses().BankGRPC())).GetBalance(t.Context(), &bankv1.GetBalanceRequest{Name: account.GetName()})
	require.NoError(t, err)
	return read.GetAccount().GetBalanceMinor()
}

// answer is what the gateway answered.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// decode returns the body, which must be a JSON object.
func (a *answer) decode(t *testing.T) map[string]any {
	t.Helper()
	var decoded map[string]any
	decoder := json.NewDecoder(bytes.NewReader(a.body))
	decoder.UseNumber()
	require.NoError(t, decoder.Decode(&decoded), "%d %s", a.status, a.body)
	return decoded
}

// ask calls the gateway for a customer; nil is somebody who has not signed in. Without a key there is none.
func ask(t *testing.T, stack *launch.Stack, who *launch.Person, key, method, path, body string) *answer {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, launch.URL(stack.Addresses().GatewayHTTP())+path, strings.NewReader(body))
	require.NoError(t, err)
	if body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	if who != nil {
		request.Header.Set("Authorization", "Bearer "+who.Token)
	}
	if key != "" {
		request.Header.Set("Idempotency-Key", key)
	}
	client, err := stack.HTTPClient("")
	require.NoError(t, err)
	response, err := client.Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return &answer{status: response.StatusCode, header: response.Header, body: content}
}

// shell runs a line of the document as it stands there. curl trusts the stack's authority by its environment.
func shell(t *testing.T, stack *launch.Stack, line string) string {
	t.Helper()
	command := exec.CommandContext(t.Context(), "bash", "-c", line)
	command.Env = append(os.Environ(), "CURL_CA_BUNDLE="+filepath.Join(stack.Dir(), "tls", "authority.pem"))
	var complaints bytes.Buffer
	command.Stderr = &complaints
	output, err := command.Output()
	require.NoError(t, err, "%s\n%s", line, complaints.String())
	return string(output)
}

// The lines of the document of seed 003, with only host, token and key changed.
const (
	authorizeLine = `curl -X "POST" "http://localhost:3000/authorize" \
     -H 'Content-Type: application/json' \
     -d $'{
  "email": "[email protected]",
  "password": "dameDiner0"
}'`
	accountsLine = `curl "http://localhost:3000/q/accounts" \
     -H 'Authorization: Bearer <JWT>'`
	transferLine = `curl -X "POST" "http://localhost:3000/cmd/transfer" \
     -H 'Authorization: Bearer <TOKEN>' \
     -H 'Content-Type: application/json' \
     -H 'Idempotency-Key: <KEY>' \
     -d $'{
  "amount": 1,
  "message": "Te quiero",
  "from_account_id": "UUID1",
  "to_account_id": "UUID2"
}'`
)

func TestTheCallsOfTheTransferDocumentWorkAsItSays(t *testing.T) {
	stack := running(t)
	who := newCustomer(t, stack, seedPassword)
	first, second := openFor(t, stack, who, 12_000_000_000), openFor(t, stack, who, 5_600_000_000_000_000)
	fill := func(line string, pairs ...string) string {
		return strings.NewReplacer(append(pairs, "http://localhost:3000", launch.URL(stack.Addresses().GatewayHTTP()))...).Replace(line)
	}

	var authorized struct{ Token string }
	require.NoError(t, json.Unmarshal([]byte(shell(t, stack, fill(authorizeLine, "[email protected]", who.Email))), &authorized))
	require.NotEmpty(t, authorized.Token)

	list := func() map[string]int64 {
		var read struct {
			Accounts []struct {
				ID      string
				Balance int64
			}
		}
		require.NoError(t, json.Unmarshal([]byte(shell(t, stack, fill(accountsLine, "<JWT>", authorized.Token))), &read))
		found := map[string]int64{}
		for _, one := range read.Accounts {
			found[one.ID] = one.Balance
		}
		return found
	}
	from, to := idOf(first.GetName()), idOf(second.GetName())
	require.Equal(t, map[string]int64{from: 12_000_000_000, to: 5_600_000_000_000_000}, list())

	line := fill(transferLine, "<TOKEN>", authorized.Token, "<KEY>", "dinner", "UUID1", from, "UUID2", to)
	accepted := shell(t, stack, line)
	require.Contains(t, accepted, "processing")
	after := map[string]int64{from: 11_999_999_999, to: 5_600_000_000_000_001}
	await.Until(t, func() bool { return list()[from] == after[from] }, timeout, 50*time.Millisecond)
	require.Equal(t, after, list())
	require.JSONEq(t, accepted, shell(t, stack, line), "the same key is the same transfer")
	require.Equal(t, "completed", awaitTransfer(t, stack, who, accepted)["status"])
	require.Equal(t, after, list(), "and it moves once")
	requireAuditEqual(t, stack)
}

// awaitTransfer waits until a transfer, which was accepted so, has ended, and returns it.
func awaitTransfer(t *testing.T, stack *launch.Stack, who *launch.Person, accepted string) map[string]any {
	t.Helper()
	id := (&answer{body: []byte(accepted)}).decode(t)["id"].(string)
	var ended map[string]any
	await.Until(t, func() bool {
		read := ask(t, stack, who, "", http.MethodGet, "/q/transfers/"+id, "")
		require.Equal(t, http.StatusOK, read.status, "%s", read.body)
		ended = read.decode(t)
		return ended["status"] != "processing"
	}, timeout, 50*time.Millisecond, "%s", accepted)
	return ended
}

// transferBody is the body of a transfer.
func transferBody(from, to string, amount string) string {
	return `{"amount": ` + amount + `, "message": "Te quiero", "from_account_id": "` + from + `", "to_account_id": "` + to + `"}`
}
