// Package kafkaconnect is a client of Kafka Connect's REST interface: it brings connectors
// into the wanted state, reads their states, and restarts those that failed. A worker that
// is starting or whose group is rebalancing answers 503 or 409, or lets a request time out;
// every call waits for such a worker until its context ends. Supervisor is a daemon that
// restarts failed connectors and tasks as long as it runs.
package kafkaconnect

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"codebank.dev/operations/failpoints"
	"codebank.dev/operations/httpclient"
	"codebank.dev/operations/provision"
	"codebank.dev/platform/clientauth"
	"codebank.dev/platform/failpoint"
)

// worker is the service. A try ends before the 90 s after which a worker itself gives up,
// because the next try may reach the worker after its rebalance. An answer may be large: a
// status holds a stack trace for each task.
var worker = httpclient.Service{Name: "connect", Title: "Kafka Connect", TryTimeout: 30 * time.Second, MaxAnswer: 16 << 20}

// ErrNotFound says that there is no such connector.
var ErrNotFound = errors.New("connect: no such connector")

// Client sends requests to one worker, which forwards them to the others of its group. It
// is safe for concurrent use.
type Client struct {
	worker *httpclient.Client
}

// New returns a client for the worker at an address such as http://127.0.0.1:17025, which
// it reaches as auth says; nil for no settings. A name and password in the address are used
// for basic authentication. Nothing is sent yet.
func New(address string, auth *clientauth.Client) (*Client, error) {
	client, err := worker.Open(address, auth)
	if err != nil {
		return nil, err
	}
	client.Header.Set("Accept", "application/json")
	return &Client{worker: client}, nil
}

// Connectors returns the names of all connectors.
func (c *Client) Connectors(ctx context.Context) ([]string, error) {
	var names []string
	err := c.call(ctx, http.MethodGet, "/connectors", nil, &names)
	return names, err
}

// Config returns a connector's configuration as it was put, with references to secrets and
// not the secrets. The error is ErrNotFound if there is no such connector.
func (c *Client) Config(ctx context.Context, name string) (map[string]string, error) {
	var config map[string]string
	err := c.call(ctx, http.MethodGet, path(name)+"/config", nil, &config)
	return config, err
}

// Put creates the connector or replaces its configuration. Doing it again is harmless,
// but restarts the connector.
func (c *Client) Put(ctx context.Context, connector Connector) error {
	err := c.call(ctx, http.MethodPut, path(connector.Name)+"/config", connector.Config, nil)
	failpoint.From(ctx).After(err, failpoints.ConnectorPut)
	return err
}

// Status returns the state of a connector and its tasks. The error is ErrNotFound if there
// is no such connector, or while the worker has no status of a new connector.
func (c *Client) Status(ctx context.Context, name string) (Status, error) {
	var status Status
	err := c.call(ctx, http.MethodGet, path(name)+"/status", nil, &status)
	return status, err
}

// Tasks returns how many tasks the connector has; 0 until the worker has made them. The
// error is ErrNotFound if there is no such connector.
func (c *Client) Tasks(ctx context.Context, name string) (int, error) {
	var connector struct {
		Tasks []json.RawMessage `json:"tasks"`
	}
	err := c.call(ctx, http.MethodGet, path(name), nil, &connector)
	return len(connector.Tasks), err
}

// Statuses returns the status of all connectors, by name.
func (c *Client) Statuses(ctx context.Context) (map[string]Status, error) {
	var expanded map[string]struct {
		Status Status `json:"status"`
	}
	if err := c.call(ctx, http.MethodGet, "/connectors?expand=status", nil, &expanded); err != nil {
		return nil, err
	}
	statuses := make(map[string]Status, len(expanded))
	for name, connector := range expanded {
		statuses[name] = connector.Status
	}
	return statuses, nil
}

// Restart restarts a connector and its tasks. With onlyFailed it restarts only the parts
// that failed. It returns when the worker has accepted the request, not when the restart is
// done.
func (c *Client) Restart(ctx context.Context, name string, onlyFailed bool) error {
	err := c.call(ctx, http.MethodPost,
		fmt.Sprintf("%s/restart?includeTasks=true&onlyFailed=%t", path(name), onlyFailed), nil, nil)
	failpoint.From(ctx).After(err, failpoints.ConnectorRestarted)
	return err
}

func path(name string) string { return "/connectors/" + url.PathEscape(name) }

// call sends a request until the worker gives a final answer, and decodes the answer into
// into, unless that is nil.
func (c *Client) call(ctx context.Context, method, path string, body, into any) error {
	var content []byte
	if body != nil {
		var err error
		if content, err = json.Marshal(body); err != nil {
			return fmt.Errorf("connect: %w", err)
		}
	}
	request := httpclient.Request{Method: method, Path: path, ContentType: "application/json", Body: content}
	answer, err := c.worker.Call(ctx, request, refusal)
	if err != nil {
		return err
	}
	return worker.Decode(answer, into)
}

// refusal returns the error of an answer.
func refusal(status int, answer []byte) error {
	var body struct {
		Message string `json:"message"`
	}
	if json.Unmarshal(answer, &body) != nil {
		body.Message = ""
	}
	err := worker.Refusal(status, body.Message, ErrNotFound)
	if mayPass(status, body.Message) {
		return provision.NotReady(err)
	}
	return err
}

// mayPass reports whether an answer comes from a worker whose group is rebalancing. A
// worker that times out during a rebalance, or expects one, answers 500. It does so for a
// permanent error too, and only the message differs.
func mayPass(status int, message string) bool {
	switch status {
	case http.StatusConflict:
		return true
	case http.StatusInternalServerError:
		message = strings.ToLower(message)
		return strings.Contains(message, "timed out") || strings.Contains(message, "rebalance is expected")
	}
	return false
}
