package rpc_test

import (
	"context"
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
		Principals: rpc.NewPrincipals(rpc.PrincipalsConfig{Operators: []string{"cashier"}}), PageTokens: tokens, EventVersion: 3,
	}
}

// claim returns the context of a call by a caller, for a customer if one is named.
func claim(t *testing.T, caller, customer string) context.Context {
	t.Helper()
	pairs := []string{serve.CallerKey, caller}
	if customer != "" {
		pairs = append(pairs, serve.CustomerKey, "customers/"+customer)
	}
	return metadata.AppendToOutgoingContext(t.Context(), pairs...)
}

func (c clients) open(t *testing.T, deposit int64) *bankv1.Account {
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
	in, err := c.wallets.Deposit(cashier, &bankv1.DepositRequest{RequestId: "d", Account: a.GetName(), AmountMinor: 5, Currency: "BRL"})
	require.NoError(t, err)
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
	closed, err := c.wallets.CloseAccount(claim(t, "app", ""), &bankv1.CloseAccountRequest{RequestId: "c2", Name: empty.GetName()})
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
		"customer_id": {}, "page_size": {CustomerId: customer, PageSize: -1}, "page_token": {CustomerId: customer, PageToken: "x"},
	} {
		_, err := c.wallets.ListAccounts(claim(t, "app", customer), ask)
		require.Equal(t, name, fault.Of(serve.FromStatus(err)).Field)
	}
	first, err := c.wallets.ListAccounts(claim(t, "app", customer), &bankv1.ListAccountsRequest{CustomerId: customer, PageSize: 1})
	require.NoError(t, err)
	other := banktest.NewID().String()
	_, err = c.wallets.ListAccounts(claim(t, "cashier", ""), &bankv1.ListAccountsRequest{CustomerId: other, PageToken: first.GetNextPageToken()})
	require.Equal(t, "page_token", fault.Of(serve.FromStatus(err)).Field, "a token of another customer")
}

// outcomes of the matrix below.
const (
	allowed = ""
	hidden  = "NOT_FOUND"
	denied  = "PERMISSION_DENIED"
)

// Who may do what. Each call is asked for anew, with what belongs to Ada; Bob got a transfer from her.
func TestWhoMayCallWhat(t *testing.T) {
	c := newClients(t)
	ada, bob := c.open(t, 1000), c.open(t, 1000)
	paid, err := c.wallets.Purchase(claim(t, "app", ada.GetCustomerId()), &bankv1.PurchaseRequest{
		RequestId: "p", Account: ada.GetName(), AmountMinor: 100, Currency: "BRL", Merchant: &bankv1.Merchant{Id: "m1", Name: "Books"},
	})
	require.NoError(t, err)
	moved, err := c.wallets.Transfer(claim(t, "app", ada.GetCustomerId()), &bankv1.TransferRequest{
		RequestId: "t", Source: ada.GetName(), Destination: bob.GetName(), AmountMinor: 100, Currency: "BRL",
	})
	require.NoError(t, err)
	requestID := func() string { return banktest.NewID().String() }
	calls := map[string]func(ctx context.Context) error{
		"OpenAccount": func(ctx context.Context) error {
			_, err := c.wallets.OpenAccount(ctx, &bankv1.OpenAccountRequest{RequestId: requestID(), CustomerId: ada.GetCustomerId(), Currency: "BRL"})
			return err
		},
		"OpenAccount with a deposit": func(ctx context.Context) error {
			_, err := c.wallets.OpenAccount(ctx, &bankv1.OpenAccountRequest{
				RequestId: requestID(), CustomerId: ada.GetCustomerId(), Currency: "BRL", OpeningDepositMinor: 1,
			})
			return err
		},
		"ListAccounts": func(ctx context.Context) error {
			_, err := c.wallets.ListAccounts(ctx, &bankv1.ListAccountsRequest{CustomerId: ada.GetCustomerId()})
			return err
		},
		"GetBalance": func(ctx context.Context) error {
			_, err := c.wallets.GetBalance(ctx, &bankv1.GetBalanceRequest{Name: ada.GetName()})
			return err
		},
		"CloseAccount": func(ctx context.Context) error {
			_, err := c.wallets.CloseAccount(ctx, &bankv1.CloseAccountRequest{RequestId: requestID(), Name: ada.GetName()})
			if fault.Of(serve.FromStatus(err)).Reason == "BALANCE_NOT_ZERO" {
				return nil // Who learns this may close it.
			}
			return err
		},
		"Deposit": func(ctx context.Context) error {
			_, err := c.wallets.Deposit(ctx, &bankv1.DepositRequest{RequestId: requestID(), Account: ada.GetName(), AmountMinor: 1, Currency: "BRL"})
			return err
		},
		"Withdraw": func(ctx context.Context) error {
			_, err := c.wallets.Withdraw(ctx, &bankv1.WithdrawRequest{RequestId: requestID(), Account: ada.GetName(), AmountMinor: 1, Currency: "BRL"})
			return err
		},
		"Purchase": func(ctx context.Context) error {
			_, err := c.wallets.Purchase(ctx, &bankv1.PurchaseRequest{
				RequestId: requestID(), Account: ada.GetName(), AmountMinor: 1, Currency: "BRL", Merchant: &bankv1.Merchant{Id: "m1", Name: "Books"},
			})
			return err
		},
		"Transfer": func(ctx context.Context) error {
			_, err := c.wallets.Transfer(ctx, &bankv1.TransferRequest{
				RequestId: requestID(), Source: ada.GetName(), Destination: bob.GetName(), AmountMinor: 1, Currency: "BRL",
			})
			return err
		},
		"Cancel of what was never asked for": func(ctx context.Context) error {
			_, err := c.wallets.Cancel(ctx, &bankv1.CancelRequest{RequestId: requestID()})
			return err
		},
		"Reverse of the purchase": func(ctx context.Context) error {
			_, err := c.wallets.Reverse(ctx, &bankv1.ReverseRequest{RequestId: requestID(), Name: paid.GetTransaction().GetName(), AmountMinor: 1})
			return err
		},
		"Reverse of the transfer": func(ctx context.Context) error {
			_, err := c.wallets.Reverse(ctx, &bankv1.ReverseRequest{RequestId: requestID(), Name: moved.GetTransaction().GetName(), AmountMinor: 1})
			return err
		},
		"GetTransaction of the purchase": func(ctx context.Context) error {
			_, err := c.wallets.GetTransaction(ctx, &bankv1.GetTransactionRequest{Name: paid.GetTransaction().GetName()})
			return err
		},
		"GetTransaction of the transfer": func(ctx context.Context) error {
			_, err := c.wallets.GetTransaction(ctx, &bankv1.GetTransactionRequest{Name: moved.GetTransaction().GetName()})
			return err
		},
	}
	type who struct{ caller, customer string }
	operator, service, stranger := who{"cashier", ""}, who{"app", ""}, who{"shop", ""}
	owner, recipient := who{"app", ada.GetCustomerId()}, who{"app", bob.GetCustomerId()}
	forAda := who{"cashier", ada.GetCustomerId()}
	matrix := map[string]map[who]string{
		"OpenAccount":                {operator: allowed, service: allowed, stranger: allowed, owner: allowed, recipient: hidden, forAda: allowed},
		"OpenAccount with a deposit": {operator: allowed, service: denied, stranger: denied, owner: denied, recipient: denied, forAda: denied},
		"ListAccounts":               {operator: allowed, service: allowed, stranger: allowed, owner: allowed, recipient: hidden, forAda: allowed},
		"GetBalance":                 {operator: allowed, service: allowed, stranger: allowed, owner: allowed, recipient: hidden, forAda: allowed},
		"CloseAccount":               {operator: allowed, service: allowed, stranger: allowed, owner: allowed, recipient: hidden, forAda: allowed},
		"Deposit":                    {operator: allowed, service: denied, stranger: denied, owner: denied, recipient: denied, forAda: denied},
		"Withdraw":                   {operator: allowed, service: denied, stranger: denied, owner: denied, recipient: denied, forAda: denied},
		"Purchase":                   {operator: allowed, service: allowed, stranger: allowed, owner: allowed, recipient: hidden, forAda: allowed},
		"Transfer":                   {operator: allowed, service: allowed, stranger: allowed, owner: allowed, recipient: hidden, forAda: allowed},
		"Cancel of what was never asked for": {
			operator: allowed, service: allowed, stranger: allowed, owner: allowed, recipient: allowed, forAda: allowed,
		},
		// The program that asked for a payment may take it back, also for its customer, and nobody else's program.
		"Reverse of the purchase":        {operator: allowed, service: allowed, stranger: hidden, owner: allowed, recipient: hidden, forAda: hidden},
		"Reverse of the transfer":        {operator: allowed, service: hidden, stranger: hidden, owner: hidden, recipient: allowed, forAda: hidden},
		"GetTransaction of the purchase": {operator: allowed, service: allowed, stranger: hidden, owner: allowed, recipient: hidden, forAda: allowed},
		"GetTransaction of the transfer": {operator: allowed, service: allowed, stranger: hidden, owner: allowed, recipient: allowed, forAda: allowed},
	}
	require.Len(t, matrix, len(calls))
	for name, call := range calls {
		require.Len(t, matrix[name], 6, name)
		for asker, want := range matrix[name] {
			got := allowed
			if err := call(claim(t, asker.caller, asker.customer)); err != nil {
				got = fault.CodeOf(serve.FromStatus(err)).String()
			}
			require.Equal(t, want, got, "%s by %v", name, asker)
		}
	}
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
	send := func(method, path, body string, headers map[string]string) (int, map[string]any) {
		request, err := http.NewRequestWithContext(t.Context(), method, c.rest+path, strings.NewReader(body))
		require.NoError(t, err)
		request.Header.Set("Content-Type", "application/json")
		for name, value := range headers {
			request.Header.Set(name, value)
		}
		answer, err := http.DefaultClient.Do(request)
		require.NoError(t, err)
		defer answer.Body.Close()
		text, err := io.ReadAll(answer.Body)
		require.NoError(t, err)
		var decoded map[string]any
		require.NoError(t, json.Unmarshal(text, &decoded), string(text))
		return answer.StatusCode, decoded
	}
	owner := map[string]string{serve.CallerKey: "app", serve.CustomerKey: "customers/" + a.GetCustomerId()}
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
	owner[serve.CustomerKey] = "customers/ada"
	status, answer = send(http.MethodGet, "/v1/"+a.GetName()+"/balance", "", owner)
	require.Equal(t, http.StatusBadRequest, status, "a claim that names nobody is not left out: %v", answer)
	require.Equal(t, serve.CustomerKey, answer["field"])
}
