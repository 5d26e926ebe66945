package kafka

import (
	"errors"
	"log/slog"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"

	"codebank.dev/bank"
)

const (
	// growLimit is the time without a refusal after which twice as many bytes are tried again.
	growLimit = time.Minute
	// noLimit is how many bytes of a group need no limit any more. The producer cuts larger batches
	// by itself.
	noLimit = 64 << 20
)

// sizeLimit limits the bytes of a group, after the broker has refused a batch by its size. What
// fits is found by trying: the topic's limit may change at any time, the batch that counts is
// compressed, and the publisher may not be allowed to read the topic's settings.
type sizeLimit struct {
	bytes   int // 0: no limit
	lowest  int // the lowest limit there was
	changed time.Time
}

// fits returns how many events of a group to send at once; one at least.
func (l *sizeLimit) fits(group []publication) int {
	if l.bytes == 0 {
		return len(group)
	}
	sum := 0
	for i := range group {
		if sum += sizeOf(&group[i]); sum > l.bytes {
			return max(i, 1)
		}
	}
	return len(group)
}

// lower halves the bytes of a group that was refused. It reports whether the limit is lower than
// ever.
func (l *sizeLimit) lower(refused []publication, now time.Time) bool {
	sum := 0
	for i := range refused {
		sum += sizeOf(&refused[i])
	}
	l.bytes, l.changed = max(sum/2, 1), now
	if l.lowest != 0 && l.bytes >= l.lowest {
		return false
	}
	l.lowest = l.bytes
	return true
}

// succeeded raises the limit when nothing was refused for a while.
func (l *sizeLimit) succeeded(now time.Time) {
	if l.bytes == 0 || now.Sub(l.changed) < growLimit {
		return
	}
	l.bytes, l.changed = 2*l.bytes, now
	if l.bytes >= noLimit {
		l.bytes = 0
	}
}

func sizeOf(p *publication) int { return keySize + frameSize + len(p.event.Body) }

// isTooLarge reports whether a broker, or the client for it, refused a batch by its size.
func isTooLarge(err error) bool {
	return errors.Is(err, kerr.MessageTooLarge) || errors.Is(err, kerr.RecordListTooLarge)
}

// lowerLimit lowers the limit after a group was refused by its size.
func (p *Publisher) lowerLimit(refused []publication, err error) {
	level := slog.LevelDebug
	if p.limit.lower(refused, time.Now()) {
		level = slog.LevelWarn
	}
	p.logger.Log(p.ctx, level, "the topic refuses batches of this size; sending smaller ones",
		slog.String("topic", p.topic), slog.Int("bytes", p.limit.bytes), slog.Any("error", err))
}

// refuseAsTooLarge answers a single event that does not fit, and blocks its key until the publisher
// is flushed.
func (p *Publisher) refuseAsTooLarge(single publication) {
	p.blocked[single.event.Key] = struct{}{}
	p.refuse(bank.ErrEventTooLarge, single.done)
	p.answered(1)
}

// withoutBlocked refuses the events of a group whose key is blocked and returns the others.
func (p *Publisher) withoutBlocked(group []publication) []publication {
	if len(p.blocked) == 0 {
		return group
	}
	kept := group[:0]
	for _, publication := range group {
		if _, blocked := p.blocked[publication.event.Key]; blocked {
			publication.done(ErrRefused)
			p.answered(1)
			continue
		}
		kept = append(kept, publication)
	}
	return kept
}
