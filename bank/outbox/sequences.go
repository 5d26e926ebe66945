package outbox

import "codebank.dev/bank"

// sequenceState says whether an event may be sent now, by its sequence.
type sequenceState uint8

const (
	inSequence sequenceState = iota // send: the next of its account, the first one seen of it, or of no account
	repeated                        // send: it was sent before
	ahead                           // hold back: a predecessor is missing
)

// sequences keeps the last sent sequence of accounts, for one term and one goroutine.
//
// The first event of an account may have any sequence. Its predecessors were published under
// earlier epochs, because a fetch returns the lowest rows of an account first. After that, each
// sequence is one more than the last. A correct store never shows a row before its predecessor, so
// this check is a second line of defence.
//
// Memory is bounded by two generations of at most limit accounts each. When the younger generation
// is full it becomes the older one, and accounts of the older one that were not used since are
// dropped. A dropped account counts as not seen before. Accounts with rows held back are never
// dropped.
type sequences struct {
	limit      int
	young, old map[bank.ID]int64
	heldBack   map[bank.ID]*heldAccount
}

// heldAccount is an account with rows held back.
type heldAccount struct {
	last int64
	ids  []int64
}

func newSequences(limit int) *sequences {
	return &sequences{
		limit:    limit,
		young:    make(map[bank.ID]int64),
		old:      make(map[bank.ID]int64),
		heldBack: make(map[bank.ID]*heldAccount),
	}
}

// check says whether event may be sent, and records it as sent if so.
func (s *sequences) check(event *bank.Event) sequenceState {
	if event.AccountID.IsZero() {
		return inSequence
	}
	last, known := s.last(event.AccountID)
	switch {
	case !known || event.Sequence == last+1:
		s.record(event.AccountID, event.Sequence)
		return inSequence
	case event.Sequence <= last:
		s.record(event.AccountID, last)
		return repeated
	default:
		return ahead
	}
}

func (s *sequences) last(account bank.ID) (int64, bool) {
	if last, ok := s.young[account]; ok {
		return last, true
	}
	if last, ok := s.old[account]; ok {
		return last, true
	}
	if w, ok := s.heldBack[account]; ok {
		return w.last, true
	}
	return 0, false
}

func (s *sequences) record(account bank.ID, last int64) {
	if _, ok := s.young[account]; !ok && len(s.young) >= s.limit {
		s.young, s.old = s.old, s.young
		clear(s.young)
	}
	s.young[account] = last
}

// hold notes a row that check found ahead. It returns the last sent sequence of the account and
// whether this is the first row held back for it.
func (s *sequences) hold(event *bank.Event, id int64) (last int64, first bool) {
	w, ok := s.heldBack[event.AccountID]
	if !ok {
		last, _ := s.last(event.AccountID)
		w = &heldAccount{last: last}
		s.heldBack[event.AccountID] = w
	}
	w.ids = append(w.ids, id)
	return w.last, !ok
}

// unblock returns the rows that were held back for the account of an event just sent, and forgets
// them. They are fetched and checked again.
func (s *sequences) unblock(event *bank.Event) []int64 {
	w, ok := s.heldBack[event.AccountID]
	if !ok {
		return nil
	}
	delete(s.heldBack, event.AccountID)
	return w.ids
}
