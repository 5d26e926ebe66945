package chaos

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"codebank.dev/stack/launch"
	"codebank.dev/stack/pipes"
)

const (
	// sampledBefore is how long purchases are timed before the broker goes, sampledFor at
	// most how long when it is away: whole seconds, each of which is judged.
	sampledBefore, sampledFor = 2 * time.Second, 5 * time.Second
	// samplers is how many buy, each with a rest between two purchases.
	samplers    = 4
	samplerRest = 10 * time.Millisecond
)

// sample is what became of purchases in some time: how many were answered in each
// second, and how long each took.
type sample struct {
	mutex   sync.Mutex
	seconds []int64
	took    []time.Duration
}

// answered takes one purchase down that was answered so long after the beginning.
func (s *sample) answered(after, took time.Duration) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if second := int(after / time.Second); second < len(s.seconds) {
		s.seconds[second]++
		s.took = append(s.took, took)
	}
}

// absence is what became of purchases before the broker went, and without it.
type absence struct{ before, away *sample }

// faultBrokerAway stops the broker for a while, in which purchases must go on, and
// waits until what it missed is on the topic. What is measured is measured without
// faults of the front; between, they go on.
func faultBrokerAway(ctx context.Context, r *run, s step) error {
	broker, release := r.under(launch.Kafka)
	defer release()
	if err := r.loseBroker(ctx, broker, s.lasts()); err != nil {
		return err
	}
	rest(ctx, s.lasts()-sampledFor)
	return r.findBroker(ctx, broker)
}

// loseBroker stops the broker and times purchases before and after.
func (r *run) loseBroker(ctx context.Context, broker *server, away time.Duration) error {
	r.calm.Lock()
	defer r.calm.Unlock()
	seen := absence{before: r.sample(ctx, sampledBefore)}
	if err := broker.row.Stop(ctx); err != nil {
		return err
	}
	seen.away = r.sample(ctx, min(away, sampledFor))
	if ctx.Err() == nil {
		r.absences = append(r.absences, seen)
	}
	return nil
}

// findBroker starts the broker and measures until its backlog is gone.
func (r *run) findBroker(ctx context.Context, broker *server) error {
	r.calm.Lock()
	defer r.calm.Unlock()
	if err := restart(ctx, broker); err != nil {
		return err
	}
	connection, err := r.system.database(ctx, launch.LedgerDatabase)
	if err != nil {
		return err
	}
	defer connection.Close(context.WithoutCancel(ctx))
	began, acknowledged := time.Now(), r.load.history.acknowledged.Load()
	var waiting, left, last int64
	if err := connection.QueryRow(ctx, "SELECT count(*), coalesce(max(id), 0) FROM outbox").Scan(&waiting, &last); err != nil {
		return err
	}
	err = pipes.Await(ctx, recoveryPatience, func(ctx context.Context) error {
		var missed bool
		err := connection.QueryRow(ctx, "SELECT EXISTS (SELECT FROM outbox WHERE id <= $1)", last).Scan(&missed)
		if err == nil && missed {
			err = fmt.Errorf("of %d events that the broker missed some are not on the topic", waiting)
		}
		return err
	})
	if err != nil {
		return err
	}
	took := time.Since(began)
	r.log.recovered(backlogGone, took)
	if err := connection.QueryRow(ctx, "SELECT count(*) FROM outbox").Scan(&left); err != nil {
		return err
	}
	came := r.load.history.acknowledged.Load() - acknowledged
	r.log.addFigure("the broker came back: events that it had missed", waiting)
	r.log.figure("the broker came back, the last time: operations acknowledged a second, until they were on the topic", perSecond(came, took))
	r.log.figure("the broker came back, the last time: events published a second, until they were on the topic", perSecond(max(0, waiting+came-left), took))
	return nil
}

func perSecond(count int64, took time.Duration) int64 {
	return count * int64(time.Second) / max(1, int64(took))
}

// sample buys for a while, with a rest after every purchase, and times the answers.
func (r *run) sample(ctx context.Context, while time.Duration) *sample {
	s := &sample{seconds: make([]int64, while/time.Second)}
	began := time.Now()
	var buying sync.WaitGroup
	for worker := range samplers {
		random := rand.New(rand.NewPCG(r.options.Seed, awayStream+uint64(worker)))
		buying.Go(func() {
			for time.Since(began) < while && rest(ctx, samplerRest) {
				if took, ok := r.load.timed(ctx, worker, r.load.wallet.draw(random, wide)); ok {
					s.answered(time.Since(began), took)
				}
			}
		})
	}
	buying.Wait()
	return s
}

// timed buys with a card, once, and reports how long the answer took.
func (l *load) timed(ctx context.Context, worker int, c *card) (took time.Duration, ok bool) {
	n := l.history.begin(operation{kind: purchase, account: c.index, amount: 1})
	op := l.history.get(n)
	once, cancel := call(ctx)
	defer cancel()
	began := time.Now()
	answer, err := l.clients.bank(worker, 0).purchases.AuthorizePurchase(once, l.purchaseRequest(n, op))
	took = time.Since(began)
	switch l.seen.classify("AuthorizePurchase", err) {
	case fine:
		l.decided(n, op, answer.GetPurchase())
		return took, true
	case busy:
		l.history.refuse(n)
	default:
		l.history.lose(n)
	}
	return took, false
}

// judgeAbsences rules on whether purchases went on while the broker was away.
func (r *run) judgeAbsences() {
	var before, away []time.Duration
	for _, seen := range r.absences {
		before, away = append(before, seen.before.took...), append(away, seen.away.took...)
		judgeAbsence(r.load.seen, seen.away, r.options.Untimed)
	}
	for name, took := range map[string][]time.Duration{
		"microseconds to a purchase before the broker went, p99": before,
		"microseconds to a purchase with the broker away, p99":   away,
	} {
		if len(took) > 0 {
			r.log.figure(name, percentile(took, 99).Microseconds())
		}
	}
}

// withoutBroker is the line on purchases while the broker was away.
func (r *run) withoutBroker() Judgement {
	j := Judgement{ID: noBroker, Name: "purchases go on without the broker"}
	if len(r.absences) == 0 {
		j.Ruling, j.Looked = NotApplicable, "the broker was not away"
		return j
	}
	var seconds, least, purchases int64
	for i, seen := range r.absences {
		for second, count := range seen.away.seconds {
			if i+second == 0 || count < least {
				least = count
			}
			seconds++
			purchases += count
		}
	}
	j.Looked = fmt.Sprintf("%d purchases of a few buyers, answered in %d seconds without a broker, in each at least %d", purchases, seconds, least)
	return j
}

// judgeAbsence reports seconds in which nobody could buy. Where times say more about
// the machine, one purchase in all of them is enough.
func judgeAbsence(seen *observations, away *sample, untimed bool) {
	if len(away.took) == 0 {
		seen.report(noBroker, "in %d seconds without a broker no purchase was answered", len(away.seconds))
	}
	for second, count := range away.seconds {
		if count == 0 && !untimed {
			seen.report(noBroker, "in second %d without a broker no purchase was answered", second+1)
		}
	}
}
