package linear

import (
	"fmt"

	"github.com/anishathalye/porcupine"
)

// input and output are the two halves of an operation for the checker.
type input struct {
	side       int
	kind       Kind
	amount     int64
	hold       int
	heldAmount int64
	unknown    bool
}

type output struct {
	approved bool
	seen     Account
}

// state is the state of a pair, with the holds that have not ended and those that were captured.
type state struct {
	accounts       Pair
	open, captured holds
}

// holds is a set of holds.
type holds [MaxHolds / 64]uint64

func (h *holds) has(hold int) bool { return h[hold/64]>>(hold%64)&1 == 1 }
func (h *holds) add(hold int)      { h[hold/64] |= 1 << (hold % 64) }
func (h *holds) remove(hold int)   { h[hold/64] &^= 1 << (hold % 64) }

// modelOf describes a pair of accounts by its rules. An operation without an answer takes effect by
// the same rules; if it never took effect, the checker places it last.
func modelOf(initial Pair) porcupine.Model {
	return porcupine.Model{
		Init: func() any { return state{accounts: initial} },
		Step: func(before, in, out any) (bool, any) {
			return step(before.(state), in.(input), out.(output))
		},
		Hash:              func(s any) uint64 { return hash(s.(state)) },
		DescribeOperation: func(in, out any) string { return describe(in.(input), out.(output)) },
		DescribeState: func(s any) string {
			accounts := s.(state).accounts
			if accounts[1] == (Account{}) {
				return accounts[0].String()
			}
			return fmt.Sprintf("%s; %s", accounts[0], accounts[1])
		},
	}
}

func hash(s state) (sum uint64) {
	for _, a := range s.accounts {
		for _, value := range []int64{a.Balance, a.Held, a.Limit, a.Sequence} {
			sum = (sum ^ uint64(value)) * 0x9e3779b97f4a7c15
			sum ^= sum >> 32
		}
	}
	return sum
}

// String returns the state in words.
func (a Account) String() string {
	return fmt.Sprintf("balance %d held %d limit %d sequence %d", a.Balance, a.Held, a.Limit, a.Sequence)
}

// step applies an operation. It returns false if the operation cannot be answered so in this state.
func step(s state, in input, out output) (bool, any) {
	account := &s.accounts[in.side]
	if in.kind == Read {
		return in.unknown || out.seen == *account, s
	}
	happens, answer := true, out.approved
	switch in.kind {
	case Purchase, Transfer, PlaceHold:
		happens = account.covers(in.amount)
		answer = happens
	case Capture:
		happens = s.open.has(in.hold)
		answer = happens
	case Release:
		happens = s.open.has(in.hold)
		answer = !s.captured.has(in.hold)
	}
	if !in.unknown && answer != out.approved {
		return false, s
	}
	switch {
	case happens:
		s.apply(in)
	case in.kind != Capture && in.kind != Release:
		account.Sequence++ // a decline is an entry, a refusal is none
	}
	return true, s
}

// apply applies an operation that happens.
func (s *state) apply(in input) {
	account := &s.accounts[in.side]
	account.Sequence++
	switch in.kind {
	case Purchase:
		account.Balance -= in.amount
	case Reversal:
		account.Balance += in.amount
	case Limit:
		account.Limit = in.amount
	case Transfer:
		other := &s.accounts[1-in.side]
		account.Balance -= in.amount
		other.Balance += in.amount
		other.Sequence++
	case PlaceHold:
		account.Held += in.amount
		s.open.add(in.hold)
	case Capture:
		account.Balance -= in.amount
		account.Held -= in.heldAmount
		if in.amount < in.heldAmount {
			account.Sequence++
		}
		s.open.remove(in.hold)
		s.captured.add(in.hold)
	case Release:
		account.Held -= in.heldAmount
		s.open.remove(in.hold)
	}
}

var kindNames = [...]string{"purchase", "reversal", "limit", "read", "transfer", "hold", "capture", "release"}

func describe(in input, out output) string {
	what := fmt.Sprintf("%s %d", kindNames[in.kind], in.amount)
	switch in.kind {
	case Transfer:
		what = fmt.Sprintf("transfer %d from %d to %d", in.amount, in.side, 1-in.side)
	case PlaceHold, Capture, Release:
		what = fmt.Sprintf("%s %d of hold %d on %d", kindNames[in.kind], in.amount, in.hold, in.side)
	}
	switch {
	case in.unknown:
		return what + ": unknown"
	case in.kind == Read:
		return fmt.Sprintf("read %d: %s", in.side, out.seen)
	case in.kind == Reversal || in.kind == Limit:
		return what + ": ok"
	case out.approved:
		return what + ": approved"
	}
	return what + ": declined"
}
