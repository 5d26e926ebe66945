// Package linear checks whether the histories of accounts are linearizable. A history is
// linearizable if every operation can take effect at one moment between its call and its answer,
// so that the order of these moments explains every answer.
package linear

import (
	"cmp"
	"math"
	"slices"
	"time"

	"github.com/anishathalye/porcupine"
)

// Kind is what an operation does to an account.
type Kind uint8

// The kinds of operation.
const (
	// Purchase takes Amount if the available amount covers it. It takes a sequence in either case.
	Purchase Kind = iota
	// Reversal returns Amount, whatever the balance.
	Reversal
	// Limit sets the limit to Amount.
	Limit
	// Read reads the account.
	Read
	// Transfer takes Amount from the account and gives it to the other account of the pair, at one
	// moment. If the available amount does not cover it, it takes a sequence of the account alone.
	Transfer
	// PlaceHold sets Amount aside if the available amount covers it.
	PlaceHold
	// Capture ends a hold: it takes Amount and releases the rest, which takes a sequence of its own.
	// A hold that has ended is not captured, and nothing happens.
	Capture
	// Release ends a hold and takes nothing. Of a hold that was released before it changes nothing
	// and is approved; one that was captured is not released.
	Release
)

// Account is the state of an account. Amounts are in minor units.
type Account struct {
	Balance, Held, Limit, Sequence int64
}

func (a Account) covers(amount int64) bool { return a.Balance-a.Held+a.Limit >= amount }

// Pair is the state of two accounts between which money is transferred. Their histories are one
// history, because a transfer changes both at one moment. An account without transfers is the
// first of a pair.
type Pair [2]Account

// MaxHolds is how many holds the history of a pair may have.
const MaxHolds = 128

// Operation is one operation of a client.
type Operation struct {
	// Pair is the number of the pair of accounts. Operations on different pairs are independent.
	// Side is the account of the pair: 0 or 1.
	Pair, Side int
	// Client is the number of the client. A client waits for one answer before it calls again.
	Client int
	Kind   Kind
	Amount int64
	// Hold is the number of the hold, unique in its pair and below MaxHolds, and HeldAmount its
	// amount. A Capture or Release is called only after the answer to its PlaceHold.
	Hold       int
	HeldAmount int64
	// Call and Return are times of one monotonic clock. An operation whose outcome is unknown
	// has the Return [Never] and no answer.
	Call, Return time.Duration
	// Approved is the answer to a Purchase, Transfer, PlaceHold, Capture or Release. Seen is the
	// answer to a Read.
	Approved bool
	Seen     Account
}

// Never is the Return of an operation without an answer. The operation may take effect at any
// moment after its call, or not at all.
const Never time.Duration = math.MaxInt64

// Result is the result of a check.
type Result struct {
	Accounts, Operations int
	// Unknown is the number of operations without an answer.
	Unknown int
	// Illegal are the pairs whose history is not linearizable. Undecided are the pairs for which
	// the time was too short to decide.
	Illegal, Undecided []int
	// Picture writes a page of HTML that shows the first illegal pair; nil if there is none.
	Picture func(path string) error
}

// Check checks the history of each pair, which begins at its initial state. The timeout bounds the
// search for each pair.
func Check(initial map[int]Pair, operations []Operation, timeout time.Duration) Result {
	byPair := make(map[int][]porcupine.Operation)
	accounts := make(map[[2]int]bool)
	result := Result{Operations: len(operations)}
	for i := range operations {
		op := &operations[i]
		in := input{
			side: op.Side, kind: op.Kind, amount: op.Amount, hold: op.Hold, heldAmount: op.HeldAmount, unknown: op.Return == Never,
		}
		if in.unknown {
			result.Unknown++
		}
		byPair[op.Pair] = append(byPair[op.Pair], porcupine.Operation{
			ClientId: op.Client, Call: int64(op.Call), Return: int64(op.Return), Input: in, Output: output{op.Approved, op.Seen},
		})
		accounts[[2]int{op.Pair, op.Side}] = true
	}
	result.Accounts = len(accounts)
	var pairs []int
	for pair := range byPair {
		pairs = append(pairs, pair)
	}
	slices.SortFunc(pairs, cmp.Compare[int])
	for _, pair := range pairs {
		model := modelOf(initial[pair])
		outcome, info := porcupine.CheckOperationsVerbose(model, byPair[pair], timeout)
		switch outcome {
		case porcupine.Illegal:
			result.Illegal = append(result.Illegal, pair)
			if result.Picture == nil {
				result.Picture = func(path string) error { return porcupine.VisualizePath(model, info, path) }
			}
		case porcupine.Unknown:
			result.Undecided = append(result.Undecided, pair)
		}
	}
	return result
}
