package chaos

import (
	bankv1 "codebank.dev/schemas/gen/bank/v1"
	"github.com/google/uuid"
)

// walletCheck compares the entries of wallets with the history.
type walletCheck struct {
	load *load
	// legs are the legs of transfers and of their returns that were found, by operation.
	legs map[uint32][2]bool
	// deposits are the openings whose deposit was found.
	deposits map[uint32]bool
	// holds are the holds of the history, and ends what ended each, both by transaction.
	holds map[[16]byte]uint32
	ends  map[[16]byte]*holdEnd
	// expired is how many holds ended by themselves.
	expired int64
}

// holdEnd is what ended a hold: one capture, one void or one expiry.
type holdEnd struct {
	transactions       map[[16]byte]bool
	captured, released int64
}

func newWalletCheck(l *load) *walletCheck {
	w := &walletCheck{
		load: l, legs: make(map[uint32][2]bool), deposits: make(map[uint32]bool),
		holds: make(map[[16]byte]uint32), ends: make(map[[16]byte]*holdEnd),
	}
	for n := range l.history.len() {
		if op := l.history.get(n); op.kind == hold && op.state == answered {
			w.holds[op.id] = n
		}
	}
	return w
}

// endsHold reads an entry that releases a hold: its void, its expiry, or the rest of a capture. It
// returns false for any other entry.
func (w *walletCheck) endsHold(e *entryRow) bool {
	if e.kind != kindExpiry && (e.kind != kindVoid || e.debit != nil || e.status != statusApproved) {
		return false
	}
	if end := w.endOf(e); end != nil {
		end.released += e.amount
	}
	if e.kind == kindExpiry {
		w.expired++
	}
	return true
}

// endOf returns the end of the hold that an entry refers to. It reports an entry without a hold.
func (w *walletCheck) endOf(e *entryRow) *holdEnd {
	if e.original == nil {
		w.load.observed.report(holdsEnd, "entry %s ends no hold", uuid.UUID(e.transaction))
		return nil
	}
	if _, known := w.holds[*e.original]; !known {
		w.load.observed.report(holdsEnd, "entry %s ends %s, which is no hold of the load", uuid.UUID(e.transaction), uuid.UUID(*e.original))
		return nil
	}
	if w.ends[*e.original] == nil {
		w.ends[*e.original] = &holdEnd{transactions: make(map[[16]byte]bool)}
	}
	end := w.ends[*e.original]
	end.transactions[e.transaction] = true
	return end
}

// match compares an entry with its operation. It returns false if the entry is not of it.
func (w *walletCheck) match(e *entryRow, n uint32, op operation) bool {
	report := w.load.observed.report
	if op.state == failed || op.state == refused {
		report("I4", "%s %s was refused, and the ledger has it", kindNames[op.kind], requestID(n))
		return true
	}
	if op.state != answered {
		report("I5", "%s %s is in the ledger, and its client has no answer", kindNames[op.kind], requestID(n))
		return true
	}
	switch op.kind {
	case opening:
		return w.matchOpening(e, n, op)
	case transfer, transferReturn:
		w.matchLeg(e, n, op)
	case hold, capture:
		wanted := map[kind]int16{hold: kindHold, capture: kindCapture}[op.kind]
		if e.kind != wanted || e.leg != 0 || *e.account != idOf(w.load.wallets.get(op.account).account) {
			report("I5", "entry %s of kind %d on leg %d belongs to %s %s", uuid.UUID(e.transaction), e.kind, e.leg, kindNames[op.kind], requestID(n))
		}
		w.compareWithAnswer(e, n, op)
		if op.kind == capture {
			w.matchCapture(e, n, op)
		}
	default:
		report("I5", "entry %s of kind %d belongs to %s %s", uuid.UUID(e.transaction), e.kind, kindNames[op.kind], requestID(n))
	}
	return true
}

// matchOpening reads the two entries of an opening: the account and its first deposit.
func (w *walletCheck) matchOpening(e *entryRow, n uint32, op operation) bool {
	known := e.account != nil && *e.account == op.id
	switch {
	case known && e.kind == kindOpening:
		return true
	case known && e.kind == kindDeposit && e.amount == op.amount && !w.deposits[n]:
		w.deposits[n] = true
	default:
		w.load.observed.report("I3", "entry %s of kind %d and amount %d does not belong to the opening %s of %x with %d",
			uuid.UUID(e.transaction), e.kind, e.amount, requestID(n), op.id, op.amount)
	}
	return false
}

// compareWithAnswer compares an entry with the answer that the client got.
func (w *walletCheck) compareWithAnswer(e *entryRow, n uint32, op operation) {
	if e.transaction != op.id || uint8(e.status) != op.status || e.decline != int16(op.reason) || e.amount != op.amount {
		w.load.observed.report("I3", "%s %s of %d was answered status %d reason %d, the ledger has %d with status %d reason %d",
			kindNames[op.kind], requestID(n), op.amount, op.status, op.reason, e.amount, e.status, e.decline)
	}
}

// matchLeg reads a leg of a transfer or of its return.
func (w *walletCheck) matchLeg(e *entryRow, n uint32, op operation) {
	report := w.load.observed.report
	w.compareWithAnswer(e, n, op)
	of, wanted := op, int16(kindTransfer)
	if op.kind == transferReturn {
		of, wanted = w.load.history.get(op.target), kindReversal
		if e.original == nil || *e.original != of.id {
			report("I11", "the return %s refers to another transfer", requestID(n))
		}
	}
	// The account of the transfer's payer is on leg 0, that of its recipient on leg 1.
	account := w.load.wallets.get([]uint32{of.account, of.target}[e.leg])
	if e.kind != wanted || *e.account != idOf(account.account) {
		report(transfersWhole, "leg %d of %s %s is of kind %d on account %s", e.leg, kindNames[op.kind], requestID(n), e.kind, uuid.UUID(*e.account))
	}
	legs := w.legs[n]
	if legs[e.leg] {
		report(transfersWhole, "leg %d of %s %s is twice in the ledger", e.leg, kindNames[op.kind], requestID(n))
	}
	legs[e.leg] = true
	w.legs[n] = legs
}

func (w *walletCheck) matchCapture(e *entryRow, n uint32, op operation) {
	if held := w.load.history.get(op.target); e.original == nil || *e.original != held.id {
		w.load.observed.report(holdsEnd, "the capture %s is of another hold", requestID(n))
	}
	if end := w.endOf(e); end != nil {
		end.captured += e.amount
	}
}

// checkMissing reports transfers with one side alone, openings without their deposit, and holds
// that did not end, or ended otherwise than once and in full.
func (w *walletCheck) checkMissing() {
	for n := range w.load.history.len() {
		op := w.load.history.get(n)
		if op.state != answered {
			continue
		}
		approved := op.status == uint8(bankv1.TransactionStatus_TRANSACTION_STATUS_APPROVED)
		switch op.kind {
		case opening:
			if !w.deposits[n] {
				w.load.observed.report("I3", "the opening %s has no deposit", requestID(n))
			}
		case transfer, transferReturn:
			if legs := w.legs[n]; !legs[0] || legs[1] != approved {
				w.load.observed.report(transfersWhole, "%s %s with status %d has the legs %v", kindNames[op.kind], requestID(n), op.status, legs)
			}
		case hold:
			w.checkEnd(n, op, approved)
		case release:
			if end := w.ends[w.load.history.get(op.target).id]; end == nil || end.captured > 0 {
				w.load.observed.report(holdsEnd, "the void of %s was answered, and the hold was captured or is open", requestID(op.target))
			}
		}
	}
}

func (w *walletCheck) checkEnd(n uint32, op operation, approved bool) {
	end := w.ends[op.id]
	switch {
	case !approved && end != nil:
		w.load.observed.report(holdsEnd, "hold %s was declined and has an end", requestID(n))
	case approved && end == nil:
		w.load.observed.report(holdsEnd, "hold %s has no end", requestID(n))
	case approved && (len(end.transactions) != 1 || end.captured+end.released != op.amount):
		w.load.observed.report(holdsEnd, "hold %s of %d was ended by %d transactions: %d captured, %d released",
			requestID(n), op.amount, len(end.transactions), end.captured, end.released)
	}
}
