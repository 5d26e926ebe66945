package view

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"codebank.dev/checkout/payment"
	"codebank.dev/platform/id"
)

// Sum is how often something happened, and with what amount in all, in minor units. An amount that does not fit 64
// bits is the largest that does.
type Sum struct {
	Count       int64 `json:"count"`
	AmountMinor int64 `json:"amount_minor"`
}

// Figures are what happened to charges of a currency within some time.
type Figures struct {
	// Approved are decisions that took the money at once, Authorized those that set it aside.
	Approved   Sum `json:"approved"`
	Authorized Sum `json:"authorized"`
	Rejected   Sum `json:"rejected"`
	// Captured are captures of what was set aside before.
	Captured Sum `json:"captured"`
	Voided   Sum `json:"voided"`
	Expired  Sum `json:"expired"`
	Refunded Sum `json:"refunded"`
	// ApprovalRate is how many of 10,000 decisions were approved or authorized; nil if there was none.
	ApprovalRate *int64 `json:"approval_rate_basis_points"`
}

// Bucket is an hour or a day of statistics.
type Bucket struct {
	Start Time `json:"start"`
	Figures
}

// Reason is how often charges were rejected for a reason.
type Reason struct {
	Reason string `json:"reason"`
	Sum
}

// CurrencyStatistics are the statistics of one currency.
type CurrencyStatistics struct {
	Currency string  `json:"currency"`
	Total    Figures `json:"total"`
	// Rejections are by reason, in the order of their names.
	Rejections []Reason `json:"rejections"`
	// Buckets are those in which something happened, in the order of time.
	Buckets []Bucket `json:"buckets"`
}

// OfCounts returns the statistics of each currency, in the order of their codes. The counts are as payment.Figures
// returns them.
func OfCounts(counts []payment.Count) []CurrencyStatistics {
	all := []CurrencyStatistics{}
	reasons := map[string]map[string]Sum{}
	for i := range counts {
		c := &counts[i]
		of := currencyOf(&all, c.Currency.String())
		if n := len(of.Buckets); n == 0 || !time.Time(of.Buckets[n-1].Start).Equal(c.Start) {
			of.Buckets = append(of.Buckets, Bucket{Start: Time(c.Start)})
		}
		of.Total.add(c)
		of.Buckets[len(of.Buckets)-1].add(c)
		if c.Figure == payment.CountRejected {
			if reasons[of.Currency] == nil {
				reasons[of.Currency] = map[string]Sum{}
			}
			sum := reasons[of.Currency][c.Reason]
			sum.add(c)
			reasons[of.Currency][c.Reason] = sum
		}
	}
	for i := range all {
		of := &all[i]
		for _, reason := range slices.Sorted(maps.Keys(reasons[of.Currency])) {
			of.Rejections = append(of.Rejections, Reason{reason, reasons[of.Currency][reason]})
		}
		of.Total.rate()
		for j := range of.Buckets {
			of.Buckets[j].rate()
		}
	}
	return all
}

// currencyOf returns the statistics of a currency, which are added in the order of the codes if there are none yet.
func currencyOf(all *[]CurrencyStatistics, currency string) *CurrencyStatistics {
	at := 0
	for at < len(*all) && (*all)[at].Currency < currency {
		at++
	}
	if at == len(*all) || (*all)[at].Currency != currency {
		*all = append(*all, CurrencyStatistics{})
		copy((*all)[at+1:], (*all)[at:])
		(*all)[at] = CurrencyStatistics{Currency: currency, Rejections: []Reason{}, Buckets: []Bucket{}}
	}
	return &(*all)[at]
}

func (s *Sum) add(c *payment.Count) {
	s.Count += c.Count
	s.AmountMinor = payment.Sum(s.AmountMinor, c.AmountMinor)
}

func (f *Figures) add(c *payment.Count) {
	if sum := map[payment.Figure]*Sum{
		payment.CountApproved: &f.Approved, payment.CountAuthorized: &f.Authorized, payment.CountRejected: &f.Rejected, payment.CountCaptured: &f.Captured,
		payment.CountVoided: &f.Voided, payment.CountExpired: &f.Expired, payment.CountRefunded: &f.Refunded,
	}[c.Figure]; sum != nil {
		sum.add(c)
	}
}

func (f *Figures) rate() {
	const basis = 10_000
	good := f.Approved.Count + f.Authorized.Count
	if all := good + f.Rejected.Count; all > 0 {
		rate := good * basis / all
		f.ApprovalRate = &rate
	}
}

// Balance is what an owner was paid, gave back and was paid out in a currency, in minor units.
type Balance struct {
	Currency      string `json:"currency"`
	CapturedMinor int64  `json:"captured_minor"`
	RefundedMinor int64  `json:"refunded_minor"`
	PaidOutMinor  int64  `json:"paid_out_minor"`
	// BalanceMinor is what was captured less what was refunded and paid out. It is negative if refunds after a payout
	// are more than what was left.
	BalanceMinor int64 `json:"balance_minor"`
	// PendingRefundsMinor and PendingPayoutsMinor are asked for and not decided; AvailableMinor is the balance without
	// them.
	PendingRefundsMinor int64 `json:"pending_refunds_minor"`
	PendingPayoutsMinor int64 `json:"pending_payouts_minor"`
	AvailableMinor      int64 `json:"available_minor"`
}

// OfBalance returns the view of a balance.
func OfBalance(b *payment.Balance) Balance {
	return Balance{
		Currency: b.Currency.String(), CapturedMinor: b.Captured, RefundedMinor: b.Refunded, PaidOutMinor: b.PaidOut, BalanceMinor: b.Left(),
		PendingRefundsMinor: b.Reserved, PendingPayoutsMinor: b.PayingOut, AvailableMinor: b.Available(),
	}
}

// MovementColumns are the columns of movements as a file: CSV as RFC 4180 has it, in UTF-8. Columns are appended only.
const MovementColumns = "sequence,occurred_at,type,charge_id,operation_id,amount_minor,amount,currency,description,payout_id\r\n"

// AppendMovement writes a movement as a row of a file. The sum of the column amount_minor, by currency, is the balance.
func AppendMovement(text []byte, m *payment.Movement) []byte {
	kind, sequence := "capture", strconv.FormatInt(m.Sequence, 10)
	switch m.Figure {
	case payment.CountRefunded:
		kind = "refund"
	case payment.PaidOut:
		kind, sequence = "payout", ""
	}
	for _, field := range []string{
		sequence, m.At.UTC().Format(timeLayout), kind, nameOf(m.Charge), nameOf(m.Operation),
		strconv.FormatInt(m.Amount.Minor, 10), m.Amount.Currency.FormatMinor(m.Amount.Minor), m.Amount.Currency.String(),
	} {
		text = append(append(text, field...), ',')
	}
	text = append(appendText(text, m.Description), ',')
	return append(append(text, nameOf(m.Payout)...), "\r\n"...)
}

// nameOf returns an id, or nothing for none.
func nameOf(one id.ID) string {
	if one.IsZero() {
		return ""
	}
	return one.String()
}

const (
	// formula has the characters that begin a formula in some spreadsheet, the wide forms too, and the apostrophe.
	formula = "=+-@\t\r\n|%＝＋－＠'"
	// separators are those behind which some spreadsheet sees another field.
	separators = ",;\t\r\n\""
)

// appendText writes a field with a text. Where a spreadsheet could see the beginning of a field, an apostrophe goes
// before what begins a formula, and before an apostrophe.
func appendText(text []byte, field string) []byte {
	text = append(text, '"')
	beginning := true
	for _, r := range field {
		if beginning && strings.ContainsRune(formula, r) {
			text = append(text, '\'')
		}
		if r == '"' {
			text = append(text, '"')
		}
		text = utf8.AppendRune(text, r)
		beginning = strings.ContainsRune(separators, r)
	}
	return append(text, '"')
}
