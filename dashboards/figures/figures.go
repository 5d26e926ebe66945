// Package figures reckons what the panels of the dashboards show, from events, by hand:
// each figure is a few lines of Go that share nothing with the panels' own formulas and
// queries. A test asks Elasticsearch what a panel asks, of documents that were made from
// the same events, and holds the answer against these.
//
// Figures that Elasticsearch estimates – numbers of different values, percentiles – are
// exact here; who compares has to allow for what the panel says.
package figures

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"time"

	"codebank.dev/schemas/event"
)

// Document is what the index has of an event.
type Document struct {
	event.Transaction
	// Topic, Partition and Offset are the event's place in Kafka.
	Topic     string
	Partition int32
	Offset    int64
	// PipelineMillis is the time from the event to the index.
	PipelineMillis int64
}

// Question is what a panel is asked.
type Question struct {
	// Documents are all there are, inside the range or not.
	Documents []Document
	// From and To are the range of time that the panel shows, both included: that of
	// the dashboard, or the panel's own.
	From, To time.Time
	// Interval is the length of a stretch of time, for panels over time.
	Interval time.Duration
	// Bound asks, instead of percentiles, for what estimates of them may not leave: -1
	// for the least, 1 for the most. It is a percentile one higher, and a value more,
	// for estimates lie between values.
	Bound int
}

// Row is the figures of one combination of the panel's buckets.
type Row struct {
	// Keys name the buckets as the panel does, the outermost first; a stretch of time
	// by its beginning in UTC, RFC 3339.
	Keys []string
	// Values are the figures by the ids of the panel's metrics; nil is no value.
	Values Values
}

// Values are figures by the ids of metrics.
type Values map[string]*float64

// Figure reckons a panel. Rows without documents may be left out; so may those beyond
// the number that the panel shows, which are the ones with the fewest documents.
type Figure func(Question) []Row

// Of returns the figure of a panel, or nil when there is none by hand.
func Of(dashboard, panel string) Figure {
	return all()[dashboard+"/"+panel]
}

// Unreckoned are the panels with figures that have none by hand, and why.
var Unreckoned = map[string]string{
	"complete-up-to": "its documents are watermarks, not events",
}

func all() map[string]Figure {
	figures := make(map[string]Figure)
	for dashboard, list := range map[string]map[string]Figure{
		"overview": overview(), "approvals": approvals(), "stores": stores(), "risk": risk(),
		"service-level": serviceLevel(), "pipeline": pipeline(),
	} {
		for panel, figure := range list {
			figures[dashboard+"/"+panel] = figure
		}
	}
	return figures
}

// set is some of the documents.
type set []*Document

func (q Question) between(from, to time.Time) set {
	var s set
	for i := range q.Documents {
		at := q.Documents[i].OccurredAtMillis
		if at >= from.UnixMilli() && at <= to.UnixMilli() {
			s = append(s, &q.Documents[i])
		}
	}
	return s
}

// events are the documents of the range.
func (q Question) events() set { return q.between(q.From, q.To) }

func (q Question) payments() set { return q.events().where(purchase) }

func (q Question) inReais() set { return q.payments().where(reais) }

// dayBefore is the same question of a day earlier.
func (q Question) dayBefore() Question {
	q.From, q.To = q.From.Add(-24*time.Hour), q.To.Add(-24*time.Hour)
	return q
}

type test func(*Document) bool

func (s set) where(tests ...test) set {
	var found set
	for _, d := range s {
		if !slices.ContainsFunc(tests, func(one test) bool { return !one(d) }) {
			found = append(found, d)
		}
	}
	return found
}

func not(one test) test { return func(d *Document) bool { return !one(d) } }

func purchase(d *Document) bool { return d.Kind == event.KindPurchase }

func approved(d *Document) bool { return d.Status == event.StatusApproved }

func declined(d *Document) bool { return d.Status == event.StatusDeclined }

func reais(d *Document) bool { return d.Currency == "BRL" }

func retry(d *Document) bool { return d.Attempt.Present && d.Attempt.Value >= 2 }

func givenBack(d *Document) bool { return d.Kind == event.KindReversal || d.Kind == event.KindVoid }

func because(reasons ...event.DeclineReason) test {
	return func(d *Document) bool { return slices.Contains(reasons, d.DeclineReason) }
}

func number[N int | int64](n N) *float64 {
	f := float64(n)
	return &f
}

// share is a ratio; of nothing there is none.
func share(of, by float64) *float64 {
	if by == 0 {
		return nil
	}
	ratio := of / by
	return &ratio
}

func ratio(of, by set) *float64 { return share(float64(len(of)), float64(len(by))) }

func (s set) cents() int64 {
	var sum int64
	for _, d := range s {
		sum += d.AmountMinor
	}
	return sum
}

func (s set) money() *float64 { return share(float64(s.cents()), 100) }

func (s set) approvalRate() *float64 { return ratio(s.where(approved), s) }

func (s set) averageTicket() *float64 {
	ok := s.where(approved)
	return share(float64(ok.cents())/100, float64(len(ok)))
}

// perSecond is the number of documents by the seconds of a stretch of time.
func (s set) perSecond(stretch time.Duration) *float64 {
	return share(float64(len(s)), stretch.Seconds())
}

// different counts the values of a field; no value is none.
func (s set) different(field func(*Document) string) *float64 {
	seen := make(map[string]bool)
	for _, d := range s {
		if value := field(d); value != "" {
			seen[value] = true
		}
	}
	return number(len(seen))
}

// quantile is the smallest value that so many per cent of the values do not exceed.
func (q Question) quantile(s set, rank int, field func(*Document) int64) *float64 {
	values := s.sorted(field)
	if len(values) == 0 {
		return nil
	}
	at := ((rank+q.Bound)*len(values)+99)/100 - 1 + q.Bound
	return number(values[min(max(at, 0), len(values)-1)])
}

func (s set) largest(field func(*Document) int64) *float64 {
	values := s.sorted(field)
	if len(values) == 0 {
		return nil
	}
	return number(values[len(values)-1])
}

func (s set) smallest(field func(*Document) int64) *float64 {
	values := s.sorted(field)
	if len(values) == 0 {
		return nil
	}
	return number(values[0])
}

func (s set) sorted(field func(*Document) int64) []int64 {
	values := make([]int64, len(s))
	for i, d := range s {
		values[i] = field(d)
	}
	slices.Sort(values)
	return values
}

func one(values Values) []Row { return []Row{{Values: values}} }

// group is the documents that share a key.
type group struct {
	key string
	set set
}

// first groups documents by a field and returns the largest groups, of equal ones the
// first by key. Documents without the field are in none.
func (s set) first(size int, field func(*Document) string) []group {
	byKey := make(map[string]set)
	for _, d := range s {
		if key := field(d); key != "" {
			byKey[key] = append(byKey[key], d)
		}
	}
	var groups []group
	for _, key := range slices.Sorted(maps.Keys(byKey)) {
		groups = append(groups, group{key, byKey[key]})
	}
	slices.SortStableFunc(groups, func(a, b group) int { return cmp.Compare(len(b.set), len(a.set)) })
	return groups[:min(size, len(groups))]
}

// by makes a row for each group.
func by(groups []group, values func(set) Values) []Row {
	var rows []Row
	for _, g := range groups {
		rows = append(rows, Row{[]string{g.key}, values(g.set)})
	}
	return rows
}

// stretches groups documents by stretches of time, in order; those without documents
// are there, empty.
func (q Question) stretches(s set) []group { return q.moved(s, 0) }

// moved groups documents by the stretches of time that they would be in if they had
// happened that much later.
func (q Question) moved(s set, by time.Duration) []group {
	byStart := make(map[int64]set)
	length := q.Interval.Milliseconds()
	for _, d := range s {
		at := d.OccurredAtMillis + by.Milliseconds()
		start := at - at%length
		byStart[start] = append(byStart[start], d)
	}
	var groups []group
	for start := q.From.UnixMilli() - q.From.UnixMilli()%length; start <= q.To.UnixMilli(); start += length {
		groups = append(groups, group{time.UnixMilli(start).UTC().Format(time.RFC3339), byStart[start]})
	}
	return groups
}

// over makes a row for each stretch of time that has documents.
func (q Question) over(s set, values func(set) Values) []Row {
	var rows []Row
	for _, g := range q.stretches(s) {
		if len(g.set) > 0 {
			rows = append(rows, Row{[]string{g.key}, values(g.set)})
		}
	}
	return rows
}

// each makes rows for each stretch of time of each group.
func (q Question) each(groups []group, values func(set) Values) []Row {
	var rows []Row
	for _, g := range groups {
		for _, row := range q.over(g.set, values) {
			rows = append(rows, Row{append([]string{g.key}, row.Keys...), row.Values})
		}
	}
	return rows
}

// within makes a row for each value of a field in each group.
func within(groups []group, inner func(set) []group, values func(set) Values) []Row {
	var rows []Row
	for _, g := range groups {
		for _, row := range by(inner(g.set), values) {
			rows = append(rows, Row{append([]string{g.key}, row.Keys...), row.Values})
		}
	}
	return rows
}

func counted(id string) func(set) Values {
	return func(s set) Values { return Values{id: number(len(s))} }
}

func store(d *Document) string { return d.MerchantName }

func status(d *Document) string { return string(d.Status) }

func reason(d *Document) string { return string(d.DeclineReason) }

func bin(d *Document) string { return d.CardBIN }

func card(d *Document) string { return d.CardID }

// band names the band of an amount, by hand.
func band(d *Document) string {
	switch reais := d.AmountMinor / 100; {
	case reais < 10:
		return "below 10"
	case reais < 50:
		return "10 to 50"
	case reais < 100:
		return "50 to 100"
	case reais < 250:
		return "100 to 250"
	case reais < 500:
		return "250 to 500"
	case reais < 1000:
		return "500 to 1,000"
	}
	return "1,000 and more"
}

func hour(d *Document) string { return strconv.Itoa(d.OccurredAt().Hour()) }

func weekday(d *Document) string { return d.OccurredAt().Weekday().String() }

// many is more than any panel shows.
const many = 1 << 20
