package webhook

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"time"
)

const (
	// timeout bounds one try, from the look-up of the name to the end of the answer.
	timeout = 15 * time.Second
	// maxAnswer is how much of an answer's body is read.
	maxAnswer = 4 << 10
	// maxAnswerHeader is the most bytes of an answer's header.
	maxAnswerHeader = 16 << 10
)

// Sender delivers messages. Make one with NewSender. Safe for concurrent use.
type Sender struct {
	client *http.Client
	now    func() time.Time
}

// SenderConfig says where messages may go. The zero value sends to public addresses only, as live mode does.
type SenderConfig struct {
	// Allowed are networks that messages may go to although they are not public: a developer's machine, and tests.
	Allowed []netip.Prefix
	// Authorities are trusted instead of those of the system.
	Authorities *x509.CertPool
	// Timeout bounds one try; 0 means 15 s.
	Timeout time.Duration
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// NewSender returns a sender. No proxy is used, whatever the environment says: it would look up the name again,
// and connect to what it found.
func NewSender(config SenderConfig) *Sender {
	if config.Timeout <= 0 {
		config.Timeout = timeout
	}
	if config.Now == nil {
		config.Now = time.Now
	}
	dialer := &net.Dialer{Timeout: config.Timeout, Control: control(config.Allowed)}
	return &Sender{now: config.Now, client: &http.Client{
		Timeout: config.Timeout,
		// A redirect is an answer like any other, and not followed: the endpoint that was named is the one that is
		// trusted.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			DialContext:            dialer.DialContext,
			TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: config.Authorities},
			TLSHandshakeTimeout:    config.Timeout,
			ResponseHeaderTimeout:  config.Timeout,
			MaxResponseHeaderBytes: maxAnswerHeader,
			// There is no bound for a host: merchants share hosts, and one whose endpoint hangs would keep the others
			// from theirs. How many messages are on their way to an endpoint is bounded by who sends them.
			DisableKeepAlives:  true, // The next try looks up the name again.
			DisableCompression: true, // A small answer cannot become a large one.
		},
	}}
}

// Result is what came of one try, as the merchant reads it in the log of deliveries.
type Result struct {
	// Status is that of the answer; 0 if there was none.
	Status int
	// Answer is the beginning of the answer's body.
	Answer []byte
	// RetryAfter is the wait that the endpoint has asked for; 0 if it did not.
	RetryAfter time.Duration
	// Took is how long the try lasted.
	Took time.Duration
	// Err is why there was no answer. It names nothing of the inside of this network.
	Err error
}

// Delivered reports whether the endpoint has taken the message: a status of 200 to 299.
func (r *Result) Delivered() bool { return r.Err == nil && r.Status/100 == 2 }

// Gone reports whether the endpoint wants no more messages (410).
func (r *Result) Gone() bool { return r.Err == nil && r.Status == http.StatusGone }

// Why a try had no answer. Everything that could say something about the network here is one of these.
var (
	ErrTimeout = errors.New("webhook: no answer in time")
	ErrName    = errors.New("webhook: the endpoint's name leads nowhere")
	ErrTLS     = errors.New("webhook: the endpoint's certificate is not trusted, or TLS failed")
	ErrConnect = errors.New("webhook: no connection, or it was cut off")
)

// Send tries once to deliver a message to an endpoint. The caller decides by the result whether it is tried again
// (NextTry); a message may arrive more than once, always under the same id.
func (s *Sender) Send(ctx context.Context, url string, message *Message, secrets ...Secret) Result {
	began := s.now()
	result := s.try(ctx, url, message, secrets)
	result.Took = s.now().Sub(began)
	return result
}

func (s *Sender) try(ctx context.Context, url string, message *Message, secrets []Secret) Result {
	target, err := ParseTarget(url)
	if err != nil {
		return Result{Err: err}
	}
	if len(message.Payload) > MaxPayload || len(secrets) == 0 {
		return Result{Err: fmt.Errorf("webhook: a payload of %d bytes with %d secrets cannot be sent", len(message.Payload), len(secrets))}
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, target.String(), bytes.NewReader(message.Payload))
	if err != nil {
		return Result{Err: ErrURL}
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("User-Agent", "CodeBank-Webhooks/1")
	Sign(request.Header, message, s.now(), secrets...)
	response, err := s.client.Do(request)
	if err != nil {
		return Result{Err: reason(err)}
	}
	defer response.Body.Close()
	// What of the body cannot be read changes nothing: the status has been said.
	answer, _ := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	return Result{Status: response.StatusCode, Answer: answer, RetryAfter: s.retryAfter(response.Header.Get("Retry-After"))}
}

// retryAfter reads a wait in seconds or until a date (RFC 9110, 10.2.3); 0 for any other text.
func (s *Sender) retryAfter(text string) time.Duration {
	if seconds, err := strconv.ParseUint(text, 10, 31); err == nil {
		return time.Duration(seconds) * time.Second
	}
	if date, err := http.ParseTime(text); err == nil {
		return max(0, date.Sub(s.now()))
	}
	return 0
}

// reason returns which of the few errors an error of the client is.
func reason(err error) error {
	var name *net.DNSError
	var certificate *tls.CertificateVerificationError
	var alert tls.AlertError
	var record tls.RecordHeaderError
	var timed interface{ Timeout() bool }
	switch {
	case errors.Is(err, ErrAddress):
		return ErrAddress
	case errors.As(err, &timed) && timed.Timeout(), errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return ErrTimeout
	case errors.As(err, &name):
		return ErrName
	case errors.As(err, &certificate), errors.As(err, &alert), errors.As(err, &record):
		return ErrTLS
	}
	return ErrConnect
}
