package postgres_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"codebank.dev/bank"
	"codebank.dev/bank/banktest"
	"codebank.dev/bank/outbox"
	"codebank.dev/bank/postgres"
	"codebank.dev/native/await"
	"codebank.dev/native/postgres/postgrestest"
	"github.com/stretchr/testify/require"
)

// shelf is a broker that takes every event at once.
type shelf struct {
	mutex  sync.Mutex
	events []bank.Event
}

func (s *shelf) Publish(_ context.Context, event bank.Event, done func(error)) {
	s.mutex.Lock()
	s.events = append(s.events, event)
	s.mutex.Unlock()
	done(nil)
}

func (s *shelf) Flush(context.Context) error { return nil }

// gaps returns the events that came before one that precedes them.
func (s *shelf) gaps() (found []string) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	last := make(map[bank.ID]int64)
	for _, event := range s.events {
		// The first purchase has sequence 2.
		if event.Sequence > max(last[event.AccountID], 1)+1 {
			found = append(found, fmt.Sprintf("%s:%d after %d", event.AccountID, event.Sequence, last[event.AccountID]))
		}
		last[event.AccountID] = max(last[event.AccountID], event.Sequence)
	}
	return found
}

// leader is a relay that publishes a ledger's outbox on a shelf.
type leader struct {
	relay *outbox.Relay
	stop  func()
}

func lead(store *postgres.Store, on *shelf) leader {
	ctx, cancel := context.WithCancel(context.Background())
	relay := outbox.New(outbox.Config{
		Outbox: store, Publisher: on, Holder: banktest.NewID().String(), BatchRows: 50, Accounts: 2,
		FetchPause: time.Millisecond, DeletePause: time.Millisecond, Poll: 2 * time.Millisecond,
	})
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = relay.Run(ctx)
	}()
	return leader{relay, func() {
		cancel()
		<-ended
	}}
}

// Whatever range is republished, however often, and whoever leads: no later event is held back.
func TestNoRepublishHoldsAnEventBack(t *testing.T) {
	store := openAt(t, postgrestest.Database(t))
	customers := banktest.OpenCustomers(t, store, 3, 1_000_000)
	last := make(map[bank.ID]int64)
	encode := func(entry *bank.Entry) (bank.Event, error) { return banktest.EventOf(entry), nil }
	on := new(shelf)
	leads := lead(store, on)
	defer func() { leads.stop() }()
	seed := time.Now().UnixNano()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(uint64(seed), 0))
	for range 12 {
		for range 1 + random.IntN(12) {
			customer := customers[random.IntN(len(customers))]
			switch random.IntN(4) {
			default:
				last[customer.Account] = banktest.Buy(t, store, customer, 1).Sequence
			case 1:
				from := 1 + random.Int64N(max(last[customer.Account], 1))
				to := from + random.Int64N(max(last[customer.Account]-from, 0)+1)
				_, err := store.RequeueEvents(t.Context(), postgres.Span{AccountID: customer.Account, From: from, To: to}, encode)
				require.NoError(t, err)
			case 2:
				leads.stop()
				leads = lead(store, on)
			}
		}
		await.Until(t, func() bool {
			rows, _, err := store.Backlog(t.Context())
			return err == nil && rows == 0
		}, 20*time.Second, time.Millisecond, "events are held back")
		require.Empty(t, on.gaps())
	}
}
