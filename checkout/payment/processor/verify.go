package processor

import (
	"slices"
	"strconv"

	"github.com/twmb/franz-go/pkg/kgo"

	"codebank.dev/checkout/payment"
	"codebank.dev/checkout/payment/accept"
	"codebank.dev/platform/consumer"
	"codebank.dev/platform/id"
	"codebank.dev/platform/money"
	"codebank.dev/platform/outbox"
	"codebank.dev/schemas/command"
	"codebank.dev/schemas/event"
)

// request is what a record of the payment gateway asks for.
type request struct {
	command.ChargeRequest
	charge, id id.ID
	amount     money.Amount
	// tries is how often it was sent before.
	tries int
	// key made the MAC of the request, and makes that of its answer.
	key *command.Key
}

// isForOthers reports whether a record was sent again for another reader of the topic.
func isForOthers(record *kgo.Record) bool {
	to := consumer.Header(record, consumer.HeaderTo)
	return to != nil && string(to) != Reader
}

func letter(record *kgo.Record, cause, message string) *consumer.Letter {
	return &consumer.Letter{Record: record, Cause: cause, Message: message}
}

// verify returns the request that a record is, or why it is none.
func (h *Handler) verify(record *kgo.Record) (request, *consumer.Letter) {
	_, body, err := event.ParseFrame(record.Value)
	if err != nil {
		return request{}, letter(record, "NOT_FRAMED", "The record has no Confluent frame.")
	}
	key, err := h.config.Keys.Verify(command.Record{Topic: record.Topic, Key: record.Key, Body: body},
		string(consumer.Header(record, command.HeaderKey)), string(consumer.Header(record, command.HeaderMAC)))
	if err != nil || key.Producer != accept.Producer {
		return request{}, letter(record, "FORGED", "The payment gateway has not made the MAC of this record for this topic.")
	}
	decoder, err := command.NewDecoder[command.ChargeRequest]("")
	if err != nil {
		return request{}, letter(record, "UNREADABLE", "The processor cannot read charges of this version.")
	}
	r := request{key: key}
	if r.ChargeRequest, err = decoder.Decode(body); err != nil {
		return request{}, letter(record, "UNREADABLE", "The body is not a charge of version 1.")
	}
	if cause, message := r.check(string(record.Key)); cause != "" {
		return request{}, letter(record, cause, message)
	}
	r.tries, _ = strconv.Atoi(string(consumer.Header(record, payment.HeaderTries))) // 0 if there is none
	return r, nil
}

// kinds are those that the processor knows.
var kinds = []string{command.Charge, command.Capture, command.Void, command.Refund, command.Expire, command.Payout}

// check returns why a body of the gateway is still no request, and sets the ids and the amount.
func (r *request) check(key string) (cause, message string) {
	var chargeErr, idErr, currencyErr error
	r.charge, chargeErr = id.Parse(r.ChargeID)
	r.id, idErr = id.Parse(r.RequestID)
	r.amount.Currency, currencyErr = money.ParseCurrency(r.Currency)
	r.amount.Minor = r.AmountMinor
	switch {
	case chargeErr != nil || idErr != nil || (r.Kind == command.Charge || r.Kind == command.Payout) != (r.charge == r.id),
		r.Kind == command.Expire && r.id != payment.ExpiryID(r.charge):
		return "BAD_ID", "The ids are not those of a charge, of an operation on one, or of a payout."
	case key != r.ChargeID:
		return "OTHER_KEY", "The key of the record is not its charge."
	case !slices.Contains(kinds, r.Kind):
		return "UNKNOWN_KIND", "The processor does not know the kind of the request."
	case r.Mode != command.TestMode && r.Mode != command.LiveMode:
		return "UNKNOWN_MODE", "The processor does not know the mode of the request."
	case r.Mode == command.LiveMode && r.Kind == command.Payout && r.PayoutAccount == "":
		return "NO_ACCOUNT", "The request does not say to which account it pays."
	case r.Mode == command.LiveMode && r.Kind != command.Charge && r.Kind != command.Payout && r.Purchase == "":
		return "NO_PURCHASE", "The request does not say what the bank calls the charge."
	case currencyErr != nil || r.AmountMinor <= 0:
		return "BAD_AMOUNT", "The amount is none."
	}
	return "", ""
}

// answer is a signed answer.
type answer struct {
	row    outbox.Row
	status string
}

func (a *answer) approvals() int64 {
	if a.status == command.Approved {
		return 1
	}
	return 0
}

// signed returns an answer under the key that signed the request, so whoever can write the topic of answers cannot
// answer.
func (r *request) signed(result *command.ChargeResult) (*answer, error) {
	body, err := command.Encode(result)
	if err != nil {
		return nil, err
	}
	record := command.Record{Topic: ResultTopic, Key: []byte(r.ChargeID), Body: body}
	return &answer{status: result.Status, row: outbox.Row{
		ID: r.id, Topic: record.Topic, Key: record.Key, Folder: command.Folder[command.ChargeResult](), Version: command.Version, Body: body,
		Headers: []outbox.Header{{Key: command.HeaderKey, Value: []byte(r.key.ID)}, {Key: command.HeaderMAC, Value: []byte(r.key.Sign(record))}},
	}}, nil
}
