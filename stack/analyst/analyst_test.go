package analyst_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"codebank.dev/dashboards/query"
	"codebank.dev/dashboards/view"
	"codebank.dev/stack/analyst"
)

// paymentsPanel counts the documents of a day.
func paymentsPanel(id string) view.Panel {
	return view.Panel{ID: id, Source: view.Transactions, Chart: view.Metric, Layer: view.Layer{
		Metrics: []view.Value{{ID: "n", Label: "n", Figure: view.Aggregate{Function: view.Count}}},
	}}
}

var day = query.Range{From: time.Date(2026, 3, 4, 0, 0, 0, 0, time.UTC), To: time.Date(2026, 3, 5, 0, 0, 0, 0, time.UTC)}

func TestAllPanelsAreAskedForInOneRequest(t *testing.T) {
	for name, tt := range map[string]struct {
		asker func(string) query.Client
		head  string
	}{
		"answers may be cached":  {analyst.Client, `{"index":"transactions","ignore_unavailable":true,"allow_no_indices":true}`},
		"answers are not cached": {analyst.UncachedClient, `{"index":"transactions","ignore_unavailable":true,"allow_no_indices":true,"request_cache":false}`},
	} {
		t.Run(name, func(t *testing.T) {
			var lines []string
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				body, _ := io.ReadAll(r.Body)
				lines = append(lines, strings.Split(string(body), "\n")...)
				if r.Method != http.MethodPost || r.URL.Path != "/_msearch" || r.Header.Get("Content-Type") != "application/x-ndjson" {
					w.WriteHeader(http.StatusBadRequest)
				}
				fmt.Fprint(w, `{"responses":[{"hits":{"total":{"value":7}}},{"status":400,"error":{"reason":"no"}}]}`)
			}))
			defer server.Close()
			later := paymentsPanel("later")
			later.From = "now-1h"
			results, err := tt.asker(server.URL).RunAll(t.Context(), []view.Panel{paymentsPanel("all"), later}, day)
			require.NoError(t, err)
			require.InDelta(t, 7, *results[0].Table.Find("n"), 0)
			require.ErrorContains(t, results[1].Err, "no")

			require.Len(t, lines, 5)
			require.Empty(t, lines[4], "the last line has an end")
			require.JSONEq(t, tt.head, lines[0])
		})
	}
}

func TestAnInvalidAnswerIsAnError(t *testing.T) {
	for name, tt := range map[string]struct {
		status int
		answer string
		want   string
	}{
		"refused":    {http.StatusTooManyRequests, `{"error":"too many"}`, "429 Too Many Requests"},
		"no JSON":    {http.StatusOK, `<html>`, "invalid character"},
		"not enough": {http.StatusOK, `{"responses":[]}`, "0 responses to 1 searches"},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(tt.status)
				fmt.Fprint(w, tt.answer)
			}))
			defer server.Close()
			_, err := analyst.Client(server.URL).Run(t.Context(), paymentsPanel("all"), day)
			require.ErrorContains(t, err, tt.want)
		})
	}
}
