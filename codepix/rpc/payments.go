// Package rpc has the hub's gRPC services.
//
//	permissions.go who may call what, and which bank calls
//	payments.go    PaymentService: payments for those who take part in them
//	page.go        where a page of payments ends
package rpc

import (
	"context"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"codebank.dev/codepix/payment"
	"codebank.dev/platform/fault"
	"codebank.dev/platform/field"
	"codebank.dev/platform/principal"
	"codebank.dev/platform/serve"
	codepixv1 "codebank.dev/schemas/gen/codepix/v1"
)

// The page sizes of ListPayments.
const (
	usualPage = 100
	mostPage  = 1000
)

// payments begins the name of a payment.
const payments = "payments/"

// Payments implements codepixv1.PaymentServiceServer. All fields are required.
type Payments struct {
	codepixv1.UnimplementedPaymentServiceServer
	Store payment.Store
	// Pages make and read the tokens of pages. They are set before the first call.
	Pages *serve.PageTokens
}

// GetPayment implements codepixv1.PaymentServiceServer.
func (p *Payments) GetPayment(ctx context.Context, request *codepixv1.GetPaymentRequest) (*codepixv1.GetPaymentResponse, error) {
	name, err := paymentID(request.GetName())
	if err != nil {
		return nil, err
	}
	found, waiting, err := p.Store.Payment(ctx, name)
	if err != nil {
		return nil, err
	}
	if !maySee(ctx, &found) {
		return nil, payment.ErrNotFound
	}
	return &codepixv1.GetPaymentResponse{Payment: message(&found, &waiting)}, nil
}

// paymentID returns the end-to-end id in the name of a payment.
func paymentID(name string) (payment.ID, error) {
	if len(name) > len(payments) && name[:len(payments)] == payments {
		if parsed, err := payment.ParseID(name[len(payments):]); err == nil {
			return parsed, nil
		}
	}
	return "", fault.Invalid("name", "The name must be payments/ and an end-to-end id.")
}

// maySee reports whether the caller takes part in a payment, or is an operator.
func maySee(ctx context.Context, p *payment.Payment) bool {
	caller := serve.Principal(ctx)
	bank, isBank := BankOf(ctx)
	return caller.Kind == principal.Operator || isBank && p.Concerns(bank)
}

// ListPayments implements codepixv1.PaymentServiceServer.
func (p *Payments) ListPayments(ctx context.Context, request *codepixv1.ListPaymentsRequest) (*codepixv1.ListPaymentsResponse, error) {
	size, err := field.PageSize("page_size", request.GetPageSize(), usualPage, mostPage)
	if err != nil {
		return nil, err
	}
	bank, err := bankOfList(ctx, request.GetBankCode())
	if err != nil {
		return nil, err
	}
	page := payment.Page{Bank: bank, OpenOnly: request.GetOpenOnly(), Size: size + 1}
	if page.After, err = p.readPlace(request.GetPageToken(), &page); err != nil {
		return nil, err
	}
	found, err := p.Store.Payments(ctx, page)
	if err != nil {
		return nil, err
	}
	response := &codepixv1.ListPaymentsResponse{}
	if len(found) > size {
		found = found[:size]
		response.NextPageToken = p.writePlace(found[size-1].Place(), &page)
	}
	for i := range found {
		response.Payments = append(response.Payments, message(&found[i], nil))
	}
	return response, nil
}

// bankOfList returns the bank whose payments are listed; empty for all, which only an operator sees. A bank sees its own,
// and that another one takes part in them makes no difference to it.
func bankOfList(ctx context.Context, wanted string) (string, error) {
	if wanted != "" && !payment.IsBankCode(wanted) {
		return "", fault.Invalid("bank_code", "The code of a bank is three digits.")
	}
	if caller := serve.Principal(ctx); caller.Kind == principal.Operator {
		return wanted, nil
	}
	own, isBank := BankOf(ctx)
	if !isBank || wanted != "" && wanted != own {
		return "", payment.ErrNotFound
	}
	return own, nil
}

// message returns a payment as the contract has it; waiting is nil where it is not told.
func message(p *payment.Payment, waiting *payment.Waiting) *codepixv1.Payment {
	m := &codepixv1.Payment{
		Name: payments + string(p.ID), State: codepixv1.PaymentState(p.State),
		SenderBankCode: p.Terms.Sender.Bank, ReceiverBankCode: p.Terms.Receiver.Bank,
		AmountMinor: p.Terms.Amount.Minor, Currency: p.Terms.Amount.Currency.String(), Reason: p.Reason,
		InitiateTime: stamp(p.Terms.InitiatedAt), ConfirmTime: stamp(p.ConfirmedAt), EndTime: stamp(p.EndedAt),
	}
	if original := p.Terms.Original; original != "" {
		m.Original = payments + string(original)
	}
	if waiting != nil {
		m.Attempts, m.NextAttemptTime = int32(min(waiting.Attempts, maxAttempts)), stamp(waiting.Next)
	}
	return m
}

// maxAttempts is the greatest number that is told.
const maxAttempts = 1 << 30

func stamp(t time.Time) *timestamppb.Timestamp {
	if t.IsZero() {
		return nil
	}
	return timestamppb.New(t)
}
