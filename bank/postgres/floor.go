package postgres

import "sync"

// floor is the lowest outbox id that can be visible now or later. Below it all rows are deleted, or
// belong to transactions that failed. It matters when a transaction keeps an old snapshot and dead
// rows pile up: without a floor, every fetch would read over all of them to find the first live
// row.
//
// The last visible id is not a floor, because ids are taken before the commit, and a lower one may
// become visible later. This is safe: note the last id that was taken (mark), and the id of a
// transaction that began to write after that (writer). Every transaction that takes outbox ids has
// written before, and so has a transaction id below writer. Once no transaction up to writer runs
// any more, every id up to mark is final: it is visible, or never will be.
//
// Delete makes the note in its own transaction. Its commit is flushed, so a crash cannot set the
// sequence back behind mark.
type floor struct {
	mutex  sync.Mutex
	lowest int64
	// mark and writer are the current note; writer is 0 when there is none.
	mark   int64
	writer uint64
	// kept is the highest floor that was stored in the database.
	kept int64
}

// at returns the floor as far as this process knows it.
func (f *floor) at() int64 {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	return f.lowest
}

// adopt takes over a floor that another process found.
func (f *floor) adopt(lowest int64) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	f.lowest = max(f.lowest, lowest)
}

// stored notes the floor that was stored in the database, and reports whether it is higher than
// before.
func (f *floor) stored(lowest int64) bool {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	moved := lowest > f.kept
	f.kept = max(f.kept, lowest)
	return moved
}

// note keeps the last id that was taken and a transaction that began to write after it. It does not
// replace a current note, because that one ends earlier.
func (f *floor) note(mark int64, writer uint64) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	if f.writer == 0 && writer != 0 && mark >= f.lowest {
		f.mark, f.writer = mark, writer
	}
}

// raise raises the floor when no transaction up to the noted one runs any more. running is the
// lowest transaction id that still ran at some moment. visible is the lowest outbox id that was
// visible at a later moment, 0 when there was none.
func (f *floor) raise(running uint64, visible int64) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	if f.writer == 0 || running <= f.writer {
		return
	}
	lowest := f.mark + 1
	if visible != 0 {
		lowest = min(lowest, visible)
	}
	f.lowest = max(f.lowest, lowest)
	f.writer = 0
}

// reset forgets the floor, because this is not the database that it was found in.
func (f *floor) reset() {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	f.lowest, f.mark, f.writer, f.kept = 0, 0, 0, 0
}
