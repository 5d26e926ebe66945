package outbox_test

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"codebank.dev/native/await"
	"codebank.dev/platform/id"
	"codebank.dev/platform/outbox"
	"codebank.dev/platform/outbox/outboxtest"
)

var errAway = errors.New("away")

// memory is a Store that deletes what was sent.
type memory struct {
	mutex sync.Mutex
	rows  []*stored
	down  bool
	// claims counts the calls of Claim.
	claims int
}

type stored struct {
	outbox.Row
	due      time.Time
	position int
}

func (m *memory) add(t *testing.T, n int) (rows []outbox.Row) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	for range n {
		name, err := id.New(rand.Reader)
		require.NoError(t, err)
		row := outbox.Row{ID: name, Topic: "topic", Key: name[:], Body: name[:]}
		m.rows = append(m.rows, &stored{row, time.Now(), len(m.rows)})
		rows = append(rows, row)
	}
	return rows
}

func (m *memory) set(down bool) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	m.down = down
}

func (m *memory) left() int {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	return len(m.rows)
}

func (m *memory) Claim(_ context.Context, limit int, lease time.Duration) (rows []outbox.Row, err error) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	m.claims++
	if m.down {
		return nil, errAway
	}
	slices.SortStableFunc(m.rows, func(a, b *stored) int { return cmp.Or(a.due.Compare(b.due), cmp.Compare(a.position, b.position)) })
	now := time.Now()
	for _, row := range m.rows {
		if len(rows) < limit && !row.due.After(now) {
			row.due = now.Add(lease)
			row.Claims++
			rows = append(rows, row.Row)
		}
	}
	return rows, nil
}

func (m *memory) Sent(ctx context.Context, rows []id.ID) error {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case m.down:
		return errAway
	}
	m.rows = slices.DeleteFunc(m.rows, func(row *stored) bool { return slices.Contains(rows, row.ID) })
	return nil
}

func (m *memory) Again(ctx context.Context, rows []id.ID, after time.Duration) error {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case m.down:
		return errAway
	}
	for _, row := range m.rows {
		if slices.Contains(rows, row.ID) {
			row.due = time.Now().Add(after)
		}
	}
	return nil
}

// broker is a Publisher that keeps what it took.
type broker struct {
	mutex   sync.Mutex
	taken   []id.ID
	down    bool
	refused id.ID
	// hangs makes it answer only when its context ends.
	hangs bool
}

func (b *broker) Publish(ctx context.Context, rows []outbox.Row) []error {
	b.mutex.Lock()
	hangs := b.hangs
	b.mutex.Unlock()
	if hangs {
		<-ctx.Done()
	}
	b.mutex.Lock()
	defer b.mutex.Unlock()
	errs := make([]error, len(rows))
	for i, row := range rows {
		switch {
		case b.down || hangs:
			errs[i] = errAway
		case row.ID == b.refused:
			errs[i] = outbox.ErrRefused
		default:
			b.taken = append(b.taken, row.ID)
		}
	}
	return errs
}

func (b *broker) set(change func()) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	change()
}

func (b *broker) count() int {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	return len(b.taken)
}

// start runs a relay until the test ends or stop is called.
func start(t *testing.T, config outbox.Config) (relay *outbox.Relay, stop func()) {
	t.Helper()
	relay = outbox.New(config)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		relay.Run(ctx)
	}()
	stop = func() { cancel(); <-ended }
	t.Cleanup(stop)
	return relay, stop
}

func eventually(t *testing.T, condition func() bool) {
	t.Helper()
	await.Until(t, condition, 30*time.Second, 2*time.Millisecond)
}

func TestTheStoreOfTheseTestsIsAStore(t *testing.T) {
	outboxtest.TestStore(t, func(*testing.T) outboxtest.Subject {
		m := new(memory)
		return outboxtest.Subject{Store: m, Add: m.add}
	})
}

func TestRowsAreSentWhenTheRelayIsWokenAndInBatches(t *testing.T) {
	m, b := new(memory), new(broker)
	relay, _ := start(t, outbox.Config{Store: m, Publisher: b, Batch: 7, Poll: time.Hour})
	added := m.add(t, 50)
	relay.Wake()
	eventually(t, func() bool { return m.left() == 0 })
	var want []id.ID
	for _, row := range added {
		want = append(want, row.ID)
	}
	require.Equal(t, want, b.taken)
	require.EqualValues(t, 50, relay.Stats().Sent)
}

func TestRowsThatNobodyAnnouncesAreFound(t *testing.T) {
	m, b := new(memory), new(broker)
	start(t, outbox.Config{Store: m, Publisher: b, Poll: 5 * time.Millisecond})
	m.add(t, 3)
	eventually(t, func() bool { return m.left() == 0 })
}

func TestAnOutageLosesNothing(t *testing.T) {
	for what, outage := range map[string]func(*memory, *broker, bool){
		"the broker is away":      func(_ *memory, b *broker, on bool) { b.set(func() { b.down = on }) },
		"the broker is frozen":    func(_ *memory, b *broker, on bool) { b.set(func() { b.hangs = on }) },
		"the store does not work": func(m *memory, _ *broker, on bool) { m.set(on) },
	} {
		t.Run(what, func(t *testing.T) {
			m, b := new(memory), new(broker)
			m.add(t, 20)
			outage(m, b, true)
			relay, _ := start(t, outbox.Config{Store: m, Publisher: b, Batch: 6, Lease: 20 * time.Millisecond, Poll: time.Millisecond})
			eventually(t, func() bool { return relay.Stats().Away })
			require.Zero(t, b.count())
			outage(m, b, false)
			eventually(t, func() bool { return m.left() == 0 })
			eventually(t, func() bool { return !relay.Stats().Away })
		})
	}
}

func TestARefusedRowHoldsNobodyUp(t *testing.T) {
	m, b := new(memory), new(broker)
	added := m.add(t, 20)
	b.refused = added[0].ID
	relay, _ := start(t, outbox.Config{Store: m, Publisher: b, Batch: 3, Poll: time.Millisecond})
	eventually(t, func() bool { return m.left() == 1 })
	require.Equal(t, 19, b.count())
	require.Positive(t, relay.Stats().Refused)
	require.False(t, relay.Stats().Away)
}

func TestReplicasShareTheRows(t *testing.T) {
	m := new(memory)
	brokers := []*broker{new(broker), new(broker), new(broker)}
	m.add(t, 300)
	for _, b := range brokers {
		start(t, outbox.Config{Store: m, Publisher: b, Batch: 5, Poll: time.Millisecond})
	}
	eventually(t, func() bool { return m.left() == 0 })
	sum := 0
	for _, b := range brokers {
		sum += b.count()
	}
	require.Equal(t, 300, sum, "no claim has ended, so nothing is sent twice")
}

// What was acknowledged is recorded although the program ends meanwhile.
func TestAnEndingRelayRecordsWhatItHasSent(t *testing.T) {
	m, b := new(memory), new(broker)
	m.add(t, 5)
	b.hangs = true
	_, stop := start(t, outbox.Config{Store: m, Publisher: b, Lease: time.Hour, Poll: time.Millisecond})
	eventually(t, func() bool { m.mutex.Lock(); defer m.mutex.Unlock(); return m.claims > 0 })
	stop()
	rows, err := m.Claim(t.Context(), 10, time.Hour)
	require.NoError(t, err)
	if len(rows) == 0 { // They are due again a moment later, not after their claim.
		eventually(t, func() bool {
			rows, err = m.Claim(t.Context(), 10, time.Hour)
			return err == nil && len(rows) > 0
		})
	}
	require.Len(t, rows, 5)
}
