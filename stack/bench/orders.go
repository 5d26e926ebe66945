package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"codebank.dev/native/process"
	checkoutv1 "codebank.dev/schemas/gen/checkout/v1"
	"codebank.dev/stack/launch"
	"github.com/google/uuid"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
)

// ordersDatabase is the database of the measured checkout.
const ordersDatabase = "bench_checkout"

// openOrdersDatabase is that of a checkout without TLS.
const openOrdersDatabase = "bench_checkout_open"

// callsAndCommits is how many calls and how many commits an order consists of at least: placing it,
// the token, the purchase; storing it, the purchase, its end.
const callsAndCommits = 3

// shop is a checkout in front of a bank, and a client that places orders.
type shop struct {
	*bank
	checkout    *process.Process
	database    string
	connections []*grpc.ClientConn
	orders      []*orderRequest
	// customers have signed in, one for each caller; none without TLS.
	customers []*customer
}

// shopProgram is the program that places the orders of its customers.
const shopProgram = "shop"

// startShop starts a checkout in front of a bank, with TLS if the bank has it. It makes the database of the
// checkout.
func (w *workbench) startShop(ctx context.Context, bank *bank, database string, plain bool) (*shop, error) {
	s := &shop{bank: bank, database: database}
	if err := s.start(ctx, plain); err != nil {
		return nil, errors.Join(err, s.end(ctx))
	}
	return s, nil
}

func (s *shop) start(ctx context.Context, plain bool) error {
	w := s.workbench
	if err := w.dropDatabase(ctx, s.database); err != nil {
		return err
	}
	url, err := w.stack.AddDatabase(ctx, "checkout", s.database, launch.BankCode)
	if err != nil {
		return err
	}
	port := w.nextPort()
	copied := launch.Copy{
		Name: "checkout-" + strconv.Itoa(w.banks), GRPCPort: port, HTTPPort: port + 1,
		Settings: map[string]string{"database-url": url, "bank-address": s.address},
	}
	if plain {
		copied.Plain = shopProgram
	}
	if s.checkout, err = w.stack.Replica(ctx, launch.Checkout, copied); err != nil {
		return err
	}
	dial := w.dialer(launch.Checkout, "127.0.0.1:"+strconv.Itoa(port), plain)
	for range connections {
		connection, err := dial(shopProgram)
		if err != nil {
			return err
		}
		s.connections = append(s.connections, connection)
	}
	for range w.options.Callers {
		order, err := newOrderRequest()
		if err != nil {
			return err
		}
		s.orders = append(s.orders, order)
		if !plain {
			s.customers = append(s.customers, &customer{stack: w.stack, user: uuid.New()})
		}
	}
	return nil
}

func (s *shop) end(ctx context.Context) error {
	for _, connection := range s.connections {
		_ = connection.Close()
	}
	var err error
	if s.checkout != nil {
		err = s.workbench.stack.Remove(context.WithoutCancel(ctx), s.checkout)
	}
	return errors.Join(err, s.workbench.dropDatabase(context.WithoutCancel(ctx), s.database))
}

// customer is a customer of the shop, who has signed in. One caller uses it.
type customer struct {
	stack  *launch.Stack
	user   uuid.UUID
	token  string
	issued time.Time
}

// renewAfter is the age at which a customer gets another access token, which lives 15 minutes.
const renewAfter = 10 * time.Minute

// context returns ctx for calls of the customer.
func (c *customer) context(ctx context.Context) (context.Context, error) {
	if time.Since(c.issued) > renewAfter {
		token, err := c.stack.Token(c.user, "customer")
		if err != nil {
			return nil, err
		}
		c.token, c.issued = token, time.Now()
	}
	return launch.WithToken(ctx, c.token), nil
}

// orderRequest is the encoded order of a caller, without its card.
type orderRequest struct {
	request
	base int
}

// cardField is the number of the card in PlaceOrderRequest. Its fields are those of the bank's card
// data; a test holds both to that.
const cardField protowire.Number = 3

// newOrderRequest returns an order of two products of the built-in catalogue.
func newOrderRequest() (*orderRequest, error) {
	encoded, err := proto.MarshalOptions{}.MarshalAppend(make([]byte, 0, maxEncodedPurchase), &checkoutv1.PlaceOrderRequest{
		RequestId: strings.Repeat("#", idLength),
		Items: []*checkoutv1.PlaceOrderItem{
			{Product: "products/livro-dom-casmurro", Quantity: 1}, {Product: "products/caderno-pautado", Quantity: 2},
		},
		Attempt: 1,
	})
	if err != nil {
		return nil, err
	}
	at := bytes.IndexByte(encoded, '#')
	return &orderRequest{request{encoded: encoded, ids: [][]byte{encoded[at : at+idLength]}}, len(encoded)}, nil
}

// payWith makes the order be paid with the card.
func (o *orderRequest) payWith(c card) {
	o.encoded = appendField(o.encoded[:o.base], cardField, c.data)
}

// orderAnswer checks the answer to an order: it must be approved.
type orderAnswer struct{ request *request }

// read checks the encoded answer. Number and meaning of id and state are those of a purchase.
func (a *orderAnswer) read(encoded []byte) error {
	order, _ := field(encoded, 1)
	answered, _ := field(order, 2)
	if _, state := field(order, 3); state != uint64(checkoutv1.OrderState_ORDER_STATE_APPROVED) || !bytes.Equal(answered, a.request.ids[0]) {
		return fmt.Errorf("order %s: %w: %q", a.request.ids[0], errNotApproved, encoded)
	}
	return nil
}

// place places one order, paid with a random card, and fails unless it is approved.
func (s *shop) place(ctx context.Context, caller int) error {
	order := s.orders[caller]
	if len(s.customers) > 0 {
		var err error
		if ctx, err = s.customers[caller].context(ctx); err != nil {
			return err
		}
	}
	order.payWith(s.anyCard())
	s.number(&order.request)
	return s.connections[caller%connections].Invoke(ctx, checkoutv1.CheckoutService_PlaceOrder_FullMethodName,
		&order.request, &orderAnswer{&order.request}, grpc.ForceCodecV2(codec{}))
}

// orders compares orders with purchases at the same bank, and with the yardstick of an order. Then
// it compares an order alone with the calls and commits that it must consist of.
func (w *workbench) orders(ctx context.Context) (figures []Figure, err error) {
	r, err := w.startBankAndYardstick(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.end(ctx)) }()
	if err := r.yardstick.createOrders(ctx); err != nil {
		return nil, err
	}
	s, err := w.startShop(ctx, r.bank, ordersDatabase, false)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.end(ctx)) }()
	open, err := w.startOpenBank(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, open.remove(ctx)) }()
	without, err := w.startShop(ctx, open, openOrdersDatabase, true)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, without.end(ctx)) }()
	callers := w.options.Callers
	series, err := w.alternate(ctx, s.ordersTerm("orders of signed-in customers", "orders/s"), s.unaryTerm(),
		closedTerm(fmt.Sprintf("an order in three SQL transactions, %d connections", callers), callers, r.yardstick.order),
		without.ordersTerm("orders in plain text and without tokens", "open/s"))
	if err != nil {
		return nil, err
	}
	setting := fmt.Sprintf("%d in flight on %d HTTP/2 connections, %d cards", callers, connections, len(w.cards))
	figures = []Figure{
		ratio("Orders", setting, series[0], series[1]), ratio("OrdersYardstick", setting, series[0], series[2]),
		ratio("OrdersWalls", setting+"; TLS with client certificates and access tokens against plain text", series[0], series[3]),
	}
	alone, err := w.latencies([]timedOperation{
		{"an order", "order-ms", s.place},
		{"three empty calls of the bank, one after the other", "calls-ms", times(callsAndCommits, s.emptyCall)},
		{"three durable commits of one row, one after the other", "commits-ms", times(callsAndCommits, r.yardstick.commit)},
	}, 0.5, func(do operation) ([]time.Duration, error) {
		return oneByOne(ctx, w.options.Window, do)
	})
	if err != nil {
		return figures, err
	}
	return append(figures, ratio("OrderMedian", "median, one in flight, each measured alone", alone[0], alone[1:]...)), nil
}

// ordersTerm is a term of orders.
func (s *shop) ordersTerm(name, unit string) term {
	placed := s.term(name, s.workbench.options.Callers, s.place)
	placed.unit, placed.checkout = unit, s.checkout.Pid()
	return placed
}

// times returns an operation that does another one n times.
func times(n int, do operation) operation {
	return func(ctx context.Context, caller int) error {
		for range n {
			if err := do(ctx, caller); err != nil {
				return err
			}
		}
		return nil
	}
}
