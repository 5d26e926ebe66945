package checkout_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"regexp"
	"strings"
	"testing"

	"codebank.dev/checkout"
	"codebank.dev/platform/fault"
	"github.com/stretchr/testify/require"
)

const (
	planted     = "378282246310005"
	plantedCode = "7391"
	plantedText = "ctk_planted"
)

// noise is what may look like a security code by chance: addresses and times.
var noise = regexp.MustCompile(`0x[0-9a-f]+|[0-9a-f]{9,}|time\S+`)

func plantedCard(t *testing.T) checkout.CardData {
	t.Helper()
	card, err := checkout.ParseCardData(planted, "MARIA DA SILVA", checkout.Expiry{Month: 3, Year: 2030}, plantedCode)
	require.NoError(t, err)
	return card
}

func TestCardDataIsMaskedHoweverItIsShown(t *testing.T) {
	type hiding struct {
		card  checkout.CardData
		token checkout.Token
	}
	card, token := plantedCard(t), checkout.NewToken(plantedText)
	order := checkout.Order{CardLast4: "0005", Charge: checkout.Charge{Token: token}}
	var shown []string
	for _, value := range []any{
		card, &card, card.Number, card.SecurityCode, token, order, order.Authorization(),
		hiding{card, token}, []checkout.Token{token}, map[string]checkout.CardNumber{"n": card.Number},
	} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d", "%T %v"} {
			shown = append(shown, fmt.Sprintf(verb, value), fmt.Sprint(value))
		}
		text, err := json.Marshal(value)
		if err == nil {
			shown = append(shown, string(text))
		}
		var log bytes.Buffer
		slog.New(slog.NewTextHandler(&log, nil)).Info("m", "value", value)
		slog.New(slog.NewJSONHandler(&log, nil)).Info("m", "value", value)
		shown = append(shown, log.String())
	}
	all := strings.Join(shown, "\n")
	for _, secret := range []string{planted, plantedText, fmt.Sprintf("%x", planted), fmt.Sprintf("%x", plantedText)} {
		require.False(t, strings.Contains(all, secret))
	}
	require.False(t, strings.Contains(noise.ReplaceAllString(all, ""), plantedCode))
	require.Equal(t, "************0005", card.Number.String())
	require.Equal(t, planted, card.Number.Reveal())
	require.Equal(t, plantedCode, card.SecurityCode.Reveal())
	require.Equal(t, plantedText, token.Reveal())
	require.Equal(t, "", checkout.CardNumber{}.String())
	require.True(t, checkout.NewToken("").IsZero())
}

func TestACardNumberHasItsCheckDigit(t *testing.T) {
	for _, good := range []string{"4111111111111111", "4111 1111 1111 1111", "4111-1111-1111-1111", "378282246310005", "5555555555554444", "6011111111111117"} {
		number, err := checkout.ParseCardNumber(good)
		require.NoError(t, err, good)
		require.Equal(t, good[len(good)-4:], number.Last4())
	}
	for _, bad := range []string{"", "4111111111111112", "411111111111", "41111111111111111111", "4111x11111111111", "４１１１１１１１１１１１１１１１", "4111\x001111111111111", strings.Repeat(" ", 40)} {
		_, err := checkout.ParseCardNumber(bad)
		require.Error(t, err, bad)
		if bad != "" {
			require.NotContains(t, err.Error(), bad)
		}
	}
}

// typed is a card as a payer types it.
type typed struct {
	number, holder, code string
	month, year          int32
}

func (c typed) parse() (checkout.CardData, error) {
	return checkout.ParseCardData(c.number, c.holder, checkout.Expiry{Month: c.month, Year: c.year}, c.code)
}

func TestCardDataIsRefusedByTheFieldAtFault(t *testing.T) {
	good := typed{planted, "MARIA DA SILVA", plantedCode, 3, 2030}
	for _, rule := range []struct {
		name, field string
		change      func(*typed)
	}{
		{"a wrong check digit", "card.number", func(c *typed) { c.number = "4111111111111112" }},
		{"no number", "card.number", func(c *typed) { c.number = "" }},
		{"no holder", "card.holder_name", func(c *typed) { c.holder = "" }},
		{"a holder of spaces", "card.holder_name", func(c *typed) { c.holder = "   " }},
		{"a holder too long", "card.holder_name", func(c *typed) { c.holder = strings.Repeat("É", 61) }},
		{"a holder with a control character", "card.holder_name", func(c *typed) { c.holder = "MARIA\u0000" }},
		{"a holder in broken UTF-8", "card.holder_name", func(c *typed) { c.holder = "MARIA\xff" }},
		{"month 0", "card.expiry_month", func(c *typed) { c.month = 0 }},
		{"month 13", "card.expiry_month", func(c *typed) { c.month = 13 }},
		{"a year of two digits", "card.expiry_year", func(c *typed) { c.year = 30 }},
		{"a year of five digits", "card.expiry_year", func(c *typed) { c.year = 20300 }},
		{"a code too short", "card.cvv", func(c *typed) { c.code = "73" }},
		{"four digits on a card that has three", "card.cvv", func(c *typed) { c.number = "4111111111111111" }},
		{"three digits on a card that has four", "card.cvv", func(c *typed) { c.code = "739" }},
		{"a code with a letter", "card.cvv", func(c *typed) { c.code = "7a9" }},
	} {
		t.Run(rule.name, func(t *testing.T) {
			card := good
			rule.change(&card)
			_, err := card.parse()
			require.Equal(t, fault.InvalidArgument, fault.CodeOf(err))
			require.Equal(t, rule.field, fault.Of(err).Field)
			require.NotContains(t, err.Error(), planted)
			require.NotContains(t, err.Error(), plantedCode)
		})
	}
}

func TestMonthAndYearAreOneDateThatTheBankJudges(t *testing.T) {
	for month := int32(1); month <= 12; month++ {
		for _, year := range []int32{2000, 2025, 2030, 2099} {
			_, err := typed{planted, "MARIA", plantedCode, month, year}.parse()
			require.NoError(t, err, "%d/%d", month, year)
		}
	}
}

func FuzzParseCardNumber(f *testing.F) {
	for _, seed := range []string{planted, "4111111111111111", "3782 822463 10005", "", "-", "4111-1111"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		number, err := checkout.ParseCardNumber(text)
		if err != nil {
			return
		}
		again, err := checkout.ParseCardNumber(number.Reveal())
		require.NoError(t, err)
		require.Equal(t, number.Reveal(), again.Reveal())
		require.NotContains(t, fmt.Sprint(number), number.Reveal())
	})
}
