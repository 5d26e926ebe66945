// Package file writes statements as files: CSV, OFX 2, OFX 1.0.2, camt.053 and PDF. It is pure: it reads no
// clock and no database, and the same statement always gives the same bytes.
//
// A Writer gets a Header, then the lines in the order of their sequences, and then Close. It writes to any
// io.Writer, holds one line at a time, and checks that the lines give the totals of the header. A long
// statement is made in parts: State says how far a Writer has come, in less than 2 kB, and Resume goes on
// from there, in another process too.
//
// A PDF is not written line by line. It is made of the finished CSV of the same statement, by the folder pdf, and
// carries that CSV as an attachment. Format.Parts says in which format to make the parts.
//
// Every file carries two digests. The first one binds the lines, and is the same in every format (package
// digest). The second one is the SHA-256 of all bytes of the file before it. The folder
// read reads files back, and the folder verify compares them with a ledger.
package file

import (
	"time"

	"codebank.dev/platform/fault"
	"codebank.dev/platform/id"
	"codebank.dev/platform/money"
	"codebank.dev/statement/file/digest"
)

// Format is the format of a file. The zero Format is none.
type Format uint8

// The formats.
const (
	CSV     Format = iota + 1 // RFC 4180, UTF-8
	OFX2                      // OFX 2.2, XML
	OFX1                      // OFX 1.0.2, SGML
	PDF                       // PDF 1.7 with an embedded font and the CSV as an attachment
	CAMT053                   // ISO 20022 camt.053.001.08
)

// MaxPDFLines is the most lines of a PDF, some 700 pages. They are held in memory while they are made, 100 MB at most.
const MaxPDFLines = 20_000

// formats has the facts of each format.
var formats = map[Format]struct{ name, mediaType, extension string }{
	CSV:     {"CSV", "text/csv; charset=utf-8; header=present", ".csv"},
	OFX2:    {"OFX_2", "application/x-ofx", ".ofx"},
	OFX1:    {"OFX_1", "application/x-ofx", ".ofx"},
	PDF:     {"PDF", "application/pdf", ".pdf"},
	CAMT053: {"CAMT_053", "application/xml", ".xml"},
}

// Formats returns all formats.
func Formats() []Format { return []Format{CSV, OFX2, OFX1, PDF, CAMT053} }

// ParseFormat returns the format with a name: CSV, OFX_2, OFX_1, PDF or CAMT_053. ok is false for any other.
func ParseFormat(name string) (format Format, ok bool) {
	for format, facts := range formats {
		if facts.name == name {
			return format, true
		}
	}
	return 0, false
}

// FormatOf returns the format that has a number in contracts and tables, or 0, which is no format.
func FormatOf(number int64) Format {
	for format := range formats {
		if int64(format) == number {
			return format
		}
	}
	return 0
}

// String returns the format's name, the one that ParseFormat takes, or "" for none.
func (f Format) String() string { return formats[f].name }

// MediaType returns the value of Content-Type.
func (f Format) MediaType() string { return formats[f].mediaType }

// Extension returns how the names of files end, with the dot.
func (f Format) Extension() string { return formats[f].extension }

// Parts returns the format that the parts of a long statement are written in: the format itself, or CSV for a
// PDF, which package pdf makes of them.
func (f Format) Parts() Format {
	if f == PDF {
		return CSV
	}
	return f
}

// AccountKind says what an account is for its owner.
type AccountKind string

// The kinds of accounts, as the events name them.
const (
	Card   AccountKind = "CARD"
	Wallet AccountKind = "WALLET"
)

// Totals are what the lines of a statement come to. Amounts are minor units, balances are the customer's view.
type Totals struct {
	Opening, Closing int64
	// Credits and Debits are sums, neither is negative. Opening + Credits - Debits is Closing.
	Credits, Debits int64
	// Lines is the number of lines.
	Lines int64
}

// Header is what a file says about a statement before its lines. All of it must be known before the first
// line, the totals too, because some formats show them first. Since nothing can arrive late at or below
// CompleteTo, they do not change any more.
type Header struct {
	BankCode string // three digits
	Account  id.ID
	Kind     AccountKind
	Currency string // ISO 4217
	// Start is the first moment of the statement, and End the first one behind it. UTC, whole milliseconds.
	Start, End time.Time
	// CompleteTo is the sequence up to which every event is in the file if it is in the range, and
	// CompleteToTime is when that event happened. 0 and the zero time when there is none.
	CompleteTo     int64
	CompleteToTime time.Time
	// CreatedAt is when the file was asked for. UTC, whole milliseconds. It is part of the file, so a repeat
	// with another time gives other bytes and the same digest of the lines.
	CreatedAt time.Time
	// Language is the language of the PDF's own texts: en or pt-BR. The other formats are for programs, and have
	// the same names in every language.
	Language string
	Totals   Totals
}

// Refusals of statements that no file can hold.
var (
	// ErrTooLongForPDF says that a statement has more than MaxPDFLines lines.
	ErrTooLongForPDF = fault.New(fault.FailedPrecondition, "STATEMENT_TOO_LONG_FOR_PDF",
		"A PDF holds at most 20,000 lines. Ask for a shorter range or another format.")
	// ErrTooLargeForCAMT says that an amount has more than 18 digits.
	ErrTooLargeForCAMT = fault.New(fault.FailedPrecondition, "AMOUNT_TOO_LARGE_FOR_CAMT",
		"An amount of camt.053 has at most 18 digits. Ask for another format.")
	// ErrNotAdded says that lines do not give the totals of their header, are out of order, or are of another
	// account. The statement's data are damaged, or the caller has mixed them up.
	ErrNotAdded = fault.New(fault.Internal, "STATEMENT_DOES_NOT_ADD_UP", "The statement's lines do not give its balance.")
)

// Check returns an error if the header cannot begin a file of the format: fault.InvalidArgument with the field,
// ErrTooLongForPDF, or ErrNotAdded when the totals contradict each other.
func (h *Header) Check(format Format) error {
	switch {
	case formats[format].name == "":
		return fault.Invalid("format", "There is no such format.")
	case !isBankCode(h.BankCode):
		return fault.Invalid("bank_code", "A bank code is three digits.")
	case h.Account == id.ID{}:
		return fault.Invalid("account", "This field is required.")
	case h.Kind != Card && h.Kind != Wallet:
		return fault.Invalid("kind", "An account is a CARD or a WALLET.")
	case h.Language != English && h.Language != Portuguese:
		return fault.Invalid("language", "There is no such language.")
	case !h.Start.Before(h.End) || !whole(h.Start) || !whole(h.End):
		return fault.Invalid("start", "A range begins before it ends, at whole milliseconds from the year 1 to 9999.")
	case !whole(h.CreatedAt) || !whole(h.CompleteToTime) || h.CompleteTo < 0:
		return fault.Invalid("created_at", "Times are whole milliseconds from the year 1 to 9999.")
	case format == PDF && h.Totals.Lines > MaxPDFLines:
		return ErrTooLongForPDF
	}
	if _, err := money.ParseCurrency(h.Currency); err != nil {
		return fault.Invalid("currency", "There is no such currency.")
	}
	if err := h.Totals.check(); err != nil {
		return err
	}
	if t := &h.Totals; format == CAMT053 && (max(t.Opening, t.Closing, t.Credits, t.Debits) >= camtMost || min(t.Opening, t.Closing) <= -camtMost) {
		return ErrTooLargeForCAMT
	}
	return nil
}

func (t *Totals) check() error {
	closing, err := money.Add(t.Opening, t.Credits)
	if err == nil {
		closing, err = money.Subtract(closing, t.Debits)
	}
	if err != nil || closing != t.Closing || t.Credits < 0 || t.Debits < 0 || t.Lines < 0 {
		return ErrNotAdded
	}
	return nil
}

func isBankCode(code string) bool {
	for i := range len(code) {
		if code[i] < '0' || code[i] > '9' {
			return false
		}
	}
	return len(code) == 3
}

// whole reports whether every format can hold a time.
func whole(moment time.Time) bool {
	return moment.Nanosecond()%int(time.Millisecond) == 0 && moment.UTC().Year() >= 1 && moment.UTC().Year() <= 9999
}

// chain returns the digest of the statement before its first line.
func (h *Header) chain() digest.Chain {
	return digest.New(&digest.Header{
		BankCode: h.BankCode, Account: h.Account.String(), Currency: h.Currency, Start: h.Start, End: h.End,
		Opening: h.Totals.Opening, CompleteTo: h.CompleteTo,
	})
}

// The languages of the PDF.
const (
	English    = "en"
	Portuguese = "pt-BR"
)
