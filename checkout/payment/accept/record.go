package accept

import (
	"context"

	"codebank.dev/checkout/payment"
	"codebank.dev/platform/outbox"
	"codebank.dev/schemas/command"
)

// Topic is the topic of charges.
const Topic = "checkout.charges.v1"

// chargeRecord returns the record that asks for a decision on a charge.
func (s *Service) chargeRecord(ctx context.Context, c *payment.Charge, sealed string) (outbox.Row, error) {
	request := s.request(ctx, c)
	request.Kind, request.SealedCard = command.Charge, sealed
	return s.signed(c, &request)
}

// operationRecord returns the record that asks for a decision on an operation.
func (s *Service) operationRecord(ctx context.Context, c *payment.Charge, o *payment.Operation) (outbox.Row, error) {
	request := s.request(ctx, c)
	request.RequestID, request.Kind, request.AmountMinor = o.ID.String(), o.Kind.String(), o.Amount.Minor
	request.AcceptedAtMillis = o.CreatedAt.UnixMilli()
	row, err := s.signed(c, &request)
	row.ID = o.ID
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
	}
}

// signed returns a request as a row of the outbox. Its key is the charge, so what is asked of a charge keeps its order.
func (s *Service) signed(c *payment.Charge, request *command.ChargeRequest) (outbox.Row, error) {
	body, err := command.Encode(request)
	if err != nil {
		return outbox.Row{}, err
	}
	record := command.Record{Topic: Topic, Key: c.ID.Append(nil), Body: body}
	return outbox.Row{
		ID: c.ID, Topic: record.Topic, Key: record.Key, Folder: command.Folder[command.ChargeRequest](), Version: command.Version, Body: body,
		Headers: []outbox.Header{
			{Key: command.HeaderKey, Value: []byte(s.config.Key.ID)}, {Key: command.HeaderMAC, Value: []byte(s.config.Key.Sign(record))},
		},
	}, nil
}
