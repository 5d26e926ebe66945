package e2e

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"codebank.dev/native/await"
	bankv1 "codebank.dev/schemas/gen/bank/v1"
	statementv1 "codebank.dev/schemas/gen/statement/v1"
	"codebank.dev/stack/launch"
)

const (
	approvedTransaction = bankv1.TransactionStatus_TRANSACTION_STATUS_APPROVED
	declinedTransaction = bankv1.TransactionStatus_TRANSACTION_STATUS_DECLINED
)

// customer makes the calls of a test, on a connection without a certificate, those of a customer.
func customer(t *testing.T, account *bankv1.Account) context.Context {
	t.Helper()
	user, err := uuid.Parse(account.GetCustomerId())
	require.NoError(t, err)
	token, err := system.Token(user, "customer")
	require.NoError(t, err)
	return launch.WithToken(t.Context(), token)
}

// openWallet opens a wallet with a deposit.
func openWallet(t *testing.T, connection *grpc.ClientConn, deposit int64) *bankv1.Account {
	t.Helper()
	opened, err := bankv1.NewWalletServiceClient(connection).OpenAccount(t.Context(), &bankv1.OpenAccountRequest{
		RequestId: newRequestID(), Currency: "BRL", OpeningDepositMinor: deposit,
	})
	require.NoError(t, err)
	require.Equal(t, bankv1.AccountKind_ACCOUNT_KIND_WALLET, opened.GetAccount().GetKind())
	return opened.GetAccount()
}

func transferRequest(from, to *bankv1.Account, amount int64) *bankv1.TransferRequest {
	return &bankv1.TransferRequest{
		RequestId: newRequestID(), Source: from.GetName(), Destination: to.GetName(), AmountMinor: amount, Currency: "BRL", Message: "dinner",
	}
}

func holdRequest(account *bankv1.Account, amount int64) *bankv1.PlaceHoldRequest {
	return &bankv1.PlaceHoldRequest{
		RequestId: newRequestID(), Account: account.GetName(), AmountMinor: amount, Currency: "BRL",
		Merchant: &bankv1.Merchant{Id: "hotel-do-porto", Name: "Hotel do Porto", CategoryCode: "7011", City: "Recife", Country: "BR"},
	}
}

// reasonOf returns the reason of a refusal; "" if it has none.
func reasonOf(err error) string {
	for _, detail := range status.Convert(err).Details() {
		if info, ok := detail.(*errdetails.ErrorInfo); ok {
			return info.GetReason()
		}
	}
	return ""
}

// Two customers exchange money, and one of them has holds that are captured in part, expire and are
// void. Statement, index and REST say what the bank answered.
func TestTransfersAndHoldsReachStatementAndIndexOnce(t *testing.T) {
	stack := running(t)
	connection := dial(t, stack.Addresses().BankGRPC())
	// People have a token and no certificate.
	wallets := bankv1.NewWalletServiceClient(dialAs(t, launch.Bank, stack.Addresses().BankGRPC(), ""))
	ana, bruno := openWallet(t, connection, 10_000), openWallet(t, connection, 0)
	asAna, asBruno := customer(t, ana), customer(t, bruno)

	request := transferRequest(ana, bruno, 2_500)
	sent, err := wallets.Transfer(asAna, request)
	require.NoError(t, err)
	require.Equal(t, approvedTransaction, sent.GetTransaction().GetStatus())
	again, err := wallets.Transfer(asAna, request)
	require.NoError(t, err)
	require.True(t, proto.Equal(sent, again), "a repeat gets its first outcome")
	tooMuch, err := wallets.Transfer(asBruno, transferRequest(bruno, ana, 2_501))
	require.NoError(t, err)
	require.Equal(t, declinedTransaction, tooMuch.GetTransaction().GetStatus())
	_, err = wallets.Transfer(asBruno, transferRequest(ana, bruno, 1))
	require.Equal(t, codes.NotFound, status.Code(err), "another's account is like one that does not exist")
	back, err := wallets.Reverse(asBruno, &bankv1.ReverseRequest{RequestId: newRequestID(), Name: sent.GetTransaction().GetName(), AmountMinor: 500})
	require.NoError(t, err)
	require.Equal(t, approvedTransaction, back.GetTransaction().GetStatus())

	captured, err := wallets.PlaceHold(asAna, holdRequest(ana, 3_000))
	require.NoError(t, err)
	awaitStatement(t, stack, ana, func(s *statementv1.Statement) bool {
		return s.GetBalanceMinor() == 8_000 && s.GetHeldMinor() == 3_000 && s.GetAvailableMinor() == 5_000
	}, "the hold is pending")
	brief := holdRequest(ana, 700)
	brief.ExpireTime = timestamppb.New(time.Now().Add(2 * time.Second).Truncate(time.Millisecond))
	expired, err := wallets.PlaceHold(asAna, brief)
	require.NoError(t, err)
	voided, err := wallets.PlaceHold(asAna, holdRequest(ana, 100))
	require.NoError(t, err)
	_, err = wallets.VoidHold(asAna, &bankv1.VoidHoldRequest{Name: voided.GetTransaction().GetName()})
	require.NoError(t, err)
	capture, err := wallets.CaptureHold(asAna, &bankv1.CaptureHoldRequest{
		RequestId: newRequestID(), Name: captured.GetTransaction().GetName(), AmountMinor: 2_000,
	})
	require.NoError(t, err)
	_, err = wallets.CaptureHold(asAna, &bankv1.CaptureHoldRequest{RequestId: newRequestID(), Name: captured.GetTransaction().GetName()})
	require.Equal(t, codes.FailedPrecondition, status.Code(err), "a hold is captured once")
	requireBecame(t, bankv1.NewWalletServiceClient(connection), captured, 2_000, 1_000)
	requireBecame(t, bankv1.NewWalletServiceClient(connection), voided, 0, 100)
	requireBecame(t, bankv1.NewWalletServiceClient(connection), expired, 0, 700)

	awaitStatement(t, stack, ana, func(s *statementv1.Statement) bool {
		return s.GetBalanceMinor() == 6_000 && s.GetHeldMinor() == 0 && s.GetCompleteToSequence() == 11
	}, "the hold is captured")
	requireLines(t, stack, ana, "CAPTURE DEBIT 2000", "REVERSAL CREDIT 500", "TRANSFER DEBIT 2500", "DEPOSIT CREDIT 10000")
	requireLines(t, stack, bruno, "REVERSAL DEBIT 500", "TRANSFER CREDIT 2500")
	requireTransferDocuments(t, stack, sent.GetTransaction(), ana, bruno)
	requireHoldDocuments(t, stack, map[string]*bankv1.Transaction{
		"hold": captured.GetTransaction(), "capture": capture.GetTransaction(), "expired": expired.GetTransaction(),
	})
	requireRESTLikeGRPC(t, stack, wallets, request, sent, ana)
	requireAuditEqual(t, stack)
}

// requireBecame waits until the whole of a hold was captured or released.
func requireBecame(t *testing.T, wallets bankv1.WalletServiceClient, hold *bankv1.PlaceHoldResponse, captured, released int64) {
	t.Helper()
	await.Until(t, func() bool {
		read, err := wallets.GetTransaction(t.Context(), &bankv1.GetTransactionRequest{Name: hold.GetTransaction().GetName()})
		now := read.GetTransaction()
		return err == nil && now.GetCapturedMinor() == captured && now.GetReleasedMinor() == released
	}, timeout, 20*time.Millisecond)
}

// awaitStatement waits until the statement of an account is as it must be.
func awaitStatement(t *testing.T, stack *launch.Stack, account *bankv1.Account, is func(*statementv1.Statement) bool, why string) {
	t.Helper()
	statements := statementv1.NewStatementServiceClient(dialAs(t, launch.Statement, stack.Addresses().StatementGRPC(), launch.Operator))
	var last *statementv1.Statement
	await.Until(t, func() bool {
		answer, err := statements.GetStatement(t.Context(), &statementv1.GetStatementRequest{Name: account.GetName() + "/statement"})
		last = answer.GetStatement()
		return err == nil && is(last)
	}, timeout, 50*time.Millisecond, "%s: %v", why, last)
}

// requireLines reads all lines of a statement, newest first, without those of holds.
func requireLines(t *testing.T, stack *launch.Stack, account *bankv1.Account, want ...string) {
	t.Helper()
	statements := statementv1.NewStatementServiceClient(dialAs(t, launch.Statement, stack.Addresses().StatementGRPC(), launch.Operator))
	page, err := statements.ListLines(t.Context(), &statementv1.ListLinesRequest{Parent: account.GetName(), PageSize: 100})
	require.NoError(t, err)
	var got []string
	for _, line := range page.GetLines() {
		text := fmt.Sprintf("%s %s %d", strings.TrimPrefix(line.GetKind().String(), "LINE_KIND_"),
			strings.TrimPrefix(line.GetDirection().String(), "LINE_DIRECTION_"), line.GetAmountMinor())
		if !strings.HasPrefix(text, "HOLD ") {
			got = append(got, text)
		}
	}
	require.Equal(t, want, got)
}

// documentsOf waits until the index has so many documents of a transaction, and returns them by leg.
func documentsOf(t *testing.T, stack *launch.Stack, transaction string, count int) []map[string]any {
	t.Helper()
	var documents []map[string]any
	await.Until(t, func() bool {
		documents = nil
		call(t, http.MethodPost, stack.Addresses().Elasticsearch()+"/bank-transactions-*/_refresh", nil)
		scanIndex(t, stack, map[string]any{"query": map[string]any{"term": map[string]any{"transaction_id": transaction}}}, func(document map[string]any) {
			documents = append(documents, document["_source"].(map[string]any))
		})
		return len(documents) >= count
	}, timeout, 200*time.Millisecond)
	require.Len(t, documents, count)
	slices.SortFunc(documents, func(a, b map[string]any) int { return int(a["leg"].(float64) - b["leg"].(float64)) })
	return documents
}

func idOf(name string) string { return name[strings.LastIndexByte(name, '/')+1:] }

func requireTransferDocuments(t *testing.T, stack *launch.Stack, sent *bankv1.Transaction, from, to *bankv1.Account) {
	t.Helper()
	documents := documentsOf(t, stack, idOf(sent.GetName()), 2)
	for leg, want := range []map[string]any{
		{"kind": "TRANSFER", "status": "APPROVED", "direction": "DEBIT", "account_kind": "WALLET", "principal_kind": "USER",
			"account_id": idOf(from.GetName()), "counterparty_account_id": idOf(to.GetName())},
		{"kind": "TRANSFER", "status": "APPROVED", "direction": "CREDIT", "account_kind": "WALLET", "principal_kind": "USER",
			"account_id": idOf(to.GetName()), "counterparty_account_id": idOf(from.GetName())},
	} {
		require.InDelta(t, sent.GetAmountMinor(), documents[leg]["amount_minor"], 0)
		require.Subset(t, documents[leg], want)
	}
}

// requireHoldDocuments compares the documents of a hold that was captured in part, of its capture, and
// of a hold that expired.
func requireHoldDocuments(t *testing.T, stack *launch.Stack, of map[string]*bankv1.Transaction) {
	t.Helper()
	hold := idOf(of["hold"].GetName())
	placed := documentsOf(t, stack, hold, 1)[0]
	require.Subset(t, placed, map[string]any{"kind": "HOLD", "hold_id": hold, "merchant_id": "hotel-do-porto"})
	require.NotNil(t, placed["hold_expires_at"])
	captured := documentsOf(t, stack, idOf(of["capture"].GetName()), 2)
	require.Subset(t, captured[0], map[string]any{"kind": "CAPTURE", "relation": "CAPTURED", "hold_id": hold, "original_transaction_id": hold})
	require.Subset(t, captured[1], map[string]any{"kind": "VOID", "relation": "RELEASED", "hold_id": hold, "original_transaction_id": hold})
	lapsed := idOf(of["expired"].GetName())
	var ends []map[string]any
	await.Until(t, func() bool {
		ends = nil
		call(t, http.MethodPost, stack.Addresses().Elasticsearch()+"/bank-transactions-*/_refresh", nil)
		scanIndex(t, stack, map[string]any{"query": map[string]any{"term": map[string]any{"original_transaction_id": lapsed}}}, func(document map[string]any) {
			ends = append(ends, document["_source"].(map[string]any))
		})
		return len(ends) > 0
	}, timeout, 200*time.Millisecond)
	require.Len(t, ends, 1)
	require.Subset(t, ends[0], map[string]any{"kind": "EXPIRY", "relation": "RELEASED", "principal_kind": "NOBODY"})
}

// requireRESTLikeGRPC sends a transfer again by REST and reads by REST what gRPC answers.
func requireRESTLikeGRPC(
	t *testing.T, stack *launch.Stack, wallets bankv1.WalletServiceClient, request *bankv1.TransferRequest, sent *bankv1.TransferResponse, account *bankv1.Account,
) {
	t.Helper()
	rest := func(method, path string, body, answer proto.Message) {
		t.Helper()
		var content []byte
		if body != nil {
			var err error
			content, err = protojson.Marshal(body)
			require.NoError(t, err)
		}
		call, err := http.NewRequestWithContext(t.Context(), method, launch.URL(stack.Addresses().BankHTTP())+path, bytes.NewReader(content))
		require.NoError(t, err)
		call.Header.Set("Content-Type", "application/json")
		outgoing, _ := metadata.FromOutgoingContext(customer(t, account))
		call.Header.Set("Authorization", outgoing.Get("authorization")[0])
		decodeREST(t, call, answer)
	}
	var again bankv1.TransferResponse
	rest(http.MethodPost, "/v1/"+account.GetName()+":transfer", request, &again)
	require.True(t, proto.Equal(sent, &again), "REST answers %v, gRPC %v", &again, sent)

	byGRPC, err := wallets.GetBalance(customer(t, account), &bankv1.GetBalanceRequest{Name: account.GetName()})
	require.NoError(t, err)
	var byREST bankv1.GetBalanceResponse
	rest(http.MethodGet, "/v1/"+account.GetName()+"/balance", nil, &byREST)
	require.True(t, proto.Equal(byGRPC, &byREST), "REST answers %v, gRPC %v", &byREST, byGRPC)
}

// decodeREST makes a REST call and decodes its answer. It fails unless the status is 200.
func decodeREST(t *testing.T, call *http.Request, answer proto.Message) {
	t.Helper()
	client, err := system.HTTPClient("")
	require.NoError(t, err)
	response, err := client.Do(call)
	require.NoError(t, err)
	defer func() { require.NoError(t, response.Body.Close()) }()
	content, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, response.StatusCode, "%s", content)
	require.NoError(t, protojson.Unmarshal(content, answer))
}
