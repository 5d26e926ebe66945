package rest

import (
	"net/http"
	"net/url"

	"codebank.dev/checkout"
	"codebank.dev/checkout/payment"
	"codebank.dev/platform/fault"
	"codebank.dev/platform/field"
	"codebank.dev/platform/permission"
	"codebank.dev/platform/principal"
	"codebank.dev/platform/serve"
)

// The parameters that say whose charges a person reads.
const merchantParameter, modeParameter = "merchant", "mode"

// owner returns the merchant, and his mode, whose secret came with a request. Error: permission.ErrNotAllowed.
func owner(r *http.Request) (payment.Owner, error) {
	subject := serve.Principal(r.Context())
	mode, known := payment.ModeOf(subject.Mode)
	if subject.Kind != principal.Merchant || !known {
		return payment.Owner{}, permission.ErrNotAllowed
	}
	return payment.Owner{Merchant: subject.Name, Mode: mode}, nil
}

// Reader returns whose data a request of these routes, or of routes beside them, is about. query is that of the request. A secret says so itself, and a member or an operator says so in the
// query. What a caller does not act for is not there. Errors: fault.InvalidArgument, checkout.ErrNoMerchant,
// fault.Unavailable.
func (s *Server) Reader(r *http.Request, query url.Values) (payment.Owner, error) {
	wanted := payment.Owner{Merchant: query.Get(merchantParameter)}
	if query.Has(modeParameter) {
		mode, known := payment.ModeOf(query.Get(modeParameter))
		if !known {
			return payment.Owner{}, errMode
		}
		wanted.Mode = mode
	}
	subject := serve.Principal(r.Context())
	if subject.Kind == principal.Merchant {
		own, err := owner(r)
		if err == nil && (query.Has(merchantParameter) && wanted.Merchant != own.Merchant || wanted.Mode != 0 && wanted.Mode != own.Mode) {
			err = checkout.ErrNoMerchant
		}
		return own, err
	}
	switch {
	case wanted.Merchant == "":
		return payment.Owner{}, field.Required(merchantParameter)
	case wanted.Mode == 0:
		return payment.Owner{}, field.Required(modeParameter)
	case checkout.CheckSlug(merchantParameter, wanted.Merchant) != nil:
		return payment.Owner{}, checkout.ErrNoMerchant
	}
	by := checkout.Actor{Operator: subject.Kind == principal.Operator, User: subject.UserID()}
	if !by.Operator && by.User.IsZero() {
		return payment.Owner{}, checkout.ErrNoMerchant
	}
	_, err := s.config.Merchants.Merchant(r.Context(), by, wanted.Merchant)
	return wanted, err
}

var errMode = fault.Invalid(modeParameter, "The mode is test or live.")
