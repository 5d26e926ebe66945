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
	"codebank.dev/bank/postgres/ledgertest"
	"codebank.dev/native/postgres/postgrestest"
	"codebank.dev/platform/fault"
	"codebank.dev/platform/pan"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// The extent of the test: the number of sequences with -short, of commands in each, and of concurrent workers.
const (
	shortSequences  = 16
	commandsEach    = 256
	sequenceWorkers = 2
)

// sequences is enough for every case to occur many times. -sequences=1024 searches longer.
var sequences = flag.Int("sequences", 384, "how many random sequences TestSequences runs")

// TestSequences runs random sequences of all operations of the bank on a ledger in memory and on
// one in Postgres. After each command or batch, both ledgers must have the same answers and the
// same state, and the invariants must hold. After each sequence everything is read back. A failure
// names the seed and the file that repeat it.
func TestSequences(t *testing.T) {
	wanted := *sequences
	checks := wanted / sequenceWorkers
	if testing.Short() {
		wanted = shortSequences
		checks = 5 * wanted / sequenceWorkers // Generating takes a fifth of the time.
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
	t.Logf("%d sequences, %d commands, %v", ran.Load(), commands.Load(), coverage.counts)
	if testing.Short() {
		return
	}
	// A case that never occurred was not tested.
	for _, reason := range bank.DeclineReasons() {
		require.NotZero(t, coverage.counts["DECLINED "+reason.String()], reason)
	}
	for _, outcome := range []string{"PURCHASE APPROVED", "PURCHASE VOIDED", "VOID APPROVED", "REVERSAL APPROVED", "LIMIT_CHANGE APPLIED", "OPENING APPLIED",
		"DEPOSIT APPROVED", "WITHDRAWAL APPROVED", "TRANSFER APPROVED", "HOLD APPROVED", "CAPTURE APPROVED", "CLOSING APPLIED",
		"given back of PURCHASE", "given back of CAPTURE", "given back of TRANSFER", "rest released by a capture",
		"NOT_PENDING", "NOT_REVERSIBLE", "ACCOUNT_CLOSED", "BALANCE_NOT_ZERO", "HOLDS_PENDING", "NOT_A_WALLET", "HOLD_CAPTURED", "HOLD_VOIDED",
		"part given back", "last part given back", "rest given back by a void", "ALREADY_REVERSED", "AMOUNT_ABOVE_LEFT",
		"risk NONE", "risk VELOCITY", "risk CARD_TESTING",
		"ABORTED", "FAILED_PRECONDITION", "INVALID_ARGUMENT", "NOT_FOUND", "again"} {
		require.NotZero(t, coverage.counts[outcome], outcome)
	}
}

// FuzzSequences searches for a failing sequence by coverage. The sequences are short, so that it
// tries many.
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

// coverage counts the outcomes of the sequences.
var coverage = tally{counts: map[string]int{}}

type tally struct {
	mutex  sync.Mutex
	counts map[string]int
}

func (t *tally) add(what string) {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	t.counts[what]++
}

// database is a ledger in Postgres for one sequence after another.
type database struct {
	store *postgres.Store
	epoch int64
	run   uint64
	clean bool
}

var runs atomic.Uint64

func newDatabase(t testing.TB) *database {
	store, err := postgres.Open(t.Context(), postgres.Config{URL: ledgertest.Migrated(t, postgrestest.Database(t)), BankCode: "001", MaxConnections: 2})
	require.NoError(t, err)
	t.Cleanup(store.Close)
	epoch, err := store.Acquire(t.Context(), "sequences", 24*time.Hour)
	require.NoError(t, err)
	return &database{store: store, epoch: epoch, clean: true}
}

// sequence runs one sequence and returns how many commands it had.
func (d *database) sequence(t *rapid.T, commands int) int64 {
	if !d.clean {
		d.drainOutbox(t) // The previous sequence failed half-way.
	}
	d.clean, d.run = false, runs.Add(1)
	clock := banktest.NewClock()
	w := &pair{
		T: t, clock: clock, caller: "shop-" + strconv.FormatUint(d.run, 10), database: d,
		model: newModel(), first: map[bank.ID][]*bank.Entry{},
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
		w.runOne(w.issue(terms))
	}
	for _, deposit := range []int64{1_000, 0, 200} {
		w.runOne(w.openWallet(deposit))
	}
	for w.commands < int64(commands) {
		w.step()
	}
	w.readBack()
	d.clean = true
	return w.commands
}

// drainOutbox deletes every row of the outbox and returns the events.
func (d *database) drainOutbox(t *rapid.T) []bank.Event {
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

// pair is the two ledgers of one sequence, the operations on them, and the model of both.
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
	earlier  []operation
	// first is the first outcome of every request id, by its transaction: both legs.
	first   map[bank.ID][]*bank.Entry
	tokens  []string
	wallets []bank.Account
}

type issued struct {
	card, account bank.ID
	data          pan.CardData
}

// operation is a request that may run on either side, and again.
type operation struct {
	name string
	// requestID is the caller's id of the request; empty for operations without one.
	requestID string
	// isPurchase tells a purchase, because only a purchase can be voided.
	isPurchase bool
	run        func(context.Context, *side) (any, error)
	// onSuccess is called with the answer of an operation that succeeded.
	onSuccess func(answer any)
}

// uniform draws a number below n, n up to 256, each equally likely. rapid's ranges favour small
// numbers.
func (w *pair) uniform(n int, label string) int {
	drawn := 0
	for range 8 {
		drawn <<= 1
		if rapid.Bool().Draw(w.T, label) {
			drawn++
		}
	}
	return drawn * n >> 8
}

func pick[T any](w *pair, label string, from []T) T { return from[w.uniform(len(from), label)] }

// step draws the next event: one operation, several in one batch, or the passage of time.
func (w *pair) step() {
	switch n := w.uniform(256, "step"); {
	case n == 255 && w.uniform(8, "years") == 0:
		w.clock.Advance(6 * 366 * 24 * time.Hour) // Cards expire.
	case n >= 250:
		w.clock.Advance(pick(w, "time", []time.Duration{
			time.Second, 20 * time.Second, 16 * time.Minute, -time.Minute, time.Millisecond, time.Minute,
		}))
	case n >= 180:
		operations := make([]operation, 2+w.uniform(7, "batch"))
		for i := range operations {
			operations[i] = w.draw()
		}
		w.runBatch(operations)
	default:
		w.runOne(w.draw())
	}
}

// runOne runs one operation on both sides.
func (w *pair) runOne(q operation) {
	w.commands++
	var answers [2]any
	var errs [2]error
	for i, side := range w.sides {
		side.reset()
		answers[i], errs[i] = q.run(w.Context(), side)
	}
	w.requireSame(q.name, "error", text(errs[0]), text(errs[1]))
	w.requireSame(q.name, "answer", answers[0], answers[1])
	w.checkStep([]operation{q})
	if errs[0] != nil {
		coverage.add(fault.CodeOf(errs[0]).String())
		coverage.add(fault.Of(errs[0]).Reason)
	}
	if errs[0] == nil && q.onSuccess != nil {
		q.onSuccess(answers[0])
	}
}

// runBatch runs several operations and decides their commands in one batch. Operations that are
// refused before they become commands are not part of the batch.
func (w *pair) runBatch(operations []operation) {
	w.commands += int64(len(operations))
	var held [2][]int // the operation of each command
	var answers [2][]any
	for i, side := range w.sides {
		side.reset()
		side.holding = true
		answers[i] = make([]any, len(operations))
		for n, q := range operations {
			before := len(side.held)
			answer, err := q.run(w.Context(), side)
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
	w.requireSame("a batch", "commands", held[0], held[1])
	w.requireSame("a batch", "answers without a command", answers[0], answers[1])
	for n := range w.sides[0].outcomes {
		w.requireSame(operations[held[0][n]].name, "outcome", plain(w.sides[0].outcomes[n]), plain(w.sides[1].outcomes[n]))
	}
	for n, answer := range answers[0] {
		if _, refused := answer.(string); answer != nil && !refused && operations[n].onSuccess != nil {
			operations[n].onSuccess(answer)
		}
	}
	decided := make([]operation, len(held[0]))
	for n, at := range held[0] {
		decided[n] = operations[at]
	}
	stale := make([]bool, len(decided))
	for n, outcome := range w.sides[0].outcomes {
		stale[n] = outcome.Err == bank.ErrStale
	}
	w.checkStep(decided)
	for n, q := range decided {
		// A void that was resolved before its purchase was decided is resolved again. An operation
		// whose answer is needed runs again on its own.
		if stale[n] || q.onSuccess != nil {
			w.runOne(q)
		}
	}
}

// checkStep compares the latest decisions with the model, and both ledgers with each other.
func (w *pair) checkStep(operations []operation) {
	memory, stored := w.sides[0], w.sides[1]
	w.requireSame("all", "entries", memory.posted, stored.posted)
	for i := range memory.posted {
		if err := w.model.apply(&memory.posted[i]); err != nil {
			w.Fatalf("%v: %v", namesOf(operations), err)
		}
	}
	if err := w.model.checkTrialBalance(); err != nil {
		w.Fatalf("%v: %v", namesOf(operations), err)
	}
	for i := range memory.outcomes {
		if err := memory.outcomes[i].Err; errors.Is(err, bank.ErrRetry) || errors.Is(err, bank.ErrRejected) {
			w.Fatalf("%s: the store had to refuse what was decided: %v", operations[i].name, err)
		}
		w.checkIdempotency(operations[i], memory.commands[i], &memory.outcomes[i])
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
	for _, one := range w.wallets {
		if touched[one.ID] {
			w.compareWallet(one.ID)
		}
	}
}

// checkIdempotency is I5: an equal request gets its first outcome, a different one under the same
// id is refused.
func (w *pair) checkIdempotency(q operation, command bank.Command, outcome *bank.Outcome) {
	if q.requestID == "" || outcome.Err != nil || outcome.Entry == nil {
		return
	}
	id, decision := command.Key(), []*bank.Entry{outcome.Entry, outcome.Second}
	if first, decided := w.first[id]; decided {
		if !reflect.DeepEqual(first, decision) {
			w.Fatalf("%s: the first outcome was\n%+v\nand now\n%+v", q.name, first[0], decision[0])
		}
		coverage.add("again")
		return
	}
	w.first[id] = decision
}

// compareWallet compares an account on both ledgers with each other and with the model.
func (w *pair) compareWallet(id bank.ID) {
	var accounts [2]bank.Account
	for i, side := range w.sides {
		var err error
		accounts[i], err = side.store.Account(w.Context(), id)
		require.NoError(w, err)
	}
	w.requireSame("reading", "account", accounts[0], accounts[1])
	if err := w.model.checkAccount(&accounts[1]); err != nil {
		w.Fatalf("%v", err)
	}
}

// compareCard compares a card and its account on both ledgers with each other and with the model.
func (w *pair) compareCard(one issued) {
	var cards [2]bank.Card
	var accounts [2]bank.Account
	for i, side := range w.sides {
		var err error
		cards[i], accounts[i], err = side.store.Card(w.Context(), one.card)
		require.NoError(w, err)
	}
	w.requireSame("reading", "card", cards[0], cards[1])
	w.requireSame("reading", "account", accounts[0], accounts[1])
	if err := w.model.checkAccount(&accounts[1]); err != nil {
		w.Fatalf("%v", err)
	}
}

// requireSame fails when the two sides differ.
func (w *pair) requireSame(what, part string, memory, stored any) {
	if !reflect.DeepEqual(memory, stored) {
		w.Fatalf("%s: the %s differs\nin memory:   %+v\nin Postgres: %+v", what, part, memory, stored)
	}
}

// readBack reads every transaction and every event of a sequence from both ledgers and compares
// them with the model and with each other: in order, each once, and no other.
func (w *pair) readBack() {
	if err := w.model.checkTrialBalance(); err != nil {
		w.Fatalf("%v", err)
	}
	for _, one := range w.cards {
		w.compareCard(one)
	}
	for _, one := range w.wallets {
		w.compareWallet(one.ID)
	}
	for key, want := range w.model.entries {
		coverage.add(outcomeOf(&want))
		if key.leg == 0 {
			w.readBackTransaction(key.transaction, want)
		}
	}
	memory, err := w.sides[0].store.Fetch(w.Context(), 100_000, nil)
	require.NoError(w, err)
	stored := w.database.drainOutbox(w.T)
	require.Len(w, memory, len(w.model.events))
	require.Len(w, stored, len(w.model.events), "events in the outbox")
	for i, event := range w.model.events {
		w.requireSame("the outbox", "event", memory[i].Event, stored[i])
		w.requireSame("the outbox", "event's id", event, string(stored[i].Body))
	}
}

// readBackTransaction reads a transaction with both legs and its sums from both ledgers.
func (w *pair) readBackTransaction(id bank.ID, first bank.Entry) {
	want := bank.TransactionDetails{
		Entry:     first,
		GivenBack: w.model.sums[bank.Sum{Original: id, Relation: bank.GivenBack}],
		Captured:  w.model.sums[bank.Sum{Original: id, Relation: bank.Captured}],
		Released:  w.model.sums[bank.Sum{Original: id, Relation: bank.Released}],
	}
	if second, ok := w.model.entries[legOf{id, 1}]; ok {
		want.Second = &second
	}
	for _, side := range w.sides {
		details, err := side.store.Details(w.Context(), id)
		require.NoError(w, err)
		w.requireSame("reading back", "transaction", want, details)
		entry, reversed, err := side.store.Transaction(w.Context(), id)
		require.NoError(w, err)
		w.requireSame("reading back", "entry", first, entry)
		w.requireSame("reading back", "amount given back", want.GivenBack, reversed)
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

// plain returns an outcome with its error as text, because every error is a new value.
func plain(outcome bank.Outcome) any {
	cause := text(outcome.Err)
	outcome.Err = nil
	return struct {
		bank.Outcome
		cause string
	}{outcome, cause}
}

func namesOf(operations []operation) []string {
	var all []string
	for _, q := range operations {
		all = append(all, q.name)
	}
	return all
}

func (w *pair) newRequestID() string {
	w.requests++
	return fmt.Sprintf("r%d", w.requests)
}
