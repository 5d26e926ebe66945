package read

import (
	"bufio"
	"encoding/base64"
	"errors"
	"io"
	"strings"

	"codebank.dev/platform/id"
	"codebank.dev/statement/file"
)

// ofxLayout is a moment in OFX.
const ofxLayout = "20060102150405.000[0:GMT]"

// ofx reads OFX of both versions. The writer has put every element on a line of its own, so a reader of any SGML
// is not needed.
func (s *scan) ofx(in io.Reader) error {
	lines := bufio.NewScanner(in)
	lines.Buffer(make([]byte, 0, 4096), maxText)
	o := ofxScan{scan: s}
	s.facts.Header.Kind = file.Wallet
	for lines.Scan() {
		name, value := ofxElement(lines.Text())
		if err := o.element(name, value); err != nil {
			return err
		}
	}
	switch err := lines.Err(); {
	case errors.Is(err, bufio.ErrTooLong):
		return s.problem("", "an element is too long")
	case err != nil:
		return err
	case o.ended:
		return nil
	}
	return &LineError{Problem: "the file has no end"}
}

// ofxElement takes a line apart. The name of an end tag has its slash.
func ofxElement(line string) (name, value string) {
	line = strings.TrimSuffix(line, "\r")
	if !strings.HasPrefix(line, "<") {
		return "", line
	}
	name, value, _ = strings.Cut(line[1:], ">")
	return name, strings.TrimSuffix(value, "</"+name+">")
}

type ofxScan struct {
	*scan
	inside bool // a STMTTRN
	line   Line
	// values are those of the line that were seen: a time, an amount and an id.
	values  int
	balance string
	ended   bool
}

func (o *ofxScan) element(name, value string) error {
	if o.inside {
		return o.ofLine(name, value)
	}
	header := &o.facts.Header
	var ok bool
	switch name {
	case "STMTTRN":
		o.inside, o.values, o.line = true, 0, Line{}
		o.number++
		return nil
	case "CURDEF":
		return o.setCurrency(name, value)
	case "LANGUAGE":
		header.Language, ok = map[string]string{"ENG": file.English, "POR": file.Portuguese}[value]
	case "FID":
		header.BankCode, ok = value, true
	case "ACCTID":
		header.Account, ok = accountOf(value)
	case "CCACCTFROM":
		header.Kind, ok = file.Card, true
	case "DTSERVER":
		header.CreatedAt, ok = moment(ofxLayout, value)
	case "DTSTART":
		header.Start, ok = moment(ofxLayout, value)
	case "DTEND":
		header.End, ok = moment(ofxLayout, value)
	case "BALAMT":
		header.Totals.Closing, ok = o.major(value)
	case "MKTGINFO":
		o.number = 0
		return o.words(name, value)
	case "/OFX":
		o.ended, ok = o.facts.Bytes != "", true
	default:
		return nil
	}
	if !ok {
		return field(name, value)
	}
	return nil
}

// accountOf reads an ACCTID.
func accountOf(text string) (id.ID, bool) {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(text)
	var account id.ID
	return account, err == nil && copy(account[:], raw) == len(account) && len(raw) == len(account)
}

// ofLine reads an element of a line.
func (o *ofxScan) ofLine(name, value string) error {
	ok := true
	switch name {
	case "DTPOSTED":
		o.line.Time, ok = moment(ofxLayout, value)
		o.values++
	case "TRNAMT":
		o.line.Minor, ok = o.major(value)
		o.values++
	case "FITID":
		o.line.EventID = value
		o.values++
	case "/STMTTRN":
		o.inside = false
		if o.values != 3 {
			return o.problem(o.line.EventID, "it does not have one time, one amount and one id")
		}
		o.line.Currency = o.facts.Header.Currency
		return o.scan.line(&o.line)
	}
	if !ok {
		return o.problem(o.line.EventID, "its %s is %q", name, cut(value))
	}
	return nil
}
