package elasticsearch

import (
	"context"
	"net/http"
	"testing"

	"github.com/elastic/go-elasticsearch/v8/esapi"
	"github.com/stretchr/testify/require"

	"codebank.dev/operations/httpclient/httpclienttest"
)

// FuzzAnswer: whatever a server answers is read or is an error, by every call.
func FuzzAnswer(f *testing.F) {
	f.Add(200, []byte(`{"pit_id":"p","_shards":{"failed":0},"hits":{"hits":[{"_id":"a:1","_index":"i","_source":{"kind":"PURCHASE"},"sort":[1]}]}}`))
	f.Add(200, []byte(`{"bank-transactions-2026.01":{"mappings":{"properties":{}},"aliases":{"x":{}}}}`))
	f.Add(200, []byte(`{"count":3,"id":"p","status":"green","timed_out":false}`))
	f.Add(200, []byte(`{"responses":[{"status":200,"hits":{"total":{"value":3}}}]}`))
	f.Add(404, []byte(`{"error":{"reason":"no such index","caused_by":{"reason":"b"}},"status":404}`))
	f.Add(429, []byte(`{"error":"busy"}`))
	f.Fuzz(func(t *testing.T, code int, body []byte) {
		if code < 200 || code > 599 {
			t.Skip()
		}
		server := &httpclienttest.Server{Code: code, Header: http.Header{"X-Elastic-Product": {"Elasticsearch"}}, Body: body}
		client, err := open([]string{"http://index"}, server)
		require.NoError(t, err)
		server.Once(t, func(ctx context.Context) error { _, err := client.Count(ctx, "i"); return err })
		server.Once(t, func(ctx context.Context) error { _, err := client.indices(ctx, []string{"i-*"}); return err })
		server.Once(t, client.Await)
		server.Once(t, func(ctx context.Context) error {
			_, err := client.MultiSearch(ctx, []Search{{Index: "i", Body: []byte(`{"size":0}`)}})
			return err
		})
		server.Once(t, func(ctx context.Context) error {
			var page page
			if err := client.call(ctx, func() esapi.Request { return esapi.SearchRequest{} }, &page); err != nil {
				return err
			}
			return page.whole()
		})
		if code >= 300 {
			require.NotEmpty(t, refusal(code, body).Error())
		}
	})
}
