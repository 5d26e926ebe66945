package client

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Event is one change of a charge.
type Event struct {
	// Type is what happened, such as charge.approved or refund.done.
	Type string `json:"type"`
	// Sequence counts the events of the merchant in the mode of the secret, from 1 and without gaps.
	Sequence   int64     `json:"sequence"`
	OccurredAt time.Time `json:"occurred_at"`
	// Charge is the charge after the change.
	Charge Charge `json:"charge"`
	// Operation is what the event is about; nil if that is the charge itself.
	Operation *Operation `json:"operation"`
	// Text is the event as the gateway has sent it, in JSON.
	Text string `json:"-"`
}

// FromNow begins Events behind the newest event.
const FromNow int64 = -1

// ErrGap says that an event is missing between two others, which the gateway never does.
var ErrGap = errors.New("client: an event is missing")

var errUnreadable = errors.New("client: an event cannot be read")

const (
	// maxLine bounds a line of a stream.
	maxLine = 1 << 20
	// silence is how long a stream may say nothing: three times as long as the gateway's.
	silence = 45 * time.Second
)

// Events returns the events that come behind a sequence, each once and in their order, as they happen: 0 for all, or
// FromNow. It goes on when the connection or the gateway ends, until ctx does; then, and when the gateway refuses the
// stream for good, it ends with an error. Keep the sequence of the last event that you have worked on, and begin
// behind it after a restart of your program.
func (c *Client) Events(ctx context.Context, after int64) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		e := &events{client: c, last: after, yield: yield}
		for try := 1; ; try++ {
			before := e.last
			err := e.listen(ctx)
			var refusal *Error
			switch {
			case e.left:
				return
			case ctx.Err() != nil:
				yield(Event{}, context.Cause(ctx))
				return
			case errors.Is(err, ErrGap), errors.Is(err, errUnreadable), errors.As(err, &refusal) && !refusal.isPassing():
				yield(Event{}, err)
				return
			}
			if e.last != before {
				try = 1
			}
			wait := c.backoff(try)
			if refusal != nil {
				wait += refusal.RetryAfter
			}
			_ = sleep(ctx, wait)
		}
	}
}

// events is a stream over any number of connections.
type events struct {
	client *Client
	last   int64
	yield  func(Event, error) bool
	// left says that nobody wants more events.
	left bool
}

// listen reads one connection until it ends.
func (e *events) listen(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	alarm := time.AfterFunc(silence, cancel)
	defer alarm.Stop()
	of := call{method: http.MethodGet, path: "/v1/events"}
	headers := map[string]string{"Accept": "text/event-stream"}
	if e.last >= 0 {
		of.query = url.Values{"after": {strconv.FormatInt(e.last, 10)}}
	}
	answer, err := e.client.send(ctx, &of, headers)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		body, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer))
		if err != nil {
			return err
		}
		return errorOf(answer, body)
	}
	return readEvents(answer.Body, func() { alarm.Reset(silence) }, e.take)
}

// take hands an event on, unless it was before. It returns an error to end the stream.
func (e *events) take(m *message) error {
	if m.data == "" {
		if e.last < 0 {
			e.last = m.id // The place from which the stream goes on.
		}
		return nil
	}
	var event Event
	if err := json.Unmarshal([]byte(m.data), &event); err != nil {
		return fmt.Errorf("%w: %w", errUnreadable, err)
	}
	switch {
	case event.Sequence <= e.last:
		return nil
	case e.last >= 0 && event.Sequence != e.last+1:
		return ErrGap
	}
	e.last = event.Sequence
	event.Text = m.data
	if !e.yield(event, nil) {
		e.left = true
		return io.EOF
	}
	return nil
}

// message is one block of a stream of server-sent events.
type message struct {
	id   int64
	data string
}

// readEvents reads server-sent events as the HTML standard has them (section 9.2) as far as the gateway uses them: the
// fields id, which is a number here, and data. A block that is not complete at the end is none. lively is called for
// each line.
func readEvents(stream io.Reader, lively func(), take func(*message) error) error {
	lines := bufio.NewScanner(stream)
	lines.Buffer(make([]byte, 0, 4096), maxLine)
	var m message
	var said bool
	for lines.Scan() {
		lively()
		line := lines.Text() // without a carriage return
		if line == "" {
			if said {
				if err := take(&m); err != nil {
					return err
				}
			}
			m.data, said = "", false
			continue
		}
		name, value, _ := strings.Cut(line, ":")
		value = strings.TrimPrefix(value, " ")
		switch name {
		case "id":
			id, err := strconv.ParseInt(value, 10, 64)
			if err != nil || id < 0 {
				return errNoID
			}
			m.id, said = id, true
		case "data":
			if m.data != "" {
				m.data += "\n"
			}
			m.data += value
			said = true
			if len(m.data) > maxLine {
				return errTooLong
			}
		}
	}
	return lines.Err()
}

var errNoID = errors.New("client: the id of an event is no number")
