package chaos

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"codebank.dev/stack/launch"
	"codebank.dev/stack/pipes"
)

// chargeEvent is an event of a merchant, by the live feed or by a webhook.
type chargeEvent struct {
	Type      string          `json:"type"`
	Sequence  int64           `json:"sequence"`
	Charge    json.RawMessage `json:"charge"`
	Operation json.RawMessage `json:"operation"`
}

// equals reports whether both say the same, byte by byte.
func (e *chargeEvent) equals(other *chargeEvent) bool {
	return e.Type == other.Type && e.Sequence == other.Sequence && string(e.Charge) == string(other.Charge) && string(e.Operation) == string(other.Operation)
}

// follower reads the events of a till as they happen, from the first one on. Its streams break again and again; it goes
// on behind the last event that it has. It is safe for concurrent use.
type follower struct {
	till   *till
	client *http.Client

	mutex sync.Mutex
	// events are in their order: the one at i has the sequence i+1.
	events  []chargeEvent
	streams int64
	// wrong is set by what must not be; nothing is read behind it.
	wrong bool
}

// followAgainAfter is the wait before a stream is opened again.
const followAgainAfter = 300 * time.Millisecond

// follow reads until ctx ends.
func (f *follower) follow(ctx context.Context) {
	for {
		f.reportIf(f.listen(ctx))
		if f.isWrong() || !sleep(ctx, followAgainAfter) {
			return
		}
	}
}

func (f *follower) reportIf(wrong string) {
	f.till.load.observed.reportIf(wrong, eventsFollow)
	f.mutex.Lock()
	defer f.mutex.Unlock()
	f.wrong = f.wrong || wrong != ""
}

func (f *follower) isWrong() bool {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	return f.wrong
}

// last is the sequence of the last event that was read.
func (f *follower) last() int64 {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	return int64(len(f.events))
}

// all returns the events that were read.
func (f *follower) all() []chargeEvent {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	return f.events
}

// listen reads one stream until it ends, and returns what is wrong with it.
func (f *follower) listen(ctx context.Context) (wrong string) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, f.till.url+"/v1/events?after=0", nil)
	if err != nil {
		return err.Error()
	}
	request.Header.Set("Authorization", "Bearer "+f.till.secret)
	if last := f.last(); last > 0 {
		request.Header.Set("Last-Event-ID", strconv.FormatInt(last, 10))
	}
	response, err := f.client.Do(request)
	if err != nil {
		return "" // The gateway is down, or was killed.
	}
	defer response.Body.Close()
	switch response.StatusCode {
	case http.StatusOK:
	case http.StatusServiceUnavailable, http.StatusGatewayTimeout, http.StatusTooManyRequests:
		return ""
	default:
		body, _ := io.ReadAll(io.LimitReader(response.Body, 1<<10)) // It may break off.
		return fmt.Sprintf("the events of a merchant were answered %s %s", response.Status, body)
	}
	f.mutex.Lock()
	f.streams++
	f.mutex.Unlock()
	return f.takeAll(response.Body)
}

// takeAll takes the events of a stream, each of which has its id and its data on a line of its own.
func (f *follower) takeAll(stream io.Reader) (wrong string) {
	lines := bufio.NewScanner(stream)
	lines.Buffer(nil, 1<<20)
	id, data := "", ""
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), ": ")
		switch {
		case name == "id":
			id = value
		case name == "data":
			data = value
		case lines.Text() == "" && data != "":
			if wrong := f.take(id, data); wrong != "" {
				return wrong
			}
			data = ""
		}
	}
	return "" // However it ends, it is opened again.
}

// take adds an event, which must be the next one.
func (f *follower) take(id, data string) (wrong string) {
	var event chargeEvent
	if err := json.Unmarshal([]byte(data), &event); err != nil {
		return fmt.Sprintf("an event is %q: %v", data, err)
	}
	f.mutex.Lock()
	defer f.mutex.Unlock()
	if event.Sequence != int64(len(f.events))+1 || id != strconv.FormatInt(event.Sequence, 10) {
		return fmt.Sprintf("behind the event %d of %s in %s mode comes the event %d, with the id %s", len(f.events), f.till.merchant, f.till.mode, event.Sequence, id)
	}
	f.events = append(f.events, event)
	return ""
}

// followEvents follows the events of every till until the returned function is called.
func (l *load) followEvents(ctx context.Context) (end func()) {
	ctx, cancel := context.WithCancel(ctx)
	var following sync.WaitGroup
	for _, t := range l.charges.tills {
		following.Go(func() { t.follower.follow(ctx) })
	}
	return func() {
		cancel()
		following.Wait()
	}
}

// errEventsMissing says that a feed has not told everything yet.
var errEventsMissing = errors.New("events of merchants are missing in their feed")

// awaitFeeds waits until every feed has told all that the tables have.
func (r *run) awaitFeeds(ctx context.Context) error {
	connection, err := r.system.database(ctx, launch.CheckoutDatabase)
	if err != nil {
		return err
	}
	defer connection.Close(context.WithoutCancel(ctx))
	for _, t := range r.load.charges.tills {
		var wanted int64
		if err := connection.QueryRow(ctx, "SELECT coalesce(max(sequence), 0) FROM charge_events WHERE merchant = $1 AND mode = $2", t.merchant, modeNumbers[t.mode]).Scan(&wanted); err != nil {
			return err
		}
		if err := pipes.Await(ctx, resolveTimeout, func(context.Context) error {
			if last := t.follower.last(); last < wanted && !t.follower.isWrong() {
				return fmt.Errorf("%w: %d of %d in %s mode", errEventsMissing, wanted-last, wanted, t.mode)
			}
			return nil
		}); err != nil {
			return err
		}
		if last := t.follower.last(); last > wanted {
			r.load.observed.report(eventsFollow, "the feed has told %d events, and there are %d", last, wanted)
		}
	}
	return nil
}

// modeNumbers are the modes as the tables have them.
var modeNumbers = map[string]int16{"test": 1, "live": 2}
