package bank

import (
	"context"
	"time"

	"codebank.dev/platform/auditlog"
	"codebank.dev/platform/principal"
)

// The acts in the audit log that make no entry. The other ones have the names of the kinds of their
// entries.
const (
	ActBlock   auditlog.Act = "BLOCK"
	ActUnblock auditlog.Act = "UNBLOCK"
	ActLink    auditlog.Act = "LINK_CUSTOMER"
	ActHolder  auditlog.Act = "REGISTER_HOLDER"
)

// Act is implemented by a command that changes something and makes no entry. It returns what the command
// does, and the name of what it does it to.
type Act interface {
	Act() (act auditlog.Act, what string)
}

// Actor is an operator who has a command decided. The audit log names him.
type Actor struct {
	// Name is the name of the principal.
	Name string
	// Address and Trace say where the call comes from; both may be empty.
	Address, Trace string
}

// Record returns the record of an act of the actor.
func (a *Actor) Record(at time.Time, act auditlog.Act, what, result string) auditlog.Record {
	return auditlog.Record{
		At: at, Act: act, WhoKind: principal.Operator.String(), Who: a.Name, What: what,
		Address: a.Address, Trace: a.Trace, Result: result,
	}
}

// Audited is a Submitter whose commands are in the audit log if an operator has them decided. The record
// is committed with what the command changes. A command that was decided before, or that was refused,
// changes nothing and has no record; a decline is a decision, and has one. Commands of others are
// passed on as they are.
type Audited struct {
	Submitter
	// Actor returns the operator who calls; false for everybody else.
	Actor func(ctx context.Context) (Actor, bool)
}

var _ Submitter = (*Audited)(nil)

// Submit implements Submitter.
func (a *Audited) Submit(ctx context.Context, command Command) (Outcome, error) {
	if actor, ok := a.Actor(ctx); ok {
		command = &acted{command, actor}
	}
	return a.Submitter.Submit(ctx, command)
}

// SubmitAll implements Submitter.
func (a *Audited) SubmitAll(ctx context.Context, commands []Command) []Result {
	actor, ok := a.Actor(ctx)
	if !ok {
		return a.Submitter.SubmitAll(ctx, commands)
	}
	wrapped := make([]Command, len(commands))
	for i, command := range commands {
		wrapped[i] = &acted{command, actor}
	}
	return a.Submitter.SubmitAll(ctx, wrapped)
}

// acted is a command of an operator.
type acted struct {
	Command
	actor Actor
}

// Decide implements Command.
func (a *acted) Decide(book *Book, now time.Time) Outcome {
	before := len(book.Posted())
	outcome := a.Command.Decide(book, now)
	for _, entry := range book.Posted()[before:] {
		if entry.Leg == 0 {
			book.Audit(a.actor.Record(now, auditlog.Act(entry.Kind.String()), "transactions/"+entry.TransactionID.String(), resultOf(entry)))
		}
	}
	if command, ok := a.Command.(Act); ok && outcome.Err == nil {
		act, what := command.Act()
		book.Audit(a.actor.Record(now, act, what, auditlog.ResultOK))
	}
	return outcome
}

// resultOf returns what became of what an entry was asked for.
func resultOf(entry *Entry) string {
	switch entry.Status {
	case Approved, Applied:
		return auditlog.ResultOK
	case Declined:
		return entry.Status.String() + " " + entry.Decline.String()
	}
	return entry.Status.String()
}

// SameAs implements ledger.Joinable: the outcome of an operator's command answers an equal one of the
// same operator.
func (a *acted) SameAs(other Command) bool {
	second, ok := other.(*acted)
	if !ok || a.actor.Name != second.actor.Name {
		return false
	}
	joinable, ok := a.Command.(interface{ SameAs(other Command) bool })
	return ok && joinable.SameAs(second.Command)
}
