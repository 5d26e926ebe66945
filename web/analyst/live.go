package analyst

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"time"

	"codebank.dev/dashboards/query"
	"codebank.dev/dashboards/view"
	"codebank.dev/platform/fault"
	"codebank.dev/platform/serve"
)

const (
	// maxStreams bounds the streams that are open at once.
	maxStreams = 64
	// lookEvery is how often the index is asked whether it has new events, while a stream is
	// open.
	lookEvery = freshFor
	// beatEvery is the time between two signs of life on a stream.
	beatEvery = 15 * time.Second
	// writeTimeout bounds one write to a browser that does not read. It outlasts the silence between two signs of life:
	// over HTTP/2 a stream ends when its deadline has passed, whether something is written or not.
	writeTimeout = beatEvery + 10*time.Second
)

var errTooMany = fault.New(fault.ResourceExhausted, "TOO_MANY_STREAMS", "Too many pages refresh themselves. This page does not, until others are closed.")

// hub tells all open streams when the index has new events. It asks the index only while a
// stream is open. It is safe for concurrent use.
type hub struct {
	newest   func(context.Context) (string, error)
	draining <-chan struct{}
	metrics  *metrics

	mu      sync.Mutex
	streams map[chan string]bool
	stop    context.CancelFunc
	last    string
}

func newHub(newest func(context.Context) (string, error), draining <-chan struct{}, metrics *metrics) *hub {
	return &hub{newest: newest, draining: draining, metrics: metrics, streams: map[chan string]bool{}}
}

// join opens a stream. It returns nil if too many are open. The caller leaves it.
func (b *hub) join() chan string {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.streams) >= maxStreams {
		b.metrics.refused.Inc()
		return nil
	}
	stream := make(chan string, 1)
	b.streams[stream] = true
	b.metrics.streams.Inc()
	if b.stop == nil {
		ctx, cancel := context.WithCancel(context.Background())
		b.stop = cancel
		go b.poll(ctx)
	}
	return stream
}

func (b *hub) leave(stream chan string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.streams[stream] {
		return
	}
	delete(b.streams, stream)
	b.metrics.streams.Dec()
	if len(b.streams) == 0 && b.stop != nil {
		b.stop()
		b.stop = nil
	}
}

// poll asks the index until the last stream is closed.
func (b *hub) poll(ctx context.Context) {
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	for {
		limited, cancel := context.WithTimeout(ctx, searchTimeout)
		mark, err := b.newest(limited)
		cancel()
		if ctx.Err() == nil {
			b.tell(mark, err)
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// tell sends an event to all streams if the index has changed or is away. A stream that has
// not read the event before gets the newer one only.
func (b *hub) tell(mark string, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	event := "figures"
	if err != nil {
		event, mark = "away", ""
	}
	if b.last == mark && err == nil {
		return
	}
	first := b.last == "" && err == nil
	b.last = mark
	if first {
		event = "ready"
	}
	for stream := range b.streams {
		select {
		case <-stream:
		default:
		}
		stream <- event
	}
}

// newest returns a text that changes when the index has new events.
func (h *handler) newest(ctx context.Context) (string, error) {
	body := func(field string) json.RawMessage {
		return json.RawMessage(`{"size":0,"track_total_hits":true,"aggs":{"newest":{"max":{"field":"` + field + `"}}}}`)
	}
	answers, err := h.searchIn(ctx, []query.Request{
		{Index: string(view.Transactions), Body: body("occurred_at")}, {Index: string(view.Watermarks), Body: body("complete_to")},
	})
	if err != nil {
		return "", err
	}
	mark := ""
	for _, answer := range answers {
		var of struct {
			Error json.RawMessage `json:"error"`
			Hits  struct {
				Total json.RawMessage `json:"total"`
			} `json:"hits"`
			Aggregations json.RawMessage `json:"aggregations"`
		}
		if err := json.Unmarshal(answer, &of); err != nil || len(of.Error) > 0 {
			return "", errAway
		}
		mark += string(of.Hits.Total) + string(of.Aggregations)
	}
	return mark, nil
}

// serveLive sends events: ready at the beginning, figures when there are new ones, away when
// Elasticsearch does not answer. The stream ends when the browser leaves or the program ends.
func (h *handler) serveLive(w http.ResponseWriter, r *http.Request) error {
	if _, err := h.requested(r); err != nil {
		return err
	}
	stream := h.live.join()
	if stream == nil {
		w.Header().Set("Retry-After", "60")
		serve.WriteProblem(w, r, errTooMany)
		return nil
	}
	defer h.live.leave(stream)
	w.Header().Set("Content-Type", "text/event-stream")
	if r.Method == http.MethodHead {
		return nil
	}
	out := http.NewResponseController(w)
	beat := time.NewTicker(beatEvery)
	defer beat.Stop()
	line := "retry: 3000\nevent: ready\ndata: {}\n\n"
	for {
		_ = out.SetWriteDeadline(time.Now().Add(writeTimeout))
		if _, err := fmt.Fprint(w, line); err != nil || out.Flush() != nil {
			return nil
		}
		select {
		case <-r.Context().Done():
			return nil
		case <-h.live.draining:
			return nil
		case event := <-stream:
			line = "event: " + event + "\ndata: {}\n\n"
		case <-beat.C:
			line = ": alive\n\n"
		}
	}
}
