package outbox

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"codebank.dev/bank"
)

// term is the work of a leader under one epoch. Its memory ends with it, because under another
// epoch other relays may have published.
type term struct {
	relay     *Relay
	config    *Config
	epoch     int64
	flight    *flight
	sequences *sequences
	oversized oversized
	round     round
	fetched   chan batch
}

// batch is the result of one fetch. It is void after a restart of the flight.
type batch struct {
	rows       []bank.OutboxRow
	generation int
}

func newTerm(r *Relay, epoch int64) *term {
	return &term{
		relay:     r,
		config:    &r.config,
		epoch:     epoch,
		flight:    newFlight(&r.stats),
		sequences: newSequences(r.config.Accounts),
		oversized: make(oversized),
		// One batch waits while another is published.
		fetched: make(chan batch, 1),
	}
}

// fetch fetches rows until ctx ends: without a pause while there are many, and with a growing pause
// while there are none.
func (t *term) fetch(ctx context.Context) {
	faults, idle := newBackoff(t.config.Poll), newBackoff(t.config.Poll)
	for t.flight.awaitRoom(ctx, t.config) {
		skip, generation := t.flight.skip()
		rows, err := t.config.Outbox.Fetch(ctx, t.config.BatchRows, skip)
		if err != nil {
			if ctx.Err() == nil {
				t.relay.storeAway("fetch", err)
			}
			if !sleep(ctx, faults.next()) {
				return
			}
			continue
		}
		t.relay.storeBack()
		faults.reset()
		t.relay.stats.fetches.Add(1)
		full := len(rows) == t.config.BatchRows
		if rows = t.flight.add(rows, generation); len(rows) > 0 {
			idle.reset()
			select {
			case t.fetched <- batch{rows, generation}:
			case <-ctx.Done():
				return
			}
		}
		if (!full || len(rows) == 0) && !t.awaitRows(ctx, idle.next()) {
			return
		}
	}
}

// awaitRows waits until there may be new rows: at least FetchPause, then until a notice or for the
// given time. It reports whether ctx still lasts.
func (t *term) awaitRows(ctx context.Context, atMost time.Duration) bool {
	if !sleep(ctx, t.config.FetchPause) {
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
	rounds := time.NewTicker(roundInterval)
	defer rounds.Stop()
	// Wait for the answers to the events of an earlier term.
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
		case <-t.flight.failures:
			// An event was not published. Wait for all other answers before anything more is sent,
			// then fetch every unacknowledged row again, lowest id first.
			if t.config.Publisher.Flush(ctx) != nil || !t.flight.awaitAnswers(ctx) || !sleep(ctx, faults.next()) {
				return
			}
			tooLarge := t.flight.takeTooLarge()
			t.oversized.note(tooLarge, t.round)
			t.sequences.unsentMended(tooLarge)
			t.flight.restart()
		case <-rounds.C:
			t.round++
			t.releaseOversized()
			t.alarm()
		}
	}
}

// sendAll sends a batch until something fails. It reports whether the whole batch was sent.
func (t *term) sendAll(ctx context.Context, b batch) bool {
	for i := range b.rows {
		if ctx.Err() != nil || t.flight.hasFailed() {
			return false
		}
		t.send(ctx, &b.rows[i], b.generation)
	}
	return true
}

// send publishes one row, or holds it back while its predecessor is missing.
func (t *term) send(ctx context.Context, row *bank.OutboxRow, generation int) {
	event := &row.Event
	if t.setAside(row, generation) {
		return
	}
	switch t.sequences.check(row) {
	case ahead:
		t.hold(row, generation)
		return
	case repeated:
		t.relay.stats.repeats.Add(1)
	}
	if !t.flight.sent(row.ID, generation) {
		return
	}
	id := row.ID
	t.config.Publisher.Publish(ctx, *event, func(err error) { t.flight.answered(id, err) })
	if waiting := t.sequences.unblock(event); waiting != nil {
		t.flight.release(waiting)
	}
}

// hold sets a row aside without its body. It is fetched again after an event of its account has
// been sent.
func (t *term) hold(row *bank.OutboxRow, generation int) {
	if !t.flight.hold(row.ID, generation) {
		return
	}
	held, first := t.sequences.hold(&row.Event, row.ID)
	if !first {
		return
	}
	held.alarm = t.round + firstAlarm
	if held.oversized = t.oversized.blocks(row.Event.AccountID); !held.oversized {
		t.logHeld(slog.LevelWarn, row.Event.AccountID, held)
	}
}

// delete removes acknowledged rows until leading ends.
func (t *term) delete(leading context.Context, lose context.CancelCauseFunc) {
	for t.flight.awaitAcknowledged(leading, 1) {
		t.deleteOnce(leading, lose)
		// Many small deletes would cost as many commits: wait for a batch, but not for long.
		gathering, cancel := context.WithTimeout(leading, t.config.DeletePause)
		t.flight.awaitAcknowledged(gathering, t.config.BatchRows)
		cancel()
	}
}

// deleteOnce removes up to a batch of acknowledged rows. It retries until it succeeds or leading
// ends.
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
		sleep(leading, faults.next())
	}
}

// drain ends a term in good order, unless the lease is lost. For a limited time it waits until the
// published rows are acknowledged and the acknowledged rows are deleted.
func (t *term) drain(leading context.Context) {
	ctx, cancel := context.WithTimeout(leading, t.config.Flush)
	defer cancel()
	if ctx.Err() != nil {
		return
	}
	err := t.config.Publisher.Flush(ctx)
	if !t.flight.awaitDeleted(ctx) || err != nil {
		t.relay.logger.Warn("relay ends with events in flight; the next leader sends them again", slog.Any("error", err))
	}
}
