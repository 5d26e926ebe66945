package demo

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	statementv1 "codebank.dev/schemas/gen/statement/v1"
	"codebank.dev/stack/pipes"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// pollInterval is the interval at which the copies are read. The times are exact to this
// interval.
const pollInterval = 50 * time.Millisecond

// freshness measures how long approved purchases take until they can be read.
type freshness struct {
	statements    statementv1.StatementServiceClient
	elasticsearch string

	mutex     sync.Mutex
	statement pending
	index     pending
	failure   error
}

// pending holds the purchases that were not found at one place yet, and the delays of the
// others.
type pending struct {
	open   map[string]sample // by transaction id
	delays []time.Duration
}

type sample struct {
	account  string
	answered time.Time
}

func newFreshness(statements statementv1.StatementServiceClient, elasticsearch string) *freshness {
	return &freshness{
		statements: statements, elasticsearch: elasticsearch,
		statement: pending{open: map[string]sample{}}, index: pending{open: map[string]sample{}},
	}
}

// add adds a purchase with the time of its answer.
func (f *freshness) add(account, purchase string, answeredAt time.Time) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	id := strings.TrimPrefix(purchase, "purchases/")
	f.statement.open[id] = sample{account, answeredAt}
	f.index.open[id] = sample{account, answeredAt}
}

// start begins to poll both places. The returned function ends it.
func (f *freshness) start(ctx context.Context) func() {
	ctx, cancel := context.WithCancel(ctx)
	var working sync.WaitGroup
	for _, poll := range []func(context.Context) error{f.pollStatement, f.pollIndex} {
		working.Go(func() {
			for sleep(ctx, pollInterval) == nil {
				if err := poll(ctx); err != nil && ctx.Err() == nil {
					f.mutex.Lock()
					f.failure = err
					f.mutex.Unlock()
				}
			}
		})
	}
	return func() { cancel(); working.Wait() }
}

// await waits until every purchase was found at both places.
func (f *freshness) await(ctx context.Context, timeout time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	for {
		f.mutex.Lock()
		open, failure := len(f.statement.open)+len(f.index.open), f.failure
		f.mutex.Unlock()
		if open == 0 {
			return nil
		}
		if err := sleep(ctx, pollInterval); err != nil {
			return errors.Join(fmt.Errorf("%d approved purchases were not found within %s", open, timeout), failure)
		}
	}
}

// record records the purchases that were found at a place.
func (f *freshness) record(place *pending, ids []string, at time.Time) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	for _, id := range ids {
		if s, ok := place.open[id]; ok {
			place.delays = append(place.delays, max(0, at.Sub(s.answered)))
			delete(place.open, id)
		}
	}
}

// openIDs returns the ids that were not found at a place yet, by account.
func (f *freshness) openIDs(place *pending) map[string][]string {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	open := map[string][]string{}
	for id, s := range place.open {
		open[s.account] = append(open[s.account], id)
	}
	return open
}

func (f *freshness) pollStatement(ctx context.Context) error {
	for account := range f.openIDs(&f.statement) {
		page, err := f.statements.ListLines(ctx, &statementv1.ListLinesRequest{Parent: account, PageSize: 100})
		if status.Code(err) == codes.NotFound {
			continue // not even the opening has arrived
		}
		if err != nil {
			return err
		}
		var ids []string
		for _, line := range page.GetLines() {
			ids = append(ids, line.GetTransactionId())
		}
		f.record(&f.statement, ids, time.Now())
	}
	return nil
}

func (f *freshness) pollIndex(ctx context.Context) error {
	var wanted []string
	for _, ids := range f.openIDs(&f.index) {
		wanted = append(wanted, ids...)
	}
	if len(wanted) == 0 {
		return nil
	}
	var found struct {
		Hits struct {
			Hits []struct {
				Source struct {
					TransactionID string `json:"transaction_id"`
				} `json:"_source"`
			} `json:"hits"`
		} `json:"hits"`
	}
	query := map[string]any{
		"size": 1000, "_source": []string{"transaction_id"},
		"query": map[string]any{"terms": map[string]any{"transaction_id": wanted[:min(len(wanted), 1000)]}},
	}
	if err := pipes.Call(ctx, http.MethodPost, f.elasticsearch+"/bank-transactions-*/_search", query, &found); err != nil {
		return err
	}
	var ids []string
	for _, hit := range found.Hits.Hits {
		ids = append(ids, hit.Source.TransactionID)
	}
	f.record(&f.index, ids, time.Now())
	return nil
}

// percentile returns the smallest value that p percent of the values do not exceed.
func percentile(values []time.Duration, p int) time.Duration {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	return sorted[(len(sorted)*p+99)/100-1]
}

// printFreshness prints the delays from the answer to an approved purchase until it can be
// read.
func (d *demonstration) printFreshness(context.Context) error {
	f := d.freshness
	f.mutex.Lock()
	defer f.mutex.Unlock()
	for _, place := range []struct {
		name string
		took []time.Duration
	}{{"on the statement", f.statement.delays}, {"in Elasticsearch", f.index.delays}} {
		d.printf("  approved → readable %s  p50 %4d ms   p99 %4d ms   (%d purchases)\n", place.name,
			percentile(place.took, 50).Milliseconds(), percentile(place.took, 99).Milliseconds(), len(place.took))
	}
	return nil
}
