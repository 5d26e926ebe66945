// Package shoptest has a small checkout for the pages of the shop: a catalogue and orders in one process, over real gRPC.
// It keeps what it is told, and decides by published test numbers. Its rules are those of the contracts, as far as pages
// can see them.
package shoptest

import (
	"context"
	"net"
	"sync"
	"time"

	"codebank.dev/platform/fault"
	"codebank.dev/platform/serve"
	checkoutv1 "codebank.dev/schemas/gen/checkout/v1"
	identityv1 "codebank.dev/schemas/gen/identity/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"
)

// The published test numbers that the checkout knows, and what becomes of their orders. Every other card is approved.
const (
	Good    = "4111111111111111"
	Amex    = "378282246310005"
	Broke   = "4000000000009995" // declined: INSUFFICIENT_FUNDS
	Blocked = "4000000000009979" // declined: BLOCKED
	Slow    = "4000000000000119" // pending until Decide
)

// World is the checkout. It is safe for concurrent use.
type World struct {
	mutex    sync.Mutex
	now      func() time.Time
	identity identityv1.IdentityServiceClient
	products []*checkoutv1.CatalogueProduct
	orders   []*order // oldest first
	// away says that nothing is answered, noBank that the bank is away, and lost that answers are lost.
	away, noBank, lost bool
	calls              int
}

// order is an order with what only checkout knows.
type order struct {
	*checkoutv1.Order
	owner, secret string
	request       *checkoutv1.PlaceOrderRequest
}

// NewWorld returns a checkout with the products of some stores. identity says whose a token is; now is the clock.
func NewWorld(identity grpc.ClientConnInterface, now func() time.Time) *World {
	return &World{now: now, identity: identityv1.NewIdentityServiceClient(identity), products: sample()}
}

// Serve serves checkout on a listener until stop is called.
func (w *World) Serve(listener net.Listener) (stop func()) {
	server := grpc.NewServer(grpc.UnaryInterceptor(w.unary))
	checkoutv1.RegisterCatalogueServiceServer(server, &catalogue{World: w})
	checkoutv1.RegisterCheckoutServiceServer(server, &checkout{World: w})
	go func() { _ = server.Serve(listener) }()
	return server.Stop
}

var errAway = fault.New(fault.Unavailable, "AWAY", "The service is away.")

// unary answers as the edge of a program does.
func (w *World) unary(ctx context.Context, request any, info *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (any, error) {
	places := info.FullMethod == checkoutv1.CheckoutService_PlaceOrder_FullMethodName
	w.mutex.Lock()
	away, lost := w.away, w.lost && places
	if places {
		w.calls++
	}
	w.mutex.Unlock()
	if away {
		return nil, serve.ToStatus(errAway).Err()
	}
	answer, err := handle(ctx, request)
	if lost {
		err = errAway
	}
	if err != nil {
		return nil, serve.ToStatus(err).Err()
	}
	return answer, nil
}

// Leave makes checkout answer nothing, or answer again.
func (w *World) Leave(away bool) { w.set(&w.away, away) }

// LeaveBank makes the bank behind checkout answer nothing, or answer again.
func (w *World) LeaveBank(away bool) { w.set(&w.noBank, away) }

// Lose makes checkout place orders and lose its answers, or answer again.
func (w *World) Lose(lost bool) { w.set(&w.lost, lost) }

func (w *World) set(value *bool, to bool) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	*value = to
}

// Orders returns copies of all orders, the oldest first.
func (w *World) Orders() (all []*checkoutv1.Order) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	for _, one := range w.orders {
		all = append(all, proto.CloneOf(one.Order))
	}
	return all
}

// Requests returns how often an order was asked for.
func (w *World) Requests() int {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	return w.calls
}

// user returns the user of a call's token; "" without one.
func (w *World) user(ctx context.Context) (string, error) {
	sent := metadata.ValueFromIncomingContext(ctx, "authorization")
	if len(sent) == 0 {
		return "", nil
	}
	me, err := w.identity.GetMe(metadata.AppendToOutgoingContext(ctx, "authorization", sent[0]), &identityv1.GetMeRequest{})
	return me.GetUser().GetName(), err
}
