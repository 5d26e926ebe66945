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
	// ErrNoMerchant says that there is no such merchant, or that the actor does not act for it.
	ErrNoMerchant = fault.New(fault.NotFound, "MERCHANT_NOT_FOUND", "There is no such merchant.")
	// ErrNoStore says that there is no such store, or that it is another merchant's.
	ErrNoStore = fault.New(fault.NotFound, "STORE_NOT_FOUND", "There is no such store.")
	// ErrSlugTaken says that another merchant, store or product has the slug.
	ErrSlugTaken = fault.New(fault.FailedPrecondition, "SLUG_TAKEN", "The slug is taken.")
	// ErrChanged says that the version of a change is not the one that is there.
	ErrChanged = fault.New(fault.FailedPrecondition, "ETAG_MISMATCH", "It has been changed since it had this etag.")
	// ErrRetired says that the product is sold no more.
	ErrRetired = fault.New(fault.FailedPrecondition, "PRODUCT_RETIRED", "The product is sold no more, and does not change.")
	// ErrActReused says that the request id was used for another act.
	ErrActReused = fault.New(fault.Aborted, "REQUEST_ID_REUSED", "This request id was used before with another request.")
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
	// Search is List for the products that a filter lets through.
	Search(ctx context.Context, filter ProductFilter, after string, limit int) ([]Product, error)
	// ByID returns the product with an id that can be bought; ErrNoProduct when there is none.
	ByID(ctx context.Context, id ID) (Product, error)
}

// ProductFilter says which products are looked for. Its zero value lets all through.
type ProductFilter struct {
	// Store is the slug of a store; empty for all.
	Store string
	// Text is looked for in the name and the description, in any case of letters; empty for all.
	Text string
}

// Seeds are the merchants, stores and products that a catalogue begins with.
type Seeds struct {
	Merchants []Merchant
	// Products name their stores and merchants. Products without an ID get one when they are stored.
	Products []Product
}

// CatalogueStore keeps the catalogue. Every change of it, by whomever, gives it a new
// version.
type CatalogueStore interface {
	// Seed stores the merchants, stores and products whose slugs are not there yet, in one
	// commit at now. It changes nothing that is there, not even what has been retired.
	// Idempotent. Slugs must be unique, and each store has one merchant.
	Seed(ctx context.Context, seeds Seeds, now time.Time) error
	// Version returns the version of the catalogue. Versions are equal only if nothing has
	// changed in between.
	Version(ctx context.Context) (int64, error)
	// Load returns the products that can be bought, in the order of the slugs' bytes, and
	// the version that they are of.
	Load(ctx context.Context) ([]Product, int64, error)
}

// CatalogueEditor changes the catalogue, each act once (Act), for actors who act for the merchant. What is of
// another merchant is not there: ErrNoMerchant, ErrNoStore or ErrNoProduct. All fail with ErrActReused.
type CatalogueEditor interface {
	// CreateStore stores a new store of a merchant. ErrNoMerchant; ErrSlugTaken.
	CreateStore(ctx context.Context, act Act, merchant string, store Store) (Store, error)
	// CreateProduct stores a new product, whose Store needs a slug only. It returns the product with its store,
	// its merchant and version 1. ErrNoStore; ErrSlugTaken, also when a retired product has the slug.
	CreateProduct(ctx context.Context, act Act, product Product) (Product, error)
	// ChangeProduct applies change to the product with a slug and stores the result. When change fails nothing
	// is stored, and the error is that of change. change may be called more than once; it must be pure.
	// ErrNoProduct.
	ChangeProduct(ctx context.Context, act Act, slug string, change func(Product) (Product, error)) (Product, error)
	// ProductSlug returns the slug of the product with an id that the actor may change. ErrNoProduct.
	ProductSlug(ctx context.Context, by Actor, id ID) (string, error)
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

// RefundClaims hands out the refunds that are due, as Claims does the orders.
type RefundClaims interface {
	// ClaimRefunds takes up to limit pending refunds that are due at now, the longest due first, and sets
	// their NextAt to until.
	ClaimRefunds(ctx context.Context, now, until time.Time, limit int) ([]ClaimedRefund, error)
	// RefundBacklog returns how many refunds are pending and since when the oldest is.
	RefundBacklog(ctx context.Context) (Backlog, error)
}

// ClaimedRefund is a pending refund of an order.
type ClaimedRefund struct {
	Order  Order
	Refund ID
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
	// short transaction. A change of an ended order is one of its refunds: ErrRefundReused when
	// the request of a new one has a refund of another order. When change fails nothing is stored, and Change returns the
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
	Oldest time.Time // when the oldest open order was placed, or the refund asked for; zero when none is
}

// Clock tells the time and waits. Domain code asks it instead of the machine.
type Clock interface {
	// Now returns the time in UTC.
	Now() time.Time
	// Sleep returns nil after wait, or the context's error when that ends before.
	Sleep(ctx context.Context, wait time.Duration) error
}
