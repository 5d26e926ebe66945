package rpc

import (
	"context"
	"strings"

	"codebank.dev/codepix/payment"
	"codebank.dev/platform/permission"
	"codebank.dev/platform/principal"
	"codebank.dev/platform/serve"
	codepixv1 "codebank.dev/schemas/gen/codepix/v1"
)

// Permissions says who may call the services. A bank proves its code by its certificate, and each method keeps to what
// is the bank's. Any other program sees nothing, as if there were nothing.
func Permissions() permission.Table {
	reads := permission.Rule{Services: permission.AllServices, Operators: true, Whose: permission.Own}
	banks := permission.Rule{Services: permission.AllServices, Whose: permission.Own, Acts: true}
	return permission.Table{
		codepixv1.PaymentService_GetPayment_FullMethodName:   reads,
		codepixv1.PaymentService_ListPayments_FullMethodName: reads,

		codepixv1.DirectoryService_CreateKey_FullMethodName:   banks,
		codepixv1.DirectoryService_ConfirmKey_FullMethodName:  banks,
		codepixv1.DirectoryService_LookUpKey_FullMethodName:   banks,
		codepixv1.DirectoryService_ListKeys_FullMethodName:    banks,
		codepixv1.DirectoryService_DeleteKey_FullMethodName:   banks,
		codepixv1.DirectoryService_CreateClaim_FullMethodName: banks,
		codepixv1.DirectoryService_EndClaim_FullMethodName:    banks,
		codepixv1.DirectoryService_ListClaims_FullMethodName:  banks,
		codepixv1.DirectoryService_GetDigest_FullMethodName:   banks,
	}
}

// bankProgram is the program of a bank that calls the hub, as the edge names it: 001:bank.
const bankProgram = ":bank"

// BankOf returns the code of the bank that calls; it reports false for everybody else.
func BankOf(ctx context.Context) (code string, ok bool) {
	caller := serve.Principal(ctx)
	code, ok = strings.CutSuffix(caller.Name, bankProgram)
	return code, ok && caller.Kind == principal.Service && payment.IsBankCode(code)
}
