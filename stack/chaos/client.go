package chaos

import (
	"context"
	"fmt"
	"sync"
	"time"

	bankv1 "codebank.dev/schemas/gen/bank/v1"
	checkoutv1 "codebank.dev/schemas/gen/checkout/v1"
	statementv1 "codebank.dev/schemas/gen/statement/v1"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

const (
	// caller is who the load is at the bank.
	caller = "chaos"
	// deadline bounds one call; what is not answered then is asked again elsewhere.
	deadline = 4 * time.Second
	// tries is how often a careful client sends one operation before it leaves the
	// outcome to the end of the run.
	tries = 6
	// pause lies between them, so that a dead bank is not hammered.
	pause = 60 * time.Millisecond
)

// bankClient is one connection to one bank.
type bankClient struct {
	purchases bankv1.PurchaseServiceClient
	cards     bankv1.CardServiceClient
}

// clients are the connections of the load.
type clients struct {
	open       []*grpc.ClientConn
	banks      []bankClient
	checkout   checkoutv1.CheckoutServiceClient
	statements statementv1.StatementServiceClient
}

// dial opens a connection that finds its server again soon after an outage.
func dial(address string) (*grpc.ClientConn, error) {
	return grpc.NewClient(address,
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff:           backoff.Config{BaseDelay: 50 * time.Millisecond, Multiplier: 1.5, Jitter: 0.2, MaxDelay: 500 * time.Millisecond},
			MinConnectTimeout: 2 * time.Second,
		}))
}

// connect opens the connections: perBank to each bank.
func connect(banks []string, checkout, statement string, perBank int) (*clients, error) {
	c := &clients{}
	to := func(address string) (*grpc.ClientConn, error) {
		connection, err := dial(address)
		if err == nil {
			c.open = append(c.open, connection)
		}
		return connection, err
	}
	for range perBank {
		for _, address := range banks {
			connection, err := to(address)
			if err != nil {
				c.close()
				return nil, err
			}
			c.banks = append(c.banks, bankClient{bankv1.NewPurchaseServiceClient(connection), bankv1.NewCardServiceClient(connection)})
		}
	}
	shop, err := to(checkout)
	if err != nil {
		c.close()
		return nil, err
	}
	reader, err := to(statement)
	if err != nil {
		c.close()
		return nil, err
	}
	c.checkout, c.statements = checkoutv1.NewCheckoutServiceClient(shop), statementv1.NewStatementServiceClient(reader)
	return c, nil
}

func (c *clients) close() {
	for _, connection := range c.open {
		_ = connection.Close()
	}
}

// bank returns a connection for a try of a worker: every try goes elsewhere.
func (c *clients) bank(worker, try int) bankClient { return c.banks[(worker+try)%len(c.banks)] }

// class is what an error tells a client to do. The list is closed: an error of any
// other kind fails the run, so that nothing hides.
type class string

// The classes.
const (
	fine      class = "ok"
	busy      class = "retryable" // nothing was done
	lost      class = "unknown"
	cancelled class = "cancelled"
	invalid   class = "refused" // as the request was; nothing was done
	foreign   class = "unexpected"
)

// observations counts the errors of clients by class, and keeps the first of what was wrong.
type observations struct {
	mutex   sync.Mutex
	classes map[class]map[string]int64 // by code, then reason
	// problems are what may never happen, by invariant.
	problems map[string]*problem
}

// problem is how often something happened that may not, and the first time of it.
type problem struct {
	count int64
	first string
}

func newObservations() *observations {
	return &observations{classes: make(map[class]map[string]int64), problems: make(map[string]*problem)}
}

// report notes that an invariant did not hold.
func (o *observations) report(invariant, format string, values ...any) {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	if o.problems[invariant] == nil {
		o.problems[invariant] = &problem{first: fmt.Sprintf(format, values...)}
	}
	o.problems[invariant].count++
}

// join adds what was reported to another.
func (o *observations) join(other *observations) {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	for invariant, found := range other.problems {
		if o.problems[invariant] == nil {
			o.problems[invariant] = &problem{first: found.first}
		}
		o.problems[invariant].count += found.count
	}
}

// problemOf returns what was reported of an invariant; nil for nothing.
func (o *observations) problemOf(invariant string) *problem {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	return o.problems[invariant]
}

// classify says what an error is to its caller. Codes in expected are refusals that
// the request had coming.
func (o *observations) classify(method string, err error, expected ...codes.Code) class {
	if err == nil {
		return fine
	}
	st := status.Convert(err)
	kind := foreign
	switch st.Code() {
	case codes.Unavailable, codes.DeadlineExceeded:
		kind = lost
	case codes.Canceled:
		kind = cancelled
	case codes.ResourceExhausted:
		kind = busy
		if retryAfter(st) <= 0 {
			o.report(overload, "%s was refused as too much without being told when to try again: %v", method, err)
		}
	default:
		for _, code := range expected {
			if st.Code() == code {
				kind = invalid
			}
		}
	}
	if kind == foreign {
		o.report(errorClasses, "%s was answered %v", method, err)
	}
	o.count(kind, st)
	return kind
}

func (o *observations) count(kind class, st *status.Status) {
	name := st.Code().String()
	for _, detail := range st.Details() {
		if info, ok := detail.(*errdetails.ErrorInfo); ok {
			name += " " + info.GetReason()
		}
	}
	o.mutex.Lock()
	defer o.mutex.Unlock()
	if o.classes[kind] == nil {
		o.classes[kind] = make(map[string]int64)
	}
	o.classes[kind][name]++
}

// retryAfter is how long a refused caller is asked to wait; 0 when it is not told.
func retryAfter(st *status.Status) time.Duration {
	for _, detail := range st.Details() {
		if info, ok := detail.(*errdetails.RetryInfo); ok {
			return info.GetRetryDelay().AsDuration()
		}
	}
	return 0
}

// call returns a context for one call of the load.
func call(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithTimeout(ctx, deadline)
	return asCaller(ctx), cancel
}

// rest waits; it reports whether ctx still goes on.
func rest(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// asCaller says who calls.
func asCaller(ctx context.Context) context.Context {
	return metadata.AppendToOutgoingContext(ctx, "x-codebank-caller", caller)
}
