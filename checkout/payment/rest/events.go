package rest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"codebank.dev/checkout/payment"
	"codebank.dev/checkout/payment/feed"
	"codebank.dev/checkout/payment/view"
	"codebank.dev/platform/fault"
	"codebank.dev/platform/serve"
)

// StreamEvents is the route of the live feed, by its name in Permissions.
const StreamEvents = "GET /v1/events"

func (s *Server) events() []route {
	return []route{{StreamEvents, reads, s.streamEvents, true}}
}

const (
	// afterParameter and lastEventID name the event behind which a client goes on.
	afterParameter, lastEventID = "after", "Last-Event-ID"
	// eventsAtOnce are read and written together. A stream keeps no more in memory, however slow its client is.
	eventsAtOnce = 64
	// checkEvery is how often the caller is admitted once more.
	checkEvery = 1500 * time.Millisecond
	// checkTimeout bounds one such check, and one read of events. When no check succeeds for admittedFor, the stream
	// ends: whoever may not read any more reads for less than five seconds.
	checkTimeout, admittedFor = checkEvery / 2, 2 * checkEvery
	// writeTimeout bounds one write to a client that does not read. It outlasts checkEvery, because over HTTP/2 a
	// stream ends when its deadline has passed, whether something is written or not.
	writeTimeout = 5 * time.Second
	// reconnectAfter is how soon a client comes again.
	reconnectAfter = time.Second
)

var (
	errAfter       = fault.Invalid(afterParameter, "The events go on behind the sequence of one of them, or 0.")
	errLastEventID = fault.Invalid(lastEventID, "Last-Event-ID is the id of an event.")
	errAhead       = fault.Invalid(afterParameter, "There is no event of this sequence yet.")
)

// streamEvents sends an owner's events as server-sent events, each with its sequence as its id. It goes on behind
// Last-Event-ID or the parameter after, else behind the newest event. The stream ends when the caller may not read any
// more, when the client leaves or does not read, and when the program ends; a client then comes again, and misses
// nothing.
func (s *Server) streamEvents(w http.ResponseWriter, r *http.Request) error {
	query, err := serve.ReadQuery(r, merchantParameter, modeParameter, afterParameter)
	if err != nil {
		return err
	}
	owner, err := s.Reader(r, query)
	if err != nil {
		return err
	}
	after, given, err := readPlace(r, query)
	if err != nil {
		return err
	}
	reader, err := s.config.Feed.Join(owner)
	if err != nil {
		return err
	}
	defer reader.Close()
	newest, err := reader.Newest(r.Context())
	switch {
	case err != nil:
		return err
	case !given:
		after = newest
	case after > newest:
		return errAhead
	}
	reader.GoOn(after)
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	if r.Method == http.MethodHead {
		return nil
	}
	e := &eventStream{server: s, w: w, out: http.NewResponseController(w), r: r, query: query, owner: owner, reader: reader, admittedAt: time.Now()}
	// The id makes a client that loses the stream before the first event go on from here.
	if e.write(fmt.Sprintf("retry: %d\nid: %d\n\n", reconnectAfter.Milliseconds(), after)) == nil {
		e.run()
	}
	return nil
}

// readPlace returns the sequence behind which a client wants to go on, if it says so. A client that comes again has
// the address of its first request, so the header counts.
func readPlace(r *http.Request, query url.Values) (after int64, given bool, err error) {
	text, refusal := query.Get(afterParameter), error(errAfter)
	given = query.Has(afterParameter)
	if r.Header.Get(lastEventID) != "" {
		if text, err = serve.OnlyHeader(r, lastEventID); err != nil {
			return 0, false, err
		}
		given, refusal = true, errLastEventID
	}
	if !given {
		return 0, false, nil
	}
	after, err = strconv.ParseInt(text, 10, 64)
	if err != nil || after < 0 {
		return 0, false, refusal
	}
	return after, true, nil
}

// eventStream is one answer that goes on.
type eventStream struct {
	server     *Server
	w          http.ResponseWriter
	out        *http.ResponseController
	r          *http.Request
	query      url.Values
	owner      payment.Owner
	reader     *feed.Reader
	admittedAt time.Time
	wroteAt    time.Time
}

// run sends events until the stream ends.
func (e *eventStream) run() {
	check := time.NewTicker(checkEvery)
	defer check.Stop()
	for e.isAdmitted() {
		n, err := e.sendNext()
		if err != nil {
			return
		}
		if n == eventsAtOnce {
			select {
			case <-e.server.router.Draining():
				return
			default:
				continue
			}
		}
		select {
		case <-e.r.Context().Done():
			return
		case <-e.server.router.Draining():
			return
		case <-e.reader.Woken():
		case <-check.C:
			_ = e.out.SetWriteDeadline(time.Now().Add(writeTimeout))
			if time.Since(e.wroteAt) > e.server.config.Beat-checkEvery && e.write(": alive\n\n") != nil {
				return
			}
		}
	}
}

// sendNext sends the events that are there, and returns how many there were. While the store is away there are none.
// An error is that of the client.
func (e *eventStream) sendNext() (int, error) {
	ctx, cancel := context.WithTimeout(e.r.Context(), checkTimeout)
	defer cancel()
	changes, err := e.reader.Next(ctx, eventsAtOnce)
	if err != nil || len(changes) == 0 {
		return 0, e.r.Context().Err()
	}
	var text []byte
	for i := range changes {
		event := view.OfChange(&changes[i])
		data, err := json.Marshal(event)
		if err != nil {
			return 0, err
		}
		text = fmt.Appendf(text, "id: %d\ndata: %s\n\n", event.Sequence, data)
	}
	return len(changes), e.write(string(text))
}

func (e *eventStream) write(text string) error {
	e.wroteAt = time.Now()
	_ = e.out.SetWriteDeadline(e.wroteAt.Add(writeTimeout))
	if _, err := e.w.Write([]byte(text)); err != nil {
		return err
	}
	return e.out.Flush()
}

// isAdmitted reports whether the caller may go on, and asks anew when the last time is long ago. A database that is
// away for a moment ends no stream; one that stays away does, because then nobody knows.
func (e *eventStream) isAdmitted() bool {
	if time.Since(e.admittedAt) < checkEvery {
		return true
	}
	began := time.Now()
	err := e.admit()
	switch {
	case err == nil:
		e.admittedAt = began
		return true
	case fault.CodeOf(err) == fault.Unavailable || errors.Is(err, context.DeadlineExceeded):
		return time.Since(e.admittedAt) < admittedFor
	}
	return false
}

func (e *eventStream) admit() error {
	ctx, cancel := context.WithTimeout(e.r.Context(), checkTimeout)
	defer cancel()
	ctx, err := e.server.router.Readmit(e.r.WithContext(ctx))
	if err != nil {
		return err
	}
	owner, err := e.server.Reader(e.r.WithContext(ctx), e.query)
	if err == nil && owner != e.owner {
		err = fault.Of(errors.New("rest: the owner has changed"))
	}
	return err
}
