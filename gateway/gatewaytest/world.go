// Package gatewaytest has programs that stand in for those behind the gateway: a bank, a statement and an
// identity with the contracts and the walls of the true ones, and with what a test needs of their rules.
package gatewaytest

import (
	"context"
	"log/slog"
	"testing"

	"codebank.dev/platform/permission"
	"codebank.dev/platform/serve"
	"codebank.dev/platform/wallstest"
	bankv1 "codebank.dev/schemas/gen/bank/v1"
	statementv1 "codebank.dev/schemas/gen/statement/v1"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
)

// World is the programs behind a gateway.
type World struct {
	Kit       *wallstest.Kit
	Bank      *Bank
	Statement *Statement
	Identity  *Identity

	bankAddress, statementAddress string
}

// NewWorld starts the programs; they end with the test.
func NewWorld(t testing.TB) *World {
	t.Helper()
	w := &World{Kit: wallstest.New(t), Bank: NewBank(), Identity: &Identity{}}
	w.Statement = &Statement{bank: w.Bank, asked: make(map[string]*statementv1.CreateFileRequest)}
	w.Identity.kit, w.Identity.test = w.Kit, t
	w.Kit.StartIdentityAs(t, w.Identity)
	w.bankAddress = w.serve(t, "bank", func(server *serve.Server) {
		bankv1.RegisterWalletServiceServer(server, w.Bank)
		bankv1.RegisterCardServiceServer(server, w.Bank)
	}, bankv1.WalletService_ServiceDesc, bankv1.CardService_ServiceDesc)
	w.statementAddress = w.serve(t, "statement", func(server *serve.Server) {
		statementv1.RegisterStatementServiceServer(server, w.Statement)
		statementv1.RegisterFileServiceServer(server, w.Statement)
	}, statementv1.StatementService_ServiceDesc, statementv1.FileService_ServiceDesc)
	return w
}

// Flags returns the arguments of the program gateway.
func (w *World) Flags(t testing.TB) []string {
	t.Helper()
	return append(w.Kit.Flags(t, "gateway"), "--http-address=127.0.0.1:0",
		"--bank-address="+w.bankAddress, "--statement-address="+w.statementAddress)
}

// serve runs a program whose methods are for customers, and returns its address.
func (w *World) serve(t testing.TB, name string, register func(*serve.Server), services ...grpc.ServiceDesc) string {
	t.Helper()
	table := make(permission.Table)
	customers := permission.Rule{Role: permission.RoleCustomer, Whose: permission.Own}
	for _, service := range services {
		for _, method := range service.Methods {
			table["/"+service.ServiceName+"/"+method.MethodName] = customers
		}
		for _, stream := range service.Streams {
			table["/"+service.ServiceName+"/"+stream.StreamName] = customers
		}
	}
	server, err := serve.Listen(serve.Config{
		Name: name, GRPCAddress: "127.0.0.1:0", HTTPAddress: "127.0.0.1:0", Logger: slog.New(slog.DiscardHandler),
		Walls: w.Kit.Walls(t, name, nil), Permissions: table,
	})
	require.NoError(t, err)
	register(server)
	ctx, cancel := context.WithCancel(context.Background())
	gone := make(chan error, 1)
	go func() { gone <- server.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-gone)
	})
	return server.GRPCAddress()
}
