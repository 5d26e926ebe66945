package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	bankv1 "codebank.dev/schemas/gen/bank/v1"
	checkoutv1 "codebank.dev/schemas/gen/checkout/v1"
	statementv1 "codebank.dev/schemas/gen/statement/v1"
	"codebank.dev/stack/launch"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// demonstration holds the clients of the services, the customers, and what has happened so far.
type demonstration struct {
	stack *launch.Stack
	out   io.Writer
	err   error // the first error of a print

	connections []*grpc.ClientConn
	// operator is a connection on which the bank's operator calls.
	operator *grpc.ClientConn
	cards    bankv1.CardServiceClient
	acquirer bankv1.PurchaseServiceClient
	// cash is for what the bank's cashier does with wallets, and wallets for what people do.
	cash, wallets bankv1.WalletServiceClient
	checkout      checkoutv1.CheckoutServiceClient
	statements    statementv1.StatementServiceClient

	customers []*customer
	// ana and bruno have wallets, once these are opened.
	ana, bruno *owner
	stores     map[string][]*checkoutv1.Product // by store
	freshness  *freshness

	mutex             sync.Mutex
	orders            int
	approved          int
	declined          map[string]int // by reason
	approvedPurchases []purchase
}

// customer is a customer with a card.
type customer struct {
	card *bankv1.Card
	data *bankv1.CardData
	// person is set for those who have signed up.
	person *launch.Person
}

// purchase is an approved purchase.
type purchase struct {
	customer *customer
	order    *checkoutv1.Order
}

func newDemonstration(stack *launch.Stack, out io.Writer) (*demonstration, error) {
	d := &demonstration{stack: stack, out: out, declined: map[string]int{}, stores: map[string][]*checkoutv1.Product{}}
	addresses := stack.Addresses()
	for _, service := range []struct {
		program, address, as string
		use                  func(*grpc.ClientConn)
	}{
		{launch.Bank, addresses.BankGRPC(), launch.Operator, func(c *grpc.ClientConn) {
			d.operator, d.cards = c, bankv1.NewCardServiceClient(c)
		}},
		// What was bought through the checkout is given back by it.
		{launch.Bank, addresses.BankGRPC(), launch.Checkout, func(c *grpc.ClientConn) { d.acquirer = bankv1.NewPurchaseServiceClient(c) }},
		{launch.Bank, addresses.BankGRPC(), cashier, func(c *grpc.ClientConn) { d.cash = bankv1.NewWalletServiceClient(c) }},
		// A person proves who he is by a token, and has no certificate.
		{launch.Bank, addresses.BankGRPC(), "", func(c *grpc.ClientConn) { d.wallets = bankv1.NewWalletServiceClient(c) }},
		{launch.Checkout, addresses.CheckoutGRPC(), shop, func(c *grpc.ClientConn) { d.checkout = checkoutv1.NewCheckoutServiceClient(c) }},
		{launch.Statement, addresses.StatementGRPC(), launch.Operator, func(c *grpc.ClientConn) { d.statements = statementv1.NewStatementServiceClient(c) }},
	} {
		connection, err := d.dial(service.program, service.address, service.as)
		if err != nil {
			d.close()
			return nil, err
		}
		service.use(connection)
	}
	d.freshness = newFreshness(d.statements, addresses.Elasticsearch())
	return d, nil
}

// dial opens a connection that close closes.
func (d *demonstration) dial(program, address, as string) (*grpc.ClientConn, error) {
	connection, err := d.stack.Dial(program, address, as)
	if err == nil {
		d.connections = append(d.connections, connection)
	}
	return connection, err
}

func (d *demonstration) close() {
	for _, connection := range d.connections {
		connection.Close()
	}
}

func (d *demonstration) printf(format string, values ...any) {
	if _, err := fmt.Fprintf(d.out, format, values...); err != nil && d.err == nil {
		d.err = err
	}
}

// The programs that the demonstration calls as, beside the operator.
const (
	// cashier is an operator, who may pay cash in.
	cashier = "cashier"
	// shop places orders at the checkout.
	shop = "shop"
)

// orderTimeout bounds how long one order may take to end.
const orderTimeout = 30 * time.Second

// buy places one order, waits until it has ended, and counts it.
func (d *demonstration) buy(ctx context.Context, who *customer, cart *checkoutv1.PlaceOrderRequest) (*checkoutv1.Order, error) {
	d.mutex.Lock()
	d.orders++
	cart.RequestId = fmt.Sprintf("demo-%d", d.orders)
	d.mutex.Unlock()
	order, err := d.place(ctx, cart)
	if err != nil {
		return nil, err
	}
	d.record(who, order)
	return order, nil
}

// place places one order and waits until it has ended.
func (d *demonstration) place(ctx context.Context, cart *checkoutv1.PlaceOrderRequest) (*checkoutv1.Order, error) {
	ctx, cancel := context.WithTimeout(ctx, orderTimeout)
	defer cancel()
	answer, err := d.checkout.PlaceOrder(ctx, cart)
	for status.Code(err) == codes.Unavailable && ctx.Err() == nil {
		answer, err = d.checkout.PlaceOrder(ctx, cart)
	}
	if err != nil {
		return nil, err
	}
	order := answer.GetOrder()
	for order.GetState() == checkoutv1.OrderState_ORDER_STATE_PENDING {
		if err := sleep(ctx, 50*time.Millisecond); err != nil {
			return nil, errors.Join(fmt.Errorf("%s is still pending", order.GetName()), err)
		}
		read, err := d.checkout.GetOrder(ctx, &checkoutv1.GetOrderRequest{Name: order.GetName()})
		if err != nil {
			return nil, err
		}
		order = read.GetOrder()
	}
	return order, nil
}

// record counts an ended order. An approved one is added to the freshness samples.
func (d *demonstration) record(who *customer, order *checkoutv1.Order) {
	answered := time.Now()
	d.mutex.Lock()
	defer d.mutex.Unlock()
	if order.GetState() != checkoutv1.OrderState_ORDER_STATE_APPROVED {
		d.declined[order.GetDeclineReason()]++
		return
	}
	d.approved++
	d.approvedPurchases = append(d.approvedPurchases, purchase{who, order})
	d.freshness.add(who.card.GetAccount(), order.GetPurchase(), answered)
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// cardInput returns the card data that the customer enters at the checkout.
func (p *customer) cardInput() *checkoutv1.Card {
	return &checkoutv1.Card{
		Number: p.data.GetNumber(), HolderName: p.data.GetHolderName(), Cvv: p.data.GetCvv(),
		ExpiryMonth: p.data.GetExpiryMonth(), ExpiryYear: p.data.GetExpiryYear(),
	}
}
