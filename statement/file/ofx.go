package file

import (
	"encoding/base64"
	"strings"
	"time"

	"codebank.dev/platform/id"
	"codebank.dev/statement/file/digest"
)

// ofxEncoder writes OFX: a bank statement for a wallet, a credit card statement for a card. Every element stands
// on a line of its own. FITID is the id of the event, so a program that imports overlapping files doubles
// nothing. Amounts have a point and as many places as the currency.
//
// ACCTID has room for 22 characters, so it is the account's UUID in URL-safe base64. MKTGINFO has the facts of
// the statement and its digests.
type ofxEncoder struct {
	header string
	// closed says that an element with a value has an end tag; in SGML it may be left out.
	closed bool
}

var (
	ofx2 = ofxEncoder{closed: true, header: "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"no\"?>\r\n" +
		"<?OFX OFXHEADER=\"200\" VERSION=\"220\" SECURITY=\"NONE\" OLDFILEUID=\"NONE\" NEWFILEUID=\"NONE\"?>\r\n"}
	ofx1 = ofxEncoder{header: "OFXHEADER:100\r\nDATA:OFXSGML\r\nVERSION:102\r\nSECURITY:NONE\r\nENCODING:UNICODE\r\nCHARSET:NONE\r\n" +
		"COMPRESSION:NONE\r\nOLDFILEUID:NONE\r\nNEWFILEUID:NONE\r\n\r\n"}
)

// ofxLayout is a moment in OFX, with milliseconds.
const ofxLayout = "20060102150405.000"

// ofxNames are the names of elements that differ between bank and card.
type ofxNames struct{ messages, response, statement string }

func namesOf(kind AccountKind) ofxNames {
	if kind == Card {
		return ofxNames{"CREDITCARDMSGSRSV1", "CCSTMTTRNRS", "CCSTMTRS"}
	}
	return ofxNames{"BANKMSGSRSV1", "STMTTRNRS", "STMTRS"}
}

// AccountName returns an account's ACCTID.
func AccountName(account id.ID) string { return base64.RawURLEncoding.EncodeToString(account[:]) }

func (o ofxEncoder) begin(text []byte, h *Header) []byte {
	names := namesOf(h.Kind)
	text = open(append(text, o.header...), "OFX", "SIGNONMSGSRSV1", "SONRS")
	text = o.status(text)
	text = o.moment(text, "DTSERVER", h.CreatedAt)
	text = o.leaf(text, "LANGUAGE", ofxLanguages[h.Language])
	text = open(text, "FI")
	text = o.leaf(text, "ORG", "Code Bank")
	text = o.leaf(text, "FID", h.BankCode)
	text = end(text, "FI", "SONRS", "SIGNONMSGSRSV1")
	text = open(text, names.messages, names.response)
	text = o.leaf(text, "TRNUID", h.name().String())
	text = open(o.status(text), names.statement)
	text = o.account(o.leaf(text, "CURDEF", h.Currency), h)
	text = open(text, "BANKTRANLIST")
	return o.moment(o.moment(text, "DTSTART", h.Start), "DTEND", h.End)
}

// ofxLanguages are the languages' names in ISO 639-2.
var ofxLanguages = map[string]string{English: "ENG", Portuguese: "POR"}

func (o ofxEncoder) status(text []byte) []byte {
	text = o.leaf(open(text, "STATUS"), "CODE", "0")
	return end(o.leaf(text, "SEVERITY", "INFO"), "STATUS")
}

func (o ofxEncoder) account(text []byte, h *Header) []byte {
	if h.Kind == Card {
		return end(o.leaf(open(text, "CCACCTFROM"), "ACCTID", AccountName(h.Account)), "CCACCTFROM")
	}
	text = o.leaf(open(text, "BANKACCTFROM"), "BANKID", h.BankCode)
	text = o.leaf(text, "ACCTID", AccountName(h.Account))
	return end(o.leaf(text, "ACCTTYPE", "CHECKING"), "BANKACCTFROM")
}

func (o ofxEncoder) line(text []byte, h *Header, line *entry) []byte {
	text = o.leaf(open(text, "STMTTRN"), "TRNTYPE", ofxType(line))
	text = o.moment(text, "DTPOSTED", line.OccurredAt)
	text = o.leaf(text, "TRNAMT", line.currency.FormatMinor(line.signed))
	text = o.leaf(text, "FITID", line.eventID)
	text = o.leaf(text, "REFNUM", shorten(withoutHyphens(line.TransactionID), 32))
	text = o.leaf(text, "NAME", shorten(firstOf(line.MerchantName, line.CounterpartyName, line.Description, line.Kind), 32))
	text = o.leaf(text, "MEMO", shorten(memo(h, line), 255))
	return end(text, "STMTTRN")
}

// ofxType returns what a line is in OFX's list.
func ofxType(line *entry) string {
	if line.isPayout() {
		return "DIRECTDEP"
	}
	switch line.Kind {
	case "PURCHASE", "CAPTURE":
		return "POS"
	case "DEPOSIT":
		return "DEP"
	case "WITHDRAWAL":
		return "CASH"
	case "TRANSFER", "PIX_OUT", "PIX_IN":
		return "XFER"
	}
	return line.Direction
}

// ofxBank is the word before the code of the bank at the other end.
var ofxBank = map[string]string{English: "bank", Portuguese: "banco"}

// memo returns what NAME has no room for.
func memo(h *Header, line *entry) string {
	bank := line.CounterpartyBankCode
	if bank != "" {
		bank = ofxBank[h.Language] + " " + bank
	}
	var parts []string
	for _, part := range []string{
		line.Description, line.EndToEndID, bank, line.MerchantName, line.MerchantCity, line.MerchantCountry, line.MerchantReference, line.CounterpartyName,
	} {
		if part != "" {
			parts = append(parts, part)
		}
	}
	return strings.Join(parts, " / ")
}

func (o ofxEncoder) end(text []byte, h *Header, lines digest.Chain) []byte {
	text = open(end(text, "BANKTRANLIST"), "LEDGERBAL")
	text = o.leaf(text, "BALAMT", h.code().FormatMinor(h.Totals.Closing))
	text = end(o.moment(text, "DTASOF", h.asOf()), "LEDGERBAL")
	return appendFacts(append(text, "<MKTGINFO>"...), h, lines)
}

func (o ofxEncoder) seal(text []byte, h *Header, bytes string) []byte {
	text = append(text, bytes...)
	if o.closed {
		text = append(text, "</MKTGINFO>"...)
	}
	names := namesOf(h.Kind)
	return end(append(text, "\r\n"...), names.statement, names.response, names.messages, "OFX")
}

// leaf writes an element with a value, unless the value is empty.
func (o ofxEncoder) leaf(text []byte, name, value string) []byte {
	if value == "" {
		return text
	}
	text = append(append(append(text, '<'), name...), '>')
	text = appendEscaped(text, value)
	if o.closed {
		text = append(append(append(text, "</"...), name...), '>')
	}
	return append(text, "\r\n"...)
}

// moment writes an element with a time.
func (o ofxEncoder) moment(text []byte, name string, moment time.Time) []byte {
	return o.leaf(text, name, moment.UTC().Format(ofxLayout)+"[0:GMT]")
}

// open writes the tags of elements that have elements in them.
func open(text []byte, names ...string) []byte {
	for _, name := range names {
		text = append(append(append(text, '<'), name...), ">\r\n"...)
	}
	return text
}

// end writes their end tags.
func end(text []byte, names ...string) []byte {
	for _, name := range names {
		text = append(append(append(text, "</"...), name...), ">\r\n"...)
	}
	return text
}
