package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"codebank.dev/platform/fault"
	"codebank.dev/platform/id"
	"codebank.dev/schemas/event"
	"codebank.dev/statement"
	"codebank.dev/statement/postgres"
	"codebank.dev/statement/statementtest"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// numbered returns one of many accounts.
func numbered(n int) string { return fmt.Sprintf("%s%012d", alice[:24], n) }

// drawTimes gives the events of a model times that do not go back, and often stay.
func (m *model) drawTimes(t *rapid.T) {
	at := statementtest.Opened.UnixMilli()
	for i := range m.events {
		at += rapid.Int64Range(0, 3).Draw(t, "later")
		m.events[i].OccurredAtMillis = at
	}
}

// complete returns the sequence up to which everything has arrived.
func (m *model) complete() int64 {
	sequence := int64(0)
	for m.arrived[sequence+1] != nil {
		sequence++
	}
	return sequence
}

// moment draws a time around those of the events.
func (m *model) moment(t *rapid.T, name string) time.Time {
	last := m.events[len(m.events)-1].OccurredAtMillis
	return time.UnixMilli(rapid.Int64Range(statementtest.Opened.UnixMilli()-2, last+3).Draw(t, name)).UTC()
}

// before returns the sequence of the last event before a moment, whether it has arrived or not.
func (m *model) before(moment time.Time) int64 {
	sequence := int64(0)
	for i := range m.events {
		if m.events[i].OccurredAt().Before(moment) {
			sequence = m.events[i].Sequence.Value
		}
	}
	return sequence
}

// balance returns the balance after a sequence.
func (m *model) balance(sequence int64) int64 {
	if sequence <= 0 {
		return 0
	}
	return m.events[sequence-1].BalanceAfterMinor.Value
}

// A summary adds up, and is of the range if it does not say that it is provisional.
func TestTheSumsOfAnyRangeAreThoseOfAPlainModel(t *testing.T) {
	store, sink, _ := opened(t)
	service := statement.NewService(store)
	run := 0
	rapid.Check(t, func(t *rapid.T) {
		run++
		m := newModel(t, numbered(run))
		m.drawTimes(t)
		for len(m.waiting) > 0 {
			m.arrive(t, sink)
			within := statement.Range{}
			if rapid.Bool().Draw(t, "from") {
				within.Start = m.moment(t, "start")
			}
			if rapid.Bool().Draw(t, "to") {
				within.End = m.moment(t, "end")
			}
			got, err := service.Summarize(context.Background(), statement.Everybody, accountID(numbered(run)), within)
			require.NoError(t, err)
			m.checkSummary(t, within, &got)
		}
	})
}

func (m *model) checkSummary(t *rapid.T, within statement.Range, got *statement.Summary) {
	require.Equal(t, got.Opening+got.Sums.Credits-got.Sums.Debits, got.Closing)
	require.Zero(t, got.Sums.LeftOut)
	first, last := int64(1), int64(len(m.events))
	if !within.Start.IsZero() {
		first = m.before(within.Start) + 1
	}
	if !within.End.IsZero() {
		last = m.before(within.End)
	}
	// Without a watermark the end of the range is complete only if a later event is.
	complete := m.complete()
	require.Equal(t, within.End.IsZero() && len(m.arrived) > int(complete) || !within.End.IsZero() && complete <= last, got.Provisional)
	last = min(last, complete)
	want := statement.Summary{State: got.State, Opening: m.balance(min(first-1, last)), Closing: m.balance(min(first-1, last)), Provisional: got.Provisional}
	if first <= last {
		want.First, want.Last, want.Closing = first, last, m.balance(last)
	}
	for sequence := first; sequence <= last; sequence++ {
		e := &m.events[sequence-1]
		if e.Status != "APPROVED" || e.Kind == "HOLD" || e.Direction == "NONE" {
			continue
		}
		want.Sums.Count++
		if e.Direction == "DEBIT" {
			want.Sums.Debits += e.AmountMinor
		} else {
			want.Sums.Credits += e.AmountMinor
		}
	}
	require.Equal(t, want, *got)
}

// Whatever cannot be shown is counted, and takes no other line with it.
func TestASummarySaysThatALineCannotBeShown(t *testing.T) {
	for _, how := range damages {
		t.Run(how, func(t *testing.T) {
			store, sink, _ := opened(t)
			sink.Write(t, purchases(alice, 1, 6)...)
			damage(t, sink, 2, how)
			damage(t, sink, 4, how)
			service := statement.NewService(store)
			got, err := service.Summarize(t.Context(), statement.Everybody, aliceID, statement.Range{})
			require.NoError(t, err)
			require.Equal(t, statement.Sums{Debits: 600, Count: 4, LeftOut: 2}, got.Sums)
			require.Equal(t, []int64{0, -600, 1, 6}, []int64{got.Opening, got.Closing, got.First, got.Last})
			// The event before the range and the last one of it cannot be shown.
			within := statement.Range{Start: statementtest.Opened.Add(2 * time.Minute), End: statementtest.Opened.Add(4 * time.Minute)}
			got, err = service.Summarize(t.Context(), statement.Everybody, aliceID, within)
			require.NoError(t, err)
			require.Equal(t, got.Opening+got.Sums.Credits-got.Sums.Debits, got.Closing)
			require.Positive(t, got.Sums.LeftOut)
		})
	}
}

// A balance that contradicts the lines is an error of the data, and no sum hides it.
func TestASummaryOfLinesThatDoNotAddUpIsRefused(t *testing.T) {
	store, sink, _ := opened(t)
	sink.Write(t, purchases(alice, 1, 3)...)
	damage(t, sink, 2, "amount_minor = 99")
	_, err := statement.NewService(store).Summarize(t.Context(), statement.Everybody, aliceID, statement.Range{})
	require.Equal(t, fault.Internal, fault.CodeOf(err), "%v", err)
	damage(t, sink, 2, "amount_minor = 9223372036854775807")
	_, err = statement.NewService(store).Summarize(t.Context(), statement.Everybody, aliceID, statement.Range{})
	require.Equal(t, fault.Internal, fault.CodeOf(err), "%v", err)
}

// known are watermarks of a test: the same for all accounts.
type known struct{ completeTo time.Time }

func (k *known) CompleteTo(id.ID) time.Time { return k.completeTo }

// The state as of any moment and any sequence of the past is the ledger's, and says when it may still change.
func TestTheStateAsOfAThousandMomentsIsThatOfAPlainModel(t *testing.T) {
	store, sink, _ := opened(t)
	watermarks := &known{}
	service := statement.NewService(store).WithWatermarks(watermarks)
	run, pairs, final := 0, 0, 0
	rapid.Check(t, func(t *rapid.T) {
		run++
		account := accountID(numbered(run))
		m := newModel(t, numbered(run))
		m.drawTimes(t)
		for len(m.waiting) > 0 {
			m.arrive(t, sink)
			complete := m.complete()
			// A watermark is true of what has arrived: nothing that is still missing happened before it.
			watermarks.completeTo = statementtest.Opened.Add(-time.Hour)
			if rapid.Bool().Draw(t, "watermark") {
				watermarks.completeTo = time.UnixMilli(m.events[len(m.events)-1].OccurredAtMillis + 2)
				for i := range m.events {
					if m.arrived[int64(i+1)] == nil {
						watermarks.completeTo = m.events[i].OccurredAt()
						break
					}
				}
			}
			for range 8 {
				moment := m.moment(t, "moment")
				got, provisional, err := service.StateAsOf(context.Background(), statement.Everybody, account, statement.AsOf{Moment: moment})
				require.NoError(t, err)
				last := m.before(moment.Add(time.Millisecond))
				if !provisional {
					final++
					m.requireState(t, got, last)
				} else {
					m.requireState(t, got, complete)
					// Nothing else is provisional: what has a complete event behind it, or is covered without a gap.
					require.GreaterOrEqual(t, last, complete)
					covered := !watermarks.completeTo.Before(moment.Add(time.Millisecond))
					require.False(t, covered && len(m.arrived) == int(complete), "covered")
				}
				pairs++
			}
			sequence := rapid.Int64Range(1, int64(len(m.events)+2)).Draw(t, "sequence")
			got, provisional, err := service.StateAsOf(context.Background(), statement.Everybody, account, statement.AsOf{Sequence: sequence})
			require.NoError(t, err)
			require.Equal(t, sequence > complete, provisional)
			m.requireState(t, got, min(sequence, complete))
		}
	})
	require.GreaterOrEqual(t, pairs, 1000)
	require.Greater(t, final, pairs/4, "most moments of the past are final")
}

// requireState requires the state after a sequence.
func (m *model) requireState(t *rapid.T, got statement.State, sequence int64) {
	want := statement.State{Account: got.Account, CompleteTo: sequence, Currency: "BRL"}
	if sequence > 0 {
		e := &m.events[sequence-1]
		want.CompleteToTime, want.Balance, want.Held, want.CreditLimit = e.OccurredAt(), e.BalanceAfterMinor.Value, e.HeldAfterMinor.Value, e.CreditLimitMinor.Value
	}
	require.Equal(t, want, got)
}

// A gap proves that a watermark is wrong, for example after lines were lost.
func TestAWatermarkOverAGapIsNotBelieved(t *testing.T) {
	store, sink, _ := opened(t)
	service := statement.NewService(store).WithWatermarks(&known{statementtest.Opened.Add(time.Hour)})
	sink.Write(t, purchases(alice, 1, 3)...)
	at := statement.AsOf{Moment: statementtest.Opened.Add(2*time.Minute + time.Millisecond)}
	_, provisional, err := service.StateAsOf(t.Context(), statement.Everybody, aliceID, at)
	require.NoError(t, err)
	require.False(t, provisional)
	sink.Write(t, purchases(alice, 5, 5)...)
	state, provisional, err := service.StateAsOf(t.Context(), statement.Everybody, aliceID, at)
	require.NoError(t, err)
	require.True(t, provisional)
	require.EqualValues(t, 3, state.CompleteTo)
}

func TestAStateThatCannotBeShownIsProvisional(t *testing.T) {
	store, sink, _ := opened(t)
	sink.Write(t, purchases(alice, 1, 4)...)
	damage(t, sink, 1, damages[0])
	damage(t, sink, 3, damages[0])
	service := statement.NewService(store)
	for sequence, want := range map[int64]int64{1: 0, 2: 2, 3: 2, 4: 4} {
		state, provisional, err := service.StateAsOf(t.Context(), statement.Everybody, aliceID, statement.AsOf{Sequence: sequence})
		require.NoError(t, err)
		require.Equal(t, want, state.CompleteTo)
		require.Equal(t, want != sequence, provisional)
	}
	_, _, err := service.StateAsOf(t.Context(), "nobody", aliceID, statement.AsOf{Sequence: 2})
	require.ErrorIs(t, err, statement.ErrNoAccount)
}

// matchesPlainly is a filter as a reader of the contract would check it by hand.
func matchesPlainly(f *statement.Filter, e *event.Transaction) bool {
	plain := strings.NewReplacer("Ã", "a", "ã", "a", "ç", "c", "Ç", "c", "É", "e", "é", "e", "í", "i")
	texts := strings.ToLower(plain.Replace(e.Description + "\n" + e.MerchantName + "\n" + e.MerchantReference + "\n" + e.CounterpartyName + "\n" + e.EndToEndID))
	return e.Status == "APPROVED" && e.Kind != "HOLD" && e.Direction != "NONE" &&
		(len(f.Kinds) == 0 || slices.Contains(f.Kinds, string(e.Kind))) &&
		(f.Direction == "" || f.Direction == string(e.Direction)) &&
		e.AmountMinor >= f.MinAmount && (f.MaxAmount == 0 || e.AmountMinor <= f.MaxAmount) &&
		strings.Contains(texts, strings.ToLower(plain.Replace(f.Text)))
}

// The pages of any filter have the lines that it chooses, each once.
func TestAnyFilterChoosesWhatAPlainModelChooses(t *testing.T) {
	store, sink, _ := opened(t)
	service := statement.NewService(store)
	run := 0
	texts := []string{"", "Padaria São João", "PADARIA", "Açaí da Praça", "sao", "JOÃO", "caf\u00e9", "cafe\u0301", "praca", "ção"}
	rapid.Check(t, func(t *rapid.T) {
		run++
		m := newModel(t, numbered(run))
		for i := range m.events {
			m.events[i].Description = rapid.SampledFrom(texts).Draw(t, "description")
			m.events[i].CounterpartyName = rapid.SampledFrom(texts).Draw(t, "counterparty")
		}
		sink.Write(t, m.events...)
		filter := statement.Filter{
			Text:      strings.ReplaceAll(rapid.SampledFrom(texts).Draw(t, "text"), "e\u0301", "\u00e9"),
			Direction: rapid.SampledFrom([]string{"", "DEBIT", "CREDIT"}).Draw(t, "direction"),
			Kinds:     rapid.SliceOfN(rapid.SampledFrom([]string{"PURCHASE", "REVERSAL", "CAPTURE", "VOID"}), 0, 2).Draw(t, "kinds"),
			MinAmount: rapid.Int64Range(0, 300).Draw(t, "min"), MaxAmount: rapid.Int64Range(0, 500).Draw(t, "max"),
		}
		upTo := rapid.Int64Range(0, int64(len(m.events))).Draw(t, "up to")
		want, got := []int64{}, []int64{}
		for i := len(m.events) - 1; i >= 0; i-- {
			e := m.events[i]
			e.Description, e.CounterpartyName = strings.ReplaceAll(e.Description, "e\u0301", "\u00e9"), strings.ReplaceAll(e.CounterpartyName, "e\u0301", "\u00e9")
			if matchesPlainly(&filter, &e) && (upTo == 0 || e.Sequence.Value <= upTo) {
				want = append(want, e.Sequence.Value)
			}
		}
		query := statement.PageQuery{Reader: statement.Everybody, Account: accountID(numbered(run)), Filter: filter, UpTo: upTo, Size: rapid.IntRange(1, 5).Draw(t, "size")}
		for {
			page, err := service.Page(context.Background(), query)
			require.NoError(t, err)
			got = append(got, sequences(page)...)
			if query.Below = page.Next; query.Below == 0 {
				break
			}
		}
		require.Equal(t, want, got)
	})
}

// A filter that chooses nothing reads a bounded part of the account for each page.
func TestAPageOfASparseFilterIsBounded(t *testing.T) {
	store, sink, _ := opened(t)
	for from := int64(1); from <= 12_000; from += 2_000 {
		sink.Write(t, purchases(alice, from, from+1_999)...)
	}
	query := statement.PageQuery{Reader: statement.Everybody, Account: aliceID, Filter: statement.Filter{Text: "nothing"}, Size: 50}
	page, err := statement.NewService(store).Page(t.Context(), query)
	require.NoError(t, err)
	require.Empty(t, page.Lines)
	require.EqualValues(t, 2_001, page.Next)
	query.Below = page.Next
	page, err = statement.NewService(store).Page(t.Context(), query)
	require.NoError(t, err)
	require.Empty(t, page.Lines)
	require.Zero(t, page.Next)
}

// Followers of two processes, which are cut off now and then and go on behind what they have, hear every line
// once and in order, whatever order the lines come in.
func TestFollowersHearEveryLineOnce(t *testing.T) {
	first, sink, url := opened(t)
	second := open(t, postgres.Config{URL: serviceURL(t, url), BankCode: statementtest.Bank})
	require.NoError(t, second.Prepare(t.Context(), slog.New(slog.DiscardHandler)))
	const last = 200
	sink.Write(t, statementtest.Purchase(alice, 1))
	var followers []*statement.Follower
	for _, store := range []*postgres.Store{first, second} {
		follower := statement.NewFollower(statement.NewService(store), store, slog.New(slog.DiscardHandler))
		go follower.Run(t.Context())
		followers = append(followers, follower)
	}
	var reading sync.WaitGroup
	errCut := errors.New("cut off")
	for n := range 6 {
		random := rand.New(rand.NewPCG(uint64(n), 1))
		reading.Go(func() {
			var heard []int64
			for position := int64(0); position < last; {
				follower := followers[random.IntN(2)]
				err := follower.Follow(t.Context(), statement.FollowQuery{Reader: customer, Account: aliceID, After: position}, func(followed statement.Followed) error {
					if followed.CompleteTo < position {
						t.Errorf("heard %d after %d", followed.CompleteTo, position)
					}
					if followed.Line != nil {
						heard = append(heard, followed.Line.Sequence)
						position = followed.Line.Sequence
					}
					if random.IntN(20) == 0 || position == last {
						return errCut
					}
					return nil
				})
				if !errors.Is(err, errCut) {
					t.Error(err)
					return
				}
			}
			for i, sequence := range heard {
				if sequence != int64(i+1) || len(heard) != last {
					t.Errorf("follower %d heard %v", n, heard)
					return
				}
			}
		})
	}
	order := rand.New(rand.NewPCG(7, 7)).Perm(last - 1)
	for part := range slices.Chunk(order, 10) {
		var events []event.Transaction
		for _, i := range part {
			events = append(events, statementtest.Purchase(alice, int64(i+2)))
		}
		sink.Write(t, events...)
	}
	reading.Wait()
}

// An event that cannot be shown keeps nobody busy, and what follows it is told.
func TestAFollowerPassesOverALineThatCannotBeShown(t *testing.T) {
	store, sink, _ := opened(t)
	sink.Write(t, purchases(alice, 1, 3)...)
	damage(t, sink, 2, damages[0])
	follower := statement.NewFollower(statement.NewService(store), store, slog.New(slog.DiscardHandler))
	var heard []int64
	until := make(chan struct{})
	err := follower.Follow(t.Context(), statement.FollowQuery{Reader: customer, Account: aliceID, Until: until}, func(followed statement.Followed) error {
		if followed.Line == nil {
			close(until)
			return nil
		}
		heard = append(heard, followed.Line.Sequence)
		return nil
	})
	require.ErrorIs(t, err, statement.ErrFollowEnds)
	require.Equal(t, []int64{1, 3}, heard)
}

// What a client was shown is shown in every later answer: by another replica, by one whose database is read-only,
// by a page, by a state of the past and by a stream.
func TestWhatWasShownIsShownAgain(t *testing.T) {
	first, sink, url := opened(t)
	var services []*statement.Service
	for _, more := range []string{"", "&options=-c%20default_transaction_read_only%3Don"} {
		store := open(t, postgres.Config{URL: serviceURL(t, url) + more, BankCode: statementtest.Bank})
		require.NoError(t, store.Prepare(t.Context(), slog.New(slog.DiscardHandler)))
		services = append(services, statement.NewService(first), statement.NewService(store))
	}
	const last = 150
	sink.Write(t, statementtest.Purchase(alice, 1))
	var writing, reading sync.WaitGroup
	done := make(chan struct{})
	for reader := range 4 {
		random := rand.New(rand.NewPCG(uint64(reader), 3))
		reading.Go(func() {
			completeTo, line := int64(0), int64(0) // the most that this client was shown
			for finished := false; !finished; {
				select {
				case <-done:
					finished = true
				default:
				}
				service := services[random.IntN(len(services))]
				switch random.IntN(3) {
				case 0:
					page, err := service.Page(t.Context(), statement.PageQuery{Reader: customer, Account: aliceID, Size: 1})
					if err != nil || page.State.CompleteTo < completeTo || page.Lines[0].Sequence < line {
						t.Errorf("a page after %d, %d: %+v %v", completeTo, line, page, err)
						return
					}
					completeTo, line = page.State.CompleteTo, page.Lines[0].Sequence
				case 1:
					state, provisional, err := service.StateAsOf(t.Context(), customer, aliceID, statement.AsOf{Sequence: completeTo + 1})
					if err != nil || state.CompleteTo < completeTo || !provisional && state.CompleteTo != completeTo+1 {
						t.Errorf("a state after %d: %+v %v", completeTo, state, err)
						return
					}
					completeTo = state.CompleteTo
				case 2:
					summary, err := service.Summarize(t.Context(), customer, aliceID, statement.Range{})
					if err != nil || summary.Last < completeTo {
						t.Errorf("a summary after %d: %+v %v", completeTo, summary, err)
						return
					}
					completeTo = summary.Last
				}
			}
			if completeTo == 0 {
				t.Error("nothing was read")
			}
		})
	}
	for half := range int64(2) { // odd ones and even ones race each other
		writing.Go(func() {
			for sequence := 2 + half; sequence <= last; sequence += 2 {
				sink.Write(t, statementtest.Purchase(alice, sequence))
			}
		})
	}
	writing.Wait()
	close(done)
	reading.Wait()
}

// The planner must not take the policies for a reason to read all lines of an account: each customer has few of
// all lines.
func TestAPageIsReadInTheOrderOfAnIndex(t *testing.T) {
	_, sink, url := opened(t)
	sink.Write(t, purchases(bob, 1, 1)...)
	_, err := sink.Pool().Exec(t.Context(), fillLines, alice[:24], 50, 500, bob)
	require.NoError(t, err)
	_, err = sink.Pool().Exec(t.Context(), "VACUUM ANALYZE statement_lines")
	require.NoError(t, err)
	owner := customer[:24] + "000000000007"
	plan := planAs(t, url, postgres.SelectLines, numbered(7), owner, int64(1<<40), 65)
	require.Contains(t, plan, "Index Scan Backward using statement_lines_account")
	require.NotContains(t, plan, "Bitmap")
	require.NotContains(t, plan, "Sort")
	plan = planAs(t, url, postgres.Boundary, numbered(7), owner, statementtest.Opened)
	require.Contains(t, plan, "Index Scan using statement_lines_account")
	require.NotContains(t, plan, "Bitmap")
	require.NotContains(t, plan, "Sort")
}

// Each index costs the sink at each line: BenchmarkSink says how much. A new one needs a reason that is worth it.
func TestALineIsInFewIndexes(t *testing.T) {
	_, sink, _ := opened(t)
	rows, err := sink.Pool().Query(t.Context(), `SELECT indexrelid::regclass::text FROM pg_index WHERE indrelid = 'statement_lines'::regclass
		AND coalesce(pg_get_expr(indpred, indrelid), '') NOT LIKE '%kind%' ORDER BY 1`)
	require.NoError(t, err)
	indexes, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	require.Equal(t, []string{"statement_lines_account", "statement_lines_arrival", "statement_lines_pkey"}, indexes)
}
