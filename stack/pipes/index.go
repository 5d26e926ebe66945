package pipes

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
)

// Index is the Elasticsearch of a stack, named by its address.
type Index string

// errPartial is the error of a request that not all shards have answered.
var errPartial = errors.New("not all shards of the index answered")

// shards says how many shards have answered.
type shards struct{ Total, Successful int }

func (s shards) check() error {
	if s.Total == 0 || s.Successful < s.Total {
		return errPartial
	}
	return nil
}

// Refresh makes every event that was written until now visible to searches.
func (i Index) Refresh(ctx context.Context) error {
	return Call(ctx, http.MethodPost, string(i)+"/bank-transactions-*/_refresh", nil, nil)
}

// Count returns the number of event documents that a query finds. The query is in
// Elasticsearch's JSON. It fails if not all shards answered.
func (i Index) Count(ctx context.Context, query string) (int64, error) {
	var answer struct {
		Count  int64
		Shards shards `json:"_shards"`
	}
	body := map[string]any{"query": json.RawMessage(query)}
	if err := Call(ctx, http.MethodPost, string(i)+"/bank-transactions-*/_count", body, &answer); err != nil {
		return 0, err
	}
	return answer.Count, answer.Shards.check()
}

// CompleteTo returns up to when the index says that it has all events of a bank, in
// milliseconds since 1970. It is the smallest of the partitions' newest watermarks. It fails
// while a partition has none.
func (i Index) CompleteTo(ctx context.Context, bank string, partitions int) (millis int64, err error) {
	query := fmt.Sprintf(`{"size": 0, "query": {"term": {"bank_code": %q}}, "aggs": {"of": {
		"terms": {"field": "partition", "size": 100}, "aggs": {"newest": {"max": {"field": "complete_to"}}}}}}`, bank)
	var answer struct {
		Shards       shards `json:"_shards"`
		Aggregations struct {
			Of struct {
				Buckets []struct{ Newest struct{ Value float64 } }
			}
		}
	}
	if err := Call(ctx, http.MethodPost, string(i)+"/watermarks/_search", json.RawMessage(query), &answer); err != nil {
		return 0, err
	}
	buckets := answer.Aggregations.Of.Buckets
	if err := answer.Shards.check(); err != nil || len(buckets) < partitions {
		return 0, errors.Join(err, fmt.Errorf("%d of %d partitions have a watermark in the index", len(buckets), partitions))
	}
	for _, bucket := range buckets {
		if newest := int64(bucket.Newest.Value); millis == 0 || newest < millis {
			millis = newest
		}
	}
	return millis, nil
}
