package payment

import "time"

// Step is what a message about a payment says.
type Step uint8

// The steps.
const (
	// Initiate: the sender has set the amount aside; of a return, it has taken it.
	Initiate Step = iota + 1
	// Confirm: the receiver has credited it.
	Confirm
	// Reject: it never takes place.
	Reject
	// Complete: the sender has taken what it had set aside.
	Complete
)

var steps = [...]string{"UNKNOWN", "INITIATED", "CONFIRMED", "REJECTED", "COMPLETED"}

// String returns the step as the wire names it.
func (s Step) String() string {
	if int(s) >= len(steps) {
		return steps[0]
	}
	return steps[s]
}

// StepOf returns the step with a name of the wire.
func StepOf(name string) (Step, bool) {
	for step := Initiate; step <= Complete; step++ {
		if steps[step] == name {
			return step, true
		}
	}
	return 0, false
}

// Message is one step of a payment. ID and Step are its identity: sent again, it is the same.
type Message struct {
	ID    ID
	Step  Step
	Terms Terms
	// Reason is that of Reject.
	Reason string
	// DecidedAt is when the step was decided by the one who first said so.
	DecidedAt time.Time
}

// Received is a message that has come from a bank.
type Received struct {
	Message
	// Author is the bank that has made the message, as was proved, and not as the message says.
	Author string
	// ReceiverKnown says that the hub knows the receiver's bank.
	ReceiverKnown bool
	// At is when the message came.
	At time.Time
}

// Send is a message that the hub sends to a bank.
type Send struct {
	To string
	Message
}

// send returns the message of a step about a payment, for the bank that it is for.
func (p *Payment) send(step Step) Send {
	s := Send{To: p.Terms.Sender.Bank, Message: Message{ID: p.ID, Step: step, Terms: p.Terms, DecidedAt: p.DecidedAt}}
	switch step {
	case Initiate:
		s.To, s.DecidedAt = p.Terms.Receiver.Bank, p.Terms.InitiatedAt
	case Reject:
		s.Reason = p.Reason
	}
	return s
}
