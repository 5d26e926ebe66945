package postgres

import (
	"context"
	"fmt"
	"iter"
	"time"

	"github.com/jackc/pgx/v5"

	"codebank.dev/platform/id"
)

// AuditedChange is one change of a merchant's charge, for an audit, in the words of the topic of changes. Amounts are minor
// units of Currency.
type AuditedChange struct {
	Merchant, Mode string
	// Sequence counts the events of the merchant in this mode.
	Sequence int64
	Kind     string
	Charge   id.ID
	Version  int64
	// State, Captured and Refunded are those of the charge after the change.
	State              string
	Amount             int64
	Currency           string
	Captured, Refunded int64
	// Operation is what the change is about; zero if it is the charge itself. Then kind and outcome are NONE.
	Operation                       id.ID
	OperationKind, OperationOutcome string
	OperationAmount                 int64
	At                              time.Time
}

// EventID is the id of the change as the topic and the index have it.
func (c *AuditedChange) EventID() string { return fmt.Sprintf("%s/%d", c.Charge, c.Version) }

const (
	// auditedOwners have the modes in the order of their names: 2 is LIVE, and 1 is TEST.
	auditedOwners = "SELECT merchant, mode FROM merchant_sequences ORDER BY merchant, mode DESC"
	// auditedChanges is a page of an owner's changes, by the primary key. An operation is accepted before it has an outcome.
	auditedChanges = `
SELECT e.sequence, e.kind, e.charge_id, e.version, e.state, c.amount_minor, c.currency, e.captured_minor, e.refunded_minor, e.operation_id,
	coalesce(o.kind, 0), CASE WHEN o.id IS NULL THEN 0 WHEN e.kind = 3 THEN 1 ELSE o.outcome END, coalesce(o.amount_minor, 0), e.at
FROM charge_events e JOIN charges c ON c.id = e.charge_id LEFT JOIN charge_operations o ON o.id = e.operation_id
WHERE e.merchant = $1 AND e.mode = $2 AND e.sequence > $3 AND e.at < $4 ORDER BY e.sequence LIMIT 1000`
	// readAll makes the rest of a transaction see the rows of all merchants.
	readAll = "SELECT set_config('codebank.reader', '*', true)"
)

// The words of the topic, by the numbers that are stored.
var (
	auditedModes    = []string{"", "TEST", "LIVE"}
	auditedKinds    = []string{"", "CHARGE_ACCEPTED", "CHARGE_DECIDED", "OPERATION_ACCEPTED", "OPERATION_ENDED", "CHARGE_EXPIRED"}
	auditedStates   = []string{"", "PENDING", "REJECTED", "AUTHORIZED", "APPROVED", "VOIDED", "EXPIRED"}
	auditedActs     = []string{"NONE", "CAPTURE", "VOID", "REFUND"}
	auditedOutcomes = []string{"NONE", "PENDING", "DONE", "REFUSED"}
)

// AuditedChanges returns the changes of charges before a moment, ordered by merchant, by the name of the mode and by
// sequence. It reads a page at a time, each as of its own moment, and holds no connection between pages. A change may be
// committed some seconds after its own time, so a moment that is closer to now may miss some. An error ends the sequence;
// it is fault.Unavailable while the database is away.
func (s *Store) AuditedChanges(ctx context.Context, before time.Time) iter.Seq2[AuditedChange, error] {
	return func(yield func(AuditedChange, error) bool) {
		owners, err := s.auditedOwners(ctx)
		if err != nil {
			yield(AuditedChange{}, err)
			return
		}
		for _, owner := range owners {
			for after := int64(0); ; {
				changes, err := s.auditedPage(ctx, owner, after, before)
				if err != nil {
					yield(AuditedChange{}, err)
					return
				}
				for i := range changes {
					if !yield(changes[i], nil) {
						return
					}
					after = changes[i].Sequence
				}
				if len(changes) == 0 {
					break
				}
			}
		}
	}
}

// auditedOwner is a merchant in a mode.
type auditedOwner struct {
	Merchant string
	Mode     int16
}

func (s *Store) auditedOwners(ctx context.Context) (owners []auditedOwner, err error) {
	rows, err := s.pool.Query(ctx, auditedOwners)
	if err == nil {
		owners, err = pgx.CollectRows(rows, pgx.RowToStructByPos[auditedOwner])
	}
	return owners, translate(err)
}

func (s *Store) auditedPage(ctx context.Context, owner auditedOwner, after int64, before time.Time) (changes []AuditedChange, err error) {
	batch := &pgx.Batch{}
	batch.Queue(readAll)
	batch.Queue(auditedChanges, owner.Merchant, owner.Mode, after, before).Query(func(rows pgx.Rows) (err error) {
		changes, err = pgx.CollectRows(rows, auditedChange)
		return err
	})
	err = s.pool.SendBatch(ctx, batch).Close()
	for i := range changes {
		changes[i].Merchant, changes[i].Mode = owner.Merchant, wordOf(auditedModes, owner.Mode)
	}
	return changes, translate(err)
}

func auditedChange(row pgx.CollectableRow) (c AuditedChange, err error) {
	var kind, state, act, outcome int16
	var operation *[16]byte
	err = row.Scan(&c.Sequence, &kind, (*[16]byte)(&c.Charge), &c.Version, &state, &c.Amount, &c.Currency, &c.Captured, &c.Refunded, &operation,
		&act, &outcome, &c.OperationAmount, &c.At)
	if operation != nil {
		c.Operation = *operation
	}
	c.Kind, c.State, c.At = wordOf(auditedKinds, kind), wordOf(auditedStates, state), c.At.UTC()
	c.OperationKind, c.OperationOutcome = wordOf(auditedActs, act), wordOf(auditedOutcomes, outcome)
	return c, err
}

// wordOf returns the word for a number. A number of a later version keeps itself.
func wordOf(words []string, number int16) string {
	if number < 0 || int(number) >= len(words) {
		return fmt.Sprint(number)
	}
	return words[number]
}
