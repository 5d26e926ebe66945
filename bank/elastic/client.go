// Package elastic is a small client of Elasticsearch: it brings index templates, the
// mappings of existing indices and their aliases into the wanted state, and reads
// documents in bulk. It uses the transport of Elastic's own client and writes the
// few requests itself, so it also works with a server that has fewer modules; it
// never asks for `GET /`.
package elastic

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

	"codebank.dev/bank/provision"
)

const (
	// tryTimeout bounds one request.
	tryTimeout = 30 * time.Second
	// maxAnswer bounds the answers that are read whole: mappings of many indices.
	maxAnswer = 64 << 20
)

// ErrNotFound says that there is no such index, template or alias.
var ErrNotFound = errors.New("elastic: not found")

// RefusedError is an answer that time does not cure.
type RefusedError struct {
	// StatusCode is that of HTTP.
	StatusCode int
	// Reason is the server's own.
	Reason string
}

// Error returns the server's reason.
func (e *RefusedError) Error() string {
	return fmt.Sprintf("elastic: refused with %d: %s", e.StatusCode, e.Reason)
}

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
		node, err := url.Parse(strings.TrimSpace(address))
		if err != nil || node.Host == "" || (node.Scheme != "http" && node.Scheme != "https") {
			return nil, errors.New("elastic: an address is not an http or https URL")
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
		refusal := new(RefusedError)
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
	try, cancel := context.WithTimeout(ctx, tryTimeout)
	defer cancel()
	var content io.Reader
	if body != nil {
		content = bytes.NewReader(body)
	}
	request, err := http.NewRequestWithContext(try, method, path, content)
	if err != nil {
		return fmt.Errorf("elastic: %w", err)
	}
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	// Documents by the million: compressing them costs both sides more than the network between them.
	request.Header.Set("Accept-Encoding", "identity")
	response, err := c.transport.Perform(request)
	if err != nil {
		if ctx.Err() != nil {
			return fmt.Errorf("elastic: %w", err)
		}
		return provision.NotReady(fmt.Errorf("elastic: %w", err))
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return provision.NotReady(fmt.Errorf("elastic: answer cut off: %w", err))
	}
	if response.StatusCode >= 300 {
		return refusal(response.StatusCode, answer)
	}
	if into == nil {
		return nil
	}
	if err := json.Unmarshal(answer, into); err != nil {
		return fmt.Errorf("elastic: not the answer of a server: %w", err)
	}
	return nil
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
	reason := http.StatusText(status)
	// `error` is a plain string in some answers; then the status has to do.
	if json.Unmarshal(answer, &body) == nil && body.Error.Reason != "" {
		reason = body.Error.Reason
		if cause := body.Error.CausedBy.Reason; cause != "" && cause != reason {
			reason += ": " + cause
		}
	}
	err := &RefusedError{StatusCode: status, Reason: reason}
	switch status {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return provision.NotReady(err)
	case http.StatusNotFound:
		return fmt.Errorf("%w: %s", ErrNotFound, reason)
	}
	return err
}
