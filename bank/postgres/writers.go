package postgres

import (
	"slices"

	"codebank.dev/platform/database/wire"
)

// readWriters returns the transactions that may make a row of the outbox visible later, by their
// virtual ids. It is safe to take them from the server's locks:
//
//   - An INSERT locks the table in ROW EXCLUSIVE mode before it is executed, and so before its first
//     id is taken. That holds for every role and every program.
//   - The server releases the lock after the transaction has become visible, or has failed. When a
//     subtransaction gives the lock back, its rows have failed.
//   - So once the last id taken is read, every transaction that took an id up to it, and may still
//     become visible, is among the writers that are read afterwards.
//   - pg_locks misses no lock that is held while it is read. It reads the locks that a session keeps
//     for itself before the shared ones, and locks move in that direction only.
//   - PREPARE TRANSACTION hands the lock to the prepared transaction, which has another virtual id
//     and no process. Which transaction it was is unknown, so every prepared writer counts.
//
// Transactions of other databases, and those that never write into the outbox, are not among the
// writers. A transaction that deletes from the outbox is, for a moment; the reading one is left out.
var readWriters = &wire.Statement{Name: "read_writers", SQL: `SELECT virtualtransaction, pid IS NULL FROM pg_locks
	WHERE locktype = 'relation' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
		AND relation = 'outbox'::regclass AND mode = 'RowExclusiveLock' AND granted AND pid IS DISTINCT FROM pg_backend_pid()`}

// writers are the transactions that held the lock of the outbox at one moment.
type writers struct {
	ids      []string
	prepared bool
}

// add takes a row of readWriters.
func (w *writers) add(r wire.Row) {
	id := r.Text()
	if r.Bool() {
		w.prepared = true
		return
	}
	w.ids = append(w.ids, id)
}

// includeAny reports whether one of earlier writers may still become visible.
func (w *writers) includeAny(earlier []string) bool {
	return w.prepared || slices.ContainsFunc(w.ids, func(id string) bool { return slices.Contains(earlier, id) })
}
