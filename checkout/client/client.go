// Package client is for programs of merchants: charges through the payment gateway, and their events. It needs nothing
// but the standard library.
//
//	client, err := client.New(client.Config{Address: "https://payments.example:8443", Secret: client.NewSecret(os.Getenv("SECRET"))})
//	charge, err := client.CreateCharge(ctx, client.NewCharge{Key: "order-1041", AmountMinor: 1250, Currency: "BRL", Card: card})
//	for event, err := range client.Events(ctx, lastSequence) { … }
//
// A command names itself by an Idempotency-Key, so a Client sends it again when its answer was lost, and it happens
// once. Give the key yourself if your program may end before the answer: after its start the same key finds the answer.
//
//	client.go   Client, and the secret
//	charge.go   charges
//	call.go     one call, and when it is sent again
//	error.go    what the gateway refuses
//	events.go   events, as they happen
package client

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"
)

// Secret is an API secret, sk_test_… or sk_live_…. However it is printed, it says nothing.
type Secret struct{ text *string }

// redacted is what a Secret prints.
const redacted = "[secret]"

// NewSecret returns a secret with a text.
func NewSecret(text string) Secret { return Secret{text: &text} }

// Format implements fmt.Formatter.
func (Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// MarshalText implements encoding.TextMarshaler.
func (Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// The defaults of Config.
const (
	DefaultTries   = 6
	DefaultTimeout = 30 * time.Second
	// DefaultBackoff is the longest wait before the second try. It doubles with each try, up to maxBackoff.
	DefaultBackoff = 200 * time.Millisecond
)

const maxBackoff = 10 * time.Second

// Config is what a Client works with. Address and Secret are required.
type Config struct {
	// Address is where the gateway is: https://HOST:PORT. http is for a gateway on this machine only.
	Address string
	Secret  Secret
	// TLS is how the gateway proves itself; nil for the authorities of the system.
	TLS *tls.Config
	// Tries is how often a call is sent at most, Timeout how long one try may take, and Backoff the longest wait
	// before the second; 0 for the defaults.
	Tries            int
	Timeout, Backoff time.Duration
}

// Client calls the payment gateway for a merchant, in the mode of the secret. Make one with New. It is safe for
// concurrent use.
type Client struct {
	config  Config
	address *url.URL
	http    *http.Client
}

var (
	errAddress   = errors.New("client: the address must be https://HOST:PORT, without a user and a query")
	errPlainText = errors.New("client: a secret goes over TLS: use https, or a gateway on this machine")
	errSecret    = errors.New("client: there is no secret")
)

// New returns a Client. An error means that the configuration cannot be used.
func New(config Config) (*Client, error) {
	address, err := url.Parse(config.Address)
	switch {
	case err != nil || address.Host == "" || address.User != nil || address.RawQuery != "" || address.Fragment != "" ||
		address.Scheme != "https" && address.Scheme != "http":
		return nil, errAddress
	case address.Scheme == "http" && !isLoopback(address.Hostname()):
		return nil, errPlainText
	case config.Secret.text == nil || *config.Secret.text == "":
		return nil, errSecret
	}
	if config.Tries <= 0 {
		config.Tries = DefaultTries
	}
	if config.Timeout <= 0 {
		config.Timeout = DefaultTimeout
	}
	if config.Backoff <= 0 {
		config.Backoff = DefaultBackoff
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = config.TLS
	return &Client{config: config, address: address, http: &http.Client{
		Transport: transport,
		// A secret goes where the configuration says, and nowhere else.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

// Close closes the connections that nobody uses.
func (c *Client) Close() { c.http.CloseIdleConnections() }

func isLoopback(host string) bool {
	return host == "localhost" || net.ParseIP(host).IsLoopback()
}
