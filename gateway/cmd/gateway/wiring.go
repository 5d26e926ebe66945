package main

import (
	"context"
	"log/slog"

	"codebank.dev/gateway/rest"
	"codebank.dev/platform/serve"
	"codebank.dev/schemas"
	bankv1 "codebank.dev/schemas/gen/bank/v1"
	identityv1 "codebank.dev/schemas/gen/identity/v1"
	statementv1 "codebank.dev/schemas/gen/statement/v1"
	"google.golang.org/grpc"
)

// behind are connections to the programs behind the gateway.
type behind struct{ bank, statement, identity *grpc.ClientConn }

// dial opens the connections. It waits for nobody.
func dial(walls *serve.Walls, config *config) (*behind, error) {
	b := &behind{}
	for _, to := range []struct {
		conn             **grpc.ClientConn
		address, program string
	}{
		{&b.bank, config.bankAddress, "bank"},
		{&b.statement, config.statementAddress, "statement"},
		{&b.identity, config.server.IdentityAddress, "identity"},
	} {
		conn, err := walls.Dial(to.address, to.program)
		if err != nil {
			b.close()
			return nil, err
		}
		*to.conn = conn
	}
	return b, nil
}

func (b *behind) close() {
	for _, conn := range []*grpc.ClientConn{b.bank, b.statement, b.identity} {
		if conn != nil {
			_ = conn.Close()
		}
	}
}

// listen binds the address and adds all routes but those of transfers.
//
// tidy:parameters what a program opens before it listens
func listen(ctx context.Context, config *config, walls *serve.Walls, to *behind, checks []serve.Check, logger *slog.Logger) (*serve.Server, error) {
	settings := config.server.Config("gateway", logger)
	settings.Walls, settings.Permissions = walls, rest.Permissions()
	settings.TrustedProxies, settings.Checks = config.proxies, checks
	var routes *rest.Server
	settings.GRPCOptions = []grpc.ServerOption{grpc.ChainUnaryInterceptor(
		func(ctx context.Context, in any, info *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (any, error) {
			return routes.Forwarded(ctx, in, info, handle)
		})}
	var err error
	if settings.OpenAPI, err = schemas.CustomersAPI(); err != nil {
		return nil, err
	}
	server, err := serve.Listen(settings)
	if err != nil {
		return nil, err
	}
	routes = rest.NewServer(rest.Config{
		Bank: to.bank, Statement: to.statement, Identity: to.identity, Currency: config.currency, Onward: server.Onward,
	})
	routes.Mount(server)
	for _, forwarded := range []struct {
		service *grpc.ServiceDesc
		conn    *grpc.ClientConn
	}{
		{&bankv1.CardService_ServiceDesc, to.bank},
		{&bankv1.WalletService_ServiceDesc, to.bank},
		{&statementv1.StatementService_ServiceDesc, to.statement},
		{&statementv1.FileService_ServiceDesc, to.statement},
		{&identityv1.IdentityService_ServiceDesc, to.identity},
	} {
		if err := server.Forward(forwarded.service, forwarded.conn, statementv1.StatementService_WatchLines_FullMethodName); err != nil {
			server.Close()
			return nil, err
		}
	}
	err = server.Gateway(ctx, bankv1.RegisterCardServiceHandler, bankv1.RegisterWalletServiceHandler,
		statementv1.RegisterStatementServiceHandler, statementv1.RegisterFileServiceHandler, rest.RegisterDownload, identityv1.RegisterIdentityServiceHandler)
	if err != nil {
		server.Close()
		return nil, err
	}
	return server, nil
}
