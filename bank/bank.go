// Package bank is the language of the business: accounts, cards, entries,
// commands, the book they are decided on, and the ports through which the outside
// is reached. It is pure: no I/O, no clock, no environment. Every rule about money
// lives here or in a command's Decide, never in SQL and never in a handler.
//
// The life of a purchase, and the file to open for each step:
//
//	purchase.Service   checks the request, resolves immutable facts   purchase/
//	ledger.Executor    queues it, batches it, answers it              ledger/
//	Book               what a batch reads, decides on and changes     book.go
//	Store              one durable transaction per batch              postgres/, inmem/
//	outbox.Relay       committed events to the broker                 outbox/
package bank

import (
	"errors"

	"codebank.dev/platform/id"
)

// ID is the id of everything that the bank keeps. The zero ID means "none".
type ID = id.ID

// namespace is the root of every derived id of Code Bank.
var namespace = ID{0x9b, 0x1d, 0x5c, 0x2e, 0x4f, 0x6a, 0x4c, 0x1b, 0x8d, 0x37, 0x60, 0x52, 0xa4, 0xe1, 0x7f, 0x90}

// Code is a bank's own code, three digits.
type Code string

// ParseCode returns the code written as three digits.
func ParseCode(text string) (Code, error) {
	if len(text) != 3 {
		return "", errors.New("bank: a bank code is three digits")
	}
	for i := range len(text) {
		if text[i] < '0' || text[i] > '9' {
			return "", errors.New("bank: a bank code is three digits")
		}
	}
	return Code(text), nil
}

// TransactionID returns the id of the transaction that a caller's request makes:
// the same bank, caller and request id always give the same transaction.
func (c Code) TransactionID(caller, requestID string) ID {
	return id.Derive(namespace, string(c), "transaction", caller, requestID)
}

// VoidID returns the id of the transaction by which a purchase is voided. It is
// derived from the purchase, so that a purchase can be voided once only.
func (c Code) VoidID(purchase ID) ID {
	return id.Derive(namespace, string(c), "void", purchase.String())
}

// SettlementAccount returns the internal account that collects a merchant's sales
// in one currency. Internal accounts carry no running balance and are never locked.
func (c Code) SettlementAccount(merchant, currency string) ID {
	return id.Derive(namespace, string(c), "settlement", merchant, currency)
}
