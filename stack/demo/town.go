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
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
)

// town is the scene: the services as their clients see them, and who lives there.
type town struct {
	stack *launch.Stack
	out   io.Writer
	err   error // of the first print that failed

	connections []*grpc.ClientConn
	cards       bankv1.CardServiceClient
	purchases   bankv1.PurchaseServiceClient
	checkout    checkoutv1.CheckoutServiceClient
	statements  statementv1.StatementServiceClient

	people    []*person
	stores    map[string][]*checkoutv1.Product // by store
	freshness *freshness

	mutex    sync.Mutex
	orders   int
	approved int
	declined map[string]int // by reason
	bought   []bought
}

// person is a customer with a card.
type person struct {
	card *bankv1.Card
	data *bankv1.CardData
}

// bought is an approved purchase.
type bought struct {
	person *person
	order  *checkoutv1.Order
}

func newTown(stack *launch.Stack, out io.Writer) (*town, error) {
	t := &town{stack: stack, out: out, declined: map[string]int{}, stores: map[string][]*checkoutv1.Product{}}
	addresses := stack.Addresses()
	for _, service := range []struct {
		address string
		use     func(*grpc.ClientConn)
	}{
		{addresses.BankGRPC(), func(c *grpc.ClientConn) {
			t.cards, t.purchases = bankv1.NewCardServiceClient(c), bankv1.NewPurchaseServiceClient(c)
		}},
		{addresses.CheckoutGRPC(), func(c *grpc.ClientConn) { t.checkout = checkoutv1.NewCheckoutServiceClient(c) }},
		{addresses.StatementGRPC(), func(c *grpc.ClientConn) { t.statements = statementv1.NewStatementServiceClient(c) }},
	} {
		connection, err := grpc.NewClient(service.address, grpc.WithTransportCredentials(insecure.NewCredentials()))
		if err != nil {
			t.close()
			return nil, err
		}
		t.connections = append(t.connections, connection)
		service.use(connection)
	}
	t.freshness = newFreshness(t.statements, addresses.Elasticsearch())
	return t, nil
}

func (t *town) close() {
	for _, connection := range t.connections {
		connection.Close()
	}
}

func (t *town) printf(format string, values ...any) {
	if _, err := fmt.Fprintf(t.out, format, values...); err != nil && t.err == nil {
		t.err = err
	}
}

// shopper is the caller that the checkout service is at the bank.
const shopper = "checkout"

// patience bounds how long one order may take to end.
const patience = 30 * time.Second

// buy places one order and follows it until it has ended.
func (t *town) buy(ctx context.Context, who *person, cart *checkoutv1.PlaceOrderRequest) (*checkoutv1.Order, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	t.mutex.Lock()
	t.orders++
	cart.RequestId = fmt.Sprintf("demo-%d", t.orders)
	t.mutex.Unlock()
	answer, err := t.checkout.PlaceOrder(ctx, cart)
	for status.Code(err) == codes.Unavailable && ctx.Err() == nil {
		answer, err = t.checkout.PlaceOrder(ctx, cart)
	}
	if err != nil {
		return nil, err
	}
	order := answer.GetOrder()
	for order.GetState() == checkoutv1.OrderState_ORDER_STATE_PENDING {
		if err := pause(ctx, 50*time.Millisecond); err != nil {
			return nil, errors.Join(fmt.Errorf("%s is still pending", order.GetName()), err)
		}
		read, err := t.checkout.GetOrder(ctx, &checkoutv1.GetOrderRequest{Name: order.GetName()})
		if err != nil {
			return nil, err
		}
		order = read.GetOrder()
	}
	t.note(who, order)
	return order, nil
}

// note counts how an order ended, and follows an approved one through the pipeline.
func (t *town) note(who *person, order *checkoutv1.Order) {
	answered := time.Now()
	t.mutex.Lock()
	defer t.mutex.Unlock()
	if order.GetState() != checkoutv1.OrderState_ORDER_STATE_APPROVED {
		t.declined[order.GetDeclineReason()]++
		return
	}
	t.approved++
	t.bought = append(t.bought, bought{who, order})
	t.freshness.follow(who.card.GetAccount(), order.GetPurchase(), answered)
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// typed is what a person types at the checkout.
func (p *person) typed() *checkoutv1.Card {
	return &checkoutv1.Card{
		Number: p.data.GetNumber(), HolderName: p.data.GetHolderName(), Cvv: p.data.GetCvv(),
		ExpiryMonth: p.data.GetExpiryMonth(), ExpiryYear: p.data.GetExpiryYear(),
	}
}
