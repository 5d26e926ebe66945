package file

import (
	"strconv"
	"time"

	"codebank.dev/statement/file/digest"
)

// camtEncoder writes ISO 20022 camt.053.001.08: one message with one statement, an opening and a closing booked
// balance, the sums, and an entry for each line, one on each line of the file. Amounts are exact decimals with as
// many places as the currency, and CdtDbtInd has the sign. Identifiers have room for 35 characters, so UUIDs are
// without hyphens, and NtryRef is the sequence of the event: account and NtryRef make the event's id.
//
// The rules of the message that the format of a field does not show are held by tests: the order of elements, and
// the lengths of texts.
type camtEncoder struct{}

const (
	// CAMTNamespace names the message and its version.
	CAMTNamespace = "urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"
	// camtMost is the first number of minor units that its amounts, of 18 digits, cannot hold.
	camtMost = 1_000_000_000_000_000_000
)

func (camtEncoder) begin(text []byte, h *Header) []byte {
	name := withoutHyphens(h.name().String())
	text = append(text, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Document xmlns=\""+CAMTNamespace+"\">\n<BkToCstmrStmt>\n<GrpHdr>"...)
	text = camtTime(leaf(text, "MsgId", name), "CreDtTm", h.CreatedAt)
	text = leaf(append(text, "</GrpHdr>\n<Stmt>\n"...), "Id", name)
	text = camtTime(text, "CreDtTm", h.CreatedAt)
	text = camtTime(camtTime(append(text, "\n<FrToDt>"...), "FrDtTm", h.Start), "ToDtTm", h.End)
	text = append(text, "</FrToDt>\n<Acct><Id><Othr>"...)
	text = leaf(text, "Id", withoutHyphens(h.Account.String()))
	text = leaf(append(text, "</Othr></Id><Tp>"...), "Prtry", string(h.Kind))
	text = leaf(append(text, "</Tp>"...), "Ccy", h.Currency)
	text = leaf(append(text, "<Svcr><FinInstnId><Othr>"...), "Id", h.BankCode)
	text = append(text, "</Othr></FinInstnId></Svcr></Acct>\n"...)
	text = camtBalance(append(text, "<Bal><Tp><CdOrPrtry><Cd>OPBD"...), h, h.Totals.Opening, h.Start)
	text = camtBalance(append(text, "<Bal><Tp><CdOrPrtry><Cd>CLBD"...), h, h.Totals.Closing, h.asOf())
	return camtTotals(text, h)
}

// camtBalance writes the rest of a balance.
func camtBalance(text []byte, h *Header, minor int64, moment time.Time) []byte {
	text = append(text, "</Cd></CdOrPrtry></Tp>"...)
	text = append(camtAmount(text, h, minor), "<Dt>"...)
	return append(camtTime(text, "DtTm", moment), "</Dt></Bal>\n"...)
}

func camtTotals(text []byte, h *Header) []byte {
	text = leaf(append(text, "<TxsSummry><TtlNtries>"...), "NbOfNtries", strconv.FormatInt(h.Totals.Lines, 10))
	text = leaf(append(text, "</TtlNtries><TtlCdtNtries>"...), "Sum", h.code().FormatMinor(h.Totals.Credits))
	text = leaf(append(text, "</TtlCdtNtries><TtlDbtNtries>"...), "Sum", h.code().FormatMinor(h.Totals.Debits))
	return append(text, "</TtlDbtNtries></TxsSummry>\n"...)
}

func (camtEncoder) line(text []byte, h *Header, line *entry) []byte {
	transaction := shorten(withoutHyphens(line.TransactionID), 35)
	text = leaf(append(text, "<Ntry>"...), "NtryRef", strconv.FormatInt(line.Sequence, 10))
	text = camtAmount(text, h, line.signed)
	if line.Kind == "REVERSAL" || line.Kind == "PIX_RETURN" {
		text = leaf(text, "RvslInd", "true")
	}
	text = camtTime(append(text, "<Sts><Cd>BOOK</Cd></Sts><BookgDt>"...), "DtTm", line.OccurredAt)
	text = leaf(append(text, "</BookgDt>"...), "AcctSvcrRef", transaction)
	text = append(camtCode(text, line), "<NtryDtls><TxDtls><Refs>"...)
	if reference := shorten(line.EndToEndID, 35); reference != "" {
		text = leaf(text, "EndToEndId", reference)
	}
	text = leaf(text, "TxId", transaction)
	text = camtReference(text, "ORIGINAL_TRANSACTION", withoutHyphens(line.OriginalTransactionID))
	text = camtReference(text, "MERCHANT_REFERENCE", line.MerchantReference)
	text = camtAmount(append(text, "</Refs>"...), h, line.signed)
	text = camtParties(text, line)
	text = camtDescription(text, line.Description)
	return append(text, "</TxDtls></NtryDtls></Ntry>\n"...)
}

// camtCodes are families and sub-families of the domain of payments, for the kinds that the external code list
// has, by kind and direction. Every entry has the bank's own code too.
var camtCodes = map[string]struct{ family, subFamily string }{
	"PURCHASE DEBIT":   {"CCRD", "POSD"}, // card payment at a point of sale
	"CAPTURE DEBIT":    {"CCRD", "POSD"},
	"DEPOSIT CREDIT":   {"CNTR", "CDPT"}, // at the counter
	"WITHDRAWAL DEBIT": {"CNTR", "CWDL"},
	"TRANSFER DEBIT":   {"ICDT", "BOOK"}, // within the bank
	"TRANSFER CREDIT":  {"RCDT", "BOOK"},
	"PIX_OUT DEBIT":    {"IRCT", "DMCT"}, // at once, to another bank
	"PIX_IN CREDIT":    {"RRCT", "DMCT"},
}

func camtCode(text []byte, line *entry) []byte {
	text = append(text, "<BkTxCd>"...)
	code, ok := camtCodes[line.Kind+" "+line.Direction]
	if line.isPayout() {
		code = camtCodes["TRANSFER CREDIT"]
	}
	if ok {
		text = leaf(append(text, "<Domn><Cd>PMNT</Cd><Fmly>"...), "Cd", code.family)
		text = append(leaf(text, "SubFmlyCd", code.subFamily), "</Fmly></Domn>"...)
	}
	text = leaf(append(text, "<Prtry>"...), "Cd", shorten(line.Kind, 35))
	return append(text, "</Prtry></BkTxCd>"...)
}

func camtReference(text []byte, kind, reference string) []byte {
	if reference = shorten(reference, 35); reference == "" {
		return text
	}
	text = leaf(leaf(append(text, "<Prtry>"...), "Tp", kind), "Ref", reference)
	return append(text, "</Prtry>"...)
}

// camtParties writes who is at the other end, with his account and his bank.
func camtParties(text []byte, line *entry) []byte {
	role := "Cdtr"
	if line.Direction == "CREDIT" {
		role = "Dbtr"
	}
	name, account := shorten(firstOf(line.MerchantName, line.CounterpartyName), 140), withoutHyphens(line.CounterpartyAccountID)
	if name != "" || account != "" {
		text = append(text, "<RltdPties>"...)
		if name != "" {
			text = append(leaf(append(text, "<"+role+"><Pty>"...), "Nm", name), "</Pty></"+role+">"...)
		}
		if account != "" {
			text = leaf(append(text, "<"+role+"Acct><Id><Othr>"...), "Id", shorten(account, 34))
			text = append(text, "</Othr></Id></"+role+"Acct>"...)
		}
		text = append(text, "</RltdPties>"...)
	}
	if line.CounterpartyBankCode != "" {
		text = leaf(append(text, "<RltdAgts><"+role+"Agt><FinInstnId><Othr>"...), "Id", shorten(line.CounterpartyBankCode, 35))
		text = append(text, "</Othr></FinInstnId></"+role+"Agt></RltdAgts>"...)
	}
	return text
}

// camtDescription writes a text in pieces of 140 characters.
func camtDescription(text []byte, description string) []byte {
	runes := []rune(shorten(description, len(description)))
	if len(runes) == 0 {
		return text
	}
	text = append(text, "<RmtInf>"...)
	for ; len(runes) > 140; runes = runes[140:] {
		text = leaf(text, "Ustrd", string(runes[:140]))
	}
	return append(leaf(text, "Ustrd", string(runes)), "</RmtInf>"...)
}

func (camtEncoder) end(text []byte, h *Header, lines digest.Chain) []byte {
	return appendFacts(append(text, "<AddtlStmtInf>"...), h, lines)
}

func (camtEncoder) seal(text []byte, _ *Header, bytes string) []byte {
	return append(append(text, bytes...), "</AddtlStmtInf>\n</Stmt>\n</BkToCstmrStmt>\n</Document>\n"...)
}

// camtAmount writes an amount and its sign. Nothing is a credit.
func camtAmount(text []byte, h *Header, minor int64) []byte {
	decimal, side := h.code().FormatMinor(minor), "CRDT"
	if minor < 0 {
		decimal, side = decimal[1:], "DBIT"
	}
	text = append(append(append(text, "<Amt Ccy=\""...), h.Currency...), "\">"...)
	return leaf(append(append(text, decimal...), "</Amt>"...), "CdtDbtInd", side)
}

func camtTime(text []byte, name string, moment time.Time) []byte {
	return leaf(text, name, moment.UTC().Format(TimeLayout))
}

// leaf writes an element with a text.
func leaf(text []byte, name, value string) []byte {
	text = append(append(append(text, '<'), name...), '>')
	text = appendEscaped(text, value)
	return append(append(append(text, "</"...), name...), '>')
}
