package gatewaytest

import statementv1 "codebank.dev/schemas/gen/statement/v1"

// Statement answers statements and files.
type Statement struct {
	statementv1.UnimplementedStatementServiceServer
	statementv1.UnimplementedFileServiceServer
}
