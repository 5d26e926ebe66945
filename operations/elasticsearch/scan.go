package elasticsearch

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"

	"github.com/elastic/go-elasticsearch/v8/esapi"
)

// Scan says which documents to read, and how.
type Scan struct {
	// Index is an index, an alias or a pattern.
	Index string
	// Query is a query in the server's language; nil reads all documents.
	Query json.RawMessage
	// Sort are the fields to order by, ascending; documents without a value come last.
	// Without fields the order is the server's own, which is the quickest.
	Sort []string
	// Fields are the fields to read of each document; none reads all fields.
	Fields []string
	// Page is how many documents a request fetches; 0 is 5,000. The server's limit is
	// 10,000.
	Page int
}

// Document is one document that a scan found.
type Document struct {
	Index  string          `json:"_index"`
	ID     string          `json:"_id"`
	Source json.RawMessage `json:"_source"`
	Sort   json.RawMessage `json:"sort"`
}

const (
	defaultPage = 5000
	// keepAlive is how long the server keeps a scan between two pages.
	keepAlive = "2m"
)

// Scan calls each for every document as of one moment. It does not see documents that
// are written meanwhile, nor documents that were written before but not refreshed.
// Memory is bounded by one page. each may keep the document. An error of each ends the
// scan and is returned as it is. The error is ErrNotFound if a name without wildcards
// does not exist.
func (c *Client) Scan(ctx context.Context, scan Scan, each func(Document) error) error {
	var moment struct {
		ID string `json:"id"`
	}
	err := c.call(ctx, func() esapi.Request {
		return esapi.OpenPointInTimeRequest{Index: escaped(scan.Index), KeepAlive: keepAlive}
	}, &moment)
	if err != nil {
		return err
	}
	// The id of the moment may change from page to page. The last one is closed.
	defer func() { c.forget(context.WithoutCancel(ctx), moment.ID) }()
	search := scan.first()
	for {
		search.Moment = map[string]string{"id": moment.ID, "keep_alive": keepAlive}
		body, err := json.Marshal(search)
		if err != nil {
			return fmt.Errorf("elastic: %w", err)
		}
		var page page
		ask := func() esapi.Request { return esapi.SearchRequest{Body: bytes.NewReader(body)} }
		if err := c.call(ctx, ask, &page); err != nil {
			return err
		}
		if err := page.whole(); err != nil {
			return err
		}
		if page.Moment != "" {
			moment.ID = page.Moment
		}
		documents := page.Hits.Documents
		for _, document := range documents {
			if err := each(document); err != nil {
				return err
			}
		}
		if len(documents) < search.Size {
			return nil
		}
		search.After = documents[len(documents)-1].Sort
	}
}

// search is the body of a search.
type search struct {
	Size   int                 `json:"size"`
	Moment map[string]string   `json:"pit"`
	Query  json.RawMessage     `json:"query,omitempty"`
	Sort   []map[string]string `json:"sort"`
	Fields []string            `json:"_source,omitempty"`
	After  json.RawMessage     `json:"search_after,omitempty"`
	Totals bool                `json:"track_total_hits"`
}

func (s Scan) first() search {
	first := search{Size: s.Page, Query: s.Query, Fields: s.Fields}
	if first.Size == 0 {
		first.Size = defaultPage
	}
	for _, field := range s.Sort {
		first.Sort = append(first.Sort, map[string]string{field: "asc"})
	}
	if len(s.Sort) == 0 {
		first.Sort = []map[string]string{{"_shard_doc": "asc"}}
	}
	return first
}

// page is the answer to a search.
type page struct {
	Moment   string `json:"pit_id"`
	TimedOut bool   `json:"timed_out"`
	Shards   struct {
		Failed int `json:"failed"`
	} `json:"_shards"`
	Hits struct {
		Documents []Document `json:"hits"`
	} `json:"hits"`
}

// whole returns an error if a page lacks the documents of a shard. The status of such
// an answer is 200 too.
func (p *page) whole() error {
	if p.TimedOut || p.Shards.Failed > 0 {
		return fmt.Errorf("elastic: the answer is not whole: %d shards failed, timed out: %t", p.Shards.Failed, p.TimedOut)
	}
	return nil
}

// forget closes a moment. A moment that is not closed ends by itself.
func (c *Client) forget(ctx context.Context, id string) {
	body, err := json.Marshal(map[string]string{"id": id})
	if err == nil {
		_ = c.once(ctx, esapi.ClosePointInTimeRequest{Body: bytes.NewReader(body)}, nil)
	}
}
