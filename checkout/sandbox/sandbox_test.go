package sandbox_test

import (
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"codebank.dev/checkout/sandbox"
	"codebank.dev/platform/field"
	"codebank.dev/platform/money"
	bankv1 "codebank.dev/schemas/gen/bank/v1"
)

var (
	now  = time.Date(2030, time.March, 31, 23, 59, 59, 0, time.UTC)
	good = field.RawCardData{Number: "4111 1111 1111 1111", HolderName: "MARIA DA SILVA", CVV: "123", ExpiryMonth: 3, ExpiryYear: 2030}
	real = money.MustCurrency("BRL")
	yen  = money.MustCurrency("JPY")
)

func decide(t *testing.T, change func(*sandbox.Request)) sandbox.Decision {
	t.Helper()
	request := sandbox.Request{Card: good, Amount: money.Amount{Minor: 1_999, Currency: real}}
	if change != nil {
		change(&request)
	}
	decision, ok := sandbox.Decide(&request, now)
	require.True(t, ok)
	require.Equal(t, decision.Approved, decision.Message == "")
	require.Equal(t, decision.Approved, decision.Code == "")
	return decision
}

// The limits are those of the seed's rules: 1.00 to 1000.00, both included, in whatever currency.
func TestGoodCardDataAndAnAmountWithinTheLimitsAreApproved(t *testing.T) {
	amounts := func(currency money.Currency, minor int64) string {
		return decide(t, func(r *sandbox.Request) { r.Amount = money.Amount{Minor: minor, Currency: currency} }).Message
	}
	for minor, message := range map[int64]string{
		99: "the amount must be greater than 1", 100: "", 100_000: "", 100_001: "you dont have limit for this transaction",
		100_033: "you dont have limit for this transaction", 0: "the amount must be greater than 1", -5: "the amount must be greater than 1",
	} {
		require.Equal(t, message, amounts(real, minor), minor)
	}
	require.Empty(t, amounts(yen, 1))
	require.Empty(t, amounts(yen, 908)) // no hundredths, so no test amounts
	require.Empty(t, amounts(yen, 1_000))
	require.NotEmpty(t, amounts(yen, 1_001))
}

func TestWrongCardDataIsRejectedByWhatIsWrong(t *testing.T) {
	for _, rule := range []struct {
		message string
		change  func(*field.RawCardData)
	}{
		{"invalid credit card number", func(c *field.RawCardData) { c.Number = "4111111111111112" }},
		{"invalid credit card number", func(c *field.RawCardData) { c.Number = "" }},
		{"invalid credit card number", func(c *field.RawCardData) { c.Number, c.ExpiryMonth = "0000000000000000", 0 }},
		{"invalid expiration month", func(c *field.RawCardData) { c.ExpiryMonth = 0 }},
		{"invalid expiration month", func(c *field.RawCardData) { c.ExpiryMonth = 13 }},
		{"invalid expiration month", func(c *field.RawCardData) { c.ExpiryMonth = 2 }},
		{"invalid expiration year", func(c *field.RawCardData) { c.ExpiryYear = 2029 }},
		{"invalid expiration year", func(c *field.RawCardData) { c.ExpiryYear = 31 }},
		{"invalid security code", func(c *field.RawCardData) { c.CVV = "12" }},
		{"invalid security code", func(c *field.RawCardData) { c.CVV = "1234" }},
	} {
		require.Equal(t, rule.message, decide(t, func(r *sandbox.Request) { rule.change(&r.Card) }).Message)
	}
	require.True(t, decide(t, func(r *sandbox.Request) { r.Card.Number, r.Card.CVV = "3782 822463 10005", "1234" }).Approved)
}

// Each reason of the bank's contract has a number and an amount, and both bring it about.
func TestEveryReasonHasItsNumberAndItsAmount(t *testing.T) {
	reasons, numbers := make(map[string]int64), make(map[string]bool)
	for _, magic := range sandbox.Magics() {
		byNumber := sandbox.Request{Card: good, Amount: money.Amount{Minor: 5_000, Currency: real}}
		byNumber.Card.Number = magic.Number
		byAmount := sandbox.Request{Card: good, Amount: money.Amount{Minor: 90_000 + magic.Hundredths, Currency: real}}
		for _, request := range []*sandbox.Request{&byNumber, &byAmount} {
			decision, ok := sandbox.Decide(request, now)
			require.Equal(t, !magic.TimesOut, ok)
			require.Equal(t, magic.Decision, decision)
			request.Tries = 1
			_, ok = sandbox.Decide(request, now)
			require.True(t, ok)
		}
		require.False(t, numbers[magic.Number], magic.Number)
		numbers[magic.Number] = true
		reasons[magic.Decision.Reason] = magic.Hundredths
	}
	for name, number := range bankv1.DeclineReason_value {
		if number == 0 {
			continue
		}
		require.Equal(t, int64(number), reasons[name[len("DECLINE_REASON_"):]], name)
	}
	for _, reason := range []string{sandbox.ReasonDoNotHonor, sandbox.ReasonDuplicate} {
		require.Contains(t, reasons, reason)
	}
	require.True(t, decide(t, func(r *sandbox.Request) { r.Amount.Minor = 90_000 }).Approved)
}

// The document for merchants has every number, amount and answer.
func TestTheDocumentListsEveryMagicNumber(t *testing.T) {
	content, err := os.ReadFile("../TESTING.md")
	require.NoError(t, err)
	for _, magic := range sandbox.Magics() {
		code, reason, message := magic.Decision.Code, "`"+magic.Decision.Reason+"`", magic.Decision.Message
		if magic.TimesOut {
			code, reason, message = "", "–", "the first try is not answered; the second, some seconds later, is approved"
		}
		require.Contains(t, string(content), fmt.Sprintf("\n| `%s` | 900.%02d | %s | %s | %s |\n", magic.Number, magic.Hundredths, code, reason, message))
	}
}
