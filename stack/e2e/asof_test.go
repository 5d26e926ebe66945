package e2e

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/types/known/timestamppb"

	bankv1 "codebank.dev/schemas/gen/bank/v1"
	statementv1 "codebank.dev/schemas/gen/statement/v1"
	"codebank.dev/stack/launch"
)

// moments is how many pairs of an account and a moment are compared.
const moments = 1_000

// moment is what the ledger had of an account at a time.
type moment struct {
	account       uuid.UUID
	at            time.Time
	sequence      int64
	balance, held int64
}

// drawMoments draws pairs of an account and a time between its first and its last entry.
func drawMoments(t *testing.T, ledger *pgx.Conn, seed uint64) []moment {
	t.Helper()
	rows, err := ledger.Query(t.Context(), `SELECT account_id, min(occurred_at), max(occurred_at), max(sequence) FROM entries
		WHERE account_id IS NOT NULL AND occurred_at > now() - interval '1 day' GROUP BY account_id ORDER BY count(*) DESC, account_id LIMIT 400`)
	require.NoError(t, err)
	type span struct {
		account     uuid.UUID
		first, last time.Time
		sequence    int64
	}
	spans, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (s span, err error) {
		err = row.Scan(&s.account, &s.first, &s.last, &s.sequence)
		return s, err
	})
	require.NoError(t, err)
	require.NotEmpty(t, spans)
	random := rand.New(rand.NewPCG(seed, seed))
	drawn := make([]moment, moments)
	for i := range drawn {
		s := spans[random.IntN(len(spans))]
		at := s.first
		if length := s.last.Sub(s.first).Milliseconds(); length > 0 {
			at = at.Add(time.Duration(random.Int64N(length+1)) * time.Millisecond)
		}
		drawn[i] = moment{account: s.account, at: at.Truncate(time.Millisecond)}
		require.NoError(t, ledger.QueryRow(t.Context(), `SELECT sequence, balance_after, held_after FROM entries
			WHERE account_id = $1 AND occurred_at <= $2 ORDER BY sequence DESC LIMIT 1`, s.account, drawn[i].at).
			Scan(&drawn[i].sequence, &drawn[i].balance, &drawn[i].held), "%v", drawn[i])
	}
	return drawn
}

// The statement as of any moment, and as of any sequence, is what the ledger had.
func TestAStatementAsOfAnyMomentIsTheLedgers(t *testing.T) {
	stack := running(t)
	load := startLoad(t, 8, 8, stack.Addresses().BankGRPC())
	load.progress(600)
	load.resolveUnknown()
	load.verify(stack)
	requireAuditEqual(t, stack)
	const seed = 15
	drawn := drawMoments(t, ledgerConnection(t, stack), seed)
	statements := statementv1.NewStatementServiceClient(dialAs(t, launch.Statement, stack.Addresses().StatementGRPC(), launch.Operator))
	same := func(m moment, request *statementv1.GetStatementRequest) error {
		request.Name = "accounts/" + m.account.String() + "/statement"
		answer, err := statements.GetStatement(t.Context(), request)
		if err != nil {
			return fmt.Errorf("%v: %w", m, err)
		}
		got := answer.GetStatement()
		if got.GetBalanceMinor() != m.balance || got.GetHeldMinor() != m.held || got.GetCompleteToSequence() != m.sequence {
			return fmt.Errorf("the ledger had %+v, and the statement says %v", m, got)
		}
		return nil
	}
	errors := make([]error, 2*len(drawn))
	var reading sync.WaitGroup
	const readers = 4
	for reader := range readers {
		reading.Go(func() {
			for i := reader; i < len(drawn); i += readers {
				errors[2*i] = same(drawn[i], &statementv1.GetStatementRequest{AsOfTime: timestamppb.New(drawn[i].at)})
				errors[2*i+1] = same(drawn[i], &statementv1.GetStatementRequest{AsOfSequence: drawn[i].sequence})
			}
		})
	}
	reading.Wait()
	for _, err := range errors {
		require.NoError(t, err)
	}
}

// Once a statement has shown what a command was answered with, it shows it from then on.
func TestReadsDoNotGoBack(t *testing.T) {
	stack := running(t)
	who := newCustomer(t, stack, seedPassword)
	from, to := openFor(t, stack, who, 10_000), openFor(t, stack, who, 0)
	one, two := idOf(from.GetName()), idOf(to.GetName())
	statements := statementv1.NewStatementServiceClient(dialAs(t, launch.Statement, stack.Addresses().StatementGRPC(), ""))
	ctx, end := context.WithCancel(who.Context(t.Context()))
	defer end()
	var reading sync.WaitGroup
	seen := make([]int64, 4)
	for reader := range seen {
		reading.Go(func() {
			for ctx.Err() == nil {
				answer, err := statements.GetStatement(ctx, &statementv1.GetStatementRequest{Name: from.GetName() + "/statement"})
				if err != nil {
					continue
				}
				now := answer.GetStatement().GetCompleteToSequence()
				if now < seen[reader] {
					t.Errorf("a reader has seen %d, and then %d", seen[reader], now)
					return
				}
				seen[reader] = now
			}
		})
	}
	for n := range 20 {
		accepted := ask(t, stack, who, fmt.Sprint("step-", n), http.MethodPost, "/cmd/transfer", transferBody(one, two, "1"))
		require.Equal(t, http.StatusCreated, accepted.status, "%s", accepted.body)
		require.Equal(t, "completed", awaitTransfer(t, stack, who, string(accepted.body))["status"])
	}
	awaitStatement(t, stack, from, func(s *statementv1.Statement) bool { return s.GetBalanceMinor() == 10_000-20 }, "all transfers are shown")
	end()
	reading.Wait()
	account, err := bankv1.NewWalletServiceClient(dial(t, stack.Addresses().BankGRPC())).GetBalance(t.Context(), &bankv1.GetBalanceRequest{Name: from.GetName()})
	require.NoError(t, err)
	require.Equal(t, int64(10_000-20), account.GetAccount().GetBalanceMinor())
}
