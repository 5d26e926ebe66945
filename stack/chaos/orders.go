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

// orderDeadline is longer than what the checkout takes before it answers "pending".
const orderDeadline = 15 * time.Second

// products are of the checkout's own catalogue, from cheap to dear.
var products = [...]string{
	"products/marcador-de-pagina", "products/cafe-coado", "products/livro-dom-casmurro", "products/notebook-14",
}

// placed is an order and what the client knows of it.
type placed struct {
	id       string
	account  uint32
	product  string
	quantity int32
	state    checkoutv1.OrderState // unspecified while nothing was heard
	name     string
	purchase string
	total    int64
}

// orders is the history of what was bought at the checkout.
type orders struct {
	mutex sync.Mutex
	all   []*placed
	ended int64
}

func (o *orders) begin(account uint32, random *rand.Rand) *placed {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	order := &placed{
		id: fmt.Sprintf("%sorder-%d", requestPrefix, len(o.all)), account: account,
		product: products[random.IntN(len(products))], quantity: 1 + random.Int32N(3),
	}
	o.all = append(o.all, order)
	return order
}

// order is a shopper at the checkout.
func (l *load) order(ctx context.Context, worker int, random *rand.Rand) {
	var last *placed
	for !l.over(ctx) {
		l.pace.wait(ctx, 1)
		if last != nil && random.IntN(20) == 0 {
			l.place(ctx, last) // once more, to be answered the same
			continue
		}
		kind := wide
		if random.IntN(3) == 0 {
			kind = tight
		}
		last = l.orders.begin(l.wallet.draw(random, kind).index, random)
		for range tries {
			if l.place(ctx, last) || !rest(ctx, pause) {
				break
			}
		}
	}
}

// place sends an order, or sends it again, and reports whether it has ended.
func (l *load) place(ctx context.Context, order *placed) bool {
	ctx, cancel := context.WithTimeout(ctx, orderDeadline)
	defer cancel()
	ctx = asCaller(ctx)
	data := l.wallet.get(order.account).data
	answer, err := l.clients.checkout.PlaceOrder(ctx, &checkoutv1.PlaceOrderRequest{
		RequestId: order.id, Attempt: 1,
		Items: []*checkoutv1.PlaceOrderItem{{Product: order.product, Quantity: order.quantity}},
		Card: &checkoutv1.Card{
			Number: data.GetNumber(), HolderName: data.GetHolderName(), Cvv: data.GetCvv(),
			ExpiryMonth: data.GetExpiryMonth(), ExpiryYear: data.GetExpiryYear(),
		},
	})
	if l.seen.classify("PlaceOrder", err) != fine {
		return false
	}
	return l.placed(order, answer.GetOrder())
}

// follow reads an order that was answered before.
func (l *load) follow(ctx context.Context, order *placed) bool {
	ctx, cancel := context.WithTimeout(ctx, orderDeadline)
	defer cancel()
	answer, err := l.clients.checkout.GetOrder(asCaller(ctx), &checkoutv1.GetOrderRequest{Name: order.name})
	if l.seen.classify("GetOrder", err, codes.NotFound) != fine {
		if status.Code(err) == codes.NotFound {
			l.seen.report("I3", "order %s was answered and is gone", order.id)
		}
		return false
	}
	return l.placed(order, answer.GetOrder())
}

// placed takes an answer down. An order that has ended stays as it ended.
func (l *load) placed(order *placed, answer *checkoutv1.Order) bool {
	l.orders.mutex.Lock()
	defer l.orders.mutex.Unlock()
	pending := checkoutv1.OrderState_ORDER_STATE_PENDING
	if order.state > pending {
		l.history.repeats.Add(1)
		if order.state != answer.GetState() || order.name != answer.GetName() || order.purchase != answer.GetPurchase() {
			l.seen.report("I5", "order %s was answered %s, then %s", order.id, order.state, answer.GetState())
		}
		return true
	}
	if order.name != "" && order.name != answer.GetName() {
		l.seen.report("I5", "request %s was answered as two orders, %s and %s", order.id, order.name, answer.GetName())
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

// settleOrders follows every order until it has ended.
func (l *load) settleOrders(ctx context.Context) error {
	l.orders.mutex.Lock()
	all := l.orders.all
	l.orders.mutex.Unlock()
	for _, order := range all {
		if order.state > checkoutv1.OrderState_ORDER_STATE_PENDING {
			continue
		}
		err := pipes.Await(ctx, settlePatience, func(ctx context.Context) error {
			if order.name != "" && l.follow(ctx, order) || l.place(ctx, order) {
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
