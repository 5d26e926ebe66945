package rpc_test

import (
	"context"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"codebank.dev/native/postgres/postgrestest"
	"codebank.dev/platform/fault"
	"codebank.dev/platform/id"
	"codebank.dev/platform/serve"
	"codebank.dev/platform/wallstest"
	statementv1 "codebank.dev/schemas/gen/statement/v1"
	"codebank.dev/statement/statementtest"
	"github.com/stretchr/testify/require"
)

// marks are watermarks that a test moves. They cover everything until it does.
type marks struct{ millis atomic.Int64 }

// to sets the time before which every event has arrived.
func (m *marks) to(moment time.Time) { m.millis.Store(moment.UnixMilli()) }

// CompleteTo implements statement.Watermarks.
func (m *marks) CompleteTo(id.ID) time.Time {
	if millis := m.millis.Load(); millis != 0 {
		return time.UnixMilli(millis).UTC()
	}
	return time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)
}

// readsOf returns each read that can wait for a sequence. It answers the sequence that the answer is complete to.
func readsOf(client statementv1.StatementServiceClient) map[string]func(ctx context.Context, account string, least int64) (int64, error) {
	return map[string]func(context.Context, string, int64) (int64, error){
		"GetStatement": func(ctx context.Context, account string, least int64) (int64, error) {
			answer, err := client.GetStatement(ctx, &statementv1.GetStatementRequest{Name: account + "/statement", MinSequence: least})
			return answer.GetStatement().GetCompleteToSequence(), err
		},
		"ListLines": func(ctx context.Context, account string, least int64) (int64, error) {
			answer, err := client.ListLines(ctx, &statementv1.ListLinesRequest{Parent: account, MinSequence: least})
			return answer.GetStatement().GetCompleteToSequence(), err
		},
		"ListPendingHolds": func(ctx context.Context, account string, least int64) (int64, error) {
			answer, err := client.ListPendingHolds(ctx, &statementv1.ListPendingHoldsRequest{Parent: account, MinSequence: least})
			return answer.GetStatement().GetCompleteToSequence(), err
		},
		"SummarizeLines": func(ctx context.Context, account string, least int64) (int64, error) {
			answer, err := client.SummarizeLines(ctx, &statementv1.SummarizeLinesRequest{Parent: account, MinSequence: least})
			return answer.GetStatement().GetCompleteToSequence(), err
		},
	}
}

// A read waits for the sequence that a command has answered, also for the first one of an account.
func TestAReadWaitsForItsSequence(t *testing.T) {
	r := start(t, postgrestest.Database(t))
	type answer struct {
		name       string
		completeTo int64
		err        error
	}
	answers := make(chan answer, 8)
	for name, read := range readsOf(r) {
		for _, least := range []int64{1, 3} {
			go func() {
				completeTo, err := read(t.Context(), "accounts/"+alice, least)
				if completeTo < least {
					name += " is behind"
				}
				answers <- answer{name, completeTo, err}
			}()
		}
	}
	r.sink.Write(t, statementtest.Purchase(alice, 3))
	r.sink.Write(t, statementtest.Purchase(alice, 1))
	for range 4 { // Those that ask for the first event.
		got := <-answers
		require.NoError(t, got.err, got.name)
		require.GreaterOrEqual(t, got.completeTo, int64(1), got.name)
	}
	r.sink.Write(t, statementtest.Purchase(alice, 2))
	for range 4 {
		got := <-answers
		require.NoError(t, got.err, got.name)
		require.EqualValues(t, 3, got.completeTo, got.name)
	}
}

// A read of what does not come says so before its deadline, and says the same of an account of somebody else.
func TestAReadThatIsBehindSaysSo(t *testing.T) {
	r := start(t, postgrestest.Database(t))
	r.sink.Write(t, statementtest.Purchase(alice, 1), statementtest.Purchase(alice, 3))
	theirs := statementv1.NewStatementServiceClient(r.kit.Dial(t, r.address, ""))
	for name, ask := range map[string]func(context.Context) error{
		"a gap": func(ctx context.Context) error {
			_, err := readsOf(r)["GetStatement"](ctx, "accounts/"+alice, 2)
			return err
		},
		"the account of another": func(ctx context.Context) error {
			_, err := readsOf(theirs)["ListLines"](wallstest.WithToken(ctx, r.kit.Customer(t, stranger)), "accounts/"+alice, 1)
			return err
		},
		"no account": func(ctx context.Context) error {
			_, err := readsOf(r)["SummarizeLines"](ctx, "accounts/"+bob, 1)
			return err
		},
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 1500*time.Millisecond)
		err := serve.FromStatus(ask(ctx))
		cancel()
		require.Equal(t, fault.Unavailable, fault.CodeOf(err), "%s: %v", name, err)
		require.Equal(t, "STATEMENT_BEHIND", fault.Of(err).Reason, name)
	}
	_, err := readsOf(r)["ListPendingHolds"](t.Context(), "accounts/"+alice, -1)
	require.Equal(t, "min_sequence", fault.Of(serve.FromStatus(err)).Field)
	response, body := r.get(t, "/v1/accounts/"+alice+"/statement?minSequence=1")
	require.Equal(t, http.StatusOK, response.StatusCode, string(body))
	began := time.Now()
	response, body = r.get(t, "/v1/accounts/"+alice+"/lines?minSequence=2")
	require.Equal(t, http.StatusServiceUnavailable, response.StatusCode, string(body))
	require.NotEmpty(t, response.Header.Get("Retry-After"))
	require.Less(t, time.Since(began), 20*time.Second, "the wait has an end without a deadline")
}
