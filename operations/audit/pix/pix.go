// Package pix compares what several banks and the hub between them say of the payments that they have made with each
// other: for each end-to-end id a debit at the sender with exactly one of a credit at the receiver and none, the same
// state at the hub, and transit accounts that together hold what is credited and not yet captured. It also compares the
// codes of each bank with the payments that name them. It is pure: it reads the places through Bank and Hub, and takes the
// time from its caller.
//
//	pix.go     what the places say, and Run
//	payment.go what is known of one payment, and what must hold for it
//	return.go  the sums of returns
//	transit.go the transit accounts
//	keys.go    the keys of banks and hub, by their digests
//	code.go    the codes of a bank, and the payments that name them
//	report.go  the report
//
// Banks are read before the hub. A bank captures only what the hub has confirmed before, so a payment that moves meanwhile
// seldom looks wrong; the caller compares again before he believes a difference. Memory grows by about half a kilobyte
// for each payment, and by as much for each code of the bank that is read.
package pix

import (
	"context"
	"fmt"
	"iter"
	"time"
)

// HubName is the name of the hub in findings. A bank is named by its code.
const HubName = "hub"

// Entry is one decision of a bank about a payment between banks. Amounts are minor units.
type Entry struct {
	EndToEndID string
	// Transaction is the entry's own id.
	Transaction string
	// Account is the account of the entry, and Reference the txid that it names; both may be empty.
	Account, Reference      string
	Kind, Direction, Status string
	AmountMinor             int64
	Currency                string
	// Counterparty is the code of the other bank.
	Counterparty string
	At           time.Time
	// Transit is the internal account at the other end, and TransitMinor what it got; negative for what it gave. Both
	// are zero when no money moved.
	Transit      string
	TransitMinor int64
}

// Payment is what the hub says of a payment, or of a return, whose id begins with D.
type Payment struct {
	EndToEndID, Original string
	// State is PENDING, CONFIRMED, COMPLETED or REJECTED.
	State string
	// Held says that a return is not forwarded yet.
	Held                  bool
	Sender, Receiver      string
	AmountMinor, Returned int64
	Currency              string
	At                    time.Time
}

// Bank is one of the banks. A sequence ends with an error if the bank could not be read.
type Bank struct {
	Code    string
	Entries iter.Seq2[Entry, error]
	// Codes is nil for a ledger of a version without codes.
	Codes Codes
}

// Hub reads the hub's payments, in any order.
type Hub func(ctx context.Context) iter.Seq2[Payment, error]

// AwayError says which place could not be read.
type AwayError struct {
	Place string
	Cause error
}

// Error names the place.
func (e *AwayError) Error() string { return fmt.Sprintf("%s: %v", e.Place, e.Cause) }

// Unwrap returns the place's own error.
func (e *AwayError) Unwrap() error { return e.Cause }

// Run compares the banks and the hub as of now. An error is an AwayError; a difference is not an error.
func Run(ctx context.Context, banks []Bank, hub Hub, now time.Time) (*Report, error) {
	c := &comparison{payments: make(map[string]*known), transits: make(map[transitKey]*transit), banks: make(map[string]bool)}
	for _, bank := range banks {
		c.banks[bank.Code] = true
	}
	for _, bank := range banks {
		if err := c.addBank(ctx, &bank); err != nil {
			return nil, err
		}
	}
	for p, err := range hub(ctx) {
		if err != nil {
			return nil, &AwayError{HubName, err}
		}
		c.of(p.EndToEndID).hub = &p
	}
	return c.report(now), nil
}

// addBank reads what a bank says.
func (c *comparison) addBank(ctx context.Context, bank *Bank) error {
	if err := c.addCodes(ctx, bank); err != nil {
		return err
	}
	for e, err := range bank.Entries {
		if err != nil {
			return &AwayError{"bank " + bank.Code, err}
		}
		c.pays(&e)
		c.entry(bank.Code, e)
	}
	return c.checkCodes(ctx, bank)
}

// comparison is what a Run knows.
type comparison struct {
	banks    map[string]bool
	payments map[string]*known
	transits map[transitKey]*transit
	// codes are those of the bank that is read, and counts those of the banks that have been.
	codes    map[codeKey]*payable
	counts   []CodeCount
	findings []Finding
	open     []Open
}

func (c *comparison) of(id string) *known {
	k := c.payments[id]
	if k == nil {
		k = &known{id: id}
		c.payments[id] = k
	}
	return k
}

// entry adds what a bank says.
func (c *comparison) entry(bank string, e Entry) {
	k := c.of(e.EndToEndID)
	at := k.roleOf(&e)
	if at == nil {
		return
	}
	c.move(bank, &e)
	if *at != nil {
		c.differ(bank, e.EndToEndID, "kind", fmt.Sprintf("%s %s is there twice", e.Kind, e.Direction))
		return
	}
	*at = &decided{bank, e}
}

// differ adds a difference.
func (c *comparison) differ(place, id, field, detail string) {
	c.findings = append(c.findings, Finding{Place: place, EndToEndID: id, Field: field, Detail: detail})
}
