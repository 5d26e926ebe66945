package main

import (
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"codebank.dev/native/await"
	"codebank.dev/native/postgres/postgrestest"
	"codebank.dev/platform/fault"
	"codebank.dev/platform/mtls"
	"codebank.dev/platform/mtls/authority"
	"codebank.dev/platform/serve"
	checkoutv1 "codebank.dev/schemas/gen/checkout/v1"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/keepalive"
)

// The bank ends connections that are too old, and cuts off their streams soon after; certificates are replaced; the bank
// restarts. No order fails of it, and each is charged once.
func TestNoOrderFailsWhenConnectionsAndCertificatesEnd(t *testing.T) {
	bank, peer := newBank(t)
	aging := serve.Config{ConnectionAge: 200 * time.Millisecond, DrainTimeout: time.Second, GRPCOptions: []grpc.ServerOption{grpc.KeepaliveParams(
		keepalive.ServerParameters{MaxConnectionAge: 200 * time.Millisecond, MaxConnectionAgeGrace: 500 * time.Millisecond},
	)}}
	peer.End()
	peer.Serve(t, aging)
	p := start(t, postgrestest.Database(t), peer, "--log-level=info", "--charge-deadline=20s")
	var (
		placing            sync.WaitGroup
		placed             atomic.Int64
		restarting, enough atomic.Bool
	)
	for shopper := range 8 {
		placing.Go(func() {
			for i := 0; !enough.Load(); i++ {
				id := "r" + strconv.Itoa(shopper) + "-" + strconv.Itoa(i)
				answer, err := p.client.PlaceOrder(t.Context(), request(id))
				for restarting.Load() && err != nil && fault.CodeOf(err) == fault.Unavailable {
					// No bank, no token: nothing is stored or charged, and the shop tries again.
					answer, err = p.client.PlaceOrder(t.Context(), request(id))
				}
				if err != nil || answer.GetOrder().GetState() != checkoutv1.OrderState_ORDER_STATE_APPROVED {
					t.Errorf("%s: %v, %v", id, answer.GetOrder().GetState(), err)
					return
				}
				placed.Add(1)
			}
		})
	}
	until := func(what string, done func() bool) {
		await.Until(t, done, time.Minute, 10*time.Millisecond, what)
	}
	until("connections come and go", func() bool { return peer.Connections() >= 3 || t.Failed() })
	for round := 1; round <= 2; round++ {
		for _, program := range []string{"checkout", "bank"} {
			_, err := peer.Kit.Authority.Issue(mtls.ID{Bank: "001", Program: program}, authority.Options{})
			require.NoError(t, err)
		}
		until("new certificates are read", func() bool {
			return strings.Count(p.Log(), "the files of TLS were read again") >= round || t.Failed()
		})
		before := peer.Connections()
		until("and shown", func() bool { return peer.Connections() >= before+2 || t.Failed() })
	}
	restarting.Store(true)
	peer.End()
	peer.Serve(t, aging)
	before := placed.Load()
	until("orders are placed again", func() bool { return placed.Load() > before+50 || t.Failed() })
	enough.Store(true)
	placing.Wait()

	require.Len(t, bank.Kept(), int(placed.Load()))
	metrics := p.get(t, "/metrics").Body
	require.Contains(t, metrics, `codebank_checkout_orders_ended_total{outcome="approved"} `+strconv.FormatInt(placed.Load(), 10)+"\n")
	require.Contains(t, metrics, `codebank_checkout_orders_ended_total{outcome="given_up"} 0`)
	require.Contains(t, metrics, "codebank_checkout_open_orders 0")
	p.Interrupt(t)
}
