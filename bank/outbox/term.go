package outbox

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"codebank.dev/bank"
)

// term is the work of a leader under one epoch. What it remembers ends with it:
// under another epoch others may have published.
type term struct {
	relay   *Relay
	config  *Config
	epoch   int64
	flight  *flight
	order   *order
	fetched chan batch
}

// batch is what one fetch brought. It is void once the flight has begun anew.
type batch struct {
	rows []bank.OutboxRow
	run  int
}

func newTerm(r *Relay, epoch int64) *term {
	return &term{
		relay:  r,
		config: &r.config,
		epoch:  epoch,
		flight: newFlight(&r.stats),
		order:  newOrder(r.config.Accounts),
		// One batch waits while another is published.
		fetched: make(chan batch, 1),
	}
}

// fetch brings rows until ctx ends: at once while there are many, and after a
// pause that grows while there are none.
func (t *term) fetch(ctx context.Context) {
	faults, idle := newBackoff(t.config.Poll), newBackoff(t.config.Poll)
	for t.flight.awaitRoom(ctx, t.config) {
		skip, run := t.flight.skip()
		rows, err := t.config.Outbox.Fetch(ctx, t.config.BatchRows, skip)
		if err != nil {
			if ctx.Err() == nil {
				t.relay.storeAway("fetch", err)
			}
			if !pause(ctx, faults.next()) {
				return
			}
			continue
		}
		t.relay.storeBack()
		faults.reset()
		t.relay.stats.fetches.Add(1)
		full := len(rows) == t.config.BatchRows
		if rows = t.flight.add(rows, run); len(rows) > 0 {
			idle.reset()
			select {
			case t.fetched <- batch{rows, run}:
			case <-ctx.Done():
				return
			}
		}
		if (!full || len(rows) == 0) && !t.idle(ctx, idle.next()) {
			return
		}
	}
}

// idle waits until rows may have come: a notice, but not sooner than the pause, or
// the time given. It reports whether ctx goes on.
func (t *term) idle(ctx context.Context, atMost time.Duration) bool {
	if !pause(ctx, t.config.FetchPause) {
		return false
	}
	timer := time.NewTimer(atMost)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.relay.wake:
	case <-t.flight.released:
	case <-timer.C:
	}
	return true
}

// publish hands rows to the publisher in id order until ctx ends.
func (t *term) publish(ctx context.Context) {
	faults := newBackoff(t.config.Lease)
	// What an earlier term gave to the publisher is answered first.
	if t.config.Publisher.Flush(ctx) != nil {
		return
	}
	for {
		select {
		case <-ctx.Done():
			return
		case b := <-t.fetched:
			if t.sendAll(ctx, b) {
				faults.reset()
			}
		case <-t.flight.trouble:
			// Something was not published. Nothing more is sent before all else is answered,
			// and then everything unacknowledged is fetched again, lowest first.
			if t.config.Publisher.Flush(ctx) != nil || !t.flight.awaitAnswers(ctx) || !pause(ctx, faults.next()) {
				return
			}
			t.flight.beginAnew()
		}
	}
}

// sendAll sends a batch, as far as nothing fails meanwhile. It reports whether
// the batch went out whole.
func (t *term) sendAll(ctx context.Context, b batch) bool {
	for i := range b.rows {
		if ctx.Err() != nil || t.flight.hasFailed() {
			return false
		}
		t.send(ctx, &b.rows[i], b.run)
	}
	return true
}

// send publishes one row, or holds it back while its predecessor is missing.
func (t *term) send(ctx context.Context, row *bank.OutboxRow, run int) {
	event := &row.Event
	switch t.order.judge(event) {
	case ahead:
		t.hold(row, run)
		return
	case repeat:
		t.relay.stats.repeats.Add(1)
	}
	if !t.flight.sent(row.ID, run) {
		return
	}
	id := row.ID
	t.config.Publisher.Publish(ctx, *event, func(err error) { t.flight.answered(id, err) })
	if waiting := t.order.unblocks(event); waiting != nil {
		t.flight.release(waiting)
	}
}

// hold keeps a row out of the way without keeping its body. It is fetched again
// when an event of its account has been sent.
func (t *term) hold(row *bank.OutboxRow, run int) {
	if !t.flight.hold(row.ID, run) {
		return
	}
	if last, first := t.order.hold(&row.Event, row.ID); first {
		t.relay.logger.Warn("event held back, its predecessor is missing; if this lasts, publish the account again",
			slog.String("account_id", row.Event.AccountID.String()),
			slog.Int64("sequence", row.Event.Sequence), slog.Int64("last_sent", last))
	}
}

// delete removes acknowledged rows until leading ends.
func (t *term) delete(leading context.Context, lose context.CancelCauseFunc) {
	for t.flight.awaitAcknowledged(leading, 1) {
		t.deleteOnce(leading, lose)
		// Small deletes would cost as many commits: wait for a batch, but not for long.
		gathering, cancel := context.WithTimeout(leading, t.config.DeletePause)
		t.flight.awaitAcknowledged(gathering, t.config.BatchRows)
		cancel()
	}
}

// deleteOnce removes up to a batch of acknowledged rows, trying until it succeeds
// or leading ends.
func (t *term) deleteOnce(leading context.Context, lose context.CancelCauseFunc) {
	ids := t.flight.takeAcknowledged(t.config.BatchRows)
	faults := newBackoff(t.config.Lease)
	for len(ids) > 0 && leading.Err() == nil {
		err := t.config.Outbox.Delete(leading, t.epoch, ids)
		switch {
		case err == nil:
			t.relay.storeBack()
			t.flight.deleted(ids)
			return
		case errors.Is(err, bank.ErrLeaseLost):
			lose(errDeposed)
			return
		case leading.Err() == nil:
			t.relay.storeAway("delete", err)
		}
		pause(leading, faults.next())
	}
}

// settle ends a term in good order, unless the lease is lost: it waits a bounded
// time until what was published is acknowledged, and what was acknowledged deleted.
func (t *term) settle(leading context.Context) {
	ctx, cancel := context.WithTimeout(leading, t.config.Flush)
	defer cancel()
	if ctx.Err() != nil {
		return
	}
	err := t.config.Publisher.Flush(ctx)
	if !t.flight.awaitDeleted(ctx) || err != nil {
		t.relay.logger.Warn("relay ends with events in flight, they will be sent again", slog.Any("error", err))
	}
}
