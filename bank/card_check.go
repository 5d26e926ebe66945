package bank

import (
	"context"
	"crypto/subtle"
	"errors"
	"strconv"

	"codebank.dev/platform/pan"
)

// CheckCardData finds the card that presented data belongs to and judges the data. For
// an unknown card the result says so and the facts hold only what was presented:
// brand, BIN and last four. It takes no lock: all it rests on never changes.
// Errors: fault.Unavailable when the directory is away.
func CheckCardData(ctx context.Context, directory Directory, vault Vault, data pan.CardData) (CardFacts, CardCheck, error) {
	facts, err := directory.CardByLookup(ctx, vault.Lookup(data.Number))
	if errors.Is(err, ErrNotFound) {
		snapshot := CardSnapshot{Brand: data.Number.Brand(), BIN: data.Number.BIN(), Last4: data.Number.Last4()}
		return CardFacts{Card: snapshot}, CardCheck{Decline: UnknownCard}, nil
	}
	if err != nil {
		return CardFacts{}, CardCheck{}, err
	}
	return facts, compareCardData(facts, data, vault), nil
}

// compareCardData compares presented data with the card's. The name is compared first: it is
// no secret, and a wrong one must not tell whether the security code was right.
func compareCardData(facts CardFacts, data pan.CardData, vault Vault) CardCheck {
	switch {
	case FoldName(data.HolderName) != FoldName(facts.HolderName):
		return CardCheck{Decline: NameMismatch}
	case data.Expiry != facts.Expiry:
		return CardCheck{Decline: ExpiryMismatch}
	case subtle.ConstantTimeCompare([]byte(vault.CVV(data.Number, facts.Expiry).Reveal()), []byte(data.CVV.Reveal())) != 1:
		return CardCheck{Decline: CVVMismatch}
	}
	return CardCheck{}
}

// Canonical builds the bytes that a request's fingerprint is taken of: every
// field with its length, so that no two requests share them.
type Canonical []byte

// NewCanonical starts the canonical form of a request of the given kind.
func NewCanonical(kind string) Canonical {
	return make(Canonical, 0, 256).Text(kind)
}

// Text appends a text field.
func (c Canonical) Text(field string) Canonical {
	c = strconv.AppendInt(c, int64(len(field)), 10)
	c = append(c, ':')
	return append(c, field...)
}

// Number appends a whole number.
func (c Canonical) Number(field int64) Canonical {
	c = strconv.AppendInt(c, field, 10)
	return append(c, ';')
}
