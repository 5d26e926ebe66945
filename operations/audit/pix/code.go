package pix

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"time"
)

// Code is a code by which others pay into an account of a bank. Amounts are minor units.
type Code struct {
	ID, Account, TxID string
	// Once says that the code is dynamic: it is paid at most once.
	Once bool
	// State is ACTIVE, PAID or CANCELLED. One that has expired is ACTIVE.
	State string
	// AmountMinor is 0 if the payer chooses the amount.
	AmountMinor int64
	// PaidBy is the end-to-end id of the payment of a PAID code.
	PaidBy    string
	CreatedAt time.Time
}

// Codes reads the codes of a bank, in any order. It may be called again.
type Codes func(ctx context.Context) iter.Seq2[Code, error]

// The kinds of differences between a bank's codes and its entries, as they are in Finding.Field.
const (
	// PaidWithoutPayment: a code is PAID, and its account has no credit with its txid.
	PaidWithoutPayment = "PAID_WITHOUT_PAYMENT"
	// PaidByOther: the one credit with the txid of a PAID code is not the payment that the code names.
	PaidByOther = "PAID_BY_OTHER"
	// PaidTwice: a dynamic code has more than one credit.
	PaidTwice = "PAID_TWICE"
	// PaymentNotMarked: a dynamic code has a credit and is not PAID.
	PaymentNotMarked = "PAYMENT_NOT_MARKED"
	// OtherAmount: a credit has not the amount of its code.
	OtherAmount = "OTHER_AMOUNT"
)

// CodeCount is how many codes a bank has, and how many differences of each kind there are.
type CodeCount struct {
	Bank string `json:"bank_code"`
	// Compared is false for a ledger of a version without codes.
	Compared bool `json:"compared"`
	Codes    int  `json:"codes"`
	Paid     int  `json:"paid"`
	// Differences counts the findings by kind. A kind without one is not there.
	Differences map[string]int `json:"differences"`
}

// codeKey is by what a payment finds the code that it pays.
type codeKey struct{ account, txID string }

// payable is a code with the credits that name it. Those of a static code are not kept.
type payable struct {
	Code
	bank    string
	credits []credit
}

type credit struct {
	endToEndID  string
	amountMinor int64
}

// addCodes reads the codes of a bank before its entries. A code and its payment are in one commit, so each payment of
// a code that is PAID here is among the entries.
func (c *comparison) addCodes(ctx context.Context, bank *Bank) error {
	c.codes = make(map[codeKey]*payable)
	if bank.Codes == nil {
		return nil
	}
	for code, err := range bank.Codes(ctx) {
		if err != nil {
			return &AwayError{"bank " + bank.Code, err}
		}
		c.codes[codeKey{code.Account, code.TxID}] = &payable{Code: code, bank: bank.Code}
	}
	return nil
}

// pays adds an entry to the code that it pays, if it pays one. A payment from before the code was made does not pay it.
func (c *comparison) pays(e *Entry) {
	if e.Kind != "PIX_IN" || e.Status != "APPROVED" || strings.HasPrefix(e.EndToEndID, "D") {
		return
	}
	code := c.codes[codeKey{e.Account, e.Reference}]
	if code == nil || e.At.Before(code.CreatedAt) && e.EndToEndID != code.PaidBy {
		return
	}
	if paid := (credit{e.EndToEndID, e.AmountMinor}); code.Once {
		code.credits = append(code.credits, paid)
	} else {
		c.checkAmount(code, paid)
	}
}

// checkCodes compares the codes of a bank with its entries, all of which are there.
func (c *comparison) checkCodes(ctx context.Context, bank *Bank) error {
	if err := c.refreshPaid(ctx, bank); err != nil {
		return err
	}
	count := CodeCount{Bank: bank.Code, Compared: bank.Codes != nil}
	codes := slices.SortedFunc(maps.Values(c.codes), func(a, b *payable) int { return strings.Compare(a.ID, b.ID) })
	for _, code := range codes {
		count.Codes++
		if code.State == "PAID" {
			count.Paid++
		}
		c.checkCode(code)
	}
	c.counts = append(c.counts, count)
	return nil
}

// refreshPaid reads again the codes that were active when they were read, and have been paid since.
func (c *comparison) refreshPaid(ctx context.Context, bank *Bank) error {
	waiting := make(map[codeKey]*payable)
	for key, code := range c.codes {
		if code.State == "ACTIVE" && len(code.credits) > 0 {
			waiting[key] = code
		}
	}
	if len(waiting) == 0 {
		return nil
	}
	for code, err := range bank.Codes(ctx) {
		if err != nil {
			return &AwayError{"bank " + bank.Code, err}
		}
		if old := waiting[codeKey{code.Account, code.TxID}]; old != nil {
			old.Code = code
		}
	}
	return nil
}

// checkCode: a PAID code has exactly the credit that it names, and another one has none.
func (c *comparison) checkCode(code *payable) {
	say := func(kind, id, detail string) { c.differCode(code, kind, id, detail) }
	switch {
	case len(code.credits) == 0 && code.State == "PAID":
		say(PaidWithoutPayment, code.PaidBy, "the code is PAID, and its account has no credit with its txid")
	case len(code.credits) == 1 && code.State == "PAID" && code.credits[0].endToEndID != code.PaidBy:
		say(PaidByOther, code.credits[0].endToEndID, "the code is paid by it, and names "+code.PaidBy)
	case len(code.credits) > 0 && code.State != "PAID":
		say(PaymentNotMarked, code.credits[0].endToEndID, "the code is paid by it, and is "+code.State)
	}
	if len(code.credits) > 1 {
		say(PaidTwice, code.credits[1].endToEndID, fmt.Sprintf("the code has %d payments, and may have one", len(code.credits)))
	}
	for _, paid := range code.credits {
		c.checkAmount(code, paid)
	}
}

// checkAmount: whoever pays a code that has an amount pays that.
func (c *comparison) checkAmount(code *payable, paid credit) {
	if code.AmountMinor != 0 && code.AmountMinor != paid.amountMinor {
		c.differCode(code, OtherAmount, paid.endToEndID, fmt.Sprintf("the payment is of %d, and the code of %d", paid.amountMinor, code.AmountMinor))
	}
}

func (c *comparison) differCode(code *payable, kind, id, detail string) {
	c.findings = append(c.findings, Finding{Place: code.bank, EndToEndID: id, Code: code.ID, Field: kind, Detail: detail})
}

// countCodes returns what was counted of the codes of each bank, with the findings about them by kind.
func (c *comparison) countCodes() []CodeCount {
	kinds := make(map[string]map[string]int)
	for _, f := range c.findings {
		if f.Code == "" {
			continue
		}
		if kinds[f.Place] == nil {
			kinds[f.Place] = make(map[string]int)
		}
		kinds[f.Place][f.Field]++
	}
	for i := range c.counts {
		if c.counts[i].Differences = kinds[c.counts[i].Bank]; c.counts[i].Differences == nil {
			c.counts[i].Differences = map[string]int{}
		}
	}
	return c.counts
}

// line returns the count for people, and a line for each kind of difference.
func (c *CodeCount) line() string {
	if !c.Compared {
		return fmt.Sprintf("codes of bank %s: not compared, because the ledger is of a version without codes; see bankctl migrate ledger\n", c.Bank)
	}
	if c.Codes == 0 {
		return ""
	}
	text := fmt.Sprintf("codes of bank %s: %d, %d of them paid\n", c.Bank, c.Codes, c.Paid)
	for _, kind := range slices.Sorted(maps.Keys(c.Differences)) {
		text += fmt.Sprintf("codes of bank %s: %d %s\n", c.Bank, c.Differences[kind], kind)
	}
	return text
}
