// Package pipes looks at what carries the events of a running stack, and turns what can
// be turned there: the connectors through Connect's interface, the topics through the
// broker, the index through its own. What a look means is for tests to say.
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

// pause lies between two tries of Await.
const pause = 100 * time.Millisecond

// Await tries until there is no error. When the patience is over, or ctx ends, it
// returns the context's error and the last.
func Await(ctx context.Context, patience time.Duration, try func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		err := try(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return errors.Join(ctx.Err(), err)
		case <-time.After(pause):
		}
	}
}

// Ask sends a request once, with body as JSON, nil for none, and reads the answer's JSON
// into a value, nil for none; an answer of nothing leaves it as it was. A status of 300
// or more is an error with the beginning of the answer.
func Ask(ctx context.Context, method, url string, body, into any) error {
	answer, err := exchange(ctx, method, url, body)
	if err != nil || into == nil || len(answer) == 0 {
		return err
	}
	return json.Unmarshal(answer, into)
}

// Page returns the text at a URL. A status of 300 or more is an error.
func Page(ctx context.Context, url string) ([]byte, error) {
	return exchange(ctx, http.MethodGet, url, nil)
}

func exchange(ctx context.Context, method, url string, body any) ([]byte, error) {
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
	response, err := http.DefaultClient.Do(request)
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
