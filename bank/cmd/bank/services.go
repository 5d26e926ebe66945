package main

import (
	"context"
	"crypto/rand"
	"log/slog"

	"codebank.dev/bank"
	"codebank.dev/bank/card"
	"codebank.dev/bank/customer"
	"codebank.dev/bank/hold"
	"codebank.dev/bank/ledger"
	"codebank.dev/bank/outbox"
	"codebank.dev/bank/postgres"
	"codebank.dev/bank/purchase"
	"codebank.dev/bank/risk"
	"codebank.dev/bank/rpc"
	"codebank.dev/bank/vault"
	"codebank.dev/bank/wallet"
	"codebank.dev/platform/serve"
	bankv1 "codebank.dev/schemas/gen/bank/v1"
)

// services is what the use cases of the bank share.
type services struct {
	config   *config
	executor *ledger.Executor
	// ledger is the executor with the audit log of operators. register sets it.
	ledger    bank.Submitter
	directory bank.Directory
	store     *postgres.Store
	keys      *vault.Vault

	customers  *customer.Service
	principals *rpc.Principals
}

// register serves the contract of the bank over gRPC and REST.
func (s *services) register(ctx context.Context, server *serve.Server, walls *serve.Walls, payments *pixParts) error {
	principals := s.principals
	s.ledger = principals.Audited(s.executor, server.Address)
	holds := s.holds()
	bankv1.RegisterCustomerServiceServer(server, &rpc.Customers{Service: s.customers, Principals: principals, Address: server.Address})
	bankv1.RegisterCardServiceServer(server, &rpc.Cards{Principals: principals, Service: &card.Service{
		Code: s.config.bankCode, Ledger: s.ledger, Directory: s.directory, Reader: s.store, Vault: s.keys,
		Tokens: s.keys, Random: rand.Reader, Now: s.config.now, Failpoint: s.config.failpoint, History: s.config.requestHistory(),
	}})
	bankv1.RegisterPurchaseServiceServer(server, &rpc.Purchases{Draining: server.Draining(), Holds: holds,
		Principals: principals, Service: &purchase.Service{
			Code: s.config.bankCode, Ledger: s.ledger, Directory: s.directory, Reader: s.store, Holds: s.store, NoHolds: !s.config.placesHolds(), Vault: s.keys,
			Tokens: s.keys, StoredTokens: s.store, History: s.config.requestHistory(), Scorer: risk.NewScorer(),
		}})
	wallets, err := s.wallets(holds, principals)
	if err != nil {
		return err
	}
	bankv1.RegisterWalletServiceServer(server, wallets)
	if err := s.servePix(server, walls, payments); err != nil {
		return err
	}
	return server.Gateway(ctx, bankv1.RegisterCustomerServiceHandler, bankv1.RegisterCardServiceHandler, bankv1.RegisterPurchaseServiceHandler,
		bankv1.RegisterWalletServiceHandler, bankv1.RegisterPixServiceHandler)
}

// beside adds the work beside the calls, and the metrics. relay is nil when this process does not publish.
func (s *services) beside(server *serve.Server, relay *outbox.Relay, logger *slog.Logger) error {
	config := s.config
	server.ServeProfiles(config.profile)
	expirer := hold.NewExpirer(hold.ExpirerConfig{Code: config.bankCode, Holds: s.store, Ledger: s.executor, Now: config.now, Logger: logger})
	server.Metrics().MustRegister(&collector{executor: s.executor, store: s.store, relay: relay, expirer: expirer})
	server.Background(func(ctx context.Context) { sweepTokens(ctx, s.store, config.now, logger) })
	server.Background(config.expire(expirer))
	return publishHeads(server, s.store, config, logger)
}

// wallets returns the service of accounts. Its page tokens are under a key that is derived from the vault's,
// so that every replica reads them.
func (s *services) wallets(holds *hold.Service, principals *rpc.Principals) (*rpc.Wallets, error) {
	key := s.keys.Fingerprint(bank.NewCanonical("page tokens"))
	tokens, err := serve.NewPageTokens(key[:])
	if err != nil {
		return nil, err
	}
	return &rpc.Wallets{
		Service:    s.walletService(holds),
		Principals: principals, PageTokens: tokens, EventVersion: s.config.eventVersion,
	}, nil
}

// walletService returns the use case of accounts.
func (s *services) walletService(holds *hold.Service) *wallet.Service {
	return &wallet.Service{
		Code: s.config.bankCode, Ledger: s.ledger, Directory: s.directory, Reader: s.store, Accounts: s.store,
		Vault: s.keys, Holds: holds, SimulatedCash: s.config.simulatedCash, History: s.config.requestHistory(),
	}
}

// holds returns the use case of holds; nil for a bank that places none.
func (s *services) holds() *hold.Service {
	if !s.config.placesHolds() {
		return nil
	}
	return &hold.Service{
		Code: s.config.bankCode, Ledger: s.ledger, Directory: s.directory, Holds: s.store, Vault: s.keys,
		SimulatedCash: s.config.simulatedCash, History: s.config.requestHistory(),
	}
}
