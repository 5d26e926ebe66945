package httpclient

import (
	"bytes"
	"context"
	"maps"
	"net/http"
	"strings"

	"codebank.dev/operations/provision"
	"codebank.dev/platform/clientauth"
)

// Client speaks to a service at one address. It is safe for concurrent use, once its
// fields are set.
type Client struct {
	// Address is the service's address without name, password and final slash.
	Address string
	// Header is sent with every request.
	Header http.Header
	// HTTP sends the requests.
	HTTP http.Client

	service Service
	auth    *clientauth.Client
}

// Open returns a client for the service at an address such as http://127.0.0.1:17025,
// with the base path if there is one. A name and password in the address are used for
// basic authentication: Header holds them, so that an error that repeats the address does
// not contain them. auth says how to reach the service; nil for no settings. Nothing is sent yet.
func (s Service) Open(text string, auth *clientauth.Client) (*Client, error) {
	address, err := s.Address(text)
	if err != nil {
		return nil, err
	}
	client := &Client{Header: make(http.Header), service: s, auth: auth}
	if client.HTTP.Transport, err = auth.Transport(text); err != nil {
		return nil, err
	}
	if user := address.User; user != nil {
		password, _ := user.Password()
		signed := http.Request{Header: client.Header}
		signed.SetBasicAuth(user.Username(), password)
		address.User = nil
	}
	client.Address = strings.TrimSuffix(address.String(), "/")
	return client, nil
}

// Request is a request that may be sent more than once.
type Request struct {
	Method string
	// Path is appended to the service's address. It begins with a slash.
	Path string
	// ContentType is the media type of Body; "" sends none.
	ContentType string
	Body        []byte
}

// Call sends a request until the service gives a final answer, and returns the whole body
// of the answer. If the status is not 2xx, it returns the answer with the error of
// refused. After an error that is marked NotReady it tries again, until ctx ends.
func (c *Client) Call(ctx context.Context, request Request, refused Refused) (answer []byte, err error) {
	explained := func(status int, answer []byte) error { return c.auth.ExplainStatus(status, refused(status, answer)) }
	err = provision.Await(ctx, c.service.Title, func(ctx context.Context) error {
		answer, err = c.service.Exchange(ctx, c.sender(request), explained)
		return err
	})
	return answer, err
}

func (c *Client) sender(request Request) Send {
	return func(ctx context.Context) (*http.Response, error) {
		sent, err := http.NewRequestWithContext(ctx, request.Method, c.Address+request.Path, bytes.NewReader(request.Body))
		if err != nil {
			return nil, Final(err)
		}
		maps.Copy(sent.Header, c.Header)
		if request.ContentType != "" {
			sent.Header.Set("Content-Type", request.ContentType)
		}
		return c.HTTP.Do(sent)
	}
}
