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
	// Index is an alias. An alias that is not there is to be passed over: it comes with
	// the first document.
	Index string
	// Body is that of _search.
	Body json.RawMessage
}

const (
	// listed is how many documents a list shows.
	listed = 20
	// combined bounds the values of each field whose combinations are asked for.
	combined = 1000
	// spare is how many values each shard gives besides three times those that are shown,
	// so that the largest of all are among them; accurate is for those that are rare.
	spare    = 30
	accurate = 1000
	// precision is up to how many values Elasticsearch counts different ones almost
	// exactly; it allows no more.
	precision = 40_000
)

// question is what is asked of Elasticsearch for a panel.
type question struct {
	panel    view.Panel
	time     string // the field that chooses by time
	at       Range
	interval time.Duration
	// shifts are the different shifts of time of the panel's figures, none first.
	shifts []time.Duration
	groups []group
	slots  map[string]slot // by the key of an aggregate
}

// group is figures of the same documents of a row.
type group struct {
	shift, within time.Duration
	filter        kql.Query
	metrics       object
	names         map[string]string // of metrics, by what they reckon
	ranks         map[string][]int  // of percentiles, by name
}

// bare says that the documents are all those of a row.
func (g *group) bare() bool { return g.within == 0 && kql.Empty(g.filter) }

// slot is where the answer has the value of an aggregate.
type slot struct {
	group  int
	metric string // empty for a count
	of     view.Aggregate
}

// ask works out what is asked for a panel in its own range of time or the dashboard's,
// whose end is what the panel takes for now.
func ask(panel view.Panel, timeField string, dashboard Range) (*question, error) {
	q := &question{panel: panel, time: timeField, at: dashboard, shifts: []time.Duration{0}, slots: map[string]slot{}}
	if panel.From != "" {
		to := panel.To
		if to == "" {
			to = "now"
		}
		var err error
		// now/d at midnight is no stretch yet; the least one is.
		if q.at, err = Between(panel.From, to, dashboard.To); err != nil {
			from, failed := ParseMoment(panel.From, dashboard.To)
			if failed != nil || from.After(dashboard.To) || panel.To != "" {
				return nil, err
			}
			q.at = Range{From: from, To: from.Add(time.Millisecond)}
		}
	}
	for _, bucket := range panel.Layer.Buckets {
		if stretches, ok := bucket.(view.Time); ok {
			var err error
			if q.interval, err = intervalOf(stretches.Interval, q.at); err != nil {
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

// keyOf tells aggregates apart that are different figures.
func keyOf(a view.Aggregate) string { return view.Formula(a) }

// add makes sure that an aggregate is among what is asked.
func (q *question) add(a view.Aggregate) error {
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
func (q *question) groupOf(a view.Aggregate) (int, error) {
	var shift, within time.Duration
	var err error
	if a.Shift != "" {
		if shift, err = parseStretch(a.Shift); err != nil {
			return 0, err
		}
	}
	if a.Within != "" {
		if within, err = parseStretch(a.Within); err != nil {
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

// operations are what Elasticsearch calls the functions. An average is asked for with
// its parts, for averages do not add up.
var operations = map[view.Function]string{
	view.Sum: "sum", view.Average: "stats", view.Max: "max", view.Min: "min", view.Unique: "cardinality", view.Percentile: "percentiles",
}

// add returns the name of an aggregate in the group; empty for a count, which needs none.
func (g *group) add(a view.Aggregate) (string, error) {
	if a.Function == view.Count {
		return "", nil
	}
	operation, known := operations[a.Function]
	if !known || a.Field == "" {
		return "", fmt.Errorf("query: %s is no function of a field", view.Formula(a))
	}
	name, there := g.names[operation+" "+a.Field]
	if !there {
		name = "m" + strconv.Itoa(len(g.names))
		g.names[operation+" "+a.Field] = name
	}
	settings := object{"field": a.Field}
	switch a.Function {
	case view.Unique:
		settings["precision_threshold"] = precision
	case view.Percentile:
		if !slices.Contains(g.ranks[name], a.Rank) {
			g.ranks[name] = append(g.ranks[name], a.Rank)
		}
		settings["percents"], settings["keyed"] = g.ranks[name], false
	}
	g.metrics[name] = object{operation: settings}
	return name, nil
}

// request writes the search.
func (q *question) request() (Request, error) {
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

func (q *question) documents() object {
	list := q.panel.Documents
	return object{
		"size": listed, "track_total_hits": true, "_source": append([]string{list.Newest}, list.Fields...),
		"query": object{"bool": object{"filter": []object{condition(q.panel.Query), during(q.time, q.at)}}},
		"sort":  []object{{list.Newest: object{"order": "desc", "unmapped_type": "date"}}},
	}
}

// split is the level at which the documents are told apart by shift: outside the
// stretches of time, which differ, and inside everything else, which does not.
func (q *question) split() int {
	at := slices.IndexFunc(q.panel.Layer.Buckets, func(b view.Bucket) bool { _, ok := b.(view.Time); return ok })
	if at < 0 {
		return len(q.panel.Layer.Buckets)
	}
	return at
}

// level returns the aggregations of one level of buckets and all below. shift is the
// place of the shift that was told apart above, -1 when none was yet.
func (q *question) level(at, shift int) object {
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
		return object{"b": with(q.stretches(b, shift), q.level(at+1, shift))}
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
	panic("query: a bucket of another kind")
}

// with adds what is below to an aggregation, unless it is nothing.
func with(aggregation, below object) object {
	if len(below) > 0 {
		aggregation["aggs"] = below
	}
	return aggregation
}

// stretches divides by time such that shifted stretches begin a shift before those
// they are compared with.
func (q *question) stretches(b view.Time, shift int) object {
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
func (q *question) leaf(shift int) object {
	leaf := object{}
	for i := range q.groups {
		g := &q.groups[i]
		if g.shift != q.shifts[shift] {
			continue
		}
		if g.bare() {
			for name, metric := range g.metrics {
				leaf["g"+strconv.Itoa(i)+name] = metric
			}
			continue
		}
		leaf["g"+strconv.Itoa(i)] = with(object{"filter": q.chosen(g)}, g.metrics)
	}
	return leaf
}

// chosen is the condition of a group's documents besides its row's.
func (q *question) chosen(g *group) object {
	if g.within == 0 {
		return condition(g.filter)
	}
	return object{"bool": object{"filter": []object{
		condition(g.filter), during(q.time, q.at.earlier(g.shift).last(g.within)),
	}}}
}

// approximate says whether a figure is an estimate.
func approximate(e view.Expression) bool {
	return slices.ContainsFunc(view.Aggregates(e), func(a view.Aggregate) bool {
		return a.Function == view.Unique || a.Function == view.Percentile
	})
}
