package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	statementv1 "codebank.dev/schemas/gen/statement/v1"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// lookEvery is how often the copies are looked at, and so how exact the times are.
const lookEvery = 50 * time.Millisecond

// freshness follows approved purchases until they can be read.
type freshness struct {
	statements    statementv1.StatementServiceClient
	elasticsearch string

	mutex       sync.Mutex
	onStatement waiting
	inIndex     waiting
	failure     error
}

// waiting is what has not been seen at one place yet, and how long the rest took.
type waiting struct {
	open map[string]followed // by transaction id
	took []time.Duration
}

type followed struct {
	account  string
	answered time.Time
}

func newFreshness(statements statementv1.StatementServiceClient, elasticsearch string) *freshness {
	return &freshness{
		statements: statements, elasticsearch: elasticsearch,
		onStatement: waiting{open: map[string]followed{}}, inIndex: waiting{open: map[string]followed{}},
	}
}

// follow starts to look for a purchase that was answered at a moment.
func (f *freshness) follow(account, purchase string, answered time.Time) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	id := strings.TrimPrefix(purchase, "purchases/")
	f.onStatement.open[id] = followed{account, answered}
	f.inIndex.open[id] = followed{account, answered}
}

// watch looks until the returned function is called.
func (f *freshness) watch(ctx context.Context) func() {
	ctx, cancel := context.WithCancel(ctx)
	var working sync.WaitGroup
	for _, look := range []func(context.Context) error{f.lookAtStatement, f.lookAtIndex} {
		working.Go(func() {
			for pause(ctx, lookEvery) == nil {
				if err := look(ctx); err != nil && ctx.Err() == nil {
					f.mutex.Lock()
					f.failure = err
					f.mutex.Unlock()
				}
			}
		})
	}
	return func() { cancel(); working.Wait() }
}

// settle waits until everything followed was seen at both places.
func (f *freshness) settle(ctx context.Context, bound time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, bound)
	defer cancel()
	for {
		f.mutex.Lock()
		open, failure := len(f.onStatement.open)+len(f.inIndex.open), f.failure
		f.mutex.Unlock()
		if open == 0 {
			return nil
		}
		if err := pause(ctx, lookEvery); err != nil {
			return errors.Join(fmt.Errorf("%d approved purchases were not seen within %s", open, bound), failure)
		}
	}
}

// seen closes what was found at a place.
func (f *freshness) seen(place *waiting, ids []string, at time.Time) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	for _, id := range ids {
		if followed, ok := place.open[id]; ok {
			place.took = append(place.took, max(0, at.Sub(followed.answered)))
			delete(place.open, id)
		}
	}
}

// open returns what is still looked for at a place: ids by account.
func (f *freshness) open(place *waiting) map[string][]string {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	open := map[string][]string{}
	for id, followed := range place.open {
		open[followed.account] = append(open[followed.account], id)
	}
	return open
}

func (f *freshness) lookAtStatement(ctx context.Context) error {
	for account := range f.open(&f.onStatement) {
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
		f.seen(&f.onStatement, ids, time.Now())
	}
	return nil
}

func (f *freshness) lookAtIndex(ctx context.Context) error {
	var wanted []string
	for _, ids := range f.open(&f.inIndex) {
		wanted = append(wanted, ids...)
	}
	if len(wanted) == 0 {
		return nil
	}
	query, err := json.Marshal(map[string]any{
		"size": 1000, "_source": []string{"transaction_id"},
		"query": map[string]any{"terms": map[string]any{"transaction_id": wanted[:min(len(wanted), 1000)]}},
	})
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, f.elasticsearch+"/bank-transactions-*/_search", bytes.NewReader(query))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	var found struct {
		Hits struct {
			Hits []struct {
				Source struct {
					TransactionID string `json:"transaction_id"`
				} `json:"_source"`
			} `json:"hits"`
		} `json:"hits"`
	}
	if err := json.NewDecoder(answer.Body).Decode(&found); err != nil {
		return err
	}
	var ids []string
	for _, hit := range found.Hits.Hits {
		ids = append(ids, hit.Source.TransactionID)
	}
	f.seen(&f.inIndex, ids, time.Now())
	return nil
}

// percentile returns the value that p of 100 do not exceed.
func percentile(values []time.Duration, p int) time.Duration {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	return sorted[(len(sorted)*p+99)/100-1]
}

// printFreshness says how long approved purchases took from their answer to being readable.
func (t *town) printFreshness(context.Context) error {
	f := t.freshness
	f.mutex.Lock()
	defer f.mutex.Unlock()
	for _, place := range []struct {
		name string
		took []time.Duration
	}{{"on the statement", f.onStatement.took}, {"in Elasticsearch", f.inIndex.took}} {
		t.printf("  approved → readable %s  p50 %4d ms   p99 %4d ms   (%d purchases)\n", place.name,
			percentile(place.took, 50).Milliseconds(), percentile(place.took, 99).Milliseconds(), len(place.took))
	}
	return nil
}
