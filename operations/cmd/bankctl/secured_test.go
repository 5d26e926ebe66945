package main

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	osexec "os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl/scram"
	"github.com/twmb/franz-go/pkg/sr/srfake"

	"codebank.dev/bank/postgres"
	"codebank.dev/native/child"
	"codebank.dev/native/dist"
	"codebank.dev/native/postgres/postgrestest"
	"codebank.dev/native/process"
	"codebank.dev/operations/pipelinetest"
	"codebank.dev/platform/certtest"
	"codebank.dev/platform/database/databasetest"
)

const (
	// word is the password of every account of the tests, and wrong is one that nobody has.
	word  = "s3cret-word"
	wrong = "other-word"
)

// brokerProperties are those of a real broker, which is its own controller. It takes TLS with
// certificates on both sides, and SCRAM-SHA-512.
const brokerProperties = `process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:%[2]d
listeners=SASL_SSL://127.0.0.1:%[1]d,CONTROLLER://127.0.0.1:%[2]d
advertised.listeners=SASL_SSL://127.0.0.1:%[1]d
controller.listener.names=CONTROLLER
inter.broker.listener.name=SASL_SSL
listener.security.protocol.map=SASL_SSL:SASL_SSL,CONTROLLER:PLAINTEXT
sasl.enabled.mechanisms=SCRAM-SHA-512
sasl.mechanism.inter.broker.protocol=SCRAM-SHA-512
listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required username="broker" password="%[3]s";
ssl.keystore.type=PEM
ssl.keystore.location=%[4]s
ssl.truststore.type=PEM
ssl.truststore.location=%[5]s
listener.name.sasl_ssl.ssl.client.auth=required
log.dirs=%[6]s
auto.create.topics.enable=false
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
`

// startBroker starts a real broker with the accounts broker, bank, bankctl and reader. It ends with the
// test. The address is host:port.
func startBroker(t *testing.T, authority *certtest.Authority) string {
	t.Helper()
	store, err := dist.Open(func(message string) { t.Log(message) })
	require.NoError(t, err)
	lib, err := store.Kafka(t.Context())
	require.NoError(t, err)
	java, err := dist.FindJava(t.Context())
	require.NoError(t, err)
	port, err := process.FreePort()
	require.NoError(t, err)
	controller, err := process.FreePort()
	require.NoError(t, err)

	dir, pair := t.TempDir(), authority.Sign("broker")
	keystore, properties := filepath.Join(dir, "keystore.pem"), filepath.Join(dir, "kafka.properties")
	var both []byte
	for _, file := range []string{pair.Key, pair.Certificate} {
		content, err := os.ReadFile(file)
		require.NoError(t, err)
		both = append(both, content...)
	}
	require.NoError(t, os.WriteFile(keystore, both, 0o600))
	require.NoError(t, os.WriteFile(properties, fmt.Appendf(nil, brokerProperties, port, controller, word, keystore, authority.File, filepath.Join(dir, "data")), 0o600))

	run := func(arguments ...string) *osexec.Cmd {
		command := osexec.Command(java.Program("java"), append([]string{"-Xmx384m", "-XX:TieredStopAtLevel=1", "-Djava.io.tmpdir=" + dir, "-cp", filepath.Join(lib, "*")}, arguments...)...)
		command.Dir = dir
		return command
	}
	id := make([]byte, 16)
	_, _ = rand.Read(id)
	id[0] &= 0x7f // A text that begins with - would be a flag.
	format := []string{"kafka.tools.StorageTool", "format", "--cluster-id", base64.RawURLEncoding.EncodeToString(id), "--config", properties}
	for _, account := range []string{"broker", "bank", "bankctl", "reader"} {
		format = append(format, "--add-scram", "SCRAM-SHA-512=[name="+account+",password="+word+"]")
	}
	require.NoError(t, child.Run(t.Context(), run(format...), child.Options{}))
	output, err := os.Create(filepath.Join(dir, "broker.log"))
	require.NoError(t, err)
	command := run("kafka.Kafka", properties)
	command.Stdout, command.Stderr = output, output
	broker, err := child.Start(command, child.Options{})
	require.NoError(t, err)
	t.Cleanup(func() {
		broker.KillTree()
		<-broker.Done()
		_ = output.Close()
		if t.Failed() {
			t.Log(child.Tail(output.Name(), 40))
		}
	})
	return fmt.Sprintf("127.0.0.1:%d", port)
}

// guarded serves with TLS to those who send a header Authorization that begins with one of allowed,
// and notes who was let in.
type guarded struct {
	*httptest.Server
	mutex sync.Mutex
	in    []string
}

func guard(t *testing.T, pair certtest.Pair, handler http.Handler) *guarded {
	t.Helper()
	g := new(guarded)
	g.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		who := ""
		if name, password, _ := r.BasicAuth(); password == word {
			who = name
		} else if r.Header.Get("Authorization") == "ApiKey "+word {
			who = "key"
		}
		w.Header().Set("X-Elastic-Product", "Elasticsearch")
		if who == "" {
			http.Error(w, `{"message":"who are you?"}`, http.StatusUnauthorized)
			return
		}
		g.mutex.Lock()
		g.in = append(g.in, who)
		g.mutex.Unlock()
		handler.ServeHTTP(w, r)
	}))
	g.TLS = &tls.Config{Certificates: []tls.Certificate{pair.TLS}}
	g.Config.ErrorLog = log.New(io.Discard, "", 0)
	g.StartTLS()
	t.Cleanup(g.Close)
	return g
}

// letIn returns who was let in since the last call.
func (g *guarded) letIn() []string {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	in := g.in
	g.in = nil
	return in
}

// newRegistry is a registry behind TLS and passwords.
func newRegistry(t *testing.T, pair certtest.Pair) *guarded {
	t.Helper()
	registry := srfake.New()
	t.Cleanup(registry.Close)
	to, err := url.Parse(registry.URL())
	require.NoError(t, err)
	return guard(t, pair, httputil.NewSingleHostReverseProxy(to))
}

// The whole way of an event, with everything proved: a real Postgres that wants a certificate, a real
// broker that wants a certificate and SCRAM, and a registry with a password. All settings come from
// the environment, the passwords from a file.
func TestABankPublishesToARealBrokerOverTLSWithCredentials(t *testing.T) {
	authority := certtest.New(t)
	broker, registry := startBroker(t, authority), newRegistry(t, authority.Sign("registry"))
	database := securedLedger(t, authority)
	secret := filepath.Join(t.TempDir(), "password")
	require.NoError(t, os.WriteFile(secret, []byte(word+"\n"), 0o600))
	settings := func(program string, more ...string) []string {
		own := authority.Sign(program)
		prefix := strings.ToUpper(program)
		environ := []string{
			"KAFKA_BROKERS=" + broker, "KAFKA_TLS_AUTHORITY=" + authority.File, "KAFKA_TLS_CERTIFICATE=" + own.Certificate, "KAFKA_TLS_KEY=" + own.Key,
			"KAFKA_USERNAME=" + program, "KAFKA_PASSWORD_FILE=" + secret,
			"REGISTRY_URL=" + registry.URL, "REGISTRY_TLS_AUTHORITY=" + authority.File, "REGISTRY_USERNAME=" + program, "REGISTRY_PASSWORD_FILE=" + secret,
		}
		for i := range environ {
			environ[i] = prefix + "_" + environ[i]
		}
		return append(environ, more...)
	}

	environ := settings("bankctl")
	for _, kind := range []string{"topics", "schemas"} {
		var out, failure strings.Builder
		require.Zero(t, run(t.Context(), []string{"apply", kind, "--timeout=60s"}, environ, streams{out: &out, err: &failure}), "%s", &failure)
	}
	require.Contains(t, registry.letIn(), "bankctl")

	bank := pipelinetest.StartBankWith(t, settings("bank", "BANK_DATABASE_URL="+database))
	customer := bank.Issue(t)
	for range 3 {
		bank.Buy(t, customer, 100)
	}
	awaitEvents(t, authority, broker, 4)
	require.Contains(t, registry.letIn(), "bank")
	require.NotContains(t, bank.Log(), word)
	refuseStrangers(t, authority, broker)
}

// securedLedger migrates a ledger that is reached with a certificate only, and returns the address for
// the bank.
func securedLedger(t *testing.T, authority *certtest.Authority) string {
	t.Helper()
	pair := authority.Sign("postgres")
	server := postgrestest.Secured(t, pair.Certificate, pair.Key, authority.File)
	require.NoError(t, server.CreateDatabase(t.Context(), postgrestest.WithCertificate))
	address := func(role string) string {
		own := authority.Sign(role)
		address, err := url.Parse(server.URL(postgrestest.WithCertificate))
		require.NoError(t, err)
		address.User = url.User(role)
		address.RawQuery = url.Values{
			"sslmode": {"verify-full"}, "sslrootcert": {authority.File}, "sslcert": {own.Certificate}, "sslkey": {own.Key},
		}.Encode()
		return address.String()
	}
	databasetest.As(t, server.URL("postgres"), postgres.ServiceRole)
	status, _, stderr := bankctl(t, "migrate", "ledger", "--ledger-database-url="+address("codebank"))
	require.Zero(t, status, stderr)
	return address(postgres.ServiceRole)
}

// awaitEvents waits until a reader has seen so many events of the bank.
func awaitEvents(t *testing.T, authority *certtest.Authority, broker string, events int) {
	t.Helper()
	reader, err := kgo.NewClient(kgo.SeedBrokers(broker), kgo.ConsumeTopics("bank-001.transactions.v1"), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.DialTLSConfig(&tls.Config{RootCAs: authority.Pool(), Certificates: []tls.Certificate{authority.Sign("reader").TLS}}),
		kgo.SASL(scram.Auth{User: "reader", Pass: word}.AsSha512Mechanism()))
	require.NoError(t, err)
	defer reader.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for events > 0 {
		fetches := reader.PollFetches(ctx)
		require.NoError(t, fetches.Err(), "%d events are missing", events)
		events -= fetches.NumRecords()
	}
}

// refuseStrangers checks what the real broker's refusals say.
func refuseStrangers(t *testing.T, authority *certtest.Authority, broker string) {
	t.Helper()
	own, stranger := authority.Sign("own"), certtest.New(t)
	trusted := "--kafka-tls-authority=" + authority.File
	certificate := []string{"--kafka-tls-certificate=" + own.Certificate, "--kafka-tls-key=" + own.Key}
	for says, more := range map[string][]string{
		"the Kafka broker refuses the credentials; check --kafka-username and --kafka-password": append(certificate, trusted, "--kafka-username=bankctl", "--kafka-password="+wrong),
		"an unknown authority signed the certificate of the Kafka broker":                       append(certificate, "--kafka-tls-authority="+stranger.File, "--kafka-username=bankctl", "--kafka-password="+word),
		"check --kafka-tls-certificate and --kafka-tls-key":                                     {trusted, "--kafka-username=bankctl", "--kafka-password=" + word},
	} {
		status, _, stderr := bankctl(t, append([]string{"apply", "topics", "--timeout=30s", "--kafka-brokers=" + broker}, more...)...)
		require.Equal(t, exitFailed, status, says)
		require.Contains(t, stderr, says)
		require.NotContains(t, stderr, word)
		require.NotContains(t, stderr, wrong)
	}
}

func TestTheSettingsOfEachServiceAreUsedAndNamedInErrors(t *testing.T) {
	authority := certtest.New(t)
	empty := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, "{}")
	})
	expired := authority.SignUntil("expired", time.Now().Add(-time.Minute))
	for name, service := range map[string]struct {
		command []string
		start   func(certtest.Pair) *guarded
		title   string
	}{
		"registry":      {[]string{"apply", "schemas"}, func(pair certtest.Pair) *guarded { return newRegistry(t, pair) }, "the schema registry"},
		"connect":       {[]string{"connectors", "status", "--kafka-brokers=127.0.0.1:1"}, func(pair certtest.Pair) *guarded { return guard(t, pair, empty) }, "Kafka Connect"},
		"elasticsearch": {[]string{"apply", "indices"}, func(pair certtest.Pair) *guarded { return guard(t, pair, http.NotFoundHandler()) }, "Elasticsearch"},
	} {
		t.Run(name, func(t *testing.T) {
			server := service.start(authority.Sign("server"))
			say := func(at *guarded, settings ...string) (status int, stderr string) {
				args := append(service.command, "--timeout=20s", "--"+name+"-url="+at.URL)
				for _, setting := range settings {
					args = append(args, "--"+name+"-"+setting)
				}
				status, _, stderr = bankctl(t, args...)
				require.NotContains(t, stderr, word)
				require.NotContains(t, stderr, wrong)
				return status, stderr
			}
			trusted, user := "tls-authority="+authority.File, "username=ops"
			_, stderr := say(server, trusted, user, "password="+word)
			require.NotContains(t, stderr, "check --")
			require.Contains(t, server.letIn(), "ops")
			if name == "elasticsearch" {
				_, _ = say(server, trusted, "api-key="+word)
				require.Contains(t, server.letIn(), "key")
			}

			refused := service.title + " refuses the credentials; check --" + name + "-username and --" + name + "-password"
			for _, credentials := range [][]string{nil, {user, "password=" + wrong}} {
				status, stderr := say(server, append(credentials, trusted)...)
				require.Equal(t, exitFailed, status)
				require.Contains(t, stderr, refused)
			}
			status, stderr := say(server, "tls-authority="+certtest.New(t).File, user, "password="+word)
			require.Equal(t, exitFailed, status)
			require.Contains(t, stderr, "an unknown authority signed the certificate of "+service.title+"; --"+name+"-tls-authority must name the file")
			status, stderr = say(service.start(expired), trusted, user, "password="+word)
			require.Equal(t, exitFailed, status)
			require.Contains(t, stderr, "the certificate of "+service.title+" has expired")
			require.Empty(t, server.letIn())

			far := &guarded{Server: &httptest.Server{URL: "http://far.example"}}
			status, stderr = say(far, user, "password="+word)
			require.Equal(t, exitUsage, status)
			require.Contains(t, stderr, "--"+name+"-url: credentials go over a network with TLS only")
			status, stderr = say(server, user)
			require.Equal(t, exitUsage, status)
			require.Contains(t, stderr, "--"+name+"-username and --"+name+"-password belong together")
		})
	}
}
