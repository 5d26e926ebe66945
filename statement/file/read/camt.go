package read

import (
	"encoding/xml"
	"errors"
	"io"
	"strings"

	"codebank.dev/platform/id"
	"codebank.dev/statement/file"
)

const (
	// maxDepth is how deep elements may lie in each other. The writer's lie 12 deep.
	maxDepth = 32
	stmt     = "/Document/BkToCstmrStmt/Stmt"
	ntry     = stmt + "/Ntry"
)

// camt reads camt.053. Elements are known by their path.
func (s *scan) camt(in io.Reader) error {
	c := camtScan{scan: s}
	s.facts.Header.Language = file.English // The format has no texts of its own.
	input := &bounded{in: in}
	decoder := xml.NewDecoder(input)
	for {
		input.read = 0
		token, err := decoder.RawToken()
		switch {
		case errors.Is(err, io.EOF) && c.ended:
			return nil
		case errors.Is(err, io.EOF):
			return &LineError{Problem: "the file has no end"}
		case err != nil:
			return s.problem(c.line.EventID, "%v", err)
		}
		if err := c.token(token); err != nil {
			return err
		}
	}
}

type camtScan struct {
	*scan
	path  []string
	text  strings.Builder
	ended bool

	line        Line
	values      int // of the line that were seen: reference, amount, sign, time
	amount      int64
	debit       bool
	balanceCode string
}

func (c *camtScan) token(token xml.Token) error {
	switch token := token.(type) {
	case xml.StartElement:
		c.text.Reset()
		if len(c.path) == maxDepth {
			return c.problem("", "its elements lie too deep in each other")
		}
		c.path = append(c.path, token.Name.Local)
		return c.start(token)
	case xml.CharData:
		if c.text.Len()+len(token) > maxText {
			return c.problem("", "an element is too long")
		}
		c.text.Write(token)
	case xml.EndElement:
		if len(c.path) == 0 || c.path[len(c.path)-1] != token.Name.Local {
			return c.problem("", "the element %s ends and did not begin", cut(token.Name.Local))
		}
		err := c.element("/"+strings.Join(c.path, "/"), c.text.String())
		c.path = c.path[:len(c.path)-1]
		c.text.Reset()
		return err
	case xml.Directive:
		return c.problem("", "it has a declaration")
	}
	return nil
}

// start checks what stands in a tag.
func (c *camtScan) start(tag xml.StartElement) error {
	switch {
	case len(c.path) == 1 && (len(tag.Attr) != 1 || tag.Attr[0].Name.Local != "xmlns" || tag.Attr[0].Value != file.CAMTNamespace || tag.Name.Local != "Document"):
		return c.problem("", "it is no "+file.CAMTNamespace)
	case tag.Name.Local == "Ntry" && len(c.path) == 4:
		c.number++
		c.line, c.values = Line{}, 0
	case tag.Name.Local == "Amt" && c.facts.Header.Currency != "":
		if len(tag.Attr) != 1 || tag.Attr[0].Name.Local != "Ccy" || tag.Attr[0].Value != c.facts.Header.Currency {
			return c.problem(c.line.EventID, "its amount is not in %s", c.facts.Header.Currency)
		}
	}
	return nil
}

// element reads an element that ends.
func (c *camtScan) element(path, text string) error {
	if strings.HasPrefix(path, ntry) {
		return c.ofLine(path, text)
	}
	header := &c.facts.Header
	ok := true
	switch path {
	case "/Document":
		c.ended = c.facts.Bytes != ""
	case stmt + "/CreDtTm":
		header.CreatedAt, ok = moment(file.TimeLayout, text)
	case stmt + "/FrToDt/FrDtTm":
		header.Start, ok = moment(file.TimeLayout, text)
	case stmt + "/FrToDt/ToDtTm":
		header.End, ok = moment(file.TimeLayout, text)
	case stmt + "/Acct/Id/Othr/Id":
		header.Account, ok = withHyphens(text)
	case stmt + "/Acct/Tp/Prtry":
		header.Kind = file.AccountKind(text)
	case stmt + "/Acct/Ccy":
		return c.setCurrency("Ccy", text)
	case stmt + "/Acct/Svcr/FinInstnId/Othr/Id":
		header.BankCode = text
	case stmt + "/Bal/Tp/CdOrPrtry/Cd":
		c.balanceCode = text
	case stmt + "/Bal/Amt":
		c.amount, ok = c.major(text)
	case stmt + "/Bal/CdtDbtInd":
		ok = c.setBalance(text)
	case stmt + "/AddtlStmtInf":
		c.number = 0
		return c.facted(text)
	}
	if !ok {
		return field(path, text)
	}
	return nil
}

// setBalance reads the sign of a balance, behind its code and its amount.
func (c *camtScan) setBalance(side string) bool {
	minor, ok := signed(c.amount, side)
	switch c.balanceCode {
	case "OPBD":
		c.facts.Header.Totals.Opening = minor
	case "CLBD":
		c.facts.Header.Totals.Closing = minor
	default:
		return false
	}
	return ok
}

// facted reads the facts at the end. They repeat the opening balance.
func (c *camtScan) facted(text string) error {
	opening := c.facts.Header.Totals.Opening
	err := c.words("AddtlStmtInf", text)
	if err == nil && opening != c.facts.Header.Totals.Opening {
		return field("AddtlStmtInf opening", text)
	}
	return err
}

// signed returns an amount with its sign. Nothing is a credit.
func signed(minor int64, side string) (int64, bool) {
	if side == "DBIT" {
		return -minor, minor > 0
	}
	return minor, side == "CRDT" && minor >= 0
}

// withHyphens returns the UUID of 32 hexadecimal digits.
func withHyphens(text string) (id.ID, bool) {
	if len(text) != 32 {
		return id.ID{}, false
	}
	account, err := id.Parse(text[:8] + "-" + text[8:12] + "-" + text[12:16] + "-" + text[16:20] + "-" + text[20:])
	return account, err == nil
}

// ofLine reads an element of an entry that ends.
func (c *camtScan) ofLine(path, text string) error {
	ok := true
	switch path {
	case ntry + "/NtryRef":
		c.line.EventID = c.facts.Header.Account.String() + ":" + text
	case ntry + "/Amt":
		c.amount, ok = c.major(text)
	case ntry + "/CdtDbtInd":
		c.line.Minor, ok = signed(c.amount, text)
	case ntry + "/BookgDt/DtTm":
		c.line.Time, ok = moment(file.TimeLayout, text)
	case ntry:
		if c.values != 4 {
			return c.problem(c.line.EventID, "it does not have one reference, one amount, one sign and one time")
		}
		c.line.Currency = c.facts.Header.Currency
		return c.scan.line(&c.line)
	default:
		return nil
	}
	c.values++
	if !ok {
		return c.problem(c.line.EventID, "its %s is %q", path[len(ntry)+1:], cut(text))
	}
	return nil
}
