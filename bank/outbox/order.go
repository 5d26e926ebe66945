package outbox

import "codebank.dev/bank"

// verdict is what an event's sequence says about sending it now.
type verdict uint8

const (
	next   verdict = iota // send: the account's next, its first one seen, or of no account
	repeat                // send: sent before
	ahead                 // hold back: a predecessor is missing
)

// order remembers the last sent sequence of accounts, for one term and one
// goroutine.
//
// The first event of an account may have any sequence: its predecessors were
// published under earlier epochs, for a fetch sees the lowest rows of an account
// first. After that each is one more than the last. A store that is right never
// shows a row before its predecessor, so this is the second wall.
//
// Memory is bounded by two generations of half the most each: when the younger one
// is full it becomes the older, and what was older and not used since is forgotten.
// A forgotten account is one not seen before. Accounts with something held back are
// never forgotten.
type order struct {
	limit      int
	young, old map[bank.ID]int64
	heldBack   map[bank.ID]*waiting
}

// waiting is an account with rows held back.
type waiting struct {
	last int64
	ids  []int64
}

func newOrder(limit int) *order {
	return &order{
		limit:    limit,
		young:    make(map[bank.ID]int64),
		old:      make(map[bank.ID]int64),
		heldBack: make(map[bank.ID]*waiting),
	}
}

// judge says whether event may be sent, and takes it for sent if so.
func (o *order) judge(event *bank.Event) verdict {
	if event.AccountID.IsZero() {
		return next
	}
	last, known := o.last(event.AccountID)
	switch {
	case !known || event.Sequence == last+1:
		o.remember(event.AccountID, event.Sequence)
		return next
	case event.Sequence <= last:
		o.remember(event.AccountID, last)
		return repeat
	default:
		return ahead
	}
}

func (o *order) last(account bank.ID) (int64, bool) {
	if last, ok := o.young[account]; ok {
		return last, true
	}
	if last, ok := o.old[account]; ok {
		return last, true
	}
	if w, ok := o.heldBack[account]; ok {
		return w.last, true
	}
	return 0, false
}

func (o *order) remember(account bank.ID, last int64) {
	if _, ok := o.young[account]; !ok && len(o.young) >= o.limit {
		o.young, o.old = o.old, o.young
		clear(o.young)
	}
	o.young[account] = last
}

// hold notes a row that judge called ahead. It returns the account's last sent
// sequence and whether this is the first row held back for it.
func (o *order) hold(event *bank.Event, id int64) (last int64, first bool) {
	w, ok := o.heldBack[event.AccountID]
	if !ok {
		last, _ := o.last(event.AccountID)
		w = &waiting{last: last}
		o.heldBack[event.AccountID] = w
	}
	w.ids = append(w.ids, id)
	return w.last, !ok
}

// unblocks returns the rows that were held back for the account of an event just
// sent, and forgets them: they are fetched and judged again.
func (o *order) unblocks(event *bank.Event) []int64 {
	w, ok := o.heldBack[event.AccountID]
	if !ok {
		return nil
	}
	delete(o.heldBack, event.AccountID)
	return w.ids
}
