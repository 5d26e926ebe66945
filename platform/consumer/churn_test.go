package consumer_test

import (
	"math/rand/v2"
	"sync/atomic"
	"testing"

	"codebank.dev/platform/consumer"
)

// Readers come and go all the time, and the records are read on all the while.
func TestReadersThatComeAndGoLeaveNoRecordOut(t *testing.T) {
	brokers, offsets, handler := cluster(t).ListenAddrs(), &store{}, &recorder{}
	config := consumer.Config{Brokers: brokers, Offsets: offsets, Handler: handler, MaxBatch: 3}
	stay, _ := start(t, config)
	var stop atomic.Bool
	sent := make(chan int)
	go func() {
		n := 0
		for ; !stop.Load(); n += 30 {
			produce(t, brokers, n, n+30)
		}
		sent <- n
	}()
	random := rand.New(rand.NewPCG(1, 1))
	var guests []func()
	for range 6 {
		guest, leave := start(t, config)
		guests = append(guests, leave)
		if len(guests) < threads && random.IntN(2) == 0 {
			eventually(t, func() bool { return guest.Stats().Partitions > 0 })
		}
		for len(guests) > random.IntN(4) {
			guests[0]()
			guests = guests[1:]
		}
		before := offsets.sum()
		eventually(t, func() bool { return offsets.sum() > before })
	}
	stop.Store(true)
	n := <-sent
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("%d sent; offsets %d; %+v", n, offsets.sum(), stay.Stats())
		}
	})
	eventually(t, func() bool { return offsets.sum() == int64(n) })
}
