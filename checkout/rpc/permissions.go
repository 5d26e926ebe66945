package rpc

import (
	"codebank.dev/platform/permission"
	checkoutv1 "codebank.dev/schemas/gen/checkout/v1"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// Shops is the group of the programs that place orders, for themselves or for their users.
const Shops = "shops"

// Permissions says who may call the service. Operators see every order and place none.
func Permissions() permission.Table {
	catalogue := permission.Rule{Anybody: true, Whose: permission.NoData}
	return permission.Table{
		checkoutv1.CheckoutService_ListProducts_FullMethodName: catalogue,
		checkoutv1.CheckoutService_GetProduct_FullMethodName:   catalogue,
		checkoutv1.CheckoutService_PlaceOrder_FullMethodName: {
			Role: permission.RoleCustomer, Services: Shops, Whose: permission.Own, Acts: true,
		},
		checkoutv1.CheckoutService_GetOrder_FullMethodName: {
			Role: permission.RoleCustomer, Services: Shops, Operators: true, Whose: permission.Own,
		},
		checkoutv1.CheckoutService_ListOrders_FullMethodName: {
			Role: permission.RoleCustomer, Services: Shops, Operators: true, Whose: permission.Own,
		},
	}
}

// Localized are the fields that are answered in the caller's language: what a payer reads about a decline.
func Localized() []protoreflect.FullName {
	return []protoreflect.FullName{"checkout.v1.Order.decline_message"}
}
