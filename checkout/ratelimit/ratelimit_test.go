package ratelimit_test

import (
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"codebank.dev/checkout/ratelimit"
	"codebank.dev/platform/fault"
	"codebank.dev/platform/principal"
	"codebank.dev/platform/serve"
)

// caller sends requests to a handler with limits.
type caller struct {
	handle serve.RouteHandler
	who    principal.Principal
}

func merchant(name, mode string) principal.Principal {
	return principal.Principal{Kind: principal.Merchant, Name: name, Mode: mode}
}

// send returns the headers of an answer, and whether the request was let in.
func (c *caller) send(t *testing.T) (http.Header, bool) {
	t.Helper()
	w, r := httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil)
	err := c.handle(w, r.WithContext(serve.ContextWithPrincipal(r.Context(), "", c.who)))
	if err != nil {
		require.Equal(t, fault.ResourceExhausted, fault.CodeOf(err))
		require.Equal(t, time.Second, fault.Of(err).RetryAfter)
	}
	return w.Header(), err == nil
}

func done(http.ResponseWriter, *http.Request) error { return nil }

func TestACallerHasItsBucket(t *testing.T) {
	now := time.Date(2030, time.January, 2, 3, 4, 5, 0, time.UTC)
	limits := ratelimit.New(ratelimit.Config{PerSecond: 2, Burst: 5, Now: func() time.Time { return now }})
	paper := &caller{limits.Limit(done), merchant("paper", "test")}
	for left := 4; left >= 0; left-- {
		header, ok := paper.send(t)
		require.True(t, ok)
		require.Equal(t, `"requests";q=5;w=3`, header.Get("RateLimit-Policy"))
		require.Equal(t, `"requests";r=`+strconv.Itoa(left)+";t="+strconv.Itoa((5-left+1)/2), header.Get("RateLimit"))
	}
	header, ok := paper.send(t)
	require.False(t, ok)
	require.Equal(t, `"requests";r=0;t=3`, header.Get("RateLimit"))
	for _, other := range []principal.Principal{merchant("beans", "test"), merchant("paper", "live"), {Kind: principal.User, Name: "paper"}} {
		_, ok = (&caller{limits.Limit(done), other}).send(t)
		require.True(t, ok, "another caller has another bucket")
	}
	now = now.Add(time.Second)
	for i := range 3 {
		_, ok = paper.send(t)
		require.Equal(t, i < 2, ok)
	}
	now = now.Add(time.Hour)
	header, _ = paper.send(t)
	require.Equal(t, `"requests";r=4;t=1`, header.Get("RateLimit"), "never more than the burst")
}

func TestTheDefaultsLetAThousandIn(t *testing.T) {
	header, ok := (&caller{ratelimit.New(ratelimit.Config{}).Limit(done), merchant("paper", "test")}).send(t)
	require.True(t, ok)
	require.Equal(t, `"requests";q=1000;w=2`, header.Get("RateLimit-Policy"))
}

// routes remembers handlers by their patterns.
type routes map[string]serve.RouteHandler

func (r routes) Route(pattern string, handle serve.RouteHandler)       { r[pattern] = handle }
func (r routes) RouteStream(pattern string, handle serve.RouteHandler) { r[pattern] = handle }

func TestTheRoutesOfALimitedRouterShareTheBuckets(t *testing.T) {
	added := make(routes)
	router := ratelimit.New(ratelimit.Config{PerSecond: 1, Burst: 1}).Limited(added)
	router.Route("GET /a", done)
	router.RouteStream("GET /b", done)
	_, ok := (&caller{added["GET /a"], merchant("paper", "test")}).send(t)
	require.True(t, ok)
	_, ok = (&caller{added["GET /b"], merchant("paper", "test")}).send(t)
	require.False(t, ok)
}

// A caller who reads no answers holds a bounded number of them.
func TestACallerHasFewOpenRequests(t *testing.T) {
	limits := ratelimit.New(ratelimit.Config{})
	inside, leave := make(chan struct{}), make(chan struct{})
	slow := &caller{limits.Limit(func(http.ResponseWriter, *http.Request) error {
		inside <- struct{}{}
		<-leave
		return nil
	}), merchant("paper", "test")}
	var ended sync.WaitGroup
	for range 128 {
		ended.Go(func() { slow.send(t) })
		<-inside
	}
	paper := &caller{limits.Limit(done), merchant("paper", "test")}
	_, ok := paper.send(t)
	require.False(t, ok)
	_, ok = (&caller{limits.Limit(done), merchant("beans", "test")}).send(t)
	require.True(t, ok)
	close(leave)
	ended.Wait()
	_, ok = paper.send(t)
	require.True(t, ok)
}
