package ledger

import (
	"context"
	"fmt"
	"strings"

	"codebank.dev/bank/postgres"
	"codebank.dev/operations/audit"
	"codebank.dev/schemas/event"
)

// Outbox is the outbox of a ledger. It is safe for concurrent use.
type Outbox struct{ ledger *Ledger }

var _ audit.Source = (*Outbox)(nil)

// Outbox returns the ledger's outbox.
func (l *Ledger) Outbox() *Outbox { return &Outbox{l} }

// Read implements audit.Source.
func (o *Outbox) Read(ctx context.Context, each func(*audit.Copy) error) error {
	last, err := o.ledger.store.LastOutboxID(ctx)
	if err != nil {
		return err
	}
	return o.between(ctx, 0, last, each)
}

// Find implements audit.Source. A row that was published meanwhile is gone.
func (o *Outbox) Find(ctx context.Context, wanted audit.Wanted) ([]audit.Copy, error) {
	var found []audit.Copy
	for _, position := range wanted.Positions {
		err := o.between(ctx, position.Offset-1, position.Offset, func(c *audit.Copy) error {
			found = append(found, *c)
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return found, nil
}

// Published reports whether the relay has published all events that waited when the
// ledger's cut was taken.
func (o *Outbox) Published(ctx context.Context) (bool, error) {
	for _, err := range o.ledger.store.OutboxEvents(ctx, 0, o.ledger.lastWaiting) {
		return false, err
	}
	return true, nil
}

// between calls each for the rows with ids above after, up to and including through.
func (o *Outbox) between(ctx context.Context, after, through int64, each func(*audit.Copy) error) error {
	decoders := make(map[int]*event.Decoder)
	for row, err := range o.ledger.store.OutboxEvents(ctx, after, through) {
		if err != nil {
			return err
		}
		version := row.SchemaVersion
		if decoders[version] == nil {
			if decoders[version], err = event.NewVersionDecoder(version); err != nil {
				return fmt.Errorf("row %d: %w", row.ID, err)
			}
		}
		c := copyOf(row, decoders[version])
		if err := each(&c); err != nil {
			return err
		}
	}
	return nil
}

// copyOf returns the copy in a row. Its id comes from the columns. If body and columns
// differ, the copy has a problem.
func copyOf(row *postgres.OutboxEvent, decoder *event.Decoder) audit.Copy {
	c := audit.Copy{ID: row.EventID, Position: audit.Position{Offset: row.ID}, Waited: row.Waited}
	if err := decoder.Decode(row.Body, &c.Event); err != nil {
		c.Problems = append(c.Problems, audit.Problem{Field: "body", Stored: err.Error()})
		return c
	}
	if expected, _, _ := strings.Cut(row.EventID, ":"); row.Key != expected {
		c.Problems = append(c.Problems, audit.Problem{Field: "key", Stored: row.Key})
	}
	if row.TransactionID != c.Event.TransactionID {
		c.Problems = append(c.Problems, audit.Problem{Field: "transaction_id of the row", Stored: row.TransactionID})
	}
	return c
}
