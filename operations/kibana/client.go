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
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"codebank.dev/operations/httpclient"
	"codebank.dev/operations/provision"
)

// maxReason bounds what is told of an error's text, which may repeat what was sent.
const maxReason = 500

// service allows for an import, which writes some hundred objects, and for an export of
// dashboards, each of which has some hundred kilobytes.
var service = httpclient.Service{Name: "kibana", TryTimeout: 60 * time.Second, MaxAnswer: 64 << 20}

// ErrNotFound says that there is no such rule or space.
var ErrNotFound = errors.New("kibana: not found")

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
	address, err := service.Address(config.Address)
	if err != nil {
		return nil, err
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
	if err != nil {
		return err
	}
	return service.Decode(answer, into)
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
	status, answer, err := service.Exchange(c.http.Do, asked)
	if err == nil && status >= 300 {
		err = refusal(status, answer)
	}
	return answer, err
}

// refusal returns the error that an answer is.
func refusal(status int, answer []byte) error {
	var body struct {
		Message string `json:"message"`
	}
	if json.Unmarshal(answer, &body) != nil {
		body.Message = ""
	}
	message := shortened(cmp.Or(body.Message, http.StatusText(status)))
	switch {
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		message += "; it wants other credentials: an API key, or a name and password in the address"
	case status < 400:
		message = "it sends elsewhere; is a sign-in or a base path missing?"
	}
	return service.Refusal(status, message, ErrNotFound)
}

func shortened(text string) string {
	text = strings.Join(strings.Fields(strings.ToValidUTF8(text, "\uFFFD")), " ")
	if len(text) > maxReason {
		text = strings.ToValidUTF8(text[:maxReason], "") + "…"
	}
	return text
}
