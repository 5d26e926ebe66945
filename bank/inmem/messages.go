package inmem

import (
	"cmp"
	"context"
	"slices"
	"time"

	"codebank.dev/bank"
	"codebank.dev/platform/id"
	"codebank.dev/platform/outbox"
)

// waitingMessage is a message to the hub that waits to be sent, or to be answered.
type waitingMessage struct {
	message bank.Message
	// id changes when the message is replaced, so what was sent of it before does not count.
	id            bank.ID
	position      int
	since, due    time.Time
	claims, sends int
}

// messageNamespace is the root of the ids of rows.
var messageNamespace = bank.ID{0x6d}

func checkMessages(changes *bank.Changes) error {
	for i := range changes.Messages {
		m := &changes.Messages[i]
		err := firstBroken(
			must(storable(m.EndToEndID, m.Step, m.Key), "text is UTF-8 without U+0000"),
			must(len(m.EndToEndID) == 32, "an end-to-end id has 32 characters"),
			must(slices.Contains([]string{"INITIATED", "CONFIRMED", "REJECTED", "COMPLETED"}, m.Step), "a message is a step"),
			must(m.SchemaVersion >= 1, "a message names the schema version it was written with"),
		)
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) applyMessages(changes *bank.Changes) {
	for _, answered := range changes.Answered {
		s.messages = slices.DeleteFunc(s.messages, func(w *waitingMessage) bool { return w.message.MessageID == answered })
	}
	for _, message := range changes.Messages {
		message.Body = slices.Clone(message.Body)
		since := s.now()
		if i := slices.IndexFunc(s.messages, func(w *waitingMessage) bool { return w.message.MessageID == message.MessageID }); i >= 0 {
			since = s.messages[i].since
			s.messages = slices.Delete(s.messages, i, i+1)
		}
		s.messageCount++
		s.messages = append(s.messages, &waitingMessage{
			message: message, id: id.Derive(messageNamespace, message.EndToEndID, message.Step, time.Duration(s.messageCount).String()),
			position: s.messageCount, since: since, due: s.now(),
		})
	}
}

// messages is the outbox of the messages to the hub.
type messages struct{ store *Store }

// Messages returns the outbox of the messages to the hub. Its rows have neither topic nor headers.
func (s *Store) Messages() outbox.Store { return messages{s} }

// Claim implements outbox.Store.
func (m messages) Claim(ctx context.Context, limit int, lease time.Duration) (rows []outbox.Row, err error) {
	m.store.mutex.Lock()
	defer m.store.mutex.Unlock()
	if err := contextFault(ctx); err != nil {
		return nil, err
	}
	slices.SortFunc(m.store.messages, func(a, b *waitingMessage) int {
		return cmp.Or(a.due.Compare(b.due), cmp.Compare(a.position, b.position))
	})
	now := m.store.now()
	for _, w := range m.store.messages {
		if len(rows) == limit || w.due.After(now) {
			break
		}
		w.due = now.Add(lease)
		w.claims++
		rows = append(rows, outbox.Row{
			ID: w.id, Key: []byte(w.message.Key), Version: w.message.SchemaVersion, Body: slices.Clone(w.message.Body), Claims: w.claims,
		})
	}
	return rows, nil
}

// Sent implements outbox.Store.
func (m messages) Sent(ctx context.Context, rows []id.ID) error {
	return m.change(ctx, rows, func(w *waitingMessage) bool {
		w.due = m.store.now().Add(min(time.Second<<min(w.sends, 20), time.Minute))
		w.sends, w.claims = w.sends+1, 0
		return w.message.UntilAnswered
	})
}

// Again implements outbox.Store.
func (m messages) Again(ctx context.Context, rows []id.ID, after time.Duration) error {
	return m.change(ctx, rows, func(w *waitingMessage) bool {
		w.due = m.store.now().Add(after)
		return true
	})
}

// change changes rows, and deletes those of which it returns false.
func (m messages) change(ctx context.Context, rows []id.ID, change func(*waitingMessage) bool) error {
	m.store.mutex.Lock()
	defer m.store.mutex.Unlock()
	if err := contextFault(ctx); err != nil {
		return err
	}
	m.store.messages = slices.DeleteFunc(m.store.messages, func(w *waitingMessage) bool {
		return slices.Contains(rows, w.id) && !change(w)
	})
	return nil
}

// Waits implements bank.Messages.
func (s *Store) Waits(ctx context.Context, message bank.MessageID) (bool, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return slices.ContainsFunc(s.messages, func(w *waitingMessage) bool { return w.message.MessageID == message }), contextFault(ctx)
}

// MessageBacklog implements bank.Messages.
func (s *Store) MessageBacklog(ctx context.Context) (waiting int64, oldest time.Time, err error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	for _, w := range s.messages {
		if oldest.IsZero() || w.since.Before(oldest) {
			oldest = w.since
		}
	}
	return int64(len(s.messages)), oldest, contextFault(ctx)
}
