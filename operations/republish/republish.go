// Package republish writes events of a bank's ledger into its outbox again, so that the
// bank's relay publishes them once more. The events are made again from the entries, which
// hold every field of them, and keep their ids.
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

// Open waits until the ledger in store answers, for as long as ctx, and returns its
// republisher. It refuses a ledger that does not belong to the bank with this code: the
// code is part of every event, and an event never changes. version is the schema's version
// that the events are written in, 1 to event.NewestVersion.
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
// An event that the schema's version cannot hold is an error. After an error a beginning
// may have been written; doing it again is harmless.
func (r *Republisher) Account(ctx context.Context, span postgres.Span) (int, error) {
	return r.store.RequeueEvents(ctx, span, r.encoder.Event)
}

// Refusals republishes the events of all declines without an account, like Account.
func (r *Republisher) Refusals(ctx context.Context) (int, error) {
	return r.store.RequeueRefusals(ctx, id.ID{}, r.encoder.Event)
}
