package chaos

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"time"

	"codebank.dev/stack/launch"
	"codebank.dev/stack/pipes"
)

// resolveEvents compares what merchants heard of their events.
func (r *run) resolveEvents(ctx context.Context) {
	if err := r.resolveHooks(ctx); err != nil {
		r.load.observed.report(hooksCome, "%v", err)
	}
	r.journal.printf("all events of merchants are in their live feeds and at their endpoints")
}

// resolveHooks waits until every event has come to the endpoints that want it, and compares what they have with the live
// feed. What is still missing after a while is sent again as merchants do it: the third try of a message comes minutes
// later.
func (r *run) resolveHooks(ctx context.Context) error {
	if err := r.awaitFeeds(ctx); err != nil {
		return err
	}
	room := r.load.charges.mailroom
	for _, path := range slices.Sorted(maps.Keys(room.endpoints)) {
		e := room.endpoints[path]
		if e.silent {
			continue
		}
		if pipes.Await(ctx, sendsBySelf, func(context.Context) error { return e.errorOfMissing() }) != nil {
			if err := room.resend(ctx, e); err != nil {
				return err
			}
		}
		if err := pipes.Await(ctx, resolveTimeout, func(context.Context) error { return e.errorOfMissing() }); err != nil {
			return err
		}
		r.load.observed.reportIf(e.compare(), hooksCome)
	}
	return nil
}

// sendsBySelf is how long messages are waited for until they are sent again by hand.
const sendsBySelf = 20 * time.Second

// errorOfMissing returns an error if events have not been taken yet.
func (e *endpoint) errorOfMissing() error {
	if missing := e.missing(); len(missing) > 0 {
		return fmt.Errorf("%d events have not come to an endpoint of %s, among them %d", len(missing), e.till.merchant, missing[0])
	}
	return nil
}

// missing returns the sequences of wanted events that the endpoint has not taken.
func (e *endpoint) missing() (sequences []int64) {
	taken := make(map[int64]bool)
	for _, m := range e.messages() {
		taken[m.event.Sequence] = m.taken
	}
	for _, event := range e.till.follower.all() {
		if e.wants(event.Type) && !taken[event.Sequence] {
			sequences = append(sequences, event.Sequence)
		}
	}
	return sequences
}

// told is the body of a message.
type told struct {
	Type string
	Data struct {
		Sequence          int64
		Charge, Operation json.RawMessage
	}
}

// eventOf returns what the body of a message tells.
func eventOf(body string) (event chargeEvent, err error) {
	var of told
	err = json.Unmarshal([]byte(body), &of)
	return chargeEvent{of.Type, of.Data.Sequence, of.Data.Charge, of.Data.Operation}, err
}

// messages returns copies of all messages.
func (e *endpoint) messages() []message {
	e.mutex.Lock()
	defer e.mutex.Unlock()
	all := make([]message, 0, len(e.had))
	for _, m := range e.had {
		all = append(all, *m)
	}
	return all
}

// compare returns how the messages differ from the live feed: each event of a wanted type has one message that says the
// same, and nothing else has one.
func (e *endpoint) compare() (wrong string) {
	events, had := e.till.follower.all(), make(map[int64]bool)
	for _, m := range e.messages() {
		sequence := m.event.Sequence
		if sequence < 1 || sequence > int64(len(events)) || had[sequence] {
			return fmt.Sprintf("an endpoint of %s was sent %s, and there is no such event, or it has another message", e.till.merchant, m.body)
		}
		had[sequence] = true
		if wanted := events[sequence-1]; !m.event.equals(&wanted) || !e.wants(wanted.Type) {
			return fmt.Sprintf("an endpoint of %s was sent %s, and the feed has %+v", e.till.merchant, m.body, wanted)
		}
	}
	return ""
}

// deliveryPage is a page of an endpoint's log.
type deliveryPage struct {
	Deliveries []struct {
		ID, Status string
		Sequence   int64
	}
	NextPageToken string `json:"next_page_token"`
}

// resend sends again what an endpoint has not taken.
func (m *mailroom) resend(ctx context.Context, e *endpoint) error {
	missing := e.missing()
	for token := ""; ; {
		var page deliveryPage
		err := e.repeat(ctx, deskRequest{method: http.MethodGet, path: endpointsPath + "/" + e.id + "/deliveries?page_size=100&page_token=" + token}, &page)
		if err != nil {
			return err
		}
		for _, one := range page.Deliveries {
			if !slices.Contains(missing, one.Sequence) {
				continue
			}
			if err := e.repeat(ctx, deskRequest{method: http.MethodPost, path: endpointsPath + "/" + e.id + "/deliveries/" + one.ID + "/resend"}, nil); err != nil {
				return err
			}
			m.resent.Add(1)
		}
		if token = page.NextPageToken; token == "" {
			return nil
		}
	}
}

// repeat sends a request until it is answered. It reads the answer unless into is nil.
func (e *endpoint) repeat(ctx context.Context, request deskRequest, into any) error {
	return pipes.Await(ctx, time.Minute, func(ctx context.Context) error {
		answer, kind := e.till.call(ctx, request)
		if kind != classOK {
			return fmt.Errorf("%s %s: %s", request.method, request.path, kind)
		}
		if into == nil {
			return nil
		}
		return json.Unmarshal(answer.body, into)
	})
}

// eventResults are the results on the live feed and the webhooks of merchants.
func (r *run) eventResults() []Result {
	var events, streams, messages int64
	for _, t := range r.load.charges.tills {
		events += t.follower.last()
		streams += t.follower.streams
	}
	room := r.load.charges.mailroom
	for _, e := range room.endpoints {
		messages += int64(len(e.messages()))
	}
	broker := r.journal.kills[launch.Kafka] + int64(len(r.brokerOutages)+len(r.brokerAbsences))
	return []Result{
		{ID: eventsFollow, Name: "the live feed has every event once", Count: events, Checked: fmt.Sprintf(
			"%d events of %d merchants and modes over %d streams, while the broker was down %d times, each behind the one before it, without a gap and without a repeat",
			events, len(r.load.charges.tills), streams, broker)},
		{ID: hooksCome, Name: "webhooks come, signed, to their merchant", Count: messages, Checked: fmt.Sprintf(
			"%d events of subscribed types, each taken by its endpoint and the same as in the live feed; %d deliveries, each signed and under one id with one body; %d of them were refused or cut off; %d were sent again by hand; none came to another merchant, and none of live mode to this machine",
			messages, room.tries.Load(), room.refused.Load(), room.resent.Load())},
	}
}
