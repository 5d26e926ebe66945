package rest

import (
	"net/http"
	"time"

	"codebank.dev/checkout"
	"codebank.dev/checkout/payment"
	"codebank.dev/checkout/payment/accept"
	"codebank.dev/checkout/payment/view"
	"codebank.dev/platform/auditlog"
	"codebank.dev/platform/field"
	"codebank.dev/platform/id"
	"codebank.dev/platform/serve"
)

func (s *Server) operations() []route {
	return []route{
		{CaptureCharge, acts, s.operate(payment.Capture), false},
		{VoidCharge, acts, s.operate(payment.Void), false},
		{RefundCharge, acts, s.operate(payment.Refund), false},
		{ListOperations, reads, s.listOperations, false},
	}
}

// operate returns a handler that accepts an operation, and answers it as it was accepted.
func (s *Server) operate(kind payment.Kind) serve.RouteHandler {
	return func(w http.ResponseWriter, r *http.Request) error {
		by, err := readName(r)
		if err != nil {
			return err
		}
		request := accept.OperationRequest{Key: by.key, Kind: kind}
		if request.Charge, err = chargeID(r); err != nil {
			return err
		}
		if request.AmountMinor, err = readAmount(r, kind); err != nil {
			return err
		}
		if kind == payment.Refund {
			request.Audit = func(operation id.ID, at time.Time) auditlog.Record {
				return s.config.Origin.Record(r, at, checkout.ActRefundCharge, "charges/"+request.Charge.String()+"/operations/"+operation.String())
			}
		}
		var operation payment.Operation
		var repeated bool
		err = s.untilAccepted(r.Context(), by.id, func() (err error) {
			operation, repeated, err = s.accept.Operate(r.Context(), by.owner, &request)
			return err
		})
		if err != nil {
			return err
		}
		return accepted(w, chargePath(operation.Charge)+"/operations", repeated, view.OfOperation(&operation))
	}
}

// readAmount reads the amount in the body of an operation; 0 if there is no body, or no amount in it. A void has none.
func readAmount(r *http.Request, kind payment.Kind) (int64, error) {
	if r.ContentLength == 0 {
		return 0, nil
	}
	var names []string
	if kind != payment.Void {
		names = append(names, "amount_minor")
	}
	body, err := serve.ReadObject(r, names...)
	if err != nil || !body.Has("amount_minor") {
		return 0, err
	}
	amount, err := body.Whole("amount_minor")
	if err != nil {
		return 0, err
	}
	return amount, field.Amount("amount_minor", amount)
}

// listOperations answers the operations of a charge, the oldest first.
func (s *Server) listOperations(w http.ResponseWriter, r *http.Request) error {
	charge, found, err := s.find(r)
	if err != nil {
		return err
	}
	answer := struct {
		Operations []view.Operation `json:"operations"`
	}{make([]view.Operation, 0, len(found))}
	for i := range found {
		answer.Operations = append(answer.Operations, view.OfOperation(&found[i]))
	}
	// Whatever happens to an operation changes its charge.
	return serve.WriteTagged(w, r, checkout.ETag(charge.Version), answer)
}
