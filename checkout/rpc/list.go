package rpc

import (
	"context"
	"encoding/binary"
	"slices"
	"strconv"
	"strings"
	"time"

	"codebank.dev/checkout"
	"codebank.dev/checkout/order"
	"codebank.dev/platform/fault"
	"codebank.dev/platform/field"
	"codebank.dev/platform/money"
	"codebank.dev/platform/principal"
	checkoutv1 "codebank.dev/schemas/gen/checkout/v1"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// usersPrefix begins the names of users.
const usersPrefix = "users/"

// ListOrders implements checkoutv1.CheckoutServiceServer.
func (s *Server) ListOrders(ctx context.Context, in *checkoutv1.ListOrdersRequest) (*checkoutv1.ListOrdersResponse, error) {
	request, err := listRequest(in)
	if err != nil {
		return nil, err
	}
	if request.By, err = s.lister(ctx, request.Filter.Store); err != nil {
		return nil, err
	}
	binding := listBinding(&request)
	if in.GetPageToken() != "" {
		position, err := s.Pages.Read(in.GetPageToken(), binding...)
		if err != nil {
			return nil, err
		}
		request.After = positionOf(position)
	}
	page, next, err := s.Orders.List(ctx, request)
	if err != nil {
		return nil, err
	}
	out := &checkoutv1.ListOrdersResponse{Orders: make([]*checkoutv1.Order, len(page))}
	for i := range page {
		out.Orders[i] = orderMessage(&page[i])
	}
	if next != (checkout.Position{}) {
		out.NextPageToken = s.Pages.Issue(positionBytes(next), binding...)
	}
	return out, nil
}

// lister returns who lists orders, of a store if one is named. A user who names a store that he acts for lists as its
// merchant; otherwise he lists his own orders.
func (s *Server) lister(ctx context.Context, store string) (checkout.Requester, error) {
	by, err := s.merchantly(ctx, requester(ctx))
	if err != nil || by.User == "" || store == "" {
		return by, err
	}
	stores, err := s.Stores.StoresFor(ctx, actor(ctx))
	if err == nil && slices.Contains(stores, store) {
		by.IsMerchant, by.Stores = true, []string{store}
	}
	return by, err
}

// listRequest reads a request, but neither its page token nor who makes it.
func listRequest(in *checkoutv1.ListOrdersRequest) (request order.ListRequest, err error) {
	request.Size = in.GetPageSize()
	filter := &request.Filter
	filter.MinTotal, filter.MaxTotal = in.GetMinTotalMinor(), in.GetMaxTotalMinor()
	for _, state := range in.GetStates() {
		if _, known := checkoutv1.OrderState_name[int32(state)]; !known || state == checkoutv1.OrderState_ORDER_STATE_UNSPECIFIED {
			return request, fault.Invalid("states", "Not a state of an order.")
		}
		// The numbers of the states are those of the contract.
		filter.States = append(filter.States, checkout.OrderState(state))
	}
	slices.Sort(filter.States)
	filter.States = slices.Compact(filter.States)
	if filter.Start, err = momentOf("start_time", in.GetStartTime()); err != nil {
		return request, err
	}
	if filter.End, err = momentOf("end_time", in.GetEndTime()); err != nil {
		return request, err
	}
	if in.GetStore() != "" {
		if filter.Store, err = checkout.ParseStoreName("store", in.GetStore()); err != nil {
			return request, err
		}
	}
	if in.GetCurrency() != "" {
		if filter.Currency, err = field.KnownCurrency("currency", in.GetCurrency()); err != nil {
			return request, err
		}
	}
	if in.GetUser() != "" {
		user, err := field.ID("user", usersPrefix, in.GetUser())
		if err != nil {
			return request, err
		}
		request.User = (&principal.Principal{Kind: principal.User, Name: user.String()}).Namespace()
	}
	return request, nil
}

// momentOf returns the zero time when none is given. The first moment of the year 1 is Go's zero time too:
// no order was placed in the second after it.
func momentOf(name string, given *timestamppb.Timestamp) (time.Time, error) {
	switch {
	case given == nil:
		return time.Time{}, nil
	case !given.IsValid():
		return time.Time{}, fault.Invalid(name, "Not a moment between the years 1 and 9999.")
	case given.AsTime().IsZero():
		return given.AsTime().Add(time.Second), nil
	}
	return given.AsTime(), nil
}

// listBinding returns what a page token of a list belongs to: who asks, and all of the request but page and
// size.
func listBinding(request *order.ListRequest) []string {
	filter, scope := &request.Filter, request.By.Scope()
	var states strings.Builder
	for _, state := range filter.States {
		states.WriteString(state.String() + ",")
	}
	currency := ""
	if filter.Currency != (money.Currency{}) {
		currency = filter.Currency.String()
	}
	return []string{
		checkoutv1.CheckoutService_ListOrders_FullMethodName,
		strconv.FormatBool(scope.All), scope.Owner, scope.Caller, strings.Join(scope.Stores, ","), request.User,
		states.String(), filter.Start.Format(time.RFC3339Nano), filter.End.Format(time.RFC3339Nano), filter.Store, currency,
		strconv.FormatInt(filter.MinTotal, 10), strconv.FormatInt(filter.MaxTotal, 10),
	}
}

// positionBytes returns a position as a page token has it.
func positionBytes(position checkout.Position) []byte {
	bytes := binary.BigEndian.AppendUint64(nil, uint64(position.PlacedAt.UnixMilli()))
	return append(bytes, position.ID[:]...)
}

// positionOf is the inverse of positionBytes. The bytes are those of a token of this service.
func positionOf(bytes []byte) (position checkout.Position) {
	position.PlacedAt = time.UnixMilli(int64(binary.BigEndian.Uint64(bytes))).UTC()
	copy(position.ID[:], bytes[8:])
	return position
}
