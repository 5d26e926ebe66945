package client_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"codebank.dev/checkout/client"
)

// tell sends events with these sequences.
func tell(w http.ResponseWriter, sequences ...int) {
	for _, n := range sequences {
		_, _ = fmt.Fprintf(w, "id: %d\ndata: {\"type\":\"charge.approved\",\"sequence\":%d,\"charge\":{\"id\":\"c%d\"}}\n\n", n, n, n)
	}
}

// heard reads events until it has a sequence.
func heard(t *testing.T, c *client.Client, after int64, last int64) (sequences []int64) {
	t.Helper()
	for event, err := range c.Events(t.Context(), after) {
		require.NoError(t, err)
		require.Equal(t, fmt.Sprintf("c%d", event.Sequence), event.Charge.ID)
		sequences = append(sequences, event.Sequence)
		if event.Sequence == last {
			break
		}
	}
	return sequences
}

// Whatever happens to connections, each event comes once.
func TestEventsGoOnBehindTheLastOne(t *testing.T) {
	g := serve(t, func(n int, w http.ResponseWriter, _ *http.Request) {
		switch n {
		case 1:
			_, _ = io.WriteString(w, "retry: 1000\nid: 0\n\n")
			tell(w, 1, 2)
		case 2:
			lose()
		case 3:
			problem(w, http.StatusServiceUnavailable, "STARTING")
		case 4:
			tell(w, 2, 3) // a repeat
			_, _ = io.WriteString(w, ": alive\n\nid: 4\ndata: {\"type\":\"char")
			_ = http.NewResponseController(w).Flush()
			lose()
		default:
			tell(w, 4, 5)
		}
	})
	require.Equal(t, []int64{1, 2, 3, 4, 5}, heard(t, g.client(t), 0, 5))
	var targets []string
	for _, sent := range g.requests() {
		require.Equal(t, "Bearer "+secret, sent.secret)
		targets = append(targets, sent.target)
	}
	require.Equal(t, []string{"/v1/events?after=0", "/v1/events?after=2", "/v1/events?after=2", "/v1/events?after=2", "/v1/events?after=3"}, targets)
}

// From now on means from the first connection on, also when it ends before the first event.
func TestEventsFromNowOn(t *testing.T) {
	g := serve(t, func(n int, w http.ResponseWriter, _ *http.Request) {
		if n == 1 {
			_, _ = io.WriteString(w, "id: 7\n\n")
			return
		}
		tell(w, 8)
	})
	require.Equal(t, []int64{8}, heard(t, g.client(t), client.FromNow, 8))
	require.Equal(t, "/v1/events", g.requests()[0].target)
	require.Equal(t, "/v1/events?after=7", g.requests()[1].target)
}

func TestEventsEndWithAnError(t *testing.T) {
	for name, test := range map[string]struct {
		answer func(http.ResponseWriter)
		is     func(error) bool
	}{
		"a refusal for good": {func(w http.ResponseWriter) { problem(w, http.StatusUnauthorized, "SECRET_REFUSED") }, func(err error) bool {
			refusal, is := err.(*client.Error)
			return is && refusal.Reason == "SECRET_REFUSED"
		}},
		"a gap":      {func(w http.ResponseWriter) { tell(w, 2) }, func(err error) bool { return err == client.ErrGap }},
		"not events": {func(w http.ResponseWriter) { _, _ = io.WriteString(w, "data: {\n\n") }, func(err error) bool { return err != nil }},
	} {
		g := serve(t, func(_ int, w http.ResponseWriter, _ *http.Request) { test.answer(w) })
		ended := 0
		for _, err := range g.client(t).Events(t.Context(), 0) {
			require.True(t, test.is(err), "%s: %v", name, err)
			ended++
		}
		require.Equal(t, 1, ended, name)
		require.Len(t, g.requests(), 1, name)
	}

	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	g := serve(t, func(_ int, w http.ResponseWriter, r *http.Request) {
		tell(w, 1)
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	})
	var last error
	for _, err := range g.client(t).Events(ctx, 0) {
		last = err
		cancel()
	}
	require.ErrorIs(t, last, context.Canceled)
}
