// Package webhooks sends a merchant's events to a program on a developer's machine, as the payment gateway sends
// webhooks.
package webhooks

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"time"

	"codebank.dev/checkout/client"
	"codebank.dev/checkout/webhook"
	"codebank.dev/platform/id"
)

const (
	// timeout bounds one try, as in the payment gateway.
	timeout = 10 * time.Second
	// maxAnswer is how much of an answer's body is read.
	maxAnswer = 4 << 10
)

// ForwarderConfig is what a Forwarder works with. All fields are required.
type ForwarderConfig struct {
	// To is the program's address: http on this machine, or https.
	To string
	// Secret signs.
	Secret webhook.Secret
	// Types are the types of events to send.
	Types []webhook.Type
}

// Forwarder sends events to a program. Make one with NewForwarder. It is safe for concurrent use.
type Forwarder struct {
	config ForwarderConfig
	client *http.Client
	// endpoint stands for the endpoint in the ids of messages.
	endpoint id.ID
}

// errTo says where events may not go: in clear text to another machine.
var errTo = errors.New("the address must be http://127.0.0.1:PORT/PATH, or https, without user and fragment")

// NewForwarder returns a Forwarder. An error means that the address cannot be used.
func NewForwarder(config ForwarderConfig) (*Forwarder, error) {
	to, err := url.Parse(config.To)
	if err != nil || to.Host == "" || to.User != nil || to.Fragment != "" || to.Scheme != "https" && (to.Scheme != "http" || !isHere(to.Hostname())) {
		return nil, errTo
	}
	return &Forwarder{config: config, endpoint: id.Derive(id.ID{}, config.To), client: &http.Client{
		Timeout:       timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport:     &http.Transport{DialContext: (&net.Dialer{Timeout: timeout}).DialContext},
	}}, nil
}

func isHere(host string) bool {
	address, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && address.IsLoopback()
}

// Wants reports whether an event is one to send.
func (f *Forwarder) Wants(event *client.Event) bool {
	return slices.Contains(f.config.Types, webhook.Type(event.Type))
}

// Sent is what came of an event.
type Sent struct {
	At       time.Time `json:"at"`
	Type     string    `json:"type"`
	Sequence int64     `json:"sequence"`
	Charge   string    `json:"charge"`
	// Status is that of the answer; 0 if there was none, and then Error says why.
	Status int    `json:"status,omitempty"`
	Error  string `json:"error,omitempty"`
	TookMS int64  `json:"took_ms"`
}

// Line returns one line for people.
func (s *Sent) Line() string {
	outcome := s.Error
	if outcome == "" {
		outcome = fmt.Sprintf("%d in %d ms", s.Status, s.TookMS)
	}
	return fmt.Sprintf("%s  %-18s %6d  %s  %s", s.At.UTC().Format(time.RFC3339), s.Type, s.Sequence, s.Charge, outcome)
}

// payload is the body of a message, as package checkout/webhook makes it.
type payload struct {
	Type      string          `json:"type"`
	Timestamp json.RawMessage `json:"timestamp"`
	Data      data            `json:"data"`
}

type data struct {
	Sequence  int64           `json:"sequence"`
	Charge    json.RawMessage `json:"charge"`
	Operation json.RawMessage `json:"operation"`
}

// payloadOf returns the message of an event. What the gateway wrote stays as it is, to the digit of a time.
func payloadOf(event *client.Event) ([]byte, error) {
	var told struct {
		OccurredAt json.RawMessage `json:"occurred_at"`
		Charge     json.RawMessage `json:"charge"`
		Operation  json.RawMessage `json:"operation"`
	}
	if err := json.Unmarshal([]byte(event.Text), &told); err != nil {
		return nil, err
	}
	return json.Marshal(payload{event.Type, told.OccurredAt, data{event.Sequence, told.Charge, told.Operation}})
}

// Forward sends an event once, signed.
func (f *Forwarder) Forward(ctx context.Context, event *client.Event) (sent Sent) {
	sent = Sent{At: time.Now(), Type: event.Type, Sequence: event.Sequence, Charge: event.Charge.ID}
	defer func() { sent.TookMS = time.Since(sent.At).Milliseconds() }()
	body, err := payloadOf(event)
	if err != nil {
		sent.Error = "the event cannot be written"
		return sent
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, f.config.To, bytes.NewReader(body))
	if err != nil {
		sent.Error = errTo.Error()
		return sent
	}
	request.Header.Set("Content-Type", "application/json")
	message := webhook.Message{ID: webhook.DeliveryID(f.endpoint, event.Sequence).String(), Payload: body}
	webhook.Sign(request.Header, &message, sent.At, f.config.Secret)
	answer, err := f.client.Do(request)
	if err != nil {
		sent.Error = "no answer: is the program running?"
		return sent
	}
	defer answer.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(answer.Body, maxAnswer))
	sent.Status = answer.StatusCode
	return sent
}
