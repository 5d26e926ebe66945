// Package webhook sends events to the endpoints of merchants by the standard-webhooks scheme, version 1.0: signed,
// over TLS, and never into a private network.
//
// The files, in reading order:
//
//	webhook.go  Message: what is sent, and when it is tried again
//	secret.go   Secret: the key of an endpoint
//	sign.go     the signature of a message
//	target.go   Target: the address of an endpoint
//	sender.go   Sender: one try to deliver
package webhook

import (
	"math/rand/v2"
	"time"
)

// MaxPayload is the most bytes of a payload. Receivers of the scheme accept 20 kB.
const MaxPayload = 20_000

// Message is one event for one endpoint.
type Message struct {
	// ID is the same at every try, so that a receiver knows a message that it has had: 1 to 64 letters, digits, _
	// and -
	ID string
	// Payload is the body, as JSON; the same bytes at every try.
	Payload []byte
}

// delays are the times from one try to the next. The tries of a message end three days after the first.
var delays = [...]time.Duration{
	5 * time.Second, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 5 * time.Hour,
	10 * time.Hour, 14 * time.Hour, 18 * time.Hour, 22 * time.Hour,
}

// MaxTries is how often a message is tried before it is given up.
const MaxTries = len(delays) + 1

// jitter is the largest change of a delay, as a divisor: a fifth. So the messages that an endpoint has missed do
// not come back all at once.
const jitter = 5

// NextTry returns the time from a failed try, counted from 1, to the next one. It is never shorter than what the
// endpoint asked for (Retry-After), unless that is longer than a day. ok is false after the last try.
func NextTry(tries int, retryAfter time.Duration) (delay time.Duration, ok bool) {
	if tries < 1 || tries >= MaxTries {
		return 0, false
	}
	delay = delays[tries-1]
	delay += rand.N(2*delay/jitter+1) - delay/jitter
	return max(delay, min(retryAfter, 24*time.Hour)), true
}
