package bank

import (
	"context"
	"crypto/subtle"
	"errors"

	"codebank.dev/platform/field"
	"codebank.dev/platform/pan"
)

// CheckCardData finds the card that presented data belongs to and compares the data with
// it. For an unknown card the result is UnknownCard, and the facts hold only what was
// presented: brand, BIN and last four. It takes no lock, because everything that it reads
// is immutable. Errors: fault.Unavailable when the directory is away.
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

// compareCardData compares the name first: it is not a secret, and a wrong name must not
// tell whether the security code was right.
func compareCardData(facts CardFacts, data pan.CardData, vault Vault) CardCheck {
	switch {
	case !field.SameName(data.HolderName, facts.HolderName):
		return CardCheck{Decline: NameMismatch}
	case data.Expiry != facts.Expiry:
		return CardCheck{Decline: ExpiryMismatch}
	case subtle.ConstantTimeCompare([]byte(vault.CVV(data.Number, facts.Expiry).Reveal()), []byte(data.CVV.Reveal())) != 1:
		return CardCheck{Decline: CVVMismatch}
	}
	return CardCheck{}
}
