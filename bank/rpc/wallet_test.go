package rpc_test

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"codebank.dev/bank/banktest"
	"codebank.dev/bank/hold"
	"codebank.dev/bank/inmem"
	"codebank.dev/bank/ledger"
	"codebank.dev/bank/rpc"
	"codebank.dev/bank/vault"
	"codebank.dev/bank/wallet"
	"codebank.dev/platform/fault"
	"codebank.dev/platform/serve"
	bankv1 "codebank.dev/schemas/gen/bank/v1"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
)

func newWallets(t testing.TB, store *inmem.Store, executor *ledger.Executor, keys *vault.Vault) *rpc.Wallets {
	t.Helper()
	tokens, err := serve.NewPageTokens(make([]byte, serve.MinPageTokenKey))
	require.NoError(t, err)
	return &rpc.Wallets{
		Service: &wallet.Service{
			Code: "001", Ledger: executor, Directory: store, Reader: store, Accounts: store, Vault: keys,
			Holds: &hold.Service{Code: "001", Ledger: executor, Directory: store, Holds: store, Vault: keys},
		},
		PageTokens: tokens, EventVersion: 3,
	}
}

func (c clients) open(t testing.TB, deposit int64) *bankv1.Account {
	t.Helper()
	opened, err := c.wallets.OpenAccount(claim(t, "cashier", ""), &bankv1.OpenAccountRequest{
		RequestId: banktest.NewID().String(), Currency: "BRL", OpeningDepositMinor: deposit,
	})
	require.NoError(t, err)
	return opened.GetAccount()
}

func TestAWalletByEveryCallOfItsLife(t *testing.T) {
	c := newClients(t)
	cashier := claim(t, "cashier", "")
	opened, err := c.wallets.OpenAccount(cashier, &bankv1.OpenAccountRequest{RequestId: "o", Currency: "BRL", OpeningDepositMinor: 100})
	require.NoError(t, err)
	a, b := opened.GetAccount(), c.open(t, 0)
	require.Equal(t, bankv1.AccountKind_ACCOUNT_KIND_WALLET, a.GetKind())
	require.EqualValues(t, 100, a.GetBalanceMinor())
	deposit := opened.GetOpeningDeposit()
	require.Equal(t, bankv1.TransactionKind_TRANSACTION_KIND_DEPOSIT, deposit.GetKind())
	require.Equal(t, []string{"", a.GetName()}, []string{deposit.GetSource(), deposit.GetDestination()})

	out, err := c.wallets.Withdraw(cashier, &bankv1.WithdrawRequest{RequestId: "w", Account: a.GetName(), AmountMinor: 10, Currency: "BRL", Description: "cash"})
	require.NoError(t, err)
	require.Equal(t, []string{a.GetName(), ""}, []string{out.GetTransaction().GetSource(), out.GetTransaction().GetDestination()})
	var in *bankv1.DepositResponse
	for _, replayed := range [][]string{nil, {"true"}} {
		var header metadata.MD
		in, err = c.wallets.Deposit(cashier, &bankv1.DepositRequest{RequestId: "d", Account: a.GetName(), AmountMinor: 5, Currency: "BRL"}, grpc.Header(&header))
		require.NoError(t, err)
		require.Equal(t, replayed, header.Get("idempotency-replayed"))
	}
	require.Equal(t, bankv1.TransactionStatus_TRANSACTION_STATUS_APPROVED, in.GetTransaction().GetStatus())

	owner := claim(t, "app", a.GetCustomerId())
	paid, err := c.wallets.Purchase(owner, &bankv1.PurchaseRequest{
		RequestId: "p", Account: a.GetName(), AmountMinor: 20, Currency: "BRL", MerchantReference: "order-1",
		Merchant: &bankv1.Merchant{Id: "m1", Name: "Books", City: "Recife", Country: "BR", CategoryCode: "5942"},
	})
	require.NoError(t, err)
	require.Equal(t, "Recife", paid.GetTransaction().GetMerchant().GetCity())
	require.Equal(t, "order-1", paid.GetTransaction().GetMerchantReference())
	ask := &bankv1.TransferRequest{RequestId: "t", Source: a.GetName(), Destination: b.GetName(), AmountMinor: 30, Currency: "BRL", Message: "lunch"}
	moved, err := c.wallets.Transfer(owner, ask)
	require.NoError(t, err)
	require.Equal(t, []string{a.GetName(), b.GetName(), "lunch"},
		[]string{moved.GetTransaction().GetSource(), moved.GetTransaction().GetDestination(), moved.GetTransaction().GetDescription()})
	ask.RequestId, ask.AmountMinor = "t2", 46
	declined, err := c.wallets.Transfer(owner, ask)
	require.NoError(t, err)
	require.Equal(t, bankv1.DeclineReason_DECLINE_REASON_INSUFFICIENT_FUNDS, declined.GetTransaction().GetDecline().GetReason())
	require.Equal(t, b.GetName(), declined.GetTransaction().GetDestination(), "a decline has the ends of the approval")

	recipient := claim(t, "app", b.GetCustomerId())
	back, err := c.wallets.Reverse(recipient, &bankv1.ReverseRequest{RequestId: "r", Name: moved.GetTransaction().GetName(), AmountMinor: 12})
	require.NoError(t, err)
	require.Equal(t, bankv1.TransactionKind_TRANSACTION_KIND_REVERSAL, back.GetTransaction().GetKind())
	require.Equal(t, []string{b.GetName(), a.GetName(), moved.GetTransaction().GetName()},
		[]string{back.GetTransaction().GetSource(), back.GetTransaction().GetDestination(), back.GetTransaction().GetOriginal()})
	now, err := c.wallets.GetTransaction(recipient, &bankv1.GetTransactionRequest{Name: moved.GetTransaction().GetName()})
	require.NoError(t, err)
	require.EqualValues(t, 12, now.GetTransaction().GetReversedMinor())
	balance, err := c.wallets.GetBalance(owner, &bankv1.GetBalanceRequest{Name: a.GetName()})
	require.NoError(t, err)
	require.EqualValues(t, 57, balance.GetAccount().GetBalanceMinor())
	require.EqualValues(t, 57, balance.GetAccount().GetAvailableMinor())

	canceled, err := c.wallets.Cancel(owner, &bankv1.CancelRequest{RequestId: "never"})
	require.NoError(t, err)
	require.Equal(t, bankv1.TransactionStatus_TRANSACTION_STATUS_VOIDED, canceled.GetTransaction().GetStatus())
	require.Zero(t, canceled.GetTransaction().GetKind())
	_, err = c.wallets.Cancel(owner, &bankv1.CancelRequest{RequestId: "t"})
	require.Equal(t, "NOT_PENDING", fault.Of(serve.FromStatus(err)).Reason)
	_, err = c.wallets.CloseAccount(owner, &bankv1.CloseAccountRequest{RequestId: "c", Name: a.GetName()})
	require.Equal(t, "BALANCE_NOT_ZERO", fault.Of(serve.FromStatus(err)).Reason)
	empty := c.open(t, 0)
	closed, err := c.wallets.CloseAccount(claim(t, "cashier", ""), &bankv1.CloseAccountRequest{RequestId: "c2", Name: empty.GetName()})
	require.NoError(t, err)
	require.NotNil(t, closed.GetAccount().GetCloseTime())
}

func TestTheAccountsOfACustomerArePagesOldestFirst(t *testing.T) {
	c := newClients(t)
	customer := banktest.NewID().String()
	var want []string
	for range 5 {
		opened, err := c.wallets.OpenAccount(claim(t, "app", customer), &bankv1.OpenAccountRequest{RequestId: banktest.NewID().String(), Currency: "BRL"})
		require.NoError(t, err)
		want = append(want, opened.GetAccount().GetName())
	}
	var got []string
	ask := &bankv1.ListAccountsRequest{CustomerId: customer, PageSize: 2}
	for {
		page, err := c.wallets.ListAccounts(claim(t, "app", customer), ask)
		require.NoError(t, err)
		require.LessOrEqual(t, len(page.GetAccounts()), 2)
		for _, account := range page.GetAccounts() {
			got = append(got, account.GetName())
		}
		if ask.PageToken = page.GetNextPageToken(); ask.GetPageToken() == "" {
			break
		}
	}
	require.ElementsMatch(t, want, got)
	for name, ask := range map[string]*bankv1.ListAccountsRequest{
		"page_size": {CustomerId: customer, PageSize: -1}, "page_token": {CustomerId: customer, PageToken: "x"},
	} {
		_, err := c.wallets.ListAccounts(claim(t, "app", customer), ask)
		require.Equal(t, name, fault.Of(serve.FromStatus(err)).Field)
	}
	_, err := c.wallets.ListAccounts(claim(t, "cashier", ""), &bankv1.ListAccountsRequest{})
	require.Equal(t, "customer_id", fault.Of(serve.FromStatus(err)).Field, "only a user has customers of his own")
	first, err := c.wallets.ListAccounts(claim(t, "app", customer), &bankv1.ListAccountsRequest{CustomerId: customer, PageSize: 1})
	require.NoError(t, err)
	own, err := c.wallets.ListAccounts(claim(t, "app", customer), &bankv1.ListAccountsRequest{PageSize: 1})
	require.NoError(t, err)
	require.Equal(t, first.GetAccounts()[0].GetName(), own.GetAccounts()[0].GetName())
	_, err = c.wallets.ListAccounts(claim(t, "app", banktest.NewID().String()), &bankv1.ListAccountsRequest{PageToken: own.GetNextPageToken()})
	require.Equal(t, "page_token", fault.Of(serve.FromStatus(err)).Field, "a token of another user")
	other := banktest.NewID().String()
	_, err = c.wallets.ListAccounts(claim(t, "cashier", ""), &bankv1.ListAccountsRequest{CustomerId: other, PageToken: first.GetNextPageToken()})
	require.Equal(t, "page_token", fault.Of(serve.FromStatus(err)).Field, "a token of another customer")
}

// An operator's program that acts for a customer may do no more than the customer.
func TestATokenOutweighsTheProgram(t *testing.T) {
	c := newClients(t)
	ada, bob := c.open(t, 100), c.open(t, 0)
	asBob := claim(t, "cashier", bob.GetCustomerId())
	_, err := c.wallets.GetBalance(asBob, &bankv1.GetBalanceRequest{Name: bob.GetName()})
	require.NoError(t, err)
	_, err = c.wallets.GetBalance(asBob, &bankv1.GetBalanceRequest{Name: ada.GetName()})
	require.Equal(t, fault.NotFound, fault.CodeOf(err))
	_, err = c.wallets.Deposit(asBob, &bankv1.DepositRequest{RequestId: "d", Account: bob.GetName(), AmountMinor: 1, Currency: "BRL"})
	require.Equal(t, fault.PermissionDenied, fault.CodeOf(err))
	_, err = c.wallets.OpenAccount(asBob, &bankv1.OpenAccountRequest{RequestId: "o", Currency: "BRL", CustomerId: ada.GetCustomerId()})
	require.Equal(t, "CUSTOMER_NOT_FOUND", fault.Of(serve.FromStatus(err)).Reason)
}

func TestABankWithOlderEventsMovesNothingThatTheyCannotSay(t *testing.T) {
	c := newClients(t)
	account := c.open(t, 100)
	c.server.EventVersion = 2
	cashier := claim(t, "cashier", "")
	merchant := &bankv1.Merchant{Id: "m1", Name: "Books"}
	for name, call := range map[string]func() error{
		"OpenAccount": func() error {
			_, err := c.wallets.OpenAccount(cashier, &bankv1.OpenAccountRequest{RequestId: "1", Currency: "BRL"})
			return err
		},
		"CloseAccount": func() error {
			_, err := c.wallets.CloseAccount(cashier, &bankv1.CloseAccountRequest{RequestId: "2", Name: account.GetName()})
			return err
		},
		"Deposit": func() error {
			_, err := c.wallets.Deposit(cashier, &bankv1.DepositRequest{RequestId: "3", Account: account.GetName(), AmountMinor: 1, Currency: "BRL"})
			return err
		},
		"Withdraw": func() error {
			_, err := c.wallets.Withdraw(cashier, &bankv1.WithdrawRequest{RequestId: "4", Account: account.GetName(), AmountMinor: 1, Currency: "BRL"})
			return err
		},
		"Purchase": func() error {
			_, err := c.wallets.Purchase(cashier, &bankv1.PurchaseRequest{RequestId: "5", Account: account.GetName(), AmountMinor: 1, Currency: "BRL", Merchant: merchant})
			return err
		},
		"Transfer": func() error {
			_, err := c.wallets.Transfer(cashier, &bankv1.TransferRequest{RequestId: "6", Source: account.GetName(), Destination: "accounts/" + banktest.NewID().String(), AmountMinor: 1, Currency: "BRL"})
			return err
		},
		"Cancel": func() error { _, err := c.wallets.Cancel(cashier, &bankv1.CancelRequest{RequestId: "7"}); return err },
		"Reverse": func() error {
			_, err := c.wallets.Reverse(cashier, &bankv1.ReverseRequest{RequestId: "8", Name: "transactions/" + banktest.NewID().String()})
			return err
		},
	} {
		err := fault.Of(serve.FromStatus(call()))
		require.NotNil(t, err, name)
		require.Equal(t, fault.FailedPrecondition, err.Code, name)
		require.Equal(t, "EVENT_VERSION_TOO_OLD", err.Reason, name)
	}
	_, err := c.wallets.GetBalance(cashier, &bankv1.GetBalanceRequest{Name: account.GetName()})
	require.NoError(t, err, "reads go on")
}

func TestWalletsOverREST(t *testing.T) {
	c := newClients(t)
	a, b := c.open(t, 100), c.open(t, 0)
	app := c.conn.client("app")
	send := func(method, path, body, token string) (int, map[string]any) {
		request, err := http.NewRequestWithContext(t.Context(), method, c.rest+path, strings.NewReader(body))
		require.NoError(t, err)
		request.Header.Set("Content-Type", "application/json")
		request.Header.Set("Authorization", "Bearer "+token)
		answer, err := app.Do(request)
		require.NoError(t, err)
		defer answer.Body.Close()
		text, err := io.ReadAll(answer.Body)
		require.NoError(t, err)
		var decoded map[string]any
		require.NoError(t, json.Unmarshal(text, &decoded), string(text))
		return answer.StatusCode, decoded
	}
	owner := c.conn.kit.Customer(t, a.GetCustomerId())
	transfer := `{"requestId": "rest-1", "destination": "` + b.GetName() + `", "amountMinor": "40", "currency": "BRL"}`
	status, answer := send(http.MethodPost, "/v1/"+a.GetName()+":transfer", transfer, owner)
	require.Equal(t, http.StatusOK, status, answer)
	require.Equal(t, "TRANSACTION_STATUS_APPROVED", answer["transaction"].(map[string]any)["status"])
	status, answer = send(http.MethodGet, "/v1/"+b.GetName()+"/balance", "", owner)
	require.Equal(t, http.StatusNotFound, status, "another's account: %v", answer)
	require.Equal(t, "ACCOUNT_NOT_FOUND", answer["reason"])
	status, answer = send(http.MethodGet, "/v1/accounts?customerId="+a.GetCustomerId(), "", owner)
	require.Equal(t, http.StatusOK, status, answer)
	require.Len(t, answer["accounts"], 1)
	status, answer = send(http.MethodPost, "/v1/"+a.GetName()+":deposit", `{"requestId": "rest-2", "amountMinor": "1", "currency": "BRL"}`, owner)
	require.Equal(t, http.StatusForbidden, status, answer)
	status, answer = send(http.MethodGet, "/v1/"+a.GetName()+"/balance", "", owner+"x")
	require.Equal(t, http.StatusUnauthorized, status, "a token that is none is not left out: %v", answer)
}
