// Package analyst asks the Elasticsearch of a stack for the figures of dashboards, as
// the look of somebody who opens one does: all panels in one request, through the
// aliases that Kibana's data views are of.
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

// patience bounds one request: who has waited that long has gone.
const patience = time.Minute

// Asker asks the Elasticsearch at an address for panels of the catalogue. An answer
// may be one that the server has kept of the same search.
func Asker(address string) query.Client { return asker(address, true) }

// Fresh is an Asker whose every answer is reckoned anew.
func Fresh(address string) query.Client { return asker(address, false) }

func asker(address string, kept bool) query.Client {
	client := &http.Client{Timeout: patience}
	return query.Client{Views: catalogue.DataViews(), Search: func(ctx context.Context, requests []query.Request) ([]json.RawMessage, error) {
		body, err := searches(requests, kept)
		if err != nil {
			return nil, err
		}
		request, err := http.NewRequestWithContext(ctx, http.MethodPost, address+"/_msearch", body)
		if err != nil {
			return nil, err
		}
		request.Header.Set("Content-Type", "application/x-ndjson")
		return answers(client, request)
	}}
}

// searches writes searches as the body of one request, two lines each.
func searches(requests []query.Request, kept bool) (io.Reader, error) {
	var body bytes.Buffer
	lines := json.NewEncoder(&body)
	for _, request := range requests {
		head := map[string]any{"index": request.Index, "ignore_unavailable": true, "allow_no_indices": true}
		if !kept {
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

// answers sends the request and returns the answers to its searches, in their order.
func answers(client *http.Client, request *http.Request) ([]json.RawMessage, error) {
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
