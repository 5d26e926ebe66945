package rpc

import (
	"slices"

	"codebank.dev/platform/permission"
	bankv1 "codebank.dev/schemas/gen/bank/v1"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// The groups of services that Permissions names.
const (
	// acquirers are the programs that send purchases by card, and exchange card data for tokens.
	acquirers = "acquirers"
	// loaders are the programs that load a history: none, unless the bank takes one.
	loaders = "loaders"
)

// Loader is the program that loads a synthetic history.
const Loader = "history"

// Groups returns the groups of services of a bank with these acquirers. One that takes a history also takes
// cards, purchases and wallets from the Loader.
func Groups(programs []string, history bool) permission.Groups {
	groups := permission.Groups{acquirers: slices.Clone(programs), loaders: nil}
	if history {
		groups[acquirers] = append(groups[acquirers], Loader)
		groups[loaders] = []string{Loader}
	}
	return groups
}

// The kinds of row. A row that moves money, or changes what a card may do, acts.
var (
	// issued is what the issuer decides: the bank, or who loads its history.
	issued = permission.Rule{Services: loaders, Operators: true, Whose: permission.Any, Acts: true}
	// limited is what only the bank decides, also in a history.
	limited = permission.Rule{Operators: true, Whose: permission.Any, Acts: true}
	// looked is what only the bank reads.
	looked = permission.Rule{Operators: true, Whose: permission.Any}
	// tokenized is who holds card data: neither a customer nor the bank presents a card to an acquirer.
	tokenized = permission.Rule{Services: acquirers, Acts: true}
	// acquired is a purchase by card. An acquirer decides over its own requests, and over what it set aside.
	acquired = permission.Rule{Services: acquirers, Operators: true, Whose: permission.Own, Acts: true}
	// settled is what a merchant's sales have brought in, which goes to an account of anybody.
	settled = permission.Rule{Services: acquirers, Operators: true, Whose: permission.Any, Acts: true}
	// shown is what a customer sees of his own.
	shown = permission.Rule{Role: permission.RoleCustomer, Operators: true, Whose: permission.Own}
	// held is what a customer does with his own.
	held = permission.Rule{Role: permission.RoleCustomer, Operators: true, Whose: permission.Own, Acts: true}
	// moved is held, for what a history has too.
	moved = permission.Rule{Role: permission.RoleCustomer, Services: loaders, Operators: true, Whose: permission.Own, Acts: true}
)

// Permissions says who may call which method of the bank. simulatedCash lets customers pay cash in and out
// of their own accounts.
func Permissions(simulatedCash bool) permission.Table {
	cash := issued
	if simulatedCash {
		cash = moved
	}
	purchase := shown
	purchase.Services = acquirers
	return permission.Table{
		bankv1.CardService_IssueCard_FullMethodName:             issued,
		bankv1.CardService_GetCard_FullMethodName:               shown,
		bankv1.CardService_BlockCard_FullMethodName:             moved,
		bankv1.CardService_UnblockCard_FullMethodName:           held,
		bankv1.CardService_ChangeLimit_FullMethodName:           limited,
		bankv1.CardService_CreateCardToken_FullMethodName:       tokenized,
		bankv1.CardService_BatchCreateCardTokens_FullMethodName: tokenized,
		bankv1.CardService_GetAccount_FullMethodName:            shown,

		bankv1.CustomerService_LinkCustomer_FullMethodName: limited,
		bankv1.CustomerService_GetCustomer_FullMethodName:  looked,

		bankv1.PixService_RegisterHolder_FullMethodName:    limited,
		bankv1.PixService_CreateKey_FullMethodName:         held,
		bankv1.PixService_ConfirmKey_FullMethodName:        held,
		bankv1.PixService_ListKeys_FullMethodName:          shown,
		bankv1.PixService_DeleteKey_FullMethodName:         held,
		bankv1.PixService_LookUpKey_FullMethodName:         shown,
		bankv1.PixService_CreateClaim_FullMethodName:       held,
		bankv1.PixService_EndClaim_FullMethodName:          held,
		bankv1.PixService_ListClaims_FullMethodName:        shown,
		bankv1.PixService_CreatePixCode_FullMethodName:     held,
		bankv1.PixService_GetPixCode_FullMethodName:        shown,
		bankv1.PixService_ListPixCodes_FullMethodName:      shown,
		bankv1.PixService_CancelPixCode_FullMethodName:     held,
		bankv1.PixService_GetPixCodePicture_FullMethodName: shown,
		bankv1.PixService_ParsePixCode_FullMethodName:      shown,
		bankv1.PixService_SendPix_FullMethodName:           held,
		bankv1.PixService_GetPix_FullMethodName:            shown,
		bankv1.PixService_ListPix_FullMethodName:           shown,
		bankv1.PixService_ReturnPix_FullMethodName:         held,
		bankv1.PixService_ResolvePix_FullMethodName:        limited,
		bankv1.PixService_ReconcileKeys_FullMethodName:     limited,

		bankv1.PurchaseService_AuthorizePurchase_FullMethodName:  acquired,
		bankv1.PurchaseService_AuthorizePurchases_FullMethodName: acquired,
		bankv1.PurchaseService_CapturePurchase_FullMethodName:    acquired,
		bankv1.PurchaseService_VoidPurchase_FullMethodName:       acquired,
		bankv1.PurchaseService_ReversePurchase_FullMethodName:    acquired,
		bankv1.PurchaseService_GetPurchase_FullMethodName:        purchase,

		bankv1.WalletService_OpenAccount_FullMethodName:    moved,
		bankv1.WalletService_ListAccounts_FullMethodName:   shown,
		bankv1.WalletService_GetBalance_FullMethodName:     shown,
		bankv1.WalletService_CloseAccount_FullMethodName:   held,
		bankv1.WalletService_Deposit_FullMethodName:        cash,
		bankv1.WalletService_Withdraw_FullMethodName:       cash,
		bankv1.WalletService_PayOut_FullMethodName:         settled,
		bankv1.WalletService_Purchase_FullMethodName:       moved,
		bankv1.WalletService_Transfer_FullMethodName:       moved,
		bankv1.WalletService_Cancel_FullMethodName:         held,
		bankv1.WalletService_Reverse_FullMethodName:        moved,
		bankv1.WalletService_GetTransaction_FullMethodName: shown,
		bankv1.WalletService_PlaceHold_FullMethodName:      moved,
		bankv1.WalletService_CaptureHold_FullMethodName:    moved,
		bankv1.WalletService_VoidHold_FullMethodName:       moved,
	}
}

// Localized are the fields that are answered in the caller's language: what a payer reads about a decline.
func Localized() []protoreflect.FullName {
	return []protoreflect.FullName{"bank.v1.Decline.message"}
}
