package e2e

import (
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"codebank.dev/native/await"
	bankv1 "codebank.dev/schemas/gen/bank/v1"
	statementv1 "codebank.dev/schemas/gen/statement/v1"
	"codebank.dev/stack/launch"
)

// Money that is paid in at the second bank is on that bank's statement and in the index under its code, and
// nowhere at the first bank.
func TestASecondBankKeepsItsOwnBooks(t *testing.T) {
	stack, bank := running(t), launch.SecondBank()
	at := stack.Addresses().Of(bank)
	cash := dialAs(t, launch.Bank, at.BankGRPC, bank.As(launch.Operator))
	account := openWallet(t, cash, 1_000)
	paid, err := bankv1.NewWalletServiceClient(cash).Deposit(t.Context(), &bankv1.DepositRequest{
		RequestId: newRequestID(), Account: account.GetName(), AmountMinor: 2_500, Currency: "BRL",
	})
	require.NoError(t, err)

	own := statementv1.NewStatementServiceClient(dialAs(t, launch.Statement, at.StatementGRPC, bank.As(launch.Operator)))
	name := &statementv1.GetStatementRequest{Name: account.GetName() + "/statement"}
	await.Until(t, func() bool {
		read, err := own.GetStatement(t.Context(), name)
		return err == nil && read.GetStatement().GetBalanceMinor() == 3_500
	}, timeout, 50*time.Millisecond, "the statement of bank 002 shows what was paid in")
	for _, document := range documentsOf(t, stack, idOf(paid.GetTransaction().GetName()), 1) {
		require.Equal(t, bank.Code, document["bank_code"])
		require.Equal(t, "bank-002.transactions.v1", document["kafka_topic"])
	}

	first := statementv1.NewStatementServiceClient(dialAs(t, launch.Statement, stack.Addresses().StatementGRPC(), launch.Operator))
	_, err = first.GetStatement(t.Context(), name)
	require.Equal(t, codes.NotFound, status.Code(err), "the first bank does not know the account")
	_, err = bankv1.NewWalletServiceClient(dial(t, stack.Addresses().BankGRPC())).GetBalance(t.Context(), &bankv1.GetBalanceRequest{Name: account.GetName()})
	require.Equal(t, codes.NotFound, status.Code(err))
	require.NoError(t, stack.BankctlOf(t.Context(), bank, io.Discard, "audit", "--wait", timeout.String()))
}

// An operator of one bank is none at the other, and the databases of one bank do not open for the roles of the other.
func TestTheBanksAreWalledOffFromEachOther(t *testing.T) {
	stack := running(t)
	banks := launch.Banks()
	for i, bank := range banks {
		at, other := stack.Addresses().Of(bank), banks[1-i]
		account := openWallet(t, dialAs(t, launch.Bank, at.BankGRPC, bank.As(launch.Operator)), 1_000)
		for as, want := range map[string]int{bank.As(launch.Operator): http.StatusOK, other.As(launch.Operator): http.StatusForbidden} {
			client, err := stack.HTTPClient(as)
			require.NoError(t, err)
			answer, err := client.Get(launch.URL(at.BankHTTP) + "/v1/" + account.GetName() + "/balance")
			require.NoError(t, err)
			require.NoError(t, answer.Body.Close())
			require.Equal(t, want, answer.StatusCode, "%s at bank %s", as, bank.Code)
		}
	}
	for role, database := range map[string]string{
		"bank_service_002": banks[0].LedgerDatabase, "auditor_002": banks[0].StatementDatabase,
		"bank_service": banks[1].LedgerDatabase, "statement_sink": banks[1].StatementDatabase,
	} {
		url, err := stack.URLOf(t.Context(), role, database)
		require.NoError(t, err)
		_, err = pgx.Connect(t.Context(), url)
		require.ErrorContains(t, err, "permission denied for database", "%s in %s", role, database)
	}
}
