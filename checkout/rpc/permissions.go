package rpc

import (
	"maps"

	"codebank.dev/platform/permission"
	checkoutv1 "codebank.dev/schemas/gen/checkout/v1"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// Shops is the group of the programs that place orders, for themselves or for their users.
const Shops = "shops"

// Permissions says who may call the services. Operators see every order, have any refunded, and place none. A
// program has refunded what was placed under its own request ids, and a merchant's program what his stores have sold; a
// customer asks his shop, unless he is a member of the merchant.
func Permissions() permission.Table {
	catalogue := permission.Rule{Anybody: true, Whose: permission.NoData}
	table := permission.Table{
		checkoutv1.CheckoutService_ListProducts_FullMethodName: catalogue,
		checkoutv1.CheckoutService_GetProduct_FullMethodName:   catalogue,
		checkoutv1.CheckoutService_PlaceOrder_FullMethodName: {
			Role: permission.RoleCustomer, Services: Shops, Whose: permission.Own, Acts: true,
		},
		checkoutv1.CheckoutService_GetOrder_FullMethodName: {
			Role: permission.RoleCustomer, Services: Shops, Operators: true, Merchants: true, Whose: permission.Own,
		},
		// The secret says whose order it is.
		checkoutv1.CheckoutService_GetGuestOrder_FullMethodName: {Anybody: true, Whose: permission.Own},
		checkoutv1.CheckoutService_RefundOrder_FullMethodName: {
			Role: permission.RoleCustomer, Services: Shops, Operators: true, Merchants: true, Whose: permission.Own, Acts: true,
		},
		checkoutv1.CheckoutService_ListOrders_FullMethodName: {
			Role: permission.RoleCustomer, Services: Shops, Operators: true, Merchants: true, Whose: permission.Own,
		},
		checkoutv1.CatalogueService_SearchProducts_FullMethodName: catalogue,
		checkoutv1.CatalogueService_FindProduct_FullMethodName:    catalogue,
	}
	maps.Copy(table, merchantPermissions())
	return table
}

// merchantPermissions are those of what belongs to merchants. The members of a merchant are users.
func merchantPermissions() permission.Table {
	table := make(permission.Table)
	for _, method := range []string{
		checkoutv1.MerchantService_CreateMerchant_FullMethodName, checkoutv1.MerchantService_UpdateMerchant_FullMethodName,
	} {
		table[method] = permission.Rule{Operators: true, Whose: permission.Any, Acts: true}
	}
	for method, acts := range map[string]bool{
		checkoutv1.MerchantService_GetMerchant_FullMethodName:    false,
		checkoutv1.MerchantService_ListMerchants_FullMethodName:  false,
		checkoutv1.CatalogueService_CreateStore_FullMethodName:   true,
		checkoutv1.CatalogueService_CreateProduct_FullMethodName: true,
		checkoutv1.CatalogueService_UpdateProduct_FullMethodName: true,
		checkoutv1.CatalogueService_RetireProduct_FullMethodName: true,
	} {
		table[method] = permission.Rule{Role: permission.RoleCustomer, Operators: true, Merchants: true, Whose: permission.Own, Acts: acts}
	}
	// Whoever has found a secret must not be able to make others, nor to let people in.
	for method, acts := range map[string]bool{
		checkoutv1.MerchantService_AddMember_FullMethodName:    true,
		checkoutv1.MerchantService_RemoveMember_FullMethodName: true,
		checkoutv1.MerchantService_ListMembers_FullMethodName:  false,
		checkoutv1.MerchantService_CreateSecret_FullMethodName: true,
		checkoutv1.MerchantService_ListSecrets_FullMethodName:  false,
		checkoutv1.MerchantService_RevokeSecret_FullMethodName: true,
	} {
		table[method] = permission.Rule{Role: permission.RoleCustomer, Operators: true, Whose: permission.Own, Acts: acts}
	}
	return table
}

// Localized are the fields that are answered in the caller's language: what is read about a decline and about
// a refund that was refused.
func Localized() []protoreflect.FullName {
	return []protoreflect.FullName{"checkout.v1.Order.decline_message", "checkout.v1.Refund.refusal_message"}
}
