package rest

import (
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"codebank.dev/checkout/payment"
	"codebank.dev/platform/fault"
	"codebank.dev/platform/field"
	"codebank.dev/platform/id"
	"codebank.dev/platform/permission"
	"codebank.dev/platform/principal"
	"codebank.dev/platform/serve"
)

// FuzzBodies: whatever a caller sends, a request is read or refused with the name of what is wrong. A refusal repeats
// nothing of a card.
func FuzzBodies(f *testing.F) {
	const number, code = "4111111111111111", "7391"
	f.Add(`{"amount_minor":1250,"currency":"BRL","card":{"number":"` + number + `","holder_name":"MARIA","expiry_month":12,"expiry_year":2031,"cvv":"` + code + `"}}`)
	f.Add(`{"amount_minor":1,"currency":"BRL","card":{"number":` + number + `}}`)
	f.Add(`{"amount_minor":5}`)
	f.Add(`{"currency":"BRL"}`)
	f.Add(`{"card":{"` + number + `":1}}`)
	f.Fuzz(func(t *testing.T, body string) {
		request, err := readCharge(httptest.NewRequest("POST", "/v1/charges", strings.NewReader(body)))
		if err == nil {
			require.NoError(t, field.Amount("amount_minor", request.Amount.Minor))
		} else {
			refused(t, err)
			require.NotContains(t, err.Error(), number)
			require.NotContains(t, err.Error(), code)
		}
		payout, err := readPayout(httptest.NewRequest("POST", "/v1/payouts", strings.NewReader(body)))
		if err == nil {
			require.NoError(t, field.Limit("amount_minor", payout.AmountMinor))
		} else {
			refused(t, err)
		}
		for _, kind := range []payment.Kind{payment.Capture, payment.Void, payment.Refund} {
			amount, err := readAmount(httptest.NewRequest("POST", "/v1/charges/1/refund", strings.NewReader(body)), kind)
			if err == nil {
				require.NoError(t, field.Limit("amount_minor", amount))
				require.True(t, kind != payment.Void || amount == 0)
			} else {
				refused(t, err)
			}
		}
	})
}

func refused(t *testing.T, err error) {
	t.Helper()
	require.Equal(t, fault.InvalidArgument, fault.CodeOf(err))
}

// FuzzQueries: whatever a caller asks for, a page is read or refused with the name of what is wrong.
func FuzzQueries(f *testing.F) {
	pages, err := serve.NewPageTokens(make([]byte, serve.MinPageTokenKey))
	require.NoError(f, err)
	of := payment.Owner{Merchant: "paper", Mode: payment.Test}
	token := pages.Issue(positionOf(time.Time{}, id.ID{2}), pageQuery(ListCharges, of, &payment.Page{})...)
	f.Add("page_size=5&page_token=" + token)
	f.Add("status=approved&created_from=2030-01-02T03:04:05Z&created_to=2030-01-02T03:04:05.5%2B01:00")
	s := &Server{pages: pages}
	f.Fuzz(func(t *testing.T, raw string) {
		query, err := url.ParseQuery(raw)
		if err != nil {
			return
		}
		page, err := s.readPage(query, ListCharges, of)
		if err != nil {
			refused(t, err)
			return
		}
		require.True(t, page.Size >= 1 && page.Size <= mostCharges)
		if page.After != nil {
			require.Equal(t, page.After, placeOf(positionOf(time.UnixMicro(page.After.CreatedAtMicros), page.After.ID)))
		}
		read, err := readTime(query, fromParameter)
		require.NoError(t, err)
		require.Equal(t, page.From, read)
	})
}

// FuzzNames: a command has a name of its merchant's, or is refused.
func FuzzNames(f *testing.F) {
	f.Add("order-1", "")
	f.Add("two words", "a=1")
	f.Fuzz(func(t *testing.T, key, raw string) {
		r := httptest.NewRequest("POST", "/v1/charges", nil)
		r.Header.Set(payment.KeyHeader, key)
		r.URL.RawQuery = raw
		_, err := readName(r)
		require.ErrorIs(t, err, permission.ErrNotAllowed)
		merchant := principal.Principal{Kind: principal.Merchant, Name: "paper", Mode: "test"}
		by, err := readName(r.WithContext(serve.ContextWithPrincipal(r.Context(), "", merchant)))
		if err != nil {
			refused(t, err)
			return
		}
		require.Equal(t, key, by.key)
		require.Equal(t, payment.Owner{Merchant: "paper", Mode: payment.Test}, by.owner)
		require.False(t, by.id.IsZero())
	})
}
