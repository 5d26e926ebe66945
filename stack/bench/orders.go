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
	"google.golang.org/grpc"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
)

// ordersDatabase is the database of the measured checkout.
const ordersDatabase = "bench_checkout"

// callsAndCommits is how many calls and how many commits an order consists of at least: placing it,
// the token, the purchase; storing it, the purchase, its end.
const callsAndCommits = 3

// shop is a checkout in front of a bank, and a client that places orders.
type shop struct {
	*bankAndYardstick
	checkout    *process.Process
	connections []*grpc.ClientConn
	orders      []*orderRequest
}

// startShop starts a bank, a checkout in front of it and the yardstick.
func (w *workbench) startShop(ctx context.Context) (*shop, error) {
	bank, err := w.startBankAndYardstick(ctx)
	if err != nil {
		return nil, err
	}
	s := &shop{bankAndYardstick: bank}
	if err := s.start(ctx); err != nil {
		return nil, errors.Join(err, s.end(ctx))
	}
	return s, nil
}

func (s *shop) start(ctx context.Context) error {
	w := s.workbench
	if err := w.dropDatabase(ctx, ordersDatabase); err != nil {
		return err
	}
	url, err := w.stack.AddDatabase(ctx, "checkout", ordersDatabase, launch.BankCode)
	if err != nil {
		return err
	}
	port := w.nextPort()
	s.checkout, err = w.stack.Replica(ctx, launch.Checkout, launch.Copy{
		Name: "checkout-" + strconv.Itoa(w.banks), GRPCPort: port, HTTPPort: port + 1,
		Settings: map[string]string{"database-url": url, "bank-address": s.address},
	})
	if err != nil {
		return err
	}
	for range connections {
		connection, err := dial("127.0.0.1:" + strconv.Itoa(port))
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
	}
	return s.yardstick.createOrders(ctx)
}

func (s *shop) end(ctx context.Context) error {
	for _, connection := range s.connections {
		_ = connection.Close()
	}
	var err error
	if s.checkout != nil {
		err = s.workbench.stack.Remove(context.WithoutCancel(ctx), s.checkout)
	}
	return errors.Join(err, s.bankAndYardstick.end(ctx), s.workbench.dropDatabase(context.WithoutCancel(ctx), ordersDatabase))
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
	order.payWith(s.anyCard())
	s.number(&order.request)
	return s.connections[caller%connections].Invoke(ctx, checkoutv1.CheckoutService_PlaceOrder_FullMethodName,
		&order.request, &orderAnswer{&order.request}, grpc.ForceCodecV2(codec{}))
}

// orders compares orders with purchases at the same bank, and with the yardstick of an order. Then
// it compares an order alone with the calls and commits that it must consist of.
func (w *workbench) orders(ctx context.Context) (figures []Figure, err error) {
	s, err := w.startShop(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.end(ctx)) }()
	callers := w.options.Callers
	placed := s.term("orders", callers, s.place)
	placed.unit, placed.checkout = "orders/s", s.checkout.Pid()
	series, err := w.alternate(ctx, placed, s.unaryTerm(),
		closedTerm(fmt.Sprintf("an order in three SQL transactions, %d connections", callers), callers, s.yardstick.order))
	if err != nil {
		return nil, err
	}
	setting := fmt.Sprintf("%d in flight on %d HTTP/2 connections, %d cards", callers, connections, len(w.cards))
	figures = []Figure{ratio("Orders", setting, series[0], series[1]), ratio("OrdersYardstick", setting, series[0], series[2])}
	alone, err := w.latencies([]timedOperation{
		{"an order", "order-ms", s.place},
		{"three empty calls of the bank, one after the other", "calls-ms", times(callsAndCommits, s.emptyCall)},
		{"three durable commits of one row, one after the other", "commits-ms", times(callsAndCommits, s.yardstick.commit)},
	}, 0.5, func(do operation) ([]time.Duration, error) {
		return oneByOne(ctx, w.options.Window, do)
	})
	if err != nil {
		return figures, err
	}
	return append(figures, ratio("OrderMedian", "median, one in flight, each measured alone", alone[0], alone[1:]...)), nil
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
