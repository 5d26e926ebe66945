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
	// samplesPerSecond is how many of the purchases are looked for.
	samplesPerSecond = 100
	// lookAtStatement and lookAtIndex are the pauses between two looks; a look may
	// find what came just after the one before. The index is asked more rarely, for
	// searching by hundreds of ids takes processor time from what is measured.
	lookAtStatement = 5 * time.Millisecond
	lookAtIndex     = 100 * time.Millisecond
	// mostWanted is how many documents one search asks for.
	mostWanted = 1000
)

// freshness is how long after its commit a purchase can be read, at half the rate of
// the row purchases, started at a constant rate.
//
// Some purchases are samples: each on a card that nobody else uses, so that the id of
// its event, account and next sequence, is known beforehand and can be looked for by
// key. Time counts from when the purchase was sent, which is before the commit, to
// the look that found it: so the figures are upper bounds. Of the index, whose
// documents can be found after the next refresh, the refresh interval is taken off.
func (w *world) freshness(ctx context.Context) (figures []Figure, err error) {
	broker, err := w.broker()
	if err != nil {
		return nil, err
	}
	defer broker.close()
	bank, err := w.flowing(ctx, broker)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, bank.stop(ctx)) }()
	half, err := w.halfRate(ctx, bank)
	if err != nil {
		return nil, err
	}
	statement := Series{Name: "on the statement after, median", Unit: "statement50-ms"}
	index := Series{Name: "in the index after, median, less the refresh interval", Unit: "index50-ms"}
	rate := Series{Name: "purchases answered", Unit: "bank/s"}
	var statement99, index99 []float64
	for range w.options.freshRounds() {
		if err := w.quiet(ctx, broker); err != nil {
			return nil, err
		}
		s, err := w.newSamples(ctx, bank, half)
		if err != nil {
			return nil, err
		}
		if err := s.take(ctx, half); err != nil {
			return nil, err
		}
		rate.Values = append(rate.Values, s.rate)
		statement.Values = append(statement.Values, milliseconds(quantile(s.onStatement.took, 0.5)))
		index.Values = append(index.Values, milliseconds(quantile(s.inIndex.took, 0.5)-s.refresh))
		statement99 = append(statement99, milliseconds(quantile(s.onStatement.took, 0.99)))
		index99 = append(index99, milliseconds(quantile(s.inIndex.took, 0.99)-s.refresh))
	}
	setting := fmt.Sprintf("at %.0f purchases a second for %s a round, %d of them looked for each second; 99 of 100 at most",
		half, w.options.freshWindow(), samplesPerSecond)
	return []Figure{
		{Name: "FreshnessStatement", Setting: setting, Terms: []Series{statement, rate}, Values: statement99, Unit: "ms"},
		{Name: "FreshnessIndex", Setting: setting, Terms: []Series{index, rate}, Values: index99, Unit: "ms"},
	}, nil
}

// samples are purchases that are looked for.
type samples struct {
	world *world
	bank  *bank
	// cards are those of the samples, events the ids of what comes of them.
	cards  []card
	events []string
	// every is which of the purchases are samples, one in so many.
	every   int64
	refresh time.Duration
	// rate is how many purchases a second were answered.
	rate float64

	onStatement, inIndex lookout
}

// lookout is one place where samples are looked for.
type lookout struct {
	mutex sync.Mutex
	open  map[string]time.Time
	took  []time.Duration
}

// newSamples sets cards aside and reads where their accounts stand.
func (w *world) newSamples(ctx context.Context, b *bank, rate float64) (*samples, error) {
	s := &samples{world: w, bank: b, every: max(1, int64(rate/samplesPerSecond))}
	n := min(int(rate*w.options.freshWindow().Seconds()*1.1)/int(s.every)+1, len(w.cards)/2)
	s.cards = w.cards[len(w.cards)-n:]
	s.onStatement.open, s.inIndex.open = map[string]time.Time{}, map[string]time.Time{}
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

// refreshInterval is the longest that the indices themselves say.
func (w *world) refreshInterval(ctx context.Context) (longest time.Duration, err error) {
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

// take makes purchases at a rate, and looks for the samples until all are found.
func (s *samples) take(ctx context.Context, rate float64) error {
	looking, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var working sync.WaitGroup
	for _, look := range []func(context.Context) error{s.watchStatement, s.watchIndex} {
		working.Go(func() {
			if err := look(looking); err != nil {
				stop(err)
			}
		})
	}
	others := s.bank.client.cards
	s.bank.client.cards = others[:len(others)-len(s.cards)]
	defer func() { s.bank.client.cards = others }()
	var all, taken atomic.Int64
	began := time.Now()
	_, err := steadily(looking, rate, s.world.options.freshWindow(), func(ctx context.Context, caller int) error {
		if all.Add(1)%s.every == 0 {
			if i := int(taken.Add(1)) - 1; i < len(s.cards) {
				return s.sample(ctx, caller, i)
			}
		}
		return s.bank.uniform(ctx, caller)
	})
	s.rate = float64(all.Load()) / time.Since(began).Seconds()
	if errors.Is(err, errRate) {
		err = nil // the rate that was kept is a term of the figure
	}
	if err == nil {
		err = await(looking, patience, func() (bool, error) {
			return s.onStatement.found() && s.inIndex.found(), nil
		})
	}
	stop(nil)
	working.Wait()
	if cause := context.Cause(looking); cause != nil && !errors.Is(cause, context.Canceled) {
		err = errors.Join(err, cause)
	}
	slices.Sort(s.onStatement.took)
	slices.Sort(s.inIndex.took)
	if err == nil && len(s.onStatement.took) == 0 {
		err = errors.New("no purchase was looked for")
	}
	return err
}

// sample is one purchase that is looked for from now on.
func (s *samples) sample(ctx context.Context, caller, i int) error {
	sent := time.Now()
	if err := s.bank.send(ctx, caller, func() card { return s.cards[i] }); err != nil {
		return err
	}
	for _, at := range []*lookout{&s.onStatement, &s.inIndex} {
		at.mutex.Lock()
		at.open[s.events[i]] = sent
		at.mutex.Unlock()
	}
	return nil
}

func (p *lookout) found() bool {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	return len(p.open) == 0
}

// wanted returns some of what is still looked for.
func (p *lookout) wanted() []string {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	ids := make([]string, 0, min(len(p.open), mostWanted))
	for id := range p.open {
		if len(ids) == mostWanted {
			break
		}
		ids = append(ids, id)
	}
	return ids
}

// seen notes what was found by a look that has just ended.
func (p *lookout) seen(ids []string) {
	now := time.Now()
	p.mutex.Lock()
	defer p.mutex.Unlock()
	for _, id := range ids {
		if sent, ok := p.open[id]; ok {
			p.took = append(p.took, now.Sub(sent))
			delete(p.open, id)
		}
	}
}

func (s *samples) watchStatement(ctx context.Context) error {
	connection, err := s.world.connect(ctx, launch.StatementDatabase)
	if err != nil {
		return err
	}
	defer connection.Close(context.WithoutCancel(ctx))
	for ; ctx.Err() == nil; wait(ctx, lookAtStatement) {
		ids := s.onStatement.wanted()
		if len(ids) == 0 {
			continue
		}
		rows, err := connection.Query(ctx, "SELECT event_id FROM "+linesTable+" WHERE event_id = ANY($1)", ids)
		if err == nil {
			ids, err = pgx.CollectRows(rows, pgx.RowTo[string])
		}
		if err != nil {
			return ignoreEnd(ctx, err)
		}
		s.onStatement.seen(ids)
	}
	return nil
}

func (s *samples) watchIndex(ctx context.Context) error {
	for ; ctx.Err() == nil; wait(ctx, lookAtIndex) {
		ids := s.inIndex.wanted()
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
		if err := pipes.Call(ctx, http.MethodPost, s.world.elasticsearch(indexPattern+"/_search"), query, &found); err != nil {
			return ignoreEnd(ctx, err)
		}
		ids = ids[:0]
		for _, hit := range found.Hits.Hits {
			ids = append(ids, hit.ID)
		}
		s.inIndex.seen(ids)
	}
	return nil
}

// ignoreEnd is for looks that are cut off because there is nothing left to look for.
func ignoreEnd(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}
