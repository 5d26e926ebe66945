package programtest

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"codebank.dev/native/await"
	"codebank.dev/platform/database/databasetest"
	"codebank.dev/platform/fault"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

// Server is a Postgres that a test may kill. native/postgres has one.
type Server interface {
	// URL returns the address of one of its databases, with user and password.
	URL(database string) string
	// CreateDatabase makes an empty database.
	CreateDatabase(ctx context.Context, name string) error
	// Kill ends the server at once, and Restart starts it again on the same address.
	Kill()
	Restart(ctx context.Context) error
}

// Waiting says how TestAwaitsDatabase starts and calls a program.
type Waiting struct {
	// Server is a server of its own, running.
	Server Server
	// Role is the role of the program. Migrate brings a database, as its owner, to the schema of the
	// program, which waits for that. If they are empty, the program migrates its database itself.
	Role    string
	Migrate func(databaseURL string) error
	// Start starts the program on a database and waits for nothing.
	Start func(databaseURL string) *Program
	// Call makes one call to the program's gRPC address that needs the database, and
	// returns its error.
	Call func(address string) error
	// Path is the path of the same call by REST.
	Path string
	// Write makes one call to the gRPC address that writes into the database, and returns its
	// error. Nil for a program whose calls only read.
	Write func(address string) error
}

// TestAwaitsDatabase starts a program while its database is away. The program must be
// alive and not ready, say what it waits for, and answer calls UNAVAILABLE with a retry
// time. When the database is there and migrated it must serve without a restart. While the database
// is read-only it must not be ready, a call that writes must be UNAVAILABLE with a retry
// time, and a call that reads must be answered. Behind a pooler that drops the limits of
// its sessions it must not be ready.
func TestAwaitsDatabase(t *testing.T, w Waiting) {
	const name = "late"
	owner := w.Server.URL(name)
	address := owner
	if w.Migrate != nil {
		address = databasetest.As(t, owner, w.Role)
	}
	w.Server.Kill()
	program := w.Start(address)
	addresses := program.AwaitListening(t)
	require.NotEmpty(t, addresses, "it has ended")
	at := "http://" + addresses.HTTP
	answer, err := Get(at + "/livez")
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, answer.Status, "it lives")
	requireWaiting(t, at, "the server cannot be reached")
	early := fault.Of(w.Call(addresses.GRPC))
	require.Equal(t, fault.Unavailable, early.Code, "%v", early)
	require.Positive(t, early.RetryAfter)
	answer, err = Get(at + w.Path)
	require.NoError(t, err)
	require.Equal(t, http.StatusServiceUnavailable, answer.Status, answer.Body)
	require.NotEmpty(t, answer.Header.Get("Retry-After"))

	require.NoError(t, w.Server.Restart(t.Context()))
	requireWaiting(t, at, "it does not exist on the server (SQLSTATE 3D000)")
	require.NoError(t, w.Server.CreateDatabase(t.Context(), name))
	if w.Migrate != nil {
		requireUnready(t, at, "it has had migration 0 and this program needs ")
		require.NoError(t, w.Migrate(owner))
	}
	_, ready := program.AwaitReady(t)
	require.True(t, ready, "ready without a restart")
	if err := w.Call(addresses.GRPC); err != nil { // For example NotFound.
		require.NotEqual(t, fault.Unavailable, fault.CodeOf(err), "%v", err)
	}
	requireReadyToWrite(t, &w, program, addresses)
	program.Interrupt(t)

	wrong, err := url.Parse(address)
	require.NoError(t, err)
	wrong.User = url.UserPassword(wrong.User.Username(), "wrong-password")
	refused := w.Start(wrong.String())
	requireWaiting(t, "http://"+refused.AwaitListening(t).HTTP, "the server refuses the password (SQLSTATE 28P01)")
	refused.Interrupt(t)
	requireLimits(t, w.Start, address)
	require.NotContains(t, program.Log()+refused.Log(), "wrong-password")
}

// requireLimits starts the program behind poolers that drop its session settings, and with them the
// limits of a session. Behind one that shares sessions the program must not be ready, and must say why.
func requireLimits(t *testing.T, start func(string) *Program, address string) {
	t.Helper()
	without := start(Pooler(t, address, true))
	requireUnready(t, "http://"+without.AwaitListening(t).HTTP, `"message":"waiting for the database: a session lacks the program's settings, and a pooler may share it: `)
	without.Interrupt(t)
	with := start(Pooler(t, address, false))
	_, ready := with.AwaitReady(t)
	require.True(t, ready, "it sets them itself when the session is its own")
	with.Interrupt(t)
}

// requireReadyToWrite makes the database read-only, as a server is after a failover. The program must
// not be ready then, and it must be ready again afterwards.
func requireReadyToWrite(t *testing.T, w *Waiting, program *Program, addresses Addresses) {
	t.Helper()
	at := "http://" + addresses.HTTP
	conn, err := pgx.Connect(t.Context(), w.Server.URL("postgres"))
	require.NoError(t, err)
	defer conn.Close(context.WithoutCancel(t.Context()))
	for _, value := range []string{"on", "off"} {
		_, err = conn.Exec(t.Context(), "ALTER SYSTEM SET default_transaction_read_only = "+value)
		require.NoError(t, err)
		_, err = conn.Exec(t.Context(), "SELECT pg_reload_conf()")
		require.NoError(t, err)
		if value == "on" {
			requireWaiting(t, at, "it is read-only")
			requireReadOnlyAnswers(t, w, addresses)
		}
	}
	_, ready := program.AwaitReady(t)
	require.True(t, ready, "ready when it may write again")
}

// requireReadOnlyAnswers requires that a call that writes is answered UNAVAILABLE with a retry time,
// and that a call that reads is answered as ever.
func requireReadOnlyAnswers(t *testing.T, w *Waiting, addresses Addresses) {
	t.Helper()
	if err := w.Call(addresses.GRPC); err != nil { // For example NotFound.
		require.NotContains(t, []fault.Code{fault.Unavailable, fault.Internal}, fault.CodeOf(err), "%v", err)
	}
	answer, err := Get("http://" + addresses.HTTP + w.Path)
	require.NoError(t, err)
	require.Less(t, answer.Status, http.StatusInternalServerError, answer.Body)
	if w.Write == nil {
		return
	}
	refused := fault.Of(w.Write(addresses.GRPC))
	require.NotNil(t, refused, "a read-only database has taken a write")
	require.Equal(t, fault.Unavailable, refused.Code, "%v", refused)
	require.Positive(t, refused.RetryAfter)
}

// requireWaiting waits until /readyz says why the database cannot be used.
func requireWaiting(t *testing.T, at, why string) {
	t.Helper()
	requireUnready(t, at, `{"name":"database","status":"failed","message":"waiting for the database: `+why+`"}`)
}

// requireUnready waits until /readyz is not ready and its answer has this text.
func requireUnready(t *testing.T, at, want string) {
	t.Helper()
	var answer Answer
	await.Until(t, func() bool {
		var err error
		answer, err = Get(at + "/readyz")
		return err == nil && answer.Status == http.StatusServiceUnavailable && strings.Contains(answer.Body, want)
	}, patience, 10*time.Millisecond, "want %s", want)
}
