// Package linear checks whether the histories of accounts are linearizable. A history is
// linearizable if every operation can take effect at one moment between its call and its answer,
// so that the order of these moments explains every answer.
package linear

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/anishathalye/porcupine"
)

// Kind is what an operation does to an account.
type Kind uint8

// The kinds of operation.
const (
	// Purchase takes Amount if balance and limit cover it. It takes a sequence in either case.
	Purchase Kind = iota
	// Reversal returns Amount, whatever the balance.
	Reversal
	// Limit sets the limit to Amount.
	Limit
	// Read reads the account.
	Read
)

// Account is the state of an account. Balance and Limit are in minor units.
type Account struct {
	Balance, Limit, Sequence int64
}

// Operation is one operation of a client.
type Operation struct {
	// Account is the number of the account. Operations on different accounts are independent.
	Account int
	// Client is the number of the client. A client waits for one answer before it calls again.
	Client int
	Kind   Kind
	Amount int64
	// Call and Return are times of one monotonic clock. An operation whose outcome is unknown
	// has the Return [Never] and no answer.
	Call, Return time.Duration
	// Approved is the answer to a Purchase. Seen is the answer to a Read.
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
	// Illegal are the accounts whose history is not linearizable. Undecided are the accounts
	// for which the time was too short to decide.
	Illegal, Undecided []int
	// Picture writes a page of HTML that shows the first illegal account; nil if there is none.
	Picture func(path string) error
}

// input and output are the two halves of an operation for the checker.
type input struct {
	kind    Kind
	amount  int64
	unknown bool
}

type output struct {
	approved bool
	seen     Account
}

// Check checks the history of each account, which begins at its initial state. The timeout
// bounds the search for each account.
func Check(initial map[int]Account, operations []Operation, timeout time.Duration) Result {
	byAccount := make(map[int][]porcupine.Operation)
	result := Result{Operations: len(operations)}
	for _, op := range operations {
		unknown := op.Return == Never
		if unknown {
			result.Unknown++
		}
		byAccount[op.Account] = append(byAccount[op.Account], porcupine.Operation{
			ClientId: op.Client, Call: int64(op.Call), Return: int64(op.Return),
			Input: input{op.Kind, op.Amount, unknown}, Output: output{op.Approved, op.Seen},
		})
	}
	result.Accounts = len(byAccount)
	var accounts []int
	for account := range byAccount {
		accounts = append(accounts, account)
	}
	slices.SortFunc(accounts, cmp.Compare[int])
	for _, account := range accounts {
		model := modelOf(initial[account])
		outcome, info := porcupine.CheckOperationsVerbose(model, byAccount[account], timeout)
		switch outcome {
		case porcupine.Illegal:
			result.Illegal = append(result.Illegal, account)
			if result.Picture == nil {
				result.Picture = func(path string) error { return porcupine.VisualizePath(model, info, path) }
			}
		case porcupine.Unknown:
			result.Undecided = append(result.Undecided, account)
		}
	}
	return result
}

// modelOf describes an account by its rules. An operation without an answer takes effect by the
// same rules; if it never took effect, the checker places it last.
func modelOf(initial Account) porcupine.Model {
	return porcupine.Model{
		Init: func() any { return initial },
		Step: func(state, in, out any) (bool, any) {
			return step(state.(Account), in.(input), out.(output))
		},
		Hash: func(state any) uint64 {
			a := state.(Account)
			return uint64(a.Balance)*0x9e3779b97f4a7c15 ^ uint64(a.Limit)*0xff51afd7ed558ccd ^ uint64(a.Sequence)
		},
		DescribeOperation: func(in, out any) string { return describe(in.(input), out.(output)) },
		DescribeState: func(state any) string {
			a := state.(Account)
			return fmt.Sprintf("balance %d limit %d sequence %d", a.Balance, a.Limit, a.Sequence)
		},
	}
}

func step(account Account, in input, out output) (bool, Account) {
	if in.kind == Read {
		return in.unknown || out.seen == account, account
	}
	account.Sequence++
	switch in.kind {
	case Purchase:
		covered := account.Balance+account.Limit >= in.amount
		if !in.unknown && covered != out.approved {
			return false, account
		}
		if covered {
			account.Balance -= in.amount
		}
	case Reversal:
		account.Balance += in.amount
	case Limit:
		account.Limit = in.amount
	}
	return true, account
}

func describe(in input, out output) string {
	answer := "ok"
	switch {
	case in.unknown:
		answer = "unknown"
	case in.kind == Read:
		return fmt.Sprintf("read: balance %d limit %d sequence %d", out.seen.Balance, out.seen.Limit, out.seen.Sequence)
	case in.kind == Purchase && out.approved:
		answer = "approved"
	case in.kind == Purchase:
		answer = "declined"
	}
	return fmt.Sprintf("%s %d: %s", [...]string{"purchase", "reversal", "limit"}[in.kind], in.amount, answer)
}
