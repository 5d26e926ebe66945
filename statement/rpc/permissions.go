package rpc

import (
	"codebank.dev/platform/permission"
	statementv1 "codebank.dev/schemas/gen/statement/v1"
)

// Readers is the group of the programs that read all statements.
const Readers = "readers"

// Permissions says who may call what. A user reads what is his own, and everybody else who may read at all
// reads every statement (see readerOf).
func Permissions() permission.Table {
	read := permission.Rule{Role: permission.RoleCustomer, Services: Readers, Operators: true, Whose: permission.Own}
	return permission.Table{
		statementv1.StatementService_GetStatement_FullMethodName:     read,
		statementv1.StatementService_ListLines_FullMethodName:        read,
		statementv1.StatementService_ListPendingHolds_FullMethodName: read,
		statementv1.StatementService_SummarizeLines_FullMethodName:   read,
		statementv1.StatementService_WatchLines_FullMethodName:       read,
		// Who may read the account may have files of it, and has only those that he asked for.
		statementv1.FileService_CreateFile_FullMethodName:   read,
		statementv1.FileService_GetFile_FullMethodName:      read,
		statementv1.FileService_ListFiles_FullMethodName:    read,
		statementv1.FileService_DownloadFile_FullMethodName: read,
		// Who links a customer to a user decides what that user sees.
		statementv1.StatementService_LinkCustomer_FullMethodName: {Operators: true, Whose: permission.Any, Acts: true},
	}
}
