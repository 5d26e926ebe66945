// Package analyst asks the Elasticsearch of a stack for the figures of dashboards as Kibana
// does: it sends all panels in one request, through the aliases of Kibana's data views. It sends
// plain HTTP requests, because benchmarks measure them.
package analyst

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	"codebank.dev/dashboards/catalogue"
	"codebank.dev/dashboards/query"
)

// timeout bounds one request.
const timeout = time.Minute

// Client returns a client for panels of the catalogue that uses the Elasticsearch at an address.
// The server may answer from its request cache.
func Client(address string) query.Client { return newClient(address, true) }

// UncachedClient returns a client whose answers never come from the request cache.
func UncachedClient(address string) query.Client { return newClient(address, false) }

func newClient(address string, cached bool) query.Client {
	client := &http.Client{Timeout: timeout}
	return query.Client{Views: catalogue.DataViews(), Search: func(ctx context.Context, requests []query.Request) ([]json.RawMessage, error) {
		body, err := encodeSearches(requests, cached)
		if err != nil {
			return nil, err
		}
		request, err := http.NewRequestWithContext(ctx, http.MethodPost, address+"/_msearch", body)
		if err != nil {
			return nil, err
		}
		request.Header.Set("Content-Type", "application/x-ndjson")
		return send(client, request)
	}}
}

// encodeSearches encodes searches as the body of one request, two lines each.
func encodeSearches(requests []query.Request, cached bool) (io.Reader, error) {
	var body bytes.Buffer
	lines := json.NewEncoder(&body)
	for _, request := range requests {
		head := map[string]any{"index": request.Index, "ignore_unavailable": true, "allow_no_indices": true}
		if !cached {
			head["request_cache"] = false
		}
		if err := lines.Encode(head); err != nil {
			return nil, err
		}
		if err := lines.Encode(request.Body); err != nil {
			return nil, err
		}
	}
	return &body, nil
}

// send sends the request and returns the answers to its searches, in their order.
func send(client *http.Client, request *http.Request) ([]json.RawMessage, error) {
	response, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, err
	}
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("_msearch: %s %.300s", response.Status, answer)
	}
	var of struct {
		Responses []json.RawMessage `json:"responses"`
	}
	err = json.Unmarshal(answer, &of)
	return of.Responses, err
}
