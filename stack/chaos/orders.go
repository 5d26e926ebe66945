package chaos

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	checkoutv1 "codebank.dev/schemas/gen/checkout/v1"
	"codebank.dev/stack/pipes"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// orderDeadline is longer than the checkout takes before it answers "pending".
const orderDeadline = 15 * time.Second

// products are products of the checkout's catalogue, from cheap to expensive.
var products = [...]string{
	"products/marcador-de-pagina", "products/cafe-coado", "products/livro-dom-casmurro", "products/notebook-14",
}

// placedOrder is an order and what the client knows of it.
type placedOrder struct {
	id       string
	account  uint32
	product  string
	quantity int32
	state    checkoutv1.OrderState // unspecified until the first answer
	name     string
	purchase string
	total    int64
}

// orders holds the orders that were placed at the checkout.
type orders struct {
	mutex sync.Mutex
	all   []*placedOrder
	ended int64
}

func (o *orders) begin(account uint32, random *rand.Rand) *placedOrder {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	order := &placedOrder{
		id: fmt.Sprintf("%sorder-%d", requestPrefix, len(o.all)), account: account,
		product: products[random.IntN(len(products))], quantity: 1 + random.Int32N(3),
	}
	o.all = append(o.all, order)
	return order
}

// shop is one shopper at the checkout.
func (l *load) shop(ctx context.Context, worker int, random *rand.Rand) {
	var last *placedOrder
	for !l.over(ctx) {
		l.pace.wait(ctx, 1)
		if last != nil && random.IntN(20) == 0 {
			l.placeOrder(ctx, last) // again; the answer must be the same
			continue
		}
		kind := highLimit
		if random.IntN(3) == 0 {
			kind = lowLimit
		}
		last = l.orders.begin(l.cards.draw(random, kind).index, random)
		for range maxTries {
			if l.placeOrder(ctx, last) || !sleep(ctx, retryDelay) {
				break
			}
		}
	}
}

// placeOrder sends an order, or sends it again. It returns true if the order has ended.
func (l *load) placeOrder(ctx context.Context, order *placedOrder) bool {
	ctx, cancel := context.WithTimeout(ctx, orderDeadline)
	defer cancel()
	data := l.cards.get(order.account).data
	answer, err := l.clients.checkout.PlaceOrder(ctx, &checkoutv1.PlaceOrderRequest{
		RequestId: order.id, Attempt: 1,
		Items: []*checkoutv1.PlaceOrderItem{{Product: order.product, Quantity: order.quantity}},
		Card: &checkoutv1.Card{
			Number: data.GetNumber(), HolderName: data.GetHolderName(), Cvv: data.GetCvv(),
			ExpiryMonth: data.GetExpiryMonth(), ExpiryYear: data.GetExpiryYear(),
		},
	})
	if l.observed.classify("PlaceOrder", err) != classOK {
		return false
	}
	return l.recordOrder(order, answer.GetOrder())
}

// readOrder reads an order that was answered before.
func (l *load) readOrder(ctx context.Context, order *placedOrder) bool {
	ctx, cancel := context.WithTimeout(ctx, orderDeadline)
	defer cancel()
	answer, err := l.clients.checkout.GetOrder(ctx, &checkoutv1.GetOrderRequest{Name: order.name})
	if l.observed.classify("GetOrder", err, codes.NotFound) != classOK {
		if status.Code(err) == codes.NotFound {
			l.observed.report("I3", "order %s was answered and is gone", order.id)
		}
		return false
	}
	return l.recordOrder(order, answer.GetOrder())
}

// recordOrder records an answer. An ended order must not change.
func (l *load) recordOrder(order *placedOrder, answer *checkoutv1.Order) bool {
	l.orders.mutex.Lock()
	defer l.orders.mutex.Unlock()
	pending := checkoutv1.OrderState_ORDER_STATE_PENDING
	if order.state > pending {
		l.history.repeats.Add(1)
		if order.state != answer.GetState() || order.name != answer.GetName() || order.purchase != answer.GetPurchase() {
			l.observed.report("I5", "order %s was answered %s, then %s", order.id, order.state, answer.GetState())
		}
		return true
	}
	if order.name != "" && order.name != answer.GetName() {
		l.observed.report("I5", "request %s was answered as two orders, %s and %s", order.id, order.name, answer.GetName())
	}
	order.state, order.name = answer.GetState(), answer.GetName()
	order.purchase, order.total = answer.GetPurchase(), answer.GetTotalMinor()
	if order.state <= pending {
		return false
	}
	l.orders.ended++
	l.history.acknowledged.Add(1)
	return true
}

// resolveOrders reads every order until it has ended.
func (l *load) resolveOrders(ctx context.Context) error {
	l.orders.mutex.Lock()
	all := l.orders.all
	l.orders.mutex.Unlock()
	for _, order := range all {
		if order.state > checkoutv1.OrderState_ORDER_STATE_PENDING {
			continue
		}
		err := pipes.Await(ctx, resolveTimeout, func(ctx context.Context) error {
			if order.name != "" && l.readOrder(ctx, order) || l.placeOrder(ctx, order) {
				return nil
			}
			return fmt.Errorf("order %s is %s", order.id, order.state)
		})
		if err != nil {
			return err
		}
	}
	return nil
}
