package query_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"codebank.dev/dashboards/catalogue"
	"codebank.dev/dashboards/kql"
	"codebank.dev/dashboards/query"
	"codebank.dev/dashboards/view"
)

// listedDocuments lists documents of declined payments from a server that returns one response.
func listedDocuments(t *testing.T, of query.Listing, answer string) (query.Listed, string) {
	t.Helper()
	sent := ""
	client := query.Client{Views: catalogue.DataViews(), Search: func(_ context.Context, requests []query.Request) ([]json.RawMessage, error) {
		require.Len(t, requests, 1)
		sent = string(requests[0].Body)
		return []json.RawMessage{json.RawMessage(answer)}, nil
	}}
	panel := view.Panel{ID: "p", Source: view.Transactions, Query: kql.Is{Field: "status", Value: "DECLINED"}}
	listed, err := client.Documents(t.Context(), panel, hours(1), of)
	require.NoError(t, err)
	return listed, sent
}

const twoDocuments = `{"_shards":{"total":1},"hits":{"total":{"value":3},"hits":[
	{"_source":{"occurred_at":1772625600000,"event_id":"b","decline_reason":"CVV_MISMATCH","amount_minor":123456}},
	{"_source":{"occurred_at":1772625599999,"event_id":"a"}}]}}`

func TestDocumentsBehindAPanel(t *testing.T) {
	of := query.Listing{Fields: []string{"occurred_at", "decline_reason", "amount_minor"}, Unique: "event_id", Size: 2}
	listed, sent := listedDocuments(t, of, twoDocuments)
	require.EqualValues(t, 3, listed.Total)
	require.Equal(t, &query.Position{Millis: 1772625599999, Unique: "a"}, listed.Next)
	require.Equal(t, []string{"2026-03-04T12:00:00.000Z", "Wrong CVV", "1,234.56"},
		[]string{listed.Rows[0][0].Name(), listed.Rows[0][1].Name(), listed.Rows[0][2].Name()})
	require.Equal(t, "CVV_MISMATCH", listed.Rows[0][1].Text)
	require.Equal(t, "Reason", listed.Columns[1].Label)
	require.Contains(t, sent, `"status":"DECLINED"`)
	require.NotContains(t, sent, "search_after")

	yen, sent := listedDocuments(t, of, strings.Replace(twoDocuments, `"amount_minor"`, `"currency":"JPY","amount_minor"`, 1))
	require.Equal(t, "123,456", yen.Rows[0][2].Name(), "a yen has no hundredths")
	require.Contains(t, sent, `"currency"`, "an amount needs its currency, also in a list without it")

	of.After = listed.Next
	_, sent = listedDocuments(t, of, twoDocuments)
	require.Contains(t, sent, `"search_after":[1772625599999,"a"]`)

	of.Size = 3
	listed, _ = listedDocuments(t, of, twoDocuments)
	require.Nil(t, listed.Next, "a page that is not full is the last")
}
