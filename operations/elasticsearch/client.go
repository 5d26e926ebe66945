// Package elasticsearch is a client of Elasticsearch for operators' commands: it brings
// index templates, the mappings of existing indices and their aliases into the wanted
// state, and reads documents in bulk. It uses Elastic's own client. It sends only requests
// that a server without optional modules answers, so it never sends `GET /`.
package elasticsearch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/elastic/elastic-transport-go/v8/elastictransport"
	elastic "github.com/elastic/go-elasticsearch/v8"
	"github.com/elastic/go-elasticsearch/v8/esapi"

	"codebank.dev/operations/httpclient"
	"codebank.dev/operations/provision"
	"codebank.dev/platform/clientauth"
)

// server allows large answers, because an answer may hold the mappings of many indices.
var server = httpclient.Service{Name: "elastic", Title: "Elasticsearch", TryTimeout: 30 * time.Second, MaxAnswer: 64 << 20}

// ErrNotFound says that there is no such index, template or alias.
var ErrNotFound = errors.New("elastic: not found")

// Client speaks to the nodes of one cluster. It is safe for concurrent use.
type Client struct {
	elastic *elastic.BaseClient
	auth    *clientauth.Client
}

// New returns a client for the nodes at one or more addresses, separated by commas,
// such as http://127.0.0.1:17026, which it reaches as auth says; nil for no settings. A name
// and password in an address are used for basic authentication. Nothing is sent yet.
func New(addresses string, auth *clientauth.Client) (*Client, error) {
	nodes, err := split(addresses)
	if err != nil {
		return nil, err
	}
	over, err := auth.Transport(nodes...)
	if err != nil {
		return nil, err
	}
	client, err := open(nodes, over)
	if err != nil {
		return nil, err
	}
	client.auth = auth
	return client, nil
}

// split returns the addresses of a list.
func split(addresses string) ([]string, error) {
	var nodes []string
	for address := range strings.SplitSeq(addresses, ",") {
		node, err := server.Address(strings.TrimSpace(address))
		if err != nil {
			return nil, err
		}
		nodes = append(nodes, node.String())
	}
	return nodes, nil
}

// open returns a client that sends over a transport.
func open(nodes []string, over http.RoundTripper) (*Client, error) {
	client, err := elastic.NewBase(
		elastic.WithAddresses(nodes...),
		elastic.WithBasicAuth("", ""), // The name and password of the first node are for that node only.
		elastic.WithDisableMetaHeader(),
		elastic.WithTransportOptions(
			elastictransport.WithDisableRetry(), // Await tries again, and waits in between.
			elastictransport.WithTransport(over),
			// There are millions of documents. Compression costs both sides more than the network
			// between them.
			elastictransport.WithHeader(http.Header{"Accept-Encoding": {"identity"}})),
	)
	if err != nil {
		return nil, fmt.Errorf("elastic: %w", err)
	}
	return &Client{elastic: client}, nil
}

// Await waits until the cluster can serve: health is yellow or green.
func (c *Client) Await(ctx context.Context) error {
	var health struct {
		TimedOut bool   `json:"timed_out"`
		Status   string `json:"status"`
	}
	return provision.Await(ctx, server.Title, func(ctx context.Context) error {
		err := c.once(ctx, esapi.ClusterHealthRequest{WaitForStatus: "yellow", Timeout: 5 * time.Second}, &health)
		refusal := new(httpclient.RefusedError)
		if errors.As(err, &refusal) && refusal.StatusCode == http.StatusRequestTimeout || err == nil && health.TimedOut {
			return provision.NotReady(errors.New("elastic: the cluster is red"))
		}
		return err
	})
}

// Count returns how many documents a search would find in an index, alias or pattern. The
// error is ErrNotFound if a name without wildcards does not exist.
func (c *Client) Count(ctx context.Context, index string) (int64, error) {
	var answer struct {
		Count int64 `json:"count"`
	}
	err := c.call(ctx, func() esapi.Request { return esapi.CountRequest{Index: escaped(index)} }, &answer)
	return answer.Count, err
}

// Refresh makes all documents that were written to an index, alias or pattern visible to
// searches. The error is ErrNotFound as for Count.
func (c *Client) Refresh(ctx context.Context, index string) error {
	return c.call(ctx, func() esapi.Request { return esapi.IndicesRefreshRequest{Index: escaped(index)} }, nil)
}

// escaped returns names as parts of a path, because a request does not escape them.
func escaped(names ...string) []string {
	parts := make([]string, len(names))
	for i, name := range names {
		parts[i] = url.PathEscape(name)
	}
	return parts
}

// call sends a request, which may be repeated, until the server gives a final answer. It
// decodes the answer into into, unless that is nil. ask makes a new request for each try,
// because a try reads the request's body.
func (c *Client) call(ctx context.Context, ask func() esapi.Request, into any) error {
	return provision.Await(ctx, server.Title, func(ctx context.Context) error {
		return c.once(ctx, ask(), into)
	})
}

// once sends a request once. It marks an error NotReady if another try may succeed.
func (c *Client) once(ctx context.Context, request esapi.Request, into any) error {
	answer, err := server.Exchange(ctx, func(ctx context.Context) (*http.Response, error) {
		response, err := request.Do(ctx, c.elastic)
		switch {
		case err == nil:
			return &http.Response{StatusCode: response.StatusCode, Header: response.Header, Body: response.Body}, nil
		case strings.Contains(err.Error(), otherProduct):
			return nil, httpclient.Final(err)
		}
		return nil, err
	}, c.refusal)
	if err != nil {
		return err
	}
	return server.Decode(answer, into)
}

// otherProduct is part of the client's error for an answer without the header
// X-Elastic-Product. The error can be recognized by nothing else.
const otherProduct = "the server is not Elasticsearch"

// refusal returns the error of an answer, with the settings that it is about.
func (c *Client) refusal(status int, answer []byte) error {
	return c.auth.ExplainStatus(status, refusal(status, answer))
}

// refusal returns the error of an answer.
func refusal(status int, answer []byte) error {
	var body struct {
		Error struct {
			Reason   string `json:"reason"`
			CausedBy struct {
				Reason string `json:"reason"`
			} `json:"caused_by"`
		} `json:"error"`
	}
	// `error` is a plain string in some answers. Then only the status counts.
	if json.Unmarshal(answer, &body) != nil {
		return server.Refusal(status, "", ErrNotFound)
	}
	reason := body.Error.Reason
	if cause := body.Error.CausedBy.Reason; reason != "" && cause != "" && cause != reason {
		reason += ": " + cause
	}
	return server.Refusal(status, reason, ErrNotFound)
}
