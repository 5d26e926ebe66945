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
	// sampleBefore is how long purchases are timed before the broker stops. sampleDuring is the
	// longest time for which they are timed while it is down. Both are whole seconds, because
	// each second is checked.
	sampleBefore, sampleDuring = 2 * time.Second, 5 * time.Second
	// sampleClients is how many clients buy at a time. Each waits sampleDelay between two
	// purchases.
	sampleClients = 4
	sampleDelay   = 10 * time.Millisecond
)

// purchaseSample holds the purchases of a time span: how many were answered in each second, and
// how long each took.
type purchaseSample struct {
	mutex     sync.Mutex
	seconds   []int64
	latencies []time.Duration
}

// add records one purchase. The argument after is the time from the beginning of the sample to
// the answer.
func (s *purchaseSample) add(after, took time.Duration) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if second := int(after / time.Second); second < len(s.seconds) {
		s.seconds[second]++
		s.latencies = append(s.latencies, took)
	}
}

// brokerOutage holds the purchases before the broker stopped and while it was down.
type brokerOutage struct{ before, during *purchaseSample }

// faultBrokerDown stops the broker for a while and waits until the events that it missed are on
// the topic. Purchases must go on meanwhile. No fault of the front runs during the two
// measurements; between them such faults go on.
func faultBrokerDown(ctx context.Context, r *run, s step) error {
	broker, release := r.lockServer(launch.Kafka)
	defer release()
	if err := r.stopBroker(ctx, broker, s.duration()); err != nil {
		return err
	}
	sleep(ctx, s.duration()-sampleDuring)
	return r.restartBroker(ctx, broker, backlogPublished)
}

// stopBroker stops the broker and times purchases before and after.
func (r *run) stopBroker(ctx context.Context, broker *server, outageLasts time.Duration) error {
	r.frontMutex.Lock()
	defer r.frontMutex.Unlock()
	outage := brokerOutage{before: r.samplePurchases(ctx, sampleBefore)}
	if err := broker.process.Stop(ctx); err != nil {
		return err
	}
	outage.during = r.samplePurchases(ctx, min(outageLasts, sampleDuring))
	if ctx.Err() == nil {
		r.brokerOutages = append(r.brokerOutages, outage)
	}
	return nil
}

// restartBroker starts the broker and measures the time until the backlog is published, as a recovery.
func (r *run) restartBroker(ctx context.Context, broker *server, recovery string) error {
	r.frontMutex.Lock()
	defer r.frontMutex.Unlock()
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
	err = pipes.Await(ctx, recoveryTimeout, func(ctx context.Context) error {
		var missed bool
		err := connection.QueryRow(ctx, "SELECT EXISTS (SELECT FROM outbox WHERE id <= $1)", last).Scan(&missed)
		if err == nil && missed {
			err = fmt.Errorf("some of the %d events that the broker missed are not on the topic", waiting)
		}
		return err
	})
	if err != nil {
		return err
	}
	took := time.Since(began)
	r.journal.addRecovery(recovery, took)
	if err := connection.QueryRow(ctx, "SELECT count(*) FROM outbox").Scan(&left); err != nil {
		return err
	}
	since := r.load.history.acknowledged.Load() - acknowledged
	r.journal.addFigure("after the broker's restart: events that it had missed", waiting)
	r.journal.setFigure("after the broker's last restart: operations acknowledged a second, until those events were on the topic", perSecond(since, took))
	r.journal.setFigure("after the broker's last restart: events published a second, until those events were on the topic", perSecond(max(0, waiting+since-left), took))
	return nil
}

func perSecond(count int64, took time.Duration) int64 {
	return count * int64(time.Second) / max(1, int64(took))
}

// samplePurchases buys for a while and times the answers. Each client waits after every
// purchase.
func (r *run) samplePurchases(ctx context.Context, while time.Duration) *purchaseSample {
	s := &purchaseSample{seconds: make([]int64, while/time.Second)}
	began := time.Now()
	var buying sync.WaitGroup
	for worker := range sampleClients {
		random := rand.New(rand.NewPCG(r.options.Seed, sampleStream+uint64(worker)))
		buying.Go(func() {
			for time.Since(began) < while && sleep(ctx, sampleDelay) {
				if took, ok := r.load.buyTimed(ctx, worker, r.load.cards.draw(random, highLimit)); ok {
					s.add(time.Since(began), took)
				}
			}
		})
	}
	buying.Wait()
	return s
}

// buyTimed sends one purchase once and returns how long the answer took.
func (l *load) buyTimed(ctx context.Context, worker int, c *card) (took time.Duration, ok bool) {
	n := l.history.begin(operation{kind: purchase, account: c.index, amount: 1})
	op := l.history.get(n)
	once, cancel := callContext(ctx)
	defer cancel()
	began := time.Now()
	answer, err := l.clients.bank(worker, 0).purchases.AuthorizePurchase(once, l.purchaseRequest(n, op))
	took = time.Since(began)
	switch l.observed.classify("AuthorizePurchase", err) {
	case classOK:
		l.checkAnswer(n, op, answer.GetPurchase())
		return took, true
	case classRetryable:
		l.history.markRefused(n)
	default:
		l.history.markUnknown(n)
	}
	return took, false
}

// checkBrokerOutages checks that purchases went on while the broker was down.
func (r *run) checkBrokerOutages() {
	var before, during []time.Duration
	for _, outage := range r.brokerOutages {
		before, during = append(before, outage.before.latencies...), append(during, outage.during.latencies...)
		checkBrokerOutage(r.load.observed, outage.during, r.options.Untimed)
	}
	for name, took := range map[string][]time.Duration{
		"microseconds to a purchase before the broker stopped, p99": before,
		"microseconds to a purchase while the broker was down, p99": during,
	} {
		if len(took) > 0 {
			r.journal.setFigure(name, percentile(took, 99).Microseconds())
		}
	}
}

// brokerOutageResult returns the result line on purchases while the broker was down.
func (r *run) brokerOutageResult() Result {
	j := Result{ID: noBroker, Name: "purchases go on without the broker"}
	if len(r.brokerOutages) == 0 {
		j.Status, j.Checked = NotApplicable, "the broker was not down in this run"
		return j
	}
	var seconds, least, purchases int64
	for i, outage := range r.brokerOutages {
		for second, count := range outage.during.seconds {
			if i+second == 0 || count < least {
				least = count
			}
			seconds++
			purchases += count
		}
	}
	j.Checked = fmt.Sprintf("%d purchases of a few clients, answered in %d seconds without a broker, at least %d in each", purchases, seconds, least)
	return j
}

// checkBrokerOutage reports each second in which no purchase was answered. Where times are not
// checked, one purchase in all the seconds is enough.
func checkBrokerOutage(observed *observations, during *purchaseSample, untimed bool) {
	if len(during.latencies) == 0 {
		observed.report(noBroker, "in %d seconds without a broker no purchase was answered", len(during.seconds))
	}
	for second, count := range during.seconds {
		if count == 0 && !untimed {
			observed.report(noBroker, "in second %d without a broker no purchase was answered", second+1)
		}
	}
}
