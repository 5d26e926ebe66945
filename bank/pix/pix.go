// Package pix is the use case of payments to and from other banks: what a customer sends, what comes in, what goes
// back, and the keys by which accounts are found. A payment is a saga over three ledgers. Each hop is one commit: what
// happens on the account, and the message that tells of it.
//
//	Send            HOLD on the payer's wallet       INITIATED to the hub, again until it is answered
//	INITIATED came  PIX_IN on the receiver's account CONFIRMED, or REJECTED
//	CONFIRMED came  PIX_OUT takes the hold           COMPLETED
//	REJECTED came   VOID releases the hold
//
// In doubt the hold stays. Nothing but an answer ends it, and no timer. Every command may be decided again with the
// same result, because its transaction follows from the end-to-end id.
//
// The files, in reading order:
//
//	pix.go       Service, and what it needs
//	endtoend.go  end-to-end ids
//	message.go   the messages of a payment
//	send.go      a customer pays to a key
//	arrive.go    a payment comes in
//	answer.go    a payment of this bank is confirmed or rejected
//	giveback.go  a customer gives back what came in
//	comeback.go  what a customer has sent comes back
//	resolve.go   an operator ends a payment that has not arrived
//	handler.go   the messages of the hub, in the order of their payments
//	read.go      payments as the ledger knows them
//	code.go      codes by which others pay
package pix

import (
	"context"

	"codebank.dev/bank"
	"codebank.dev/platform/fault"
	"codebank.dev/schemas/command"
)

// Service serves the owners of accounts, operators, and the messages of the hub. All fields are required;
// it is safe for concurrent use.
type Service struct {
	Code      bank.Code
	Ledger    bank.Submitter
	Directory bank.Directory
	Reader    bank.Reader
	Holds     bank.Holds
	Messages  bank.Messages
	Payments  bank.PixPayments
	Vault     bank.Vault
	Holders   Holders
	Keys      Keys
}

// Holders knows the names of customers.
type Holders interface {
	// HolderName returns the full name of a customer; empty when the bank does not know it.
	HolderName(ctx context.Context, customer bank.ID) (string, error)
}

// Keys finds accounts by their keys at the hub.
type Keys interface {
	// LookUp returns whose a key is. payer is the account that would pay. Errors: fault.NotFound,
	// fault.InvalidArgument key, fault.ResourceExhausted, fault.Unavailable.
	LookUp(ctx context.Context, payer bank.ID, key string) (Destination, error)
}

// Destination is whose a key is.
type Destination struct {
	// KeyKind is a symbol of command.PixMessage.KeyKind.
	KeyKind  string
	BankCode bank.Code
	BankName string
	Account  bank.ID
	// HolderName and HolderDocument are masked.
	HolderName, HolderDocument string
}

// Call says who asks, and under which request id. A read has no request id.
type Call struct {
	Caller, RequestID, TraceID string
	Subject                    bank.Subject
}

// The refusals of this package.
var (
	// errNoPix answers for a payment that does not exist and for one of somebody else, with no difference between the
	// two.
	errNoPix     = fault.New(fault.NotFound, "PIX_NOT_FOUND", "There is no such payment.")
	errSameBank  = fault.New(fault.FailedPrecondition, "KEY_OF_THIS_BANK", "The key belongs to an account of this bank: make a transfer.").In("key")
	errOwn       = fault.Invalid("key", "The key belongs to the account that would pay.")
	errCurrency  = fault.Invalid("currency", "The currency must be that of the account.")
	errNotPixIn  = fault.New(fault.FailedPrecondition, "NOT_RETURNABLE", "Only a payment that came in from another bank can be returned.")
	errAboveLeft = fault.New(fault.FailedPrecondition, "AMOUNT_ABOVE_LEFT", "The amount is more than what is left of the payment.")
	errReturned  = fault.New(fault.FailedPrecondition, "ALREADY_RETURNED", "The payment was returned before.")
	// errContradiction refuses a message that does not fit what the ledger knows. It never leaves the process: the
	// message is a dead letter.
	errContradiction = fault.New(fault.FailedPrecondition, "CONTRADICTION", "The message contradicts what the ledger knows of the payment.")
	errUnknown       = fault.New(fault.NotFound, "UNKNOWN_PAYMENT", "The message answers a payment that this bank did not make.")
)

// hubCaller is the caller of what the messages of the hub do.
const hubCaller = "codepix"

// request returns the identity of what a message of the hub does.
func request(m *command.PixMessage) bank.Request {
	return bank.Request{Caller: hubCaller, ID: m.EndToEndID, TraceID: trace(m)}
}

// request returns the identity of what a call asks for.
func (s *Service) request(call *Call, form bank.Canonical) bank.Request {
	return bank.Request{
		Caller: call.Caller, ID: call.RequestID, TraceID: call.TraceID, PrincipalKind: call.Subject.Kind,
		Fingerprint: s.Vault.Fingerprint(form),
	}
}
