package rest

import (
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"codebank.dev/gateway"
	"codebank.dev/platform/fault"
	"codebank.dev/platform/id"
	"codebank.dev/platform/serve"
)

// FuzzTransfers: whatever a caller sends, a request is read or refused with the name of what is wrong.
func FuzzTransfers(f *testing.F) {
	pages, err := serve.NewPageTokens(make([]byte, serve.MinPageTokenKey))
	require.NoError(f, err)
	user := id.ID{1}
	token := pages.Issue(positionOf(&gateway.Transfer{ID: id.ID{2}}), transfersQuery(user, "")...)
	f.Add(`{"amount": 1, "message": "Te quiero", "from_account_id": "11111111-2222-4333-8444-555555555555", "to_account_id": "11111111-2222-4333-8444-555555555556"}`, "page_size=5&page_token="+token)
	f.Add(`{"amount": 1.5}`, "status=processing")
	transfers := NewTransfers(nil, pages, nil)
	f.Fuzz(func(t *testing.T, body, raw string) {
		request := httptest.NewRequest("POST", "/cmd/transfer", strings.NewReader(body))
		if read, err := readTransfer(request); err == nil {
			require.False(t, read.From.IsZero() || read.To.IsZero())
		} else {
			require.Equal(t, fault.InvalidArgument, fault.CodeOf(err))
		}
		request.URL.RawQuery = raw
		query, err := serve.ReadQuery(request, "status", "page_size", "page_token")
		if err == nil {
			var page gateway.Page
			page, err = transfers.readPage(query, user)
			if err == nil {
				require.True(t, page.Size >= 1 && page.Size <= mostTransfers)
				require.True(t, page.After == nil || placeOf(positionOf(&gateway.Transfer{ID: page.After.ID})).ID == page.After.ID)
			}
		}
		if err != nil {
			require.Equal(t, fault.InvalidArgument, fault.CodeOf(err))
		}
	})
}
