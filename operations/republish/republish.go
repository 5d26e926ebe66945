// Package republish writes events of a bank's ledger into its outbox again, so that the
// bank's relay publishes them once more. It makes the events again from the entries, which
// hold every field of an event. The events keep their ids.
package republish

import (
	"context"
	"fmt"

	"codebank.dev/bank/kafka"
	"codebank.dev/bank/postgres"
	"codebank.dev/operations/provision"
	"codebank.dev/platform/fault"
	"codebank.dev/platform/id"
)

// Republisher writes events of one ledger into its outbox.
type Republisher struct {
	store   *postgres.Store
	encoder *kafka.Encoder
}

// Open waits until the ledger in store answers or ctx ends, and returns the ledger's
// republisher. It refuses the ledger of another bank than the one with this code, because
// the code is part of every event and an event never changes. version is the version of
// the schema in which the events are written, 1 to event.NewestVersion.
func Open(ctx context.Context, store *postgres.Store, code string, version int) (*Republisher, error) {
	var opened *Republisher
	err := provision.Await(ctx, "the ledger's database", func(ctx context.Context) error {
		owner, err := store.Owner(ctx)
		switch {
		case err != nil && fault.CodeOf(err) == fault.Unavailable && ctx.Err() == nil:
			return provision.NotReady(err)
		case err != nil:
			return err
		case string(owner) != code:
			return fmt.Errorf("the ledger is that of bank %s, not %s", owner, code)
		}
		opened = &Republisher{store: store, encoder: kafka.NewVersionEncoder(owner, version)}
		return nil
	})
	return opened, err
}

// Account republishes the events of a span of an account and returns how many there were.
// An event that the version of the schema cannot hold is an error. After an error, some of
// the first events may have been written; it is harmless to call Account again.
func (r *Republisher) Account(ctx context.Context, span postgres.Span) (int, error) {
	return r.store.RequeueEvents(ctx, span, r.encoder.Event)
}

// Refusals republishes the events of all declines without an account, like Account.
func (r *Republisher) Refusals(ctx context.Context) (int, error) {
	return r.store.RequeueRefusals(ctx, id.ID{}, r.encoder.Event)
}
