package bench

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"

	"codebank.dev/stack/launch"
	"codebank.dev/stack/pipes"
)

const (
	// samplesPerSecond is how many of the purchases in a second are samples.
	samplesPerSecond = 100
	// statementInterval and indexInterval are the waits between two polls. A poll may find a
	// sample that arrived just after the poll before. The index is polled less often, because
	// searching for hundreds of ids takes processor time from the measured system.
	statementInterval = 5 * time.Millisecond
	indexInterval     = 100 * time.Millisecond
	// maxIDs is how many documents one search requests.
	maxIDs = 1000
)

// freshness measures how long after its commit a purchase can be read, at a constant rate of
// half the row purchases.
//
// Some purchases are samples. Each is on a card that no other purchase uses, so the id of its
// event (account and next sequence) is known beforehand and can be looked up by key. The time
// counts from when the purchase was sent, which is before its commit, to the poll that found
// it. So the figures are upper bounds. A document becomes visible at the next refresh of the
// index, so the refresh interval is subtracted.
func (w *workbench) freshness(ctx context.Context) (figures []Figure, err error) {
	broker, err := w.broker()
	if err != nil {
		return nil, err
	}
	defer broker.close()
	bank, err := w.startFollowedBank(ctx, broker)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, bank.stop(ctx)) }()
	half, err := w.halfRate(ctx, bank)
	if err != nil {
		return nil, err
	}
	statement := Series{Name: "until on the statement, median", Unit: "statement50-ms"}
	index := Series{Name: "until in the index, less the refresh interval, median", Unit: "index50-ms"}
	rate := Series{Name: "purchases answered", Unit: "bank/s"}
	var statement99, index99 []float64
	for range w.options.freshRounds() {
		if err := w.awaitQuiet(ctx, broker); err != nil {
			return nil, err
		}
		s, err := w.newSamples(ctx, bank, half)
		if err != nil {
			return nil, err
		}
		if err := s.measure(ctx, half); err != nil {
			return nil, err
		}
		rate.Values = append(rate.Values, s.rate)
		statement.Values = append(statement.Values, milliseconds(quantile(s.statement.delays, 0.5)))
		index.Values = append(index.Values, milliseconds(quantile(s.index.delays, 0.5)-s.refresh))
		statement99 = append(statement99, milliseconds(quantile(s.statement.delays, 0.99)))
		index99 = append(index99, milliseconds(quantile(s.index.delays, 0.99)-s.refresh))
	}
	setting := fmt.Sprintf("at %.0f purchases a second for %s a round, %d samples a second; 99 of 100 take at most",
		half, w.options.freshWindow(), samplesPerSecond)
	return []Figure{
		{Name: "FreshnessStatement", Setting: setting, Terms: []Series{statement, rate}, Values: statement99, Unit: "ms"},
		{Name: "FreshnessIndex", Setting: setting, Terms: []Series{index, rate}, Values: index99, Unit: "ms"},
	}, nil
}

// samples are the purchases that are polled for.
type samples struct {
	workbench *workbench
	bank      *bank
	// cards are the cards of the samples. events are the ids of their events.
	cards  []card
	events []string
	// every says which purchases are samples: one in this many.
	every   int64
	refresh time.Duration
	// rate is how many purchases were answered in a second.
	rate float64

	statement, index sampleSet
}

// sampleSet holds the samples of one place.
type sampleSet struct {
	mutex  sync.Mutex
	open   map[string]time.Time
	delays []time.Duration
}

// newSamples reserves cards and reads the sequences of their accounts.
func (w *workbench) newSamples(ctx context.Context, b *bank, rate float64) (*samples, error) {
	s := &samples{workbench: w, bank: b, every: max(1, int64(rate/samplesPerSecond))}
	n := min(int(rate*w.options.freshWindow().Seconds()*1.1)/int(s.every)+1, len(w.cards)/2)
	s.cards = w.cards[len(w.cards)-n:]
	s.statement.open, s.index.open = map[string]time.Time{}, map[string]time.Time{}
	connection, err := w.connect(ctx, publishedDatabase)
	if err != nil {
		return nil, err
	}
	defer connection.Close(context.WithoutCancel(ctx))
	for _, card := range s.cards {
		account := strings.TrimPrefix(card.account, "accounts/")
		var sequence int64
		if err := connection.QueryRow(ctx, "SELECT sequence FROM accounts WHERE id = $1", account).Scan(&sequence); err != nil {
			return nil, err
		}
		s.events = append(s.events, fmt.Sprintf("%s:%d", account, sequence+1))
	}
	s.refresh, err = w.refreshInterval(ctx)
	return s, err
}

// refreshInterval returns the longest refresh interval of the indices.
func (w *workbench) refreshInterval(ctx context.Context) (longest time.Duration, err error) {
	var settings map[string]struct {
		Settings struct {
			Index struct {
				Refresh string `json:"refresh_interval"`
			} `json:"index"`
		} `json:"settings"`
	}
	if err := pipes.Call(ctx, http.MethodGet, w.elasticsearch(indexPattern+"/_settings"), nil, &settings); err != nil {
		return 0, err
	}
	for name, index := range settings {
		interval, err := time.ParseDuration(index.Settings.Index.Refresh)
		if err != nil {
			return 0, fmt.Errorf("%s: %w", name, err)
		}
		longest = max(longest, interval)
	}
	return longest, nil
}

// measure makes purchases at a rate and polls until all samples are found.
func (s *samples) measure(ctx context.Context, rate float64) error {
	polling, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var working sync.WaitGroup
	for _, poll := range []func(context.Context) error{s.pollStatement, s.pollIndex} {
		working.Go(func() {
			if err := poll(polling); err != nil {
				stop(err)
			}
		})
	}
	others := s.bank.client.cards
	s.bank.client.cards = others[:len(others)-len(s.cards)]
	defer func() { s.bank.client.cards = others }()
	var all, sampled atomic.Int64
	began := time.Now()
	_, err := atConstantRate(polling, rate, s.workbench.options.freshWindow(), func(ctx context.Context, caller int) error {
		if all.Add(1)%s.every == 0 {
			if i := int(sampled.Add(1)) - 1; i < len(s.cards) {
				return s.buySample(ctx, caller, i)
			}
		}
		return s.bank.uniform(ctx, caller)
	})
	s.rate = float64(all.Load()) / time.Since(began).Seconds()
	if errors.Is(err, errRateNotKept) {
		err = nil // the rate that was kept is a term of the figure
	}
	if err == nil {
		err = await(polling, pipelineTimeout, func() (bool, error) {
			return s.statement.empty() && s.index.empty(), nil
		})
	}
	stop(nil)
	working.Wait()
	if cause := context.Cause(polling); cause != nil && !errors.Is(cause, context.Canceled) {
		err = errors.Join(err, cause)
	}
	slices.Sort(s.statement.delays)
	slices.Sort(s.index.delays)
	if err == nil && len(s.statement.delays) == 0 {
		err = errors.New("no sample was taken")
	}
	return err
}

// buySample makes the purchase of a sample and adds the sample to both places.
func (s *samples) buySample(ctx context.Context, caller, i int) error {
	sent := time.Now()
	if err := s.bank.send(ctx, caller, func() card { return s.cards[i] }); err != nil {
		return err
	}
	for _, at := range []*sampleSet{&s.statement, &s.index} {
		at.mutex.Lock()
		at.open[s.events[i]] = sent
		at.mutex.Unlock()
	}
	return nil
}

func (p *sampleSet) empty() bool {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	return len(p.open) == 0
}

// openIDs returns some of the ids that were not found yet.
func (p *sampleSet) openIDs() []string {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	ids := make([]string, 0, min(len(p.open), maxIDs))
	for id := range p.open {
		if len(ids) == maxIDs {
			break
		}
		ids = append(ids, id)
	}
	return ids
}

// record records the ids that a poll has found.
func (p *sampleSet) record(ids []string) {
	now := time.Now()
	p.mutex.Lock()
	defer p.mutex.Unlock()
	for _, id := range ids {
		if sent, ok := p.open[id]; ok {
			p.delays = append(p.delays, now.Sub(sent))
			delete(p.open, id)
		}
	}
}

func (s *samples) pollStatement(ctx context.Context) error {
	connection, err := s.workbench.connect(ctx, launch.StatementDatabase)
	if err != nil {
		return err
	}
	defer connection.Close(context.WithoutCancel(ctx))
	for ; ctx.Err() == nil; wait(ctx, statementInterval) {
		ids := s.statement.openIDs()
		if len(ids) == 0 {
			continue
		}
		rows, err := connection.Query(ctx, "SELECT event_id FROM "+linesTable+" WHERE event_id = ANY($1)", ids)
		if err == nil {
			ids, err = pgx.CollectRows(rows, pgx.RowTo[string])
		}
		if err != nil {
			return ignoreCancelled(ctx, err)
		}
		s.statement.record(ids)
	}
	return nil
}

func (s *samples) pollIndex(ctx context.Context) error {
	for ; ctx.Err() == nil; wait(ctx, indexInterval) {
		ids := s.index.openIDs()
		if len(ids) == 0 {
			continue
		}
		var found struct {
			Hits struct {
				Hits []struct {
					ID string `json:"_id"`
				} `json:"hits"`
			} `json:"hits"`
		}
		query := map[string]any{"size": len(ids), "_source": false, "query": map[string]any{"ids": map[string]any{"values": ids}}}
		if err := pipes.Call(ctx, http.MethodPost, s.workbench.elasticsearch(indexPattern+"/_search"), query, &found); err != nil {
			return ignoreCancelled(ctx, err)
		}
		ids = ids[:0]
		for _, hit := range found.Hits.Hits {
			ids = append(ids, hit.ID)
		}
		s.index.record(ids)
	}
	return nil
}

// ignoreCancelled drops the error of a poll that was cancelled because all samples were found.
func ignoreCancelled(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}
