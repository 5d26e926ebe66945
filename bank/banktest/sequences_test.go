package banktest_test

import (
	"context"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"reflect"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"codebank.dev/bank"
	"codebank.dev/bank/banktest"
	"codebank.dev/bank/card"
	"codebank.dev/bank/inmem"
	"codebank.dev/bank/postgres"
	"codebank.dev/native/postgres/postgrestest"
	"codebank.dev/platform/fault"
	"codebank.dev/platform/pan"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// How much is shown: so many sequences of so many commands each, by so many workers
// side by side.
const (
	sequences       = 1024
	shortSequences  = 16
	commandsEach    = 256
	sequenceWorkers = 2
)

// TestSequences runs random sequences of all that the bank can be asked for on a
// ledger in memory and on one in Postgres, alike. After each command, or batch of
// them, both must have answered the same and stand the same, and the invariants
// must hold; after each sequence everything is read back. A failure names the seed
// and the file with which it is repeated.
func TestSequences(t *testing.T) {
	wanted := sequences
	checks := wanted / sequenceWorkers
	if testing.Short() {
		wanted = shortSequences
		checks = 5 * wanted / sequenceWorkers // The library itself takes a fifth.
	}
	require.NoError(t, flag.Set("rapid.checks", strconv.Itoa(checks)))
	var ran, commands atomic.Int64
	t.Run("workers", func(t *testing.T) {
		for worker := range sequenceWorkers {
			t.Run(strconv.Itoa(worker), func(t *testing.T) {
				t.Parallel()
				database := newDatabase(t)
				rapid.Check(t, func(t *rapid.T) {
					commands.Add(database.sequence(t, commandsEach))
					ran.Add(1)
				})
			})
		}
	})
	require.GreaterOrEqual(t, ran.Load(), int64(wanted))
	require.GreaterOrEqual(t, commands.Load(), int64(wanted*commandsEach))
	t.Logf("%d sequences, %d commands, %v", ran.Load(), commands.Load(), seen.counts)
	if testing.Short() {
		return
	}
	// What never came up was not shown.
	for _, reason := range bank.DeclineReasons() {
		require.NotZero(t, seen.counts["DECLINED "+reason.String()], reason)
	}
	for _, outcome := range []string{"PURCHASE APPROVED", "PURCHASE VOIDED", "VOID APPROVED", "REVERSAL APPROVED", "LIMIT_CHANGE APPLIED", "OPENING APPLIED",
		"risk NONE", "risk VELOCITY", "risk CARD_TESTING",
		"ABORTED", "FAILED_PRECONDITION", "INVALID_ARGUMENT", "NOT_FOUND", "again"} {
		require.NotZero(t, seen.counts[outcome], outcome)
	}
}

// FuzzSequences looks for such a sequence by coverage: a short one, that it may try many.
func FuzzSequences(f *testing.F) {
	for seed := range byte(4) {
		draws := make([]byte, 4096)
		for i := range draws {
			draws[i] = byte(i)*seed + seed
		}
		f.Add(draws)
	}
	database := newDatabase(f)
	f.Fuzz(func(t *testing.T, draws []byte) {
		rapid.MakeFuzz(func(t *rapid.T) { database.sequence(t, 16) })(t, draws)
	})
}

// seen counts what the sequences brought about.
var seen = tally{counts: map[string]int{}}

type tally struct {
	mutex  sync.Mutex
	counts map[string]int
}

func (t *tally) add(what string) {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	t.counts[what]++
}

// database is a ledger in Postgres that one sequence after another runs on.
type database struct {
	store *postgres.Store
	epoch int64
	run   uint64
	whole bool
}

var runs atomic.Uint64

func newDatabase(t testing.TB) *database {
	store, err := postgres.Open(t.Context(), postgres.Config{URL: postgrestest.Database(t), BankCode: "001", MaxConnections: 2})
	require.NoError(t, err)
	t.Cleanup(store.Close)
	require.NoError(t, store.Migrate(t.Context()))
	epoch, err := store.Acquire(t.Context(), "sequences", 24*time.Hour)
	require.NoError(t, err)
	return &database{store: store, epoch: epoch, whole: true}
}

// sequence runs one sequence and returns how many commands it had.
func (d *database) sequence(t *rapid.T, commands int) int64 {
	if !d.whole {
		d.empty(t) // The one before failed half-way.
	}
	d.whole, d.run = false, runs.Add(1)
	clock := banktest.NewClock()
	w := &pair{
		T: t, clock: clock, caller: "shop-" + strconv.FormatUint(d.run, 10), database: d,
		model: newModel(), first: map[bank.ID]bank.Entry{},
	}
	keys := newVault(t)
	var seed [32]byte
	binary.LittleEndian.PutUint64(seed[:], d.run)
	w.sides = [2]*side{newSide(inmem.New(clock.Now), clock, keys, seed), newSide(d.store, clock, keys, seed)}
	for _, terms := range []card.IssueRequest{
		{CreditLimitMinor: 1_000_000},
		{CreditLimitMinor: 2000, Rules: bank.PurchaseRules{Limit: 900, Minimum: 10, PerMinute: 3}},
		{CreditLimitMinor: 300},
	} {
		w.alone(w.issue(terms))
	}
	for w.commands < int64(commands) {
		w.step()
	}
	w.readBack()
	d.whole = true
	return w.commands
}

// empty takes everything out of the outbox.
func (d *database) empty(t *rapid.T) []bank.Event {
	var events []bank.Event
	for {
		rows, err := d.store.Fetch(t.Context(), 10_000, nil)
		require.NoError(t, err)
		if len(rows) == 0 {
			return events
		}
		ids := make([]int64, len(rows))
		for i, row := range rows {
			ids[i] = row.ID
			events = append(events, row.Event)
		}
		require.NoError(t, d.store.Delete(t.Context(), d.epoch, ids))
	}
}

// pair is the two ledgers of one sequence, what was asked of them, and the model
// that both are held to.
type pair struct {
	*rapid.T
	sides    [2]*side
	database *database
	clock    *banktest.Clock
	caller   string
	model    *model

	commands int64
	requests int
	cards    []issued
	asked    []question
	// first is the first outcome of every request id, by its transaction.
	first  map[bank.ID]bank.Entry
	tokens []string
}

type issued struct {
	card, account bank.ID
	data          pan.CardData
}

// question is a request that may be asked on either side, and again.
type question struct {
	what string
	// requestID is the caller's; empty for what has none.
	requestID string
	// pays tells a purchase, which alone may be voided.
	pays bool
	ask  func(context.Context, *side) (any, error)
	// known is called with the answer of what succeeded alone.
	known func(answer any)
}

// evenly draws a number below n, up to 256, each as likely as the others: ranges
// favour small numbers.
func (w *pair) evenly(n int, label string) int {
	drawn := 0
	for range 8 {
		drawn <<= 1
		if rapid.Bool().Draw(w.T, label) {
			drawn++
		}
	}
	return drawn * n >> 8
}

func pick[T any](w *pair, label string, from []T) T { return from[w.evenly(len(from), label)] }

// step draws what comes next: one question, several in one batch, or time.
func (w *pair) step() {
	switch n := w.evenly(256, "step"); {
	case n == 255 && w.evenly(8, "years") == 0:
		w.clock.Advance(6 * 366 * 24 * time.Hour) // Cards expire.
	case n >= 250:
		w.clock.Advance(pick(w, "time", []time.Duration{
			time.Second, 20 * time.Second, 16 * time.Minute, -time.Minute, time.Millisecond, time.Minute,
		}))
	case n >= 180:
		questions := make([]question, 2+w.evenly(7, "batch"))
		for i := range questions {
			questions[i] = w.draw()
		}
		w.together(questions)
	default:
		w.alone(w.draw())
	}
}

// alone asks one question on both sides.
func (w *pair) alone(q question) {
	w.commands++
	var answers [2]any
	var errs [2]error
	for i, side := range w.sides {
		side.begin()
		answers[i], errs[i] = q.ask(w.Context(), side)
	}
	w.same(q.what, "error", text(errs[0]), text(errs[1]))
	w.same(q.what, "answer", answers[0], answers[1])
	w.judge([]question{q})
	if errs[0] != nil {
		seen.add(fault.CodeOf(errs[0]).String())
	}
	if errs[0] == nil && q.known != nil {
		q.known(answers[0])
	}
}

// together asks several questions whose commands are decided in one batch, those
// excepted that are refused before they are commands.
func (w *pair) together(questions []question) {
	w.commands += int64(len(questions))
	var held [2][]int // the question of each command
	var answers [2][]any
	for i, side := range w.sides {
		side.begin()
		side.holding = true
		answers[i] = make([]any, len(questions))
		for n, q := range questions {
			before := len(side.held)
			answer, err := q.ask(w.Context(), side)
			if len(side.held) > before {
				held[i] = append(held[i], n)
				continue
			}
			answers[i][n] = answer
			if err != nil {
				answers[i][n] = text(err)
			}
		}
		side.holding = false
		side.decideHeld(w.Context())
	}
	w.same("a batch", "commands", held[0], held[1])
	w.same("a batch", "answers without a command", answers[0], answers[1])
	for n := range w.sides[0].outcomes {
		w.same(questions[held[0][n]].what, "outcome", plain(w.sides[0].outcomes[n]), plain(w.sides[1].outcomes[n]))
	}
	for n, answer := range answers[0] {
		if _, refused := answer.(string); answer != nil && !refused && questions[n].known != nil {
			questions[n].known(answer)
		}
	}
	asked := make([]question, len(held[0]))
	for n, at := range held[0] {
		asked[n] = questions[at]
	}
	stale := make([]bool, len(asked))
	for n, outcome := range w.sides[0].outcomes {
		stale[n] = outcome.Err == bank.ErrStale
	}
	w.judge(asked)
	for n, q := range asked {
		// A void that was resolved before its purchase was decided is resolved anew; what
		// tells something by its answer is asked again for it.
		if stale[n] || q.known != nil {
			w.alone(q)
		}
	}
}

// judge holds what was just decided to the model, and both ledgers to each other.
func (w *pair) judge(questions []question) {
	memory, stored := w.sides[0], w.sides[1]
	w.same("all", "entries", memory.posted, stored.posted)
	for i := range memory.posted {
		if err := w.model.apply(&memory.posted[i]); err != nil {
			w.Fatalf("%v: %v", names(questions), err)
		}
	}
	for i := range memory.outcomes {
		if err := memory.outcomes[i].Err; errors.Is(err, bank.ErrRetry) || errors.Is(err, bank.ErrRejected) {
			w.Fatalf("%s: the store had to refuse what was decided: %v", questions[i].what, err)
		}
		w.judgeOutcome(questions[i], memory.commands[i], &memory.outcomes[i])
	}
	touched := make(map[bank.ID]bool)
	for i := range memory.commands {
		for _, account := range memory.commands[i].Keys().Accounts {
			touched[account] = true
		}
	}
	for i := range memory.posted {
		touched[memory.posted[i].AccountID] = true
	}
	for _, one := range w.cards {
		if touched[one.account] {
			w.compareCard(one)
		}
	}
}

// judgeOutcome is I5: an equal request gets its first outcome, another one under
// the same id is refused.
func (w *pair) judgeOutcome(q question, command bank.Command, outcome *bank.Outcome) {
	if q.requestID == "" || outcome.Err != nil || outcome.Entry == nil {
		return
	}
	id := command.Key()
	if first, asked := w.first[id]; asked {
		if !reflect.DeepEqual(first, *outcome.Entry) {
			w.Fatalf("%s: the first outcome was\n%+v\nand now\n%+v", q.what, first, *outcome.Entry)
		}
		seen.add("again")
		return
	}
	w.first[id] = *outcome.Entry
}

// compareCard holds a card and its account on both ledgers to each other and to the model.
func (w *pair) compareCard(one issued) {
	var cards [2]bank.Card
	var accounts [2]bank.Account
	for i, side := range w.sides {
		var err error
		cards[i], accounts[i], err = side.store.Card(w.Context(), one.card)
		require.NoError(w, err)
	}
	w.same("reading", "card", cards[0], cards[1])
	w.same("reading", "account", accounts[0], accounts[1])
	if err := w.model.stands(&accounts[1]); err != nil {
		w.Fatalf("%v", err)
	}
}

// same fails when the two sides differ.
func (w *pair) same(what, part string, memory, stored any) {
	if !reflect.DeepEqual(memory, stored) {
		w.Fatalf("%s: the %s differs\nin memory:   %+v\nin Postgres: %+v", what, part, memory, stored)
	}
}

// readBack holds all that can be read of a sequence to the model and to each other:
// every transaction, every event, in order, once, and not one more.
func (w *pair) readBack() {
	if err := w.model.trial(); err != nil {
		w.Fatalf("%v", err)
	}
	for _, one := range w.cards {
		w.compareCard(one)
	}
	for id, want := range w.model.entries {
		seen.add(outcomeOf(&want))
		for _, side := range w.sides {
			entry, reversed, err := side.store.Transaction(w.Context(), id)
			require.NoError(w, err)
			w.same("reading back", "entry", want, entry)
			w.same("reading back", "amount given back", w.model.givenBack[id], reversed)
		}
	}
	memory, err := w.sides[0].store.Fetch(w.Context(), 100_000, nil)
	require.NoError(w, err)
	stored := w.database.empty(w.T)
	require.Len(w, memory, len(w.model.events))
	require.Len(w, stored, len(w.model.events), "events in the outbox")
	for i, event := range w.model.events {
		w.same("the outbox", "event", memory[i].Event, stored[i])
		w.same("the outbox", "event's id", event, string(stored[i].Body))
	}
}

func outcomeOf(e *bank.Entry) string {
	if e.Status == bank.Declined {
		return "DECLINED " + e.Decline.String()
	}
	return e.Kind.String() + " " + e.Status.String()
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return fault.CodeOf(err).String() + " " + err.Error()
}

// plain returns an outcome with its error as text: errors are made anew each time.
func plain(outcome bank.Outcome) any {
	cause := text(outcome.Err)
	outcome.Err = nil
	return struct {
		bank.Outcome
		cause string
	}{outcome, cause}
}

func names(questions []question) []string {
	var all []string
	for _, q := range questions {
		all = append(all, q.what)
	}
	return all
}

func (w *pair) fresh() string {
	w.requests++
	return fmt.Sprintf("r%d", w.requests)
}
