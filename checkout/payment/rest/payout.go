package rest

import (
	"net/http"

	"codebank.dev/checkout/payment"
	"codebank.dev/checkout/payment/accept"
	"codebank.dev/checkout/payment/view"
	"codebank.dev/platform/field"
	"codebank.dev/platform/id"
	"codebank.dev/platform/serve"
)

// The routes of payouts, by their names in Permissions.
const (
	CreatePayout = "POST /v1/payouts"
	ListPayouts  = "GET /v1/payouts"
	GetPayout    = "GET /v1/payouts/{id}"
)

func (s *Server) payouts() []route {
	return []route{
		{CreatePayout, acts, s.createPayout, false},
		{ListPayouts, reads, s.listPayouts, false},
		{GetPayout, reads, s.getPayout, false},
	}
}

// createPayout accepts a payout, and answers it as it was accepted.
func (s *Server) createPayout(w http.ResponseWriter, r *http.Request) error {
	by, err := readName(r)
	if err != nil {
		return err
	}
	request, err := readPayout(r)
	if err != nil {
		return err
	}
	request.Key = by.key
	var payout payment.Payout
	var repeated bool
	err = s.untilAccepted(r.Context(), by.id, func() (err error) {
		payout, repeated, err = s.accept.Payout(r.Context(), by.owner, &request)
		return err
	})
	if err != nil {
		return err
	}
	return accepted(w, "/v1/payouts/"+payout.ID.String(), repeated, view.OfPayout(&payout))
}

// readPayout reads the body of a payout that is asked for. Without an amount it is all that is available.
func readPayout(r *http.Request) (request accept.PayoutRequest, err error) {
	body, err := serve.ReadObject(r, "amount_minor", "currency")
	if err != nil {
		return request, err
	}
	if !body.Has("currency") {
		return request, field.Required("currency")
	}
	if body.Has("amount_minor") {
		if request.AmountMinor, err = body.Whole("amount_minor"); err == nil {
			err = field.Amount("amount_minor", request.AmountMinor)
		}
		if err != nil {
			return request, err
		}
	}
	var currency string
	if err = body.Texts(map[string]*string{"currency": &currency}); err != nil {
		return request, err
	}
	request.Currency, err = field.KnownCurrency("currency", currency)
	return request, err
}

// listPayouts answers a page of payouts, the newest first.
func (s *Server) listPayouts(w http.ResponseWriter, r *http.Request) error {
	query, err := serve.ReadQuery(r, merchantParameter, modeParameter, fromParameter, toParameter, sizeParameter, tokenParameter)
	if err != nil {
		return err
	}
	of, err := s.Reader(r, query)
	if err != nil {
		return err
	}
	page, err := s.readPage(query, ListPayouts, of)
	if err != nil {
		return err
	}
	size := page.Size
	page.Size++ // One more says whether there is a next page.
	found, err := s.config.Payouts.Payouts(r.Context(), of, page)
	if err != nil {
		return err
	}
	answer := struct {
		Payouts       []view.Payout `json:"payouts"`
		NextPageToken string        `json:"next_page_token"`
	}{Payouts: make([]view.Payout, 0, size)}
	if len(found) > size {
		found = found[:size]
		answer.NextPageToken = s.pages.Issue(positionOf(found[size-1].CreatedAt, found[size-1].ID), pageQuery(ListPayouts, of, &page)...)
	}
	for i := range found {
		answer.Payouts = append(answer.Payouts, view.OfPayout(&found[i]))
	}
	return serve.WriteTagged(w, r, "", answer)
}

// getPayout answers a payout as it is now.
func (s *Server) getPayout(w http.ResponseWriter, r *http.Request) error {
	query, err := serve.ReadQuery(r, merchantParameter, modeParameter)
	if err != nil {
		return err
	}
	of, err := s.Reader(r, query)
	if err != nil {
		return err
	}
	name, err := id.Parse(r.PathValue("id"))
	if err != nil {
		return payment.ErrNoPayout
	}
	found, err := s.config.Payouts.Payout(r.Context(), of, name)
	if err != nil {
		return err
	}
	return serve.WriteTagged(w, r, "", view.OfPayout(&found))
}
