package rpc

import (
	"context"

	"codebank.dev/bank"
	"codebank.dev/bank/customer"
	"codebank.dev/bank/intake"
	"codebank.dev/platform/permission"
	"codebank.dev/platform/principal"
	"codebank.dev/platform/serve"
	"codebank.dev/schemas/command"
	bankv1 "codebank.dev/schemas/gen/bank/v1"
)

// CommandEdge lets commands in that come by the topic, by the same rules as the calls that they stand for.
type CommandEdge struct {
	// Walls says what a program is and whose its request ids are; required.
	Walls *serve.Walls
	// Permissions and Groups are those of the calls; required.
	Permissions permission.Table
	Groups      permission.Groups
	// Principals says which customers belong to a user; required.
	Principals *Principals
}

var _ intake.Edge = (*CommandEdge)(nil)

// commandMethods are the calls that the kinds of command stand for.
var commandMethods = map[string]string{
	command.Deposit:      bankv1.WalletService_Deposit_FullMethodName,
	command.Withdrawal:   bankv1.WalletService_Withdraw_FullMethodName,
	command.Purchase:     bankv1.WalletService_Purchase_FullMethodName,
	command.Transfer:     bankv1.WalletService_Transfer_FullMethodName,
	command.Reversal:     bankv1.WalletService_Reverse_FullMethodName,
	command.Cancellation: bankv1.WalletService_VoidHold_FullMethodName,
}

// Namespace implements intake.Edge.
func (e *CommandEdge) Namespace(producer string) string {
	program := e.Walls.Program(producer)
	return e.Walls.Namespace(&program)
}

// Enter implements intake.Edge. A user is a customer who has signed in where the producer has let him in. The
// context is that of a call by the same principal, so that the acts of operators are in the audit log. Whose
// customers are whose is read anew: a call may be sent again when a link is known, a refused command may not.
func (e *CommandEdge) Enter(ctx context.Context, asked intake.Asked) (context.Context, bank.Subject, error) {
	asking := e.Walls.Program(asked.Producer)
	if !asked.User.IsZero() {
		asking = principal.Principal{Kind: principal.User, Name: asked.User.String(), Roles: []string{permission.RoleCustomer}}
	}
	if err := e.Permissions.Allows(commandMethods[asked.Kind], &asking, e.Groups); err != nil {
		return ctx, bank.Subject{Kind: asking.Kind, Name: asking.Name}, err
	}
	ctx = serve.ContextWithIdentity(ctx, asked.Producer, asked.TraceID)
	ctx = serve.ContextWithPrincipal(ctx, e.Namespace(asked.Producer), asking)
	ctx, err := e.Principals.withCustomers(ctx, (*customer.Service).Fresh)
	if err != nil {
		return ctx, bank.Subject{Kind: asking.Kind, Name: asking.Name}, err
	}
	return ctx, e.Principals.of(ctx), nil
}
