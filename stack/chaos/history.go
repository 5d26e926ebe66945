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
	// These are of wallets.
	opening
	transfer
	transferReturn
	hold
	capture
	release
)

var kindNames = map[kind]string{
	purchase: "purchase", reversal: "reversal", void: "void", limitChange: "limit change", issue: "issue",
	opening: "opening", transfer: "transfer", transferReturn: "return of a transfer", hold: "hold", capture: "capture", release: "void of a hold",
}

// state is what the client knows of an operation.
type state uint8

const (
	// sent: there is no answer yet. At the end it counts as unknown.
	sent state = iota
	// unknown: the operation may or may not have taken effect.
	unknown
	// answered: the outcome is known. The bank says that it is durable.
	answered
	// refused: the bank says that nothing was done.
	refused
	// failed: the bank says that nothing was done, and the same request is refused for ever.
	failed
)

// operation is one operation of the history. It is small, because there are millions of them.
// The request is derived from it.
type operation struct {
	id      [16]byte // of the transaction, as answered
	amount  int64    // for a limit change the new limit
	account uint32   // index of the card, and so of its account, or of the wallet
	target  uint32   // the operation that this one gives back or ends; for a transfer the wallet that gets it
	kind    kind
	state   state
	// variant says how the card of a purchase is presented, or of which kind an issued card is.
	variant uint8
	// status and reason are the answer to a purchase, as numbers of the contract.
	status, reason uint8
	// voided says that a void of this purchase was requested.
	voided bool
}

// history holds the requests of the clients and their answers. The request id contains the
// number of the operation, so every row of the ledger leads back to its operation.
type history struct {
	mutex  sync.Mutex
	chunks [][]operation
	last   uint32

	acknowledged atomic.Int64
	repeats      atomic.Int64 // answers to operations that had been answered before, compared with the first
	unknowns     atomic.Int64 // operations whose outcome was unknown at first
}

const chunkSize = 1 << 16

// begin adds an operation that is about to be sent and returns its number.
func (h *history) begin(op operation) uint32 {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	n := h.last
	if n%chunkSize == 0 {
		h.chunks = append(h.chunks, make([]operation, chunkSize))
	}
	h.chunks[n/chunkSize][n%chunkSize] = op
	h.last++
	return n
}

// get returns a copy of an operation as it is now.
func (h *history) get(n uint32) operation {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	return *h.entry(n)
}

func (h *history) entry(n uint32) *operation { return &h.chunks[n/chunkSize][n%chunkSize] }

// change changes an operation in place.
func (h *history) change(n uint32, change func(*operation)) {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	change(h.entry(n))
}

// len returns how many operations were begun.
func (h *history) len() uint32 {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	return h.last
}

// markUnknown records that the outcome of an operation is unknown. It also applies to a refused
// operation, because another client may have sent it at the same time.
func (h *history) markUnknown(n uint32) {
	h.change(n, func(op *operation) {
		if op.state == sent || op.state == refused {
			op.state = unknown
			h.unknowns.Add(1)
		}
	})
}

// markFailed records that the bank did nothing and never will, also if the operation was sent
// before without an answer.
func (h *history) markFailed(n uint32) {
	h.change(n, func(op *operation) {
		if op.state != answered {
			op.state = failed
		}
	})
}

// markRefused records that the bank did nothing. An operation that was sent before without an
// answer stays unknown.
func (h *history) markRefused(n uint32) {
	h.change(n, func(op *operation) {
		if op.state == sent {
			op.state = refused
		}
	})
}

// outcome is the part of an answer that may never change.
type outcome struct {
	id             [16]byte
	status, reason uint8
}

// answer records an answer. A later answer must equal the first; answer returns a text that
// describes any difference.
func (h *history) answer(n uint32, given outcome) (difference string) {
	h.change(n, func(op *operation) {
		if op.state != answered {
			op.state, op.id, op.status, op.reason = answered, given.id, given.status, given.reason
			h.acknowledged.Add(1)
			return
		}
		h.repeats.Add(1)
		if before := (outcome{op.id, op.status, op.reason}); before != given {
			difference = fmt.Sprintf("%s %s was answered %x status %d reason %d, then %x status %d reason %d",
				kindNames[op.kind], requestID(n), before.id, before.status, before.reason, given.id, given.status, given.reason)
		}
	})
	return difference
}

// requestPrefix begins every request id of the load. The number of the operation follows.
const requestPrefix = "chaos-"

func requestID(n uint32) string { return fmt.Sprintf("%s%d", requestPrefix, n) }
