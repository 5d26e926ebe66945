// Package elastic is a small client of Elasticsearch: it brings index templates, the
// mappings of existing indices and their aliases into the wanted state, and reads
// documents in bulk. It uses the transport of Elastic's own client and writes the
// few requests itself, so it also works with a server that has fewer modules; it
// never asks for `GET /`.
package elasticsearch

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/elastic/elastic-transport-go/v8/elastictransport"

	"codebank.dev/operations/httpclient"
	"codebank.dev/operations/provision"
)

// server allows for answers that hold the mappings of many indices.
var server = httpclient.Service{Name: "elastic", TryTimeout: 30 * time.Second, MaxAnswer: 64 << 20}

// ErrNotFound says that there is no such index, template or alias.
var ErrNotFound = errors.New("elastic: not found")

// Client speaks to the nodes of one cluster. It is safe for concurrent use.
type Client struct {
	transport *elastictransport.Client
}

// New returns a client for the nodes at one or more addresses, separated by commas,
// such as http://127.0.0.1:17026. A name and password in an address are used for
// basic authentication. Nothing is sent yet.
func New(addresses string) (*Client, error) {
	var nodes []*url.URL
	for address := range strings.SplitSeq(addresses, ",") {
		node, err := server.Address(strings.TrimSpace(address))
		if err != nil {
			return nil, err
		}
		nodes = append(nodes, node)
	}
	// Every call here is tried again by Await, which waits in between.
	transport, err := elastictransport.NewClient(
		elastictransport.WithURLs(nodes...), elastictransport.WithDisableRetry())
	if err != nil {
		return nil, fmt.Errorf("elastic: %w", err)
	}
	return &Client{transport: transport}, nil
}

// Await waits until the cluster can serve: health is yellow or green.
func (c *Client) Await(ctx context.Context) error {
	var health struct {
		TimedOut bool   `json:"timed_out"`
		Status   string `json:"status"`
	}
	return provision.Await(ctx, "Elasticsearch", func(ctx context.Context) error {
		err := c.once(ctx, http.MethodGet, "/_cluster/health?wait_for_status=yellow&timeout=5s", nil, &health)
		refusal := new(httpclient.RefusedError)
		if errors.As(err, &refusal) && refusal.StatusCode == http.StatusRequestTimeout || err == nil && health.TimedOut {
			return provision.NotReady(errors.New("elastic: the cluster is red"))
		}
		return err
	})
}

// Count returns how many documents an index, alias or pattern holds that a search
// would find. ErrNotFound when a name without wildcards is not there.
func (c *Client) Count(ctx context.Context, index string) (int64, error) {
	var answer struct {
		Count int64 `json:"count"`
	}
	err := c.call(ctx, http.MethodGet, "/"+url.PathEscape(index)+"/_count", nil, &answer)
	return answer.Count, err
}

// Refresh makes everything written to an index, alias or pattern so far visible to
// searches. ErrNotFound as for Count.
func (c *Client) Refresh(ctx context.Context, index string) error {
	return c.call(ctx, http.MethodPost, "/"+url.PathEscape(index)+"/_refresh", nil, nil)
}

// call sends a request that may be repeated until the server answers it for good,
// and decodes the answer into into, unless that is nil.
func (c *Client) call(ctx context.Context, method, path string, body []byte, into any) error {
	return provision.Await(ctx, "Elasticsearch", func(ctx context.Context) error {
		return c.once(ctx, method, path, body, into)
	})
}

// once sends a request once. Errors that time may cure are marked NotReady.
func (c *Client) once(ctx context.Context, method, path string, body []byte, into any) error {
	var content io.Reader
	if body != nil {
		content = bytes.NewReader(body)
	}
	request, err := http.NewRequestWithContext(ctx, method, path, content)
	if err != nil {
		return fmt.Errorf("elastic: %w", err)
	}
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	// Documents by the million: compressing them costs both sides more than the network between them.
	request.Header.Set("Accept-Encoding", "identity")
	status, answer, err := server.Exchange(c.transport.Perform, request)
	switch {
	case err != nil:
		return err
	case status >= 300:
		return refusal(status, answer)
	}
	return server.Decode(answer, into)
}

// refusal returns the error that an answer is.
func refusal(status int, answer []byte) error {
	var body struct {
		Error struct {
			Reason   string `json:"reason"`
			CausedBy struct {
				Reason string `json:"reason"`
			} `json:"caused_by"`
		} `json:"error"`
	}
	// `error` is a plain string in some answers; then the status has to do.
	if json.Unmarshal(answer, &body) != nil {
		return server.Refusal(status, "", ErrNotFound)
	}
	reason := body.Error.Reason
	if cause := body.Error.CausedBy.Reason; reason != "" && cause != "" && cause != reason {
		reason += ": " + cause
	}
	return server.Refusal(status, reason, ErrNotFound)
}
