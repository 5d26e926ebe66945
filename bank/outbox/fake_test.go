package outbox

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"codebank.dev/bank"
)

var (
	errAway = errors.New("away")
	errDead = errors.New("this process is dead")
)

// process can be frozen and killed. Each relay reaches store and broker through one.
type process struct {
	mutex  sync.Mutex
	thawed chan struct{} // nil while running
	dead   bool
}

// awaitThawed waits while the process is frozen, even after a context has ended: a frozen process
// goes on with its next step when it is thawed.
func (p *process) awaitThawed() error {
	for {
		p.mutex.Lock()
		thawed, dead := p.thawed, p.dead
		p.mutex.Unlock()
		if dead {
			return errDead
		}
		if thawed == nil {
			return nil
		}
		<-thawed
	}
}

func (p *process) freeze() {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if p.thawed == nil {
		p.thawed = make(chan struct{})
	}
}

func (p *process) thaw() {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if p.thawed != nil {
		close(p.thawed)
		p.thawed = nil
	}
}

func (p *process) kill() {
	p.thaw()
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.dead = true
}

// world is the store and the broker, shared by all processes.
type world struct {
	mutex      sync.Mutex
	rows       map[int64]bank.OutboxRow // visible rows
	nextID     int64
	committed  map[string]bank.Event
	holder     string
	epoch      int64
	expires    time.Time
	storeDown  bool
	brokerDown bool
	failures   int                   // how many of the next publishes fail
	tooLarge   func(bank.Event) bool // nil when every event fits
	topic      []bank.Event
	acked      map[string]bool
	fetches    int
	violations []string

	// decided is when each id was taken, bodyOf the body of the row that it became.
	decided          map[int64]time.Time
	bodyOf           map[int64]string
	marked           time.Time
	watermarks       []time.Time
	refuseWatermarks bool // every watermark fails
}

func newWorld() *world {
	return &world{
		rows: make(map[int64]bank.OutboxRow), committed: make(map[string]bank.Event), acked: make(map[string]bool),
		decided: make(map[int64]time.Time), bodyOf: make(map[int64]string),
	}
}

func (w *world) violation(format string, arguments ...any) {
	w.violations = append(w.violations, fmt.Sprintf(format, arguments...))
}

// takeID returns the next id, as a transaction does before it commits.
func (w *world) takeID() int64 {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	w.nextID++
	w.decided[w.nextID] = time.Now()
	return w.nextID
}

// makeVisible makes a row visible, as a commit does.
func (w *world) makeVisible(id int64, account byte, sequence int64) {
	w.show(id, account, sequence, false)
}

// republish writes events again, as an operator's republish does.
func (w *world) republish(account byte, sequences ...int64) {
	for _, sequence := range sequences {
		w.show(w.takeID(), account, sequence, true)
	}
}

func (w *world) show(id int64, account byte, sequence int64, republished bool) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	event := bank.Event{AccountID: bank.ID{account}, Key: bank.ID{account}, Sequence: sequence}
	event.Body = fmt.Appendf(nil, "%d:%d", account, sequence)
	if account == 0 {
		event.AccountID, event.Body = bank.ID{}, fmt.Appendf(nil, "refusal %d", id)
	}
	w.rows[id] = bank.OutboxRow{ID: id, Event: event, Republished: republished}
	w.committed[string(event.Body)] = event
	w.bodyOf[id] = string(event.Body)
}

// commit takes an id and makes its row visible at once.
func (w *world) commit(account byte, sequences ...int64) {
	for _, sequence := range sequences {
		w.makeVisible(w.takeID(), account, sequence)
	}
}

func (w *world) set(change func()) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	change()
}

func (w *world) waiting() int {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	return len(w.rows)
}

// bodies returns the bodies on the topic, in order.
func (w *world) bodies() []string {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	var bodies []string
	for _, event := range w.topic {
		bodies = append(bodies, string(event.Body))
	}
	return bodies
}

// findViolations returns every broken promise.
func (w *world) findViolations() []string {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	found := slices.Clone(w.violations)
	seen, last := make(map[string]bool), make(map[bank.ID]int64)
	for _, event := range w.topic {
		seen[string(event.Body)] = true
		if event.AccountID.IsZero() {
			continue
		}
		if event.Sequence > last[event.AccountID]+1 {
			found = append(found, fmt.Sprintf("gap: %s after sequence %d", event.Body, last[event.AccountID]))
		}
		last[event.AccountID] = max(last[event.AccountID], event.Sequence)
	}
	for body := range w.committed {
		if !seen[body] {
			found = append(found, "lost: "+body)
		}
	}
	return found
}

// fakeOutbox is the store as one process sees it.
type fakeOutbox struct {
	*world
	*process
}

var _ bank.Outbox = fakeOutbox{}

func (o fakeOutbox) open() error {
	if err := o.awaitThawed(); err != nil {
		return err
	}
	o.world.mutex.Lock()
	if o.storeDown {
		o.world.mutex.Unlock()
		return errAway
	}
	return nil
}

func (o fakeOutbox) Acquire(_ context.Context, holder string, ttl time.Duration) (int64, error) {
	if err := o.open(); err != nil {
		return 0, err
	}
	defer o.world.mutex.Unlock()
	now := time.Now()
	if o.holder != holder {
		if now.Before(o.expires) {
			return 0, bank.ErrLeaseLost
		}
		o.epoch++
	}
	o.holder, o.expires = holder, now.Add(ttl)
	return o.epoch, nil
}

func (o fakeOutbox) Fetch(_ context.Context, limit int, skip []int64) ([]bank.OutboxRow, error) {
	if err := o.open(); err != nil {
		return nil, err
	}
	defer o.world.mutex.Unlock()
	o.fetches++
	var ids []int64
	for id := range o.rows {
		if !slices.Contains(skip, id) {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	var rows []bank.OutboxRow
	for _, id := range ids[:min(limit, len(ids))] {
		rows = append(rows, o.rows[id])
	}
	return rows, nil
}

func (o fakeOutbox) Delete(_ context.Context, epoch int64, ids []int64) error {
	if err := o.open(); err != nil {
		return err
	}
	defer o.world.mutex.Unlock()
	if epoch != o.epoch {
		return bank.ErrLeaseLost
	}
	for _, id := range ids {
		if row, ok := o.rows[id]; ok && !o.acked[string(row.Event.Body)] {
			o.violation("row %d deleted before its acknowledgement", id)
		}
		delete(o.rows, id)
	}
	return nil
}

func (o fakeOutbox) Backlog(context.Context) (int64, time.Time, error) {
	if err := o.open(); err != nil {
		return 0, time.Time{}, err
	}
	defer o.world.mutex.Unlock()
	return int64(len(o.rows)), time.Now(), nil
}

var _ bank.Marker = fakeOutbox{}

func (o fakeOutbox) Mark(_ context.Context, epoch int64) (bank.Mark, error) {
	if err := o.open(); err != nil {
		return bank.Mark{}, err
	}
	defer o.world.mutex.Unlock()
	now := time.Now()
	if epoch != o.epoch || !now.After(o.marked) {
		return bank.Mark{}, bank.ErrNoMark
	}
	o.world.marked = now
	return bank.Mark{CompleteTo: now, LastID: o.nextID}, nil
}

func (o fakeOutbox) Drained(_ context.Context, mark bank.Mark) (bool, error) {
	if err := o.open(); err != nil {
		return false, err
	}
	defer o.world.mutex.Unlock()
	for id := range o.decided {
		_, waits := o.rows[id]
		if id <= mark.LastID && (waits || o.bodyOf[id] == "") {
			return false, nil
		}
	}
	return true, nil
}

// fakeWatermarks is the topic of watermarks as one process sees it. It compares each watermark with
// the topic of events.
type fakeWatermarks struct {
	world   *world
	process *process
}

func (f fakeWatermarks) PublishWatermark(ctx context.Context, completeTo time.Time) error {
	if err := f.process.awaitThawed(); err != nil {
		return err
	}
	w := f.world
	w.mutex.Lock()
	defer w.mutex.Unlock()
	if ctx.Err() != nil || w.brokerDown || w.refuseWatermarks {
		return errAway
	}
	for id, at := range w.decided {
		if at.Before(completeTo) && !w.acked[w.bodyOf[id]] {
			w.violation("complete to %s, but row %d of %s is not on the topic", completeTo, id, at)
		}
	}
	w.watermarks = append(w.watermarks, completeTo)
	return nil
}

// completeTo returns the last watermark, the zero time before the first.
func (w *world) completeTo() time.Time {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	if len(w.watermarks) == 0 {
		return time.Time{}
	}
	return w.watermarks[len(w.watermarks)-1]
}

// fakePublisher is the broker as one process sees it: a queue that one goroutine works off in
// order, a few milliseconds per event. After a failure it refuses events until it is flushed,
// because a call in progress may not know of the failure yet.
type fakePublisher struct {
	world   *world
	process *process
	limit   int

	mutex   sync.Mutex
	queue   []publication
	changed chan struct{}
	closed  chan struct{}
	ended   chan struct{}
	failing bool
	most    int
}

type publication struct {
	event bank.Event
	done  func(error)
}

var _ bank.Publisher = (*fakePublisher)(nil)

func newFakePublisher(w *world, p *process) *fakePublisher {
	f := &fakePublisher{world: w, process: p, limit: 1000}
	f.changed, f.closed, f.ended = make(chan struct{}, 1), make(chan struct{}), make(chan struct{})
	go f.work()
	return f
}

func (f *fakePublisher) Publish(ctx context.Context, event bank.Event, done func(error)) {
	time.Sleep(200 * time.Microsecond) // so that answers come while a batch is being sent
	err := f.process.awaitThawed()
	for err == nil {
		f.mutex.Lock()
		if f.failing {
			f.mutex.Unlock()
			err = errAway
			break
		}
		if len(f.queue) < f.limit {
			f.queue = append(f.queue, publication{event, done})
			f.most = max(f.most, len(f.queue))
			f.mutex.Unlock()
			signal(f.changed)
			return
		}
		f.mutex.Unlock()
		if !sleep(ctx, time.Millisecond) {
			err = ctx.Err()
		}
	}
	done(err)
}

func (f *fakePublisher) Flush(ctx context.Context) error {
	for sleep(ctx, time.Millisecond) {
		f.mutex.Lock()
		empty := len(f.queue) == 0
		f.failing = f.failing && !empty
		f.mutex.Unlock()
		if empty {
			return nil
		}
	}
	return ctx.Err()
}

func (f *fakePublisher) work() {
	defer close(f.ended)
	for {
		select {
		case <-f.closed:
			return
		case <-f.changed:
		}
		for f.workOne() {
		}
	}
}

// workOne puts the first queued event on the topic and acknowledges it a little later.
func (f *fakePublisher) workOne() bool {
	time.Sleep(time.Millisecond)
	if f.process.awaitThawed() != nil {
		return false // a dead process receives no answers
	}
	f.world.mutex.Lock()
	down, failing := f.world.brokerDown, f.world.failures > 0
	f.world.mutex.Unlock()
	f.mutex.Lock()
	why := errAway
	if down || len(f.queue) == 0 {
		again := len(f.queue) > 0
		f.mutex.Unlock()
		return again && sleepUnless(f.closed, 10*time.Millisecond)
	}
	if f.fails(f.queue[0].event) {
		failing, why = true, bank.ErrEventTooLarge
	}
	if failing {
		// A failure takes every event behind it along, so the order is kept.
		doomed := f.queue
		f.queue, f.failing = nil, true
		f.mutex.Unlock()
		f.world.set(func() { f.world.failures = max(f.world.failures-1, 0) })
		for _, p := range doomed {
			p.done(why)
			why = errAway
		}
		return true
	}
	first := f.queue[0]
	f.mutex.Unlock()
	f.world.set(func() { f.world.topic = append(f.world.topic, first.event) })
	time.Sleep(time.Millisecond) // a death here lies between the broker's write and its answer
	if f.process.awaitThawed() != nil {
		return false
	}
	f.world.set(func() { f.world.acked[string(first.event.Body)] = true })
	first.done(nil)
	f.mutex.Lock()
	f.queue = f.queue[1:]
	f.mutex.Unlock()
	return true
}

// fails reports whether an event is too large.
func (f *fakePublisher) fails(event bank.Event) bool {
	f.world.mutex.Lock()
	defer f.world.mutex.Unlock()
	return f.world.tooLarge != nil && f.world.tooLarge(event)
}

func sleepUnless(closed chan struct{}, wait time.Duration) bool {
	select {
	case <-closed:
		return false
	case <-time.After(wait):
		return true
	}
}

// node is a running relay with its process.
type node struct {
	*process
	relay     *Relay
	publisher *fakePublisher
	cancel    context.CancelFunc
	ended     chan struct{}
}

// start runs a relay over world as a process of its own.
func (w *world) start(holder string, adjust func(*Config)) *node {
	p := new(process)
	publisher := newFakePublisher(w, p)
	config := Config{Outbox: fakeOutbox{w, p}, Publisher: publisher, Holder: holder, Lease: 3 * time.Second, BatchRows: 7}
	config.Marker, config.Watermarks = fakeOutbox{w, p}, fakeWatermarks{w, p}
	if adjust != nil {
		adjust(&config)
	}
	ctx, cancel := context.WithCancel(context.Background())
	n := &node{process: p, relay: New(config), publisher: publisher, cancel: cancel, ended: make(chan struct{})}
	go func() {
		defer close(n.ended)
		n.relay.Run(ctx)
	}()
	return n
}

// stop ends the relay in good order and waits for it.
func (n *node) stop() {
	n.cancel()
	<-n.ended
	close(n.publisher.closed)
	<-n.publisher.ended
}

// die ends the relay as kill -9 does: none of its later steps reaches store or broker.
func (n *node) die() {
	n.kill()
	n.stop()
}
