// Package batch stores orders in batches: orders that are placed or ended at the same time share
// one durable commit. The batches are those of package groupcommit; a checkout.OrderStore writes
// them. An order that is placed and decided takes part in two batches: one stores it, one ends it.
//
// A change is made from the order as the caller knows it, without reading it again, and the write
// itself proves that the order was still so. Only a change that does not prove is made again from
// the stored order, under its lock.
package batch

import (
	"context"
	"time"

	"codebank.dev/checkout"
	"codebank.dev/platform/fault"
	"codebank.dev/platform/groupcommit"
)

// Store is what stands behind Orders.
type Store interface {
	checkout.OrderStore
	checkout.Claims
	checkout.RefundClaims
}

// Config is the configuration of Orders. Store is required; the rest is that of
// groupcommit.Config.
type Config struct {
	Store       Store
	Lanes       int
	MaxBatch    int
	QueueLength int
}

// Orders stores orders in batches. Make one with New; it is safe for concurrent use.
type Orders struct {
	checkout.Claims
	checkout.RefundClaims
	store   Store
	batches *groupcommit.Executor[*checkout.OrderWrite, error]
}

var (
	_ checkout.Orders         = (*Orders)(nil)
	_ checkout.PendingCharges = (*Orders)(nil)
)

// batchTimeout limits one attempt of a batch at the store. It is a little more than the time after
// which the server ends a transaction by itself.
const batchTimeout = 6 * time.Second

// answers are the answers of Orders itself.
var answers = groupcommit.Answers{
	Busy:      fault.New(fault.ResourceExhausted, "QUEUE_FULL", "The shop is busy. Nothing was charged; please try again with the same request id."),
	Closed:    fault.New(fault.Unavailable, "SHUTTING_DOWN", "The shop is shutting down; please try again with the same request id."),
	Contended: fault.New(fault.Unavailable, "CONTENDED", "Too much is happening at the moment; please try again with the same request id."),
	Rejected:  fault.New(fault.Internal, "ORDER_REFUSED", "Something went wrong on our side."),
}

// New returns Orders on a store. Close ends them.
func New(config Config) *Orders {
	return &Orders{
		Claims:       config.Store,
		RefundClaims: config.Store,
		store:        config.Store,
		batches: groupcommit.New(groupcommit.Config[*checkout.OrderWrite, error]{
			Store:   writer{config.Store},
			Failed:  func(err error) error { return err },
			Answers: answers,
			Now:     time.Now,
			Lanes:   config.Lanes, MaxBatch: config.MaxBatch, QueueLength: config.QueueLength, BatchTimeout: batchTimeout,
		}),
	}
}

// writer commits batches.
type writer struct{ store checkout.OrderStore }

// Commit implements groupcommit.Store.
func (w writer) Commit(ctx context.Context, batch []*groupcommit.Call[*checkout.OrderWrite, error]) error {
	set := make([]*checkout.OrderWrite, len(batch))
	for i, call := range batch {
		set[i] = call.Command
	}
	return w.store.Write(ctx, set)
}

// write returns when the write is durable, or was not made (Written).
func (o *Orders) write(ctx context.Context, write *checkout.OrderWrite) error {
	return o.batches.Submit(ctx, groupcommit.Command[*checkout.OrderWrite]{Key: write.After.ID, Body: write})
}

// Create implements checkout.Orders. A request that has an order already is found by the unique
// key, when its new order is not written.
//
// Errors: fault.ResourceExhausted when too many writes wait, and nothing was stored;
// fault.Unavailable when the outcome is unknown or the store is away.
func (o *Orders) Create(ctx context.Context, order checkout.Order) (stored checkout.Order, created bool, err error) {
	write := &checkout.OrderWrite{After: &order}
	if err := o.write(ctx, write); err != nil {
		return checkout.Order{}, false, err
	}
	if write.Written {
		return order, true, nil
	}
	// The order that has the request is committed, because the write has waited for it.
	stored, err = o.store.ByRequest(ctx, order.Caller, order.RequestID)
	return stored, false, err
}

// Change implements checkout.PendingCharges. Its errors are those of change and of Create.
func (o *Orders) Change(ctx context.Context, known checkout.Order, change func(checkout.Order) (checkout.Order, error)) (checkout.Order, error) {
	if changed, err := change(known); err == nil && known.State == checkout.Pending {
		write := &checkout.OrderWrite{Before: &known, After: &changed}
		if err := o.write(ctx, write); err != nil {
			return checkout.Order{}, err
		}
		if write.Written {
			return changed, nil
		}
	}
	return o.store.Change(ctx, known.ID, change)
}

// ByRequest implements checkout.Orders.
func (o *Orders) ByRequest(ctx context.Context, caller, requestID string) (checkout.Order, error) {
	return o.store.ByRequest(ctx, caller, requestID)
}

// ByID implements checkout.Orders.
func (o *Orders) ByID(ctx context.Context, by checkout.Requester, id checkout.ID) (checkout.Order, error) {
	return o.store.ByID(ctx, by, id)
}

// List implements checkout.Orders.
func (o *Orders) List(ctx context.Context, query checkout.OrderQuery) ([]checkout.Order, error) {
	return o.store.List(ctx, query)
}

// Stats returns the counters of the batches.
func (o *Orders) Stats() groupcommit.Stats { return o.batches.Stats() }

// Close refuses new orders and changes, stores the accepted ones, and returns when none waits or
// ctx ends.
func (o *Orders) Close(ctx context.Context) error { return o.batches.Close(ctx) }
