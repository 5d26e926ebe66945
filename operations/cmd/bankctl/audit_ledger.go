package main

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strconv"
	"strings"

	"codebank.dev/bank"
	"codebank.dev/bank/kafka"
	"codebank.dev/bank/postgres"
	"codebank.dev/operations/audit"
	"codebank.dev/platform/id"
	"codebank.dev/schemas/event"
)

// ledgerPlace is the ledger as an audit sees it.
type ledgerPlace struct {
	store *postgres.Store
	code  bank.Code
	// lastWaiting is the highest id in the outbox when the cut was taken.
	lastWaiting int64
}

var _ audit.Ledger = (*ledgerPlace)(nil)

// Cut implements audit.Ledger.
func (l *ledgerPlace) Cut(ctx context.Context, cut audit.Cut) error {
	var failed error
	err := l.store.Cut(ctx, postgres.Cut{
		Account: func(account bank.Account) {
			if failed == nil {
				failed = cut.Account(account)
			}
		},
		Refused: func(transaction bank.ID) {
			if failed == nil {
				failed = cut.Refused(transaction)
			}
		},
		Waiting: func(row bank.OutboxRow) { l.lastWaiting = max(l.lastWaiting, row.ID) },
	})
	return errors.Join(err, failed)
}

// Events implements audit.Ledger.
func (l *ledgerPlace) Events(ctx context.Context) iter.Seq2[*audit.Copy, error] {
	return l.copies(l.store.Entries(ctx, postgres.Position{}))
}

// Refusals implements audit.Ledger.
func (l *ledgerPlace) Refusals(ctx context.Context) iter.Seq2[*audit.Copy, error] {
	return l.copies(l.store.Refusals(ctx, bank.ID{}))
}

func (l *ledgerPlace) copies(entries iter.Seq2[*bank.Entry, error]) iter.Seq2[*audit.Copy, error] {
	return func(yield func(*audit.Copy, error) bool) {
		for entry, err := range entries {
			if err != nil {
				yield(nil, err)
				return
			}
			// A request id that was voided before it was decided makes no event.
			if entry.Status != bank.Voided && !yield(l.copyOf(entry), nil) {
				return
			}
		}
	}
}

func (l *ledgerPlace) copyOf(entry *bank.Entry) *audit.Copy {
	e := kafka.FromEntry(entry, l.code)
	return &audit.Copy{ID: e.EventID, Event: e}
}

// Find implements audit.Ledger.
func (l *ledgerPlace) Find(ctx context.Context, wanted audit.Wanted) ([]audit.Copy, error) {
	entry, err := l.find(ctx, wanted.EventID)
	if err == nil && entry == nil && wanted.TransactionID != "" {
		entry, err = l.transaction(ctx, wanted.TransactionID)
	}
	if err != nil || entry == nil || entry.Status == bank.Voided {
		return nil, err
	}
	return []audit.Copy{*l.copyOf(entry)}, nil
}

// find returns the entry of an event id; nil when there is none.
func (l *ledgerPlace) find(ctx context.Context, eventID string) (*bank.Entry, error) {
	text, number, ofAccount := strings.Cut(eventID, ":")
	if !ofAccount {
		return l.transaction(ctx, eventID)
	}
	account, err := id.Parse(text)
	sequence, errNumber := strconv.ParseInt(number, 10, 64)
	if err != nil || errNumber != nil {
		return nil, nil // The ledger has none with such an id.
	}
	for entry, err := range l.store.Entries(ctx, postgres.Position{AccountID: account, Sequence: sequence - 1}) {
		if err != nil {
			return nil, err
		}
		if entry.EventID() != eventID {
			return nil, nil
		}
		return entry, nil
	}
	return nil, nil
}

// transaction returns leg 0 of a transaction; nil when there is none.
func (l *ledgerPlace) transaction(ctx context.Context, text string) (*bank.Entry, error) {
	id, err := id.Parse(text)
	if err != nil {
		return nil, nil // The ledger has none with such an id.
	}
	entry, _, err := l.store.Transaction(ctx, id)
	if errors.Is(err, bank.ErrNotFound) {
		return nil, nil
	}
	return &entry, err
}

// outboxPlace is the outbox as an audit sees it.
type outboxPlace struct{ ledger *ledgerPlace }

var _ audit.Source = (*outboxPlace)(nil)

// Read implements audit.Source.
func (o *outboxPlace) Read(ctx context.Context, each func(*audit.Copy) error) error {
	last, err := o.ledger.store.LastOutboxID(ctx)
	if err != nil {
		return err
	}
	return o.read(ctx, 0, last, each)
}

// Find implements audit.Source. A row that was published meanwhile is gone.
func (o *outboxPlace) Find(ctx context.Context, wanted audit.Wanted) ([]audit.Copy, error) {
	var found []audit.Copy
	for _, position := range wanted.Positions {
		err := o.read(ctx, position.Offset-1, position.Offset, func(c *audit.Copy) error {
			found = append(found, *c)
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return found, nil
}

// settled reports whether all that waited when the cut was taken is published.
func (o *outboxPlace) settled(ctx context.Context) (bool, error) {
	for _, err := range o.ledger.store.OutboxRows(ctx, 0, o.ledger.lastWaiting) {
		return false, err
	}
	return true, nil
}

func (o *outboxPlace) read(ctx context.Context, after, through int64, each func(*audit.Copy) error) error {
	decoders := make(map[int]*event.Decoder)
	for row, err := range o.ledger.store.OutboxRows(ctx, after, through) {
		if err != nil {
			return err
		}
		version := row.Event.SchemaVersion
		if decoders[version] == nil {
			if decoders[version], err = event.NewVersionDecoder(version); err != nil {
				return fmt.Errorf("row %d: %w", row.ID, err)
			}
		}
		c := waitingCopy(row, decoders[version])
		if err := each(&c); err != nil {
			return err
		}
	}
	return nil
}

// waitingCopy returns a row's copy. Its id is what the columns say, and where body
// and columns do not agree, there is a problem.
func waitingCopy(row *bank.OutboxRow, decoder *event.Decoder) audit.Copy {
	columns := bank.Entry{TransactionID: row.Event.TransactionID, AccountID: row.Event.AccountID, Sequence: row.Event.Sequence}
	c := audit.Copy{ID: columns.EventID(), Position: audit.Position{Offset: row.ID}}
	if err := decoder.Decode(row.Event.Body, &c.Event); err != nil {
		c.Problems = append(c.Problems, audit.Problem{Field: "body", Stored: err.Error()})
		return c
	}
	if key := row.Event.Key; key != columns.EventKey() {
		c.Problems = append(c.Problems, audit.Problem{Field: "key", Stored: key.String()})
	}
	if column := columns.TransactionID.String(); column != c.Event.TransactionID {
		c.Problems = append(c.Problems, audit.Problem{Field: "transaction_id of the row", Stored: column})
	}
	return c
}
