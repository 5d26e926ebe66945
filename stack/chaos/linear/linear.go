// Package linear judges whether what clients saw of accounts can be explained by
// one order of their operations, in which each takes effect at one moment between
// its call and its answer.
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
	// Purchase takes Amount if balance and limit cover it; it takes a sequence either way.
	Purchase Kind = iota
	// GiveBack returns Amount, whatever the balance.
	GiveBack
	// Limit sets the limit to Amount.
	Limit
	// Read sees the account.
	Read
)

// Account is the state of an account, minor units.
type Account struct {
	Balance, Limit, Sequence int64
}

// Operation is one line of a client's history.
type Operation struct {
	// Account says which account; operations on different ones do not meet.
	Account int
	// Client is who called; a client waits for one answer before it calls again.
	Client int
	Kind   Kind
	Amount int64
	// Call and Return are moments of one clock that never goes back. An operation whose
	// outcome nobody knows has Return [Never], and no answer.
	Call, Return time.Duration
	// Approved is the answer to a Purchase, Seen that to a Read.
	Approved bool
	Seen     Account
}

// Never is the Return of an operation that was not answered: it may take effect at
// any moment after its call, or not at all.
const Never time.Duration = math.MaxInt64

// Result is what a check found.
type Result struct {
	Accounts, Operations int
	// Unknown is how many of the operations have no answer.
	Unknown int
	// Illegal are the accounts whose history has no explanation; Undecided those for
	// which the time was not enough to find one.
	Illegal, Undecided []int
	// Picture shows the first illegal account as a page of HTML; nil when there is none.
	Picture func(path string) error
}

// input and output are the halves of an operation that the checker sees.
type input struct {
	kind   Kind
	amount int64
	lost   bool
}

type output struct {
	approved bool
	seen     Account
}

// Check judges each account's history, beginning at the state that it was opened
// with. Patience bounds the search for each account.
func Check(opened map[int]Account, operations []Operation, patience time.Duration) Result {
	byAccount := make(map[int][]porcupine.Operation)
	result := Result{Operations: len(operations)}
	for _, op := range operations {
		lost := op.Return == Never
		if lost {
			result.Unknown++
		}
		byAccount[op.Account] = append(byAccount[op.Account], porcupine.Operation{
			ClientId: op.Client, Call: int64(op.Call), Return: int64(op.Return),
			Input: input{op.Kind, op.Amount, lost}, Output: output{op.Approved, op.Seen},
		})
	}
	result.Accounts = len(byAccount)
	var accounts []int
	for account := range byAccount {
		accounts = append(accounts, account)
	}
	slices.SortFunc(accounts, cmp.Compare[int])
	for _, account := range accounts {
		model := modelOf(opened[account])
		verdict, info := porcupine.CheckOperationsVerbose(model, byAccount[account], patience)
		switch verdict {
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

// modelOf is an account as its rules have it. What nobody knows the answer of takes
// effect by the same rules: one that never did is explained as the last of all.
func modelOf(opened Account) porcupine.Model {
	return porcupine.Model{
		Init: func() any { return opened },
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
		return in.lost || out.seen == account, account
	}
	account.Sequence++
	switch in.kind {
	case Purchase:
		covered := account.Balance+account.Limit >= in.amount
		if !in.lost && covered != out.approved {
			return false, account
		}
		if covered {
			account.Balance -= in.amount
		}
	case GiveBack:
		account.Balance += in.amount
	case Limit:
		account.Limit = in.amount
	}
	return true, account
}

func describe(in input, out output) string {
	answer := "ok"
	switch {
	case in.lost:
		answer = "unknown"
	case in.kind == Read:
		return fmt.Sprintf("read: balance %d limit %d sequence %d", out.seen.Balance, out.seen.Limit, out.seen.Sequence)
	case in.kind == Purchase && out.approved:
		answer = "approved"
	case in.kind == Purchase:
		answer = "declined"
	}
	return fmt.Sprintf("%s %d: %s", [...]string{"purchase", "give back", "limit"}[in.kind], in.amount, answer)
}
