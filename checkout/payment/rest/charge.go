package rest

import (
	"net/http"
	"strings"
	"unicode/utf8"

	"codebank.dev/checkout"
	"codebank.dev/checkout/payment"
	"codebank.dev/checkout/payment/accept"
	"codebank.dev/checkout/payment/seal"
	"codebank.dev/checkout/payment/view"
	"codebank.dev/platform/fault"
	"codebank.dev/platform/field"
	"codebank.dev/platform/id"
	"codebank.dev/platform/serve"
)

func (s *Server) charges() []route {
	return []route{
		{CreateCharge, acts, s.createCharge, false},
		{ListCharges, reads, s.listCharges, false},
		{GetCharge, reads, s.getCharge, false},
	}
}

func chargePath(charge id.ID) string { return "/v1/charges/" + charge.String() }

// createCharge accepts a charge, and answers it as it was accepted.
func (s *Server) createCharge(w http.ResponseWriter, r *http.Request) error {
	by, err := readName(r)
	if err != nil {
		return err
	}
	request, err := readCharge(r)
	if err != nil {
		return err
	}
	request.Key = by.key
	var charge payment.Charge
	var repeated bool
	err = s.untilAccepted(r.Context(), by.id, func() (err error) {
		charge, repeated, err = s.accept.Charge(r.Context(), by.owner, &request)
		return err
	})
	if err != nil {
		return err
	}
	return accepted(w, chargePath(charge.ID), repeated, view.OfCharge(&charge))
}

// name is whose a command is, the key that names it, and the id that both make.
type name struct {
	owner payment.Owner
	key   string
	id    id.ID
}

// readName returns the name of a command. Its query must be empty.
func readName(r *http.Request) (by name, err error) {
	if by.owner, err = owner(r); err != nil {
		return by, err
	}
	if _, err = serve.ReadQuery(r); err != nil {
		return by, err
	}
	if by.key, err = serve.OnlyHeader(r, payment.KeyHeader); err != nil {
		return by, err
	}
	by.id, err = payment.RequestID(by.owner, by.key)
	return by, err
}

// readCharge reads the body of a charge that is asked for. What a card says may be wrong; of another form it is
// refused.
func readCharge(r *http.Request) (request accept.ChargeRequest, err error) {
	body, err := serve.ReadObject(r, "amount_minor", "currency", "capture", "description", "card")
	if err != nil {
		return request, err
	}
	for _, name := range []string{"amount_minor", "currency", "card"} {
		if !body.Has(name) {
			return request, field.Required(name)
		}
	}
	if request.Amount.Minor, err = body.Whole("amount_minor"); err != nil {
		return request, err
	}
	if err = field.Amount("amount_minor", request.Amount.Minor); err != nil {
		return request, err
	}
	var currency string
	if err = body.Texts(map[string]*string{"currency": &currency, "description": &request.Description}); err != nil {
		return request, err
	}
	if request.Amount.Currency, err = field.Currency("currency", currency); err != nil {
		return request, err
	}
	if request.CaptureNow, err = body.Bool("capture", true); err != nil {
		return request, err
	}
	request.Card, err = readCard(body)
	return request, err
}

// readCard reads the card in the body of a charge.
func readCard(body serve.Object) (card field.RawCardData, err error) {
	inner, err := body.Inner("card", "number", "holder_name", "expiry_month", "expiry_year", "cvv")
	if err != nil {
		return card, err
	}
	for _, name := range []string{"card.number", "card.holder_name", "card.expiry_month", "card.expiry_year", "card.cvv"} {
		if !inner.Has(name) {
			return card, field.Required(name)
		}
	}
	err = inner.Texts(map[string]*string{"card.number": &card.Number, "card.holder_name": &card.HolderName, "card.cvv": &card.CVV})
	if err != nil {
		return card, err
	}
	for _, number := range []struct {
		name string
		into *int
	}{{"card.expiry_month", &card.ExpiryMonth}, {"card.expiry_year", &card.ExpiryYear}} {
		whole, err := inner.Whole(number.name)
		if err != nil {
			return card, err
		}
		if whole < 0 || whole > maxExpiry {
			return card, fault.Invalid(number.name, "Month and year are numbers of up to four digits.")
		}
		*number.into = int(whole)
	}
	return card, checkForm(&card)
}

// maxExpiry bounds month and year: what may be wrong fits what is sealed.
const maxExpiry = 9999

// checkForm refuses texts that no card has in any form, so that what is sealed has one length.
func checkForm(card *field.RawCardData) error {
	for _, text := range []struct {
		name, text string
		most       int
	}{{"card.number", card.Number, seal.MaxNumber}, {"card.cvv", card.CVV, seal.MaxCVV}} {
		if len(text.text) > text.most || strings.ContainsFunc(text.text, isNotPrintable) {
			return fault.Invalid(text.name, "The text is too long, or has characters that are not printable ASCII.")
		}
	}
	if utf8.RuneCountInString(card.HolderName) > field.MaxHolderName {
		return fault.Invalid("card.holder_name", "The text is too long.")
	}
	return nil
}

func isNotPrintable(r rune) bool { return r < ' ' || r > '~' }

// getCharge answers a charge as it is now.
func (s *Server) getCharge(w http.ResponseWriter, r *http.Request) error {
	charge, _, err := s.find(r)
	if err != nil {
		return err
	}
	return serve.WriteTagged(w, r, checkout.ETag(charge.Version), view.OfCharge(&charge))
}

// find returns the charge that the path of a read names, and its operations. A name that is none names nothing.
func (s *Server) find(r *http.Request) (payment.Charge, []payment.Operation, error) {
	query, err := serve.ReadQuery(r, merchantParameter, modeParameter)
	if err != nil {
		return payment.Charge{}, nil, err
	}
	of, err := s.Reader(r, query)
	if err != nil {
		return payment.Charge{}, nil, err
	}
	name, err := chargeID(r)
	if err != nil {
		return payment.Charge{}, nil, err
	}
	return s.config.Store.Charge(r.Context(), of, name)
}

// chargeID returns the charge that the path of a request names.
func chargeID(r *http.Request) (id.ID, error) {
	name, err := id.Parse(r.PathValue("id"))
	if err != nil {
		return id.ID{}, payment.ErrNoCharge
	}
	return name, nil
}
