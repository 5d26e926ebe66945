package postgres

import "sync"

// floor is the lowest outbox id that can be visible now or later. Below it all rows are deleted, or
// belong to transactions that failed. It matters when a transaction keeps an old snapshot and dead
// rows pile up: without a floor, every fetch would read over all of them to find the first live
// row.
//
// The last visible id is not a floor, because ids are taken before the commit, and a lower one may
// become visible later. This is safe: note the last id that was taken (mark), and then the
// transactions that may have taken it or a lower one (see readWriters). Once none of them runs any
// more, every id up to mark is final: it is visible, or never will be.
//
// Delete makes the note in its own transaction. Its commit is flushed, so a crash cannot set the
// sequence back behind mark.
type floor struct {
	mutex  sync.Mutex
	lowest int64
	// mark and writers are the current note, if there is one.
	noted   bool
	mark    int64
	writers []string
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

// note keeps the last id that was taken and the transactions that may still make it or a lower one
// visible. It does not replace a current note, because that one ends earlier.
func (f *floor) note(mark int64, running *writers) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	if !f.noted && mark >= f.lowest {
		f.noted, f.mark, f.writers = true, mark, running.ids
	}
}

// hasNote reports whether raise may raise the floor.
func (f *floor) hasNote() bool {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	return f.noted
}

// raise raises the floor when none of the noted transactions runs any more. running are the
// transactions that ran at some moment. visible is the lowest outbox id that was visible at a later
// moment, 0 when there was none.
func (f *floor) raise(running *writers, visible int64) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	if !f.noted || running.includeAny(f.writers) {
		return
	}
	lowest := f.mark + 1
	if visible != 0 {
		lowest = min(lowest, visible)
	}
	f.lowest = max(f.lowest, lowest)
	f.noted, f.writers = false, nil
}

// reset forgets the floor, because this is not the database that it was found in.
func (f *floor) reset() {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	f.lowest, f.mark, f.kept = 0, 0, 0
	f.noted, f.writers = false, nil
}
