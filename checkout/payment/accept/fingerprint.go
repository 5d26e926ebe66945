package accept

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"strconv"

	"codebank.dev/checkout/payment"
)

// fingerprintDomain separates these hashes from whatever else the secret might be used for.
const fingerprintDomain = "codebank charge request 1"

// ofCharge returns the fingerprint of a request for a charge. It covers everything but the security code: nothing
// made from one may outlive the decision. It is keyed, because a card number could be found by trying all numbers.
func (s *Service) ofCharge(owner payment.Owner, r *ChargeRequest) payment.Fingerprint {
	return s.fingerprint(owner, "charge", number(r.Amount.Minor), r.Amount.Currency.String(), strconv.FormatBool(r.CaptureNow), r.Description,
		r.Card.Number, r.Card.HolderName, number(int64(r.Card.ExpiryMonth)), number(int64(r.Card.ExpiryYear)))
}

// ofOperation returns the fingerprint of a request for an operation.
func (s *Service) ofOperation(owner payment.Owner, r *OperationRequest) payment.Fingerprint {
	return s.fingerprint(owner, r.Kind.String(), r.Charge.String(), number(r.AmountMinor))
}

// ofPayout returns the fingerprint of a request for a payout.
func (s *Service) ofPayout(owner payment.Owner, r *PayoutRequest) payment.Fingerprint {
	return s.fingerprint(owner, "payout", number(r.AmountMinor), r.Currency.String())
}

func number(n int64) string { return strconv.FormatInt(n, 10) }

// fingerprint is HMAC-SHA256 over the parts, each with its length before it.
func (s *Service) fingerprint(owner payment.Owner, parts ...string) (fingerprint payment.Fingerprint) {
	h := hmac.New(sha256.New, s.config.Secret)
	var length [8]byte
	for _, part := range append([]string{fingerprintDomain, owner.Merchant, owner.Mode.String()}, parts...) {
		binary.BigEndian.PutUint64(length[:], uint64(len(part)))
		h.Write(length[:])
		h.Write([]byte(part))
	}
	h.Sum(fingerprint[:0])
	return fingerprint
}
