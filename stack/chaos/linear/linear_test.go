package linear_test

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"codebank.dev/stack/chaos/linear"
	"github.com/stretchr/testify/require"
)

const timeout = time.Minute

var (
	initial = linear.Pair{{Limit: 1_000, Sequence: 1}}
	wallets = linear.Pair{{Balance: 1_000, Sequence: 2}, {Balance: 1_000, Sequence: 2}}
)

// world holds the true accounts of one pair and the holds that are open.
type world struct {
	truth  linear.Pair
	holds  int
	answer []linear.Operation // approved holds that may be captured or released
	open   map[int]bool
	taken  map[int]bool // captured
	random *rand.Rand
}

// drawCardOperation returns an operation on the first account.
func (w *world) drawCardOperation() linear.Operation {
	return linear.Operation{Kind: linear.Kind(w.random.IntN(4)), Amount: 1 + w.random.Int64N(200)}
}

// drawWalletOperation returns an operation on both accounts.
func (w *world) drawWalletOperation() linear.Operation {
	op := linear.Operation{Side: w.random.IntN(2), Kind: linear.Read}
	switch draw := w.random.IntN(100); {
	case draw < 40:
		op.Kind, op.Amount = linear.Transfer, 1+w.random.Int64N(600)
	case draw < 60 && w.holds < linear.MaxHolds:
		op.Kind, op.Amount, op.Hold = linear.PlaceHold, 1+w.random.Int64N(400), w.holds
		w.holds++
	case draw < 80 && len(w.answer) > 0:
		hold := w.answer[w.random.IntN(len(w.answer))]
		op.Side, op.Hold, op.HeldAmount = hold.Side, hold.Hold, hold.Amount
		op.Kind = linear.Release
		if w.random.IntN(2) == 0 {
			op.Kind, op.Amount = linear.Capture, 1+w.random.Int64N(hold.Amount)
		}
	}
	return op
}

// simulate applies the operations of several clients to true accounts and returns the clients'
// histories. Each operation takes effect at a moment between its call and its answer.
func simulate(seed uint64, start linear.Pair, pairs, each, lostEvery int, draw func(*world) linear.Operation) []linear.Operation {
	random := rand.New(rand.NewPCG(seed, seed))
	var operations []linear.Operation
	for pair := range pairs {
		w := &world{truth: start, open: make(map[int]bool), taken: make(map[int]bool), random: random}
		lost := 0
		for i := range each {
			at := time.Duration(i) * 10
			op := draw(w)
			op.Pair, op.Client = pair, i%4
			op.Call, op.Return = at-time.Duration(random.Int64N(25)), at+time.Duration(random.Int64N(10))
			happens := true
			if op.Kind != linear.Read && lostEvery > 0 && i%lostEvery == lostEvery-1 && lost < 4 {
				op.Return, happens = linear.Never, random.IntN(2) == 0
				lost++
			}
			if happens {
				w.apply(&op)
			}
			if op.Return == linear.Never {
				op.Approved = false
			}
			operations = append(operations, op)
		}
	}
	return operations
}

func (w *world) apply(op *linear.Operation) {
	account := &w.truth[op.Side]
	covered := account.Balance-account.Held+account.Limit >= op.Amount
	switch op.Kind {
	case linear.Read:
		op.Seen = *account
		return
	case linear.Capture, linear.Release:
		w.endHold(op)
		return
	case linear.Purchase, linear.Transfer, linear.PlaceHold:
		op.Approved = covered
	}
	account.Sequence++
	switch {
	case op.Kind == linear.Reversal:
		account.Balance += op.Amount
	case op.Kind == linear.Limit:
		account.Limit = op.Amount
	case !covered:
	case op.Kind == linear.Purchase:
		account.Balance -= op.Amount
	case op.Kind == linear.Transfer:
		account.Balance -= op.Amount
		w.truth[1-op.Side].Balance += op.Amount
		w.truth[1-op.Side].Sequence++
	case op.Kind == linear.PlaceHold:
		account.Held += op.Amount
		w.open[op.Hold] = true
		if op.Return != linear.Never {
			w.answer = append(w.answer, *op)
		}
	}
}

func (w *world) endHold(op *linear.Operation) {
	account := &w.truth[op.Side]
	op.Approved = w.open[op.Hold] || op.Kind == linear.Release && !w.taken[op.Hold]
	if !w.open[op.Hold] {
		return
	}
	delete(w.open, op.Hold)
	account.Held -= op.HeldAmount
	account.Sequence++
	if op.Kind == linear.Capture {
		account.Balance -= op.Amount
		w.taken[op.Hold] = true
		if op.Amount < op.HeldAmount {
			account.Sequence++
		}
	}
}

func check(start linear.Pair, operations []linear.Operation) linear.Result {
	states := make(map[int]linear.Pair)
	for _, op := range operations {
		states[op.Pair] = start
	}
	return linear.Check(states, operations, timeout)
}

func TestATrueHistoryIsLinearizable(t *testing.T) {
	result := check(initial, simulate(1, initial, 50, 400, 100, (*world).drawCardOperation))
	require.Equal(t, 20_000, result.Operations)
	require.Equal(t, 50, result.Accounts)
	require.Greater(t, result.Unknown, 100)
	require.Empty(t, result.Illegal)
	require.Empty(t, result.Undecided)
	require.Nil(t, result.Picture)
}

func TestATrueHistoryOfTransfersAndHoldsIsLinearizable(t *testing.T) {
	operations := simulate(3, wallets, 25, 400, 150, (*world).drawWalletOperation)
	ended := make(map[linear.Kind]map[bool]int)
	for _, op := range operations {
		if ended[op.Kind] == nil {
			ended[op.Kind] = make(map[bool]int)
		}
		ended[op.Kind][op.Approved]++
	}
	for _, kind := range []linear.Kind{linear.Transfer, linear.PlaceHold, linear.Capture, linear.Release} {
		require.Greater(t, ended[kind][true], 50, "approved operations of kind %d", kind)
		require.Greater(t, ended[kind][false], 50, "declined operations of kind %d", kind)
	}
	result := check(wallets, operations)
	require.Equal(t, 10_000, result.Operations)
	require.Equal(t, 50, result.Accounts)
	require.Empty(t, result.Illegal)
	require.Empty(t, result.Undecided)
}

func TestAPlantedViolationIsFound(t *testing.T) {
	of := func(kind linear.Kind, approved bool) func(linear.Operation) bool {
		return func(op linear.Operation) bool { return op.Kind == kind && op.Approved == approved }
	}
	read := of(linear.Read, false)
	cards, both := (*world).drawCardOperation, (*world).drawWalletOperation
	for name, planted := range map[string]struct {
		start linear.Pair
		draw  func(*world) linear.Operation
		where func(linear.Operation) bool
		spoil func(*linear.Operation)
	}{
		"a lost update":              {initial, cards, read, func(op *linear.Operation) { op.Seen.Balance += 3 }},
		"a stale read":               {initial, cards, read, func(op *linear.Operation) { op.Seen.Sequence -= 20 }},
		"a lost limit":               {initial, cards, read, func(op *linear.Operation) { op.Seen.Limit++ }},
		"a wrong answer":             {initial, cards, of(linear.Purchase, true), func(op *linear.Operation) { op.Approved = false }},
		"one side of a transfer":     {wallets, both, of(linear.Transfer, true), func(op *linear.Operation) { op.Kind = linear.Purchase }},
		"a transfer out of nothing":  {wallets, both, of(linear.Transfer, false), func(op *linear.Operation) { op.Approved = true }},
		"a hold that holds nothing":  {wallets, both, read, func(op *linear.Operation) { op.Seen.Held-- }},
		"a hold that ended twice":    {wallets, both, of(linear.Capture, false), func(op *linear.Operation) { op.Approved = true }},
		"a part that was not freed":  {wallets, both, of(linear.Capture, true), func(op *linear.Operation) { op.HeldAmount++ }},
		"a release that was refused": {wallets, both, of(linear.Release, true), func(op *linear.Operation) { op.Approved = false }},
		"a capture that was lost":    {wallets, both, of(linear.Capture, true), func(op *linear.Operation) { op.Kind = linear.Release }},
	} {
		t.Run(name, func(t *testing.T) {
			operations := simulate(2, planted.start, 3, 200, 0, planted.draw)
			spoilt := -1
			for i := range operations {
				// The last read, so that no later operation can explain it; but an operation that
				// later reads contradict.
				contradicted := operations[i].Kind == linear.Read || i%200 < 160
				if operations[i].Pair == 1 && planted.where(operations[i]) && contradicted {
					spoilt = i
				}
			}
			require.GreaterOrEqual(t, spoilt, 0)
			planted.spoil(&operations[spoilt])
			result := check(planted.start, operations)
			require.Equal(t, []int{1}, result.Illegal)
			path := filepath.Join(t.TempDir(), "picture.html")
			require.NoError(t, result.Picture(path))
			content, err := os.ReadFile(path)
			require.NoError(t, err)
			require.Contains(t, string(content), "<html")
		})
	}
}

// Two purchases are approved, and one of them left no trace.
func TestALostUpdateIsFound(t *testing.T) {
	buy := func(client int) linear.Operation {
		return linear.Operation{Client: client, Kind: linear.Purchase, Amount: 100, Call: 0, Return: 10, Approved: true}
	}
	read := linear.Operation{Kind: linear.Read, Call: 20, Return: 30, Seen: linear.Account{Balance: -100, Limit: 1_000, Sequence: 2}}
	require.Equal(t, []int{0}, check(initial, []linear.Operation{buy(0), buy(1), read}).Illegal)
	unknown := buy(1)
	unknown.Approved, unknown.Return = false, linear.Never
	require.Empty(t, check(initial, []linear.Operation{buy(0), unknown, read}).Illegal, "an unknown operation may not have taken effect")
}

// Both transfers are approved, and no single moment shows the money on both sides.
func TestATransferThatIsSeenOnOneSideAloneIsFound(t *testing.T) {
	transfer := linear.Operation{Kind: linear.Transfer, Amount: 100, Call: 0, Return: 10, Approved: true}
	read := func(side int, seen linear.Account) linear.Operation {
		return linear.Operation{Side: side, Client: 1 + side, Kind: linear.Read, Call: 20, Return: 30, Seen: seen}
	}
	paid, unpaid := linear.Account{Balance: 900, Sequence: 3}, linear.Account{Balance: 1_000, Sequence: 2}
	got := linear.Account{Balance: 1_100, Sequence: 3}
	require.Empty(t, check(wallets, []linear.Operation{transfer, read(0, paid), read(1, got)}).Illegal)
	require.Equal(t, []int{0}, check(wallets, []linear.Operation{transfer, read(0, paid), read(1, unpaid)}).Illegal)
}
