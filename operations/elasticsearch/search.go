package elasticsearch

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"

	"github.com/elastic/go-elasticsearch/v8/esapi"
)

// Search is one search of several.
type Search struct {
	// Index is an index, an alias or a pattern. If it does not exist, it has no documents.
	Index string
	// Body is the body of _search.
	Body json.RawMessage
}

// MultiSearch sends searches in one request and returns the server's answers in their
// order. Each answer may be an error. MultiSearch waits for a server that is starting,
// until ctx ends.
func (c *Client) MultiSearch(ctx context.Context, searches []Search) ([]json.RawMessage, error) {
	return c.searchWith(ctx, searches, c.call)
}

// MultiSearchOnce is MultiSearch that does not wait for a server that is away or busy: it
// sends the request once and returns the error.
func (c *Client) MultiSearchOnce(ctx context.Context, searches []Search) ([]json.RawMessage, error) {
	return c.searchWith(ctx, searches, func(ctx context.Context, ask func() esapi.Request, into any) error {
		return c.once(ctx, ask(), into)
	})
}

// searchWith sends searches in one request, by call or by a single try.
func (c *Client) searchWith(
	ctx context.Context, searches []Search, send func(context.Context, func() esapi.Request, any) error,
) ([]json.RawMessage, error) {
	if len(searches) == 0 {
		return nil, nil
	}
	var body bytes.Buffer
	for _, search := range searches {
		header, err := json.Marshal(map[string]any{
			"index": search.Index, "ignore_unavailable": true, "allow_no_indices": true, "expand_wildcards": "open",
		})
		if err != nil {
			return nil, fmt.Errorf("elastic: %w", err)
		}
		body.Write(header)
		body.WriteByte('\n')
		if err := json.Compact(&body, search.Body); err != nil {
			return nil, fmt.Errorf("elastic: a search is not JSON: %w", err)
		}
		body.WriteByte('\n')
	}
	var answer struct {
		Responses []json.RawMessage `json:"responses"`
	}
	ask := func() esapi.Request { return esapi.MsearchRequest{Body: bytes.NewReader(body.Bytes())} }
	if err := send(ctx, ask, &answer); err != nil {
		return nil, err
	}
	if len(answer.Responses) != len(searches) {
		return nil, fmt.Errorf("elastic: %d answers to %d searches", len(answer.Responses), len(searches))
	}
	return answer.Responses, nil
}
