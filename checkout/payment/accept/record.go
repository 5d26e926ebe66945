package accept

import (
	"context"

	"codebank.dev/checkout/payment"
	"codebank.dev/platform/id"
	"codebank.dev/platform/outbox"
	"codebank.dev/schemas/command"
)

// Topic is the topic of charges.
const Topic = "checkout.charges.v1"

// chargeRecord returns the record that asks for a decision on a charge.
func (s *Service) chargeRecord(ctx context.Context, c *payment.Charge, sealed string) (outbox.Row, error) {
	request := s.request(ctx, c)
	request.Kind, request.SealedCard = command.Charge, sealed
	if c.Mode == payment.Live {
		profile, err := s.config.Profile(ctx, c.Merchant)
		if err != nil {
			return outbox.Row{}, err
		}
		show(&request, &profile)
	}
	return s.signed(c.ID, &request)
}

// show puts the merchant into a request as he is shown.
func show(request *command.ChargeRequest, profile *payment.Profile) {
	request.MerchantName, request.MerchantCategoryCode = profile.Name, profile.CategoryCode
	request.MerchantCity, request.MerchantCountry = profile.City, profile.Country
}

// operationRecord returns the record that asks for a decision on an operation.
func (s *Service) operationRecord(ctx context.Context, c *payment.Charge, o *payment.Operation) (outbox.Row, error) {
	request := s.request(ctx, c)
	request.RequestID, request.Kind, request.AmountMinor = o.ID.String(), o.Kind.String(), o.Amount.Minor
	request.AcceptedAtMillis = o.CreatedAt.UnixMilli()
	row, err := s.signed(c.ID, &request)
	row.ID = o.ID
	return row, err
}

// ExpiryRecord returns the record that asks whether the authorization of a charge has ended by itself. It is the same
// for a charge each time.
func (s *Service) ExpiryRecord(c payment.Charge) (outbox.Row, error) {
	request := s.request(context.Background(), &c)
	question := payment.ExpiryID(c.ID)
	request.RequestID, request.Kind, request.TraceID = question.String(), command.Expire, ""
	row, err := s.signed(c.ID, &request)
	row.ID = question
	return row, err
}

func (s *Service) request(ctx context.Context, c *payment.Charge) command.ChargeRequest {
	capture := command.CaptureLater
	if c.CaptureNow {
		capture = command.CaptureAtOnce
	}
	return command.ChargeRequest{
		RequestID: c.ID.String(), ChargeID: c.ID.String(), MerchantID: c.Merchant, Mode: c.Mode.String(), AmountMinor: c.Amount.Minor,
		Currency: c.Amount.Currency.String(), Capture: capture, AcceptedAtMillis: c.CreatedAt.UnixMilli(), TraceID: s.config.TraceID(ctx),
		Description: c.Description, Purchase: c.Purchase,
	}
}

// payoutRecord returns the record that asks for a payout.
func (s *Service) payoutRecord(ctx context.Context, p *payment.Payout, profile *payment.Profile) (outbox.Row, error) {
	request := command.ChargeRequest{
		RequestID: p.ID.String(), ChargeID: p.ID.String(), Kind: command.Payout, MerchantID: p.Merchant, Mode: p.Mode.String(),
		AmountMinor: p.Amount.Minor, Currency: p.Amount.Currency.String(), Capture: command.CaptureAtOnce, PayoutAccount: p.Account,
		AcceptedAtMillis: p.CreatedAt.UnixMilli(), TraceID: s.config.TraceID(ctx),
	}
	show(&request, profile)
	return s.signed(p.ID, &request)
}

// signed returns a request as a row of the outbox. Its key is the charge or the payout, so what is asked of a charge keeps
// its order.
func (s *Service) signed(of id.ID, request *command.ChargeRequest) (outbox.Row, error) {
	body, err := command.Encode(request)
	if err != nil {
		return outbox.Row{}, err
	}
	record := command.Record{Topic: Topic, Key: of.Append(nil), Body: body}
	return outbox.Row{
		ID: of, Topic: record.Topic, Key: record.Key, Folder: command.Folder[command.ChargeRequest](), Version: command.Version, Body: body,
		Headers: []outbox.Header{
			{Key: command.HeaderKey, Value: []byte(s.config.Key.ID)}, {Key: command.HeaderMAC, Value: []byte(s.config.Key.Sign(record))},
		},
	}, nil
}
