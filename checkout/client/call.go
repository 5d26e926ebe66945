package client

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	mathrand "math/rand/v2"
	"net/http"
	"net/url"
	"time"
)

// maxAnswer bounds the body of an answer.
const maxAnswer = 1 << 20

// call is one call of the gateway, the same at each try.
type call struct {
	method, path string
	query        url.Values
	key          string // Idempotency-Key; empty for a read
	body         []byte
}

// command returns a call that changes something, under a key that is made up if there is none.
func command(path, key string, body any) (call, error) {
	if key == "" {
		key = rand.Text()
	}
	text, err := json.Marshal(body)
	return call{method: http.MethodPost, path: path, key: key, body: text}, err
}

// do sends a call until it is answered, and decodes the answer. What the gateway refuses for good is an *Error at
// once; what passes is sent again. Reads change nothing, and commands have a key, so each may be sent again. If a try
// of a command may have taken effect and no later one has told, the error is an *UnansweredError.
func (c *Client) do(ctx context.Context, of *call, answer any) error {
	unknown := false
	for try := 1; ; try++ {
		body, err := c.try(ctx, of)
		if err == nil {
			if err = json.Unmarshal(body, answer); err != nil {
				return fmt.Errorf("client: the answer cannot be read: %w", err)
			}
			return nil
		}
		var refusal *Error
		refused := errors.As(err, &refusal)
		unknown = unknown || of.key != "" && (!refused || refusal.isUnknown())
		if refused && !refusal.isPassing() {
			if unknown && (refusal.isAboutCaller() || refusal.isUnknown()) {
				return &UnansweredError{Key: of.key, Err: err}
			}
			return err
		}
		if ctx.Err() == nil && try < c.config.Tries {
			wait := c.backoff(try)
			if refused {
				wait += refusal.RetryAfter
			}
			if sleep(ctx, wait) == nil {
				continue
			}
		}
		if refused && !unknown {
			return err
		}
		if cause := context.Cause(ctx); cause != nil {
			err = cause
		}
		return &UnansweredError{Key: of.key, Err: err}
	}
}

// try sends a call once, and returns the body of an answer that is no refusal.
func (c *Client) try(ctx context.Context, of *call) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, c.config.Timeout)
	defer cancel()
	answer, err := c.send(ctx, of, nil)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer+1))
	switch {
	case err != nil:
		return nil, err
	case len(body) > maxAnswer:
		return nil, errTooLong
	case answer.StatusCode < http.StatusOK || answer.StatusCode >= http.StatusMultipleChoices:
		return nil, errorOf(answer, body)
	}
	return body, nil
}

var errTooLong = errors.New("client: the answer is too long")

// send sends a call once, with headers beside its own.
func (c *Client) send(ctx context.Context, of *call, headers map[string]string) (*http.Response, error) {
	address := c.address.JoinPath(of.path)
	address.RawQuery = of.query.Encode()
	request, err := http.NewRequestWithContext(ctx, of.method, address.String(), bytes.NewReader(of.body))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Authorization", "Bearer "+*c.config.Secret.text)
	if of.body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	if of.key != "" {
		request.Header.Set("Idempotency-Key", of.key)
	}
	for name, value := range headers {
		request.Header.Set(name, value)
	}
	return c.http.Do(request)
}

// backoff returns how long to wait after a try: a random part of what doubles with each.
func (c *Client) backoff(try int) time.Duration {
	most := maxBackoff
	if try < 10 {
		most = min(c.config.Backoff<<(try-1), maxBackoff)
	}
	return mathrand.N(most) + 1
}

// sleep waits, or returns the error of a context that ends before.
func sleep(ctx context.Context, wait time.Duration) error {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
