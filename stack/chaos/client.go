package chaos

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	bankv1 "codebank.dev/schemas/gen/bank/v1"
	checkoutv1 "codebank.dev/schemas/gen/checkout/v1"
	statementv1 "codebank.dev/schemas/gen/statement/v1"
	"codebank.dev/stack/launch"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

const (
	// caller is the program that the load acts as: it places orders, and buys by card. To the bank its
	// requests, and those of the operator, belong to this name.
	caller = "chaos"
	// operator is the program that issues cards and moves money between wallets.
	operator = "chaos-operator"
	// callTimeout bounds one call. A call that is not answered in this time is sent again to
	// another bank.
	callTimeout = 4 * time.Second
	// maxTries is how often a careful client sends one operation. After that the outcome is
	// resolved at the end of the run.
	maxTries = 6
	// retryDelay is the wait between two tries. It keeps the load off a bank that is down.
	retryDelay = 60 * time.Millisecond
)

// bankClient is the connections to one bank: one as caller, for purchases and tokens, and one as operator.
type bankClient struct {
	purchases bankv1.PurchaseServiceClient
	tokens    bankv1.CardServiceClient
	cards     bankv1.CardServiceClient
	wallets   bankv1.WalletServiceClient
	pix       bankv1.PixServiceClient
}

// clients holds the connections of the load.
type clients struct {
	open       []*grpc.ClientConn
	banks      []bankClient
	checkout   checkoutv1.CheckoutServiceClient
	statements statementv1.StatementServiceClient
}

// dial opens a connection to a program, as another, that reconnects soon after an outage.
func (s *system) dial(program, address, as string) (*grpc.ClientConn, error) {
	return s.stack.Dial(program, address, as,
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff:           backoff.Config{BaseDelay: 50 * time.Millisecond, Multiplier: 1.5, Jitter: 0.2, MaxDelay: 500 * time.Millisecond},
			MinConnectTimeout: 2 * time.Second,
		}))
}

// dialAll opens the connections, perBank to each bank, which are reached at these addresses.
func (s *system) dialAll(banks []string, perBank int) (*clients, error) {
	c := &clients{}
	var failed error
	to := func(program, address, as string) *grpc.ClientConn {
		connection, err := s.dial(program, address, as)
		if err != nil {
			failed = errors.Join(failed, err)
			return nil
		}
		c.open = append(c.open, connection)
		return connection
	}
	for range perBank {
		for _, address := range banks {
			buyer, desk := to(launch.Bank, address, caller), to(launch.Bank, address, operator)
			c.banks = append(c.banks, bankClient{
				bankv1.NewPurchaseServiceClient(buyer), bankv1.NewCardServiceClient(buyer),
				bankv1.NewCardServiceClient(desk), bankv1.NewWalletServiceClient(desk), bankv1.NewPixServiceClient(desk),
			})
		}
	}
	addresses := s.stack.Addresses()
	c.checkout = checkoutv1.NewCheckoutServiceClient(to(launch.Checkout, addresses.CheckoutGRPC(), caller))
	c.statements = statementv1.NewStatementServiceClient(to(launch.Statement, addresses.StatementGRPC(), launch.Operator))
	if failed != nil {
		c.close()
		return nil, failed
	}
	return c, nil
}

func (c *clients) close() {
	for _, connection := range c.open {
		_ = connection.Close()
	}
}

// bank returns the connection for a try of a worker. Every try goes to another bank.
func (c *clients) bank(worker, try int) bankClient { return c.banks[(worker+try)%len(c.banks)] }

// class says what an error tells a client to do. The list is closed: an error of any other kind
// fails the run, so that no error goes unnoticed.
type class string

// The classes of answers.
const (
	classOK         class = "ok"
	classRetryable  class = "retryable" // nothing was done
	classUnknown    class = "unknown"
	classCancelled  class = "cancelled"
	classRefused    class = "refused" // nothing was done, and the same request is refused again
	classUnexpected class = "unexpected"
)

// observations counts the errors of clients by class. It keeps the first violation of each
// invariant.
type observations struct {
	mutex   sync.Mutex
	classes map[class]map[string]int64 // by code, then reason
	// problems holds the violations, by invariant.
	problems map[string]*problem
}

// problem says how often an invariant was violated. It shows the first violation.
type problem struct {
	count int64
	first string
}

func newObservations() *observations {
	return &observations{classes: make(map[class]map[string]int64), problems: make(map[string]*problem)}
}

// report records that an invariant did not hold.
func (o *observations) report(invariant, format string, values ...any) {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	if o.problems[invariant] == nil {
		o.problems[invariant] = &problem{first: fmt.Sprintf(format, values...)}
	}
	o.problems[invariant].count++
}

// merge adds the violations of other.
func (o *observations) merge(other *observations) {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	for invariant, found := range other.problems {
		if o.problems[invariant] == nil {
			o.problems[invariant] = &problem{first: found.first}
		}
		o.problems[invariant].count += found.count
	}
}

// problemOf returns the violations of an invariant; nil if there are none.
func (o *observations) problemOf(invariant string) *problem {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	return o.problems[invariant]
}

// classify returns the class of an error and counts it. The codes in expected are refusals that
// the request provokes.
func (o *observations) classify(method string, err error, expected ...codes.Code) class {
	if err == nil {
		return classOK
	}
	st := status.Convert(err)
	kind := classUnexpected
	switch st.Code() {
	case codes.Unavailable, codes.DeadlineExceeded:
		kind = classUnknown
	case codes.Canceled:
		kind = classCancelled
	case codes.ResourceExhausted:
		kind = classRetryable
		if retryAfter(st) <= 0 {
			o.report(overload, "%s was refused without the time after which to try again: %v", method, err)
		}
	default:
		for _, code := range expected {
			if st.Code() == code {
				kind = classRefused
			}
		}
	}
	if kind == classUnexpected {
		o.report(errorClasses, "%s was answered %v", method, err)
	}
	o.count(kind, st)
	return kind
}

// requireReuseRefused reports an answer to a second request under the id of another. It must be
// refused.
func (o *observations) requireReuseRefused(method, id string, err error) {
	if o.classify(method, err, codes.Aborted) == classOK {
		o.report("I5", "%s %s was sent with another amount and not refused", method, id)
	}
}

func (o *observations) count(kind class, st *status.Status) {
	name := st.Code().String()
	for _, detail := range st.Details() {
		if info, ok := detail.(*errdetails.ErrorInfo); ok {
			name += " " + info.GetReason()
		}
	}
	o.countName(kind, name)
}

// countName counts an error by its name.
func (o *observations) countName(kind class, name string) {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	if o.classes[kind] == nil {
		o.classes[kind] = make(map[string]int64)
	}
	o.classes[kind][name]++
}

// retryAfter returns how long the server asks a refused caller to wait; 0 if it does not say.
func retryAfter(st *status.Status) time.Duration {
	for _, detail := range st.Details() {
		if info, ok := detail.(*errdetails.RetryInfo); ok {
			return info.GetRetryDelay().AsDuration()
		}
	}
	return 0
}

// callContext returns the context of one call of the load.
func callContext(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, callTimeout)
}

// sleep waits for d. It returns false if ctx ends first.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
