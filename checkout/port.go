package checkout

import (
	"context"
	"time"

	"codebank.dev/platform/fault"
)

// The refusals of the ports.
var (
	// ErrNoProduct says that the catalogue has no such product.
	ErrNoProduct = fault.New(fault.NotFound, "PRODUCT_NOT_FOUND", "There is no such product.")
	// ErrNoOrder says that there is no such order, or that it is another caller's.
	ErrNoOrder = fault.New(fault.NotFound, "ORDER_NOT_FOUND", "There is no such order.")
)

// Every method of the ports below fails with fault.Unavailable when the store is
// away or the outcome of a commit is unknown, and is safe for concurrent use.

// Catalogue is what can be bought, as of one moment. product.Cache is one.
type Catalogue interface {
	// Products returns those of the named products that can be bought, by slug. All of
	// them are of one version of the catalogue.
	Products(ctx context.Context, slugs []string) (map[string]Product, error)
	// List returns up to limit products whose slug comes after the given one, in the
	// order of the slugs' bytes. The empty slug comes before all.
	List(ctx context.Context, after string, limit int) ([]Product, error)
}

// CatalogueStore keeps the catalogue. Every change of it, by whomever, gives it a new
// version.
type CatalogueStore interface {
	// Replace makes products the whole catalogue in one commit. It changes the products
	// that are there already; a product that is no longer named can be neither bought nor
	// seen. Idempotent. Slugs must be unique; the stores are those the products name.
	Replace(ctx context.Context, products []Product) error
	// Version returns the version of the catalogue. Versions are equal only if nothing has
	// changed in between.
	Version(ctx context.Context) (int64, error)
	// Load returns the products that can be bought, in the order of the slugs' bytes, and
	// the version that they are of.
	Load(ctx context.Context) ([]Product, int64, error)
}

// Orders stores orders for the callers that placed them. batch.Orders is one.
type Orders interface {
	// Create stores a new order durably. When caller and request id are taken it stores
	// nothing and returns the order that has them; created then is false.
	Create(ctx context.Context, order Order) (stored Order, created bool, err error)
	// ByRequest returns the order that a request of caller made; ErrNoOrder when there is none.
	ByRequest(ctx context.Context, caller, requestID string) (Order, error)
	// ByID returns an order that the requester sees; ErrNoOrder when there is none or it is another's.
	ByID(ctx context.Context, by Requester, id ID) (Order, error)
	// List returns the orders of a page, the newest first: all of them are of one moment.
	List(ctx context.Context, query OrderQuery) ([]Order, error)
}

// PendingCharges stores the work that open orders still need. batch.Orders is one.
type PendingCharges interface {
	// Change applies change to an order and stores the result durably. known is the order
	// as the caller has read or stored it last; an older one costs time and does no harm.
	// When change fails nothing is stored, and Change returns the order as it is with that
	// error. change may be called more than once; it must be pure. ErrNoOrder when there is
	// none.
	Change(ctx context.Context, known Order, change func(Order) (Order, error)) (Order, error)
	Claims
}

// Claims hands out the orders that are due.
type Claims interface {
	// Claim takes up to limit open orders that are due at now, the longest due first,
	// and sets their NextAt to until: a lease, so that other replicas leave them alone.
	// Orders that another Claim is taking at this moment are passed over. The lease
	// only saves work; Change keeps an order right.
	Claim(ctx context.Context, now, until time.Time, limit int) ([]Order, error)
	// Backlog returns how many orders are open and since when the oldest is.
	Backlog(ctx context.Context) (Backlog, error)
}

// OrderStore is the durable store of orders. It writes in sets, so that one commit serves
// many callers.
type OrderStore interface {
	// Write stores a set of new orders and changes in one durable commit, and sets Written
	// of each. It returns nil when everything that is Written is durable. A new order is
	// not written when its caller and request id are taken. A change is not written when
	// the order is not pending or is not as Before has it. The ids in a set are unique.
	//
	// groupcommit.ErrRetry says that certainly nothing was written and that the set may be
	// written again; groupcommit.ErrRejected, that nothing was written because the store
	// refuses one of the orders. After any other error the outcome is unknown.
	Write(ctx context.Context, set []*OrderWrite) error
	// Change locks an order, applies change to it and stores the result durably, in one
	// short transaction. When change fails nothing is stored, and Change returns the
	// order as it is with that error. change may be called more than once; it must be pure.
	// ErrNoOrder when there is none.
	Change(ctx context.Context, id ID, change func(Order) (Order, error)) (Order, error)
	// ByRequest, ByID and List are those of Orders.
	ByRequest(ctx context.Context, caller, requestID string) (Order, error)
	ByID(ctx context.Context, by Requester, id ID) (Order, error)
	List(ctx context.Context, query OrderQuery) ([]Order, error)
}

// OrderWrite is one write of a set: a new order, or a change of an order.
type OrderWrite struct {
	// Before is the order that the change was made from; nil for a new order.
	Before *Order
	// After is the order to be stored.
	After *Order
	// Written is set by the store.
	Written bool
}

// Backlog is how much work is open.
type Backlog struct {
	Open   int64
	Oldest time.Time // when the oldest open order was placed; zero when none is
}

// Clock tells the time and waits. Domain code asks it instead of the machine.
type Clock interface {
	// Now returns the time in UTC.
	Now() time.Time
	// Sleep returns nil after wait, or the context's error when that ends before.
	Sleep(ctx context.Context, wait time.Duration) error
}
