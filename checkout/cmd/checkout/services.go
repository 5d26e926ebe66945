package main

import (
	"context"
	"crypto/rand"
	"net/netip"

	"codebank.dev/checkout/clock"
	"codebank.dev/checkout/merchant"
	"codebank.dev/checkout/order"
	"codebank.dev/checkout/postgres"
	"codebank.dev/checkout/product"
	"codebank.dev/checkout/rpc"
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
		checkout:  &rpc.Server{Products: products, Orders: orders},
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
