// Package ratelimit bounds how many requests each caller of HTTP routes may send. The limits are one process's: with
// more replicas a caller may send as many times more.
package ratelimit

import (
	"fmt"
	"math"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"codebank.dev/platform/cache"
	"codebank.dev/platform/fault"
	"codebank.dev/platform/serve"
)

// Config is how much each caller may send.
type Config struct {
	// PerSecond is how many requests a caller may send on average; 0 means DefaultPerSecond.
	PerSecond int
	// Burst is how many he may send at once; 0 means twice PerSecond.
	Burst int
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// DefaultPerSecond is the default of Config.PerSecond.
const DefaultPerSecond = 500

// maxCallers bounds the memory. If more callers come at once, those that were not heard of for longest begin anew.
const maxCallers = 10_000

// Limits are a bucket of requests for each caller, who is the principal of the request: a merchant in one of his modes,
// whatever program sends his secret, or a person. Make one with New; it is safe for concurrent use.
type Limits struct {
	config  Config
	mutex   sync.Mutex
	buckets *cache.Map[string, *bucket]
}

// bucket is what a caller may still send.
type bucket struct {
	*rate.Limiter
	// open is how many of his requests are not answered, or whose answers he has not read.
	open atomic.Int64
}

// maxOpen bounds the memory that one caller takes by not reading the answers.
const maxOpen = 128

// New returns Limits.
func New(config Config) *Limits {
	if config.PerSecond <= 0 {
		config.PerSecond = DefaultPerSecond
	}
	if config.Burst <= 0 {
		config.Burst = 2 * config.PerSecond
	}
	if config.Now == nil {
		config.Now = time.Now
	}
	return &Limits{config: config, buckets: cache.New[string, *bucket](maxCallers)}
}

// errTooMany refuses a request before anything was done for it.
var errTooMany = fault.New(fault.ResourceExhausted, "TOO_MANY_REQUESTS", "You send more requests than you may. Wait as long as Retry-After says.")

// policy is the one name of the limit in the headers.
const policy = `"requests"`

// Limit returns a handler that refuses requests beyond the limit with 429 and Retry-After, and those of a caller who has
// maxOpen open ones. Each of its answers tells
// the caller where he stands, in the headers of draft-ietf-httpapi-ratelimit-headers: RateLimit-Policy has how many
// requests he may send at once (q) and in how many seconds so many more (w), RateLimit how many are left (r) and in
// how many seconds all are there again (t).
func (l *Limits) Limit(handle serve.RouteHandler) serve.RouteHandler {
	return func(w http.ResponseWriter, r *http.Request) error {
		subject := serve.Principal(r.Context())
		bucket, now := l.bucket(subject.Kind.String()+" "+subject.Namespace()), l.config.Now()
		taken := bucket.AllowN(now, 1)
		left := bucket.TokensAt(now)
		whole := max(0, int(math.Floor(left)))
		w.Header().Set("RateLimit-Policy", fmt.Sprintf("%s;q=%d;w=%d", policy, l.config.Burst, l.seconds(0)))
		w.Header().Set("RateLimit", fmt.Sprintf("%s;r=%d;t=%d", policy, whole, l.seconds(left)))
		defer bucket.open.Add(-1)
		if bucket.open.Add(1) > maxOpen || !taken {
			return errTooMany.After(time.Second) // One second brings at least one more.
		}
		return handle(w, r)
	}
}

// seconds returns in how many seconds a bucket is full that has so many requests.
func (l *Limits) seconds(has float64) int { // tidy:float requests, not money
	return max(0, int(math.Ceil((float64(l.config.Burst)-has)/float64(l.config.PerSecond)))) // tidy:float requests, not money
}

// bucket returns the bucket of a caller.
func (l *Limits) bucket(caller string) *bucket {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	of, known := l.buckets.Get(caller)
	if !known {
		of = &bucket{Limiter: rate.NewLimiter(rate.Limit(l.config.PerSecond), l.config.Burst)}
		l.buckets.Put(caller, of)
	}
	return of
}

// Router is what takes routes; *serve.Server is one.
type Router interface {
	Route(pattern string, handle serve.RouteHandler)
	RouteStream(pattern string, handle serve.RouteHandler)
}

// Limited returns a router that adds each route to another one within the limits.
func (l *Limits) Limited(router Router) Router { return limited{l, router} }

type limited struct {
	limits *Limits
	router Router
}

func (l limited) Route(pattern string, handle serve.RouteHandler) {
	l.router.Route(pattern, l.limits.Limit(handle))
}

func (l limited) RouteStream(pattern string, handle serve.RouteHandler) {
	l.router.RouteStream(pattern, l.limits.Limit(handle))
}
