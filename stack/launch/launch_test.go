package launch

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"codebank.dev/native/dist"
)

func TestPortsAreWhereTheDocumentsSay(t *testing.T) {
	a := Addresses{BasePort: DefaultBasePort}
	for want, got := range map[string]string{
		"127.0.0.1:17000":                        a.BankGRPC(),
		"127.0.0.1:17001":                        a.BankHTTP(),
		"127.0.0.1:17002":                        a.StatementGRPC(),
		"127.0.0.1:17003":                        a.StatementHTTP(),
		"127.0.0.1:17004":                        a.CheckoutGRPC(),
		"127.0.0.1:17005":                        a.CheckoutHTTP(),
		"127.0.0.1:17006":                        a.CodePixGRPC(),
		"127.0.0.1:17007":                        a.CodePixHTTP(),
		"127.0.0.1:17008":                        a.IdentityGRPC(),
		"127.0.0.1:17009":                        a.IdentityHTTP(),
		"127.0.0.1:17010":                        a.Of(SecondBank()).BankGRPC,
		"127.0.0.1:17011":                        a.Of(SecondBank()).BankHTTP,
		"127.0.0.1:17012":                        a.Of(SecondBank()).StatementGRPC,
		"127.0.0.1:17013":                        a.Of(SecondBank()).StatementHTTP,
		"127.0.0.1:17016":                        a.GatewayHTTP(),
		"http://127.0.0.1:17019":                 a.Banking(FirstBank()),
		"http://127.0.0.1:17027":                 a.Banking(SecondBank()),
		"127.0.0.1:17021":                        a.Kafka(),
		"http://127.0.0.1:17023":                 a.Registry(),
		"http://127.0.0.1:17023/apis/ccompat/v7": a.RegistryConfluent(),
		"http://127.0.0.1:17025":                 a.Connect(),
		"http://127.0.0.1:17026":                 a.Elasticsearch(),
	} {
		require.Equal(t, want, got)
	}
	require.Contains(t, a.Ports(), 17020)
}

func TestTwoStacksShareNoPort(t *testing.T) {
	first := Addresses{BasePort: 17000}.Ports()
	second := Addresses{BasePort: 17000 + PortCount}.Ports()
	for _, port := range first {
		require.NotContains(t, second, port)
		require.Less(t, port, 17000+PortCount)
	}
	require.Len(t, slices.Compact(slices.Sorted(slices.Values(first))), len(first))
}

func TestAFreeBasePortIsFree(t *testing.T) {
	base, err := FreeBasePort()
	require.NoError(t, err)
	require.True(t, portsFree(Addresses{BasePort: base}.Ports()))
	require.NoError(t, checkBasePort(base))
}

func TestAnInvalidBasePortIsRefused(t *testing.T) {
	for _, base := range []int{-1, 80, 65500, 100000} {
		_, err := Open(Config{Dir: t.TempDir(), BasePort: base})
		require.ErrorContains(t, err, "base port")
	}
}

func open(t *testing.T, dir string) *Stack {
	t.Helper()
	stack, err := Open(Config{Dir: dir, BasePort: 17300})
	require.NoError(t, err)
	return stack
}

func TestOpeningAStackMakesNothing(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "stack")
	stack := open(t, dir)
	require.NoDirExists(t, dir)
	for _, name := range []string{Postgres, Kafka, Elasticsearch, Registry, Connect, Databases, Migrations} {
		require.NotNil(t, stack.Process(name), name)
	}
	require.Nil(t, stack.Process("no such"))
	require.NoError(t, stack.Wipe())
}

// Another worker of the group shares no port and no file with the stack's own.
func TestAnotherWorkerHasItsOwnPortAndFolder(t *testing.T) {
	stack := open(t, t.TempDir())
	first, second := newConnect(stack, Connect, stack.addresses.port(connectPort)), newConnect(stack, "another", 17399)
	require.Equal(t, "http://"+first.listener(), stack.Addresses().Connect())
	require.Equal(t, "127.0.0.1:17399", second.listener())
	require.Equal(t, first.spec().Needs, second.spec().Needs)
	require.Equal(t, []int{17399}, second.spec().Ports)
	require.NotEqual(t, first.folder(), second.folder())
	stack.group.Add(second.spec())
	require.False(t, stack.Process("another").Running())
	require.NoError(t, stack.Remove(t.Context(), stack.Process("another")))
	require.Nil(t, stack.Process("another"))
}

// The services need their database and no other part of the pipeline.
func TestTheServicesDoNotNeedBrokerRegistryOrConnect(t *testing.T) {
	stack := open(t, t.TempDir())
	for _, program := range []string{"bank", "statement", "checkout", "gateway", "banking"} {
		needs := stack.serviceSpec(service{name: program, program: program}).Needs
		for _, away := range []string{Kafka, Registry, Connect, Elasticsearch} {
			require.NotContains(t, needs, away)
		}
		require.Contains(t, needs, Migrations)
	}
}

// The programs that publish the heads of their audit logs know the brokers, and are stopped before them.
func TestEveryProgramWithAnAuditLogPublishesItsHead(t *testing.T) {
	stack := open(t, t.TempDir())
	for _, program := range []string{"identity", "statement", "checkout"} {
		require.Equal(t, stack.Addresses().Kafka(), stack.newSettings(program, first)["kafka-brokers"], program)
		require.Contains(t, stack.serviceSpec(service{name: program, program: program}).Uses, Kafka, program)
	}
}

func TestEveryFlagHasAVariable(t *testing.T) {
	require.Equal(t, map[string]string{"BANK_DATABASE_URL": "x", "BANK_BANK_CODE": "001"},
		variables("bank", map[string]string{"database-url": "x", "bank-code": "001"}))
}

func TestChildrenSeeLittleOfTheEnvironment(t *testing.T) {
	t.Setenv("PGHOST", "elsewhere")
	t.Setenv("JAVA_TOOL_OPTIONS", "-Xmx1m")
	env := environment(map[string]string{"BANK_BANK_CODE": "001"})
	require.Contains(t, env, "BANK_BANK_CODE=001")
	for _, variable := range env {
		require.False(t, strings.HasPrefix(variable, "PG") || strings.HasPrefix(variable, "JAVA"), variable)
	}
}

func TestEveryPlaceholderOfAConfigurationIsFilledIn(t *testing.T) {
	entries, err := configFiles.ReadDir("config")
	require.NoError(t, err)
	values := map[string]string{
		"Broker": "b", "Controller": "c", "Data": "d", "Listener": "l", "Secrets": "s", "Registry": "r", "Plugins": "p",
		"Logs": "o", "Port": "1", "PeerPort": "2",
	}
	for _, entry := range entries {
		file := filepath.Join(t.TempDir(), "below", entry.Name())
		require.NoError(t, render(entry.Name(), file, values))
		content, err := os.ReadFile(file)
		require.NoError(t, err)
		require.NotContains(t, string(content), "{{")
		require.NotContains(t, string(content), "<no value>")
	}
	require.Error(t, render("kafka.properties", filepath.Join(t.TempDir(), "x"), map[string]string{}))
}

func TestAClusterIsHealthyWhenItsPrimariesAreAssigned(t *testing.T) {
	for answer, healthy := range map[string]bool{
		`{"status":"green"}`:  true,
		`{"status":"yellow"}`: true,
		`{"status":"red"}`:    false,
		`{}`:                  false,
		`starting`:            false,
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/_cluster/health" {
				_, _ = w.Write([]byte(answer))
			}
		}))
		err := elasticsearchReady(server.URL)(t.Context())
		require.Equal(t, healthy, err == nil, answer)
		server.Close()
		require.Error(t, elasticsearchReady(server.URL)(t.Context()))
	}
}

func TestAnOpenPortIsNotReady(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusServiceUnavailable)
	}))
	defer server.Close()
	require.ErrorContains(t, httpReady(server.URL)(t.Context()), "503")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.Error(t, brokerReady(server.Listener.Addr().String())(ctx))
}

func TestAFolderInUseIsNeitherStartedNorWiped(t *testing.T) {
	dir := t.TempDir()
	stack := open(t, dir)
	require.ErrorIs(t, stack.Apply(t.Context()), ErrNotRunning)
	unlock, err := dist.Lock(t.Context(), stack.lockFile())
	require.NoError(t, err)
	require.ErrorIs(t, stack.Start(t.Context()), ErrInUse)
	require.ErrorIs(t, stack.Wipe(), ErrInUse)
	unlock()
	require.NoError(t, stack.Wipe())
	require.NoDirExists(t, dir)
	require.ErrorIs(t, stack.Apply(t.Context()), ErrNotRunning)
}

func TestAFolderThatIsNotAStacksIsNotDeleted(t *testing.T) {
	dir := t.TempDir()
	mine := filepath.Join(dir, "thesis.txt")
	require.NoError(t, os.WriteFile(mine, nil, 0o600))
	require.ErrorIs(t, open(t, dir).Wipe(), ErrNotAStack)
	require.FileExists(t, mine)
}
