package ledger

import "sync/atomic"

type stats struct {
	commands, batches, joined, retried, split, refused atomic.Int64
}

// Stats counts what an executor has done since it was made.
type Stats struct {
	Commands int64 // decided and committed
	Batches  int64 // commits that served them
	Joined   int64 // answered by a twin in flight
	Retried  int64 // batches decided again after a conflict
	Split    int64 // batches split because their data was refused
	Refused  int64 // turned away by a full queue
	Waiting  int64 // on the lanes at this moment
}

// Stats returns the counters; each is exact, together they are of about one moment.
func (e *Executor) Stats() Stats {
	return Stats{
		Commands: e.stats.commands.Load(), Batches: e.stats.batches.Load(), Joined: e.stats.joined.Load(),
		Retried: e.stats.retried.Load(), Split: e.stats.split.Load(), Refused: e.stats.refused.Load(),
		Waiting: int64(e.lanes.length()),
	}
}
