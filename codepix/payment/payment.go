// Package payment is what becomes of money between two banks, as the hub sees it: payments, and the returns of
// payments. The functions here are pure. They know no topic, no table and no clock.
//
//	PENDING ──CONFIRMED by the receiver──► CONFIRMED ──COMPLETED by the sender──► COMPLETED
//	   └─────REJECTED by the receiver, or by the hub──► REJECTED
//
// A return is a payment of its own, whose sender is the receiver of the original. It is held, PENDING and not forwarded,
// until the original is COMPLETED, because before that the money is released and not returned. Nobody but the hub
// rejects a return.
//
// The files, in reading order:
//
//	endtoend.go  ID: the end-to-end id
//	payment.go   Payment: its terms and states
//	message.go   Message: a step of a payment, as banks and hub send it
//	decide.go    Decide: what a message makes of a payment
//	returns.go   whether a return may be forwarded
//	book.go      Book: the payments that a batch of messages is about
//	store.go     what a store promises
package payment

import (
	"time"

	"codebank.dev/platform/id"
	"codebank.dev/platform/money"
)

// State is how far a payment has come. The numbers are stored: append only.
type State uint8

// The states. Completed and Rejected are final.
const (
	// Pending: the receiver did not answer yet. The sender holds the amount.
	Pending State = iota + 1
	// Confirmed: the receiver has credited it.
	Confirmed
	// Completed: the sender has taken what it held.
	Completed
	// Rejected: it never takes place; the sender releases what it held.
	Rejected
)

var states = [...]string{"UNSPECIFIED", "PENDING", "CONFIRMED", "COMPLETED", "REJECTED"}

// String returns the state as the wire names it.
func (s State) String() string {
	if int(s) >= len(states) {
		return states[0]
	}
	return states[s]
}

// States are all states, in their order.
func States() []State { return []State{Pending, Confirmed, Completed, Rejected} }

// IsFinal reports whether nothing leads out of the state.
func (s State) IsFinal() bool { return s == Completed || s == Rejected }

// Party is one side of a payment: an account of a bank.
type Party struct {
	// Bank is the code of the bank, three digits.
	Bank    string
	Account id.ID
	// Name is that of the account's holder, masked.
	Name string
}

// Terms are what the sender has initiated. They never change.
type Terms struct {
	// Original is the payment that a return gives back; empty unless the payment is a return.
	Original         ID
	Sender, Receiver Party
	// Amount is positive.
	Amount money.Amount
	// KeyKind is the kind of key that was paid to, as the wire names it; NONE for a return.
	KeyKind string
	// Reference is the receiver's name for a payment that was requested, Description what the sender wrote.
	Reference, Description string
	// InitiatedAt is when the sender has set the amount aside.
	InitiatedAt time.Time
	// TraceID is that of the request that began the payment.
	TraceID string
}

// Agree reports whether other terms move the same money between the same accounts. Names and texts are not compared:
// those of the sender's first message count.
func (t *Terms) Agree(other *Terms) bool {
	return t.Original == other.Original && t.Amount == other.Amount &&
		t.Sender.Bank == other.Sender.Bank && t.Sender.Account == other.Sender.Account &&
		t.Receiver.Bank == other.Receiver.Bank && t.Receiver.Account == other.Receiver.Account
}

// Payment is one payment between two banks. It is a value: the methods return the payment after a change and leave the
// receiver as it is.
type Payment struct {
	ID    ID
	Terms Terms
	State State
	// Held says that a return is not forwarded yet. Only a Pending one is held.
	Held bool
	// Reason is why the payment was rejected, a stable name; empty unless Rejected.
	Reason string
	// Returned is how much of the payment its returns give back, in minor units; it is never more than the amount.
	Returned int64
	// Version counts the states from 1. Each has an event.
	Version int64
	// DecidedAt is when the answer to the payment was decided, as the one who did so says; zero without an answer.
	DecidedAt time.Time

	AcceptedAt time.Time
	// ConfirmedAt and EndedAt are when the hub learned of it; zero before that. ChangedAt is when the state changed last.
	ConfirmedAt, EndedAt, ChangedAt time.Time
}

// accepted returns the payment that a message initiates.
func accepted(m *Message, at time.Time) Payment {
	return Payment{ID: m.ID, Terms: m.Terms, State: Pending, Version: 1, AcceptedAt: at, ChangedAt: at}
}

// rejected returns a payment that takes place no more. A payment that is new has no other state before this one.
func (p Payment) rejected(reason string, decidedAt, at time.Time, isNew bool) Payment {
	if !isNew {
		p.Version++
	}
	p.State, p.Held, p.Reason, p.DecidedAt = Rejected, false, reason, decidedAt
	p.ChangedAt = later(at, p.ChangedAt)
	p.EndedAt = p.ChangedAt
	return p
}

func (p Payment) confirmed(decidedAt, at time.Time) Payment {
	p.State, p.DecidedAt, p.Version = Confirmed, decidedAt, p.Version+1
	p.ChangedAt = later(at, p.ChangedAt)
	p.ConfirmedAt = p.ChangedAt
	return p
}

func (p Payment) completed(at time.Time) Payment {
	p.State, p.Version = Completed, p.Version+1
	p.ChangedAt = later(at, p.ChangedAt)
	p.EndedAt = p.ChangedAt
	return p
}

// Elapsed is the time from when the sender has set the amount aside to the last change; 0 if the clocks of bank and
// hub say less.
func (p *Payment) Elapsed() time.Duration { return max(0, p.ChangedAt.Sub(p.Terms.InitiatedAt)) }

// Waits returns the step that the hub sends again until it is answered; 0 if it waits for no answer.
func (p *Payment) Waits() Step {
	switch {
	case p.State == Pending && !p.Held:
		return Initiate
	case p.State == Confirmed:
		return Confirm
	}
	return 0
}

// Concerns reports whether a bank takes part in the payment.
func (p *Payment) Concerns(bank string) bool {
	return p.Terms.Sender.Bank == bank || p.Terms.Receiver.Bank == bank
}

// later keeps time from going back within a payment.
func later(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}
