package chaos

import (
	"cmp"
	"slices"
	"time"

	"codebank.dev/schemas/event"
)

// watermarkCheck compares the relay's watermarks with the events on the topic. A watermark of a
// partition promises that every event that occurred before a time stands below an offset. The
// promise covers first occurrences only: an event that is published again may come later.
type watermarkCheck struct {
	observed   *observations
	bank       string
	partitions []*partitionWatermarks // by number
	known      map[eventKey]struct{}

	marks, late, repeats int64
}

// partitionWatermarks holds the watermarks of one partition and the state of its check.
type partitionWatermarks struct {
	// marks are the watermarks: in the order of the topic before sort, by offset after it.
	marks []event.Watermark
	// bound is the latest time among the watermarks at or below the current offset. An event
	// that occurred before it must not come now. next is the index of the first watermark above
	// the offset.
	bound int64
	next  int
	// latest is when the last event of the partition occurred. end is the offset behind it.
	latest, end int64
}

// eventKey identifies an event: by account and sequence, or by transaction if there is no
// account.
type eventKey struct {
	owner    [16]byte
	sequence int64
}

func newWatermarkCheck(observed *observations, bank string, partitions int) *watermarkCheck {
	p := &watermarkCheck{observed: observed, bank: bank, known: make(map[eventKey]struct{})}
	for range partitions {
		p.partitions = append(p.partitions, &partitionWatermarks{})
	}
	return p
}

// addWatermark takes the next watermark of a partition, in the order of the topic. The
// watermark must name that partition. It may name an earlier time than the one before: a
// replica that was frozen while it published sends it late. Readers use the latest time, and a
// late watermark must be true as well.
func (p *watermarkCheck) addWatermark(partition int32, mark event.Watermark) {
	if mark.BankCode != p.bank || mark.Partition != partition {
		p.observed.report(watermarks, "the watermark %+v is in partition %d of bank %s", mark, partition, p.bank)
		return
	}
	p.marks++
	of := p.partitions[partition]
	if n := len(of.marks); n > 0 && mark.CompleteToMillis < of.marks[n-1].CompleteToMillis {
		p.late++
	}
	of.marks = append(of.marks, mark)
}

// sort is called after the last watermark and before the first event.
func (p *watermarkCheck) sort() {
	for _, of := range p.partitions {
		slices.SortStableFunc(of.marks, func(a, b event.Watermark) int { return cmp.Compare(a.Offset, b.Offset) })
	}
}

// addEvent takes the next event of a partition, in the order of the topic.
func (p *watermarkCheck) addEvent(partition int32, offset int64, e *event.Transaction) {
	one := eventKey{idOf(e.TransactionID), 0}
	if e.AccountID != "" {
		one = eventKey{idOf(e.AccountID), e.Sequence.Value}
	}
	if _, repeat := p.known[one]; repeat {
		p.repeats++
		return
	}
	p.known[one] = struct{}{}
	of := p.partitions[partition]
	for of.next < len(of.marks) && of.marks[of.next].Offset <= offset {
		of.bound = max(of.bound, of.marks[of.next].CompleteToMillis)
		of.next++
	}
	if e.OccurredAtMillis < of.bound {
		p.observed.report(watermarks, "partition %d was complete to %s below offset %d, but the event %s at this offset occurred at %s",
			partition, formatMillis(of.bound), offset, e.EventID, formatMillis(e.OccurredAtMillis))
	}
	of.latest, of.end = max(of.latest, e.OccurredAtMillis), offset+1
}

// finish is called after the last event. The newest watermark of every partition must cover all
// its events, because nothing has happened since.
func (p *watermarkCheck) finish() {
	for number, of := range p.partitions {
		var newest event.Watermark
		for _, mark := range of.marks {
			if mark.CompleteToMillis >= newest.CompleteToMillis {
				newest = mark
			}
		}
		if newest.CompleteToMillis <= of.latest || newest.Offset < of.end {
			p.observed.report(watermarks, "after the audit partition %d is complete to %s below offset %d, and its last events are of %s below offset %d",
				number, formatMillis(newest.CompleteToMillis), newest.Offset, formatMillis(of.latest), of.end)
		}
	}
}

// covers reports whether every partition has a watermark later than a time, in milliseconds
// since 1970.
func (p *watermarkCheck) covers(millis int64) bool {
	for _, of := range p.partitions {
		if !slices.ContainsFunc(of.marks, func(mark event.Watermark) bool { return mark.CompleteToMillis > millis }) {
			return false
		}
	}
	return true
}

// formatMillis formats a time of day.
func formatMillis(millis int64) string { return time.UnixMilli(millis).UTC().Format("15:04:05.000") }
