// Package httpclient is the common part of the clients of services with a REST
// interface. It opens a client for an address, sends a request, reads the answer, and
// returns a refusal as an error. The client of each service knows what its answers mean.
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
	"codebank.dev/platform/clientauth"
)

// Service describes a service to its client.
type Service struct {
	// Name begins every error.
	Name string
	// Title is the service's name in the error of a wait for it that ended without success.
	Title string
	// TryTimeout bounds one exchange, including the answer.
	TryTimeout time.Duration
	// MaxAnswer is how many bytes of an answer are read at most.
	MaxAnswer int64
}

// RefusedError is a refusal that another try does not change.
type RefusedError struct {
	// Service is the name of the service that refused.
	Service string
	// StatusCode is the HTTP status.
	StatusCode int
	// Message is the service's own message.
	Message string
}

// Error returns the service's message.
func (e *RefusedError) Error() string {
	return fmt.Sprintf("%s: refused with %d: %s", e.Service, e.StatusCode, e.Message)
}

// Address returns the address of a service in its parts. Errors repeat nothing of the address,
// because it may hold a password.
func (s Service) Address(text string) (*url.URL, error) {
	address, err := url.Parse(text)
	if err != nil || address.Host == "" || (address.Scheme != "http" && address.Scheme != "https") || address.RawQuery != "" {
		return nil, errors.New(s.Name + ": the address is not an http or https URL")
	}
	return address, nil
}

// Send sends a request once within the context and returns the answer, whose body the
// caller closes.
type Send func(context.Context) (*http.Response, error)

// Refused returns the error for an answer whose status is not 2xx.
type Refused func(status int, answer []byte) error

// Exchange sends a request once and returns the whole body of the answer. If the status is not
// 2xx, it returns the answer with the error of refused. It marks an error NotReady if the
// service cannot be reached, does not answer within TryTimeout, or cuts the answer off, unless
// ctx has ended. It does not change an error that send has marked with [Final], nor one that only
// another setting changes.
func (s Service) Exchange(ctx context.Context, send Send, refused Refused) ([]byte, error) {
	try, cancel := context.WithTimeout(ctx, s.TryTimeout)
	defer cancel()
	response, err := send(try)
	if err != nil {
		final := errors.As(err, new(finalError)) || errors.As(err, new(*clientauth.Error))
		err = fmt.Errorf("%s: %w", s.Name, err)
		if ctx.Err() == nil && !final {
			err = provision.NotReady(err)
		}
		return nil, err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(response.Body, s.MaxAnswer+1))
	switch {
	case err != nil:
		return nil, provision.NotReady(fmt.Errorf("%s: answer cut off: %w", s.Name, err))
	case int64(len(answer)) > s.MaxAnswer:
		return nil, fmt.Errorf("%s: an answer of more than %d bytes", s.Name, s.MaxAnswer)
	case response.StatusCode >= http.StatusMultipleChoices:
		return answer, refused(response.StatusCode, answer)
	}
	return answer, nil
}

// finalError marks an error that another try does not change.
type finalError struct{ cause error }

func (e finalError) Error() string { return e.cause.Error() }
func (e finalError) Unwrap() error { return e.cause }

// Final marks an error of a [Send] that another try does not change.
func Final(err error) error { return finalError{err} }

// Decode reads an answer in JSON into a value, unless that is nil.
func (s Service) Decode(answer []byte, into any) error {
	if into == nil {
		return nil
	}
	if err := json.Unmarshal(answer, into); err != nil {
		return fmt.Errorf("%s: not an answer of this service: %w", s.Name, err)
	}
	return nil
}

// Refusal returns the error for a status other than 2xx. message is the service's own message,
// or "". While the service or a proxy before it is busy or away, the error is marked NotReady.
// For 404 it is notFound with the message. Otherwise it is a *RefusedError.
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
