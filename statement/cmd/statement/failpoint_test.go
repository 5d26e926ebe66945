package main

import (
	"io"
	"regexp"
	"slices"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"codebank.dev/native/postgres/postgrestest"
	"codebank.dev/platform/programtest"
	"codebank.dev/platform/serve"
	statementv1 "codebank.dev/schemas/gen/statement/v1"
	"codebank.dev/statement/failpoints"
	"codebank.dev/statement/statementtest"
)

func TestMain(m *testing.M) { programtest.Main(m, main) }

// process is the running program.
type process struct {
	*programtest.Program
	address string // of HTTP; "" when it ended before it was ready
	grpc    string
}

// linkCustomer makes one user the owner of all accounts.
func linkCustomer(t *testing.T, p *process) error {
	t.Helper()
	conn, err := serve.Dial(p.grpc)
	require.NoError(t, err)
	defer conn.Close()
	_, err = statementv1.NewStatementServiceClient(conn).LinkCustomer(t.Context(),
		&statementv1.LinkCustomerRequest{Customer: "customers/" + statementtest.Customer, User: "users/" + account})
	return err
}

// launch runs the program and waits for nothing.
func launch(t *testing.T, url string, flags ...string) *programtest.Program {
	t.Helper()
	return programtest.Start(t, nil,
		append(flags, "--grpc-address=127.0.0.1:0", "--http-address=127.0.0.1:0", "--database-url="+url, "--insecure=operator")...)
}

// start runs the program until it is ready or has ended.
func start(t *testing.T, url string, flags ...string) *process {
	t.Helper()
	p := &process{Program: launch(t, url, flags...)}
	if addresses, ready := p.AwaitReady(t); ready {
		p.address, p.grpc = addresses.HTTP, addresses.GRPC
	}
	return p
}

// TestKilledAtAnyFailpointStatementsGoOn: whatever a program was at when it died, the
// next one answers the whole statement, and never less than was answered before.
func TestKilledAtAnyFailpointStatementsGoOn(t *testing.T) {
	t.Parallel()
	for _, point := range failpoints.All() {
		if slices.Contains(slices.Concat(failpoints.Files(), failpoints.Requests()), point) {
			continue // See TestKilledAtAnyFailpointFilesGoOn and TestKilledAtAnyFailpointRequestsGoOn.
		}
		t.Run(string(point), func(t *testing.T) {
			t.Parallel()
			url := postgrestest.Database(t)
			path := "/v1/accounts/" + account + "/statement"
			complete := regexp.MustCompile(`"completeToSequence":"(\d+)"`)
			answered := int64(0)
			ask := func(p *process) bool {
				code, body := status(p.address, path)
				if code != 200 {
					return false
				}
				found := complete.FindStringSubmatch(body)
				require.NotNil(t, found, body)
				now, err := strconv.ParseInt(found[1], 10, 64)
				require.NoError(t, err)
				require.GreaterOrEqual(t, now, answered, "a statement goes back")
				answered = now
				return true
			}

			// At the points of the migration, the first program signs in as the owner and migrates.
			arguments, migrates := []string{"--failpoint=" + string(point)}, point == failpoints.StatementMigrated || point == failpoints.StatementClaimed
			at := url
			if migrates {
				arguments = append(arguments, "--migrate")
			} else {
				at = statementtest.Migrated(t, url)
			}
			dying := start(t, at, arguments...)
			sink := func(from, to int64) {
				s := statementtest.NewSink(t, url)
				for n := from; n <= to; n++ {
					s.Write(t, statementtest.Purchase(account, n))
				}
			}
			// A sink is registered for tables that are whole, and writes all columns.
			if !migrates && dying.address != "" && point != failpoints.GapsFound && point != failpoints.GapsStored {
				sink(1, 2)
				for ask(dying) && linkCustomer(t, dying) == nil {
				}
			}
			dying.AwaitKilledAt(t, string(point))

			p := start(t, statementtest.Migrated(t, url))
			if point != failpoints.AdvanceFound && point != failpoints.AdvanceStored {
				sink(1, 2)
			}
			require.True(t, ask(p))
			require.EqualValues(t, 2, answered)
			sink(3, 4)
			require.True(t, ask(p))
			require.EqualValues(t, 4, answered)
			require.NoError(t, linkCustomer(t, p))
			_, body := status(p.address, path)
			require.Contains(t, body, `"balanceMinor":"-400"`)
			_, body = status(p.address, "/v1/accounts/"+account+"/lines")
			require.Len(t, regexp.MustCompile(`"transactionId"`).FindAllString(body, -1), 4, "each line once: %s", body)
			p.Interrupt(t)
		})
	}
}

func TestAFailpointThatIsNoneIsRefusedWithTheList(t *testing.T) {
	err := run(t.Context(), []string{"--database-url=postgres://127.0.0.1:1/x", "--failpoint=nowhere"}, nil, io.Discard)
	for _, point := range failpoints.All() {
		require.ErrorContains(t, err, string(point))
	}
}
