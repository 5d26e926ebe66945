package analyst

import (
	"context"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"log/slog"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"codebank.dev/dashboards/catalogue"
	"codebank.dev/dashboards/query"
)

// index is a fake of Elasticsearch. It answers every aggregation with figures that depend on
// the search only.
type index struct {
	calls    atomic.Int64
	searches atomic.Int64
	// err fails every request, refuse the searches whose body contains it.
	err    error
	refuse string
	hold   chan struct{}
	bodies []string
	// figure replaces every figure, when it is set: a number as Elasticsearch writes it.
	figure string
}

func (x *index) search(ctx context.Context, requests []query.Request) ([]json.RawMessage, error) {
	x.calls.Add(1)
	if x.hold != nil {
		select {
		case <-x.hold:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	if x.err != nil {
		return nil, x.err
	}
	var answers []json.RawMessage
	for _, request := range requests {
		x.searches.Add(1)
		x.bodies = append(x.bodies, string(request.Body))
		if x.refuse != "" && strings.Contains(string(request.Body), x.refuse) {
			answers = append(answers, json.RawMessage(`{"status":400,"error":{"type":"x","reason":"too many buckets <b>"}}`))
			continue
		}
		var body struct {
			Size int
			Aggs map[string]any
		}
		if err := json.Unmarshal(request.Body, &body); err != nil {
			return nil, err
		}
		answer := map[string]any{
			"_shards": map[string]any{"total": 1, "failed": 0}, "timed_out": false,
			"hits": map[string]any{"total": map[string]any{"value": 1234}, "hits": documents(body.Size)},
		}
		if body.Aggs != nil {
			answer["aggregations"] = x.figured(level(body.Aggs, request.Index))
		}
		written, err := json.Marshal(answer)
		if err != nil {
			return nil, err
		}
		answers = append(answers, written)
	}
	return answers, nil
}

var anyFigure = regexp.MustCompile(`"(value|sum)":[0-9]+`)

// figured returns aggregations with the figure that the index has for all.
func (x *index) figured(aggregations map[string]any) any {
	if x.figure == "" {
		return aggregations
	}
	written, err := json.Marshal(aggregations)
	if err != nil {
		panic(err)
	}
	return json.RawMessage(anyFigure.ReplaceAll(written, []byte(`"$1":`+x.figure)))
}

func documents(size int) []any {
	list := []any{}
	for i := range size {
		list = append(list, map[string]any{"_source": map[string]any{
			"occurred_at": noon.Add(-time.Duration(i) * time.Minute).UnixMilli(), "event_id": fmt.Sprintf("event-%02d", i), "status": "DECLINED",
			"merchant_name": "Café <da> Serra", "amount_minor": 4290 + i, "currency": "BRL", "decline_reason": "INSUFFICIENT_FUNDS",
			"trace_id": "4bf92f3577b34da6a3ce929d0e0e4736", "card_brand": "VISA", "card_bin": "411111", "card_last4": "1111",
		}})
	}
	return list
}

// pseudo returns a number between 0 and 1 that depends on a text.
func pseudo(text string) float64 {
	sum := fnv.New32a()
	_, _ = sum.Write([]byte(text))
	return float64(sum.Sum32()%1000) / 1000
}

func level(aggs map[string]any, seed string) map[string]any {
	answer := map[string]any{}
	for name, of := range aggs {
		answer[name] = aggregation(of.(map[string]any), seed+"/"+name)
	}
	return answer
}

func bucketOf(key any, below map[string]any, seed string, count int) map[string]any {
	b := level(below, seed+fmt.Sprint(key))
	b["doc_count"] = count
	if key != nil {
		b["key"] = key
	}
	return b
}

func aggregation(of map[string]any, seed string) map[string]any {
	below, _ := of["aggs"].(map[string]any)
	n := int(100 + 900*pseudo(seed))
	settings := func(kind string) map[string]any { s, _ := of[kind].(map[string]any); return s }
	switch {
	case of["date_histogram"] != nil:
		return map[string]any{"buckets": intervals(settings("date_histogram"), below, seed)}
	case of["histogram"] != nil:
		list := []any{}
		for i := range 24 {
			list = append(list, bucketOf(i, below, seed, int(1000*pseudo(seed+strconv.Itoa(i)))))
		}
		return map[string]any{"buckets": list}
	case of["terms"] != nil:
		return map[string]any{"buckets": terms(settings("terms"), below, seed)}
	case of["filters"] != nil:
		return map[string]any{"buckets": namedBuckets(settings("filters")["filters"].(map[string]any), below, seed)}
	case of["range"] != nil:
		names := map[string]any{}
		for _, r := range settings("range")["ranges"].([]any) {
			names[r.(map[string]any)["key"].(string)] = nil
		}
		return map[string]any{"buckets": namedBuckets(names, below, seed)}
	case of["filter"] != nil:
		return bucketOf(nil, below, seed, n/2)
	case of["percentiles"] != nil:
		list := []any{}
		for _, rank := range settings("percentiles")["percents"].([]any) {
			list = append(list, map[string]any{"key": rank, "value": rank.(float64) * 1000 * (1 + pseudo(seed))})
		}
		return map[string]any{"values": list}
	case of["stats"] != nil:
		return map[string]any{"count": n, "sum": n * 5000}
	case of["max"] != nil && strings.Contains(fmt.Sprint(of["max"]), "_at"), of["max"] != nil && strings.Contains(fmt.Sprint(of["max"]), "complete_to"):
		return map[string]any{"value": noon.Add(-time.Second).UnixMilli()}
	}
	return map[string]any{"value": n * 100}
}

func intervals(settings, below map[string]any, seed string) []any {
	step, _ := time.ParseDuration(settings["fixed_interval"].(string))
	bounds := settings["extended_bounds"].(map[string]any)
	list := []any{}
	for at := int64(bounds["min"].(float64)) / step.Milliseconds() * step.Milliseconds(); at <= int64(bounds["max"].(float64)); at += step.Milliseconds() {
		list = append(list, bucketOf(at, below, seed, int(1000*pseudo(seed+strconv.FormatInt(at, 10)))))
	}
	return list
}

// values are the values of fields; other fields have values of their own.
var values = map[string][]string{
	"status": {"APPROVED", "DECLINED"}, "card_brand": {"VISA", "MASTERCARD", "ELO", "AMEX"}, "bank_code": {"001", "002"},
	"decline_reason": {"INSUFFICIENT_FUNDS", "TOO_FREQUENT", "CVV_MISMATCH"}, "merchant_country": {"BR", "US"}, "currency": {"BRL"},
	"merchant_name": {"Café <da> Serra", "Livraria Aurora", "Armazém Nossa Senhora do Perpétuo Socorro de São José dos Campos"},
	"card_bin":      {"411111", "555555"}, "kind": {"PURCHASE", "REVERSAL"}, "risk_rule": {"NONE", "VELOCITY"}, "partition": {"0"},
}

func terms(settings, below map[string]any, seed string) []any {
	list := []any{}
	field := settings["field"].(string)
	of := values[field]
	if of == nil {
		of = []string{field + "-1", field + "-2"}
	}
	for i, value := range of {
		if float64(i) < settings["size"].(float64) {
			list = append(list, bucketOf(value, below, seed, 1000-300*i))
		}
	}
	return list
}

func namedBuckets(names, below map[string]any, seed string) map[string]any {
	named := map[string]any{}
	for name := range names {
		named[name] = bucketOf(nil, below, seed+name, int(1000*pseudo(seed+name)))
	}
	return named
}

var noon = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)

// pages returns the handler over a fake index.
func pages(t testing.TB, x *index) http.Handler {
	t.Helper()
	h, err := New(Config{
		Dashboards: catalogue.Dashboards(), Views: catalogue.DataViews(), Search: x.search, Logger: slog.New(slog.DiscardHandler),
		Metrics: prometheus.NewRegistry(), Now: func() time.Time { return noon },
	})
	require.NoError(t, err)
	return h
}
