package pix_test

import (
	"context"
	"errors"
	"iter"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"codebank.dev/operations/audit/pix"
)

const (
	wallet = "wallet of bank 002"
	second = "E00000001HHHHHHHHHHHHHHHHHHHHHHH"
)

// codeWorld is a world whose bank 002 has a PAID code, one that nobody has paid, and a static one that is paid twice.
type codeWorld struct {
	*world
	codes []pix.Code
	// after are the codes when they are read again; nil if they are still the same.
	after []pix.Code
	away  error
}

func newCodeWorld() *codeWorld {
	w := &codeWorld{world: newWorld(), codes: []pix.Code{
		{ID: "1", Account: wallet, TxID: "once", Once: true, State: "PAID", AmountMinor: 1000, PaidBy: paid, CreatedAt: began.Add(-time.Hour)},
		{ID: "2", Account: wallet, TxID: "open", Once: true, State: "ACTIVE", AmountMinor: 70, CreatedAt: began.Add(-time.Hour)},
		{ID: "3", Account: wallet, TxID: "again", State: "ACTIVE", CreatedAt: began.Add(-time.Hour)},
	}}
	w.find("002", paid, "PIX_IN").Account, w.find("002", paid, "PIX_IN").Reference = wallet, "once"
	w.pay("E00000001IIIIIIIIIIIIIIIIIIIIIII", "again", 5)
	w.pay("E00000001JJJJJJJJJJJJJJJJJJJJJJJ", "again", 6)
	return w
}

// pay adds a payment of bank 001 that all places know, with a txid.
func (w *codeWorld) pay(id, txID string, minor int64) {
	in := entry(id, "PIX_IN", "CREDIT", "001", minor)
	in.Account, in.Reference = wallet, txID
	w.banks["001"] = append(w.banks["001"], entry(id, "HOLD", "DEBIT", "002", minor), entry(id, "PIX_OUT", "DEBIT", "002", minor))
	w.banks["002"] = append(w.banks["002"], in)
	w.hub = append(w.hub, pix.Payment{EndToEndID: id, State: "COMPLETED", Sender: "001", Receiver: "002", AmountMinor: minor, Currency: "BRL", At: began})
}

func (w *codeWorld) compare(t *testing.T) (*pix.Report, error) {
	t.Helper()
	readings := 0
	read := func(context.Context) iter.Seq2[pix.Code, error] {
		if readings++; readings > 1 && w.after != nil {
			return each(w.after, nil)
		}
		return each(w.codes, w.away)
	}
	return pix.Run(t.Context(), []pix.Bank{{Code: "001", Entries: each(w.banks["001"], nil)}, {Code: "002", Entries: each(w.banks["002"], nil), Codes: read}},
		func(context.Context) iter.Seq2[pix.Payment, error] { return each(w.hub, nil) }, began)
}

func TestCodesThatAgreeWithTheirPaymentsAreCounted(t *testing.T) {
	report, err := newCodeWorld().compare(t)
	require.NoError(t, err)
	require.True(t, report.Equal, "%+v", report.Findings)
	require.Equal(t, []pix.CodeCount{
		{Bank: "001", Differences: map[string]int{}},
		{Bank: "002", Compared: true, Codes: 3, Paid: 1, Differences: map[string]int{}},
	}, report.Codes)
	require.Contains(t, report.Table(), "codes of bank 001: not compared, because the ledger is of a version without codes")
	require.Contains(t, report.Table(), "codes of bank 002: 3, 1 of them paid\n")
}

func TestEachDifferenceOfACodeIsNamedAndCounted(t *testing.T) {
	for name, test := range map[string]struct {
		tamper func(*codeWorld)
		code   string
		id     string
		kinds  []string
	}{
		"paid by nobody":     {func(w *codeWorld) { w.find("002", paid, "PIX_IN").Reference = "" }, "1", paid, []string{pix.PaidWithoutPayment}},
		"paid elsewhere":     {func(w *codeWorld) { w.find("002", paid, "PIX_IN").Account = "other" }, "1", paid, []string{pix.PaidWithoutPayment}},
		"paid by another":    {func(w *codeWorld) { w.codes[0].PaidBy = second }, "1", paid, []string{pix.PaidByOther}},
		"paid twice":         {func(w *codeWorld) { w.pay(second, "once", 1000) }, "1", second, []string{pix.PaidTwice}},
		"paid and active":    {func(w *codeWorld) { w.pay(second, "open", 70) }, "2", second, []string{pix.PaymentNotMarked}},
		"paid and cancelled": {func(w *codeWorld) { w.codes[0].State, w.codes[0].PaidBy = "CANCELLED", "" }, "1", paid, []string{pix.PaymentNotMarked}},
		"another amount":     {func(w *codeWorld) { w.codes[0].AmountMinor++ }, "1", paid, []string{pix.OtherAmount}},
		"another amount of a static code": {func(w *codeWorld) { w.codes[2].AmountMinor = 6 }, "3", "E00000001IIIIIIIIIIIIIIIIIIIIIII",
			[]string{pix.OtherAmount}},
		"twice, and the second of another amount": {func(w *codeWorld) { w.pay(second, "once", 1) }, "1", second, []string{pix.OtherAmount, pix.PaidTwice}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newCodeWorld()
			test.tamper(w)
			report, err := w.compare(t)
			require.NoError(t, err)
			require.False(t, report.Equal)
			require.Len(t, report.Findings, len(test.kinds), "%+v", report.Findings)
			for i, kind := range test.kinds {
				found := report.Findings[i]
				require.NotEmpty(t, found.Detail)
				found.Detail = ""
				require.Equal(t, pix.Finding{Place: "002", EndToEndID: test.id, Code: test.code, Field: kind}, found)
				require.Equal(t, 1, report.Codes[1].Differences[kind])
				require.Contains(t, report.Table(), "codes of bank 002: 1 "+kind+"\n")
				require.Contains(t, report.Table(), "DIFFERENT code "+test.code+" of bank 002, payment "+test.id+": "+kind+": ")
			}
		})
	}
}

func TestAPaymentFromBeforeTheCodeWasMadeDoesNotPayIt(t *testing.T) {
	w := newCodeWorld()
	w.pay(second, "open", 1)
	w.codes[1].CreatedAt = began.Add(time.Second)
	report, err := w.compare(t)
	require.NoError(t, err)
	require.True(t, report.Equal, "%+v", report.Findings)
}

func TestACodeThatIsPaidMeanwhileIsReadAgain(t *testing.T) {
	w := newCodeWorld()
	w.pay(second, "open", 70)
	w.after = append([]pix.Code{}, w.codes...)
	w.after[1].State, w.after[1].PaidBy = "PAID", second
	report, err := w.compare(t)
	require.NoError(t, err)
	require.True(t, report.Equal, "%+v", report.Findings)
	require.Equal(t, 2, report.Codes[1].Paid)
}

func TestABankWhoseCodesCannotBeReadIsNamed(t *testing.T) {
	w := newCodeWorld()
	w.away = errors.New("connection refused")
	_, err := w.compare(t)
	require.ErrorIs(t, err, w.away)
	require.ErrorContains(t, err, "bank 002")
}
