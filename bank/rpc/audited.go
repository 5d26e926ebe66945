package rpc

import (
	"context"
	"net/netip"

	"codebank.dev/bank"
	"codebank.dev/platform/principal"
	"codebank.dev/platform/serve"
)

// Audited returns a ledger that writes what operators do into the audit log. address says where a call
// comes from.
func (p *Principals) Audited(ledger bank.Submitter, address func(context.Context) netip.Addr) bank.Submitter {
	return &bank.Audited{Submitter: ledger, Actor: func(ctx context.Context) (bank.Actor, bool) { return p.actor(ctx, address) }}
}

// actor returns the operator who makes a call; false for everybody else.
func (p *Principals) actor(ctx context.Context, address func(context.Context) netip.Addr) (bank.Actor, bool) {
	subject := p.of(ctx)
	if subject.Kind != principal.Operator {
		return bank.Actor{}, false
	}
	actor := bank.Actor{Name: subject.Name, Trace: serve.TraceID(ctx)}
	if from := address(ctx); from.IsValid() {
		actor.Address = from.String()
	}
	return actor, true
}
