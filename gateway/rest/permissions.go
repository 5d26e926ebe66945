package rest

import (
	"codebank.dev/platform/permission"
	bankv1 "codebank.dev/schemas/gen/bank/v1"
	identityv1 "codebank.dev/schemas/gen/identity/v1"
	statementv1 "codebank.dev/schemas/gen/statement/v1"
)

// The kinds of row. The gateway is for customers: neither programs nor people who work for the bank come by it.
var (
	// open is for people who have not signed in.
	open = permission.Rule{Anybody: true, Whose: permission.Own, Acts: true}
	// shown is what a customer sees of his own.
	shown = permission.Rule{Role: permission.RoleCustomer, Whose: permission.Own}
	// held is what a customer does with his own.
	held = permission.Rule{Role: permission.RoleCustomer, Whose: permission.Own, Acts: true}
	// closed is what the programs behind the gateway have, and customers may not call.
	closed = permission.Rule{}
)

// Permissions says who may call which route, and which method of the programs behind the gateway by their own
// REST. Those programs decide once more, by their own tables and about the user.
func Permissions() permission.Table {
	return permission.Table{
		Authorize:      open,
		Accounts:       shown,
		SignUp:         open,
		ConfirmSignUp:  open,
		SignIn:         open,
		SignOut:        open,
		Refresh:        open,
		Me:             shown,
		Transact:       held,
		Balance:        shown,
		Generate:       shown,
		File:           shown,
		Content:        shown,
		AcceptTransfer: held,
		ListTransfers:  shown,
		GetTransfer:    shown,
		CancelTransfer: held,

		identityv1.IdentityService_SignUp_FullMethodName:               open,
		identityv1.IdentityService_ConfirmSignUp_FullMethodName:        open,
		identityv1.IdentityService_SignIn_FullMethodName:               open,
		identityv1.IdentityService_Refresh_FullMethodName:              open,
		identityv1.IdentityService_SignOut_FullMethodName:              open,
		identityv1.IdentityService_GetMe_FullMethodName:                shown,
		identityv1.IdentityService_ListSessions_FullMethodName:         shown,
		identityv1.IdentityService_EndSession_FullMethodName:           held,
		identityv1.IdentityService_ChangePassword_FullMethodName:       held,
		identityv1.IdentityService_RequestPasswordReset_FullMethodName: open,
		identityv1.IdentityService_ResetPassword_FullMethodName:        open,
		identityv1.IdentityService_WatchEndedSessions_FullMethodName:   closed,

		bankv1.CardService_IssueCard_FullMethodName:             closed,
		bankv1.CardService_GetCard_FullMethodName:               shown,
		bankv1.CardService_BlockCard_FullMethodName:             held,
		bankv1.CardService_UnblockCard_FullMethodName:           held,
		bankv1.CardService_ChangeLimit_FullMethodName:           closed,
		bankv1.CardService_CreateCardToken_FullMethodName:       closed,
		bankv1.CardService_BatchCreateCardTokens_FullMethodName: closed,
		bankv1.CardService_GetAccount_FullMethodName:            shown,

		bankv1.WalletService_OpenAccount_FullMethodName:    held,
		bankv1.WalletService_ListAccounts_FullMethodName:   shown,
		bankv1.WalletService_GetBalance_FullMethodName:     shown,
		bankv1.WalletService_CloseAccount_FullMethodName:   held,
		bankv1.WalletService_Deposit_FullMethodName:        held,
		bankv1.WalletService_Withdraw_FullMethodName:       held,
		bankv1.WalletService_PayOut_FullMethodName:         closed,
		bankv1.WalletService_Purchase_FullMethodName:       held,
		bankv1.WalletService_Transfer_FullMethodName:       held,
		bankv1.WalletService_Cancel_FullMethodName:         held,
		bankv1.WalletService_Reverse_FullMethodName:        held,
		bankv1.WalletService_GetTransaction_FullMethodName: shown,
		bankv1.WalletService_PlaceHold_FullMethodName:      held,
		bankv1.WalletService_CaptureHold_FullMethodName:    held,
		bankv1.WalletService_VoidHold_FullMethodName:       held,

		statementv1.StatementService_GetStatement_FullMethodName:     shown,
		statementv1.StatementService_ListLines_FullMethodName:        shown,
		statementv1.StatementService_SummarizeLines_FullMethodName:   shown,
		statementv1.StatementService_WatchLines_FullMethodName:       shown,
		statementv1.StatementService_ListPendingHolds_FullMethodName: shown,
		statementv1.StatementService_LinkCustomer_FullMethodName:     closed,
		statementv1.FileService_CreateFile_FullMethodName:            shown,
		statementv1.FileService_GetFile_FullMethodName:               shown,
		statementv1.FileService_ListFiles_FullMethodName:             shown,
		statementv1.FileService_DownloadFile_FullMethodName:          shown,
	}
}
