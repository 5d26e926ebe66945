package audit

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// shownDigest is how many characters of a digest a table shows.
const shownDigest = 12

// WriteTable writes the report for people: the places side by side, the findings, and
// at the end Conclusion.
func (r *Report) WriteTable(out io.Writer) error {
	var text strings.Builder
	fmt.Fprintf(&text, "bank %s: %s of %s and %s\n\n", r.BankCode,
		howMany(r.Events, "event"), howMany(r.Accounts, "account"), howMany(r.Refusals, "refusal"))
	rows := r.rows()
	align(rows)
	for _, row := range rows {
		text.WriteString(strings.TrimRight(strings.Join(row, "   "), " ") + "\n")
	}
	text.WriteByte('\n')
	for i := range r.DeadLetters {
		text.WriteString(r.DeadLetters[i].String() + "\n")
	}
	for _, place := range r.Places {
		if place.Later > 0 {
			fmt.Fprintf(&text, "%s of later events in the %s left out\n", howMany(place.Later, "record"), place.Store)
		}
	}
	for i := range r.Findings {
		text.WriteString(r.Findings[i].String() + "\n")
	}
	if more := r.FindingCount - int64(len(r.Findings)); more > 0 {
		fmt.Fprintf(&text, "… and %d more; in all:\n", more)
		for _, tally := range r.Tallies {
			fmt.Fprintf(&text, "%d %s\n", tally.Findings, where(tally.Kind, tally.Store))
		}
	}
	text.WriteString(r.Conclusion() + "\n")
	_, err := io.WriteString(out, text.String())
	return err
}

// Conclusion returns "audit: equal" or "audit: DIFFERENT (n findings)".
func (r *Report) Conclusion() string {
	if r.Equal {
		return "audit: equal"
	}
	return fmt.Sprintf("audit: DIFFERENT (%s)", howMany(r.FindingCount, "finding"))
}

// howMany returns a number of things, for example "2 findings".
func howMany(n int64, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

// rows returns the table: a column for each place, a row for each figure.
func (r *Report) rows() [][]string {
	row := func(name string, cell func(*Place) string) []string {
		cells := []string{name}
		for i := range r.Places {
			cells = append(cells, cell(&r.Places[i]))
		}
		return cells
	}
	count := func(n int64) string { return strconv.FormatInt(n, 10) }
	rows := [][]string{
		row("", func(p *Place) string { return p.Store.String() }),
		row("events", func(p *Place) string { return count(p.Events) }),
		row("of them refusals", func(p *Place) string { return count(p.Refusals) }),
	}
	for _, code := range r.currencies() {
		rows = append(rows,
			row(code+" debits", func(p *Place) string { return p.sum(code).Debits.Format(code) }),
			row(code+" credits", func(p *Place) string { return p.sum(code).Credits.Format(code) }))
	}
	onlyIn := func(stores []Store, cell func(*Place) int64) func(*Place) string {
		return func(p *Place) string {
			if !slices.Contains(stores, p.Store) {
				return "-"
			}
			return count(cell(p))
		}
	}
	return append(rows,
		row("digest", func(p *Place) string { return p.Digest[:min(shownDigest, len(p.Digest))] }),
		row("repeats", onlyIn([]Store{InOutbox, InTopic}, func(p *Place) int64 { return p.Repeats })),
		row("unreadable", onlyIn([]Store{InTopic}, func(p *Place) int64 { return p.Unreadable })))
}

func (r *Report) currencies() []string {
	var codes []string
	for _, place := range r.Places {
		for _, sum := range place.Sums {
			codes = append(codes, sum.Currency)
		}
	}
	slices.Sort(codes)
	return slices.Compact(codes)
}

func (f *Figures) sum(code string) CurrencySum {
	for _, sum := range f.Sums {
		if sum.Currency == code {
			return sum
		}
	}
	return CurrencySum{Currency: code}
}

// align pads the cells of each column to one width, the first column to the left.
func align(rows [][]string) {
	for column := range rows[0] {
		width := 0
		for _, row := range rows {
			width = max(width, utf8.RuneCountInString(row[column]))
		}
		for _, row := range rows {
			padding := strings.Repeat(" ", width-utf8.RuneCountInString(row[column]))
			if column == 0 {
				row[column] += padding
			} else {
				row[column] = padding + row[column]
			}
		}
	}
}

// where returns words for what is wrong in which place.
func where(kind Kind, store Store) string {
	if kind == Missing {
		return "missing from the " + store.String()
	}
	return string(kind) + " in the " + store.String()
}

// String returns the finding as one line, and a line for each field that differs.
func (f *Finding) String() string {
	var text strings.Builder
	text.WriteString(where(f.Kind, f.Store) + ": " + f.EventID)
	for _, field := range f.Fields {
		if len(field.Values) == 0 {
			text.WriteString(" " + field.Name)
		}
	}
	if f.Detail != "" {
		text.WriteString(": " + f.Detail)
	}
	for _, field := range f.Fields {
		if len(field.Values) > 0 {
			text.WriteString("\n    " + field.String())
		}
	}
	return text.String()
}

// String returns the field's name and what each place has.
func (f *Field) String() string {
	var values []string
	for store := range stores {
		value, has := f.Values[store]
		switch value := value.(type) {
		case nil:
			if has {
				values = append(values, store.String()+" null")
			}
		case string:
			values = append(values, store.String()+" "+strconv.Quote(value))
		default:
			values = append(values, fmt.Sprintf("%s %v", store, value))
		}
	}
	return f.Name + ": " + strings.Join(values, ", ")
}
