package main

import (
	"strings"
	"testing"

	"codebank.dev/gateway/gatewaytest"
	"codebank.dev/gateway/rest"
	"codebank.dev/platform/wallstest"
	bankv1 "codebank.dev/schemas/gen/bank/v1"
	identityv1 "codebank.dev/schemas/gen/identity/v1"
	statementv1 "codebank.dev/schemas/gen/statement/v1"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// other is a customer who owns nothing.
const other = "77b1a3a8-1d8c-4f5c-9a1e-2f6f3f0d5e04"

// planted is what the owner has, by its ids.
type planted struct{ account, purchase, hold, file, transfer string }

// plant opens the owner's wallet, pays in, buys, sets an amount aside and takes a statement along.
func plant(t *testing.T, p *process) planted {
	t.Helper()
	maria := as(p.Kit.Customer(t, gatewaytest.User))
	transact := func(body string) string {
		answer, text := p.send(t, maria, "POST", "/wallet/transaction", body, "Idempotency-Key", uuid.NewString())
		require.Equal(t, 201, answer.StatusCode, text)
		return member(t, text, "transactionId")
	}
	transact(`{"operation":"deposit","amount":1000000}`)
	made := planted{purchase: transact(`{"operation":"purchase","amount":1000}`)}
	_, text := p.send(t, maria, "GET", "/wallet/balance", "")
	made.account = member(t, text, "accountId")
	answer, text := p.send(t, maria, "POST", "/v1/accounts/"+made.account+":hold", `{"requestId":"hold","amountMinor":"100","currency":"BRL"}`)
	require.Equal(t, 200, answer.StatusCode, text)
	made.hold = strings.TrimPrefix(member(t, text, "transaction", "name"), "transactions/")
	answer, text = p.send(t, maria, "POST", "/statement/generate", `{"maxDate":"2026-01-31","minDate":"2026-01-01","format":"csv"}`, "Idempotency-Key", "file")
	require.Equal(t, 202, answer.StatusCode, text)
	p.Statement.Work()
	made.file = member(t, text, "id")
	answer, text = p.send(t, maria, "POST", "/cmd/transfer", `{"amount":1,"from_account_id":"`+made.account+`","to_account_id":"`+other+`"}`, "Idempotency-Key", "transfer")
	require.Equal(t, 201, answer.StatusCode, text)
	made.transfer = member(t, text, "id")
	return made
}

// The columns: owner, other customer, service, service not listed, operator, nobody; then the owner with a token
// that is expired, for another audience, without a signature, signed with the public key, of a retired key, of an
// ended session, without the role. No program and no operator comes by the gateway.
const (
	read = "200 404 403 403 403 401 401 401 401 401 401 401 403"
	// each is a read that answers each customer what is his.
	each = "200 200 403 403 403 401 401 401 401 401 401 401 403"
	own  = "201 404 403 403 403 401 401 401 401 401 401 401 403"
	// anyone is for people who have not signed in. A token that is not right is refused all the same.
	anyone = "200 200 200 200 200 200 200 200 200 200 200 200 200"
)

func TestEveryRouteIsForThoseOnly(t *testing.T) {
	p := start(t)
	has := plant(t, p)
	key := func() []string { return []string{"Idempotency-Key", uuid.NewString()} }
	request := func(path, body string) func(wallstest.Caller) (string, string, []string) {
		return func(wallstest.Caller) (string, string, []string) { return path, body, key() }
	}
	with := func(from, to string) string { return strings.ReplaceAll(anyone, from, to) }
	const signIn = `{"email":"` + gatewaytest.Email + `","password":"` + gatewaytest.Password + `"}`
	matrix := wallstest.Matrix{
		Kit: p.Kit, HTTP: p.address, Owner: gatewaytest.User, Other: other, Service: "checkout", Unlisted: "auditor", Operator: "operator",
		Routes: []wallstest.Route{
			{Pattern: rest.Accounts, Cells: each, Request: request("/q/accounts", "")},
			{Pattern: rest.Authorize, Cells: anyone, Request: request("/authorize", signIn)},
			{Pattern: rest.SignIn, Cells: anyone, Request: request("/auth/sign-in", signIn)},
			{Pattern: rest.SignUp, Cells: with("200", "202"), Request: request("/auth/sign-up", `{"email":"a@example.com"}`)},
			{Pattern: rest.ConfirmSignUp, Cells: with("200", "201"), Request: request("/auth/sign-up/confirm", `{"token":"mailed","password":"`+gatewaytest.Password+`"}`)},
			{Pattern: rest.Refresh, Cells: anyone, Request: request("/auth/refresh", `{"refreshToken":"refresh-1"}`)},
			{Pattern: rest.SignOut, Cells: with("200", "204"), Request: request("/auth/sign-out", `{"refreshToken":"refresh-1"}`)},
			{Pattern: rest.Me, Cells: each, Request: request("/auth/me", "")},
			{Pattern: rest.Balance, Cells: each, Request: request("/wallet/balance", "")},
			{Pattern: rest.Transact, Cells: own, Request: request("/wallet/transaction", `{"operation":"reversal","amount":"0.01","transactionId":"`+has.purchase+`"}`)},
			{Pattern: rest.Generate, Cells: read, Request: request("/statement/generate", `{"maxDate":"2026-01-10","minDate":"2026-01-01","accountId":"`+has.account+`"}`)},
			{Pattern: rest.File, Cells: read, Request: request("/statement/files/"+has.account+"/"+has.file, "")},
			{Pattern: rest.AcceptTransfer, Cells: strings.Replace(own, "404", "401", 1), // The source is not the other's.
				Request: request("/cmd/transfer", `{"amount":1,"from_account_id":"`+has.account+`","to_account_id":"`+other+`"}`)},
			{Pattern: rest.ListTransfers, Cells: each, Request: request("/q/transfers", "")},
			{Pattern: rest.GetTransfer, Cells: read, Request: request("/q/transfers/"+has.transfer, "")},
			{Pattern: rest.CancelTransfer, Cells: read, Request: request("/cmd/transfers/"+has.transfer+"/cancel", "")},
			{Pattern: rest.Content, Cells: read, Request: request("/statement/files/"+has.account+"/"+has.file+"/content", "")},
		},
	}
	var patterns []string
	for name := range rest.Permissions() {
		if !strings.HasPrefix(name, "/") {
			patterns = append(patterns, name)
		}
	}
	matrix.RunRoutes(t, patterns...)
}

// The REST of the programs behind. Their own matrices say what they answer; here it is that nobody else gets
// there, and that what is not for customers is closed.
func TestEveryMethodThatGoesOnIsForThoseOnly(t *testing.T) {
	p := start(t)
	has := plant(t, p)
	account, hold := "accounts/"+has.account, "transactions/"+has.hold
	always := func(message proto.Message) func(wallstest.Caller) proto.Message {
		return func(wallstest.Caller) proto.Message { return message }
	}
	fresh := func(message func(requestID string) proto.Message) func(wallstest.Caller) proto.Message {
		return func(wallstest.Caller) proto.Message { return message(uuid.NewString()) }
	}
	const closed = "403 403 403 403 403 401 401 401 401 401 401 401 403"
	at := timestamppb.Now()
	matrix := wallstest.Matrix{
		Kit: p.Kit, HTTP: p.address, Owner: gatewaytest.User, Other: other, Service: "checkout", Unlisted: "auditor", Operator: "operator",
		Routes: []wallstest.Route{{Pattern: rest.Accounts}},
		Rows: []wallstest.Row{
			{Method: bankv1.CardService_IssueCard_FullMethodName, Cells: closed, Request: always(&bankv1.IssueCardRequest{})},
			{Method: bankv1.CardService_GetCard_FullMethodName, Cells: read, Request: always(&bankv1.GetCardRequest{Name: "cards/1"})},
			{Method: bankv1.CardService_BlockCard_FullMethodName, Cells: read, Request: always(&bankv1.BlockCardRequest{Name: "cards/1"})},
			{Method: bankv1.CardService_UnblockCard_FullMethodName, Cells: read, Request: always(&bankv1.UnblockCardRequest{Name: "cards/1"})},
			{Method: bankv1.CardService_ChangeLimit_FullMethodName, Cells: closed, Request: always(&bankv1.ChangeLimitRequest{Name: "cards/1"})},
			{Method: bankv1.CardService_CreateCardToken_FullMethodName, Cells: closed, Request: always(&bankv1.CreateCardTokenRequest{})},
			{Method: bankv1.CardService_BatchCreateCardTokens_FullMethodName, Cells: closed, Request: always(&bankv1.BatchCreateCardTokensRequest{})},
			{Method: bankv1.CardService_GetAccount_FullMethodName, Cells: read, Request: always(&bankv1.GetAccountRequest{Name: account})},

			{Method: bankv1.WalletService_OpenAccount_FullMethodName, Cells: each,
				Request: fresh(func(id string) proto.Message { return &bankv1.OpenAccountRequest{RequestId: id, Currency: "EUR"} })},
			{Method: bankv1.WalletService_ListAccounts_FullMethodName, Cells: read, Request: always(&bankv1.ListAccountsRequest{CustomerId: gatewaytest.User})},
			{Method: bankv1.WalletService_GetBalance_FullMethodName, Cells: read, Request: always(&bankv1.GetBalanceRequest{Name: account})},
			{Method: bankv1.WalletService_Deposit_FullMethodName, Cells: read,
				Request: fresh(func(id string) proto.Message {
					return &bankv1.DepositRequest{RequestId: id, Account: account, AmountMinor: 1, Currency: "BRL"}
				})},
			{Method: bankv1.WalletService_Withdraw_FullMethodName, Cells: read,
				Request: fresh(func(id string) proto.Message {
					return &bankv1.WithdrawRequest{RequestId: id, Account: account, AmountMinor: 1, Currency: "BRL"}
				})},
			{Method: bankv1.WalletService_PayOut_FullMethodName, Cells: closed, Request: always(&bankv1.PayOutRequest{Account: account})},
			{Method: bankv1.WalletService_Purchase_FullMethodName, Cells: read,
				Request: fresh(func(id string) proto.Message {
					return &bankv1.PurchaseRequest{RequestId: id, Account: account, AmountMinor: 1, Currency: "BRL"}
				})},
			{Method: bankv1.WalletService_Transfer_FullMethodName, Cells: read,
				Request: fresh(func(id string) proto.Message {
					return &bankv1.TransferRequest{RequestId: id, Source: account, Destination: account, AmountMinor: 1, Currency: "BRL"}
				})},
			{Method: bankv1.WalletService_PlaceHold_FullMethodName, Cells: read,
				Request: fresh(func(id string) proto.Message {
					return &bankv1.PlaceHoldRequest{RequestId: id, Account: account, AmountMinor: 1, Currency: "BRL"}
				})},
			{Method: bankv1.WalletService_Reverse_FullMethodName, Cells: read,
				Request: fresh(func(id string) proto.Message {
					return &bankv1.ReverseRequest{RequestId: id, Name: "transactions/" + has.purchase, AmountMinor: 1}
				})},
			// An id that nobody has used is ended for its user.
			{Method: bankv1.WalletService_Cancel_FullMethodName, Cells: each,
				Request: fresh(func(id string) proto.Message { return &bankv1.CancelRequest{RequestId: id} })},
			{Method: bankv1.WalletService_GetTransaction_FullMethodName, Cells: read, Request: always(&bankv1.GetTransactionRequest{Name: hold})},
			{Method: bankv1.WalletService_CaptureHold_FullMethodName, Cells: read,
				Request: fresh(func(id string) proto.Message { return &bankv1.CaptureHoldRequest{RequestId: id, Name: hold} })},
			{Method: bankv1.WalletService_VoidHold_FullMethodName, Cells: read, Request: always(&bankv1.VoidHoldRequest{Name: hold})},
			{Method: bankv1.WalletService_CloseAccount_FullMethodName, Cells: read,
				Request: fresh(func(id string) proto.Message { return &bankv1.CloseAccountRequest{RequestId: id, Name: account} })},

			{Method: statementv1.StatementService_GetStatement_FullMethodName, Cells: read, Request: always(&statementv1.GetStatementRequest{Name: account + "/statement"})},
			{Method: statementv1.StatementService_ListLines_FullMethodName, Cells: read, Request: always(&statementv1.ListLinesRequest{Parent: account})},
			{Method: statementv1.StatementService_SummarizeLines_FullMethodName, Cells: read, Request: always(&statementv1.SummarizeLinesRequest{Parent: account})},
			{Method: statementv1.StatementService_WatchLines_FullMethodName, Cells: read, Request: always(&statementv1.WatchLinesRequest{Parent: account})},
			{Method: statementv1.StatementService_ListPendingHolds_FullMethodName, Cells: read, Request: always(&statementv1.ListPendingHoldsRequest{Parent: account})},
			{Method: statementv1.StatementService_LinkCustomer_FullMethodName, Cells: closed, Request: always(&statementv1.LinkCustomerRequest{Customer: "customers/" + other})},
			{Method: statementv1.FileService_CreateFile_FullMethodName, Cells: read,
				Request: fresh(func(id string) proto.Message {
					return &statementv1.CreateFileRequest{RequestId: id, Parent: account, StartTime: at, EndTime: at, Format: statementv1.FileFormat_FILE_FORMAT_CSV}
				})},
			{Method: statementv1.FileService_GetFile_FullMethodName, Cells: read, Request: always(&statementv1.GetFileRequest{Name: account + "/files/" + has.file})},
			{Method: statementv1.FileService_ListFiles_FullMethodName, Cells: read, Request: always(&statementv1.ListFilesRequest{Parent: account})},

			{Method: identityv1.IdentityService_SignUp_FullMethodName, Cells: anyone, Request: always(&identityv1.SignUpRequest{Email: "a@example.com"})},
			{Method: identityv1.IdentityService_ConfirmSignUp_FullMethodName, Cells: anyone,
				Request: always(&identityv1.ConfirmSignUpRequest{Token: "mailed", Password: gatewaytest.Password})},
			{Method: identityv1.IdentityService_SignIn_FullMethodName, Cells: anyone,
				Request: always(&identityv1.SignInRequest{Email: gatewaytest.Email, Password: gatewaytest.Password})},
			{Method: identityv1.IdentityService_Refresh_FullMethodName, Cells: anyone, Request: always(&identityv1.RefreshRequest{RefreshToken: "refresh-1"})},
			{Method: identityv1.IdentityService_SignOut_FullMethodName, Cells: anyone, Request: always(&identityv1.SignOutRequest{RefreshToken: "refresh-1"})},
			{Method: identityv1.IdentityService_RequestPasswordReset_FullMethodName, Cells: anyone, Request: always(&identityv1.RequestPasswordResetRequest{Email: "a@example.com"})},
			{Method: identityv1.IdentityService_ResetPassword_FullMethodName, Cells: anyone, Request: always(&identityv1.ResetPasswordRequest{Token: "mailed"})},
			{Method: identityv1.IdentityService_GetMe_FullMethodName, Cells: each, Request: always(&identityv1.GetMeRequest{})},
			{Method: identityv1.IdentityService_ListSessions_FullMethodName, Cells: each, Request: always(&identityv1.ListSessionsRequest{})},
			{Method: identityv1.IdentityService_EndSession_FullMethodName, Cells: each, Request: always(&identityv1.EndSessionRequest{Name: "sessions/" + other})},
			{Method: identityv1.IdentityService_ChangePassword_FullMethodName, Cells: each, Request: always(&identityv1.ChangePasswordRequest{})},
		},
	}
	matrix.Run(t, forwardedServices...)
}
