// Package feed wakes whoever reads merchants' events while they happen. A Hub asks the store which of the owners that
// are read have newer events: at once after a commit of this process, and twice a second for those of other
// processes. There is one such question for all readers. Events themselves are read from the store, behind the last
// one that a reader has, so none is lost or repeated, whatever becomes of a wake-up, a process or a connection.
package feed

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"codebank.dev/checkout/payment"
	"codebank.dev/platform/fault"
)

// The defaults of Config.
const (
	DefaultPollEvery         = 500 * time.Millisecond
	DefaultMaxReaders        = 256
	DefaultMaxReadersOfOwner = 8
)

const (
	// pollGap is the shortest time between two questions, however many commits there are.
	pollGap = 20 * time.Millisecond
	// pollTimeout bounds a question.
	pollTimeout = 2 * time.Second
	// retryAfter is what a reader is told when there are too many.
	retryAfter = time.Minute
)

// ErrTooMany refuses one reader more, of an owner or in all.
var ErrTooMany = fault.New(fault.ResourceExhausted, "TOO_MANY_STREAMS", "Too many streams are open. Close one, or open this one later.").After(retryAfter)

// Config is what a Hub works with. Source is required.
type Config struct {
	Source payment.Feed
	// Logger gets warnings; nil for slog.Default().
	Logger *slog.Logger
	// PollEvery is how soon the events of other processes are seen, MaxReaders and MaxReadersOfOwner bound the
	// readers; 0 for the defaults.
	PollEvery                     time.Duration
	MaxReaders, MaxReadersOfOwner int
}

// Hub has the readers of a process. Make one with New. It is safe for concurrent use.
type Hub struct {
	config Config
	kick   chan struct{}

	mutex  sync.Mutex
	owners map[payment.Owner]*readers
	count  int
}

// readers are those of one owner, with the sequence that they were woken for.
type readers struct {
	all    map[*Reader]bool
	newest int64
}

// New returns a Hub.
func New(config Config) *Hub {
	if config.Logger == nil {
		config.Logger = slog.Default()
	}
	if config.PollEvery <= 0 {
		config.PollEvery = DefaultPollEvery
	}
	if config.MaxReaders <= 0 {
		config.MaxReaders = DefaultMaxReaders
	}
	if config.MaxReadersOfOwner <= 0 {
		config.MaxReadersOfOwner = DefaultMaxReadersOfOwner
	}
	return &Hub{config: config, kick: make(chan struct{}, 1), owners: map[payment.Owner]*readers{}}
}

// Readers returns how many readers there are.
func (h *Hub) Readers() int {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	return h.count
}

// Wake makes the Hub ask soon. It does not wait.
func (h *Hub) Wake() {
	select {
	case h.kick <- struct{}{}:
	default:
	}
}

// Reader reads the events of an owner. It is not safe for concurrent use.
type Reader struct {
	hub   *Hub
	owner payment.Owner
	wake  chan struct{}
	after int64
}

// Join returns a reader of an owner. Close it. Error: ErrTooMany.
func (h *Hub) Join(owner payment.Owner) (*Reader, error) {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	of := h.owners[owner]
	if h.count >= h.config.MaxReaders || of != nil && len(of.all) >= h.config.MaxReadersOfOwner {
		return nil, ErrTooMany
	}
	if of == nil {
		of = &readers{all: map[*Reader]bool{}}
		h.owners[owner] = of
	}
	r := &Reader{hub: h, owner: owner, wake: make(chan struct{}, 1)}
	of.all[r] = true
	h.count++
	return r, nil
}

// Close ends a reader. It may be repeated.
func (r *Reader) Close() {
	r.hub.mutex.Lock()
	defer r.hub.mutex.Unlock()
	of := r.hub.owners[r.owner]
	if of == nil || !of.all[r] {
		return
	}
	delete(of.all, r)
	r.hub.count--
	if len(of.all) == 0 {
		delete(r.hub.owners, r.owner)
	}
}

// Newest returns the sequence of the owner's last event; 0 if there is none. Error: fault.Unavailable.
func (r *Reader) Newest(ctx context.Context) (int64, error) {
	newest, err := r.hub.config.Source.Newest(ctx, []payment.Owner{r.owner})
	return newest[r.owner], err
}

// GoOn makes the reader go on behind a sequence; at first it reads from the beginning.
func (r *Reader) GoOn(after int64) { r.after = after }

// Next returns up to limit changes that come behind those that were returned before; none if there are none yet.
// Error: fault.Unavailable, and nothing is skipped.
func (r *Reader) Next(ctx context.Context, limit int) ([]payment.Change, error) {
	changes, err := r.hub.config.Source.Changes(ctx, r.owner, r.after, limit)
	if n := len(changes); n > 0 {
		r.after = changes[n-1].Event.Sequence
	}
	return changes, err
}

// Woken has something when there may be more to read.
func (r *Reader) Woken() <-chan struct{} { return r.wake }

// Run asks the store until ctx ends. While nobody reads, it asks nothing.
func (h *Hub) Run(ctx context.Context) {
	ticker := time.NewTicker(h.config.PollEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-h.kick:
		case <-ticker.C:
		}
		if !h.poll(ctx) {
			continue
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(pollGap):
		}
	}
}

// poll asks once, and reports whether there was anything to ask.
func (h *Hub) poll(ctx context.Context) bool {
	owners := h.watched()
	if len(owners) == 0 {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, pollTimeout)
	defer cancel()
	newest, err := h.config.Source.Newest(ctx, owners)
	if err != nil {
		h.config.Logger.Debug("the newest events of merchants are not known", "error", err)
		return true
	}
	h.mutex.Lock()
	defer h.mutex.Unlock()
	for owner, sequence := range newest {
		of := h.owners[owner]
		if of == nil || sequence <= of.newest {
			continue
		}
		of.newest = sequence
		for r := range of.all {
			select {
			case r.wake <- struct{}{}:
			default:
			}
		}
	}
	return true
}

// watched returns the owners that are read.
func (h *Hub) watched() []payment.Owner {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	owners := make([]payment.Owner, 0, len(h.owners))
	for owner := range h.owners {
		owners = append(owners, owner)
	}
	return owners
}

// Waking returns the store whose commits wake readers of this process at once. Each of also is called with them, and must
// not wait.
func (h *Hub) Waking(store payment.Store, also ...func()) payment.Store {
	return &waking{Store: store, wakes: append([]func(){h.Wake}, also...)}
}

// waking is a store that wakes others.
type waking struct {
	payment.Store
	wakes []func()
}

func (w *waking) wake() {
	for _, wake := range w.wakes {
		wake()
	}
}

// AcceptCharge implements payment.Store.
func (w *waking) AcceptCharge(ctx context.Context, acceptance *payment.Acceptance) (payment.Charge, bool, error) {
	defer w.wake()
	return w.Store.AcceptCharge(ctx, acceptance)
}

// AcceptOperation implements payment.Store.
func (w *waking) AcceptOperation(ctx context.Context, request *payment.OperationRequest) (payment.Operation, bool, error) {
	defer w.wake()
	return w.Store.AcceptOperation(ctx, request)
}

// Apply implements payment.Store.
func (w *waking) Apply(ctx context.Context, results []payment.Result) ([]payment.Result, error) {
	defer w.wake()
	return w.Store.Apply(ctx, results)
}
