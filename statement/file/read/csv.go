package read

import (
	"encoding/csv"
	"errors"
	"io"
	"slices"
	"strings"

	"codebank.dev/platform/id"
	"codebank.dev/statement"
	"codebank.dev/statement/file"
	"codebank.dev/statement/file/digest"
)

// The places of columns.
const (
	record = iota
	eventID
	at
	kind
	direction
	amountMinor
	amount
	currency
	balanceMinor
	balance
	description
	texts // the first of the texts behind the description
)

// csv reads a CSV. Rows stand in the order in which the writer has written them: first the opening balance, then
// lines, then the rest.
func (s *scan) csv(in io.Reader) error {
	input := &bounded{in: in}
	rows := csv.NewReader(input)
	rows.ReuseRecord, rows.FieldsPerRecord = true, len(file.Columns())
	header, err := rows.Read()
	if err != nil || !slices.Equal(header, file.Columns()) {
		return s.problem("", "the first row does not have the names of the columns")
	}
	c := csvScan{scan: s}
	for {
		input.read = 0
		row, err := rows.Read()
		switch {
		case errors.Is(err, io.EOF) && c.next == len(after):
			return nil
		case errors.Is(err, io.EOF):
			return s.problem("", "the file has no end")
		case err != nil:
			return s.problem("", "%v", err)
		}
		if err := c.row(row); err != nil {
			return err
		}
	}
}

// bounded is an input for a parser that holds a row or an element as a whole. Neither is endless: its reader sets
// read to 0 before each of them.
type bounded struct {
	in   io.Reader
	read int
}

// Read implements io.Reader.
func (b *bounded) Read(buffer []byte) (int, error) {
	if b.read > maxText {
		return 0, errors.New("a row or an element is too long")
	}
	n, err := b.in.Read(buffer)
	b.read += n
	return n, err
}

type csvScan struct {
	*scan
	opened bool
	// next is the place in after of the row that comes next, once the lines have ended.
	next int
}

// after are the rows behind the lines: record and kind.
var after = [][2]string{
	{"closing", ""}, {"total", "credits"}, {"total", "debits"}, {"total", "lines"}, {"fact", "format"}, {"fact", "bank_code"},
	{"fact", "account"}, {"fact", "account_kind"}, {"fact", "complete_to_sequence"}, {"fact", "complete_to_time"}, {"fact", "start_time"},
	{"fact", "end_time"}, {"fact", "create_time"}, {"fact", "language"}, {"digest", "lines"}, {"digest", "file"},
}

func (c *csvScan) row(row []string) error {
	header := &c.facts.Header
	switch {
	case !c.opened && row[record] == "opening":
		c.opened = true
		if err := c.setCurrency("currency", row[currency]); err != nil {
			return err
		}
		var ok bool
		if header.Totals.Opening, ok = c.pair(row[balanceMinor], row[balance]); !ok {
			return field("the opening balance", row[balanceMinor]+" "+row[balance])
		}
		return nil
	case !c.opened:
		return c.problem("", "the second row is not the opening balance")
	case row[record] == "line" && c.next == 0:
		c.number++
		return c.csvLine(row)
	case c.next == len(after) || after[c.next] != [2]string{row[record], row[kind]}:
		return &LineError{Problem: "a row " + cut(row[record]+" "+row[kind]) + " is not where it should be"}
	}
	c.next++
	if !c.fact(header, row) {
		return field(row[record]+" "+row[kind], strings.Trim(strings.Join(row, " "), " "))
	}
	return nil
}

// pair reads an amount that stands in minor and in major units.
func (s *scan) pair(minorText, majorText string) (int64, bool) {
	minor, ok := integer(minorText)
	return minor, ok && s.code.FormatMinor(minor) == majorText
}

// fact reads a row behind the lines.
func (c *csvScan) fact(header *file.Header, row []string) (ok bool) {
	value := row[description]
	switch row[record] + " " + row[kind] {
	case "closing ":
		header.Totals.Closing, ok = c.pair(row[balanceMinor], row[balance])
	case "total credits":
		header.Totals.Credits, ok = c.pair(row[amountMinor], row[amount])
	case "total debits":
		var minor int64
		minor, ok = c.pair(row[amountMinor], row[amount])
		header.Totals.Debits = -minor
	case "total lines":
		header.Totals.Lines, ok = integer(value)
	case "fact format":
		ok = value == digest.Name
	case "fact bank_code":
		header.BankCode, ok = value, true
	case "fact account":
		var err error
		header.Account, err = id.Parse(value)
		ok = err == nil
	case "fact account_kind":
		header.Kind, ok = file.AccountKind(value), true
	case "fact start_time":
		header.Start, ok = moment(file.TimeLayout, value)
	case "fact end_time":
		header.End, ok = moment(file.TimeLayout, value)
	case "fact create_time":
		header.CreatedAt, ok = moment(file.TimeLayout, value)
	case "fact language":
		header.Language, ok = value, true
	default:
		ok = c.word(header, csvWords[row[record]+" "+row[kind]], value)
	}
	return ok
}

// csvWords are rows that have the same meaning as a word of the other formats.
var csvWords = map[string]string{
	"fact complete_to_sequence": "complete-to", "fact complete_to_time": "complete-to-time", "digest lines": "digest", "digest file": "file-digest",
}

func (c *csvScan) csvLine(row []string) error {
	event := row[eventID]
	line := Line{Line: digest.Line{EventID: event, Currency: row[currency]}}
	full := statement.Line{
		Kind: plain(row[kind]), Direction: row[direction], Status: "APPROVED", Currency: row[currency], Description: plain(row[description]),
	}
	var ok bool
	if full.OccurredAt, ok = moment(file.TimeLayout, row[at]); !ok {
		return c.problem(event, "its time is %q", cut(row[at]))
	}
	line.Time = full.OccurredAt
	if row[currency] != c.facts.Header.Currency {
		return c.problem(event, "its currency is %q", cut(row[currency]))
	}
	if line.Minor, ok = c.pair(row[amountMinor], row[amount]); !ok {
		return c.problem(event, "its amount is %q in minor units and %q", cut(row[amountMinor]), cut(row[amount]))
	}
	if full.BalanceAfter, ok = c.pair(row[balanceMinor], row[balance]); !ok {
		return c.problem(event, "its balance is %q in minor units and %q", cut(row[balanceMinor]), cut(row[balance]))
	}
	switch {
	case full.Direction == "CREDIT" && line.Minor >= 0:
		full.Amount = line.Minor
	case full.Direction == "DEBIT" && line.Minor <= 0:
		full.Amount = -line.Minor
	default:
		return c.problem(event, "its direction is %q and its amount %d", cut(full.Direction), line.Minor)
	}
	for i, text := range []*string{
		&full.MerchantName, &full.MerchantCity, &full.MerchantCountry, &full.MerchantCategoryCode, &full.MerchantReference,
		&full.CounterpartyName, &full.CounterpartyAccountID, &full.CounterpartyBankCode, &full.CardBrand, &full.CardLast4,
		&full.TransactionID, &full.OriginalTransactionID, &full.EndToEndID,
	} {
		*text = plain(row[texts+i])
	}
	line.Full = &full
	_, number, _ := strings.Cut(event, ":")
	full.Sequence, _ = integer(number)
	return c.line(&line)
}

// plain takes the apostrophes away that the writer has put before formulas.
func plain(cell string) string {
	if !strings.Contains(cell, "'") {
		return cell
	}
	text := make([]byte, 0, len(cell))
	beginning := true
	for i := range len(cell) {
		if beginning && cell[i] == '\'' {
			beginning = false
			continue
		}
		text = append(text, cell[i])
		beginning = strings.IndexByte(file.Separators, cell[i]) >= 0
	}
	return string(text)
}
