package auditlog

import (
	"fmt"
	"maps"
	"slices"
)

// BrokenError says that a log is not what was written. Sequence is that of the first row that shows
// it.
type BrokenError struct {
	Sequence int64
	reason   string
}

// Error says what is broken, and where.
func (e *BrokenError) Error() string { return e.reason }

func broken(sequence int64, format string, values ...any) error {
	return &BrokenError{sequence, fmt.Sprintf(format, values...)}
}

// Checker checks the rows of a log, one after another from the first. The zero Checker has no
// published heads.
type Checker struct {
	head      Head
	published map[int64]Hash
	// proven is the last published head that the chain led to.
	proven int64
}

// NewChecker returns a checker of a log whose heads were published, in any order. A log that was
// written anew from some row on is a chain too, but it does not lead to what was published before.
// The error is a BrokenError if two of the heads contradict each other.
func NewChecker(published ...Head) (*Checker, error) {
	c := &Checker{published: make(map[int64]Hash, len(published))}
	for _, head := range published {
		if known, ok := c.published[head.Sequence]; ok && known != head.Hash {
			return nil, broken(head.Sequence, "row %d was published with two hashes: the log was written anew between", head.Sequence)
		}
		c.published[head.Sequence] = head.Hash
	}
	if hash, ok := c.published[0]; ok && hash != (Hash{}) {
		return nil, broken(0, "an empty log was published with a hash")
	}
	return c, nil
}

// Check checks the next row. The error is a BrokenError: it names the row and says how it breaks the
// chain.
func (c *Checker) Check(row Row) error {
	last := c.head
	switch {
	case row.Sequence != last.Sequence+1:
		return broken(last.Sequence+1, "row %d is missing: row %d follows row %d", last.Sequence+1, row.Sequence, last.Sequence)
	case row.Previous != last.Hash:
		return broken(row.Sequence, "row %d does not follow row %d: the hash of the row before differs", row.Sequence, last.Sequence)
	case row.hash() != row.Hash:
		return broken(row.Sequence, "row %d was changed: its hash is not that of its content", row.Sequence)
	}
	if hash, ok := c.published[row.Sequence]; ok {
		if hash != row.Hash {
			return broken(row.Sequence, "row %d is not the one whose hash was published: the log was written anew, from a row after row %d on", row.Sequence, c.proven)
		}
		c.proven = row.Sequence
	}
	c.head = row.Head()
	return nil
}

// CheckEnd checks that the last row is the one that the store calls the head, and that no later one
// was published. Read the published heads before the rows.
func (c *Checker) CheckEnd(head Head) error {
	switch {
	case c.head.Sequence < head.Sequence:
		return broken(c.head.Sequence+1, "row %d is missing: the log ends with row %d", c.head.Sequence+1, c.head.Sequence)
	case c.head != head:
		return broken(c.head.Sequence, "row %d is not the head of the log: it was written around the program", c.head.Sequence)
	}
	if len(c.published) == 0 {
		return nil
	}
	if latest := slices.Max(slices.Collect(maps.Keys(c.published))); latest > head.Sequence {
		return broken(head.Sequence+1, "row %d is missing: row %d was published, and the log ends with row %d", head.Sequence+1, latest, head.Sequence)
	}
	return nil
}
