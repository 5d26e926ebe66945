package chaos

import (
	"fmt"
	"sync"
	"sync/atomic"
)

// kind is what an operation asks for.
type kind uint8

const (
	purchase kind = iota + 1
	reversal
	void
	limitChange
	issue
)

var kindNames = map[kind]string{purchase: "purchase", reversal: "reversal", void: "void", limitChange: "limit change", issue: "issue"}

// state is what the client knows of an operation.
type state uint8

const (
	// sent: nothing was heard yet; at the end the same as unknown.
	sent state = iota
	// unknown: it may or may not have happened.
	unknown
	// answered: the outcome is known, and durable as the bank says.
	answered
	// refused: nothing was done, as the bank says.
	refused
)

// operation is one line of the history. There are millions of them, so it is small,
// and what a request holds is derived from it.
type operation struct {
	id      [16]byte // the transaction's, as answered
	amount  int64    // of a limit change the limit
	account uint32   // which card, and with it which account
	target  uint32   // the purchase that a reversal or void gives back
	kind    kind
	state   state
	// variant says of a purchase how the card is presented, of an issue what card it is.
	variant uint8
	// status and reason are the answer to a purchase, by the numbers of the contract.
	status, reason uint8
	// voided says of a purchase that its end was asked for.
	voided bool
}

// history is what the clients asked for and heard. The number of an operation is in
// its request id, so that what the ledger holds leads back to here.
type history struct {
	mutex  sync.Mutex
	chunks [][]operation
	last   uint32

	acknowledged atomic.Int64
	repeats      atomic.Int64 // answers that were known before, and compared
	unknowns     atomic.Int64 // operations whose outcome was unknown at first
}

const chunk = 1 << 16

// begin notes that an operation is about to be sent and returns its number.
func (h *history) begin(op operation) uint32 {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	n := h.last
	if n%chunk == 0 {
		h.chunks = append(h.chunks, make([]operation, chunk))
	}
	h.chunks[n/chunk][n%chunk] = op
	h.last++
	return n
}

// get returns an operation as it is known at this moment.
func (h *history) get(n uint32) operation {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	return *h.at(n)
}

func (h *history) at(n uint32) *operation { return &h.chunks[n/chunk][n%chunk] }

// change changes an operation in place.
func (h *history) change(n uint32, change func(*operation)) {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	change(h.at(n))
}

// len is how many operations were begun.
func (h *history) len() uint32 {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	return h.last
}

// lose notes that nobody knows what became of an operation. One that was refused may
// have been sent by another client at the same time.
func (h *history) lose(n uint32) {
	h.change(n, func(op *operation) {
		if op.state == sent || op.state == refused {
			op.state = unknown
			h.unknowns.Add(1)
		}
	})
}

// refuse notes that the bank said that nothing was done. An operation that was sent
// before without an answer stays unknown.
func (h *history) refuse(n uint32) {
	h.change(n, func(op *operation) {
		if op.state == sent {
			op.state = refused
		}
	})
}

// outcome is an answer, as far as it may never change.
type outcome struct {
	id             [16]byte
	status, reason uint8
}

// answer notes an answer. An operation that was answered before must be answered the
// same, for ever; what differs is returned in words.
func (h *history) answer(n uint32, told outcome) (difference string) {
	h.change(n, func(op *operation) {
		if op.state != answered {
			op.state, op.id, op.status, op.reason = answered, told.id, told.status, told.reason
			h.acknowledged.Add(1)
			return
		}
		h.repeats.Add(1)
		if before := (outcome{op.id, op.status, op.reason}); before != told {
			difference = fmt.Sprintf("%s %s was answered %x status %d reason %d, then %x status %d reason %d",
				kindNames[op.kind], requestID(n), before.id, before.status, before.reason, told.id, told.status, told.reason)
		}
	})
	return difference
}

// requestPrefix begins every request id of the load; the operation's number follows.
const requestPrefix = "chaos-"

func requestID(n uint32) string { return fmt.Sprintf("%s%d", requestPrefix, n) }
