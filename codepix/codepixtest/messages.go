// Package codepixtest is for tests of the hub: messages of banks, and the suites that stores pass.
//
//	messages.go  payments and returns, and what banks say about them
//	payments.go  the suite of payment.Store and its outbox
//	banks.go     the files of banks, and what they sign
//	broker.go    a broker and a registry
package codepixtest

import (
	"fmt"
	"time"

	"codebank.dev/codepix/payment"
	"codebank.dev/platform/id"
	"codebank.dev/platform/money"
)

// The banks of the messages.
const (
	SenderBank   = "001"
	ReceiverBank = "002"
)

// Noon is when payments are initiated.
var Noon = time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)

// ID returns an end-to-end id of a bank by its number.
func ID(bank string, number int) payment.ID {
	return payment.ID(fmt.Sprintf("E00000%s%023d", bank, number))
}

// ReturnID returns the id of a return of a bank by its number.
func ReturnID(bank string, number int) payment.ID {
	return payment.ID(fmt.Sprintf("D00000%s%023d", bank, number))
}

// account returns an account of a bank by its number.
func account(bank byte, number int) id.ID {
	return id.ID{bank, byte(number >> 16), byte(number >> 8), byte(number), 6: 0x40, 8: 0x80, 15: 1}
}

// Payment returns the message that initiates a payment of BRL 10.00 from SenderBank to ReceiverBank.
func Payment(number int) payment.Message {
	return payment.Message{
		ID: ID(SenderBank, number), Step: payment.Initiate, DecidedAt: Noon,
		Terms: payment.Terms{
			Sender:   payment.Party{Bank: SenderBank, Account: account(1, number), Name: "M**** S****"},
			Receiver: payment.Party{Bank: ReceiverBank, Account: account(2, number), Name: "J*** P****"},
			Amount:   money.Amount{Minor: 1000, Currency: money.MustCurrency("BRL")}, KeyKind: "EMAIL",
			Reference: "invoice-7", Description: "lunch", InitiatedAt: Noon, TraceID: "0af7651916cd43dd8448eb211c80319c",
		},
	}
}

// Return returns the message that initiates the return of a part of a payment.
func Return(number int, of *payment.Message, amountMinor int64) payment.Message {
	back := payment.Message{ID: ReturnID(of.Terms.Receiver.Bank, number), Step: payment.Initiate, DecidedAt: Noon, Terms: of.Terms}
	back.Terms.Original, back.Terms.KeyKind = of.ID, "NONE"
	back.Terms.Sender, back.Terms.Receiver = of.Terms.Receiver, of.Terms.Sender
	back.Terms.Amount.Minor = amountMinor
	return back
}

// AnsweredAt is when answers are decided.
var AnsweredAt = Noon.Add(100 * time.Millisecond)

// Answer returns a later message about a payment.
func Answer(to payment.Message, step payment.Step) payment.Message {
	to.Step, to.DecidedAt = step, AnsweredAt
	if step == payment.Reject {
		to.Reason = "ACCOUNT_CLOSED"
	}
	return to
}

// From returns messages as received from a bank, a second after Noon.
func From(bank string, messages ...payment.Message) []payment.Received {
	var received []payment.Received
	for _, message := range messages {
		received = append(received, payment.Received{Message: message, Author: bank, ReceiverKnown: true, At: Noon.Add(time.Second)})
	}
	return received
}
