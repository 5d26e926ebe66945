package payment

import (
	"context"
	"time"

	"codebank.dev/platform/id"
	"codebank.dev/platform/outbox"
)

// expiries is the namespace of the ids that ExpiryID derives. It never changes.
var expiries = id.ID{0x2e, 0xb7, 0x51, 0x90, 0xc8, 0x0d, 0x4f, 0x63, 0x9a, 0x14, 0x77, 0xe5, 0x3b, 0xd2, 0x86, 0x0c}

// ExpiryID returns the id of the question whether the authorization of a charge has ended by itself. It is derived
// from the charge, so that whoever asks, and however often, it is one question at a time.
func ExpiryID(charge id.ID) id.ID { return id.Derive(expiries, charge.String()) }

// Lapsed returns the charge after its authorization has ended at the acquirer without a capture. The acquirer says
// so, never the clock of this side alone. A capture or a void that is under way is answered first, and its answer
// says so too. Errors: ErrPending, ErrState, ErrEnding.
func (c Charge) Lapsed(now time.Time) (Charge, error) {
	switch {
	case c.State == Pending:
		return c, ErrPending
	case c.State != Authorized:
		return c, ErrState
	case c.Ending != NoOperation:
		return c, ErrEnding
	}
	c.State = Expired
	return c.changed(now), nil
}

// Expiries asks what became of authorizations whose time is over. It is safe for concurrent use, also by several
// processes.
type Expiries interface {
	// AskExpiries stores, in one commit, a record for each of up to limit charges whose authorization should have
	// ended by now and was not asked after recently. No operation on them is under way. A charge for which such a
	// record is not answered yet counts, and gets no second one. ask returns the record, whose ID is that of ExpiryID; it only calculates.
	// asked is how many charges were due. Error: fault.Unavailable.
	AskExpiries(ctx context.Context, now time.Time, limit int, ask func(Charge) (outbox.Row, error)) (asked int, err error)
}

// ExpiryRepeat is the time after which a question that did not end the charge is asked again.
const ExpiryRepeat = 10 * time.Second
