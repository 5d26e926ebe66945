package chaos

import (
	"cmp"
	"slices"
	"time"

	"codebank.dev/schemas/event"
)

// promises are what the relay said of the topic by its watermarks, held against what
// is there: of a partition, every event that occurred before a time stands below an
// offset. It is said of first occurrences: what is published again may come later.
type promises struct {
	seen       *observations
	bank       string
	partitions []*promised // by number
	known      map[occurrence]struct{}

	marks, late, repeats int64
}

// promised is what was said of one partition.
type promised struct {
	// said are the watermarks, first as they stand on the topic, then by offset.
	said []event.Watermark
	// bound is the latest time of those below the event that is looked at: what occurred
	// before must have come before. Next is the first of the others.
	bound int64
	next  int
	// latest is when the last of its events occurred, and end the offset behind them.
	latest, end int64
}

// occurrence is an event: of an account, or of none and then of a transaction.
type occurrence struct {
	owner    [16]byte
	sequence int64
}

func newPromises(seen *observations, bank string, partitions int) *promises {
	p := &promises{seen: seen, bank: bank, known: make(map[occurrence]struct{})}
	for range partitions {
		p.partitions = append(p.partitions, &promised{})
	}
	return p
}

// say takes the next watermark of a partition, in the order of the topic. It must
// speak of that partition. It may speak of an earlier time than the one before: a
// replica that was frozen while it published wakes and sends it late. Readers go by
// the latest time said, and what was said late must be as true as the rest.
func (p *promises) say(partition int32, mark event.Watermark) {
	if mark.BankCode != p.bank || mark.Partition != partition {
		p.seen.report(watermarks, "the watermark %+v stands in partition %d of bank %s", mark, partition, p.bank)
		return
	}
	p.marks++
	of := p.partitions[partition]
	if n := len(of.said); n > 0 && mark.CompleteToMillis < of.said[n-1].CompleteToMillis {
		p.late++
	}
	of.said = append(of.said, mark)
}

// sort comes after the last watermark and before the first event.
func (p *promises) sort() {
	for _, of := range p.partitions {
		slices.SortStableFunc(of.said, func(a, b event.Watermark) int { return cmp.Compare(a.Offset, b.Offset) })
	}
}

// occur takes the next event of a partition, in the order of the topic.
func (p *promises) occur(partition int32, offset int64, e *event.Transaction) {
	one := occurrence{idOf(e.TransactionID), 0}
	if e.AccountID != "" {
		one = occurrence{idOf(e.AccountID), e.Sequence.Value}
	}
	if _, repeat := p.known[one]; repeat {
		p.repeats++
		return
	}
	p.known[one] = struct{}{}
	of := p.partitions[partition]
	for of.next < len(of.said) && of.said[of.next].Offset <= offset {
		of.bound = max(of.bound, of.said[of.next].CompleteToMillis)
		of.next++
	}
	if e.OccurredAtMillis < of.bound {
		p.seen.report(watermarks, "partition %d was complete to %s before offset %d, where %s first stands, which occurred %s",
			partition, moment(of.bound), offset, e.EventID, moment(e.OccurredAtMillis))
	}
	of.latest, of.end = max(of.latest, e.OccurredAtMillis), offset+1
}

// close comes after the last event: of every partition, the newest watermark must
// speak of all of them, for nothing has happened since.
func (p *promises) close() {
	for number, of := range p.partitions {
		var newest event.Watermark
		for _, mark := range of.said {
			if mark.CompleteToMillis >= newest.CompleteToMillis {
				newest = mark
			}
		}
		if newest.CompleteToMillis <= of.latest || newest.Offset < of.end {
			p.seen.report(watermarks, "after quiet partition %d is complete to %s below %d, and its last events are of %s below %d",
				number, moment(newest.CompleteToMillis), newest.Offset, moment(of.latest), of.end)
		}
	}
}

// covers reports whether watermarks say of every partition that it is complete past a
// time, in milliseconds since 1970.
func (p *promises) covers(millis int64) bool {
	for _, of := range p.partitions {
		if !slices.ContainsFunc(of.said, func(mark event.Watermark) bool { return mark.CompleteToMillis > millis }) {
			return false
		}
	}
	return true
}

// moment writes a time as people read it.
func moment(millis int64) string { return time.UnixMilli(millis).UTC().Format("15:04:05.000") }
