package outbox

import (
	"log/slog"

	"codebank.dev/bank"
)

// retryOversized is the time between two tries to publish an event that the broker refused by its
// size. The limit may have been raised meanwhile.
const retryOversized = firstAlarm

// oversized are the rows whose event the broker refused by its size, by their ids. Each is set
// aside for a while, and the later events of its account are held back meanwhile. All other
// accounts go on. It belongs to the publishing goroutine.
type oversized map[int64]*oversizedRow

// oversizedState is where a row is that was refused by its size.
type oversizedState uint8

const (
	refused oversizedState = iota // to be fetched again
	aside                         // fetched and held back
	again                         // released, to be sent once more
)

type oversizedRow struct {
	state oversizedState
	// retry is when the row is released, alarm when the log names it next.
	retry, alarm round
	// The other fields are those of the row, set when it is put aside for the first time.
	transaction, account bank.ID
	sequence             int64
	bytes                int
}

// note notes rows that were refused by their size.
func (o oversized) note(ids []int64, now round) {
	for _, id := range ids {
		if o[id] == nil {
			o[id] = &oversizedRow{alarm: now}
		}
		o[id].state, o[id].retry = refused, now+retryOversized
	}
}

// blocks reports whether the later events of an account wait for such a row.
func (o oversized) blocks(account bank.ID) bool {
	for _, row := range o {
		if row.account == account {
			return true
		}
	}
	return false
}

// setAside holds a row back whose event was just refused by its size. It reports whether it did.
func (t *term) setAside(row *bank.OutboxRow, generation int) bool {
	known := t.oversized[row.ID]
	if known == nil || known.state == again {
		return false
	}
	if !t.flight.hold(row.ID, generation) {
		return true
	}
	event := &row.Event
	known.state, known.transaction, known.bytes = aside, event.TransactionID, len(event.Body)
	if t.sequences.unsent(row) {
		known.account, known.sequence = event.AccountID, event.Sequence
	}
	if t.round >= known.alarm {
		known.alarm = t.round + repeatAlarm
		t.logOversized(row.ID, known)
	}
	return true
}

// releaseOversized lets rows be fetched and sent again when it is time. It forgets those that are
// gone: they were published, or an operator has deleted them.
func (t *term) releaseOversized() {
	var ids []int64
	for id, row := range t.oversized {
		switch {
		case row.state == aside && t.round >= row.retry:
			row.state = again
			ids = append(ids, id)
		case row.state == again && t.round >= row.retry+retryOversized && !t.flight.has(id):
			delete(t.oversized, id)
			t.sequences.forget(row.account, id)
		}
	}
	t.flight.release(ids)
}

// logOversized says which event is too large, and what to do.
func (t *term) logOversized(id int64, row *oversizedRow) {
	t.relay.logger.Error("an event is larger than the broker takes; the later events of its account wait and no watermark is published; raise max.message.bytes of the topic of events",
		slog.Int64("outbox_id", id), slog.String("transaction_id", row.transaction.String()),
		slog.String("account_id", row.account.String()), slog.Int64("sequence", row.sequence), slog.Int("bytes", row.bytes))
}
