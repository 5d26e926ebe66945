package order

import (
	"context"

	"codebank.dev/checkout"
	"codebank.dev/platform/fault"
	"codebank.dev/platform/field"
	"codebank.dev/platform/money"
)

// The bounds of a page of orders.
const (
	DefaultPageSize = 50
	MaxPageSize     = 200
)

// ListRequest asks for a page of orders.
type ListRequest struct {
	By     checkout.Requester
	User   string // user:{uuid}: the orders of this user only; empty for all
	Filter checkout.OrderFilter
	After  checkout.Position // zero for the first page
	Size   int32             // 0 means DefaultPageSize; above MaxPageSize means MaxPageSize
}

// check returns nil when the request makes sense; else fault.InvalidArgument naming the field.
func (r *ListRequest) check() error {
	f := &r.Filter
	if err := field.First(field.Limit("min_total_minor", f.MinTotal), field.Limit("max_total_minor", f.MaxTotal)); err != nil {
		return err
	}
	switch {
	case !f.Start.IsZero() && !f.End.IsZero() && !f.Start.Before(f.End):
		return fault.Invalid("end_time", "The end of the range must be after its start.")
	case f.MaxTotal != 0 && f.MaxTotal < f.MinTotal:
		return fault.Invalid("max_total_minor", "The largest amount must not be below the smallest one.")
	case f.MinTotal+f.MaxTotal > 0 && f.Currency == (money.Currency{}):
		return fault.Invalid("currency", "A bound of the total needs a currency.")
	}
	return nil
}

// List returns a page of the orders that the requester sees, the newest first. next is the position behind
// which the following page begins; it is zero when there is none. Somebody else's orders are not there.
// Errors: fault.InvalidArgument naming the field; fault.Unavailable.
func (s *Service) List(ctx context.Context, request ListRequest) (page []checkout.Order, next checkout.Position, err error) {
	limit, err := field.PageSize("page_size", request.Size, DefaultPageSize, MaxPageSize)
	if err != nil {
		return nil, next, err
	}
	if err := request.check(); err != nil {
		return nil, next, err
	}
	scope := request.By.Scope()
	if request.User != "" {
		scope = scope.Of(request.User)
	}
	if scope.IsEmpty() {
		return nil, next, nil
	}
	page, err = s.Orders.List(ctx, checkout.OrderQuery{Scope: scope, Filter: request.Filter, After: request.After, Limit: limit + 1})
	if err != nil {
		return nil, next, err
	}
	if len(page) > limit {
		page = page[:limit]
		next = checkout.PositionOf(&page[limit-1])
	}
	return page, next, nil
}
