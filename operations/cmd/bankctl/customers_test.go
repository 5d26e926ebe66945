package main

import (
	"context"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"

	"codebank.dev/native/postgres/postgrestest"
	"codebank.dev/operations/pipelinetest"
	"codebank.dev/platform/fault"
	"codebank.dev/platform/permission"
	"codebank.dev/platform/serve"
	statementv1 "codebank.dev/schemas/gen/statement/v1"
)

// linked is a statement that only notes links.
type linked struct {
	statementv1.UnimplementedStatementServiceServer
	users map[string]string
	down  bool
}

func (l *linked) LinkCustomer(_ context.Context, in *statementv1.LinkCustomerRequest) (*statementv1.LinkCustomerResponse, error) {
	if l.down {
		return nil, fault.New(fault.FailedPrecondition, "DOWN", "The statement is down.")
	}
	l.users[in.GetCustomer()] = in.GetUser()
	return &statementv1.LinkCustomerResponse{}, nil
}

func TestACustomerIsLinkedInTheBankAndInTheStatement(t *testing.T) {
	bank := pipelinetest.StartBank(t, postgrestest.Database(t))
	statement := &linked{users: make(map[string]string), down: true}
	walls, err := serve.OpenWalls(serve.WallsConfig{Insecure: "bankctl", Operators: []string{"bankctl"}})
	require.NoError(t, err)
	permissions := make(permission.Table)
	for _, method := range statementv1.StatementService_ServiceDesc.Methods {
		permissions["/"+statementv1.StatementService_ServiceDesc.ServiceName+"/"+method.MethodName] = permission.Rule{Operators: true}
	}
	for _, stream := range statementv1.StatementService_ServiceDesc.Streams {
		permissions["/"+statementv1.StatementService_ServiceDesc.ServiceName+"/"+stream.StreamName] = permission.Rule{Operators: true}
	}
	server, err := serve.Listen(serve.Config{
		Name: "statement", GRPCAddress: "127.0.0.1:0", HTTPAddress: "127.0.0.1:0", Logger: slog.New(slog.DiscardHandler),
		Walls: walls, Permissions: permissions,
	})
	require.NoError(t, err)
	statementv1.RegisterStatementServiceServer(server, statement)
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- server.Run(ctx) }()
	defer func() {
		stop()
		require.NoError(t, <-ended)
	}()
	customer, ada, bob := "customers/0190d3a0-1c1f-7b6e-8000-1a2b3c4d5e6f", "users/5d1f4a1e-0c1a-4f0a-9a55-3f8f7b0f2a10", "users/6d1f4a1e-0c1a-4f0a-9a55-3f8f7b0f2a10"
	link := func(user string) (int, string, string) {
		return bankctl(t, "customers", "link", customer, user, "--bank-address="+bank.Address, "--statement-address="+server.GRPCAddress())
	}
	status, _, stderr := link(ada)
	require.Equal(t, exitFailed, status)
	require.Contains(t, stderr, "the bank has the link, the statement has not; do it again")
	require.Empty(t, statement.users)
	statement.down = false
	for range 2 {
		status, stdout, stderr := link(ada)
		require.Equal(t, exitOK, status, stderr)
		require.Equal(t, customer+" belongs to "+ada+"\n", stdout)
	}
	status, _, stderr = link(bob)
	require.Equal(t, exitFailed, status)
	require.Contains(t, stderr, "The customer is linked to another user.")
	require.Equal(t, map[string]string{customer: ada}, statement.users)
	status, _, stderr = bankctl(t, "customers", "link", "customers/ada", ada, "--bank-address="+bank.Address, "--statement-address=")
	require.Equal(t, exitFailed, status)
	require.Contains(t, stderr, "customer")
}

func TestACallInPlainTextThatReachesNobodyNamesTheSettingsOfTLS(t *testing.T) {
	folder := t.TempDir()
	status, _, stderr := bankctl(t, "certificates", "--out="+folder, "operator")
	require.Equal(t, exitOK, status, stderr)
	link := func(settings ...string) string {
		status, _, stderr := bankctl(t, append([]string{"customers", "link", "customers/a", "users/a", "--bank-address=127.0.0.1:1"}, settings...)...)
		require.Equal(t, exitFailed, status)
		require.Contains(t, stderr, "UNAVAILABLE")
		return stderr
	}
	const advice = "a program that speaks TLS needs --tls-certificate, --tls-key and --tls-authority"
	require.Contains(t, link(), advice)
	require.NotContains(t, link("--tls-certificate="+folder+"/operator.pem", "--tls-key="+folder+"/operator.key",
		"--tls-authority="+folder+"/authority.pem"), advice)
}

func TestWhoACustomerIsIsRegisteredOnce(t *testing.T) {
	bank := pipelinetest.StartBank(t, postgrestest.Database(t))
	holder := func(name, document string) (int, string, string) {
		return bankctl(t, "customers", "holder", "customers/0190d3a0-1c1f-7b6e-8000-1a2b3c4d5e6f", name, document, "--bank-address="+bank.Address)
	}
	for range 2 {
		code, out, errs := holder("Ana Lima", "52998224725")
		require.Zero(t, code, errs)
		require.Equal(t, "customers/0190d3a0-1c1f-7b6e-8000-1a2b3c4d5e6f is Ana L***, ***.982.***-**\n", out)
	}
	for _, other := range [][2]string{{"Bia Lima", "52998224725"}, {"Ana Lima", "52998224726"}} {
		code, _, errs := holder(other[0], other[1])
		require.NotZero(t, code, errs)
		require.NotContains(t, errs, other[1])
	}
}
