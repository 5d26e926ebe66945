package payment

import (
	"cmp"
	"maps"
	"slices"
)

// Book is the payments that a batch of messages is about, and what the messages make of them. A store fills it, lets it
// decide the messages in their order, and writes Changes. It is for one goroutine.
type Book struct {
	before, now map[ID]Payment
	events      []Payment
	sends       map[address]Send
}

// address is the identity of a message.
type address struct {
	ID   ID
	Step Step
}

// NewBook returns a book of payments. It must have all that the messages name, themselves and their originals, as far as
// they are stored, and the returns that are held for them.
func NewBook(stored ...[]Payment) *Book {
	b := &Book{before: map[ID]Payment{}, sends: map[address]Send{}}
	for _, payments := range stored {
		for i := range payments {
			b.before[payments[i].ID] = payments[i]
		}
	}
	b.now = maps.Clone(b.before)
	return b
}

// Names returns the ids that messages name, each once, payments before returns. Whoever locks payments does so in this
// order, and a return only with its original, so that two batches never wait for each other.
func Names(messages []Received) []ID {
	named := map[ID]bool{}
	for i := range messages {
		named[messages[i].ID] = true
		if original := messages[i].Terms.Original; original != "" {
			named[original] = true
		}
	}
	return slices.SortedFunc(maps.Keys(named), func(a, b ID) int { return cmp.Compare(b, a) })
}

// Decide decides a message, as function Decide does, on what the messages before it have left, and fills in the events.
func (b *Book) Decide(message *Received) Outcome {
	c := Case{Received: *message, Stored: b.find(message.ID), Original: b.find(message.Terms.Original), Held: b.heldFor(message.ID)}
	out := Decide(&c)
	for i := range out.Changed {
		after := &out.Changed[i]
		if was, known := b.now[after.ID]; !known || was.Version != after.Version {
			out.Events = append(out.Events, *after)
		}
		b.now[after.ID] = *after
	}
	b.events = append(b.events, out.Events...)
	for _, send := range out.Sends {
		b.sends[address{send.ID, send.Step}] = send
	}
	return out
}

func (b *Book) find(name ID) *Payment {
	if found, known := b.now[name]; known {
		return &found
	}
	return nil
}

func (b *Book) heldFor(original ID) (held []Payment) {
	for _, p := range b.now {
		if p.Held && p.Terms.Original == original {
			held = append(held, p)
		}
	}
	slices.SortFunc(held, func(x, y Payment) int { return cmp.Compare(x.ID, y.ID) })
	return held
}

// Changes are what a store writes in one commit.
type Changes struct {
	// New are payments to insert, Changed those to update.
	New, Changed []Payment
	// Events are payments as they were with each new state, those of a payment in the order of their versions.
	Events []Payment
	// Ended are the messages that are answered, and sent no more. They go before Sends are stored.
	Ended []Message
	// Sends are messages to send. One that is stored already stays as it is.
	Sends []Send
}

// IsEmpty reports whether there is nothing to write.
func (c *Changes) IsEmpty() bool {
	return len(c.New)+len(c.Changed)+len(c.Sends) == 0
}

// Changes returns what the messages have changed.
func (b *Book) Changes() Changes {
	c := Changes{Events: b.events}
	for _, name := range slices.Sorted(maps.Keys(b.now)) {
		before, stored := b.before[name]
		after := b.now[name]
		switch {
		case !stored:
			c.New = append(c.New, after)
		case before != after:
			c.Changed = append(c.Changed, after)
		}
		if step := before.Waits(); stored && step != 0 && after.Waits() != step {
			c.Ended = append(c.Ended, before.send(step).Message)
		}
	}
	for _, send := range b.sends {
		c.Sends = append(c.Sends, send)
	}
	slices.SortFunc(c.Sends, func(x, y Send) int { return cmp.Or(cmp.Compare(x.ID, y.ID), cmp.Compare(x.Step, y.Step)) })
	return c
}

// Awaits reports whether a message is sent again until it is answered, as its payment is after the messages.
func (b *Book) Awaits(send *Send) bool {
	p := b.now[send.ID]
	return p.Waits() == send.Step
}
