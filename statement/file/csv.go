package file

import (
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"codebank.dev/platform/money"
	"codebank.dev/statement/file/digest"
)

// csvEncoder writes RFC 4180: UTF-8, lines end in CR LF, a header row, and as many fields in every row. The
// names of the columns do not depend on a language, and columns are only ever added, at the end. The first column
// says what a row is:
//
//	opening  the balance before the first line, and the start of the range
//	line     a line
//	closing  the balance after the last line, and when it was so
//	total    the sums, by kind: credits, debits; and lines, their number
//	fact     what the statement is of, by kind: format, bank_code, account … with the value as description
//	digest   the digests, by kind: lines and file
//
// A spreadsheet shows all of that as rows of the same table, and a filter on the first column leaves the lines.
// A text that a spreadsheet would take for a formula has an apostrophe before it; so has a text that begins with
// an apostrophe, so that a reader can take it away again.
type csvEncoder struct{}

// csvColumns are the names of the columns.
var csvColumns = []string{
	"record", "event_id", "time", "kind", "direction", "amount_minor", "amount", "currency", "balance_after_minor", "balance_after",
	"description", "merchant_name", "merchant_city", "merchant_country", "merchant_category_code", "merchant_reference",
	"counterparty_name", "counterparty_account", "counterparty_bank_code", "card_brand", "card_last4", "transaction_id",
	"original_transaction_id", "end_to_end_id",
}

// TimeLayout is how files write a moment: UTC, milliseconds.
const TimeLayout = "2006-01-02T15:04:05.000Z"

func (csvEncoder) begin(text []byte, header *Header) []byte {
	for i, name := range csvColumns {
		if i > 0 {
			text = append(text, ',')
		}
		text = append(text, name...)
	}
	text = append(text, "\r\n"...)
	return appendBalance(append(text, "opening"...), header.Start, header.Totals.Opening, header)
}

func (csvEncoder) line(text []byte, _ *Header, line *entry) []byte {
	text = append(append(text, "line,"...), line.eventID...)
	text = line.OccurredAt.UTC().AppendFormat(append(text, ','), TimeLayout)
	text = appendCell(text, line.Kind)
	text = append(append(text, ','), line.Direction...)
	text = appendMinor(text, line.signed, line.currency)
	text = append(append(text, ','), line.Currency...)
	text = appendMinor(text, line.BalanceAfter, line.currency)
	for _, cell := range []string{
		line.Description, line.MerchantName, line.MerchantCity, line.MerchantCountry, line.MerchantCategoryCode, line.MerchantReference,
		line.CounterpartyName, line.CounterpartyAccountID, line.CounterpartyBankCode, line.CardBrand, line.CardLast4, line.TransactionID,
		line.OriginalTransactionID, line.EndToEndID,
	} {
		text = appendCell(text, cell)
	}
	return append(text, "\r\n"...)
}

func (csvEncoder) end(text []byte, header *Header, lines digest.Chain) []byte {
	totals := &header.Totals
	text = appendBalance(append(text, "closing"...), header.asOf(), totals.Closing, header)
	text = appendTotal(text, "credits", totals.Credits, header)
	text = appendTotal(text, "debits", -totals.Debits, header)
	text = appendFact(text, "total", "lines", strconv.FormatInt(totals.Lines, 10))
	for _, fact := range [][2]string{
		{"format", digest.Name},
		{"bank_code", header.BankCode},
		{"account", header.Account.String()},
		{"account_kind", string(header.Kind)},
		{"complete_to_sequence", strconv.FormatInt(header.CompleteTo, 10)},
		{"complete_to_time", header.CompleteToTime.Format(TimeLayout)},
		{"start_time", header.Start.Format(TimeLayout)},
		{"end_time", header.End.Format(TimeLayout)},
		{"create_time", header.CreatedAt.Format(TimeLayout)},
		{"language", header.Language},
	} {
		text = appendFact(text, "fact", fact[0], fact[1])
	}
	return appendFact(text, "digest", "lines", lines.String())
}

func (csvEncoder) seal(text []byte, _ *Header, bytes string) []byte {
	return appendFact(text, "digest", "file", bytes)
}

// appendBalance writes the rest of a row with a balance as of a moment.
func appendBalance(text []byte, moment time.Time, minor int64, header *Header) []byte {
	text = append(text, ",,"...)
	text = moment.AppendFormat(text, TimeLayout)
	text = append(append(text, ",,,,,"...), header.Currency...)
	return appendRest(appendMinor(text, minor, header.code()), 10)
}

// appendTotal writes a row with a sum.
func appendTotal(text []byte, kind string, minor int64, header *Header) []byte {
	text = append(append(append(text, "total,,,"...), kind...), ',')
	text = append(append(appendMinor(text, minor, header.code()), ','), header.Currency...)
	return appendRest(text, 8)
}

// appendFact writes a row with a named value as its description.
func appendFact(text []byte, record, kind, value string) []byte {
	text = append(append(append(append(text, record...), ",,,"...), kind...), ",,,,,,,"...)
	return appendRest(append(text, value...), 11)
}

// appendRest ends a row that has some fields.
func appendRest(text []byte, fields int) []byte {
	return append(append(text, strings.Repeat(",", len(csvColumns)-fields)...), "\r\n"...)
}

// appendMinor writes two fields: minor units and major units.
func appendMinor(text []byte, minor int64, currency money.Currency) []byte {
	text = strconv.AppendInt(append(text, ','), minor, 10)
	return append(append(text, ','), currency.FormatMinor(minor)...)
}

// appendCell writes a field with a text. Where a spreadsheet could see the beginning of a field – at the
// beginning, and behind what separates fields in some country's settings – an apostrophe goes before what begins
// a formula, and before an apostrophe. So a reader that drops an apostrophe at such a place has the text again.
func appendCell(text []byte, cell string) []byte {
	text = append(text, ',')
	if cell == "" {
		return text
	}
	if isPlain(cell) {
		return append(text, cell...)
	}
	text = append(text, '"')
	beginning := true
	for _, r := range cell {
		if beginning && strings.ContainsRune(formula, r) {
			text = append(text, '\'')
		}
		if r == '"' {
			text = append(text, '"')
		}
		text = utf8.AppendRune(text, r)
		beginning = strings.ContainsRune(Separators, r)
	}
	return append(text, '"')
}

const (
	// formula has the characters that begin a formula in some spreadsheet, the wide forms too, and the apostrophe.
	formula = "=+-@\t\r\n|%＝＋－＠'"
	// Separators are the characters behind which a field may begin: in settings with a decimal comma, fields end with a semicolon.
	Separators = ";\t\r\n\""
)

// careful are the bytes for which a field is in quotes and looked at character by character: commas, and
// what separates fields. The wide forms all begin with the byte EF.
var careful = func() (table [256]bool) {
	for _, b := range []byte(",\xef" + Separators) {
		table[b] = true
	}
	return table
}()

// isPlain reports whether a field needs no quotes: it has nothing to be careful with, and begins with nothing that
// begins a formula.
func isPlain(cell string) bool {
	for i := range len(cell) {
		if careful[cell[i]] {
			return false
		}
	}
	return strings.IndexByte(formula, cell[0]) < 0
}
