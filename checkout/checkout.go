// Package checkout is the language of the merchant side: stores and their products,
// cards as a payer types them, orders and their states, and the ports to stores, bank
// and clock. It is pure: no I/O, no clock, no environment. Every rule about an order
// lives here, never in SQL and never in a handler.
//
// The life of an order, and the file to open for each step:
//
//	rpc.Server              reads the request                                   rpc/
//	order.Service           prices it, trades the card for a token, stores it   order/
//	charge.Charger          asks the bank, again and again within a deadline    charge/charger.go
//	charge.Reconciler       ends orders that a crash or a deadline left open    charge/reconciler.go
//	refund.Service          gives a paid order back, or a part of it            refund/refund.go
//	Order                   which change is legal                               order.go
//	Acquirer                the bank as this side sees it                       acquirer.go, bankrpc/
//	batch.Orders            one commit for what is placed and ended together    batch/
//	OrderStore              writes sets of orders; one order under its lock     port.go, postgres/, inmem/
package checkout

import "codebank.dev/platform/id"

// ID is the id of an order. The zero ID means "none".
type ID = id.ID
