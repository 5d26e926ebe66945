// Package order is the use case of placing an order and reading it afterwards.
package order

import (
	"context"
	"errors"
	"io"
	"time"

	"codebank.dev/checkout"
	"codebank.dev/checkout/charge"
	"codebank.dev/checkout/failpoints"
	"codebank.dev/platform/failpoint"
	"codebank.dev/platform/fault"
	"codebank.dev/platform/field"
	"codebank.dev/platform/id"
	"codebank.dev/platform/pan"
)

// Service places orders. All fields but Failpoint are required; it is safe for
// concurrent use and must not be copied after its first use.
type Service struct {
	Catalogue checkout.Catalogue
	Orders    checkout.Orders
	Acquirer  checkout.Acquirer
	Charger   *charge.Charger
	Clock     checkout.Clock
	// Random is where order ids come from; crypto/rand.Reader but for tests.
	Random io.Reader
	// GuestKey is the key of guests' secrets: 32 random bytes that all replicas share. Without it no guest is
	// served.
	GuestKey []byte
	// Failpoint is called at the points where a crash is most instructive; nil for none.
	Failpoint failpoint.Hook

	flights flights
}

// Request asks for an order.
type Request struct {
	By        checkout.Requester
	RequestID string
	TraceID   string
	Lines     []checkout.Line
	Card      pan.CardData
	// Refusal refuses what the card's name holds; nil for none. It counts only when the
	// request is not a repeat: orders were placed before names were checked for it.
	Refusal error
	Attempt int32
	// Guest asks for an order of somebody whom the program does not know, to be read with a secret.
	Guest bool
}

// check returns nil when everything is well formed, and holds nothing that is not allowed
// in it. The card is by its type.
func (r *Request) check() error {
	if r.Guest && r.By.User != "" {
		return fault.Invalid("guest", "An order with an access token is its user's, and not a guest's.")
	}
	return field.First(
		field.Word("request_id", r.RequestID), field.Attempt("attempt", r.Attempt), checkout.CheckLines(r.Lines), r.Refusal,
	)
}

const (
	// tokenTries bounds how often card data is sent to a bank that does not answer.
	// Nothing is stored yet, so the caller should know soon.
	tokenTries = 3
	// The time that is kept for the answer's way back is one part in answerMargin of the
	// caller's time, and at most maxMargin.
	answerMargin = 10
	maxMargin    = 250 * time.Millisecond
	// pollFirst and pollMost are the waits between two reads of an order that another
	// process works on.
	pollFirst = 25 * time.Millisecond
	pollMost  = 250 * time.Millisecond
)

var (
	errReused = fault.New(fault.Aborted, "REQUEST_ID_REUSED", "This request id was used before with another request.")
	errNoBank = fault.New(fault.Unavailable, "BANK_UNAVAILABLE",
		"The bank cannot be reached at the moment. Nothing was charged; please try again with the same request id.").After(time.Second)
)

// Place prices an order, stores it and has it decided by the bank. It returns the
// order as it stands when it ends, or when the time is up: then it is Pending, and
// the Reconciler ends it.
//
// Idempotent by (caller, request id), for ever: an equal request gets the same
// order in its present state and charges nothing; while that order is Pending the
// repeat waits for its end like the first. Another request under the same id, or that of another
// user of the caller, is fault.Aborted REQUEST_ID_REUSED.
//
// Errors: fault.InvalidArgument naming the field, nothing stored; fault.Unavailable
// BANK_UNAVAILABLE when the bank gave no token, nothing stored; fault.Unavailable
// when the store is away; fault.ResourceExhausted when too many writes wait, nothing
// stored. A caller that goes away does not stop what it has begun: the call returns when that has ended.
func (s *Service) Place(ctx context.Context, request Request) (checkout.Order, error) {
	if request.Refusal = request.check(); request.Refusal != nil && !field.IsContent(request.Refusal) {
		return checkout.Order{}, request.Refusal
	}
	fingerprint := checkout.Fingerprint(request.Lines, request.Attempt, request.Card.Number.Last4())
	// Equal requests inside this process are one: they share its work and its answer.
	key := flightKey{request.By.Caller, request.By.User, request.RequestID, fingerprint, request.Refusal != nil, request.Guest}
	flight, first := s.flights.join(key)
	if !first {
		return flight.wait(ctx)
	}
	// A panic of the work is the edge's to catch. The others that wait get an error then.
	defer s.flights.end(key, flight)
	wait := s.patience(ctx)
	attempt := &attempt{Request: request, fingerprint: fingerprint, until: s.Clock.Now().Add(wait)}
	working, cancel := context.WithTimeout(context.WithoutCancel(ctx), wait)
	defer cancel()
	flight.order, flight.err = s.place(working, attempt)
	return flight.order, flight.err
}

// attempt is a request being placed.
type attempt struct {
	Request
	fingerprint [32]byte
	until       time.Time
}

// patience returns how long a request may take: until early enough before the
// caller's deadline to answer in time, and no longer than the limit.
func (s *Service) patience(ctx context.Context) time.Duration {
	most := s.Charger.Limits().Deadline
	deadline, ok := ctx.Deadline()
	if !ok {
		return most
	}
	remaining := deadline.Sub(s.Clock.Now())
	return min(most, remaining-min(remaining/answerMargin, maxMargin))
}

// place stores the order of a request and has it decided. It does not look for an order that the
// request has already: the unique key finds it when the new one is stored, and before that it is
// looked for only if something is in the way.
func (s *Service) place(ctx context.Context, request *attempt) (checkout.Order, error) {
	if request.Refusal != nil {
		return s.repeatInstead(ctx, request, request.Refusal)
	}
	cart, err := s.price(ctx, request.Lines)
	if err != nil {
		return s.repeatInstead(ctx, request, err)
	}
	token, err := s.token(ctx, request.Card)
	if err != nil && fault.CodeOf(err) != fault.InvalidArgument {
		// The bank is not needed to answer a repeat.
		earlier, missing := s.Orders.ByRequest(ctx, request.By.Caller, request.RequestID)
		if missing == nil {
			return s.repeat(ctx, request, earlier)
		}
		token, err = s.tokenAgain(ctx, request.Card, err)
	}
	if err != nil {
		return s.repeatInstead(ctx, request, err)
	}
	s.Failpoint.At(failpoints.AfterToken)
	order, err := s.open(request, cart, token)
	if err != nil {
		return checkout.Order{}, err
	}
	stored, created, err := s.Orders.Create(ctx, order)
	if err != nil {
		return checkout.Order{}, err
	}
	if !created { // The request has an order; the token is never used.
		return s.repeat(ctx, request, stored)
	}
	return s.Charger.Charge(ctx, stored), nil
}

// repeatInstead answers a request that cannot be placed: with the order that it has made before, or
// with the reason.
func (s *Service) repeatInstead(ctx context.Context, request *attempt, reason error) (checkout.Order, error) {
	earlier, err := s.Orders.ByRequest(ctx, request.By.Caller, request.RequestID)
	switch {
	case err == nil:
		return s.repeat(ctx, request, earlier)
	case errors.Is(err, checkout.ErrNoOrder):
		return checkout.Order{}, reason
	}
	return checkout.Order{}, err
}

// repeat answers a request whose id made an order before. While that order is pending,
// the process that placed it or the Reconciler works on it.
func (s *Service) repeat(ctx context.Context, request *attempt, earlier checkout.Order) (checkout.Order, error) {
	if earlier.Fingerprint != request.fingerprint || earlier.IsGuests() != request.Guest || !request.By.Repeats(&earlier) {
		return checkout.Order{}, errReused
	}
	for wait := pollFirst; earlier.State == checkout.Pending; wait = min(2*wait, pollMost) {
		if s.Clock.Now().Add(wait).After(request.until) || s.Clock.Sleep(ctx, wait) != nil {
			break
		}
		order, err := s.Orders.ByID(ctx, checkout.Requester{Caller: earlier.Caller}, earlier.ID)
		if err != nil {
			break // The order as it was read last is an answer too.
		}
		earlier = order
	}
	return earlier, nil
}

func (s *Service) price(ctx context.Context, lines []checkout.Line) (checkout.Cart, error) {
	slugs := make([]string, len(lines))
	for i, line := range lines {
		slugs[i] = line.Product
	}
	products, err := s.Catalogue.Products(ctx, slugs)
	if err != nil {
		return checkout.Cart{}, err
	}
	return checkout.Price(lines, products)
}

// token exchanges card data at the bank, once.
func (s *Service) token(ctx context.Context, card pan.CardData) (checkout.CardToken, error) {
	try, cancel := context.WithTimeout(ctx, s.Charger.Limits().Try)
	defer cancel()
	return s.Acquirer.CreateToken(try, card)
}

// tokenAgain exchanges card data after a first try that failed with err. Repeating it is harmless:
// a token whose answer was lost expires unused.
func (s *Service) tokenAgain(ctx context.Context, card pan.CardData, err error) (checkout.CardToken, error) {
	for tries := int32(1); tries < tokenTries; tries++ {
		if s.Clock.Sleep(ctx, s.Charger.Limits().Retry.After(tries)) != nil {
			break
		}
		var token checkout.CardToken
		if token, err = s.token(ctx, card); err == nil || fault.CodeOf(err) == fault.InvalidArgument {
			return token, err
		}
	}
	return checkout.CardToken{}, errNoBank.Wrap(err)
}

// open returns the order that a request makes, ready to be stored.
func (s *Service) open(request *attempt, cart checkout.Cart, token checkout.CardToken) (checkout.Order, error) {
	order, err := id.New(s.Random)
	if err != nil {
		return checkout.Order{}, err
	}
	var secretHash [32]byte
	if request.Guest {
		secretHash = s.SecretOf(order).Hash()
	}
	now := s.Clock.Now().UTC().Truncate(time.Millisecond)
	return checkout.Order{
		SecretHash: secretHash,
		ID:         order, Caller: request.By.Caller, Owner: request.By.Owner(), RequestID: request.RequestID, TraceID: request.TraceID,
		Fingerprint: request.fingerprint, State: checkout.Pending,
		Store: cart.Store, Items: cart.Items, Total: cart.Total, Description: cart.Description(),
		Attempt:   request.Attempt,
		CardBrand: token.Brand, CardLast4: token.Last4,
		PendingCharge: checkout.PendingCharge{
			Token: token.Token, TokenExpiresAt: token.ExpiresAt.UTC().Truncate(time.Millisecond),
			NextAt: s.Charger.DueAfter(now),
		},
		CreatedAt: now,
	}, nil
}

// SecretOf returns the secret of a guest's order.
func (s *Service) SecretOf(order checkout.ID) checkout.OrderSecret {
	return checkout.NewOrderSecret(s.GuestKey, order)
}

// GetGuests returns a guest's order by its name to whoever has its secret. Errors: fault.InvalidArgument;
// checkout.ErrNoOrder when there is none, when it is no guest's and when the secret is another;
// fault.Unavailable.
func (s *Service) GetGuests(ctx context.Context, name, secret string) (checkout.Order, error) {
	id, err := checkout.ParseOrderName("name", name)
	if err != nil {
		return checkout.Order{}, err
	}
	given, err := checkout.ParseOrderSecret("order_secret", secret)
	if err != nil {
		return checkout.Order{}, err
	}
	// The secret is what lets the caller see the order, and is compared before anything is answered.
	order, err := s.Orders.ByID(ctx, checkout.Requester{Operator: true}, id)
	if err == nil && !given.Opens(&order) {
		err = checkout.ErrNoOrder
	}
	if err != nil {
		return checkout.Order{}, err
	}
	return order, nil
}

// Get returns an order that the requester sees, by its name, orders/{uuid}. Errors:
// fault.InvalidArgument name; fault.NotFound when there is none or it is another's;
// fault.Unavailable.
func (s *Service) Get(ctx context.Context, by checkout.Requester, name string) (checkout.Order, error) {
	id, err := checkout.ParseOrderName("name", name)
	if err != nil {
		return checkout.Order{}, err
	}
	return s.Orders.ByID(ctx, by, id)
}
