package intake

import (
	"context"
	"fmt"
	"slices"

	"codebank.dev/platform/outbox"
	"codebank.dev/schemas/command"
)

// Signing publishes the hub's records. It makes the MAC of a record when it is sent, so that a message which is sent
// again for hours is signed with the key of the day.
type Signing struct {
	Publisher outbox.Publisher
	Banks     Banks
}

var _ outbox.Publisher = (*Signing)(nil)

// Publish implements outbox.Publisher. A message for a bank that takes part no more is refused.
func (s *Signing) Publish(ctx context.Context, rows []outbox.Row) []error {
	keys := s.keys()
	errs := make([]error, len(rows))
	var signed []outbox.Row
	var places []int
	for i, row := range rows {
		if row.Topic != command.PixPaymentTopic {
			key := keys[row.Topic]
			if key == nil {
				errs[i] = fmt.Errorf("%w: no bank takes part that reads this topic", outbox.ErrRefused)
				continue
			}
			mac := key.Sign(command.Record{Topic: row.Topic, Key: row.Key, Body: row.Body})
			row.Headers = append(slices.Clone(row.Headers),
				outbox.Header{Key: command.HeaderKey, Value: []byte(key.ID)}, outbox.Header{Key: command.HeaderMAC, Value: []byte(mac)})
		}
		signed, places = append(signed, row), append(places, i)
	}
	if len(signed) == 0 {
		return errs
	}
	for i, err := range s.Publisher.Publish(ctx, signed) {
		errs[places[i]] = err
	}
	return errs
}

// keys returns the key of each topic into a bank.
func (s *Signing) keys() map[string]*command.Key {
	known := s.Banks.Current()
	keys := map[string]*command.Key{}
	for _, code := range known.Codes() {
		if bank, ok := known.Bank(code); ok {
			keys[command.PixToBank(code)] = bank.HubKey()
		}
	}
	return keys
}
