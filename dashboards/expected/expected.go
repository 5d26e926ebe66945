// Package expected calculates from events the figures that the panels of the dashboards
// should show. Each figure is a few lines of Go that share nothing with the formulas and
// queries of the panels. A test asks Elasticsearch for the figures of a panel, over
// documents made from the same events, and compares the answer with the figures here.
//
// Elasticsearch estimates numbers of different values and percentiles. These figures are
// exact here, so a comparison must allow for the error that the panel states.
package expected

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"time"

	"codebank.dev/schemas/event"
)

// Document is an event in the index.
type Document struct {
	event.Transaction
	// Topic, Partition and Offset are the event's place in Kafka.
	Topic     string
	Partition int32
	Offset    int64
	// PipelineMillis is the time from the event until the index sink took it.
	PipelineMillis int64
}

// Input is what a figure is calculated from.
type Input struct {
	// Documents are all documents that exist, inside the range or not.
	Documents []Document
	// From and To are the range of time that the panel shows, both ends included. It is
	// the range of the dashboard, or the panel's own.
	From, To time.Time
	// Interval is the length of an interval, for panels over time.
	Interval time.Duration
	// Bound asks for the bounds of a percentile's estimate instead of the percentile:
	// -1 for the lower bound, 1 for the upper. A bound is the percentile one rank away,
	// and one value further, because estimates lie between values.
	Bound int
}

// Row is the figures of one combination of the panel's buckets.
type Row struct {
	// Keys name the buckets as the panel does, the outermost first. An interval is
	// named by its start in UTC, RFC 3339. The key of all values that are not shown is
	// empty, because a value may have any other name.
	Keys []string
	// Values are the figures by the ids of the panel's metrics. nil is a figure without
	// a value.
	Values Values
}

// Values are figures, by the ids of their metrics.
type Values map[string]*float64

// Figure calculates a panel. It may leave out rows without documents, and rows beyond
// the number that the panel shows, which are the rows with the fewest documents.
type Figure func(Input) []Row

// Of returns the figure of a panel, or nil if this package has none.
func Of(dashboard, panel string) Figure {
	return all()[dashboard+"/"+panel]
}

func all() map[string]Figure {
	figures := make(map[string]Figure)
	for dashboard, list := range map[string]map[string]Figure{
		"overview": overview(), "approvals": approvals(), "stores": stores(), "wallets": wallets(), "risk": risk(),
		"service-level": serviceLevel(), "pipeline": pipeline(),
	} {
		for panel, figure := range list {
			figures[dashboard+"/"+panel] = figure
		}
	}
	return figures
}

// set is a selection of the documents.
type set []*Document

func (q Input) between(from, to time.Time) set {
	var s set
	for i := range q.Documents {
		at := q.Documents[i].OccurredAtMillis
		if at >= from.UnixMilli() && at <= to.UnixMilli() {
			s = append(s, &q.Documents[i])
		}
	}
	return s
}

// events are the documents in the range.
func (q Input) events() set { return q.between(q.From, q.To) }

func (q Input) payments() set { return q.events().where(payment) }

func (q Input) inReais() set { return q.payments().where(reais) }

// dayBefore is the same input, one day earlier.
func (q Input) dayBefore() Input {
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

// payment reports whether the document is the try of a payer: a purchase, or a hold on a card. The
// hold of an account without a card is none. A card that the bank does not know has no account.
func payment(d *Document) bool {
	return d.Kind == event.KindPurchase || d.Kind == event.KindHold && (d.CardID != "" || d.AccountID == "")
}

// sale reports whether the document pays a store.
func sale(d *Document) bool {
	return approved(d) && (d.Kind == event.KindPurchase || d.Kind == event.KindCapture && d.MerchantID != "")
}

func approved(d *Document) bool { return d.Status == event.StatusApproved }

func declined(d *Document) bool { return d.Status == event.StatusDeclined }

func reais(d *Document) bool { return d.Currency == "BRL" }

func retry(d *Document) bool { return d.Attempt.Present && d.Attempt.Value >= 2 }

// givenBack reports whether the document gives back what a store was paid.
func givenBack(d *Document) bool {
	return approved(d) && kind(event.KindReversal, event.KindVoid)(d) && d.Direction == event.DirectionCredit && d.MerchantID != ""
}

func declinedFor(reasons ...event.DeclineReason) test {
	return func(d *Document) bool { return slices.Contains(reasons, d.DeclineReason) }
}

func number[N int | int64](n N) *float64 {
	f := float64(n)
	return &f
}

// share is a ratio. It has no value if the divisor is 0.
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

// perSecond is the number of documents divided by the seconds of a length of time.
func (s set) perSecond(length time.Duration) *float64 {
	return share(float64(len(s)), length.Seconds())
}

// distinct counts the distinct values of a field. An empty value does not count.
func (s set) distinct(field func(*Document) string) *float64 {
	seen := make(map[string]bool)
	for _, d := range s {
		if value := field(d); value != "" {
			seen[value] = true
		}
	}
	return number(len(seen))
}

// quantile is the smallest value that at least rank per cent of the values do not
// exceed.
func (q Input) quantile(s set, rank int, field func(*Document) int64) *float64 {
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

// group is the documents with the same key.
type group struct {
	key string
	set set
}

// first groups documents by a field and returns the largest groups. Groups of the same
// size are ordered by key. Documents without the field are in no group.
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

// others is the key of all values that are not shown. No document has an empty value.
const others = ""

// firstAndOther returns the first groups and, as the last one, all other documents that
// have the field.
func (s set) firstAndOther(size int, field func(*Document) string) []group {
	return s.andOther(s.first(size, field), field)
}

// richest returns the groups with the largest sums of amounts. Groups of the same sum are
// ordered by key.
func (s set) richest(size int, field func(*Document) string) []group {
	groups := s.first(unlimited, field)
	slices.SortStableFunc(groups, func(a, b group) int {
		return cmp.Or(cmp.Compare(b.set.cents(), a.set.cents()), cmp.Compare(a.key, b.key))
	})
	return groups[:min(size, len(groups))]
}

func (s set) andOther(groups []group, field func(*Document) string) []group {
	rest := s.where(func(d *Document) bool {
		return field(d) != "" && !slices.ContainsFunc(groups, func(g group) bool { return g.key == field(d) })
	})
	if len(rest) > 0 {
		groups = append(groups, group{others, rest})
	}
	return groups
}

// by makes a row for each group.
func by(groups []group, values func(set) Values) []Row {
	var rows []Row
	for _, g := range groups {
		rows = append(rows, Row{[]string{g.key}, values(g.set)})
	}
	return rows
}

// intervals groups documents by intervals of time, in order. Intervals without
// documents are included.
func (q Input) intervals(s set) []group { return q.moved(s, 0) }

// moved groups documents by the intervals in which they would lie if they had happened
// later by a length of time.
func (q Input) moved(s set, by time.Duration) []group {
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

// over makes a row for each interval that has documents.
func (q Input) over(s set, values func(set) Values) []Row {
	var rows []Row
	for _, g := range q.intervals(s) {
		if len(g.set) > 0 {
			rows = append(rows, Row{[]string{g.key}, values(g.set)})
		}
	}
	return rows
}

// each makes rows for each interval of each group.
func (q Input) each(groups []group, values func(set) Values) []Row {
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

// band returns the name of an amount's band.
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

// unlimited is more than any panel shows.
const unlimited = 1 << 20
