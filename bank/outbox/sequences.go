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
// A republished row proves less, because it may be of any age. It never sets the last sequence back,
// and it never is the first one of an account that nothing is known of. It counts only where it is
// the one that the account waits for.
//
// Memory is bounded by two generations of at most limit accounts each. When the younger generation
// is full it becomes the older one, and accounts of the older one that were not used since are
// dropped. A dropped account counts as not seen before. Accounts with rows held back are never
// dropped.
type sequences struct {
	limit      int
	young, old map[bank.ID]int64
	heldBack   map[bank.ID]*heldAccount
	// blocked are the accounts of rows that the broker refused, with the row. Until that row is sent,
	// no other row stands for it or for a later one. Otherwise it would be left behind in the outbox,
	// and a later leader would take it for the account's last event.
	blocked map[bank.ID]int64
	// mended are the events of republished rows that were the next of their account.
	mended map[int64]place
}

// place is where an event belongs.
type place struct {
	account  bank.ID
	sequence int64
}

// maxMended limits the republished rows that are kept as the next of their account.
const maxMended = 10_000

// heldAccount is an account with rows held back.
type heldAccount struct {
	last int64 // the last sent sequence
	next int64 // the lowest sequence that is held back
	ids  []int64
	// oversized says that the missing event is one that the broker does not take.
	oversized bool
	// alarm is when the log names the account next.
	alarm round
}

func newSequences(limit int) *sequences {
	return &sequences{
		limit:    limit,
		young:    make(map[bank.ID]int64),
		old:      make(map[bank.ID]int64),
		heldBack: make(map[bank.ID]*heldAccount),
		blocked:  make(map[bank.ID]int64),
		mended:   make(map[int64]place),
	}
}

// check says whether the event of a row may be sent, and records it as sent if so.
func (s *sequences) check(row *bank.OutboxRow) sequenceState {
	event := &row.Event
	if event.AccountID.IsZero() {
		return inSequence
	}
	last, known := s.last(event.AccountID)
	blocker, blocked := s.blocked[event.AccountID]
	switch {
	case blocked && row.ID != blocker && event.Sequence > last:
		return ahead
	case !known && row.Republished:
		return repeated
	case !known || event.Sequence == last+1:
		if row.Republished && len(s.mended) < maxMended {
			s.mended[row.ID] = place{event.AccountID, event.Sequence}
		}
		delete(s.blocked, event.AccountID)
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
	if w, ok := s.heldBack[account]; ok {
		w.last = last
	}
}

// unsent notes that a row that was recorded as sent was not. It reports whether the later events of
// its account wait for it, which they do not when an earlier row had the same event.
func (s *sequences) unsent(row *bank.OutboxRow) bool {
	event := &row.Event
	_, mended := s.mended[row.ID]
	if event.AccountID.IsZero() || row.Republished && !mended {
		return false
	}
	s.setBack(row.ID, place{event.AccountID, event.Sequence})
	return true
}

// unsentMended is unsent for republished rows before they are fetched again. What waits for such a
// row may have a lower id and be fetched before it.
func (s *sequences) unsentMended(ids []int64) {
	for _, id := range ids {
		if event, ok := s.mended[id]; ok {
			s.setBack(id, event)
		}
	}
}

func (s *sequences) setBack(id int64, event place) {
	s.blocked[event.account] = id
	if last, known := s.last(event.account); !known || last >= event.sequence {
		s.record(event.account, event.sequence-1)
	}
}

// forget notes that a row that was refused is gone.
func (s *sequences) forget(account bank.ID, id int64) {
	if blocker, blocked := s.blocked[account]; !blocked || blocker != id {
		return
	}
	delete(s.blocked, account)
	if w, ok := s.heldBack[account]; ok {
		w.oversized = false
	}
}

// hold notes a row that check found ahead. It returns the account and whether this is the first row
// held back for it.
func (s *sequences) hold(event *bank.Event, id int64) (held *heldAccount, first bool) {
	w, ok := s.heldBack[event.AccountID]
	if !ok {
		last, _ := s.last(event.AccountID)
		w = &heldAccount{last: last, next: event.Sequence}
		s.heldBack[event.AccountID] = w
	}
	w.next = min(w.next, event.Sequence)
	w.ids = append(w.ids, id)
	return w, !ok
}

// unblock returns the rows that wait for an event just sent, and forgets them. They are fetched and
// checked again. It returns none while another predecessor is missing.
func (s *sequences) unblock(event *bank.Event) []int64 {
	w, ok := s.heldBack[event.AccountID]
	if !ok || w.last+1 < w.next {
		return nil
	}
	delete(s.heldBack, event.AccountID)
	return w.ids
}
