package outbox

import (
	"context"
	"slices"
	"sync"

	"codebank.dev/bank"
)

// stage is how far a row in flight has come.
type stage uint8

const (
	taken        stage = iota // fetched
	outstanding               // given to the publisher
	failed                    // not published, says the publisher
	acknowledged              // on the broker, not yet deleted
)

type flying struct {
	stage stage
	bytes int32
}

// flight keeps book of the rows that a fetch must not bring again: those between
// fetch and delete, and those held back. It is safe for concurrent use.
type flight struct {
	stats *counters

	mutex sync.Mutex
	rows  map[int64]flying
	held  map[int64]struct{}
	bytes int64
	// acked lists acknowledged rows that nobody has begun to delete; enough is how
	// many of them are waited for.
	acked       []int64
	enough      int
	outstanding int // rows in that stage
	undeleted   int // rows acknowledged
	anyFailed   bool
	// run counts how often the flight began anew; what was fetched before is void.
	run int

	// Each tells one goroutine that something has changed for it.
	room, answers, trouble, deletable, settled, released chan struct{}
}

func newFlight(stats *counters) *flight {
	return &flight{
		stats:     stats,
		rows:      make(map[int64]flying),
		held:      make(map[int64]struct{}),
		room:      make(chan struct{}, 1),
		answers:   make(chan struct{}, 1),
		trouble:   make(chan struct{}, 1),
		deletable: make(chan struct{}, 1),
		settled:   make(chan struct{}, 1),
		released:  make(chan struct{}, 1),
	}
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// await waits on c until condition holds under the lock; false when ctx ended.
func (f *flight) await(ctx context.Context, c chan struct{}, condition func() bool) bool {
	for ctx.Err() == nil {
		f.mutex.Lock()
		holds := condition()
		f.mutex.Unlock()
		if holds {
			return true
		}
		select {
		case <-c:
		case <-ctx.Done():
		}
	}
	return false
}

// awaitRoom waits until a batch more is within the bounds.
func (f *flight) awaitRoom(ctx context.Context, config *Config) bool {
	return f.await(ctx, f.room, func() bool {
		return len(f.rows)+config.BatchRows <= config.MaxRows && f.bytes < config.MaxBytes && len(f.held) < config.MaxHeld
	})
}

// awaitAnswers waits until the publisher has answered for every row it was given.
func (f *flight) awaitAnswers(ctx context.Context) bool {
	return f.await(ctx, f.answers, func() bool { return f.outstanding == 0 })
}

// awaitAcknowledged waits until there are so many rows to delete.
func (f *flight) awaitAcknowledged(ctx context.Context, rows int) bool {
	return f.await(ctx, f.deletable, func() bool {
		f.enough = rows
		return len(f.acked) >= rows
	})
}

// skip returns the ids that a fetch must leave out, and the run it belongs to.
func (f *flight) skip() ([]int64, int) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	ids := make([]int64, 0, len(f.rows)+len(f.held))
	for id := range f.rows {
		ids = append(ids, id)
	}
	for id := range f.held {
		ids = append(ids, id)
	}
	return ids, f.run
}

// add takes fetched rows into the flight and returns those that were not in it,
// none when the flight has begun anew since the fetch.
func (f *flight) add(rows []bank.OutboxRow, run int) []bank.OutboxRow {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	if run != f.run {
		return nil
	}
	rows = slices.DeleteFunc(rows, func(row bank.OutboxRow) bool {
		_, flies := f.rows[row.ID]
		_, held := f.held[row.ID]
		return flies || held
	})
	for i := range rows {
		size := int32(len(rows[i].Event.Body))
		f.rows[rows[i].ID] = flying{taken, size}
		f.bytes += int64(size)
	}
	f.gauge()
	return rows
}

// sent notes that the row is about to be given to the publisher; false when it
// must not be, for the flight has begun anew.
func (f *flight) sent(id int64, run int) bool {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	row, ok := f.rows[id]
	if run != f.run || !ok {
		return false
	}
	row.stage = outstanding
	f.rows[id] = row
	f.outstanding++
	return true
}

// answered takes the publisher's answer for a row.
func (f *flight) answered(id int64, err error) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	row := f.rows[id]
	f.outstanding--
	if err != nil {
		row.stage = failed
		f.anyFailed = true
		signal(f.trouble)
		f.stats.publishErrors.Add(1)
	} else {
		row.stage = acknowledged
		f.acked = append(f.acked, id)
		f.undeleted++
		f.stats.published.Add(1)
		if len(f.acked) == f.enough {
			signal(f.deletable)
		}
	}
	f.rows[id] = row
	if f.outstanding == 0 {
		signal(f.answers)
	}
}

func (f *flight) hasFailed() bool {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	return f.anyFailed
}

// beginAnew forgets every row that is not acknowledged, so that the next fetch
// brings it again. Nothing may be outstanding.
func (f *flight) beginAnew() {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	for id, row := range f.rows {
		if row.stage != acknowledged {
			f.forget(id)
		}
	}
	f.anyFailed = false
	select { // failures that came while waiting are part of this
	case <-f.trouble:
	default:
	}
	f.run++
	f.gauge()
	signal(f.room)
	signal(f.released)
}

// forget removes a row; the lock must be held.
func (f *flight) forget(id int64) {
	f.bytes -= int64(f.rows[id].bytes)
	delete(f.rows, id)
}

// takeAcknowledged returns up to limit rows to delete. They stay in flight until deleted.
func (f *flight) takeAcknowledged(limit int) []int64 {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	n := min(limit, len(f.acked))
	ids := slices.Clone(f.acked[:n])
	f.acked = slices.Delete(f.acked, 0, n)
	return ids
}

// awaitDeleted waits until nothing acknowledged is left to delete.
func (f *flight) awaitDeleted(ctx context.Context) bool {
	return f.await(ctx, f.settled, func() bool { return f.undeleted == 0 })
}

// deleted takes rows out of the flight that the store has deleted.
func (f *flight) deleted(ids []int64) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	for _, id := range ids {
		f.forget(id)
	}
	f.undeleted -= len(ids)
	f.stats.deleted.Add(int64(len(ids)))
	f.gauge()
	signal(f.room)
	signal(f.settled)
}

// hold moves a fetched row among those held back; false when it is void.
func (f *flight) hold(id int64, run int) bool {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	if _, ok := f.rows[id]; run != f.run || !ok {
		return false
	}
	f.forget(id)
	f.held[id] = struct{}{}
	f.gauge()
	return true
}

// release lets the next fetch bring rows that were held back.
func (f *flight) release(ids []int64) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	for _, id := range ids {
		delete(f.held, id)
	}
	f.gauge()
	signal(f.room)
	signal(f.released)
}

// gauge publishes the sizes; the lock must be held.
func (f *flight) gauge() {
	f.stats.inFlight.Store(int64(len(f.rows)))
	f.stats.held.Store(int64(len(f.held)))
}
