// Package pipes reads and controls the parts that carry the events of a running stack: the
// connectors through Connect's REST API, the topics through the broker, and the index through
// Elasticsearch. Tests and measurements use it, so it sends plain HTTP requests: what a test
// observes must not depend on the clients of the operators' commands.
package pipes

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
)

// retryDelay is the wait between two calls of Await's check.
const retryDelay = 100 * time.Millisecond

// Await calls check until it returns nil. When the timeout is over or ctx ends, it returns the
// context's error and the last error of check.
func Await(ctx context.Context, timeout time.Duration, check func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	for {
		err := check(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return errors.Join(ctx.Err(), err)
		case <-time.After(retryDelay):
		}
	}
}

// Call sends one request with body as JSON and decodes the JSON answer into a value. A nil body
// sends none, and a nil value reads none. An empty answer leaves the value as it was. A status
// of 300 or more is an error with the beginning of the answer.
func Call(ctx context.Context, method, url string, body, into any) error {
	answer, err := send(ctx, http.DefaultClient, method, url, body)
	if err != nil || into == nil || len(answer) == 0 {
		return err
	}
	return json.Unmarshal(answer, into)
}

// Get returns the text at a URL. A status of 300 or more is an error.
func Get(ctx context.Context, url string) ([]byte, error) {
	return GetWith(ctx, http.DefaultClient, url)
}

// GetWith is Get with a client.
func GetWith(ctx context.Context, client *http.Client, url string) ([]byte, error) {
	return send(ctx, client, http.MethodGet, url, nil)
}

func send(ctx context.Context, client *http.Client, method, url string, body any) ([]byte, error) {
	var content []byte
	if body != nil {
		var err error
		if content, err = json.Marshal(body); err != nil {
			return nil, err
		}
	}
	request, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(content))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode >= 300 {
		err = fmt.Errorf("%s %s: %s: %.300s", method, url, response.Status, answer)
	}
	return answer, err
}
