package rest_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"codebank.dev/checkout/payment"
)

// planted are a card number, a security code and a holder that stand in no answer and in no log.
const plantedNumber, plantedCode, plantedHolder = "5105105105105100", "8642", "PLANTED HOLDER"

func TestWrongFormsAreRefusedByName(t *testing.T) {
	g := start(t, newStore(), nil)
	planted := replace(t, replace(t, replace(t, charge, "4111111111111111", plantedNumber), "739", plantedCode), "MARIA DA SILVA", plantedHolder)
	for _, rule := range []struct{ from, to, field string }{
		{`"amount_minor":1250`, `"amount_minor":0`, "amount_minor"}, {`"amount_minor":1250`, `"amount_minor":-5`, "amount_minor"},
		{`"amount_minor":1250`, `"amount_minor":"1250"`, "amount_minor"}, {`"amount_minor":1250`, `"amount_minor":12.50`, "amount_minor"},
		{`"amount_minor":1250,`, ``, "amount_minor"}, {`"amount_minor":1250`, `"amount_minor":null`, "amount_minor"},
		{`"amount_minor":1250`, `"amount_minor":99999999999999999999`, "amount_minor"}, {`"amount_minor":1250`, `"amount_minor":1000000000000000`, "amount_minor"},
		{`"amount_minor":1250`, `"amount_minor":1250,"amount_minor":1`, "amount_minor"},
		{`"BRL"`, `"REAL"`, "currency"}, {`"BRL"`, `"XXX"`, "currency"}, {`"BRL"`, `986`, "currency"}, {`"currency":"BRL",`, ``, "currency"},
		{`"description":`, `"capture":"yes","description":`, "capture"}, {`"description":`, `"merchant":"beans","description":`, "merchant"},
		{`"description":`, `"status":"approved","description":`, "status"},
		{`"2 × Café coado"`, `7`, "description"}, {`"2 × Café coado"`, `"` + strings.Repeat("é", 141) + `"`, "description"},
		{`"2 × Café coado"`, `"card ` + plantedNumber + `"`, "description"}, {`"2 × Café coado"`, `"\u0000"`, "description"},
		{`"card":{`, `"card":[{`, ""}, {`"number":"` + plantedNumber + `"`, `"number":` + plantedNumber, "card.number"},
		{`"number":"` + plantedNumber + `",`, ``, "card.number"}, {`"` + plantedNumber + `"`, `"` + strings.Repeat("4", 41) + `"`, "card.number"},
		{`"` + plantedNumber + `"`, `"５１０５"`, "card.number"}, {`"number":`, `"pan":`, "card.pan"},
		{`"holder_name":"` + plantedHolder + `",`, ``, "card.holder_name"}, {plantedHolder, strings.Repeat("É", 61), "card.holder_name"},
		{`"expiry_month":12`, `"expiry_month":"12"`, "card.expiry_month"}, {`"expiry_month":12`, `"expiry_month":12.5`, "card.expiry_month"},
		{`"expiry_month":12`, `"expiry_month":-1`, "card.expiry_month"}, {`"expiry_year":2031`, `"expiry_year":20310`, "card.expiry_year"},
		{`"cvv":"` + plantedCode + `"`, `"cvv":` + plantedCode, "card.cvv"}, {`"` + plantedCode + `"`, `"123456789"`, "card.cvv"}, {`,"cvv":"` + plantedCode + `"`, ``, "card.cvv"},
	} {
		body := replace(t, planted, rule.from, rule.to)
		got := g.create(t, g.paper, "wrong", body)
		require.Equal(t, rule.field, problem(t, got, http.StatusBadRequest).Field, body)
		require.NotContains(t, got.body, plantedNumber)
		require.NotContains(t, got.body, plantedCode)
		require.NotContains(t, got.body, plantedHolder)
	}
	problem(t, g.create(t, g.paper, "wrong", ""), http.StatusBadRequest)
	problem(t, g.send(t, g.paper, "POST", "/v1/charges?status=a", planted, "Idempotency-Key", "wrong"), http.StatusBadRequest)
	require.Equal(t, http.StatusRequestEntityTooLarge, g.create(t, g.paper, "wrong", `{"description":"`+strings.Repeat("a", 1<<20)+`"}`).status)
	request, err := http.NewRequestWithContext(t.Context(), "POST", "https://"+g.address+"/v1/charges", strings.NewReader(planted))
	require.NoError(t, err)
	request.Header.Set("Authorization", "Bearer "+g.paper)
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	form, err := g.client.Do(request)
	require.NoError(t, err)
	require.NoError(t, form.Body.Close())
	require.Equal(t, http.StatusUnsupportedMediaType, form.StatusCode)
	charges, err := g.store.Charges(t.Context(), paperOf, payment.Page{Size: 10})
	require.NoError(t, err)
	require.Empty(t, charges)
	g.created(t, g.paper, "wrong", planted)
	for _, secret := range []string{plantedNumber, plantedCode, plantedHolder, g.paper, "sk_test"} {
		require.NotContains(t, g.log.String(), secret)
	}
}

// What a card says may be wrong: that is rejected later, with a reason, so that a merchant can test it.
func TestWrongCardDataIsAccepted(t *testing.T) {
	g := start(t, newStore(), nil)
	for i, rule := range []struct{ from, to, last4 string }{
		{"4111111111111111", "4111111111111112", ""}, {"4111111111111111", "", ""}, {"4111111111111111", "4111 1111", ""}, {"MARIA DA SILVA", "", "1111"},
		{"12,", "13,", "1111"}, {"2031", "1999", "1111"}, {`"739"`, `""`, "1111"}, {`"739"`, `"abc"`, "1111"},
	} {
		got := g.create(t, g.paper, "k"+string(rune('a'+i)), replace(t, charge, rule.from, rule.to))
		require.Equal(t, http.StatusAccepted, got.status, got.body)
		require.Equal(t, rule.last4, member[map[string]any](t, got.body, "card")["last4"])
	}
}
