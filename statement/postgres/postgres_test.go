package postgres_test

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"codebank.dev/native/await"
	stack "codebank.dev/native/postgres"
	"codebank.dev/native/postgres/postgrestest"
	"codebank.dev/platform/database/databasetest"
	"codebank.dev/platform/fault"
	"codebank.dev/platform/id"
	"codebank.dev/schemas"
	"codebank.dev/schemas/event"
	"codebank.dev/statement"
	"codebank.dev/statement/postgres"
	"codebank.dev/statement/statementtest"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

const alice = "3f1c1f0e-8f64-4d5e-9a55-0c8f1b2a7d01"

var aliceID = accountID(alice)

// customer is the owner of every account of statementtest, unless a test says otherwise.
const customer statement.Reader = statementtest.Customer

func accountID(text string) id.ID {
	account, err := id.Parse(text)
	if err != nil {
		panic(err)
	}
	return account
}

// serviceURL returns the address of a database for the statement's role.
func serviceURL(t testing.TB, url string) string {
	t.Helper()
	return databasetest.As(t, url, postgres.ServiceRole)
}

// opened returns a store that uses a new database as the statement's role, a sink into the database, and its
// address for the administrator.
func opened(t testing.TB) (*postgres.Store, *statementtest.Sink, string) {
	t.Helper()
	url := postgrestest.Database(t)
	statementtest.Migrated(t, url)
	store := open(t, postgres.Config{URL: serviceURL(t, url), BankCode: statementtest.Bank})
	require.NoError(t, store.Prepare(t.Context(), slog.New(slog.DiscardHandler)))
	return store, statementtest.NewSink(t, url), url
}

func open(t testing.TB, config postgres.Config) *postgres.Store {
	t.Helper()
	store, err := postgres.Open(t.Context(), config)
	require.NoError(t, err)
	t.Cleanup(store.Close)
	return store
}

func sequences(page statement.Page) []int64 {
	numbers := []int64{}
	for _, line := range page.Lines {
		numbers = append(numbers, line.Sequence)
	}
	return numbers
}

func purchases(account string, from, to int64) []event.Transaction {
	var events []event.Transaction
	for sequence := from; sequence <= to; sequence++ {
		events = append(events, statementtest.Purchase(account, sequence))
	}
	return events
}

func TestEveryFieldOfTheEventHasAColumnOrIsLeftOutOnPurpose(t *testing.T) {
	_, sink, _ := opened(t)
	rows, err := sink.Pool().Query(t.Context(), "SELECT column_name, is_nullable = 'YES' FROM information_schema.columns WHERE table_name = 'statement_lines'")
	require.NoError(t, err)
	columns := map[string]bool{}
	for rows.Next() {
		var name string
		var nullable bool
		require.NoError(t, rows.Scan(&name, &nullable))
		columns[name] = nullable
	}
	require.NoError(t, rows.Err())
	for _, field := range event.Fields() {
		if field.Internal {
			require.NotContains(t, columns, field.Name)
			continue
		}
		nullable, there := columns[field.Name]
		require.True(t, there, field.Name)
		require.Equal(t, field.Nullable, nullable, "%s may be null in both or in neither", field.Name)
		delete(columns, field.Name)
	}
	require.Equal(t, map[string]bool{"arrived_at": false}, columns, "the sink leaves this one to its default")
}

func TestOnlyTheEventIDIsUnique(t *testing.T) {
	_, sink, _ := opened(t)
	var unique string
	require.NoError(t, sink.Pool().QueryRow(t.Context(),
		"SELECT string_agg(indexrelid::regclass::text, ',') FROM pg_index WHERE indrelid = 'statement_lines'::regclass AND indisunique").Scan(&unique))
	require.Equal(t, "statement_lines_pkey", unique)
}

func TestEventsInAnyOrderGiveTheSameState(t *testing.T) {
	store, sink, _ := opened(t)
	service := statement.NewService(store)
	sink.Write(t, purchases(alice, 3, 5)...)
	state, err := service.State(t.Context(), statement.Everybody, aliceID)
	require.NoError(t, err)
	require.Equal(t, statement.State{Account: aliceID, Currency: "BRL"}, state, "the first is missing: nothing can be trusted")

	sink.Write(t, statementtest.Purchase(alice, 1))
	state, err = service.State(t.Context(), statement.Everybody, aliceID)
	require.NoError(t, err)
	require.Equal(t, int64(1), state.CompleteTo)

	sink.Write(t, statementtest.Purchase(alice, 2))
	state, err = service.State(t.Context(), statement.Everybody, aliceID)
	require.NoError(t, err)
	require.Equal(t, statement.State{
		Account: aliceID, CompleteTo: 5, CompleteToTime: statementtest.Opened.Add(4 * time.Minute),
		Currency: "BRL", Balance: -500, CreditLimit: 100_000,
	}, state)
	available, err := state.Available()
	require.NoError(t, err)
	require.Equal(t, int64(99_500), available)
}

func TestLinesAboveAGapAreThereButAboveCompleteTo(t *testing.T) {
	store, sink, _ := opened(t)
	sink.Write(t, purchases(alice, 1, 2)...)
	sink.Write(t, purchases(alice, 4, 5)...)
	page, err := statement.NewService(store).Page(t.Context(), statement.PageQuery{Reader: statement.Everybody, Account: aliceID, Size: 10})
	require.NoError(t, err)
	require.Equal(t, []int64{5, 4, 2, 1}, sequences(page))
	require.Equal(t, int64(2), page.State.CompleteTo)
	require.Equal(t, int64(-200), page.State.Balance)
}

func TestWritingEventsAgainChangesNothing(t *testing.T) {
	store, sink, _ := opened(t)
	service := statement.NewService(store)
	sink.Write(t, purchases(alice, 1, 20)...)
	before, err := service.Page(t.Context(), statement.PageQuery{Reader: statement.Everybody, Account: aliceID, Size: 50})
	require.NoError(t, err)
	again := purchases(alice, 1, 20)
	slices.Reverse(again)
	sink.Write(t, again...)
	after, err := service.Page(t.Context(), statement.PageQuery{Reader: statement.Everybody, Account: aliceID, Size: 50})
	require.NoError(t, err)
	require.Equal(t, before, after)
}

func TestHiddenEventsCount(t *testing.T) {
	store, sink, _ := opened(t)
	limit := statementtest.Purchase(alice, 4)
	limit.Kind, limit.Direction, limit.Status, limit.AmountMinor = "LIMIT_CHANGE", "NONE", "APPLIED", 0
	limit.BalanceAfterMinor, limit.CreditLimitMinor = event.Some[int64](-200), event.Some[int64](70_000)
	hold := statementtest.Purchase(alice, 5)
	hold.Kind, hold.BalanceAfterMinor, hold.HeldAfterMinor = "HOLD", event.Some[int64](-200), event.Some[int64](50)
	hold.CreditLimitMinor = event.Some[int64](70_000)
	refusal := statementtest.Refusal("a-transaction")
	sink.Write(t, statementtest.Opening(alice), statementtest.Purchase(alice, 2), statementtest.Decline(alice, 3, -200), limit, hold, refusal)
	page, err := statement.NewService(store).Page(t.Context(), statement.PageQuery{Reader: statement.Everybody, Account: aliceID, Size: 10})
	require.NoError(t, err)
	require.Equal(t, []int64{2}, sequences(page))
	require.Equal(t, int64(5), page.State.CompleteTo)
	require.Equal(t, int64(50), page.State.Held)
	require.Equal(t, int64(70_000), page.State.CreditLimit)
}

func TestAnAccountOfWhichNothingArrivedIsNotThere(t *testing.T) {
	store, sink, _ := opened(t)
	sink.Write(t, statementtest.Refusal("a-transaction"))
	_, err := statement.NewService(store).State(t.Context(), statement.Everybody, aliceID)
	require.ErrorIs(t, err, statement.ErrNoAccount)
}

func TestPagesStayAsTheyAreWhileLinesArrive(t *testing.T) {
	store, sink, _ := opened(t)
	service := statement.NewService(store)
	sink.Write(t, purchases(alice, 1, 30)...)
	var seen []int64
	for next, arriving := int64(0), int64(31); ; arriving += 3 {
		page, err := service.Page(t.Context(), statement.PageQuery{Reader: statement.Everybody, Account: aliceID, Size: 7, Below: next})
		require.NoError(t, err)
		seen = append(seen, sequences(page)...)
		sink.Write(t, purchases(alice, arriving, arriving+2)...)
		if next = page.Next; next == 0 {
			break
		}
	}
	want := make([]int64, 0, 30)
	for sequence := int64(30); sequence > 0; sequence-- {
		want = append(want, sequence)
	}
	require.Equal(t, want, seen, "each of the lines that were there, once")
}

func TestALongRunOfHiddenEventsEndsAPageEarlyButNotTheList(t *testing.T) {
	store, sink, _ := opened(t)
	var declines []event.Transaction
	for sequence := int64(2); sequence <= 12_000; sequence++ {
		declines = append(declines, statementtest.Decline(alice, sequence, -100))
	}
	sink.Write(t, append(declines, statementtest.Purchase(alice, 1), statementtest.Purchase(alice, 12_001))...)
	service := statement.NewService(store)
	var seen []int64
	pages := 0
	for next := int64(0); ; {
		page, err := service.Page(t.Context(), statement.PageQuery{Reader: statement.Everybody, Account: aliceID, Size: 5, Below: next})
		require.NoError(t, err)
		seen = append(seen, sequences(page)...)
		pages++
		if next = page.Next; next == 0 {
			break
		}
	}
	require.Equal(t, []int64{12_001, 1}, seen)
	require.Equal(t, 2, pages)
}

func TestDatesChooseTheRangeAndSequenceTheOrder(t *testing.T) {
	store, sink, _ := opened(t)
	sink.Write(t, purchases(alice, 1, 40)...)
	sink.Write(t, purchases(alice, 50, 60)...) // A hole in the middle of the search.
	service := statement.NewService(store)
	at := func(sequence int64) time.Time {
		return statementtest.Opened.Add(time.Duration(sequence-1) * time.Minute)
	}
	for rule, test := range map[string]struct {
		within      statement.Range
		newest, all int64
	}{
		"start is inclusive":   {statement.Range{Start: at(55)}, 60, 6},
		"end is exclusive":     {statement.Range{End: at(3)}, 2, 2},
		"both":                 {statement.Range{Start: at(10), End: at(20)}, 19, 10},
		"within the hole":      {statement.Range{Start: at(41), End: at(50)}, 0, 0},
		"across the hole":      {statement.Range{Start: at(39), End: at(52)}, 51, 4},
		"before everything":    {statement.Range{End: at(1)}, 0, 0},
		"after everything":     {statement.Range{Start: at(61)}, 0, 0},
		"between two lines":    {statement.Range{Start: at(5).Add(time.Millisecond), End: at(6).Add(time.Millisecond)}, 6, 1},
		"the year 1 to 9999":   {statement.Range{Start: time.Unix(-62135596799, 0), End: time.Unix(253402300799, 0)}, 60, 51},
		"in another time zone": {statement.Range{Start: at(55).In(time.FixedZone("", 5*3600)), End: at(57).In(time.FixedZone("", -9*3600))}, 56, 2},
	} {
		page, err := service.Page(t.Context(), statement.PageQuery{Reader: statement.Everybody, Account: aliceID, Size: 100, Range: test.within})
		require.NoError(t, err, rule)
		require.Len(t, page.Lines, int(test.all), rule)
		if test.all > 0 {
			require.Equal(t, test.newest, page.Lines[0].Sequence, rule)
		}
	}
}

func TestConcurrentReadersAgreeAndNeverGoBack(t *testing.T) {
	first, sink, url := opened(t)
	second := open(t, postgres.Config{URL: serviceURL(t, url), BankCode: statementtest.Bank})
	require.NoError(t, second.Prepare(t.Context(), slog.New(slog.DiscardHandler)))
	sink.Write(t, statementtest.Purchase(alice, 1))
	const last = 300
	var writing, reading sync.WaitGroup
	done := make(chan struct{})
	var lastSeen struct {
		sync.Mutex
		completeTo int64
	}
	for reader := range 8 {
		service := statement.NewService([]*postgres.Store{first, second}[reader%2])
		reading.Go(func() {
			for finished := false; !finished; {
				select {
				case <-done:
					finished = true // and one read more
				default:
				}
				lastSeen.Lock()
				before := lastSeen.completeTo
				lastSeen.Unlock()
				state, err := service.State(t.Context(), statement.Everybody, aliceID)
				if err != nil {
					t.Error(err)
					return
				}
				if state.CompleteTo < before {
					t.Errorf("read %d after %d", state.CompleteTo, before)
				}
				if state.Balance != -100*state.CompleteTo {
					t.Errorf("balance %d as of %d", state.Balance, state.CompleteTo)
				}
				lastSeen.Lock()
				lastSeen.completeTo = max(lastSeen.completeTo, state.CompleteTo)
				lastSeen.Unlock()
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
	require.Equal(t, int64(last), lastSeen.completeTo)
}

func TestALongBacklogIsTakenInBoundedSteps(t *testing.T) {
	store, sink, _ := opened(t)
	sink.Write(t, purchases(alice, 1, 95)...)
	for step := int64(1); ; step++ {
		state, more, err := store.Advance(t.Context(), statement.Everybody, aliceID, 10)
		require.NoError(t, err)
		require.Equal(t, min(step*10, 95), state.CompleteTo)
		if !more {
			require.Equal(t, int64(10), step)
			break
		}
	}
}

// The policies add a condition to each row. The index must find the rows as if there were none.
func TestTheLookAheadFindsItsRowsByTheIndex(t *testing.T) {
	_, sink, url := opened(t)
	sink.Write(t, purchases(alice, 1, 3000)...)
	_, err := sink.Pool().Exec(t.Context(), "VACUUM ANALYZE statement_lines")
	require.NoError(t, err)
	plan := planAs(t, url, postgres.SelectAhead, alice, customer, 100)
	require.Contains(t, plan, "Index Cond: ((account_id = '"+alice+"'::text) AND (sequence > (InitPlan")
	require.NotContains(t, plan, "Seq Scan on statement_lines")
}

// The bounds of the event's fields are those of the columns, so the sink refuses what a row
// cannot hold or a page cannot show.
func TestEveryColumnOfALineHasTheBoundOfItsField(t *testing.T) {
	_, sink, _ := opened(t)
	bounds, err := schemas.Bounds("transactions")
	require.NoError(t, err)
	rows, err := sink.Pool().Query(t.Context(), `SELECT column_name, data_type, is_nullable = 'NO' FROM information_schema.columns
		WHERE table_name = 'statement_lines' AND column_name <> 'arrived_at'`)
	require.NoError(t, err)
	internal := map[string]bool{}
	for _, field := range event.Fields() {
		internal[field.Name] = field.Internal
	}
	columns := map[string]string{}
	for rows.Next() {
		var name, kind string
		var required bool
		require.NoError(t, rows.Scan(&name, &kind, &required))
		columns[name] = kind
		bound, there := bounds[name]
		require.True(t, there, "%s has no bound", name)
		require.Equal(t, required, bound.Required, name)
		switch kind {
		case "text":
			require.Positive(t, bound.Longest, name)
		case "bigint":
			require.Less(t, bound.Least, bound.Most, name)
			require.True(t, bound.Most <= 6e18 && bound.Least >= -6e18, "sums of %s fit 64 bits", name)
		case "timestamp without time zone":
			require.Equal(t, 9999, time.UnixMilli(bound.Most).UTC().Year(), name)
			require.GreaterOrEqual(t, time.UnixMilli(bound.Least).UTC().Year(), 1, name)
		default:
			require.Fail(t, name+" has the type "+kind)
		}
	}
	require.NoError(t, rows.Err())
	for name, bound := range bounds {
		if _, stored := columns[name]; !stored {
			require.True(t, internal[name], name)
		}
		if bound.With != "" {
			require.Contains(t, columns, bound.With, name)
		}
	}
	// The largest index entry of Postgres has 2,704 bytes.
	require.Less(t, bounds["event_id"].Longest, 2704)
	require.Less(t, bounds["account_id"].Longest, 2704)
}

// damages are changes of a row that no sink writes, but that somebody may make by hand.
var damages = []string{
	"occurred_at = 'infinity'", "occurred_at = '-infinity'", "occurred_at = '10000-01-01'", "occurred_at = '0001-01-01 BC'",
	"balance_after_minor = NULL", "held_after_minor = NULL", "credit_limit_minor = NULL",
	"balance_after_minor = -9223372036854775808", "credit_limit_minor = 9223372036854775807",
}

func damage(t *testing.T, sink *statementtest.Sink, sequence int64, how string) {
	t.Helper()
	_, err := sink.Pool().Exec(t.Context(), "UPDATE statement_lines SET "+how+" WHERE sequence = $1", sequence)
	require.NoError(t, err)
}

// An event that cannot be shown is never the state of an account. Its sequence is there, so a
// later event may be the state.
func TestAnUnsoundRowIsNotTheStateAndTakesNothingWithIt(t *testing.T) {
	for _, how := range damages {
		t.Run(how, func(t *testing.T) {
			store, sink, _ := opened(t)
			service := statement.NewService(store)
			sink.Write(t, purchases(alice, 1, 3)...)
			damage(t, sink, 1, how)
			damage(t, sink, 3, how)
			state, err := service.State(t.Context(), statement.Everybody, aliceID)
			require.NoError(t, err)
			require.Equal(t, int64(2), state.CompleteTo)
			require.Equal(t, int64(-200), state.Balance)

			page, err := service.Page(t.Context(), statement.PageQuery{Reader: statement.Everybody, Account: aliceID, Size: 10})
			require.NoError(t, err)
			require.Equal(t, []int64{3, 1}, page.LeftOut)
			require.Len(t, page.Lines, 1)
			from := statementtest.Opened.Add(time.Second)
			page, err = service.Page(t.Context(), statement.PageQuery{Reader: statement.Everybody, Account: aliceID, Size: 10, Range: statement.Range{Start: from, End: from.Add(time.Hour)}})
			require.NoError(t, err)
			require.Len(t, page.Lines, 1, "a range of time does not lose a line beside it")

			sink.Write(t, purchases(alice, 4, 4)...)
			state, err = service.State(t.Context(), statement.Everybody, aliceID)
			require.NoError(t, err)
			require.Equal(t, int64(4), state.CompleteTo)
			require.Equal(t, int64(-400), state.Balance)
		})
	}
}

func TestAnAccountOfUnsoundRowsOnlyIsThereAndHasNoState(t *testing.T) {
	store, sink, _ := opened(t)
	sink.Write(t, purchases(alice, 1, 2)...)
	damage(t, sink, 1, "occurred_at = 'infinity'")
	damage(t, sink, 2, "balance_after_minor = NULL")
	state, err := statement.NewService(store).State(t.Context(), statement.Everybody, aliceID)
	require.NoError(t, err)
	require.Equal(t, statement.State{Account: aliceID, Currency: "BRL"}, state)
}

// A version that knew no bounds stored what an unsound event said. That heals by itself.
func TestAnUnsoundStateIsFoundAgain(t *testing.T) {
	for _, how := range []string{
		"complete_to_time = 'infinity'", "complete_to_time = '10000-01-01'", "balance_minor = -9223372036854775808",
		"credit_limit_minor = 9223372036854775807", "complete_to = 9223372036854775807", "complete_to = -1",
	} {
		t.Run(how, func(t *testing.T) {
			store, sink, _ := opened(t)
			service := statement.NewService(store)
			sink.Write(t, purchases(alice, 1, 3)...)
			want, err := service.State(t.Context(), statement.Everybody, aliceID)
			require.NoError(t, err)
			_, err = sink.Pool().Exec(t.Context(), "UPDATE statement_accounts SET "+how)
			require.NoError(t, err)
			for range 2 {
				state, err := service.State(t.Context(), statement.Everybody, aliceID)
				require.NoError(t, err)
				require.Equal(t, want, state)
			}
		})
	}
}

func TestASequenceOutOfRangeBelongsToNoStatement(t *testing.T) {
	store, sink, _ := opened(t)
	service := statement.NewService(store)
	sink.Write(t, purchases(alice, 1, 2)...)
	for i, sequence := range []string{"9223372036854775807", "-9223372036854775808", "0", "1000000000000001"} {
		_, err := sink.Pool().Exec(t.Context(), `INSERT INTO statement_lines (event_id, transaction_id, account_id, sequence, bank_code, kind,
			direction, status, amount_minor, currency, channel, occurred_at) VALUES ($1, 'x', $2, `+sequence+`, '001', 'PURCHASE', 'DEBIT',
			'APPROVED', 1, 'BRL', 'API', '2026-02-01')`, fmt.Sprint("odd", i), alice)
		require.NoError(t, err)
	}
	for _, query := range []statement.PageQuery{
		{Reader: customer, Account: aliceID, Size: 10}, {Reader: statement.Everybody, Account: aliceID, Size: 1},
		{Reader: customer, Account: aliceID, Size: 10, Range: statement.Range{Start: statementtest.Opened, End: statementtest.Opened.AddDate(1, 0, 0)}},
	} {
		page, err := service.Page(t.Context(), query)
		require.NoError(t, err)
		require.Len(t, page.Lines, min(2, query.Size))
		require.Equal(t, int64(2), page.State.CompleteTo)
		require.GreaterOrEqual(t, page.Next, int64(0))
	}
	_, _, err := store.FindGaps(t.Context(), 0, time.Hour)
	require.NoError(t, err)
	gaps, err := store.Gaps(t.Context(), 10)
	require.NoError(t, err)
	require.Zero(t, gaps.Count)
}

func TestADatabaseOfAnotherBankIsRefused(t *testing.T) {
	_, _, url := opened(t)
	other := open(t, postgres.Config{URL: serviceURL(t, url), BankCode: "002"})
	require.ErrorIs(t, other.Prepare(t.Context(), slog.New(slog.DiscardHandler)), postgres.ErrOtherBank)
}

func TestReplicasShareTheKeyOfPageTokens(t *testing.T) {
	first, _, url := opened(t)
	second := open(t, postgres.Config{URL: serviceURL(t, url), BankCode: statementtest.Bank})
	_, err := second.PageTokenKey()
	require.Equal(t, fault.Unavailable, fault.CodeOf(err), "not known before the database is")
	require.NoError(t, second.Prepare(t.Context(), slog.New(slog.DiscardHandler)))
	one, err := first.PageTokenKey()
	require.NoError(t, err)
	two, err := second.PageTokenKey()
	require.NoError(t, err)
	require.Equal(t, one, two)
	require.Len(t, one, 32)

	configured := open(t, postgres.Config{URL: serviceURL(t, url), BankCode: statementtest.Bank, PageTokenKey: []byte("0123456789abcdef")})
	require.NoError(t, configured.Prepare(t.Context(), slog.New(slog.DiscardHandler)))
	three, err := configured.PageTokenKey()
	require.NoError(t, err)
	require.Equal(t, "0123456789abcdef", string(three))
}

func TestAnOutageIsUnavailableAndEndsByItself(t *testing.T) {
	server := postgrestest.Own(t, stack.Options{})
	require.NoError(t, server.CreateDatabase(t.Context(), "statement"))
	url := server.URL("statement")
	store := open(t, postgres.Config{URL: serviceURL(t, url), BankCode: statementtest.Bank})
	_, err := statement.NewService(store).State(t.Context(), statement.Everybody, aliceID)
	require.Equal(t, fault.Unavailable, fault.CodeOf(err), "not migrated yet")
	require.Positive(t, fault.Of(err).RetryAfter)
	statementtest.Migrated(t, url)
	require.NoError(t, store.Prepare(t.Context(), slog.New(slog.DiscardHandler)))
	statementtest.NewSink(t, url).Write(t, statementtest.Purchase(alice, 1))
	service := statement.NewService(store)
	_, err = service.State(t.Context(), statement.Everybody, aliceID)
	require.NoError(t, err)

	server.Kill()
	for range 3 {
		_, err = service.State(t.Context(), statement.Everybody, aliceID)
		require.Equal(t, fault.Unavailable, fault.CodeOf(err), "%v", err)
	}
	require.Error(t, store.Ready(t.Context()))
	waiting := open(t, postgres.Config{URL: serviceURL(t, url), BankCode: statementtest.Bank})
	prepared := make(chan error, 1)
	go func() { prepared <- waiting.Prepare(t.Context(), slog.New(slog.DiscardHandler)) }()
	require.NoError(t, server.Restart(t.Context()))
	require.NoError(t, <-prepared, "a store that is opened during an outage waits")
	await.Until(t, func() bool {
		_, err := service.State(t.Context(), statement.Everybody, aliceID)
		return err == nil
	}, 30*time.Second, 10*time.Millisecond)
}

func TestAnyArrivalGivesWhatAPlainModelGives(t *testing.T) {
	store, sink, _ := opened(t)
	service := statement.NewService(store)
	run := 0
	rapid.Check(t, func(t *rapid.T) {
		run++
		account := fmt.Sprintf("%s%012d", alice[:24], run) // a new account per run
		model := newModel(t, account)
		for len(model.waiting) > 0 {
			model.arrive(t, sink)
			limit := rapid.IntRange(1, 8).Draw(t, "limit")
			for more := true; more; {
				var err error
				if _, more, err = store.Advance(t.Context(), statement.Everybody, accountID(account), limit); err != nil {
					t.Fatal(err)
				}
			}
			page, err := service.Page(t.Context(), statement.PageQuery{Reader: statement.Everybody, Account: accountID(account), Size: rapid.IntRange(1, 40).Draw(t, "size")})
			if err != nil {
				t.Fatal(err)
			}
			model.check(t, page)
			size := rapid.IntRange(1, 5).Draw(t, "holds")
			model.checkPending(t, func(below int64) statement.Page {
				page, err := service.PendingHolds(t.Context(), statement.HoldQuery{Reader: statement.Everybody, Account: accountID(account), Below: below, Size: size})
				if err != nil {
					t.Fatal(err)
				}
				return page
			})
		}
	})
}

// A statement that is ready can answer every call: the calls need no privilege that readiness does
// not check, and so no table.
func TestCallsNeedOnlyWhatReadinessChecks(t *testing.T) {
	_, sink, address := opened(t)
	sink.Write(t, purchases(alice, 1, 3)...)
	sink.Write(t, purchases(alice, 5, 6)...)
	var store *postgres.Store
	prepares := []string{"SELECT ON statement_settings", "pg_read_all_stats", "USAGE ON SCHEMA river", "SELECT ON river.river_migration", "USAGE ON river.river_job_id_seq"}
	databasetest.Needy(t, address, prepares, func(address string) error {
		store = open(t, postgres.Config{URL: address, BankCode: statementtest.Bank})
		require.NoError(t, store.Prepare(t.Context(), slog.New(slog.DiscardHandler)))
		return store.Ready(t.Context())
	})
	service := statement.NewService(store)
	for range 2 {
		state, err := service.State(t.Context(), customer, aliceID)
		require.NoError(t, err)
		require.EqualValues(t, 3, state.CompleteTo)
	}
	for _, within := range []statement.Range{{}, {Start: statementtest.Opened, End: statementtest.Opened.AddDate(1, 0, 0)}} {
		page, err := service.Page(t.Context(), statement.PageQuery{Reader: customer, Account: aliceID, Size: 2, Range: within})
		require.NoError(t, err)
		require.Len(t, page.Lines, 2)
		page, err = service.Page(t.Context(), statement.PageQuery{Reader: customer, Account: aliceID, Size: 9, Range: within, Below: page.Next})
		require.NoError(t, err)
		require.Len(t, page.Lines, 3)
	}
	requireFiles(t, store)
	require.NoError(t, link(t, store, statementtest.Customer, carol))
}

// A database is read-only while it fails over. A read does without the write that would move
// complete_to, in a program that was started before and in one that is started meanwhile.
func TestAReadOnlyDatabaseIsReadWithoutAWrite(t *testing.T) {
	store, sink, url := opened(t)
	sink.Write(t, purchases(alice, 1, 3)...)
	state, _, err := store.Advance(t.Context(), statement.Everybody, aliceID, 100)
	require.NoError(t, err)
	require.EqualValues(t, 3, state.CompleteTo)
	sink.Write(t, purchases(alice, 4, 8)...)
	sink.Write(t, purchases(bob, 1, 2)...)

	conn, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	defer conn.Close(context.Background())
	_, err = conn.Exec(t.Context(), "ALTER DATABASE "+conn.Config().Database+" SET default_transaction_read_only = on")
	require.NoError(t, err)
	readOnly := open(t, postgres.Config{URL: serviceURL(t, url), BankCode: statementtest.Bank})
	require.NoError(t, readOnly.Prepare(t.Context(), slog.New(slog.DiscardHandler)))
	service := statement.NewService(readOnly)
	for account, want := range map[string]int64{alice: 8, bob: 2} {
		state, err := service.State(t.Context(), statement.Everybody, accountID(account))
		require.NoError(t, err)
		require.Equal(t, want, state.CompleteTo)
		require.Equal(t, -100*want, state.Balance)
		page, err := service.Page(t.Context(), statement.PageQuery{Reader: statement.Everybody, Account: accountID(account), Size: 100})
		require.NoError(t, err)
		require.Len(t, page.Lines, int(want))
	}
	step, more, err := readOnly.Advance(t.Context(), statement.Everybody, aliceID, 2)
	require.NoError(t, err)
	require.EqualValues(t, 5, step.CompleteTo)
	require.False(t, more, "another call would read the same")
	var stored int64
	require.NoError(t, conn.QueryRow(t.Context(), "SELECT complete_to FROM statement_accounts WHERE account_id = $1", alice).Scan(&stored))
	require.EqualValues(t, 3, stored)
}
