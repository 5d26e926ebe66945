package postgres

import (
	"cmp"
	"context"
	"slices"
	"time"

	"codebank.dev/bank"
	"codebank.dev/bank/failpoints"
	"codebank.dev/platform/database/wire"
	"codebank.dev/platform/id"
	"codebank.dev/platform/outbox"
)

var (
	messageIDColumns = []column[bank.MessageID]{
		texts("end_to_end_id", func(m *bank.MessageID) *string { return &m.EndToEndID }),
		texts("step", func(m *bank.MessageID) *string { return &m.Step }),
	}
	messageColumns = []column[bank.Message]{
		texts("end_to_end_id", func(m *bank.Message) *string { return &m.EndToEndID }),
		texts("step", func(m *bank.Message) *string { return &m.Step }),
		texts("record_key", func(m *bank.Message) *string { return &m.Key }),
		ints("schema_version", func(m *bank.Message) *int { return &m.SchemaVersion }),
		blobs("body", func(m *bank.Message) *[]byte { return &m.Body }),
		booleans("until_answered", func(m *bank.Message) *bool { return &m.UntilAnswered }),
	}
)

var (
	sendMessages = &wire.Statement{Name: "send_messages", SQL: inserting("pix_messages", messageColumns) + `
		ON CONFLICT (end_to_end_id, step) DO UPDATE SET id = gen_random_uuid(), record_key = EXCLUDED.record_key,
			schema_version = EXCLUDED.schema_version, body = EXCLUDED.body, until_answered = EXCLUDED.until_answered,
			due_at = now(), claims = 0, sends = 0`}
	endMessages = &wire.Statement{Name: "end_messages", SQL: `DELETE FROM pix_messages
		WHERE (end_to_end_id, step) IN (SELECT ` + arrays(&parameters{}, messageIDColumns) + `)`}

	claimMessages = &wire.Statement{Name: "claim_messages", SQL: `WITH due AS (
			SELECT id, due_at, position FROM pix_messages WHERE due_at <= now() ORDER BY due_at, position LIMIT $1::bigint FOR UPDATE SKIP LOCKED
		)
		UPDATE pix_messages m SET due_at = now() + $2::bigint * interval '1 microsecond', claims = claims + 1 FROM due WHERE m.id = due.id
		RETURNING due.due_at, due.position, m.id, m.record_key, m.schema_version, m.body, m.claims`}
	// sentMessages deletes what waits for no answer. The rest is due again, at first after a second, then after twice
	// the time before, up to a minute, spread by a quarter both ways.
	sentMessages = &wire.Statement{Name: "sent_messages", SQL: `WITH locked AS (
			SELECT id, until_answered FROM pix_messages WHERE id = ANY($1::uuid[]) ORDER BY id FOR UPDATE
		), gone AS (
			DELETE FROM pix_messages m USING locked WHERE m.id = locked.id AND NOT locked.until_answered
		)
		UPDATE pix_messages m SET sends = sends + 1, claims = 0,
			due_at = now() + least(interval '1 second' * 2 ^ least(sends, 20), interval '1 minute') * (0.75 + random() / 2)
		FROM locked WHERE m.id = locked.id AND locked.until_answered`}
	againMessages = &wire.Statement{Name: "again_messages", SQL: `WITH locked AS (
			SELECT id FROM pix_messages WHERE id = ANY($1::uuid[]) ORDER BY id FOR UPDATE
		)
		UPDATE pix_messages m SET due_at = now() + $2::bigint * interval '1 microsecond' FROM locked WHERE m.id = locked.id`}
	countMessages = &wire.Statement{Name: "count_messages", SQL: `SELECT count(*), min(created_at) FROM pix_messages`}
	messageWaits  = &wire.Statement{Name: "message_waits", SQL: `SELECT EXISTS (SELECT FROM pix_messages WHERE end_to_end_id = $1::text AND step = $2::text)`}
)

// addMessages queues what a batch says of messages, in the order of their keys; nothing for a batch that says nothing.
func addMessages(b *wire.Batch, changes *bank.Changes) {
	if len(changes.Answered) > 0 {
		answered := slices.SortedFunc(slices.Values(changes.Answered), compareMessages)
		addColumns(&b.Session.Parameters, messageIDColumns, answered)
		b.Add(endMessages, nil)
	}
	if len(changes.Messages) > 0 {
		messages := slices.SortedFunc(slices.Values(changes.Messages), func(x, y bank.Message) int {
			return compareMessages(x.MessageID, y.MessageID)
		})
		addColumns(&b.Session.Parameters, messageColumns, messages)
		b.Add(sendMessages, nil)
	}
}

func compareMessages(x, y bank.MessageID) int {
	return cmp.Or(cmp.Compare(x.EndToEndID, y.EndToEndID), cmp.Compare(x.Step, y.Step))
}

// messages is the outbox of the messages to the hub.
type messages struct{ store *Store }

// Messages returns the outbox of the messages to the hub. Its rows have neither topic nor headers.
func (s *Store) Messages() outbox.Store { return messages{s} }

// claimedMessage is a row with its place in the order of what is due.
type claimedMessage struct {
	dueAt    time.Time
	position int64
	row      outbox.Row
}

// Claim implements outbox.Store.
func (m messages) Claim(ctx context.Context, limit int, lease time.Duration) ([]outbox.Row, error) {
	var found []claimedMessage
	err := m.store.query(ctx, claimMessages, func(p *wire.Parameters) {
		p.Int8Argument(int64(limit))
		p.Int8Argument(lease.Microseconds())
	}, func(r wire.Row) {
		found = append(found, claimedMessage{r.Timestamp(), r.Int8(), outbox.Row{
			ID: r.UUID(), Key: []byte(r.Text()), Version: int(r.Int4()), Body: r.Bytes(), Claims: int(r.Int4()),
		}})
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(found, func(a, b claimedMessage) int {
		return cmp.Or(a.dueAt.Compare(b.dueAt), cmp.Compare(a.position, b.position))
	})
	var rows []outbox.Row
	for i := range found {
		rows = append(rows, found[i].row)
	}
	if len(rows) > 0 {
		m.store.config.Failpoint.At(failpoints.PixMessagesClaimed)
	}
	return rows, nil
}

// Sent implements outbox.Store.
func (m messages) Sent(ctx context.Context, rows []id.ID) error {
	err := m.store.query(ctx, sentMessages, func(p *wire.Parameters) { p.UUIDs(rows) }, nil)
	m.store.config.Failpoint.After(err, failpoints.PixMessagesSent)
	return err
}

// Again implements outbox.Store.
func (m messages) Again(ctx context.Context, rows []id.ID, after time.Duration) error {
	err := m.store.query(ctx, againMessages, func(p *wire.Parameters) {
		p.UUIDs(rows)
		p.Int8Argument(after.Microseconds())
	}, nil)
	m.store.config.Failpoint.After(err, failpoints.PixMessagesReleased)
	return err
}

// MessageBacklog implements bank.Messages.
func (s *Store) MessageBacklog(ctx context.Context) (waiting int64, oldest time.Time, err error) {
	err = s.query(ctx, countMessages, func(*wire.Parameters) {}, func(r wire.Row) { waiting, oldest = r.Int8(), r.Timestamp() })
	return waiting, oldest, err
}

// Waits implements bank.Messages.
func (s *Store) Waits(ctx context.Context, message bank.MessageID) (waits bool, err error) {
	err = s.one(ctx, messageWaits, func(p *wire.Parameters) {
		p.TextArgument(message.EndToEndID)
		p.TextArgument(message.Step)
	}, func(r wire.Row) { waits = r.Bool() })
	return waits, err
}
