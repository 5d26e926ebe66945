// Package kibana is a client of Kibana's interfaces for saved objects and alert rules: it
// brings dashboards and rules into a Kibana, compares Kibana's objects with the wanted
// ones, and exports objects that were changed in Kibana. A Kibana that is starting answers
// 503 or not at all; every call waits for it until its context ends. Kibana may answer a
// failed import with 200, so the client reads the result of each object in the answer.
package kibana

import (
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
	"codebank.dev/platform/clientauth"
)

// maxReason bounds how much of an error's text is shown. The text may repeat the request.
const maxReason = 500

// service describes Kibana. A try may take as long as an import of some hundred objects. An
// answer may be as large as an export of many dashboards, which have some hundred kilobytes
// each.
var service = httpclient.Service{Name: "kibana", Title: "Kibana", TryTimeout: 60 * time.Second, MaxAnswer: 64 << 20}

// ErrNotFound says that there is no such rule or space.
var ErrNotFound = errors.New("kibana: not found")

// ErrNotKibana says that another program answers at the address.
var ErrNotKibana = errors.New("kibana: what answers at this address is not Kibana, or a base path is missing")

// Config says which Kibana to use, which space of it, and with which credentials.
type Config struct {
	// Address is, for example, http://127.0.0.1:17028, with the base path if there is one. A
	// name and password in it are used for basic authentication.
	Address string
	// Space is the space to work in; "" is the default one.
	Space string
	// APIKey is a key in its encoded form; "" sends none. It overrides a password.
	APIKey string
	// Auth says whom to trust; nil for no settings. It has no credentials.
	Auth *clientauth.Client
}

// Client is a client of one Kibana. It is safe for concurrent use.
type Client struct {
	service *httpclient.Client
	space   string // "" is the default one
	prefix  string // of the paths that are in the space
}

// recordKey returns the name of the tag that holds the record of the client's space. Names are
// unique over all spaces, so every space has its own.
func (c *Client) recordKey() Key {
	id := "bankctl-applied"
	if c.space != "" {
		id += "-" + c.space
	}
	return Key{Type: "tag", ID: id}
}

// spaceName matches the names that Kibana allows for a space in addresses.
var spaceName = regexp.MustCompile(`^[a-z0-9_-]{1,100}$`)

// New returns a client. Nothing is sent yet. Errors hold no secret.
func New(config Config) (*Client, error) {
	client, err := service.Open(config.Address, config.Auth)
	if err != nil {
		return nil, err
	}
	if strings.ContainsFunc(config.APIKey, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return nil, errors.New("kibana: the API key is not in its encoded form: letters, digits and signs without spaces")
	}
	client.Header.Set("kbn-xsrf", "bankctl") // Without this header Kibana refuses every change.
	client.Header.Set("Accept", "application/json, application/ndjson")
	address, err := service.Address(config.Address)
	if err != nil {
		return nil, err
	}
	if config.APIKey != "" && address.Scheme != "https" && !clientauth.IsLoopback(address.Hostname()) {
		return nil, errors.New("kibana: an API key goes over a network with TLS only; the address must begin with https")
	}
	if config.APIKey != "" {
		client.Header.Set("Authorization", "ApiKey "+config.APIKey)
	}
	// A redirect leads to a sign-in page, or to a host that must not get the key.
	client.HTTP.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	if config.Space == "" || config.Space == "default" {
		return &Client{service: client}, nil
	}
	if !spaceName.MatchString(config.Space) {
		return nil, errors.New("kibana: a space is named by small letters, digits, - and _")
	}
	return &Client{service: client, space: config.Space, prefix: "/s/" + config.Space}, nil
}

// Await waits until Kibana says that it is ready, and checks that the space exists, because
// nobody would see objects in a space that does not exist. The error is ErrNotFound if it does
// not exist, and ErrNotKibana if the address has no status to show.
func (c *Client) Await(ctx context.Context) error {
	if err := c.get(ctx, "/api/status"); errors.Is(err, ErrNotFound) {
		return ErrNotKibana
	} else if err != nil || c.space == "" {
		return err
	}
	err := c.get(ctx, "/api/spaces/space/"+c.space)
	if errors.Is(err, ErrNotFound) {
		return fmt.Errorf("%w: there is no space %s", ErrNotFound, c.space)
	}
	return err
}

// get reads a path outside the spaces.
func (c *Client) get(ctx context.Context, path string) error {
	_, err := c.service.Call(ctx, httpclient.Request{Method: http.MethodGet, Path: path}, answerError)
	refused := new(httpclient.RefusedError)
	if errors.As(err, &refused) && refused.StatusCode == http.StatusForbidden {
		return fmt.Errorf("%w; the credentials are valid and have no privilege here: give their role one in this space", err)
	}
	return err
}

// callRule sends a request of the interface of rules, with body as JSON unless it is nil, and
// decodes the answer into into.
func (c *Client) callRule(ctx context.Context, method, id string, body, into any) error {
	request := httpclient.Request{Method: method, Path: c.prefix + "/api/alerting/rule/" + url.PathEscape(id)}
	if body != nil {
		content, err := json.Marshal(body)
		if err != nil {
			return fmt.Errorf("kibana: %w", err)
		}
		request.ContentType, request.Body = "application/json", content
	}
	answer, err := c.service.Call(ctx, request, ruleError)
	if err != nil {
		return err
	}
	return service.Decode(answer, into)
}

// call sends a request for a path in the client's space until Kibana gives a final answer,
// and returns the answer.
func (c *Client) call(ctx context.Context, request httpclient.Request) ([]byte, error) {
	request.Path = c.prefix + request.Path
	return c.service.Call(ctx, request, answerError)
}

func shortened(text string) string {
	text = strings.Join(strings.Fields(strings.ToValidUTF8(text, "\uFFFD")), " ")
	if len(text) > maxReason {
		text = strings.ToValidUTF8(text[:maxReason], "") + "…"
	}
	return text
}
