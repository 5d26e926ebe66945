// Package accept is what merchants ask for: a charge, a capture, a void or a refund of one, or a payout. It is accepted without
// a decision: it is stored together with a record for the processor, which is sent until it is answered. Card data
// leaves this package sealed only.
//
//	accept.go       Service: charges and operations
//	payout.go       payouts
//	fingerprint.go  which requests are the same
//	record.go       the records for the processor
package accept

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"time"

	"codebank.dev/checkout/payment"
	"codebank.dev/checkout/payment/seal"
	"codebank.dev/platform/auditlog"
	"codebank.dev/platform/fault"
	"codebank.dev/platform/field"
	"codebank.dev/platform/id"
	"codebank.dev/platform/money"
	"codebank.dev/platform/outbox"
	"codebank.dev/schemas/command"
)

// Producer is the name to which the gateway's keys belong.
const Producer = "payment-gateway"

// Config is what a Service works with. All fields but Wake, TraceID and Profile are required.
type Config struct {
	Store payment.Store
	// Payouts keeps payouts; nil for a service that accepts none.
	Payouts payment.Payouts
	// Key makes the MACs of records. Its producer is Producer.
	Key *command.Key
	// Secret is the key of fingerprints, 32 bytes that all replicas share.
	Secret []byte
	// Wake is called when a record was committed.
	Wake func()
	// TraceID returns the trace of a call, 32 hexadecimal digits or empty.
	TraceID func(context.Context) string
	// Profile returns how a merchant is shown to the payer of a live charge; nil shows his slug. An error is
	// fault.Unavailable.
	Profile func(ctx context.Context, merchant string) (payment.Profile, error)
	// Now is the clock.
	Now func() time.Time
}

// Service accepts requests. Make one with New. It is safe for concurrent use.
type Service struct{ config Config }

// secretSize is the number of bytes of Config.Secret.
const secretSize = 32

// New returns a Service. An error means that the configuration cannot be used.
func New(config Config) (*Service, error) {
	switch {
	case config.Key == nil || config.Key.Producer != Producer:
		return nil, errors.New("accept: the key is not one of the producer " + Producer)
	case len(config.Secret) != secretSize:
		return nil, errors.New("accept: the secret has not 32 bytes")
	case config.Wake == nil:
		config.Wake = func() {}
	}
	if config.TraceID == nil {
		config.TraceID = func(context.Context) string { return "" }
	}
	if config.Profile == nil {
		config.Profile = func(_ context.Context, merchant string) (payment.Profile, error) {
			return payment.Profile{Name: merchant}, nil
		}
	}
	return &Service{config: config}, nil
}

// ChargeRequest is a charge that a merchant asks for.
type ChargeRequest struct {
	// Key is the Idempotency-Key.
	Key         string
	Amount      money.Amount
	CaptureNow  bool
	Description string
	// Card is as the merchant sent it. Wrong card data is accepted, and the charge rejected.
	Card field.RawCardData
}

// OperationRequest is a capture, a void or a refund that a merchant asks for.
type OperationRequest struct {
	// Key is the Idempotency-Key.
	Key    string
	Charge id.ID
	Kind   payment.Kind
	// AmountMinor is as payment.Charge.Accept takes it, in the charge's currency.
	AmountMinor int64
	// Audit returns the record of the audit log that is committed with the operation; nil for none. It is called with the
	// operation's id.
	Audit func(operation id.ID, at time.Time) auditlog.Record
}

// Charge accepts a charge of an owner. It is idempotent by owner and key: a repeat gets the charge word for word as
// it was accepted first, with repeated set. Errors: fault.InvalidArgument with the name of the field,
// payment.ErrKeyReused, payment.ErrRunning, fault.Unavailable.
func (s *Service) Charge(ctx context.Context, owner payment.Owner, request *ChargeRequest) (charge payment.Charge, repeated bool, err error) {
	name, err := payment.RequestID(owner, request.Key)
	if err == nil {
		err = request.check()
	}
	if err != nil {
		return payment.Charge{}, false, err
	}
	charge, err = payment.New(payment.Proposal{
		ID: name, Merchant: owner.Merchant, Mode: owner.Mode, Amount: request.Amount, CaptureNow: request.CaptureNow,
		Card: payment.CardOf(request.Card.Number), Description: request.Description,
	}, s.now())
	if err != nil {
		return payment.Charge{}, false, refusal(err)
	}
	sealed, key, err := seal.Seal(&request.Card, name, rand.Reader)
	if err != nil {
		return payment.Charge{}, false, errCardTooLong
	}
	acceptance := payment.Acceptance{Charge: charge, Fingerprint: s.ofCharge(owner, request), Key: key}
	if acceptance.Record, err = s.chargeRecord(ctx, &charge, sealed); err != nil {
		return payment.Charge{}, false, err
	}
	stored, repeated, err := s.config.Store.AcceptCharge(ctx, &acceptance)
	if err != nil {
		return payment.Charge{}, false, err
	}
	if !repeated {
		s.config.Wake()
	}
	return stored.AsAccepted(), repeated, nil
}

// Operate accepts an operation on a charge of an owner, idempotently as Charge does. Errors: fault.InvalidArgument
// with the name of the field, payment.ErrNoCharge, payment.ErrKeyReused, payment.ErrRunning,
// fault.FailedPrecondition if the charge has no such operation now, fault.Unavailable.
func (s *Service) Operate(ctx context.Context, owner payment.Owner, request *OperationRequest) (operation payment.Operation, repeated bool, err error) {
	name, err := payment.RequestID(owner, request.Key)
	if err == nil {
		err = field.Limit("amount_minor", request.AmountMinor)
	}
	if err != nil {
		return payment.Operation{}, false, err
	}
	asked := payment.OperationRequest{
		Owner: owner, ID: name, Fingerprint: s.ofOperation(owner, request), Charge: request.Charge, Kind: request.Kind,
		AmountMinor: request.AmountMinor, At: s.now(),
		Record: func(c payment.Charge, o payment.Operation) (outbox.Row, error) { return s.operationRecord(ctx, &c, &o) },
	}
	if request.Audit != nil {
		record := request.Audit(name, asked.At)
		asked.Audit = &record
	}
	stored, repeated, err := s.config.Store.AcceptOperation(ctx, &asked)
	if err != nil {
		return payment.Operation{}, false, refusal(err)
	}
	if !repeated {
		s.config.Wake()
	}
	return stored.AsAccepted(), repeated, nil
}

// now is what the database and the topic both keep.
func (s *Service) now() time.Time { return s.config.Now().UTC().Truncate(time.Millisecond) }

func (r *ChargeRequest) check() error {
	if err := field.Amount("amount_minor", r.Amount.Minor); err != nil {
		return err
	}
	return field.OptionalText("description", r.Description, field.MaxDescription)
}

// The refusals of what a charge does not allow now.
var (
	errCardTooLong = fault.Invalid("card", "The card data is too long.")
	errPending     = fault.New(fault.FailedPrecondition, "CHARGE_PENDING", "The charge is not decided yet. Send the same request again in a moment.")
	errUnderWay    = fault.New(fault.FailedPrecondition, "OPERATION_UNDER_WAY", "A capture or a void of this charge is under way.")
	errAmount      = fault.New(fault.FailedPrecondition, "CHARGE_AMOUNT", "The amount is more than the charge allows.").In("amount_minor")
)

// refusal returns what the rules say as a fault.
func refusal(err error) error {
	var in payment.StateError
	if errors.As(err, &in) {
		return fault.New(fault.FailedPrecondition, "CHARGE_STATE", fmt.Sprintf("A charge that is %s allows no such request.", strings.ToLower(in.State.String())))
	}
	for _, known := range []struct {
		err error
		is  *fault.Error
	}{
		{payment.ErrPending, errPending}, {payment.ErrEnding, errUnderWay}, {payment.ErrAmount, errAmount},
	} {
		if errors.Is(err, known.err) {
			return known.is
		}
	}
	return err
}
