package analyst

import (
	"context"
	"fmt"
	"runtime/debug"
	"sync"
	"time"
)

const (
	// freshFor is how long an answer is used for equal requests.
	freshFor = 10 * time.Second
	// cacheLimit is how many answers are kept.
	cacheLimit = 128
	// searchTimeout bounds one request to Elasticsearch.
	searchTimeout = 30 * time.Second
	// searchesAtOnce bounds the requests that run side by side; others wait.
	searchesAtOnce = 4
)

// cache keeps figures for a short time, and lets equal requests wait for one answer. It is
// safe for concurrent use.
type cache struct {
	mu      sync.Mutex
	entries map[string]*entry
	slots   chan struct{}
	now     func() time.Time
	hits    func()
	// lost is told why a request has no answer although load returned none: it waited too long
	// for its turn, or load panicked.
	lost func(context.Context, error)
}

// entry is one answer. done is closed when it is there.
type entry struct {
	done  chan struct{}
	at    time.Time
	value *figures
}

func newCache(now func() time.Time, hits func(), lost func(context.Context, error)) *cache {
	return &cache{entries: map[string]*entry{}, slots: make(chan struct{}, searchesAtOnce), now: now, hits: hits, lost: lost}
}

// get returns the answer with a key. If there is none that is fresh, it calls load, with a
// context that goes on when this caller leaves, because others may wait for the answer.
func (c *cache) get(ctx context.Context, key string, load func(context.Context) *figures) *figures {
	c.mu.Lock()
	e, known := c.entries[key]
	if known && e.fresh(c.now()) {
		c.mu.Unlock()
		c.hits()
		return e.wait(ctx)
	}
	c.evict()
	e = &entry{done: make(chan struct{}), at: c.now()}
	c.entries[key] = e
	c.mu.Unlock()
	go func() {
		detached, cancel := context.WithTimeout(context.WithoutCancel(ctx), searchTimeout)
		defer cancel()
		c.fill(detached, key, e, load)
	}()
	return e.wait(ctx)
}

func (c *cache) fill(ctx context.Context, key string, e *entry, load func(context.Context) *figures) {
	value := &figures{err: context.DeadlineExceeded}
	defer func() {
		if panicked := recover(); panicked != nil {
			value = &figures{err: fmt.Errorf("panic: %v\n%s", panicked, debug.Stack())}
			c.lost(ctx, value.err)
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		e.value = value
		if value.err != nil && c.entries[key] == e {
			delete(c.entries, key) // The next request tries again.
		}
		close(e.done)
	}()
	select {
	case c.slots <- struct{}{}:
		defer func() { <-c.slots }()
		value = load(ctx)
	case <-ctx.Done():
		c.lost(ctx, fmt.Errorf("%d requests to Elasticsearch run already: %w", searchesAtOnce, ctx.Err()))
	}
}

// evict removes answers that are not fresh, and any answer if there are still too many.
func (c *cache) evict() {
	now := c.now()
	for key, e := range c.entries {
		if !e.fresh(now) {
			delete(c.entries, key)
		}
	}
	for key := range c.entries {
		if len(c.entries) < cacheLimit {
			return
		}
		delete(c.entries, key)
	}
}

// fresh reports whether an answer may still be used. One that is not there yet is waited for.
func (e *entry) fresh(now time.Time) bool {
	select {
	case <-e.done:
		return now.Sub(e.at) < freshFor
	default:
		return true
	}
}

func (e *entry) wait(ctx context.Context) *figures {
	select {
	case <-e.done:
		return e.value
	case <-ctx.Done():
		return &figures{err: ctx.Err()}
	}
}
