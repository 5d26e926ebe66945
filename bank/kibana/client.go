// Package kibana is a client of Kibana's interfaces for saved objects and alert
// rules: it brings the views that are kept as files into a Kibana, tells where the
// two differ, and brings back what was changed there.
//
// A Kibana that is starting answers 503 or not at all; every call here waits for it
// until its context ends. An import that is answered 200 may have failed all the
// same; only what the answer says object by object is believed.
package kibana

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"codebank.dev/bank/provision"
)

const (
	// tryTimeout bounds one request: an import writes some hundred objects.
	tryTimeout = 60 * time.Second
	// maxAnswer bounds what is read of an answer; a dashboard has some hundred kilobytes.
	maxAnswer = 64 << 20
	// maxReason bounds what is told of an error's text, which may repeat what was sent.
	maxReason = 500
)

// ErrNotFound says that there is no such rule or space.
var ErrNotFound = errors.New("kibana: not found")

// RefusedError is an answer that time does not cure.
type RefusedError struct {
	// StatusCode is that of HTTP.
	StatusCode int
	// Message is Kibana's own.
	Message string
}

// Error returns Kibana's message.
func (e *RefusedError) Error() string {
	return fmt.Sprintf("kibana: refused with %d: %s", e.StatusCode, e.Message)
}

// Config says which Kibana, which part of it, and as whom.
type Config struct {
	// Address is such as http://127.0.0.1:17028, with the base path if there is one. A
	// name and password in it are used for basic authentication.
	Address string
	// Space is the space to work in; "" is the default one.
	Space string
	// APIKey is a key in its encoded form; "" sends none. It goes before a password.
	APIKey string
}

// Client speaks to one Kibana. It is safe for concurrent use.
type Client struct {
	address string // without the space
	base    string // with it
	space   string
	key     string
	user    *url.Userinfo
	http    *http.Client
}

// spaceName is what Kibana allows as the name of a space in addresses.
var spaceName = regexp.MustCompile(`^[a-z0-9_-]{1,100}$`)

// New returns a client. Nothing is sent yet. Errors hold no secret.
func New(config Config) (*Client, error) {
	address, err := url.Parse(config.Address)
	if err != nil || address.Host == "" || (address.Scheme != "http" && address.Scheme != "https") || address.RawQuery != "" {
		return nil, errors.New("kibana: the address is not an http or https URL")
	}
	if strings.ContainsFunc(config.APIKey, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return nil, errors.New("kibana: the API key is not in its encoded form: letters, digits and signs without spaces")
	}
	client := &Client{space: config.Space, key: config.APIKey, user: address.User}
	// Sent as a header of its own, so that no error that repeats the address tells it.
	address.User = nil
	client.address = strings.TrimSuffix(address.String(), "/")
	client.base = client.address
	if config.Space != "" && config.Space != "default" {
		if !spaceName.MatchString(config.Space) {
			return nil, errors.New("kibana: a space is named by small letters, digits, - and _")
		}
		client.base += "/s/" + config.Space
	} else {
		client.space = ""
	}
	client.http = &http.Client{
		Timeout: tryTimeout,
		// A sign-in page, or a host that is not to have the key.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return client, nil
}

// Await waits until Kibana says that it is ready, and makes sure of the space: objects
// for one that is not there would be kept where nobody sees them. ErrNotFound then.
func (c *Client) Await(ctx context.Context) error {
	status := request{method: http.MethodGet, address: c.address + "/api/status"}
	if _, err := c.call(ctx, status); err != nil {
		return err
	}
	if c.space == "" {
		return nil
	}
	_, err := c.call(ctx, request{method: http.MethodGet, address: c.address + "/api/spaces/space/" + c.space})
	if errors.Is(err, ErrNotFound) {
		return fmt.Errorf("%w: there is no space %s", ErrNotFound, c.space)
	}
	return err
}

// request is what is sent, perhaps more than once.
type request struct {
	method, address string
	// kind is the media type of body.
	kind string
	body []byte
}

// callJSON sends a value, unless it is nil, and reads the answer into into.
func (c *Client) callJSON(ctx context.Context, method, path string, body, into any) error {
	sent := request{method: method, address: c.base + path}
	if body != nil {
		content, err := json.Marshal(body)
		if err != nil {
			return fmt.Errorf("kibana: %w", err)
		}
		sent.kind, sent.body = "application/json", content
	}
	answer, err := c.call(ctx, sent)
	if err != nil || into == nil {
		return err
	}
	if err := json.Unmarshal(answer, into); err != nil {
		return fmt.Errorf("kibana: not the answer of a Kibana: %w", err)
	}
	return nil
}

// call sends a request until Kibana answers it for good, and returns the answer.
func (c *Client) call(ctx context.Context, sent request) (answer []byte, err error) {
	err = provision.Await(ctx, "Kibana", func(ctx context.Context) error {
		answer, err = c.once(ctx, sent)
		return err
	})
	return answer, err
}

// once sends a request once. Errors that time may cure are marked NotReady.
func (c *Client) once(ctx context.Context, sent request) ([]byte, error) {
	asked, err := http.NewRequestWithContext(ctx, sent.method, sent.address, bytes.NewReader(sent.body))
	if err != nil {
		return nil, fmt.Errorf("kibana: %w", err)
	}
	asked.Header.Set("kbn-xsrf", "bankctl") // Without it nothing that changes something is taken.
	asked.Header.Set("Accept", "application/json, application/ndjson")
	if sent.kind != "" {
		asked.Header.Set("Content-Type", sent.kind)
	}
	switch {
	case c.key != "":
		asked.Header.Set("Authorization", "ApiKey "+c.key)
	case c.user != nil:
		password, _ := c.user.Password()
		asked.SetBasicAuth(c.user.Username(), password)
	}
	response, err := c.http.Do(asked)
	if err != nil {
		if ctx.Err() != nil {
			return nil, fmt.Errorf("kibana: %w", err)
		}
		return nil, provision.NotReady(fmt.Errorf("kibana: %w", err))
	}
	defer response.Body.Close()
	return readAnswer(response)
}

// readAnswer returns the body of an answer, or the error that it is.
func readAnswer(response *http.Response) ([]byte, error) {
	content, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	switch {
	case err != nil:
		return nil, provision.NotReady(fmt.Errorf("kibana: answer cut off: %w", err))
	case len(content) > maxAnswer:
		return nil, fmt.Errorf("kibana: an answer of more than %d bytes", maxAnswer)
	case response.StatusCode >= 300:
		return content, refusal(response.StatusCode, content)
	}
	return content, nil
}

// refusal returns the error that an answer is.
func refusal(status int, answer []byte) error {
	var body struct {
		Message string `json:"message"`
	}
	if json.Unmarshal(answer, &body) != nil || body.Message == "" {
		body.Message = http.StatusText(status)
	}
	err := &RefusedError{StatusCode: status, Message: shortened(body.Message)}
	switch status {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return provision.NotReady(err)
	case http.StatusNotFound:
		return fmt.Errorf("%w: %s", ErrNotFound, err.Message)
	case http.StatusUnauthorized, http.StatusForbidden:
		err.Message += "; it wants other credentials: an API key, or a name and password in the address"
	}
	if status < 400 {
		err.Message = "it sends elsewhere; is a sign-in or a base path missing?"
	}
	return err
}

func shortened(text string) string {
	text = strings.Join(strings.Fields(strings.ToValidUTF8(text, "\uFFFD")), " ")
	if len(text) > maxReason {
		text = strings.ToValidUTF8(text[:maxReason], "") + "…"
	}
	return text
}
