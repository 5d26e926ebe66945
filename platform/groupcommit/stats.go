package groupcommit

import "sync/atomic"

type stats struct {
	commands, batches, joined, retried, split, refused atomic.Int64
}

// Stats counts what an executor has done since it was made.
type Stats struct {
	Commands int64 // committed
	Batches  int64 // commits of these commands
	Joined   int64 // answered by an equal command in flight
	Retried  int64 // batches decided again after a conflict
	Split    int64 // batches split because their data was refused
	Refused  int64 // commands that a full queue refused
	Waiting  int64 // commands that wait now
}

// Stats returns the counters. Each is exact; together they are of about one moment.
func (e *Executor[C, R]) Stats() Stats {
	return Stats{
		Commands: e.stats.commands.Load(), Batches: e.stats.batches.Load(), Joined: e.stats.joined.Load(),
		Retried: e.stats.retried.Load(), Split: e.stats.split.Load(), Refused: e.stats.refused.Load(),
		Waiting: int64(e.scheduler.length()),
	}
}
