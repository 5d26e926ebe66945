package shop

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"time"

	"codebank.dev/platform/fault"
	checkoutv1 "codebank.dev/schemas/gen/checkout/v1"
	"codebank.dev/web/design"
	"codebank.dev/web/people"
	"codebank.dev/web/site"
)

const (
	// payTime bounds the wait for an order. Checkout answers before it ends.
	payTime = 12 * time.Second
	// payTries is how often one press asks checkout, with the same request id.
	payTries = 3
	// keyGuest is where the session keeps whose the request ids of a guest are.
	keyGuest = "guest"
)

// payment is the page with the form to pay.
type payment struct {
	Cart    cart
	Items   string
	Minor   string
	Request string
	// Number, Holder, Expiry and CVV are the fields of the card.
	Number, Holder, Expiry, CVV design.Field
	Message                     *design.Message
	Guest                       bool
	SignIn                      string
}

// checkoutPath is the path of the form to pay for what the basket holds of a store.
func checkoutPath(store string) string { return "/checkout?store=" + store }

func (s *Shop) showCheckout(v *site.Visit) error {
	carts, _, err := s.carts(v, basketOf(v))
	if err != nil {
		return err
	}
	for _, one := range carts {
		if one.Slug == v.Value("store") {
			return s.payPage(v, one, nil, outcome{})
		}
	}
	return v.Redirect("/basket")
}

// outcome is what is said above the form when it is shown again.
type outcome struct {
	message *design.Message
	status  int
}

// payPage shows the form to pay. It is the same command as before when it is shown again.
//
// tidy:parameters a form, what is wrong with it, and what happened
func (s *Shop) payPage(v *site.Visit, of cart, wrong map[string]string, happened outcome) error {
	v.Tab("basket")
	guest := !people.IsSignedIn(v)
	if guest && v.Get(keyGuest) == "" {
		v.Set(map[string]string{keyGuest: site.NewRequestID()})
	}
	fields := cardFields(v, wrong)
	return v.Show(site.Page{Template: "checkout", Title: v.Say("pay.title"), Status: happened.status, Data: payment{
		Cart: of, Items: of.items.String(), Minor: strconv.FormatInt(of.minor, 10), Request: v.SameRequest(),
		Number: fields[0], Holder: fields[1], Expiry: fields[2], CVV: fields[3], Message: happened.message,
		Guest: guest, SignIn: site.SignInPath(signIn, "", checkoutPath(of.Slug)),
	}})
}

// pay places the order of a form. The same form, sent again, is the same order.
func (s *Shop) pay(v *site.Visit) error {
	of, err := s.cartOf(v)
	if err != nil {
		return err
	}
	if of == nil {
		return v.Redirect("/basket")
	}
	if v.Value("minor") != strconv.FormatInt(of.minor, 10) {
		return s.payPage(v, *of, nil, outcome{&design.Message{Tone: "warn", Title: v.Say("pay.changed"), Text: v.Say("pay.changed-text")}, http.StatusConflict})
	}
	card, wrong := cardOf(v)
	if len(wrong) > 0 {
		return s.payPage(v, *of, wrong, outcome{status: http.StatusUnprocessableEntity})
	}
	if ended, err := s.actOr(v, checkoutPath(of.Slug)); ended || err != nil {
		return err
	}
	buyer := people.User(v)
	if buyer == "" {
		buyer = v.Get(keyGuest)
	}
	requestID, err := v.RequestID(buyer)
	if err != nil {
		return err
	}
	answer, err := s.place(v.Context(), &checkoutv1.PlaceOrderRequest{
		RequestId: requestID, Items: itemsOf(of.items), Card: card, Guest: !people.IsSignedIn(v),
	})
	if err != nil {
		if found := s.byRequest(v, requestID, err); found != nil {
			return s.placed(v, of.items, &checkoutv1.PlaceOrderResponse{Order: found})
		}
		return s.notPlaced(v, *of, err)
	}
	return s.placed(v, of.items, answer)
}

// cartOf returns what the form buys, at the prices of now; nil if that is nothing which can be bought together.
func (s *Shop) cartOf(v *site.Visit) (*cart, error) {
	carts, gone, err := s.carts(v, parseBasket(v.Value("items")))
	if err != nil || len(gone) > 0 || len(carts) != 1 {
		return nil, err
	}
	return &carts[0], nil
}

func itemsOf(items basket) []*checkoutv1.PlaceOrderItem {
	asked := make([]*checkoutv1.PlaceOrderItem, len(items))
	for i, one := range items {
		asked[i] = &checkoutv1.PlaceOrderItem{Product: productPrefix + one.slug, Quantity: one.quantity}
	}
	return asked
}

// reasonNoBank is checkout's word for a bank that it could not ask: nothing was stored, and nothing charged.
const reasonNoBank = "BANK_UNAVAILABLE"

// place asks for an order, and asks again while no answer comes: the request id makes it one order.
func (s *Shop) place(ctx context.Context, request *checkoutv1.PlaceOrderRequest) (answer *checkoutv1.PlaceOrderResponse, err error) {
	ctx, cancel := context.WithTimeout(ctx, payTime)
	defer cancel()
	for range payTries {
		answer, err = s.checkout.PlaceOrder(ctx, request)
		if err == nil || !site.IsAway(err) || fault.Of(err).Reason == reasonNoBank {
			break
		}
	}
	return answer, err
}

// byRequest returns the order of a request whose answer was lost, or which was used before, among the latest of a
// signed-in user; nil if it is not there. A guest has no list of his orders to look in.
func (s *Shop) byRequest(v *site.Visit, requestID string, reason error) *checkoutv1.Order {
	isOpen := site.IsAway(reason) && fault.Of(reason).Reason != reasonNoBank || fault.CodeOf(reason) == fault.Aborted
	if !isOpen || !people.IsSignedIn(v) {
		return nil
	}
	answer, err := s.checkout.ListOrders(v.Context(), &checkoutv1.ListOrdersRequest{PageSize: ordersPerPage})
	if err != nil {
		return nil
	}
	for _, order := range answer.GetOrders() {
		if order.GetRequestId() == requestID {
			return order
		}
	}
	return nil
}

// notPlaced says why there is no order, or that it is not known whether there is one. Either way the basket is kept.
func (s *Shop) notPlaced(v *site.Visit, of cart, err error) error {
	if wrong := wrongIn(v, err); wrong != nil {
		return s.payPage(v, of, wrong, outcome{status: http.StatusUnprocessableEntity})
	}
	switch {
	case fault.Of(err).Reason == reasonNoBank:
		return s.payPage(v, of, nil, outcome{&design.Message{Tone: "bad", Title: v.Say("pay.away"), Text: v.Say("pay.away-text")}, http.StatusServiceUnavailable})
	case site.IsAway(err):
		return s.payPage(v, of, nil, outcome{&design.Message{
			Tone: "warn", Title: v.Say("pay.unknown"), Text: v.Say("pay.unknown-text"), Trace: v.Trace(), TraceLabel: v.Say("trace"), Link: "/orders", Action: v.Say("tab.orders"),
		}, http.StatusServiceUnavailable})
	case fault.CodeOf(err) == fault.Aborted:
		return v.Show(site.Page{Template: "problem", Title: v.Say("pay.used"), Status: http.StatusConflict, Data: design.Message{
			Tone: "warn", Title: v.Say("pay.used"), Text: v.Say("pay.used-text"), Link: "/orders", Action: v.Say("tab.orders"),
		}})
	}
	return err
}

// placed leads to the order. What was bought leaves the basket, unless the order was declined.
func (s *Shop) placed(v *site.Visit, bought basket, answer *checkoutv1.PlaceOrderResponse) error {
	order := answer.GetOrder()
	id := strings.TrimPrefix(order.GetName(), orderPrefix)
	if secret := answer.GetOrderSecret(); secret != "" {
		keepSecret(v, id, secret)
	}
	if order.GetState() != checkoutv1.OrderState_ORDER_STATE_DECLINED {
		held := basketOf(v)
		for _, one := range bought {
			// What was put into the basket meanwhile stays there.
			held, _ = held.with(one.slug, held.quantity(one.slug)-one.quantity)
		}
		keepBasket(v, held)
	}
	return v.Redirect("/orders/" + id)
}
