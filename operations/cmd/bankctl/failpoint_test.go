package main

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	programs "os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sr/srfake"

	"codebank.dev/bank/postgres"
	"codebank.dev/bank/vault"
	checkout "codebank.dev/checkout/postgres"
	codepix "codebank.dev/codepix/postgres"
	gateway "codebank.dev/gateway/postgres"
	identity "codebank.dev/identity/postgres"
	"codebank.dev/native/postgres/postgrestest"
	"codebank.dev/operations/failpoints"
	"codebank.dev/operations/kibana/kibanatest"
	"codebank.dev/operations/pipelinetest"
	"codebank.dev/platform/database/databasetest"
	"codebank.dev/platform/failpoint"
	"codebank.dev/platform/keyfile"
	statement "codebank.dev/statement/postgres"
)

// plant is a pipeline to run bankctl against, as a program of its own.
type plant struct {
	*testing.T
	environ  []string
	brokers  *kgo.Client
	admin    *kadm.Client
	worker   *worker
	search   *search
	kibana   *kibanatest.Kibana
	database string
}

func newPlant(t *testing.T) *plant {
	t.Helper()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1))
	require.NoError(t, err)
	t.Cleanup(cluster.Close)
	registry := srfake.New()
	t.Cleanup(registry.Close)
	p := &plant{
		T: t, database: postgrestest.Database(t), kibana: kibanatest.Start(t),
		worker: &worker{connectors: map[string]map[string]string{}},
		search: &search{templates: map[string]json.RawMessage{}, indices: map[string]*heldIndex{
			"bank-transactions-2026.01": {Mappings: map[string]any{}, Aliases: map[string]any{}},
		}},
	}
	serve := func(handler http.Handler) string {
		server := httptest.NewServer(handler)
		t.Cleanup(server.Close)
		return server.URL
	}
	p.brokers, err = kgo.NewClient(kgo.SeedBrokers(cluster.ListenAddrs()...), kgo.MetadataMinAge(10*time.Millisecond))
	require.NoError(t, err)
	t.Cleanup(p.brokers.Close)
	p.admin = kadm.NewClient(p.brokers)
	p.environ = append(os.Environ(), "BANKCTL_TIMEOUT=30s",
		"BANKCTL_KAFKA_BROKERS="+strings.Join(cluster.ListenAddrs(), ","), "BANKCTL_REGISTRY_URL="+registry.URL(),
		"BANKCTL_CONNECT_URL="+serve(p.worker), "BANKCTL_ELASTICSEARCH_URL="+serve(p.search), "BANKCTL_KIBANA_URL="+p.kibana.URL,
		"BANKCTL_LEDGER_DATABASE_URL="+p.database)
	return p
}

// command runs bankctl to its end and returns how it ended, 0 for well, and what it wrote.
func (p *plant) command(args ...string) (status int, output string) {
	p.Helper()
	ctx, cancel := context.WithTimeout(p.Context(), time.Minute)
	defer cancel()
	program, err := os.Executable()
	require.NoError(p, err)
	// The name it is called by is what makes this test program bankctl.
	cmd := programs.CommandContext(ctx, program)
	cmd.Args = append([]string{"bankctl"}, args...)
	cmd.Env = p.environ
	written, _ := cmd.CombinedOutput()
	return cmd.ProcessState.ExitCode(), string(written)
}

// killed runs bankctl with a failpoint, which it must not survive.
func (p *plant) killed(point failpoint.Point, args ...string) {
	p.Helper()
	status, output := p.command(append(args, "--failpoint="+string(point))...)
	require.NotZero(p, status)
	require.Contains(p, output, "killed at failpoint "+string(point))
}

// well runs bankctl, which must succeed.
func (p *plant) well(args ...string) string {
	p.Helper()
	status, output := p.command(args...)
	require.Zero(p, status, output)
	return output
}

func TestKilledAtAnyFailpointDoingItAgainBringsItAbout(t *testing.T) {
	shown := map[failpoint.Point]func(*plant, failpoint.Point){
		vault.KeysWritten: keysAgain, vault.KeysPublished: keysAgain,
		keyfile.Written: commandKeysAgain, keyfile.Published: commandKeysAgain,
		failpoints.TopicCreated: applyAgain, failpoints.TopicAltered: alterAgain,
		failpoints.SchemaRegistered: applyAgain, failpoints.SubjectHeld: applyAgain,
		failpoints.TemplatePut: applyAgain, failpoints.MappingPut: applyAgain, failpoints.AliasPut: applyAgain,
		failpoints.ConnectorPut: applyAgain, failpoints.ConnectorRestarted: restartAgain,
		failpoints.ObjectsImported: viewsAgain, failpoints.RuleCreated: viewsAgain, failpoints.RuleUpdated: viewsAgain,
		failpoints.ExportWritten: exportAgain, failpoints.ExportPublished: exportAgain,
		failpoints.RedriveProduced: redriveAgain, failpoints.ActionRecorded: redriveAgain, failpoints.RedriveMarked: redriveAgain,
		postgres.RequeueLocked: republishAgain, postgres.RequeueDecided: republishAgain, postgres.RequeueCommitted: republishAgain,
		postgres.Migrated: migrateAgain, postgres.Claimed: migrateAgain,
		checkout.Migrated:  migrateCheckoutAgain,
		identity.Migrated:  migrateIdentityAgain,
		gateway.Migrated:   migrateGatewayAgain,
		codepix.Migrated:   migrateCodepixAgain,
		statement.Migrated: migrateStatementAgain, statement.Claimed: migrateStatementAgain,
	}
	for _, point := range failpoints.All() {
		t.Run(string(point), func(t *testing.T) {
			t.Parallel()
			require.Contains(t, shown, point, "say what a crash there must not do")
			shown[point](newPlant(t), point)
		})
	}
}

func TestAFailpointThatIsNoneIsRefusedWithTheList(t *testing.T) {
	var stderr strings.Builder
	require.Equal(t, exitUsage, run(t.Context(), []string{"apply", "topics", "--failpoint=nowhere"}, nil, streams{out: &stderr, err: &stderr}))
	for _, point := range failpoints.All() {
		require.Contains(t, stderr.String(), string(point))
	}
}

// keysAgain: the file is whole or not there, and is never made twice.
func keysAgain(p *plant, point failpoint.Point) {
	path := filepath.Join(p.TempDir(), "vault.json")
	p.killed(point, "keys", "new", "--out", path)
	if point == vault.KeysWritten {
		require.NoFileExists(p, path)
		p.well("keys", "new", "--out", path)
	}
	_, err := vault.Load(path)
	require.NoError(p, err)
	before, err := os.ReadFile(path)
	require.NoError(p, err)
	status, output := p.command("keys", "new", "--out", path)
	require.Equal(p, exitFailed, status, output)
	after, err := os.ReadFile(path)
	require.NoError(p, err)
	require.Equal(p, before, after)
}

// commandKeysAgain: the file is as before, or has the key.
func commandKeysAgain(p *plant, point failpoint.Point) {
	path := filepath.Join(p.TempDir(), "commands.json")
	p.well("command-keys", "add", "events", "--file", path)
	p.killed(point, "command-keys", "add", "gateway", "--file", path, "--for-users")
	keys, err := readCommandKeys(path)
	require.NoError(p, err)
	require.NotNil(p, keys.Signer("events"))
	require.Equal(p, point == keyfile.Published, keys.Signer("gateway") != nil)
	p.well("command-keys", "add", "gateway", "--file", path, "--for-users")
	keys, err = readCommandKeys(path)
	require.NoError(p, err)
	require.True(p, keys.Signer("gateway").ForUsers)
}

// applyAgain: the second apply brings the rest about, the third changes nothing.
func applyAgain(p *plant, point failpoint.Point) {
	p.killed(point, "apply", "all")
	p.well("apply", "all")
	output := p.well("apply", "all")
	require.Contains(p, output, "unchanged")
	require.NotContains(p, output, "created")
	require.NotContains(p, output, "updated")
	require.NotEmpty(p, p.search.indices["bank-transactions-2026.01"].Aliases)
	p.well("connectors", "status")
}

func alterAgain(p *plant, point failpoint.Point) {
	p.well("apply", "all")
	week := "604800000"
	changes := []kadm.AlterConfig{{Op: kadm.SetConfig, Name: "retention.ms", Value: &week}}
	responses, err := p.admin.AlterTopicConfigs(p.Context(), changes, auditedTopic, "dlq.statement-postgres")
	require.NoError(p, err)
	for _, response := range responses {
		require.NoError(p, response.Err)
	}
	applyAgain(p, point)
}

func restartAgain(p *plant, point failpoint.Point) {
	p.well("apply", "all")
	p.worker.connectors["statement-postgres"]["batch.size"] = "fail"
	status, _ := p.command("connectors", "status")
	require.Equal(p, exitFailed, status)
	p.killed(point, "connectors", "restart", "statement-postgres")
	p.well("connectors", "restart", "statement-postgres")
	p.well("connectors", "status")
}

// objectFiles are a folder of two objects and a rule.
func objectFiles(p *plant, rule string) string {
	folder := p.TempDir()
	for name, body := range map[string]string{
		"dashboard/overview.json": `{"type":"dashboard","id":"overview","attributes":{"title":"Overview"},"references":[{"type":"tag","id":"bank","name":"tag-ref-bank"}],"coreMigrationVersion":"8.8.0","typeMigrationVersion":"8.9.0"}`,
		"tag/bank.json":           `{"type":"tag","id":"bank","attributes":{"name":"Bank"},"references":[],"coreMigrationVersion":"8.8.0","typeMigrationVersion":"8.0.0"}`,
		"rule/quiet.json":         `{"name":"` + rule + `","rule_type_id":".es-query","consumer":"alerts","schedule":{"interval":"1m"},"params":{}}`,
	} {
		require.NoError(p, os.MkdirAll(filepath.Join(folder, filepath.Dir(name)), 0o755))
		require.NoError(p, os.WriteFile(filepath.Join(folder, name), []byte(body+"\n"), 0o644))
	}
	return folder
}

// viewsAgain: the second apply brings the rest about, the third changes nothing.
func viewsAgain(p *plant, point failpoint.Point) {
	folder := objectFiles(p, "Quiet")
	if point == failpoints.RuleUpdated {
		p.well("dashboards", "apply", "--folder", objectFiles(p, "No payments"))
	}
	p.killed(point, "dashboards", "apply", "--folder", folder)
	p.well("dashboards", "apply", "--folder", folder)
	output := p.well("dashboards", "apply", "--folder", folder)
	require.Contains(p, output, "summary: 0 created, 0 updated, 3 unchanged, 0 refused")
	require.Equal(p, "Quiet", p.kibana.Rule("quiet")["name"])
	require.NotNil(p, p.kibana.Attributes("dashboard", "overview"))
}

// exportAgain: a file is whole or not there, and the next export makes the rest.
func exportAgain(p *plant, point failpoint.Point) {
	folder, out := objectFiles(p, "Quiet"), p.TempDir()
	p.well("dashboards", "apply", "--folder", folder)
	p.killed(point, "dashboards", "export", "--folder", folder, "--out", out)
	if point == failpoints.ExportWritten {
		require.NoFileExists(p, filepath.Join(out, "dashboard", "overview.json"))
	}
	p.well("dashboards", "export", "--folder", folder, "--out", out)
	for _, name := range []string{"dashboard/overview.json", "tag/bank.json"} {
		want, err := os.ReadFile(filepath.Join(folder, name))
		require.NoError(p, err)
		got, err := os.ReadFile(filepath.Join(out, name))
		require.NoError(p, err)
		require.Equal(p, string(want), string(got))
	}
}

// redriveAgain: no letter is lost; one that was sent and not recorded is sent again.
func redriveAgain(p *plant, point failpoint.Point) {
	p.well("apply", "topics")
	for value, offset := range map[string]string{"one": "1", "two": "2"} {
		letter := &kgo.Record{Topic: "dlq.statement-postgres", Key: []byte(value), Value: []byte("\x00\x00\x00\x00\x01" + value)}
		for header, text := range map[string]string{"topic": auditedTopic, "partition": "2", "offset": offset} {
			letter.Headers = append(letter.Headers, kgo.RecordHeader{Key: "__connect.errors." + header, Value: []byte(text)})
		}
		require.NoError(p, p.brokers.ProduceSync(p.Context(), letter).FirstErr())
	}
	p.killed(point, "dlq", "redrive", "--yes")
	p.well("dlq", "redrive", "--yes")
	times := 1
	if point == failpoints.RedriveProduced {
		times = 2
	}
	ends, err := p.admin.ListEndOffsets(p.Context(), auditedTopic)
	require.NoError(p, err)
	end, _ := ends.Lookup(auditedTopic, 2)
	require.EqualValues(p, 2*times, end.Offset, "both letters are at their origin")
	require.Contains(p, p.well("dlq", "list"), "0")
	p.well("dlq", "redrive", "--yes")
	ends, err = p.admin.ListEndOffsets(p.Context(), auditedTopic)
	require.NoError(p, err)
	again, _ := ends.Lookup(auditedTopic, 2)
	require.Equal(p, end.Offset, again.Offset, "nothing is left to send")
}

// migrateAgain: the ledger has every migration, its roles have their rights, and it has its bank's code.
func migrateAgain(p *plant, point failpoint.Point) {
	p.killed(point, "migrate", "ledger")
	require.Equal(p, "the database ledger has the schema of this version\n", p.well("migrate", "ledger"))
	store, err := postgres.Open(p.Context(), postgres.Config{URL: databasetest.As(p, p.database, postgres.ServiceRole), BankCode: "001"})
	require.NoError(p, err)
	defer store.Close()
	require.NoError(p, store.Prepare(p.Context(), slog.New(slog.DiscardHandler)))
	require.NoError(p, store.Ready(p.Context()))
}

// migrateStatementAgain: the same of the statement.
func migrateStatementAgain(p *plant, point failpoint.Point) {
	p.killed(point, "migrate", "statement", "--statement-database-url", p.database)
	p.well("migrate", "statement", "--statement-database-url", p.database)
	store, err := statement.Open(p.Context(), statement.Config{URL: databasetest.As(p, p.database, statement.ServiceRole), BankCode: "001"})
	require.NoError(p, err)
	defer store.Close()
	require.NoError(p, store.Prepare(p.Context(), slog.New(slog.DiscardHandler)))
	require.NoError(p, store.Ready(p.Context()))
}

// migrateCheckoutAgain: the same of the checkout's database.
func migrateCheckoutAgain(p *plant, point failpoint.Point) {
	p.killed(point, "migrate", "checkout", "--checkout-database-url", p.database)
	p.well("migrate", "checkout", "--checkout-database-url", p.database)
	store, err := checkout.Open(p.Context(), checkout.Config{URL: databasetest.As(p, p.database, checkout.ServiceRole)})
	require.NoError(p, err)
	defer store.Close()
	require.NoError(p, store.Prepare(p.Context(), slog.New(slog.DiscardHandler), store.Migrated))
	require.NoError(p, store.Ready(p.Context()))
}

// migrateIdentityAgain: the same of identity's database.
func migrateIdentityAgain(p *plant, point failpoint.Point) {
	p.killed(point, "migrate", "identity", "--identity-database-url", p.database)
	p.well("migrate", "identity", "--identity-database-url", p.database)
	store, err := identity.Open(p.Context(), identity.Config{URL: databasetest.As(p, p.database, identity.ServiceRole)})
	require.NoError(p, err)
	defer store.Close()
	require.NoError(p, store.Prepare(p.Context(), slog.New(slog.DiscardHandler)))
	require.NoError(p, store.Ready(p.Context()))
}

// migrateCodepixAgain: the same of the database of the hub between banks.
func migrateCodepixAgain(p *plant, point failpoint.Point) {
	p.killed(point, "migrate", "codepix", "--codepix-database-url", p.database)
	p.well("migrate", "codepix", "--codepix-database-url", p.database)
	store, err := codepix.Open(p.Context(), codepix.Config{URL: databasetest.As(p, p.database, codepix.ServiceRole)})
	require.NoError(p, err)
	defer store.Close()
	require.NoError(p, store.Prepare(p.Context(), slog.New(slog.DiscardHandler)))
	require.NoError(p, store.Ready(p.Context()))
}

// migrateGatewayAgain: the same of the gateway's database.
func migrateGatewayAgain(p *plant, point failpoint.Point) {
	p.killed(point, "migrate", "gateway", "--gateway-database-url", p.database)
	p.well("migrate", "gateway", "--gateway-database-url", p.database)
	store, err := gateway.Open(p.Context(), gateway.Config{URL: databasetest.As(p, p.database, gateway.ServiceRole)})
	require.NoError(p, err)
	defer store.Close()
	require.NoError(p, store.Prepare(p.Context(), slog.New(slog.DiscardHandler)))
	require.NoError(p, store.Ready(p.Context()))
}

// republishAgain: every event is in the outbox, repeats of it with the same content.
func republishAgain(p *plant, point failpoint.Point) {
	const purchases = 1100 // more than a page
	bank := pipelinetest.StartBank(p, p.database)
	customer := bank.Issue(p)
	bank.BuyMany(p, customer, purchases)
	published(p.T, p.database)
	operator := pipelinetest.Ledger(p, p.database, postgres.OperatorRole)
	p.killed(point, "republish", "--account", customer.AccountID(), "--ledger-database-url", operator)
	p.well("republish", "--account", customer.AccountID(), "--ledger-database-url", operator)
	events := make(map[string]string)
	rows := outboxEvents(p.T, openStore(p.T, p.database))
	for _, row := range rows {
		body := string(row.Body)
		if before, repeated := events[row.EventID]; repeated {
			require.Equal(p, before, body)
		}
		events[row.EventID] = body
	}
	require.Len(p, events, purchases+1)
	repeats := 0
	if point == postgres.RequeueCommitted {
		repeats = 1000
	}
	require.Len(p, rows, purchases+1+repeats, "what was not committed is not there")
}
