package chaos

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"codebank.dev/stack/launch"
	standard "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

// endpointsPath is the path of the webhook endpoints of a till.
const endpointsPath = "/v1/webhook-endpoints"

// hooked are the types of events that tills subscribe, by turns. The outcomes are those that come when a till names none.
var hooked = [...][]string{
	{"charge.accepted", "charge.approved", "charge.authorized", "charge.captured", "charge.rejected", "charge.voided", "charge.expired",
		"capture.accepted", "capture.refused", "void.accepted", "void.refused", "refund.accepted", "refund.done", "refund.refused"},
	{"charge.approved", "charge.rejected", "refund.done"},
	{"charge.authorized", "charge.captured", "charge.voided", "capture.accepted"},
}

// endpoint is where a till wants its events.
type endpoint struct {
	till *till
	// path is where the receiver has it, and id its name at the payment gateway.
	path, id string
	types    []string
	// silent says that nothing may come: a live endpoint whose name leads to this machine.
	silent   bool
	secret   string
	verifier *standard.Webhook

	mutex sync.Mutex
	had   map[string]*message
}

// message is what an endpoint was sent under one id.
type message struct {
	body  string
	event chargeEvent
	// tries counts the deliveries, and taken says that one was answered as taken.
	tries int
	taken bool
}

// mailroom is the endpoints of all tills. Often it answers badly, or late, or not at all.
type mailroom struct {
	server    *http.Server
	observed  *observations
	endpoints map[string]*endpoint // by path

	mutex  sync.Mutex
	random *rand.Rand
	// tries counts deliveries, refused those that were answered by an error, late or not at all. resent counts messages
	// that a till had sent again.
	tries, refused, resent atomic.Int64
}

// lateAfter is how long a late answer takes. The payment gateway waits for longer.
const lateAfter = 2 * time.Second

// newMailroom returns a mailroom without endpoints that does not listen yet.
func newMailroom(l *load) *mailroom {
	m := &mailroom{observed: l.observed, endpoints: make(map[string]*endpoint), random: rand.New(rand.NewPCG(l.seed, hookStream))}
	m.server = &http.Server{Handler: m, ErrorLog: log.New(io.Discard, "", 0), ReadHeaderTimeout: callTimeout}
	return m
}

// openMailroom makes an endpoint of each till, before the first fault.
func (l *load) openMailroom(ctx context.Context, stack *launch.Stack) error {
	files, err := stack.Certificates("webhook-receiver")
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	room := newMailroom(l)
	l.charges.mailroom = room
	go func() { _ = room.server.ServeTLS(listener, files.Certificate, files.Key) }()
	for i, t := range l.charges.tills {
		e := &endpoint{till: t, path: fmt.Sprintf("/hooks/%d", i), types: hooked[i/2%len(hooked)], silent: t.isLive(), had: make(map[string]*message)}
		room.endpoints[e.path] = e
		if err := e.open(ctx, listener.Addr().(*net.TCPAddr).Port); err != nil {
			return err
		}
	}
	return nil
}

// close ends the endpoints.
func (m *mailroom) close() { _ = m.server.Close() }

// open asks the payment gateway for the endpoint.
func (e *endpoint) open(ctx context.Context, port int) error {
	host := fmt.Sprintf("127.0.0.1:%d", port)
	if e.silent {
		host = "localhost" // An address that is not public would be refused, and so would another port than 443.
	}
	body, err := json.Marshal(map[string]any{"url": "https://" + host + e.path, "event_types": e.types})
	if err != nil {
		return err
	}
	answer, kind := e.till.call(ctx, deskRequest{method: http.MethodPost, path: endpointsPath, key: requestPrefix + "endpoint", body: string(body)})
	if kind != classOK {
		return fmt.Errorf("a merchant gets no webhook endpoint: %s %d %s", kind, answer.status, answer.body)
	}
	var made struct{ ID, Secret string }
	if err := json.Unmarshal(answer.body, &made); err != nil {
		return err
	}
	e.id, e.secret = made.ID, made.Secret
	e.verifier, err = standard.NewWebhook(made.Secret)
	return err
}

// ServeHTTP takes a delivery.
func (m *mailroom) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	m.tries.Add(1)
	body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	if err != nil {
		return // The payment gateway was killed while it sent.
	}
	e := m.endpoints[r.URL.Path]
	if e == nil {
		m.observed.report(hooksCome, "a message was sent to %s, where no merchant has an endpoint", r.URL.Path)
		return
	}
	isFirst, wrong := e.take(r.Header, string(body))
	m.observed.reportIf(wrong, hooksCome)
	if !m.answer(w, isFirst) {
		m.refused.Add(1)
		return
	}
	e.mutex.Lock()
	defer e.mutex.Unlock()
	if had := e.had[r.Header.Get(webhookID)]; had != nil {
		had.taken = true
	}
}

// webhookID is the header with the id of a message.
const webhookID = "webhook-id"

// take remembers a delivery, and returns what is wrong with it. Every delivery of a message has the same body.
func (e *endpoint) take(header http.Header, body string) (isFirst bool, wrong string) {
	e.mutex.Lock()
	defer e.mutex.Unlock()
	name := header.Get(webhookID)
	if e.silent {
		return false, fmt.Sprintf("the message %s of live mode was sent to this machine: %s", name, body)
	}
	if err := e.verifier.Verify([]byte(body), header); err != nil {
		return false, fmt.Sprintf("the message %s to an endpoint of %s is not signed: %v", name, e.till.merchant, err)
	}
	had := e.had[name]
	if had == nil {
		event, err := eventOf(body)
		if err != nil {
			return false, fmt.Sprintf("the message %s is %s: %v", name, body, err)
		}
		e.had[name] = &message{body: body, event: event, tries: 1}
		return true, ""
	}
	had.tries++
	if had.body != body {
		return false, fmt.Sprintf("the message %s was %s, and then %s", name, had.body, body)
	}
	return false, ""
}

// answer answers a delivery, and reports whether the payment gateway may take it as delivered. Only the first try of a
// message fails on purpose, so that none waits for the third, minutes later.
func (m *mailroom) answer(w http.ResponseWriter, isFirst bool) bool {
	m.mutex.Lock()
	draw := m.random.IntN(24)
	m.mutex.Unlock()
	switch {
	case isFirst && draw < 2:
		w.WriteHeader(http.StatusInternalServerError)
		return false
	case isFirst && draw == 2:
		closeConnection(w)
		return false
	case draw == 3:
		time.Sleep(lateAfter)
	}
	w.WriteHeader(http.StatusNoContent)
	return true
}

// closeConnection ends a connection without an answer.
func closeConnection(w http.ResponseWriter) {
	if connection, _, err := http.NewResponseController(w).Hijack(); err == nil {
		_ = connection.Close()
	}
}

// wants reports whether the endpoint gets events of a type.
func (e *endpoint) wants(kind string) bool { return slices.Contains(e.types, kind) }
