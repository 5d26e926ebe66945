package kafka

import (
	"context"
	"log/slog"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"codebank.dev/bank/failpoints"
	"codebank.dev/schemas/event"
)

// parcel is an event as a record. Parcels are used again, group after group.
type parcel struct {
	record kgo.Record
	// done is the caller's, err the producer's answer, promise what takes it.
	done    func(error)
	err     error
	promise func(*kgo.Record, error)
}

// newParcels makes memory for groups that no earlier producer can still hold.
func (p *Publisher) newParcels() {
	p.arena = nil
	p.parcels = make([]parcel, p.config.MaxGroup)
	for i := range p.parcels {
		one := &p.parcels[i]
		one.promise = func(_ *kgo.Record, err error) {
			if one.err = err; err == nil {
				one.done(nil)
			} else {
				p.producer.hasFailed()
			}
			p.unanswered.Done()
		}
	}
}

// run sends group after group until the publisher is closed.
func (p *Publisher) run() {
	defer close(p.ended)
	p.newParcels()
	var group []publication
	for {
		group = p.nextGroup(group)
		if len(group) == 0 || !p.deliver(group) {
			p.abandon()
			return
		}
		clear(group)
	}
}

// nextGroup waits for events and takes up to a group of them; none when the
// publisher is closed.
func (p *Publisher) nextGroup(into []publication) []publication {
	for {
		p.mutex.Lock()
		n := min(len(p.waiting), p.config.MaxGroup)
		group := append(into[:0], p.waiting[:n]...)
		left := copy(p.waiting, p.waiting[n:])
		clear(p.waiting[left:])
		p.waiting = p.waiting[:left]
		p.mutex.Unlock()
		for range n {
			<-p.slots
		}
		if n > 0 {
			return group
		}
		select {
		case <-p.arrived:
		case <-p.life.Done():
			return nil
		}
	}
}

// deliver sends a group until every event of it is acknowledged. When the
// publisher is closed it answers what is left with ErrClosed and returns false.
func (p *Publisher) deliver(group []publication) bool {
	wait := backoff{shortest: 50 * time.Millisecond, longest: 5 * time.Second}
	for {
		failed, err := p.send(group)
		if len(failed) == 0 {
			return true
		}
		if p.life.Err() != nil {
			p.answerAll(failed, ErrClosed)
			return false
		}
		p.stats.recoveries.Add(1)
		p.logger.Warn("events were not taken, sending them again with a new producer",
			slog.Int("events", len(failed)), slog.Any("error", err))
		wait.pause(p.life)
		if err := p.renew(); err != nil {
			p.logger.Error("no new producer", slog.Any("error", err))
		}
		group = failed
	}
}

// send sends a group once, answers what was acknowledged, and returns what was not
// in order, with the first error.
func (p *Publisher) send(group []publication) ([]publication, error) {
	if !p.pack(group) {
		return group, context.Cause(p.life)
	}
	p.config.Failpoint.At(failpoints.RelayFetched)
	reminder := time.AfterFunc(away, p.brokerAway)
	p.unanswered.Add(len(group))
	if !p.producer.takes(p.life, p.parcels[:len(group)]) || p.producer.client.Flush(p.life) != nil {
		p.producer.close() // it answers everything
	}
	p.unanswered.Wait()
	p.config.Failpoint.At(failpoints.RelayPublished)
	p.brokerBack(reminder)
	p.stats.groups.Add(1)
	return p.settle(group)
}

// settle counts the acknowledged events of a group and gathers the others.
func (p *Publisher) settle(group []publication) (failed []publication, first error) {
	bytes := 0
	for i := range group {
		one := &p.parcels[i]
		if one.err != nil {
			if first == nil {
				first = one.err
			}
			failed = append(failed, group[i])
			continue
		}
		bytes += len(one.record.Value)
	}
	through := len(group) - len(failed)
	p.stats.acknowledged.Add(int64(through))
	p.stats.bytes.Add(int64(bytes))
	p.answered(through)
	return failed, first
}

// renew replaces the producer, which has answered for everything.
func (p *Publisher) renew() error {
	p.producer.close()
	p.newParcels()
	fresh, err := p.newProducer()
	if err == nil {
		p.producer = fresh
	}
	return err
}

// abandon answers everything that waits with ErrClosed and closes the producer.
func (p *Publisher) abandon() {
	p.mutex.Lock()
	left := p.waiting
	p.waiting = nil
	p.mutex.Unlock()
	p.answerAll(left, ErrClosed)
	p.producer.close()
}

func (p *Publisher) answerAll(left []publication, err error) {
	for i := range left {
		left[i].done(err)
	}
	if len(left) > 0 {
		p.answered(len(left))
	}
}

// pack makes the records of a group: key, frame and body in one piece of memory.
// It waits for schema ids; false when the publisher is closed first.
//
// Records carry no headers. What they could say (the event's id, its type, its
// source, the trace) is in the body, and the four of CloudEvents cost two fifths
// more processor time here and a conversion of each in every consumer.
func (p *Publisher) pack(group []publication) bool {
	size := 0
	for i := range group {
		size += keySize + frameSize + len(group[i].event.Body)
	}
	if cap(p.arena) < size {
		p.arena = make([]byte, 0, size)
	}
	arena := p.arena[:0]
	for i := range group {
		e := &group[i].event
		id, ok := p.schemaID(e.SchemaVersion)
		if !ok {
			return false
		}
		start := len(arena)
		arena = e.Key.Append(arena)
		middle := len(arena)
		arena = append(event.AppendFrame(arena, id), e.Body...)
		one := &p.parcels[i]
		one.done, one.err = group[i].done, nil
		one.record = kgo.Record{Topic: p.topic, Key: arena[start:middle], Value: arena[middle:]}
	}
	p.arena = arena
	return true
}

const (
	keySize   = 36
	frameSize = 5
)

func (p *Publisher) brokerAway() {
	p.stats.brokerAway.Store(true)
	p.logger.Warn("broker away, waiting", slog.String("topic", p.topic))
}

func (p *Publisher) brokerBack(reminder *time.Timer) {
	if reminder.Stop() {
		return
	}
	p.stats.brokerAway.Store(false)
	if p.life.Err() == nil {
		p.logger.Info("broker back", slog.String("topic", p.topic))
	}
}
