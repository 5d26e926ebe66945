package postgres

import "sync"

// floor is the lowest outbox id that can be visible, now or ever: below it all rows
// are deleted, or belong to transactions that failed. It matters when dead rows
// pile up because somebody keeps an old snapshot: without it every fetch would walk
// over all of them to find the first live one.
//
// "The last id seen" is no floor, for ids are taken before the commit and a lower
// one may show up later. What is safe: note the last id taken (mark), and an id of
// a transaction that began to write after that (writer). Who takes outbox ids has
// written before and so has a transaction id below writer. Once no transaction up
// to writer runs any more, every id up to mark is settled: visible, or never to be.
//
// The note is made by Delete, in its own transaction: its commit is flushed, so a
// crash cannot turn the sequence back behind mark.
type floor struct {
	mutex  sync.Mutex
	lowest int64
	// mark and writer are the note under way; writer 0 when there is none.
	mark   int64
	writer uint64
	// kept is the highest that the database was given to keep.
	kept int64
}

// at returns the floor as far as it is known.
func (f *floor) at() int64 {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	return f.lowest
}

// raise takes over a floor that another process found.
func (f *floor) raise(lowest int64) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	f.lowest = max(f.lowest, lowest)
}

// stored notes what the database was given to keep, and reports whether that is more
// than before.
func (f *floor) stored(lowest int64) bool {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	moved := lowest > f.kept
	f.kept = max(f.kept, lowest)
	return moved
}

// note remembers the last id taken and a transaction that began to write after it.
// A note under way is kept: its end is nearer.
func (f *floor) note(mark int64, writer uint64) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	if f.writer == 0 && writer != 0 && mark >= f.lowest {
		f.mark, f.writer = mark, writer
	}
}

// settle raises the floor when no transaction up to the noted one runs any more.
// running is the lowest transaction id that still ran at some moment, and visible
// the lowest outbox id that was visible at a later moment (0 when there was none).
func (f *floor) settle(running uint64, visible int64) {
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

// forget starts anew: the database is not the one that the floor was found in.
func (f *floor) forget() {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	f.lowest, f.mark, f.writer, f.kept = 0, 0, 0, 0
}
