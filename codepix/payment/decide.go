package payment

// Letter is why a message is a dead letter. It changes nothing, and gets no answer.
type Letter struct {
	// Cause is a stable word for programs; Text is a sentence for people, which repeats nothing of the message.
	Cause, Text string
}

// The letters.
var (
	NotAuthor     = &Letter{"NOT_AUTHOR", "Only the sender initiates and completes a payment, and only its receiver confirms or rejects it."}
	NotFound      = &Letter{"NO_PAYMENT", "The hub knows no payment of this end-to-end id."}
	Contradiction = &Letter{"CONTRADICTION", "The message names another amount, bank, account or original than the payment has."}
	WrongState    = &Letter{"WRONG_STATE", "The payment is not in a state in which it takes this step."}
	FinalReturn   = &Letter{"RETURN_REJECTED", "The bank that gets a return cannot reject it."}
)

// Why the hub rejects a payment by itself.
const (
	// UnknownBank: the hub does not know the receiver's bank.
	UnknownBank = "UNKNOWN_BANK"
	// SameBank: sender and receiver are one bank, which needs no hub.
	SameBank = "SAME_BANK"
	// ReturnMismatch: the return does not go from the receiver of the original back to its sender.
	ReturnMismatch = "RETURN_MISMATCH"
	// ReturnExceeds: the returns of the original would be more than it.
	ReturnExceeds = "RETURN_EXCEEDS_ORIGINAL"
	// OriginalRejected: the original never took place.
	OriginalRejected = "ORIGINAL_REJECTED"
)

// Case is all that a message is decided on.
type Case struct {
	Received
	// Stored is the payment of the message; nil if there is none.
	Stored *Payment
	// Original is the payment that a return gives back; nil if there is none, or no return.
	Original *Payment
	// Held are the returns of the payment that are held, in the order of their ids.
	Held []Payment
}

// Outcome is what a message makes of payments. All of it is stored together, or none.
type Outcome struct {
	// Changed are payments as they are afterwards.
	Changed []Payment
	// Sends are messages to banks.
	Sends []Send
	// Events are those of Changed that have a new state; Book fills them in.
	Events []Payment
	// Letter says why the message is a dead letter; then nothing changes.
	Letter *Letter
}

// Decide returns what a message makes of a payment. A message that came before changes nothing; if the payment is decided,
// who has initiated it is told the outcome again. A message that contradicts the payment is a letter.
func Decide(c *Case) Outcome {
	switch {
	case c.Step == Initiate:
		return c.initiate()
	case c.Stored == nil:
		return Outcome{Letter: NotFound}
	case c.Author != c.Stored.partyOf(c.Step).Bank:
		return Outcome{Letter: NotAuthor}
	case !c.Stored.Terms.Agree(&c.Terms):
		return Outcome{Letter: Contradiction}
	}
	switch c.Step {
	case Confirm:
		return c.confirm()
	case Reject:
		return c.reject()
	case Complete:
		return c.complete()
	}
	return Outcome{Letter: WrongState}
}

// partyOf returns who takes a step.
func (p *Payment) partyOf(step Step) *Party {
	if step == Confirm || step == Reject {
		return &p.Terms.Receiver
	}
	return &p.Terms.Sender
}

func (c *Case) initiate() Outcome {
	switch {
	case c.Author != c.Terms.Sender.Bank || c.Author != c.ID.Bank():
		return Outcome{Letter: NotAuthor}
	case c.Stored == nil:
		return c.accept()
	case !c.Stored.Terms.Agree(&c.Terms):
		return Outcome{Letter: Contradiction}
	case c.Stored.Held:
		return c.forward(*c.Stored, false)
	}
	switch c.Stored.State {
	case Completed:
		return Outcome{Sends: []Send{c.Stored.send(Confirm)}}
	case Rejected:
		return Outcome{Sends: []Send{c.Stored.send(Reject)}}
	}
	return Outcome{}
}

// accept stores a new payment, and forwards it to its receiver.
func (c *Case) accept() Outcome {
	p := accepted(&c.Message, c.At)
	switch {
	case c.Terms.Sender.Bank == c.Terms.Receiver.Bank:
		return c.end(p.rejected(SameBank, c.At, c.At, true))
	case !c.ReceiverKnown:
		return c.end(p.rejected(UnknownBank, c.At, c.At, true))
	}
	return c.forward(p, true)
}

// forward sends a payment to its receiver, unless it is a return that has to wait or is not allowed.
func (c *Case) forward(p Payment, isNew bool) Outcome {
	if !p.ID.IsReturn() {
		return Outcome{Changed: []Payment{p}, Sends: []Send{p.send(Initiate)}}
	}
	out := Outcome{}
	original := c.Original
	if original != nil {
		copied := *original
		original = &copied
	}
	out.giveBack(original, p, c, isNew)
	if original != nil && original.Returned != c.Original.Returned {
		out.Changed = append(out.Changed, *original)
	}
	return out
}

func (c *Case) confirm() Outcome {
	switch p := c.Stored; {
	case p.State == Pending && !p.Held:
		after := p.confirmed(c.DecidedAt, c.At)
		return Outcome{Changed: []Payment{after}, Sends: []Send{after.send(Confirm)}}
	case p.State == Confirmed || p.State == Completed:
		return Outcome{}
	}
	return Outcome{Letter: WrongState}
}

func (c *Case) reject() Outcome {
	switch p := c.Stored; {
	case p.ID.IsReturn():
		return Outcome{Letter: FinalReturn}
	case p.State == Pending:
		return c.end(p.rejected(c.Reason, c.DecidedAt, c.At, false))
	case p.State == Rejected:
		return Outcome{}
	}
	return Outcome{Letter: WrongState}
}

func (c *Case) complete() Outcome {
	switch c.Stored.State {
	case Confirmed:
		return c.end(c.Stored.completed(c.At))
	case Completed:
		return Outcome{}
	}
	return Outcome{Letter: WrongState}
}

// end ends a payment, and lets the returns go on that have waited for it.
func (c *Case) end(p Payment) Outcome {
	out := Outcome{}
	if p.State == Rejected {
		out.Sends = append(out.Sends, p.send(Reject))
	}
	for i := range c.Held {
		out.giveBack(&p, c.Held[i], c, false)
	}
	out.Changed = append(out.Changed, p)
	return out
}
