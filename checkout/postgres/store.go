// Package postgres keeps the merchant side in Postgres: the catalogue, the orders
// and their pending charges. It has no rules of its own: checkout.Order decides which
// change of an order is legal. The schema repeats those rules as a second check.
//
//	store.go           the pool, and the fault of an error
//	migrate.go         the schema, and secrets that replicas share
//	roles.go           what the checkout may do with which table
//	catalogue.go       checkout.CatalogueStore
//	editor.go          checkout.CatalogueEditor
//	merchants.go       merchant.Merchants and merchant.Members
//	secrets.go         merchant.Secrets
//	acts.go            an act, its answer for repeats and its record, in one commit
//	write.go           checkout.OrderStore: a set of new orders and changes in one commit
//	orders.go          checkout.OrderStore: one order
//	list.go            checkout.OrderStore: lists of orders
//	pendingcharges.go  checkout.Claims, and a change under the order's lock
//	refunds.go         checkout.RefundClaims, and the refunds of an order
//	row.go             an order as a row, both ways
package postgres

import (
	"context"
	"log/slog"

	"codebank.dev/checkout"
	"codebank.dev/checkout/merchant"
	"codebank.dev/platform/auditlog/table"
	"codebank.dev/platform/database"
	"codebank.dev/platform/failpoint"
	"codebank.dev/platform/fault"
	"github.com/jackc/pgx/v5"
)

// The ports that Store implements.
var (
	_ checkout.CatalogueStore  = (*Store)(nil)
	_ checkout.CatalogueEditor = (*Store)(nil)
	_ checkout.OrderStore      = (*Store)(nil)
	_ checkout.Claims          = (*Store)(nil)
	_ checkout.RefundClaims    = (*Store)(nil)
	_ merchant.Store           = (*Store)(nil)
)

// settings hold for every connection. A transaction here waits only for the database,
// so one that lasts longer belongs to a process that froze.
var settings = map[string]string{
	"lock_timeout":                        "1s",
	"statement_timeout":                   "4s",
	"idle_in_transaction_session_timeout": "2s",
	"transaction_timeout":                 "5s",
	"synchronous_commit":                  "on",
	// Every query finds its rows by key. A plan is made once per connection, perhaps while a
	// table is small, and must not be a scan when the table is large.
	"plan_cache_mode":   "force_generic_plan",
	"enable_seqscan":    "off",
	"enable_bitmapscan": "off",
	"enable_hashjoin":   "off",
	"enable_mergejoin":  "off",
	"jit":               "off",
}

// needs is what calls do with the tables; the checkout is not ready without it.
var needs = database.Needs{
	"catalogue": "SELECT UPDATE", "products": "SELECT INSERT UPDATE", "stores": "SELECT INSERT",
	"orders": "SELECT INSERT UPDATE", "order_items": "SELECT INSERT", "refunds": "SELECT INSERT UPDATE",
	"merchants": "SELECT INSERT UPDATE", "merchant_members": "SELECT INSERT DELETE", "merchant_secrets": "SELECT INSERT UPDATE",
	"acts": "SELECT INSERT UPDATE", "audit_log": table.Needs["audit_log"], "audit_head": table.Needs["audit_head"],
}

// Config says how to reach the checkout's database. Only URL is required.
type Config struct {
	// URL is the database's address as pgx reads it. It holds a password: never log it.
	URL string
	// MaxConnections bounds the pool; 0 means database.DefaultMaxConnections.
	MaxConnections int
	// Failpoint is told of the points between durable steps; nil for none.
	Failpoint failpoint.Hook
}

// Store is catalogue and orders in Postgres. It is safe for concurrent use, and any
// number of processes may open the same database.
type Store struct {
	pool      *database.Pool
	failpoint failpoint.Hook
	// secrets is the table of the secrets that the program's replicas share.
	secrets string
}

// Open prepares a Store. It does not connect: a database that is away shows in the
// first call, as fault.Unavailable. An error means that the URL cannot be read; it
// does not repeat the URL.
func Open(ctx context.Context, config Config) (*Store, error) {
	pool, err := database.Open(ctx, database.Config{
		URL: config.URL, ApplicationName: "checkout", MaxConnections: config.MaxConnections, Settings: settings,
		Needs: needs,
	})
	if err != nil {
		return nil, err
	}
	return &Store{pool: pool, failpoint: config.Failpoint, secrets: "secrets"}, nil
}

// merchantNeeds is what OpenMerchants does with the tables.
var merchantNeeds = database.Needs{
	"merchants": "SELECT", "merchant_members": "SELECT", "merchant_secrets": "SELECT UPDATE", "charge_secrets": "SELECT INSERT",
}

// OpenMerchants is Open for the payment gateway, which finds out whose a secret is and who acts for a merchant. Its
// role may read merchants, members and secrets, shares secrets with its replicas, and does nothing else that a Store does.
func OpenMerchants(ctx context.Context, config Config) (*Store, error) {
	pool, err := database.Open(ctx, database.Config{
		URL: config.URL, ApplicationName: "payment-gateway-merchants", MaxConnections: config.MaxConnections, Settings: settings,
		Needs: merchantNeeds,
	})
	if err != nil {
		return nil, err
	}
	return &Store{pool: pool, failpoint: config.Failpoint, secrets: "charge_secrets"}, nil
}

// Close ends all connections after the calls in flight have ended.
func (s *Store) Close() { s.pool.Close() }

// Ready returns nil when Prepare has succeeded and the database answers, else a
// fault.Unavailable that says what the checkout waits for.
func (s *Store) Ready(ctx context.Context) error { return s.pool.Ready(ctx) }

// Prepare runs steps, which begin with Migrated or Migrate, and waits for a database that is away;
// logger and Ready say what it waits for. It returns nil once they have succeeded, the
// context's error when ctx ends first, and an error that no waiting cures. Steps may
// be repeated. Call it once, beside the listeners.
func (s *Store) Prepare(ctx context.Context, logger *slog.Logger, steps func(context.Context) error) error {
	return s.pool.Prepare(ctx, logger, steps)
}

// errAway is the answer while the database is away, and when it did not say whether it
// committed: the same request again finds out.
var errAway = fault.New(fault.Unavailable, "DATABASE_UNAVAILABLE", "The service cannot reach its database at the moment. Please try again.")

// translate turns an error of the database into one that may leave the package.
func translate(err error) error { return database.Fault(err, errAway) }

// collect runs a query and scans every row.
func collect[T any](ctx context.Context, s *Store, scan pgx.RowToFunc[T], sql string, arguments ...any) ([]T, error) {
	rows, err := s.pool.Query(ctx, sql, arguments...)
	if err != nil {
		return nil, translate(err)
	}
	found, err := pgx.CollectRows(rows, scan)
	return found, translate(err)
}
