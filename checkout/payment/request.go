package payment

import (
	"time"

	"codebank.dev/platform/fault"
	"codebank.dev/platform/id"
	"codebank.dev/platform/pan"
)

// KeyHeader is the header that names a request, as draft-ietf-httpapi-idempotency-key-header says.
const KeyHeader = "Idempotency-Key"

// MaxKey is the most characters of an Idempotency-Key.
const MaxKey = 255

// HeaderTries is the header of a record that was sent before: how often, in decimal digits. It is not signed, and
// nothing but simulated time-outs depends on it.
const HeaderTries = "codebank-tries"

// requests is the namespace of the ids that RequestID derives. It never changes.
var requests = id.ID{0x7d, 0x14, 0xc2, 0x0b, 0x93, 0x5e, 0x4a, 0x86, 0xb1, 0x6f, 0x28, 0x4c, 0xe0, 0x39, 0xd5, 0x72}

// RequestID returns the id of a request of an owner, by the key that names it: 1 to MaxKey visible ASCII characters.
// The charge or the operation that the request makes has the same id. Two owners may use the same key, and the key
// cannot be read from the id. The refusal is fault.InvalidArgument for KeyHeader.
func RequestID(owner Owner, key string) (id.ID, error) {
	if key == "" {
		return id.ID{}, errNoKey
	}
	if len(key) > MaxKey {
		return id.ID{}, errKey
	}
	for i := range len(key) {
		if key[i] < '!' || key[i] > '~' {
			return id.ID{}, errKey
		}
	}
	return id.Derive(requests, owner.Merchant, owner.Mode.String(), key), nil
}

var (
	errNoKey = fault.New(fault.InvalidArgument, "IDEMPOTENCY_KEY_REQUIRED",
		"The header Idempotency-Key is required: a name for this command, the same one when it is sent again.").In(KeyHeader)
	errKey = fault.New(fault.InvalidArgument, "INVALID_FIELD",
		"The header Idempotency-Key has 1 to 255 visible ASCII characters.").In(KeyHeader)
)

// Card is all that stays readable of a charge's card. It is zero if the merchant sent no card number.
type Card struct {
	Brand pan.Brand
	// BIN is the first six digits, which name the issuer; Last4 the last four.
	BIN, Last4 string
}

// CardOf returns what stays readable of a card number as the merchant sent it.
func CardOf(number string) Card {
	parsed, err := pan.Parse(number)
	if err != nil {
		return Card{}
	}
	return Card{Brand: parsed.Brand(), BIN: parsed.BIN(), Last4: parsed.Last4()}
}

// Owner returns whose the charge is.
func (c *Charge) Owner() Owner { return Owner{Merchant: c.Merchant, Mode: c.Mode} }

// AsAccepted returns a charge as it was when it was accepted. A repeat of the request is answered with it, word for
// word, however far the charge has come since.
func (c Charge) AsAccepted() Charge {
	return Charge{
		ID: c.ID, Merchant: c.Merchant, Mode: c.Mode, State: Pending, Amount: c.Amount, CaptureNow: c.CaptureNow, Card: c.Card,
		Description: c.Description, Version: 1, CreatedAt: c.CreatedAt, ChangedAt: c.CreatedAt,
	}
}

// AsAccepted returns an operation as it was when it was accepted.
func (o Operation) AsAccepted() Operation {
	o.Outcome, o.Rejection, o.EndedAt = Open, Rejection{}, time.Time{}
	return o
}
