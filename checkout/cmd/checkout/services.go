package main

import (
	"context"
	"crypto/rand"
	"log/slog"
	"net/netip"

	"codebank.dev/checkout/clock"
	"codebank.dev/checkout/merchant"
	"codebank.dev/checkout/order"
	"codebank.dev/checkout/postgres"
	"codebank.dev/checkout/product"
	"codebank.dev/checkout/rpc"
	"codebank.dev/platform/auditlog/heads"
	"codebank.dev/platform/serve"
	checkoutv1 "codebank.dev/schemas/gen/checkout/v1"
)

// services are what the program serves. Their page tokens come from the database (prepare).
type services struct {
	checkout  *rpc.Server
	merchants *rpc.MerchantServer
	catalogue *rpc.CatalogueServer
}

// newServices returns the services. address says where a call comes from.
func newServices(store *postgres.Store, catalogue *product.Cache, orders *order.Service, address func(context.Context) netip.Addr) *services {
	products, acts := &product.Service{Catalogue: catalogue}, &rpc.Acts{Address: address, Clock: clock.System{}}
	return &services{
		checkout:  &rpc.Server{Products: products, Orders: orders, Stores: store},
		merchants: &rpc.MerchantServer{Merchants: &merchant.Service{Store: store, Random: rand.Reader}, Acts: acts},
		catalogue: &rpc.CatalogueServer{Products: products, Editor: &product.Editor{Store: store, Random: rand.Reader}, Acts: acts},
	}
}

// register serves them over gRPC and REST.
func (s *services) register(ctx context.Context, server *serve.Server) error {
	checkoutv1.RegisterCheckoutServiceServer(server, s.checkout)
	checkoutv1.RegisterMerchantServiceServer(server, s.merchants)
	checkoutv1.RegisterCatalogueServiceServer(server, s.catalogue)
	return server.Gateway(ctx, checkoutv1.RegisterCheckoutServiceHandler, checkoutv1.RegisterMerchantServiceHandler, checkoutv1.RegisterCatalogueServiceHandler)
}

// publishHeads publishes the head of the audit log beside the calls, if there are brokers. Merchants belong to no bank.
func publishHeads(server *serve.Server, store *postgres.Store, config *config, logger *slog.Logger) error {
	if len(config.brokers) == 0 {
		return nil
	}
	publisher, err := heads.NewPublisher(heads.Config{
		Service: "checkout", BankCode: heads.NoBank, Head: store.AuditHead, Brokers: config.brokers,
		Interval: config.headInterval, Logger: logger, BrokerAuth: config.brokerAuth,
	})
	if err != nil {
		return err
	}
	server.Metrics().MustRegister(publisher)
	server.Background(func(ctx context.Context) {
		defer publisher.Close()
		publisher.Run(ctx)
	})
	return nil
}
