package checkouttest

import (
	"context"
	"crypto/rand"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"codebank.dev/checkout"
	"codebank.dev/checkout/batch"
	"codebank.dev/checkout/charge"
	"codebank.dev/checkout/order"
	"codebank.dev/checkout/product"
	"codebank.dev/checkout/refund"
	"codebank.dev/platform/failpoint"
	"codebank.dev/platform/fault"
	"codebank.dev/platform/pan"
	"github.com/stretchr/testify/require"
)

// T is what a test has that starts processes: *testing.T, *rapid.T.
type T interface {
	require.TestingT
	Cleanup(func())
}

// Batched returns orders that are written to a store in batches, until the test ends.
func Batched(t T, store batch.Store) *batch.Orders {
	orders := batch.New(batch.Config{Store: store})
	t.Cleanup(func() { require.NoError(t, orders.Close(context.Background())) })
	return orders
}

// Setting is what a process of the merchant side is started with.
type Setting struct {
	Store Store
	Bank  checkout.Acquirer
	Clock checkout.Clock
	// Hook is told of failpoints; nil for none.
	Hook failpoint.Hook
	// Limits of zero mean Limits().
	Limits charge.Limits
}

// Limits are charge.Default with less patience.
func Limits() charge.Limits {
	limits := charge.Default()
	limits.Poll = 10 * time.Millisecond
	limits.Batch, limits.Workers = 8, 1
	return limits
}

// Shop is one process of the merchant side, on a store and a bank that outlive it.
type Shop struct {
	Store      Store
	Orders     *order.Service
	Charger    *charge.Charger
	Reconciler *charge.Reconciler
	Refunds    *refund.Service
	Refunder   *refund.Refunder

	life *life
}

// NewShop starts a process, which may be killed with Kill.
func NewShop(t T, setting Setting) *Shop {
	if setting.Limits == (charge.Limits{}) {
		setting.Limits = Limits()
	}
	s := &Shop{Store: setting.Store, life: &life{}}
	store, bank := mortalStore{setting.Store, s.life}, mortalAcquirer{setting.Bank, s.life}
	orders := Batched(t, store)
	var err error
	s.Charger, err = charge.New(charge.Config{
		Acquirer: bank, PendingCharges: orders, Clock: setting.Clock,
		Logger: slog.New(slog.DiscardHandler), Limits: setting.Limits, Failpoint: setting.Hook,
	})
	require.NoError(t, err)
	s.Reconciler = charge.NewReconciler(s.Charger)
	s.Orders = &order.Service{
		Catalogue: product.NewCache(store, setting.Clock), Orders: orders, Acquirer: bank,
		Charger: s.Charger, Clock: setting.Clock, Random: rand.Reader, Failpoint: setting.Hook,
	}
	s.Refunder = &refund.Refunder{
		Acquirer: bank, Pending: orders, Claims: orders, Clock: setting.Clock,
		Logger: slog.New(slog.DiscardHandler), Limits: setting.Limits, Failpoint: setting.Hook,
	}
	s.Refunds = &refund.Service{Orders: orders, Refunder: s.Refunder, Random: rand.Reader, Failpoint: setting.Hook}
	return s
}

// Kill ends the process after so many more steps, a step being the begin or the end
// of a call to its store or its bank: from then on nothing it does has an effect.
func (s *Shop) Kill(steps int) {
	s.life.left.Store(int64(steps))
	s.life.mortal.Store(true)
}

// Request returns a request for two novels, to be paid with a card of that number.
func Request(t testing.TB, requestID, number string) order.Request {
	return order.Request{
		By: Program("shop"), RequestID: requestID, TraceID: "4bf92f3577b34da6a3ce929d0e0e4736",
		Lines: []checkout.Line{{Product: "novel", Quantity: 2}},
		Card:  Card(t, number), Attempt: 1,
	}
}

// RefundRequest returns a request of the shop for a refund of an order; 0 is all that is left.
func RefundRequest(order checkout.ID, requestID string, amount int64) refund.Request {
	return refund.Request{
		By: Program("shop"), Order: checkout.OrderPrefix + order.String(),
		RefundRequest: checkout.RefundRequest{
			Caller: "shop", RequestID: requestID, AskedBy: "shop", TraceID: "4bf92f3577b34da6a3ce929d0e0e4736", Asked: amount, Reason: "Devolvido",
		},
	}
}

// ReconcileAll makes passes until no order and no refund is open, at most so many, moving the clock in
// between so that every order comes due. It returns how many are left open.
func (s *Shop) ReconcileAll(ctx context.Context, clock *Clock, passes int) (open int64, err error) {
	for range passes {
		clock.Advance(time.Minute + s.Charger.Limits().Lease())
		if _, err := s.Reconciler.Pass(ctx); err != nil {
			return 0, err
		}
		if _, err := s.Refunder.Pass(ctx); err != nil {
			return 0, err
		}
		orders, err := s.Store.Backlog(ctx)
		if err != nil {
			return 0, err
		}
		refunds, err := s.Store.RefundBacklog(ctx)
		if open = orders.Open + refunds.Open; err != nil || open == 0 {
			return 0, err
		}
	}
	return open, nil
}

// life is how long a process has to live.
type life struct {
	mortal atomic.Bool
	left   atomic.Int64
}

var errDead = fault.New(fault.Unavailable, "DEAD", "The process was killed.")

// step takes one step of the life and fails when it is over.
func (l *life) step() error {
	if l.mortal.Load() && l.left.Add(-1) < 0 {
		return errDead
	}
	return nil
}

// live does one call of a process: it may die before the call has an effect, or
// after that and before it knows.
func live[T any](l *life, call func() (T, error)) (T, error) {
	var none T
	if err := l.step(); err != nil {
		return none, err
	}
	answer, err := call()
	if dead := l.step(); dead != nil {
		return none, dead
	}
	return answer, err
}

type mortalAcquirer struct {
	bank checkout.Acquirer
	life *life
}

func (m mortalAcquirer) CreateToken(ctx context.Context, card pan.CardData) (checkout.CardToken, error) {
	return live(m.life, func() (checkout.CardToken, error) { return m.bank.CreateToken(ctx, card) })
}

func (m mortalAcquirer) Authorize(ctx context.Context, authorization checkout.Authorization) (checkout.Decision, error) {
	return live(m.life, func() (checkout.Decision, error) { return m.bank.Authorize(ctx, authorization) })
}

func (m mortalAcquirer) Void(ctx context.Context, requestID, traceID string) (checkout.Decision, error) {
	return live(m.life, func() (checkout.Decision, error) { return m.bank.Void(ctx, requestID, traceID) })
}

func (m mortalAcquirer) Refund(ctx context.Context, reversal checkout.Reversal) (string, error) {
	return live(m.life, func() (string, error) { return m.bank.Refund(ctx, reversal) })
}

type mortalStore struct {
	Store
	life *life
}

func (m mortalStore) Write(ctx context.Context, set []*checkout.OrderWrite) error {
	_, err := live(m.life, func() (any, error) { return nil, m.Store.Write(ctx, set) })
	return err
}

func (m mortalStore) ByRequest(ctx context.Context, caller, requestID string) (checkout.Order, error) {
	return live(m.life, func() (checkout.Order, error) { return m.Store.ByRequest(ctx, caller, requestID) })
}

func (m mortalStore) ByID(ctx context.Context, by checkout.Requester, id checkout.ID) (checkout.Order, error) {
	return live(m.life, func() (checkout.Order, error) { return m.Store.ByID(ctx, by, id) })
}

func (m mortalStore) Change(ctx context.Context, id checkout.ID, change func(checkout.Order) (checkout.Order, error)) (checkout.Order, error) {
	return live(m.life, func() (checkout.Order, error) { return m.Store.Change(ctx, id, change) })
}

func (m mortalStore) Claim(ctx context.Context, now, until time.Time, limit int) ([]checkout.Order, error) {
	return live(m.life, func() ([]checkout.Order, error) { return m.Store.Claim(ctx, now, until, limit) })
}

func (m mortalStore) ClaimRefunds(ctx context.Context, now, until time.Time, limit int) ([]checkout.ClaimedRefund, error) {
	return live(m.life, func() ([]checkout.ClaimedRefund, error) { return m.Store.ClaimRefunds(ctx, now, until, limit) })
}
