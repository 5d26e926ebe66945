package rpc_test

import (
	"testing"

	"codebank.dev/bank"
	"codebank.dev/bank/banktest"
	"codebank.dev/bank/customer"
	"codebank.dev/bank/inmem"
	"codebank.dev/bank/intake"
	"codebank.dev/bank/rpc"
	"codebank.dev/platform/auditlog"
	"codebank.dev/platform/fault"
	"codebank.dev/platform/principal"
	"codebank.dev/platform/serve"
	"codebank.dev/platform/wallstest"
	"codebank.dev/schemas/command"
	"github.com/stretchr/testify/require"
)

// commandKinds are the kinds of command that the contract has, those of cash first.
var commandKinds = []string{command.Deposit, command.Withdrawal, command.Purchase, command.Transfer, command.Reversal, command.Cancellation}

// Who may give a command is who may make its call.
func TestCommandsHaveThePermissionsOfTheirCalls(t *testing.T) {
	clock := banktest.NewClock()
	store := inmem.New(clock.Now)
	customers := customer.New(store, clock.Now)
	edge := func(simulatedCash, history bool) *rpc.CommandEdge {
		return &rpc.CommandEdge{
			Walls: wallstest.New(t).Walls(t, "bank", func(c *serve.WallsConfig) {
				c.Operators = []string{"cashier"}
				c.Namespaces = map[string]string{"gateway": "app"}
			}),
			Permissions: rpc.Permissions(simulatedCash), Groups: rpc.Groups([]string{"checkout"}, history),
			Principals: rpc.NewPrincipals(rpc.PrincipalsConfig{History: history, Customers: customers}),
		}
	}
	user := banktest.NewID()
	for _, test := range []struct {
		name    string
		edge    *rpc.CommandEdge
		asked   intake.Asked
		allowed []string
		kind    principal.Kind
	}{
		{"user", edge(false, false), intake.Asked{Producer: "gateway", User: user}, commandKinds[2:], principal.User},
		{"user with cash", edge(true, false), intake.Asked{Producer: "gateway", User: user}, commandKinds, principal.User},
		{"operator", edge(false, false), intake.Asked{Producer: "cashier"}, commandKinds, principal.Operator},
		{"service", edge(true, false), intake.Asked{Producer: "gateway"}, nil, principal.Service},
		{"acquirer", edge(true, false), intake.Asked{Producer: "checkout"}, nil, principal.Service},
		{"loader", edge(false, true), intake.Asked{Producer: rpc.Loader}, commandKinds, principal.Service},
		{"no loader", edge(false, false), intake.Asked{Producer: rpc.Loader}, nil, principal.Service},
	} {
		var allowed []string
		for _, kind := range commandKinds {
			test.asked.Kind = kind
			ctx, subject, err := test.edge.Enter(t.Context(), test.asked)
			require.Equal(t, test.kind, subject.Kind)
			if err != nil {
				require.Equal(t, fault.PermissionDenied, fault.CodeOf(err), "%s %s", test.name, kind)
				continue
			}
			allowed = append(allowed, kind)
			require.Equal(t, subject.Kind, serve.Principal(ctx).Kind)
			require.Equal(t, test.edge.Namespace(test.asked.Producer), serve.Caller(ctx))
			require.Equal(t, test.name == "loader", subject.Loads)
		}
		require.Equal(t, test.allowed, allowed, test.name)
	}
	require.Equal(t, "app", edge(false, false).Namespace("gateway"))
	require.Equal(t, "payroll", edge(false, false).Namespace("payroll"))
}

// A command is refused for good, so it is judged by the links of now and not by those of some seconds ago.
func TestCommandsAreJudgedByTheLinksOfNow(t *testing.T) {
	clock := banktest.NewClock()
	store := inmem.New(clock.Now)
	customers := customer.New(store, clock.Now)
	edge := &rpc.CommandEdge{
		Walls: wallstest.New(t).Walls(t, "bank", nil), Permissions: rpc.Permissions(false), Groups: rpc.Groups(nil, false),
		Principals: rpc.NewPrincipals(rpc.PrincipalsConfig{Customers: customers}),
	}
	user, other := banktest.NewID(), banktest.NewID()
	known, err := customers.Of(t.Context(), user)
	require.NoError(t, err)
	require.Equal(t, []bank.ID{user}, known)
	// Another replica stores a link.
	actor := bank.Actor{Name: "operator"}
	_, err = store.LinkCustomer(t.Context(), bank.CustomerLink{CustomerID: other, UserID: user, LinkedAt: clock.Now(), LinkedBy: "operator"},
		actor.Record(clock.Now(), bank.ActLink, "a customer", auditlog.ResultOK))
	require.NoError(t, err)
	_, subject, err := edge.Enter(t.Context(), intake.Asked{Producer: "gateway", User: user, Kind: command.Transfer})
	require.NoError(t, err)
	require.ElementsMatch(t, []bank.ID{user, other}, subject.Customers)
}
