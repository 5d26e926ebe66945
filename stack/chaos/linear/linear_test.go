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

var initial = linear.Account{Limit: 1_000, Sequence: 1}

// simulate applies the operations of several clients to true accounts and returns the clients'
// histories. Each operation takes effect at a moment between its call and its answer.
func simulate(seed uint64, accounts, each int, lostEvery int) []linear.Operation {
	random := rand.New(rand.NewPCG(seed, seed))
	var operations []linear.Operation
	for account := range accounts {
		truth := initial
		lost := 0
		for i := range each {
			at := time.Duration(i) * 10
			op := linear.Operation{
				Account: account, Client: i % 4, Kind: linear.Kind(random.IntN(4)), Amount: 1 + random.Int64N(200),
				Call: at - time.Duration(random.Int64N(25)), Return: at + time.Duration(random.Int64N(10)),
			}
			happens := true
			if op.Kind != linear.Read && lostEvery > 0 && i%lostEvery == lostEvery-1 && lost < 4 {
				op.Return, happens = linear.Never, random.IntN(2) == 0
				lost++
			}
			if happens {
				apply(&truth, &op)
			}
			operations = append(operations, op)
		}
	}
	return operations
}

func apply(truth *linear.Account, op *linear.Operation) {
	if op.Kind == linear.Read {
		op.Seen = *truth
		return
	}
	truth.Sequence++
	switch op.Kind {
	case linear.Purchase:
		if op.Approved = truth.Balance+truth.Limit >= op.Amount; op.Approved {
			truth.Balance -= op.Amount
		}
	case linear.Reversal:
		truth.Balance += op.Amount
	case linear.Limit:
		truth.Limit = op.Amount
	}
}

func check(operations []linear.Operation) linear.Result {
	states := make(map[int]linear.Account)
	for _, op := range operations {
		states[op.Account] = initial
	}
	return linear.Check(states, operations, timeout)
}

func TestATrueHistoryIsLinearizable(t *testing.T) {
	result := check(simulate(1, 50, 400, 100))
	require.Equal(t, 20_000, result.Operations)
	require.Equal(t, 50, result.Accounts)
	require.Greater(t, result.Unknown, 100)
	require.Empty(t, result.Illegal)
	require.Empty(t, result.Undecided)
	require.Nil(t, result.Picture)
}

func TestAPlantedViolationIsFound(t *testing.T) {
	read := func(op linear.Operation) bool { return op.Kind == linear.Read }
	approved := func(op linear.Operation) bool { return op.Approved }
	for name, planted := range map[string]struct {
		where func(linear.Operation) bool
		spoil func(*linear.Operation)
	}{
		"a lost update":  {read, func(op *linear.Operation) { op.Seen.Balance += 3 }},
		"a stale read":   {read, func(op *linear.Operation) { op.Seen.Sequence -= 20 }},
		"a lost limit":   {read, func(op *linear.Operation) { op.Seen.Limit++ }},
		"a wrong answer": {approved, func(op *linear.Operation) { op.Approved = false }},
	} {
		t.Run(name, func(t *testing.T) {
			operations := simulate(2, 3, 200, 0)
			spoilt := -1
			for i := range operations {
				if operations[i].Account == 1 && planted.where(operations[i]) {
					spoilt = i // the last one, so that no later operation can explain it
				}
			}
			require.GreaterOrEqual(t, spoilt, 0)
			planted.spoil(&operations[spoilt])
			result := check(operations)
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
	require.Equal(t, []int{0}, check([]linear.Operation{buy(0), buy(1), read}).Illegal)
	unknown := buy(1)
	unknown.Approved, unknown.Return = false, linear.Never
	require.Empty(t, check([]linear.Operation{buy(0), unknown, read}).Illegal, "an unknown operation may not have taken effect")
}
