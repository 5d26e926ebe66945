// Package drawtest makes results for the panels of the catalogue, for tests of drawings.
// The figures are made up. They are the same in every run.
package drawtest

import (
	"fmt"
	"hash/fnv"
	"math"
	"strconv"
	"strings"
	"time"

	"codebank.dev/dashboards/catalogue"
	"codebank.dev/dashboards/query"
	"codebank.dev/dashboards/view"
)

// Case is a kind of figures.
type Case string

// The cases.
const (
	// Usual figures are those of a bank on a working day.
	Usual Case = "usual"
	// LongNames have more than a hundred characters, and differ at their ends only.
	LongNames Case = "long names"
	// Empty has no rows, and OnePoint one for each bucket.
	Empty    Case = "empty"
	OnePoint Case = "one point"
	// Nulls has no value in most rows, and NoValues in none.
	Nulls    Case = "nulls"
	NoValues Case = "no values"
	Huge     Case = "huge"
	Tiny     Case = "tiny"
	Negative Case = "negative"
	Zeros    Case = "zeros"
	// Many has thirty values for each bucket of values.
	Many Case = "many"
	// Strange names have control characters, markup and wide characters.
	Strange Case = "strange names"
)

// Cases returns every case.
func Cases() []Case {
	return []Case{Usual, LongNames, Empty, OnePoint, Nulls, NoValues, Huge, Tiny, Negative, Zeros, Many, Strange}
}

// At is the range of all results.
func At() query.Range {
	return query.Range{
		From: time.Date(2026, 11, 28, 14, 10, 0, 0, time.UTC),
		To:   time.Date(2026, 11, 29, 14, 10, 0, 0, time.UTC),
	}
}

// Result returns a result of a panel.
func Result(panel view.Panel, c Case) query.Result {
	result := query.Result{Panel: panel, Range: At()}
	if panel.Chart == view.Links || panel.Chart == view.Text {
		return result
	}
	if panel.Chart == view.Documents {
		result.Table = documents(panel, c)
		return result
	}
	result.Table = table(panel.Layer, c)
	if panel.Trend != "" {
		trend := table(view.Layer{Buckets: []view.Bucket{view.Time{Label: "Time", Field: panel.Trend}}, Metrics: panel.Layer.Metrics[:1]}, c)
		result.Trend = &trend
	}
	return result
}

// Results returns a result for each panel of a dashboard.
func Results(board view.Dashboard, c Case) []query.Result {
	list := make([]query.Result, len(board.Panels))
	for i, panel := range board.Panels {
		list[i] = Result(panel, c)
	}
	return list
}

func documents(panel view.Panel, c Case) query.Table {
	t := query.Table{}
	fields := append([]string{panel.Documents.Newest}, panel.Documents.Fields...)
	for _, field := range fields {
		t.Buckets = append(t.Buckets, query.Column{Label: catalogue.DataViews()[0].Label(field), Exact: true, Field: field})
	}
	if c == Empty {
		return t
	}
	for i := range 25 {
		row := query.Row{}
		for n, field := range fields {
			text := name(field, i, c)
			if n == 0 {
				text = At().To.Add(-time.Duration(i) * time.Minute).Format("2006-01-02T15:04:05.000Z")
			}
			row.Keys = append(row.Keys, query.Key{Text: text, Number: float64(i)})
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

func table(layer view.Layer, c Case) query.Table {
	t := query.Table{}
	for _, bucket := range layer.Buckets {
		column := query.Column{Label: bucket.Title(), Exact: true}
		if terms, values := bucket.(view.Terms); values && len(terms.Fields) == 1 {
			column.Field = terms.Fields[0]
		}
		t.Buckets = append(t.Buckets, column)
		if _, time := bucket.(view.Time); time {
			t.Interval = query.Interval(At())
		}
	}
	for _, metric := range layer.Metrics {
		t.Metrics = append(t.Metrics, query.Column{ID: metric.ID, Label: metric.Label, Exact: c != Huge, Format: metric.Format})
	}
	if c == Empty {
		return t
	}
	for _, keys := range combinations(layer.Buckets, c) {
		row := query.Row{Keys: keys}
		for m, metric := range layer.Metrics {
			row.Values = append(row.Values, value(metric, keys, m, c))
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

func combinations(buckets []view.Bucket, c Case) [][]query.Key {
	all := [][]query.Key{{}}
	for _, bucket := range buckets {
		var next [][]query.Key
		for _, keys := range all {
			for _, key := range keysOf(bucket, c) {
				next = append(next, append(append([]query.Key{}, keys...), key))
			}
		}
		all = next
	}
	return all
}

func keysOf(bucket view.Bucket, c Case) []query.Key {
	var keys []query.Key
	words := catalogue.DataViews()[0].Words
	add := func(text string, number float64) { keys = append(keys, query.Key{Text: text, Number: number}) }
	switch b := bucket.(type) {
	case view.Time:
		interval := query.Interval(At())
		for at := At().From.Truncate(interval); !at.After(At().To); at = at.Add(interval) {
			add(at.Format(time.RFC3339), float64(at.UnixMilli()))
		}
	case view.Terms:
		n := min(b.Size, len(known[b.Fields[0]]))
		if n == 0 {
			n = min(b.Size, 12)
		}
		if c == Many {
			n = 30
		}
		for i := range n {
			text := name(b.Fields[0], i, c)
			key := query.Key{Text: text, Number: float64(i)}
			if word := words.Of(b.Fields[0], text); word != text {
				key.Label = word
			}
			keys = append(keys, key)
		}
	case view.Filters:
		for i, filter := range b.Filters {
			add(filter.Label, float64(i))
		}
	case view.Numbers:
		for i := b.First; i <= b.Last; i++ {
			add(strconv.Itoa(i), float64(i))
		}
	case view.Ranges:
		for i, r := range b.Ranges {
			add(r.Label, float64(i))
		}
	}
	if c == OnePoint && len(keys) > 1 {
		keys = keys[len(keys)-1:]
	}
	return keys
}

// known are values that fields usually have.
var known = map[string][]string{
	"status":                 {"APPROVED", "DECLINED"},
	"card_brand":             {"VISA", "MASTERCARD", "ELO", "AMEX", "HIPERCARD", "DINERS", "UNKNOWN"},
	"decline_reason":         {"INSUFFICIENT_FUNDS", "CVV_MISMATCH", "UNKNOWN_CARD", "EXPIRED", "TOO_FREQUENT", "BLOCKED", "LOCKED", "OVER_PURCHASE_LIMIT", "NAME_MISMATCH"},
	"merchant_name":          {"Padaria Estrela", "Mercado Bom Preço", "Livraria do Porto", "Posto Avenida", "Farmácia Central", "Loja das Flores", "Café Tietê", "Casa & Jardim", "Bike Shop 24", "Cinema Aurora", "Pet Feliz", "Sapataria Nova"},
	"merchant_country":       {"BR", "US", "PT", "AR", "DE", "JP"},
	"merchant_category_code": {"5411", "5812", "5541", "5912", "5942", "5992"},
	"kind":                   {"PURCHASE", "REVERSAL", "VOID", "TRANSFER", "DEPOSIT"},
	"risk_rule":              {"NONE", "VELOCITY", "CARD_TESTING", "NEW_MERCHANT", "UNKNOWN"},
	"channel":                {"GRPC", "REST", "KAFKA"},
	"producer_version":       {"v0.9.2", "v0.9.3", "v0.10.0"},
	"card_bin":               {"411111", "555555", "636368", "378282", "606282", "301111", "422222"},
	"kafka_topic":            {"bank-001-transactions", "bank-002-transactions"},
	"kafka_partition":        {"0", "1", "2", "3"},
	"bank_code":              {"001"},
}

func name(field string, i int, c Case) string {
	switch c {
	case LongNames:
		return strings.Repeat("a long name of a store in the city ", 4) + strconv.Itoa(i)
	case Strange:
		return []string{"<b>&\"'", "\x1b[31mred\nline", "東京の店のとても長い名前です", "\xff\xfe", "مقهى", "", "a\u200bb", "😀😀😀"}[i%8] + strconv.Itoa(i)
	}
	if list := known[field]; i < len(list) {
		return list[i]
	}
	return fmt.Sprintf("%s %d", field, i+1)
}

// value returns a figure between 0 and 1 from the keys, and scales it to what the format
// usually shows.
func value(metric view.Value, keys []query.Key, m int, c Case) *float64 {
	part, day := noise(keys, m), 1.0
	for _, key := range keys {
		if key.Number > 1e12 {
			hour := math.Mod(key.Number/3_600_000, 24)
			day = 0.35 + 0.65*math.Exp(-math.Pow((hour-15)/5, 2))
		}
	}
	v := usual(metric.Format, part, day, m)
	switch c {
	case Nulls:
		if part < 0.7 {
			return nil
		}
	case NoValues:
		return nil
	case Huge:
		v *= 1e13
	case Tiny:
		v *= 1e-9
	case Negative:
		v *= -1
		if part > 0.5 {
			v *= -1
		}
	case Zeros:
		v = 0
	}
	return &v
}

func usual(format view.Format, part, day float64, m int) float64 {
	switch format.Kind {
	case view.Percent:
		return 0.86 + 0.06*part + 0.02*float64(m)
	case view.Money:
		return math.Round(100*(20_000+60_000*part)*day) / 100
	case view.Duration:
		return math.Round((30_000 + 20_000*part) * float64(m+1))
	case view.Moment:
		return float64(At().To.UnixMilli()) - math.Round(60_000*part)
	}
	if format.Decimals > 0 {
		return math.Round(100*(0.2+part)*day) / 100
	}
	return math.Round((200 + 800*part) * day)
}

// noise returns a number between 0 and 1 that depends on the keys.
func noise(keys []query.Key, m int) float64 {
	sum := fnv.New64a()
	for _, key := range keys {
		fmt.Fprintf(sum, "%s|%v|", key.Text, key.Number)
	}
	fmt.Fprint(sum, m)
	return float64(sum.Sum64()>>11) / (1 << 53)
}
