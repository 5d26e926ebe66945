package query

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"time"

	"codebank.dev/dashboards/kql"
	"codebank.dev/dashboards/view"
)

// Request is one search.
type Request struct {
	// Index is an alias. A search must ignore an alias that does not exist, because the
	// first document creates it.
	Index string
	// Body is the body of the _search request.
	Body json.RawMessage
}

const (
	// documentLimit is how many documents a list shows.
	documentLimit = 20
	// combinationLimit is how many values of each field are read when combinations of
	// fields are requested.
	combinationLimit = 1000
	// extraShardValues is how many values each shard returns in addition to three times
	// the shown ones, so that the largest values of all shards are among them.
	// accurateShardValues is for fields whose values are rare.
	extraShardValues    = 30
	accurateShardValues = 1000
	// precisionThreshold is the number of different values up to which Elasticsearch
	// counts almost exactly. It allows no more than this.
	precisionThreshold = 40_000
)

// panelQuery is the query for one panel.
type panelQuery struct {
	panel    view.Panel
	view     view.DataView // its labels and words; its other parts may be empty
	time     string        // the field that ranges of time apply to
	at       Range
	interval time.Duration
	// shifts are the different time shifts of the panel's figures. The first is no
	// shift.
	shifts []time.Duration
	groups []group
	slots  map[string]slot // by the key of the aggregate
}

// group is the figures over the same documents of a row.
type group struct {
	shift, within time.Duration
	filter        kql.Query
	metrics       object
	names         map[string]string // names of the metrics, by operation and field
	ranks         map[string][]int  // ranks of the percentiles, by the name of the metric
}

// unfiltered reports whether the group covers all documents of a row.
func (g *group) unfiltered() bool { return g.within == 0 && kql.Empty(g.filter) }

// slot is the place of an aggregate's value in the response.
type slot struct {
	group  int
	metric string // empty for a count
	of     view.Aggregate
}

// newPanelQuery returns the query for a panel, over the panel's own range of time or
// the dashboard's. A range of the panel's own is relative to now.
func newPanelQuery(panel view.Panel, timeField string, dashboard Range, now time.Time) (*panelQuery, error) {
	q := &panelQuery{panel: panel, time: timeField, at: dashboard, shifts: []time.Duration{0}, slots: map[string]slot{}}
	if panel.From != "" {
		to := panel.To
		if to == "" {
			to = "now"
		}
		var err error
		// At midnight, now/d is an empty range; it becomes one millisecond long.
		if q.at, err = Between(panel.From, to, now); err != nil {
			from, failed := ParseMoment(panel.From, now)
			if failed != nil || from.After(now) || panel.To != "" {
				return nil, err
			}
			q.at = Range{From: from, To: from.Add(time.Millisecond)}
		}
	}
	for _, bucket := range panel.Layer.Buckets {
		if timeBucket, ok := bucket.(view.Time); ok {
			var err error
			if q.interval, err = intervalOf(timeBucket.Interval, q.at); err != nil {
				return nil, err
			}
		}
	}
	for _, metric := range panel.Layer.Metrics {
		for _, a := range view.Aggregates(metric.Figure) {
			if err := q.add(a); err != nil {
				return nil, err
			}
		}
	}
	return q, nil
}

// keyOf returns a text that is different for different figures.
func keyOf(a view.Aggregate) string { return view.Formula(a) }

// add adds an aggregate to the query, unless it is already there.
func (q *panelQuery) add(a view.Aggregate) error {
	if _, known := q.slots[keyOf(a)]; known {
		return nil
	}
	at, err := q.groupOf(a)
	if err != nil {
		return err
	}
	name, err := q.groups[at].add(a)
	if err != nil {
		return err
	}
	q.slots[keyOf(a)] = slot{group: at, metric: name, of: a}
	return nil
}

// groupOf returns the place of the group that an aggregate belongs to.
func (q *panelQuery) groupOf(a view.Aggregate) (int, error) {
	var shift, within time.Duration
	var err error
	switch a.Shift {
	case "":
	case view.Previous:
		if shift = q.at.To.Sub(q.at.From); q.interval > 0 {
			return 0, fmt.Errorf("query: %s: the shift previous needs a panel without a bucket of time", view.Formula(a))
		}
	default:
		if shift, err = parseLength(a.Shift); err != nil {
			return 0, err
		}
	}
	if a.Within != "" {
		if within, err = parseLength(a.Within); err != nil {
			return 0, err
		}
	}
	if !slices.Contains(q.shifts, shift) {
		q.shifts = append(q.shifts, shift)
	}
	text := kql.Text(a.Filter)
	at := slices.IndexFunc(q.groups, func(g group) bool {
		return g.shift == shift && g.within == within && kql.Text(g.filter) == text
	})
	if at < 0 {
		at = len(q.groups)
		q.groups = append(q.groups, group{
			shift: shift, within: within, filter: a.Filter, metrics: object{}, names: map[string]string{}, ranks: map[string][]int{},
		})
	}
	return at, nil
}

// operations are Elasticsearch's names of the functions. An average is requested as its
// parts, because averages cannot be added.
var operations = map[view.Function]string{
	view.Sum: "sum", view.Average: "stats", view.Max: "max", view.Min: "min", view.Unique: "cardinality", view.Percentile: "percentiles",
}

// add returns the name of an aggregate in the group. The name of a count is empty,
// because a count needs no aggregation.
func (g *group) add(a view.Aggregate) (string, error) {
	if a.Function == view.Count {
		return "", nil
	}
	operation, known := operations[a.Function]
	if !known || a.Field == "" {
		return "", fmt.Errorf("query: %s is not a function of a field", view.Formula(a))
	}
	name, known := g.names[operation+" "+a.Field]
	if !known {
		name = "m" + strconv.Itoa(len(g.names))
		g.names[operation+" "+a.Field] = name
	}
	settings := object{"field": a.Field}
	switch a.Function {
	case view.Unique:
		settings["precision_threshold"] = precisionThreshold
	case view.Percentile:
		if !slices.Contains(g.ranks[name], a.Rank) {
			g.ranks[name] = append(g.ranks[name], a.Rank)
		}
		settings["percents"], settings["keyed"] = g.ranks[name], false
	}
	g.metrics[name] = object{operation: settings}
	return name, nil
}

// request returns the search.
func (q *panelQuery) request() (Request, error) {
	var body object
	if q.panel.Chart == view.Documents {
		body = q.documents()
	} else {
		ranges := []object{}
		for _, shift := range q.shifts {
			ranges = append(ranges, during(q.time, q.at.earlier(shift)))
		}
		span := ranges[0]
		if len(ranges) > 1 {
			span = object{"bool": object{"should": ranges, "minimum_should_match": 1}}
		}
		body = object{
			"size": 0, "track_total_hits": true,
			"query": object{"bool": object{"filter": []object{condition(q.panel.Query), span}}},
		}
		if aggregations := q.level(0, -1); len(aggregations) > 0 {
			body["aggs"] = aggregations
		}
	}
	written, err := json.Marshal(body)
	if err != nil {
		return Request{}, fmt.Errorf("query: panel %s: %w", q.panel.ID, err)
	}
	return Request{Index: string(q.panel.Source), Body: written}, nil
}

func (q *panelQuery) documents() object {
	list := q.panel.Documents
	return object{
		"size": documentLimit, "track_total_hits": true, "_source": append([]string{list.Newest, view.CurrencyField}, list.Fields...),
		"query": object{"bool": object{"filter": []object{condition(q.panel.Query), during(q.time, q.at)}}},
		"sort":  []object{{list.Newest: object{"order": "desc", "unmapped_type": "date"}}},
	}
}

// split is the level at which the documents are split by shift. It lies outside the
// time buckets, which differ by shift, and inside all other buckets, which do not.
func (q *panelQuery) split() int {
	at := slices.IndexFunc(q.panel.Layer.Buckets, func(b view.Bucket) bool { _, ok := b.(view.Time); return ok })
	if at < 0 {
		return len(q.panel.Layer.Buckets)
	}
	return at
}

// level returns the aggregations of one level of buckets and of all levels below. shift
// is the place of the shift that a level above split off, or -1 before the split.
func (q *panelQuery) level(at, shift int) object {
	if shift < 0 && at == q.split() {
		if len(q.shifts) == 1 {
			return q.level(at, 0)
		}
		parts := object{}
		for i, by := range q.shifts {
			parts["s"+strconv.Itoa(i)] = object{"filter": during(q.time, q.at.earlier(by)), "aggs": q.level(at, i)}
		}
		return parts
	}
	if at == len(q.panel.Layer.Buckets) {
		return q.leaf(shift)
	}
	switch b := q.panel.Layer.Buckets[at].(type) {
	case view.Time:
		return object{"b": with(q.intervals(b, shift), q.level(at+1, shift))}
	case view.Terms:
		return q.terms(b, at, shift)
	case view.Filters:
		return object{"b": with(filters(b), q.level(at+1, shift))}
	case view.Numbers:
		return object{"b": with(object{"histogram": object{
			"field": b.Field, "interval": 1, "min_doc_count": 0,
			"hard_bounds": object{"min": b.First, "max": b.Last}, "extended_bounds": object{"min": b.First, "max": b.Last},
		}}, q.level(at+1, shift))}
	case view.Ranges:
		return object{"b": with(ranges(b), q.level(at+1, shift))}
	}
	panic("query: unknown kind of bucket")
}

// with adds the level below to an aggregation, unless the level is empty.
func with(aggregation, below object) object {
	if len(below) > 0 {
		aggregation["aggs"] = below
	}
	return aggregation
}

// intervals divides by time. Shifted intervals begin exactly one shift before the
// intervals that they are compared with.
func (q *panelQuery) intervals(b view.Time, shift int) object {
	by := q.shifts[max(shift, 0)]
	at := q.at.earlier(by)
	offset := (q.interval - by%q.interval) % q.interval
	return object{"date_histogram": object{
		"field": b.Field, "fixed_interval": millis(q.interval), "offset": millis(offset), "min_doc_count": 0,
		"extended_bounds": object{"min": at.From.UnixMilli(), "max": at.To.UnixMilli()},
	}}
}

func millis(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) + "ms" }

func filters(b view.Filters) object {
	named := object{}
	for i, filter := range b.Filters {
		named[strconv.Itoa(i)] = condition(filter.Query)
	}
	return object{"filters": object{"filters": named}}
}

func ranges(b view.Ranges) object {
	list := []object{}
	for i, r := range b.Ranges {
		one := object{"key": strconv.Itoa(i), "from": r.From}
		if r.Below != 0 {
			one["to"] = r.Below
		}
		list = append(list, one)
	}
	return object{"range": object{"field": b.Field, "keyed": true, "ranges": list}}
}

// leaf returns the aggregations of a row.
func (q *panelQuery) leaf(shift int) object {
	leaf := object{}
	for i := range q.groups {
		g := &q.groups[i]
		if g.shift != q.shifts[shift] {
			continue
		}
		if g.unfiltered() {
			for name, metric := range g.metrics {
				leaf["g"+strconv.Itoa(i)+name] = metric
			}
			continue
		}
		leaf["g"+strconv.Itoa(i)] = with(object{"filter": q.groupCondition(g)}, g.metrics)
	}
	return leaf
}

// groupCondition is the condition that chooses a group's documents among those of its
// row.
func (q *panelQuery) groupCondition(g *group) object {
	if g.within == 0 {
		return condition(g.filter)
	}
	return object{"bool": object{"filter": []object{
		condition(g.filter), during(q.time, q.at.earlier(g.shift).last(g.within)),
	}}}
}

// approximate reports whether a figure is an estimate.
func approximate(e view.Expression) bool {
	return slices.ContainsFunc(view.Aggregates(e), func(a view.Aggregate) bool {
		return a.Function == view.Unique || a.Function == view.Percentile
	})
}
