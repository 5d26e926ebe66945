package shoptest

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"slices"
	"strings"

	"codebank.dev/platform/fault"
	"codebank.dev/platform/field"
	"codebank.dev/platform/id"
	"codebank.dev/platform/pan"
	checkoutv1 "codebank.dev/schemas/gen/checkout/v1"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"
)

type checkout struct {
	checkoutv1.UnimplementedCheckoutServiceServer
	*World
}

var (
	errNoBank  = fault.New(fault.Unavailable, "BANK_UNAVAILABLE", "The bank cannot be reached at the moment. Nothing was charged; please try again with the same request id.")
	errReused  = fault.New(fault.Aborted, "REQUEST_ID_REUSED", "This request id was used before with another request.")
	errNoOrder = fault.New(fault.NotFound, "ORDER_NOT_FOUND", "There is no such order.")
)

// declines are the decisions on published test numbers.
var declines = map[string][2]string{
	Broke: {"INSUFFICIENT_FUNDS", "The available limit does not cover this amount."}, Blocked: {"BLOCKED", "The card is blocked."},
}

func (c *checkout) PlaceOrder(ctx context.Context, in *checkoutv1.PlaceOrderRequest) (*checkoutv1.PlaceOrderResponse, error) {
	owner, err := c.user(ctx)
	if err != nil {
		return nil, err
	}
	if owner != "" && in.GetGuest() {
		return nil, fault.Invalid("guest", "An order with an access token is its user's, and not a guest's.")
	}
	given := in.GetCard()
	card, err := field.RawCardData{
		Number: given.GetNumber(), HolderName: given.GetHolderName(), CVV: given.GetCvv(), ExpiryMonth: int(given.GetExpiryMonth()), ExpiryYear: int(given.GetExpiryYear()),
	}.CheckWithBrand("card")
	if err != nil {
		return nil, err
	}
	c.mutex.Lock()
	defer c.mutex.Unlock()
	// The last four digits stand for the card, as in checkout.
	asked := proto.CloneOf(in)
	asked.Card = &checkoutv1.Card{Number: card.Number.Last4()}
	for _, one := range c.orders {
		if one.GetRequestId() == in.GetRequestId() {
			if one.owner != owner || !proto.Equal(one.request, asked) {
				return nil, errReused
			}
			return one.answer(), nil
		}
	}
	if c.noBank {
		return nil, errNoBank
	}
	made := &order{owner: owner, request: asked, Order: &checkoutv1.Order{
		Name: "orders/" + newID(), RequestId: in.GetRequestId(), MaskedCardNumber: pan.Masked(card.Number.Last4()), CardBrand: card.Number.Brand().String(),
		CreateTime: timestamppb.New(c.now()), UpdateTime: timestamppb.New(c.now()),
	}}
	if err := c.price(made.Order, in.GetItems()); err != nil {
		return nil, err
	}
	if in.GetGuest() {
		made.secret = newSecret()
	}
	made.decide(card.Number.Reveal())
	c.orders = append(c.orders, made)
	return made.answer(), nil
}

func newID() string {
	made, _ := id.New(rand.Reader) // It does not fail: see crypto/rand.
	return made.String()
}

func newSecret() string {
	random := make([]byte, 32)
	_, _ = rand.Read(random) // It does not fail: see crypto/rand.
	return "gos_" + base64.RawURLEncoding.EncodeToString(random)
}

// price fills in what is bought, by the catalogue.
func (c *checkout) price(of *checkoutv1.Order, items []*checkoutv1.PlaceOrderItem) error {
	for _, item := range items {
		found := c.sold(item.GetProduct())
		if found == nil || item.GetQuantity() < 1 {
			return errNoProduct.In("items")
		}
		if of.GetStore() != nil && !proto.Equal(of.GetStore(), found.GetStore()) {
			return fault.Invalid("items", "All items of an order are of one store.")
		}
		of.Store, of.Currency = found.GetStore(), found.GetCurrency()
		of.TotalMinor += found.GetPriceMinor() * int64(item.GetQuantity())
		of.Items = append(of.Items, &checkoutv1.OrderItem{
			Product: item.GetProduct(), DisplayName: found.GetDisplayName(), Quantity: item.GetQuantity(), UnitPriceMinor: found.GetPriceMinor(),
		})
	}
	return nil
}

// decide decides an order by the number of its card.
func (o *order) decide(number string) {
	decline, declined := declines[number]
	switch {
	case declined:
		o.State, o.DeclineReason, o.DeclineMessage = checkoutv1.OrderState_ORDER_STATE_DECLINED, decline[0], decline[1]
	case number == Slow:
		o.State = checkoutv1.OrderState_ORDER_STATE_PENDING
	default:
		o.State = checkoutv1.OrderState_ORDER_STATE_APPROVED
	}
}

func (o *order) answer() *checkoutv1.PlaceOrderResponse {
	return &checkoutv1.PlaceOrderResponse{Order: proto.CloneOf(o.Order), OrderSecret: o.secret}
}

// Decide decides all pending orders as the card with a number.
func (w *World) Decide(number string) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	for _, one := range w.orders {
		if one.GetState() == checkoutv1.OrderState_ORDER_STATE_PENDING {
			one.decide(number)
		}
	}
}

// Refund gives an amount of an order back.
func (w *World) Refund(name string, minor int64) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	for _, one := range w.orders {
		if one.GetName() != name {
			continue
		}
		one.RefundedMinor += minor
		one.State = checkoutv1.OrderState_ORDER_STATE_PARTIALLY_REFUNDED
		if one.GetRefundedMinor() == one.GetTotalMinor() {
			one.State = checkoutv1.OrderState_ORDER_STATE_REFUNDED
		}
		one.Refunds = append(one.Refunds, &checkoutv1.Refund{
			Name: name + "/refunds/" + newID(), State: checkoutv1.RefundState_REFUND_STATE_DONE, AmountMinor: minor,
			CreateTime: timestamppb.New(w.now()), EndTime: timestamppb.New(w.now()),
		})
	}
}

func (c *checkout) GetOrder(ctx context.Context, in *checkoutv1.GetOrderRequest) (*checkoutv1.GetOrderResponse, error) {
	owner, err := c.user(ctx)
	if err != nil {
		return nil, err
	}
	c.mutex.Lock()
	defer c.mutex.Unlock()
	for _, one := range c.orders {
		if one.GetName() == in.GetName() && owner != "" && one.owner == owner {
			return &checkoutv1.GetOrderResponse{Order: proto.CloneOf(one.Order)}, nil
		}
	}
	return nil, errNoOrder
}

func (c *checkout) GetGuestOrder(_ context.Context, in *checkoutv1.GetGuestOrderRequest) (*checkoutv1.GetGuestOrderResponse, error) {
	if !strings.HasPrefix(in.GetOrderSecret(), "gos_") {
		return nil, fault.Invalid("order_secret", "This is not the secret of an order.")
	}
	c.mutex.Lock()
	defer c.mutex.Unlock()
	for _, one := range c.orders {
		if one.GetName() == in.GetName() && one.secret == in.GetOrderSecret() {
			return &checkoutv1.GetGuestOrderResponse{Order: proto.CloneOf(one.Order)}, nil
		}
	}
	return nil, errNoOrder
}

func (c *checkout) ListOrders(ctx context.Context, in *checkoutv1.ListOrdersRequest) (*checkoutv1.ListOrdersResponse, error) {
	owner, err := c.user(ctx)
	if err != nil {
		return nil, err
	}
	c.mutex.Lock()
	defer c.mutex.Unlock()
	var found []*checkoutv1.Order
	for _, one := range slices.Backward(c.orders) {
		if owner != "" && one.owner == owner {
			found = append(found, proto.CloneOf(one.Order))
		}
	}
	page, next, err := pageOf(found, in.GetPageToken(), in.GetPageSize())
	return &checkoutv1.ListOrdersResponse{Orders: page, NextPageToken: next}, err
}
