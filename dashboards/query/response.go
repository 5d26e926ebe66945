package query

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"codebank.dev/dashboards/view"
)

// response is the server's response to one search.
type response struct {
	Status   int             `json:"status"`
	Error    json.RawMessage `json:"error"`
	TimedOut bool            `json:"timed_out"`
	Shards   struct {
		Total  int `json:"total"`
		Failed int `json:"failed"`
	} `json:"_shards"`
	Hits struct {
		Total struct {
			Value float64 `json:"value"`
		} `json:"total"`
		Documents []struct {
			Source map[string]json.RawMessage `json:"_source"`
		} `json:"hits"`
	} `json:"hits"`
	Aggregations node `json:"aggregations"`
}

// node is the results of the aggregations of one level, by name.
type node map[string]json.RawMessage

// multi is the result of an aggregation with buckets.
type multi struct {
	Buckets json.RawMessage `json:"buckets"`
	Others  float64         `json:"sum_other_doc_count"`
}

// parseResponse reads a response, or returns the error that the response holds.
func parseResponse(raw []byte) (*response, error) {
	var a response
	if err := json.Unmarshal(raw, &a); err != nil {
		return nil, fmt.Errorf("query: the response is not that of a search: %w", err)
	}
	if len(a.Error) > 0 && string(a.Error) != "null" {
		return nil, &ServerError{Status: a.Status, Reason: reason(a.Error)}
	}
	if a.TimedOut || a.Shards.Failed > 0 {
		return nil, fmt.Errorf("query: the response is incomplete: %d shards failed, timed out: %t", a.Shards.Failed, a.TimedOut)
	}
	return &a, nil
}

// reason returns the innermost cause of an error.
func reason(raw json.RawMessage) string {
	var of struct {
		Reason    string            `json:"reason"`
		CausedBy  json.RawMessage   `json:"caused_by"`
		RootCause []json.RawMessage `json:"root_cause"`
	}
	if json.Unmarshal(raw, &of) != nil {
		return string(raw)
	}
	if len(of.CausedBy) > 0 {
		return reason(of.CausedBy)
	}
	if len(of.RootCause) > 0 {
		return reason(of.RootCause[0])
	}
	return of.Reason
}

// amount is the value of an aggregate in a row. n is the number of values behind an
// average. rounded says that value may be another one than was added up.
type amount struct {
	value, n float64
	present  bool
	rounded  bool
}

// cells are the rows of a response before the formulas are calculated.
type cells struct {
	q     *panelQuery
	keys  [][]Key
	rows  []map[string]amount // by the key of the aggregate
	place map[string]int      // the place of a row, by its keys
	notes []string
}

// bucket is one bucket of a response: its key, its number of documents, and the level
// below.
type bucket struct {
	key   Key
	count float64
	below node
}

// read converts a response into cells.
func (q *panelQuery) read(a *response) (*cells, error) {
	c := &cells{q: q, place: map[string]int{}}
	if a.Shards.Total == 0 && len(a.Aggregations) == 0 {
		c.notes = append(c.notes, "there is no index "+string(q.panel.Source)+" yet")
		if len(q.panel.Layer.Buckets) > 0 {
			return c, nil
		}
	}
	return c, c.walk(position{shift: -1}, bucket{count: a.Hits.Total.Value, below: a.Aggregations})
}

// position is the place of a walk in the levels of buckets.
type position struct {
	at, shift int
	keys      []Key
}

func (p position) below(key Key) position {
	return position{p.at + 1, p.shift, append(slices.Clone(p.keys), key)}
}

// walk adds the rows of a bucket.
func (c *cells) walk(p position, in bucket) error {
	if p.shift < 0 && p.at == c.q.split() {
		return c.walkShifts(p, in)
	}
	if p.at == len(c.q.panel.Layer.Buckets) {
		return c.leaf(p, in)
	}
	buckets, err := c.buckets(p, in.below["b"])
	if err != nil {
		return err
	}
	for _, b := range buckets {
		if err := c.walk(p.below(b.key), b); err != nil {
			return err
		}
	}
	if terms, ok := c.q.panel.Layer.Buckets[p.at].(view.Terms); ok && terms.Other {
		return c.other(p, in.below["o"], buckets)
	}
	return nil
}

func (c *cells) walkShifts(p position, in bucket) error {
	if len(c.q.shifts) == 1 {
		p.shift = 0
		return c.walk(p, in)
	}
	for i := range c.q.shifts {
		part, err := single(in.below["s"+strconv.Itoa(i)])
		if err != nil {
			return err
		}
		p.shift = i
		if err := c.walk(p, part); err != nil {
			return err
		}
	}
	return nil
}

// single reads an aggregation with one bucket. A missing one has no documents.
func single(raw json.RawMessage) (bucket, error) {
	var below node
	if len(raw) > 0 {
		if err := json.Unmarshal(raw, &below); err != nil {
			return bucket{}, fmt.Errorf("query: the response has no bucket where one belongs: %w", err)
		}
	}
	return bucketOf(Key{}, below)
}

func bucketOf(key Key, below node) (bucket, error) {
	b := bucket{key: key, below: below}
	if raw, ok := below["doc_count"]; ok {
		if err := json.Unmarshal(raw, &b.count); err != nil {
			return bucket{}, fmt.Errorf("query: a bucket has an invalid count of documents: %w", err)
		}
	}
	return b, nil
}

// buckets reads the buckets of one level, in the order in which they are shown.
func (c *cells) buckets(p position, raw json.RawMessage) ([]bucket, error) {
	if len(raw) == 0 {
		return nil, nil
	}
	var m multi
	if err := json.Unmarshal(raw, &m); err != nil {
		return nil, fmt.Errorf("query: the response has no buckets where they belong: %w", err)
	}
	switch b := c.q.panel.Layer.Buckets[p.at].(type) {
	case view.Filters:
		return keyed(m.Buckets, len(b.Filters), func(i int) string { return b.Filters[i].Label })
	case view.Ranges:
		return keyed(m.Buckets, len(b.Ranges), func(i int) string { return b.Ranges[i].Label })
	case view.Terms:
		if len(b.Fields) > 1 {
			return c.combinations(b, raw)
		}
		list, err := listedBuckets(m.Buckets, nil)
		for _, one := range list {
			// Some of several shards may not have sent this value. -1 means that the
			// error is unknown.
			if off := one.below["doc_count_error_upper_bound"]; len(off) > 0 && string(off) != "0" && string(off) != "-1" {
				c.note(fmt.Sprintf("%s: %s may be too small by up to %s", b.Label, one.key.Text, off))
			}
		}
		return list, err
	case view.Time:
		return listedBuckets(m.Buckets, func(k *Key) bool {
			k.Number += float64(c.q.shifts[max(p.shift, 0)].Milliseconds())
			k.Text = k.Moment().Format(time.RFC3339)
			return k.Number+float64(c.q.interval.Milliseconds()) > float64(c.q.at.From.UnixMilli()) && k.Number <= float64(c.q.at.To.UnixMilli())
		})
	}
	return listedBuckets(m.Buckets, nil)
}

func (c *cells) note(text string) {
	if !slices.Contains(c.notes, text) {
		c.notes = append(c.notes, text)
	}
}

// keyed reads buckets that are named by their numbers.
func keyed(raw json.RawMessage, n int, label func(int) string) ([]bucket, error) {
	var named map[string]node
	if err := json.Unmarshal(raw, &named); err != nil {
		return nil, fmt.Errorf("query: the response has no named buckets where they belong: %w", err)
	}
	list := make([]bucket, 0, n)
	for i := range n {
		b, err := bucketOf(Key{Text: label(i), Number: float64(i)}, named[strconv.Itoa(i)])
		if err != nil {
			return nil, err
		}
		list = append(list, b)
	}
	return list, nil
}

// listedBuckets reads buckets with keys of their own. keep may change a key, and
// returns whether the bucket is kept.
func listedBuckets(raw json.RawMessage, keep func(*Key) bool) ([]bucket, error) {
	var nodes []node
	if err := json.Unmarshal(raw, &nodes); err != nil {
		return nil, fmt.Errorf("query: the response has no list of buckets where one belongs: %w", err)
	}
	list := make([]bucket, 0, len(nodes))
	for i, below := range nodes {
		key, err := keyIn(below, i)
		if err != nil {
			return nil, err
		}
		if keep != nil && !keep(&key) {
			continue
		}
		b, err := bucketOf(key, below)
		if err != nil {
			return nil, err
		}
		list = append(list, b)
	}
	return list, nil
}

// errNoValue says that a member of the response is missing.
var errNoValue = errors.New("it is missing")

// keyIn reads the key of a bucket, which is a text or a number.
func keyIn(below node, place int) (Key, error) {
	value, err := decoded(below["key"])
	if err != nil || below["key"] == nil {
		return Key{}, fmt.Errorf("query: a bucket has no key: %w", cmp.Or(err, errNoValue))
	}
	switch value := value.(type) {
	case string:
		return Key{Text: value, Number: float64(place)}, nil
	case json.Number:
		number, err := value.Float64()
		if err != nil {
			return Key{}, fmt.Errorf("query: the key of a bucket: %w", err)
		}
		return Key{Text: plainNumber(value), Number: number}, nil
	}
	return Key{}, errors.New("query: the key of a bucket is neither text nor number")
}

// combinations reads nested buckets as one list, orders it and cuts it to the size.
func (c *cells) combinations(b view.Terms, raw json.RawMessage) ([]bucket, error) {
	list := []bucket{}
	var collect func(raw json.RawMessage, values []string) error
	collect = func(raw json.RawMessage, values []string) error {
		var m multi
		if err := json.Unmarshal(raw, &m); err != nil {
			return fmt.Errorf("query: the response has no buckets where they belong: %w", err)
		}
		if m.Others > 0 {
			c.note(b.Label + ": more values exist than were read")
		}
		found, err := listedBuckets(m.Buckets, nil)
		if err != nil {
			return err
		}
		for _, one := range found {
			names := append(slices.Clone(values), one.key.Text)
			if len(names) < len(b.Fields) {
				if err := collect(one.below["b"], names); err != nil {
					return err
				}
				continue
			}
			one.key = Key{Text: named(names), Number: float64(len(list))}
			list = append(list, one)
		}
		return nil
	}
	if err := collect(raw, nil); err != nil {
		return nil, err
	}
	if b.By != nil {
		slices.SortStableFunc(list, func(x, y bucket) int { return ordered(b, x, y) })
	} else {
		slices.SortStableFunc(list, func(x, y bucket) int { return cmp.Compare(x.key.Text, y.key.Text) })
	}
	return list[:min(len(list), b.Size)], nil
}

// ordered compares combinations by the figure that orders them. A combination without a
// value is last.
func ordered(b view.Terms, x, y bucket) int {
	left, right := measure(*b.By, x), measure(*b.By, y)
	switch {
	case !left.present || !right.present:
		return cmp.Compare(boolean(!left.present), boolean(!right.present))
	case b.Ascending:
		return cmp.Compare(left.value, right.value)
	}
	return cmp.Compare(right.value, left.value)
}

func boolean(b bool) int {
	if b {
		return 1
	}
	return 0
}

// measure reads the figure that orders a combination.
func measure(by view.Aggregate, in bucket) amount {
	raw, requested := in.below["by"]
	if !requested {
		return amount{value: in.count, present: true}
	}
	b, err := single(raw)
	if err != nil {
		return amount{}
	}
	value, err := read(slot{metric: "m0", of: by}, b.count, b.below["m0"])
	if err != nil {
		return amount{}
	}
	if by.Function == view.Average && value.present {
		value.value /= value.n
	}
	return value
}
