package processor

import (
	"context"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"codebank.dev/checkout/payment"
	"codebank.dev/platform/consumer"
	"codebank.dev/platform/id"
	"codebank.dev/schemas/command"
)

// most is how many requests of a batch are decided at once.
const most = 64

// The waits before what the acquirer has not answered is asked again within a batch, while it answers others. They
// double.
const firstWait, lastWait = 100 * time.Millisecond, 400 * time.Millisecond

// task is one record and how far it has come.
type task struct {
	record *kgo.Record
	request
	// key opens the card data of a charge; nil if the charge is decided.
	key []byte

	// done says that nothing is left to do. answer and letter are what came of it; both are nil if the gateway is to
	// send the record again, or if the charge was decided before.
	done   bool
	answer *answer
	letter *consumer.Letter
	// published says that the answer is on its topic.
	published bool
	// away is why the acquirer, who may be away for all, gave no answer to the last try.
	away error
}

// batch is the tasks of some records, those of one charge together and in their order.
type batch struct {
	tasks   []*task
	charges map[id.ID][]*task
}

// verifyAll verifies records. Those for other readers are left out.
func (h *Handler) verifyAll(records []*kgo.Record) *batch {
	b := &batch{charges: make(map[id.ID][]*task)}
	for _, record := range records {
		if isForOthers(record) {
			continue
		}
		t := &task{record: record}
		t.request, t.letter = h.verify(record)
		t.done = t.letter != nil
		b.tasks = append(b.tasks, t)
		if !t.done {
			b.charges[t.charge] = append(b.charges[t.charge], t)
		}
	}
	return b
}

// unlock finds the keys of all card data of a batch. A charge without a key is decided.
func (h *Handler) unlock(ctx context.Context, b *batch) error {
	var charges []id.ID
	for _, t := range b.tasks {
		if !t.done && t.Kind == command.Charge {
			charges = append(charges, t.charge)
		}
	}
	if len(charges) == 0 {
		return nil
	}
	keys, err := h.config.Cards.KeysOf(ctx, charges)
	if err != nil {
		return err
	}
	for _, t := range b.tasks {
		if t.done || t.Kind != command.Charge {
			continue
		}
		if t.key = keys[t.charge]; t.key == nil {
			t.done = true
			h.ended.Add(1)
		}
	}
	return nil
}

// decideAll tries to decide what is not done.
func (h *Handler) decideAll(ctx context.Context, b *batch) {
	var working sync.WaitGroup
	defer working.Wait()
	slots := make(chan struct{}, most)
	for _, tasks := range b.charges {
		slots <- struct{}{}
		working.Go(func() {
			defer func() { <-slots }()
			for _, t := range tasks {
				if !t.done {
					h.decide(ctx, t)
				}
				if !t.done {
					return // What comes later for this charge waits.
				}
			}
		})
	}
}

// leave leaves what is not answered to the gateway, which sends it again.
func (h *Handler) leave(b *batch) {
	for _, t := range b.tasks {
		if !t.done {
			t.done = true
			h.unanswered.Add(1)
			h.config.Logger.Warn("the bank answers others, but not this request; it is left until it is sent again", "charge", t.ChargeID, "request", t.RequestID, "error", t.away)
		}
	}
}

// answered returns the answers since it was called last.
func (b *batch) answered() (answers []*answer) {
	for _, t := range b.tasks {
		if t.answer != nil && !t.published {
			t.published = true
			answers = append(answers, t.answer)
		}
	}
	return answers
}

// away returns why the acquirer gave no answer to one of the tasks; nil if all are done.
func (b *batch) away() error {
	for _, t := range b.tasks {
		if !t.done && t.away != nil {
			return t.away
		}
	}
	return nil
}

func (b *batch) letters() (letters []consumer.Letter) {
	for _, t := range b.tasks {
		if t.letter != nil {
			letters = append(letters, *t.letter)
		}
	}
	return letters
}

// forgetCards overwrites the keys of card data.
func (b *batch) forgetCards() {
	for _, t := range b.tasks {
		clear(t.key)
	}
}

func sleep(ctx context.Context, wait time.Duration) error {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// answerWith ends a task with an answer.
func (h *Handler) answerWith(t *task, decision *payment.Decision) {
	made, err := t.signed(h.result(&t.request, decision))
	if err != nil { // No answer fits the schema, and none will.
		h.write(t, "UNANSWERABLE", "The answer does not fit its schema.")
		return
	}
	t.done, t.answer = true, made
}

// write ends a task with a letter.
func (h *Handler) write(t *task, cause, message string) {
	t.done, t.letter = true, letter(t.record, cause, message)
}
