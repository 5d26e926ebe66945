// Package rest is what the clients of services with a REST interface share: what an
// address is, one exchange of a request and its answer, and the error that a refusal
// is. What the answers of a service mean is known where its client is.
package httpclient

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"codebank.dev/operations/provision"
)

// Service is a service as its client knows it.
type Service struct {
	// Name begins every error.
	Name string
	// TryTimeout bounds one exchange, its answer included.
	TryTimeout time.Duration
	// MaxAnswer bounds what is read of an answer, in bytes.
	MaxAnswer int64
}

// RefusedError is an answer that time does not cure.
type RefusedError struct {
	// Service is the name of who refused.
	Service string
	// StatusCode is that of HTTP.
	StatusCode int
	// Message is the service's own.
	Message string
}

// Error returns the service's message.
func (e *RefusedError) Error() string {
	return fmt.Sprintf("%s: refused with %d: %s", e.Service, e.StatusCode, e.Message)
}

// Address returns the address of a service in its parts. Errors repeat nothing of it,
// for it may hold a password.
func (s Service) Address(text string) (*url.URL, error) {
	address, err := url.Parse(text)
	if err != nil || address.Host == "" || (address.Scheme != "http" && address.Scheme != "https") || address.RawQuery != "" {
		return nil, errors.New(s.Name + ": the address is not an http or https URL")
	}
	return address, nil
}

// Exchange sends a request once, with what sends requests as [http.Client.Do] does, and
// returns the status and the whole body of the answer, whatever the status. What time
// may cure – nobody is there, none answers in time, the answer is cut off – is marked
// NotReady, unless the request's own context has ended.
func (s Service) Exchange(do func(*http.Request) (*http.Response, error), request *http.Request) (status int, answer []byte, err error) {
	ctx := request.Context()
	try, cancel := context.WithTimeout(ctx, s.TryTimeout)
	defer cancel()
	response, err := do(request.WithContext(try))
	if err != nil {
		err = fmt.Errorf("%s: %w", s.Name, err)
		if ctx.Err() == nil {
			err = provision.NotReady(err)
		}
		return 0, nil, err
	}
	defer response.Body.Close()
	answer, err = io.ReadAll(io.LimitReader(response.Body, s.MaxAnswer+1))
	switch {
	case err != nil:
		return 0, nil, provision.NotReady(fmt.Errorf("%s: answer cut off: %w", s.Name, err))
	case int64(len(answer)) > s.MaxAnswer:
		return 0, nil, fmt.Errorf("%s: an answer of more than %d bytes", s.Name, s.MaxAnswer)
	}
	return response.StatusCode, answer, nil
}

// Decode reads an answer of JSON into a value, nil for none.
func (s Service) Decode(answer []byte, into any) error {
	if into == nil {
		return nil
	}
	if err := json.Unmarshal(answer, into); err != nil {
		return fmt.Errorf("%s: not an answer of this service: %w", s.Name, err)
	}
	return nil
}

// Refusal returns the error that a status other than 2xx is, with the service's own
// message, "" when it has none: marked NotReady while the service, or a proxy before
// it, is busy or away; notFound with the message for 404; a *RefusedError otherwise.
func (s Service) Refusal(status int, message string, notFound error) error {
	if message == "" {
		message = http.StatusText(status)
	}
	refused := &RefusedError{Service: s.Name, StatusCode: status, Message: message}
	switch status {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return provision.NotReady(refused)
	case http.StatusNotFound:
		return fmt.Errorf("%w: %s", notFound, message)
	}
	return refused
}
