package rpc

import (
	"context"
	"encoding/binary"
	"net/netip"

	"codebank.dev/bank"
	"codebank.dev/bank/pix"
	"codebank.dev/platform/fault"
	"codebank.dev/platform/field"
	"codebank.dev/platform/serve"
	bankv1 "codebank.dev/schemas/gen/bank/v1"
)

const pixPrefix = "pix/"

// Pix serves bank.v1.PixService. All fields but Service, Keys and Codes are required.
type Pix struct {
	bankv1.UnimplementedPixServiceServer
	// Service, Keys and Codes are the use cases; nil for a bank without a hub, which answers NO_HUB.
	Service *pix.Service
	Keys    *pix.KeyService
	Codes   *pix.CodeService
	Holders *pix.HolderService
	// Principals says who asks.
	Principals *Principals
	// Address says where a call comes from.
	Address func(context.Context) netip.Addr
	// PageTokens are those of ListPix and ListPixCodes.
	PageTokens *serve.PageTokens
}

var _ bankv1.PixServiceServer = (*Pix)(nil)

// The page sizes of ListPix and ListPixCodes.
const (
	pixPerPage    = 25
	maxPixPerPage = 100
)

var (
	errNoHub   = fault.New(fault.FailedPrecondition, "NO_HUB", "This bank takes no part in payments between banks.")
	errNoClose = fault.Invalid("end", "Name what is done to the claim.")
)

func (p *Pix) call(ctx context.Context, requestID string) pix.Call {
	return pix.Call{Caller: serve.Caller(ctx), RequestID: requestID, TraceID: serve.TraceID(ctx), Subject: p.Principals.of(ctx)}
}

// RegisterHolder implements bankv1.PixServiceServer.
func (p *Pix) RegisterHolder(ctx context.Context, in *bankv1.RegisterHolderRequest) (*bankv1.RegisterHolderResponse, error) {
	actor, isOperator := p.Principals.actor(ctx, p.Address)
	if !isOperator {
		return nil, errIssuer
	}
	name, document, err := p.Holders.Register(ctx, pix.HolderRequest{
		Customer: in.GetCustomer(), FullName: in.GetFullName(), Document: in.GetDocument(), Actor: actor,
	})
	if err != nil {
		return nil, err
	}
	return &bankv1.RegisterHolderResponse{Customer: in.GetCustomer(), MaskedName: name, MaskedDocument: document}, nil
}

// SendPix implements bankv1.PixServiceServer.
func (p *Pix) SendPix(ctx context.Context, in *bankv1.SendPixRequest) (*bankv1.SendPixResponse, error) {
	if p.Service == nil {
		return nil, errNoHub
	}
	sent, err := p.Service.Send(ctx, pix.SendRequest{
		Call: p.call(ctx, in.GetRequestId()), Account: in.GetAccount(), Key: in.GetKey(), Code: in.GetCode(),
		AmountMinor: in.GetAmountMinor(), Currency: in.GetCurrency(), Description: in.GetDescription(),
	})
	if err != nil {
		return nil, err
	}
	return &bankv1.SendPixResponse{Pix: decidedPix(ctx, &sent)}, nil
}

// GetPix implements bankv1.PixServiceServer.
func (p *Pix) GetPix(ctx context.Context, in *bankv1.GetPixRequest) (*bankv1.GetPixResponse, error) {
	if p.Service == nil {
		return nil, errNoHub
	}
	found, err := p.Service.Get(ctx, p.call(ctx, ""), in.GetName())
	if err != nil {
		return nil, err
	}
	return &bankv1.GetPixResponse{Pix: pixMessage(&found)}, nil
}

// before returns the position that a page token of a method and an account names, or 0 for none.
func (p *Pix) before(token, method, account string) (int64, error) {
	if token == "" {
		return 0, nil
	}
	position, err := p.PageTokens.Read(token, method, account)
	if err != nil {
		return 0, err
	}
	return int64(binary.BigEndian.Uint64(position)), nil
}

// ListPix implements bankv1.PixServiceServer.
func (p *Pix) ListPix(ctx context.Context, in *bankv1.ListPixRequest) (*bankv1.ListPixResponse, error) {
	if p.Service == nil {
		return nil, errNoHub
	}
	size, err := field.PageSize("page_size", in.GetPageSize(), pixPerPage, maxPixPerPage)
	if err != nil {
		return nil, err
	}
	before, err := p.before(in.GetPageToken(), "ListPix", in.GetAccount())
	if err != nil {
		return nil, err
	}
	// One payment more tells whether there is another page.
	payments, err := p.Service.List(ctx, p.Principals.of(ctx), in.GetAccount(), before, size+1)
	if err != nil {
		return nil, err
	}
	out := &bankv1.ListPixResponse{}
	for i := range payments[:min(size, len(payments))] {
		out.Payments = append(out.Payments, pixMessage(&payments[i]))
	}
	if len(payments) > size {
		position := binary.BigEndian.AppendUint64(nil, uint64(payments[size-1].Entry.Sequence))
		out.NextPageToken = p.PageTokens.Issue(position, "ListPix", in.GetAccount())
	}
	return out, nil
}

// ReturnPix implements bankv1.PixServiceServer.
func (p *Pix) ReturnPix(ctx context.Context, in *bankv1.ReturnPixRequest) (*bankv1.ReturnPixResponse, error) {
	if p.Service == nil {
		return nil, errNoHub
	}
	returned, err := p.Service.Return(ctx, pix.ReturnRequest{
		Call: p.call(ctx, in.GetRequestId()), Name: in.GetName(), AmountMinor: in.GetAmountMinor(), Description: in.GetDescription(),
	})
	if err != nil {
		return nil, err
	}
	return &bankv1.ReturnPixResponse{Pix: decidedPix(ctx, &returned)}, nil
}

// ResolvePix implements bankv1.PixServiceServer.
func (p *Pix) ResolvePix(ctx context.Context, in *bankv1.ResolvePixRequest) (*bankv1.ResolvePixResponse, error) {
	if p.Service == nil {
		return nil, errNoHub
	}
	resolved, err := p.Service.Resolve(ctx, p.call(ctx, ""), in.GetName())
	if err != nil {
		return nil, err
	}
	return &bankv1.ResolvePixResponse{Pix: pixMessage(&resolved)}, nil
}

var pixStates = map[pix.State]bankv1.PixState{
	pix.Pending:   bankv1.PixState_PIX_STATE_PENDING,
	pix.Completed: bankv1.PixState_PIX_STATE_COMPLETED,
	pix.Rejected:  bankv1.PixState_PIX_STATE_REJECTED,
}

// decidedPix returns a payment as the answer of the call that asked for it shows it.
func decidedPix(ctx context.Context, payment *pix.Payment) *bankv1.Pix {
	if payment.Repeat {
		serve.Replayed(ctx)
	}
	return pixMessage(payment)
}

func pixMessage(payment *pix.Payment) *bankv1.Pix {
	entry := &payment.Entry
	message := &bankv1.Pix{
		Name: pixPrefix + entry.EndToEndID, Account: name(accountPrefix, entry.AccountID), Direction: bankv1.PixDirection_PIX_DIRECTION_SENT,
		State: pixStates[payment.State], Reason: payment.Reason, AmountMinor: entry.Amount, Currency: entry.Currency.String(),
		ReturnedMinor: payment.Returned, CounterpartyName: entry.CounterpartyName, CounterpartyBankCode: string(entry.CounterpartyBankCode),
		Description: entry.Description, Reference: entry.MerchantReference, CreateTime: timestamp(entry.OccurredAt),
		Decline: declineMessage(entry.Decline), Transaction: name(transactionPrefix, entry.TransactionID),
	}
	if payment.Incoming() || entry.Status == bank.Voided {
		message.Direction = bankv1.PixDirection_PIX_DIRECTION_RECEIVED
	}
	if entry.Status == bank.Voided {
		message.Description = "" // It is the reason.
	}
	return message
}
