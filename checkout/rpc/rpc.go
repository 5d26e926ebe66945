// Package rpc serves the merchant side over gRPC. It reads requests, calls the use
// cases, and writes their results as answers. It has no rules of its own.
package rpc

import (
	"context"
	"fmt"

	"codebank.dev/checkout"
	"codebank.dev/checkout/merchant"
	"codebank.dev/checkout/order"
	"codebank.dev/checkout/product"
	"codebank.dev/checkout/refund"
	"codebank.dev/platform/fault"
	"codebank.dev/platform/field"
	"codebank.dev/platform/pan"
	"codebank.dev/platform/principal"
	"codebank.dev/platform/serve"
	checkoutv1 "codebank.dev/schemas/gen/checkout/v1"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// Server serves checkout.v1.CheckoutService. All fields are required; it is safe for
// concurrent use.
type Server struct {
	checkoutv1.UnimplementedCheckoutServiceServer
	Products *product.Service
	Orders   *order.Service
	Refunds  *refund.Service
	Stores   merchant.Stores
	Pages    *serve.PageTokens
}

var _ checkoutv1.CheckoutServiceServer = (*Server)(nil)

// listQuery is what a page token of ListProducts belongs to.
const listQuery = "checkout.v1.ListProducts"

// ListProducts implements checkoutv1.CheckoutServiceServer.
func (s *Server) ListProducts(ctx context.Context, in *checkoutv1.ListProductsRequest) (*checkoutv1.ListProductsResponse, error) {
	var after []byte
	if in.GetPageToken() != "" {
		var err error
		if after, err = s.Pages.Read(in.GetPageToken(), listQuery); err != nil {
			return nil, err
		}
	}
	page, next, err := s.Products.List(ctx, string(after), in.GetPageSize())
	if err != nil {
		return nil, err
	}
	out := &checkoutv1.ListProductsResponse{Products: make([]*checkoutv1.Product, len(page))}
	for i := range page {
		out.Products[i] = productMessage(&page[i])
	}
	if next != "" {
		out.NextPageToken = s.Pages.Issue([]byte(next), listQuery)
	}
	return out, nil
}

// GetProduct implements checkoutv1.CheckoutServiceServer.
func (s *Server) GetProduct(ctx context.Context, in *checkoutv1.GetProductRequest) (*checkoutv1.GetProductResponse, error) {
	found, err := s.Products.Get(ctx, in.GetName())
	if err != nil {
		return nil, err
	}
	return &checkoutv1.GetProductResponse{Product: productMessage(&found)}, nil
}

// PlaceOrder implements checkoutv1.CheckoutServiceServer.
func (s *Server) PlaceOrder(ctx context.Context, in *checkoutv1.PlaceOrderRequest) (*checkoutv1.PlaceOrderResponse, error) {
	lines, err := readLines(in.GetItems())
	if err != nil {
		return nil, err
	}
	card, refusal := readCard(in.GetCard())
	if refusal != nil && !field.IsContent(refusal) {
		return nil, refusal
	}
	placed, err := s.Orders.Place(ctx, order.Request{
		By: requester(ctx), RequestID: in.GetRequestId(), TraceID: serve.TraceID(ctx),
		Lines: lines, Card: card, Refusal: refusal, Attempt: in.GetAttempt(), Guest: in.GetGuest(),
	})
	if err != nil {
		return nil, err
	}
	out := &checkoutv1.PlaceOrderResponse{Order: orderMessage(&placed)}
	if placed.IsGuests() {
		out.OrderSecret = s.Orders.SecretOf(placed.ID).Reveal()
	}
	return out, nil
}

// GetGuestOrder implements checkoutv1.CheckoutServiceServer.
func (s *Server) GetGuestOrder(ctx context.Context, in *checkoutv1.GetGuestOrderRequest) (*checkoutv1.GetGuestOrderResponse, error) {
	found, err := s.Orders.GetGuests(ctx, in.GetName(), in.GetOrderSecret())
	if err != nil {
		return nil, err
	}
	return &checkoutv1.GetGuestOrderResponse{Order: orderMessage(&found)}, nil
}

// GetOrder implements checkoutv1.CheckoutServiceServer.
func (s *Server) GetOrder(ctx context.Context, in *checkoutv1.GetOrderRequest) (*checkoutv1.GetOrderResponse, error) {
	by, err := s.merchantly(ctx, requester(ctx))
	if err != nil {
		return nil, err
	}
	found, err := s.Orders.Get(ctx, by, in.GetName())
	if err != nil && by.User != "" && fault.CodeOf(err) == fault.NotFound {
		// Only then it is worth asking whether it is an order of a store that the user acts for.
		if by.Stores, err = s.Stores.StoresFor(ctx, actor(ctx)); err == nil {
			found, err = s.Orders.Get(ctx, by, in.GetName())
		}
	}
	if err != nil {
		return nil, err
	}
	return &checkoutv1.GetOrderResponse{Order: orderMessage(&found)}, nil
}

// requester returns who makes a call.
func requester(ctx context.Context) checkout.Requester {
	subject := serve.Principal(ctx)
	by := checkout.Requester{Caller: serve.Caller(ctx), Operator: subject.Kind == principal.Operator}
	if subject.Kind == principal.User {
		by.User = subject.Namespace()
	}
	return by
}

// errLiveOrders refuses a secret for tests.
var errLiveOrders = fault.New(fault.PermissionDenied, "LIVE_SECRET_REQUIRED", "Orders are no tests. Use a live secret.")

// merchantly returns a requester with the stores that it acts for, if it is a merchant's program, whose secret must be
// a live one.
func (s *Server) merchantly(ctx context.Context, by checkout.Requester) (checkout.Requester, error) {
	subject := serve.Principal(ctx)
	if subject.Kind != principal.Merchant {
		return by, nil
	}
	if live(ctx) != nil {
		return by, errLiveOrders
	}
	var err error
	by.IsMerchant = true
	by.Stores, err = s.Stores.StoresFor(ctx, actor(ctx))
	return by, err
}

func readLines(items []*checkoutv1.PlaceOrderItem) ([]checkout.Line, error) {
	lines := make([]checkout.Line, len(items))
	for i, item := range items {
		slug, err := checkout.ParseProductName(fmt.Sprintf("items[%d].product", i), item.GetProduct())
		if err != nil {
			return nil, err
		}
		lines[i] = checkout.Line{Product: slug, Quantity: item.GetQuantity()}
	}
	return lines, nil
}

func readCard(card *checkoutv1.Card) (pan.CardData, error) {
	if card == nil {
		return pan.CardData{}, field.Required("card")
	}
	return field.RawCardData{
		Number: card.GetNumber(), HolderName: card.GetHolderName(), CVV: card.GetCvv(),
		ExpiryMonth: int(card.GetExpiryMonth()), ExpiryYear: int(card.GetExpiryYear()),
	}.CheckWithBrand("card")
}

func productMessage(p *checkout.Product) *checkoutv1.Product {
	return &checkoutv1.Product{
		Name:        checkout.ProductPrefix + p.Slug,
		DisplayName: p.Name,
		Description: p.Description,
		PriceMinor:  p.Price.Minor,
		Currency:    p.Price.Currency.String(),
		Store:       storeMessage(&p.Store),
	}
}

func storeMessage(s *checkout.Store) *checkoutv1.Store {
	return &checkoutv1.Store{
		Name:         checkout.StorePrefix + s.Slug,
		DisplayName:  s.Name,
		CategoryCode: s.CategoryCode,
		City:         s.City,
		Country:      s.Country,
	}
}

func orderMessage(o *checkout.Order) *checkoutv1.Order {
	items := make([]*checkoutv1.OrderItem, len(o.Items))
	for i, item := range o.Items {
		items[i] = &checkoutv1.OrderItem{
			Product: checkout.ProductPrefix + item.Product, DisplayName: item.Name,
			Quantity: item.Quantity, UnitPriceMinor: item.UnitPrice,
		}
	}
	return &checkoutv1.Order{
		Name:             checkout.OrderPrefix + o.ID.String(),
		RequestId:        o.RequestID,
		State:            stateMessage(o.State),
		Store:            storeMessage(&o.Store),
		Items:            items,
		TotalMinor:       o.Total.Minor,
		Currency:         o.Total.Currency.String(),
		MaskedCardNumber: pan.Masked(o.CardLast4),
		CardBrand:        o.CardBrand,
		Purchase:         o.Purchase,
		DeclineCode:      o.Decline.Code,
		DeclineReason:    o.Decline.Reason,
		DeclineMessage:   o.Decline.Message,
		CreateTime:       timestamppb.New(o.CreatedAt),
		UpdateTime:       timestamppb.New(o.UpdatedAt()),
		RefundedMinor:    o.Refunded(),
		Refunds:          refundMessages(o),
	}
}

func stateMessage(state checkout.OrderState) checkoutv1.OrderState {
	switch state {
	case checkout.Pending:
		return checkoutv1.OrderState_ORDER_STATE_PENDING
	case checkout.Approved:
		return checkoutv1.OrderState_ORDER_STATE_APPROVED
	case checkout.Declined:
		return checkoutv1.OrderState_ORDER_STATE_DECLINED
	case checkout.PartiallyRefunded:
		return checkoutv1.OrderState_ORDER_STATE_PARTIALLY_REFUNDED
	case checkout.Refunded:
		return checkoutv1.OrderState_ORDER_STATE_REFUNDED
	}
	return checkoutv1.OrderState_ORDER_STATE_UNSPECIFIED
}
