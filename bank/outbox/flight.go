package outbox

import (
	"context"
	"errors"
	"slices"
	"sync"

	"codebank.dev/bank"
)

// stage is how far a row in flight has come.
type stage uint8

const (
	taken        stage = iota // fetched
	outstanding               // given to the publisher
	failed                    // the publisher could not publish it
	acknowledged              // on the broker, not yet deleted
)

type rowInFlight struct {
	stage stage
	bytes int32
}

// flight keeps the rows that a fetch must leave out: those between fetch and delete, and those held
// back. It is safe for concurrent use.
type flight struct {
	stats *counters

	mutex sync.Mutex
	rows  map[int64]rowInFlight
	held  map[int64]struct{}
	bytes int64
	// acked are the acknowledged rows whose delete has not begun; enough is how many of them the
	// deleter waits for.
	acked       []int64
	enough      int
	outstanding int // rows in the stage outstanding
	undeleted   int // acknowledged rows
	anyFailed   bool
	tooLarge    []int64 // failed rows whose event the broker refuses by its size
	// generation counts the restarts of the flight. Rows that were fetched before a restart are void.
	generation int

	// Each channel tells one goroutine that something has changed for it.
	room, answers, failures, deletable, deletes, released chan struct{}
}

func newFlight(stats *counters) *flight {
	return &flight{
		stats:     stats,
		rows:      make(map[int64]rowInFlight),
		held:      make(map[int64]struct{}),
		room:      make(chan struct{}, 1),
		answers:   make(chan struct{}, 1),
		failures:  make(chan struct{}, 1),
		deletable: make(chan struct{}, 1),
		deletes:   make(chan struct{}, 1),
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

// awaitRoom waits until another batch is within the limits.
func (f *flight) awaitRoom(ctx context.Context, config *Config) bool {
	return f.await(ctx, f.room, func() bool {
		return len(f.rows)+config.BatchRows <= config.MaxRows && f.bytes < config.MaxBytes && len(f.held) < config.MaxHeld
	})
}

// awaitAnswers waits until the publisher has answered for every row that it was given.
func (f *flight) awaitAnswers(ctx context.Context) bool {
	return f.await(ctx, f.answers, func() bool { return f.outstanding == 0 })
}

// awaitAcknowledged waits until there are at least this many rows to delete.
func (f *flight) awaitAcknowledged(ctx context.Context, rows int) bool {
	return f.await(ctx, f.deletable, func() bool {
		f.enough = rows
		return len(f.acked) >= rows
	})
}

// skip returns the ids that a fetch must leave out, and the current generation.
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
	return ids, f.generation
}

// add takes fetched rows into the flight and returns those that were not in it. It returns none
// when the flight was restarted since the fetch.
func (f *flight) add(rows []bank.OutboxRow, generation int) []bank.OutboxRow {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	if generation != f.generation {
		return nil
	}
	rows = slices.DeleteFunc(rows, func(row bank.OutboxRow) bool {
		_, flies := f.rows[row.ID]
		_, held := f.held[row.ID]
		return flies || held
	})
	for i := range rows {
		size := int32(len(rows[i].Event.Body))
		f.rows[rows[i].ID] = rowInFlight{taken, size}
		f.bytes += int64(size)
	}
	f.gauge()
	return rows
}

// sent notes that the row is about to be given to the publisher. False means that it must not be,
// because the flight was restarted.
func (f *flight) sent(id int64, generation int) bool {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	row, ok := f.rows[id]
	if generation != f.generation || !ok {
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
		if errors.Is(err, bank.ErrEventTooLarge) {
			f.tooLarge = append(f.tooLarge, id)
		}
		signal(f.failures)
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

// has reports whether a row is between fetch and delete.
func (f *flight) has(id int64) bool {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	_, ok := f.rows[id]
	return ok
}

// takeTooLarge returns the rows whose event was refused by its size since the last call.
func (f *flight) takeTooLarge() []int64 {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	ids := f.tooLarge
	f.tooLarge = nil
	return ids
}

// restart removes every row that is not acknowledged, so that the next fetch returns it again. No
// answer may be outstanding.
func (f *flight) restart() {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	for id, row := range f.rows {
		if row.stage != acknowledged {
			f.remove(id)
		}
	}
	f.anyFailed = false
	select { // failures that were reported while waiting are part of this restart
	case <-f.failures:
	default:
	}
	f.generation++
	f.gauge()
	signal(f.room)
	signal(f.released)
}

// remove removes a row; the lock must be held.
func (f *flight) remove(id int64) {
	f.bytes -= int64(f.rows[id].bytes)
	delete(f.rows, id)
}

// takeAcknowledged returns up to limit rows to delete. They stay in flight until they are deleted.
func (f *flight) takeAcknowledged(limit int) []int64 {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	n := min(limit, len(f.acked))
	ids := slices.Clone(f.acked[:n])
	f.acked = slices.Delete(f.acked, 0, n)
	return ids
}

// awaitDeleted waits until every acknowledged row is deleted.
func (f *flight) awaitDeleted(ctx context.Context) bool {
	return f.await(ctx, f.deletes, func() bool { return f.undeleted == 0 })
}

// deleted removes rows from the flight that the store has deleted.
func (f *flight) deleted(ids []int64) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	for _, id := range ids {
		f.remove(id)
	}
	f.undeleted -= len(ids)
	f.stats.deleted.Add(int64(len(ids)))
	f.gauge()
	signal(f.room)
	signal(f.deletes)
}

// hold moves a fetched row among those held back; false when the row is void.
func (f *flight) hold(id int64, generation int) bool {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	if _, ok := f.rows[id]; generation != f.generation || !ok {
		return false
	}
	f.remove(id)
	f.held[id] = struct{}{}
	f.gauge()
	return true
}

// release lets the next fetch return rows that were held back.
func (f *flight) release(ids []int64) {
	if len(ids) == 0 {
		return
	}
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
