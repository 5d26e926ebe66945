package e2e

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"codebank.dev/connectors"
	"codebank.dev/native/await"
	"codebank.dev/schemas"
	bankv1 "codebank.dev/schemas/gen/bank/v1"
	"codebank.dev/stack/launch"
	"codebank.dev/stack/pipes"
)

// What version 3 added to the event, and which of it the statement stores.
var (
	linesOfVersion3 = []string{
		"account_kind", "counterparty_account_id", "counterparty_bank_code", "hold_id", "hold_expires_at", "merchant_reference",
	}
	fieldsOfVersion3 = append([]string{"leg", "relation", "principal_kind", "mode"}, linesOfVersion3...)
)

// rolloutClockOffset is how far the clock of the roll-out's bank is in the past.
const rolloutClockOffset = 15 * 365 * 24 * time.Hour

// A new version of the event is rolled out as schemas/README.md describes, through everything
// that reads it. Bank 003 is set up as it was before version 3: the statement's table, the
// settings of the sinks, the mapping of the index, and the registry. Its clock is fifteen years
// back, so that its old and new events share an existing index which no other test uses.
func TestANewVersionOfTheEventIsRolledOut(t *testing.T) {
	stack := running(t)
	r := newRollout(t, stack)

	stopOld, old := r.bank("2")
	card := issue(t, old, 100_000, nil)
	requests := []*bankv1.AuthorizePurchaseRequest{
		purchase(card.GetCard().GetName(), 100), purchase(card.GetCard().GetName(), 1_000_000), unknownCardPurchase(),
	}
	buy := func(purchases bankv1.PurchaseServiceClient, request *bankv1.AuthorizePurchaseRequest) *bankv1.Purchase {
		answer, err := purchases.AuthorizePurchase(t.Context(), request)
		require.NoError(t, err)
		return answer.GetPurchase()
	}
	var answers []*bankv1.Purchase
	for _, request := range requests {
		answers = append(answers, buy(bankv1.NewPurchaseServiceClient(old), request))
	}
	r.awaitCopies(4)
	for _, document := range r.documents() {
		for _, field := range fieldsOfVersion3 {
			require.NotContains(t, document, field)
		}
	}
	before := r.mapping()
	require.NotContains(t, before, "account_kind", "the index was created before version 3")

	// In this order every reader is ready before the first new event.
	r.migrateStatement()                               // 1: migrate the statement's database
	r.configureSink(fieldsOf(t, "statement-postgres")) // 2: extend the field list of its connector
	report := r.bankctl("apply", "indices")            // 3: apply the template and the mapping of every index
	require.Regexp(t, `index +`+r.index()+` +updated +mapping`, report)
	after := r.mapping()
	require.Contains(t, after, "account_kind")
	require.Equal(t, before["account_id"], after["account_id"], "an existing index keeps how a field is indexed")
	require.NotContains(t, after["account_id"], "index")
	require.Contains(t, r.bankctl("apply", "schemas"), "3 versions")
	require.Equal(t, "BACKWARD_TRANSITIVE", r.compatibility()) // 4: register the schema
	_, next := r.bank("3")                                     // 5: start the bank with version 3, beside replicas of version 2
	buy(bankv1.NewPurchaseServiceClient(old), purchase(card.GetCard().GetName(), 100))
	stopOld()

	purchases := bankv1.NewPurchaseServiceClient(next)
	for i, request := range requests {
		require.True(t, proto.Equal(answers[i], buy(purchases, request)), "a repeat gets its first outcome")
	}
	fresh := issue(t, next, 100_000, nil)
	for range 6 {
		buy(purchases, purchase(fresh.GetCard().GetName(), 20_000))
	}
	buy(purchases, purchase(card.GetCard().GetName(), 100))
	buy(purchases, unknownCardPurchase())

	r.requireAudit()
	r.requireAccountKinds(map[string]int{"": 6, "CARD": 8})
	r.requireDocuments(map[string]int{"<nil> <nil>": 5, "0 CARD": 8, "0 <nil>": 1})
	require.Equal(t, []int{5, 9}, r.recordsBySchema(), "both versions are on one topic")

	// Republished old events are written in version 3, with their old content.
	r.bankctl("republish", "--account", strings.TrimPrefix(card.GetCard().GetAccount(), "accounts/"))
	r.requireAudit()
	await.Until(t, func() bool { return r.recordCount(rolloutTopic) == 19 }, timeout, 100*time.Millisecond)
	require.Equal(t, []int{5, 14}, r.recordsBySchema())
	require.Zero(t, r.recordCount("dlq."+rolloutSink), "and nothing was refused")
}

// unknownCardPurchase returns a purchase with a card that the bank never issued.
func unknownCardPurchase() *bankv1.AuthorizePurchaseRequest {
	request := purchase("", 200)
	request.CardSource = &bankv1.AuthorizePurchaseRequest_CardData{CardData: &bankv1.CardData{
		Number: "4000056655665556", HolderName: "Mallory", ExpiryMonth: 1, ExpiryYear: 2031, Cvv: "739",
	}}
	return request
}

// rollout is bank 003 with its statement, on the shared stack.
type rollout struct {
	*testing.T
	stack *launch.Stack
	// bankURL is the address of the ledger for the bank; ledgerURL is that for the administrator.
	bankURL, ledgerURL, linesURL string
	lines                        *pgxpool.Pool
	kafka                        *kgo.Client
}

const (
	rolloutBank  = "003"
	rolloutTopic = "bank-" + rolloutBank + ".transactions.v1"
	rolloutSink  = "statement-" + rolloutBank
)

// newRollout sets everything that reads the bank's events to its state before version 3.
func newRollout(t *testing.T, stack *launch.Stack) *rollout {
	t.Helper()
	r := &rollout{T: t, stack: stack}
	var err error
	r.bankURL, err = stack.AddDatabase(t.Context(), "ledger", "bank_"+rolloutBank, rolloutBank)
	require.NoError(t, err)
	r.migrateStatement()
	r.ledgerURL, err = stack.DatabaseURL(t.Context(), "bank_"+rolloutBank)
	require.NoError(t, err)
	r.linesURL, err = stack.DatabaseURL(t.Context(), "statement_"+rolloutBank)
	require.NoError(t, err)
	r.lines = databasePool(t, stack, "statement_"+rolloutBank)
	r.kafka, err = kgo.NewClient(kgo.SeedBrokers(stack.Addresses().Kafka()))
	require.NoError(t, err)
	t.Cleanup(r.kafka.Close)

	r.bankctl("apply", "topics")
	versions, err := schemas.Schemas("transactions")
	require.NoError(t, err)
	for _, version := range versions[:2] {
		call(t, http.MethodPost, stack.Addresses().RegistryConfluent()+"/subjects/"+schemas.Subject(rolloutTopic)+"/versions",
			map[string]any{"schema": version.Schema})
	}

	for _, undo := range []string{
		"DROP TABLE statement_file_parts, statement_files, request_offsets",
		"DROP POLICY reader_sees_his_own ON statement_lines", "DROP POLICY owner_sees_all ON statement_lines",
		"DROP POLICY reader_sees_his_own ON statement_accounts", "DROP POLICY owner_sees_all ON statement_accounts",
		"ALTER TABLE statement_lines DISABLE ROW LEVEL SECURITY", "ALTER TABLE statement_accounts DISABLE ROW LEVEL SECURITY",
		"DROP FUNCTION customers_of_reader", "DROP FUNCTION owns_account", "DROP TABLE customer_links, audit_log, audit_head",
		"DROP FUNCTION refuse_audit_log_change",
		"DROP INDEX statement_lines_holds, statement_lines_hold_ends",
		"ALTER TABLE statement_lines DROP COLUMN " + strings.Join(linesOfVersion3, ", DROP COLUMN "), "DELETE FROM migrations WHERE version_id >= 3",
	} {
		_, err = r.lines.Exec(t.Context(), undo)
		require.NoError(t, err)
	}
	fields := slices.DeleteFunc(strings.Split(fieldsOf(t, "statement-postgres"), ","), func(field string) bool {
		return slices.Contains(linesOfVersion3, field)
	})
	r.configureSink(strings.Join(fields, ","))
	t.Cleanup(func() { call(t, http.MethodDelete, stack.Addresses().Connect()+"/connectors/"+rolloutSink, nil) })
	r.oldIndex()
	return r
}

// oldIndex sets the template to its old state.
func (r *rollout) oldIndex() {
	r.Helper()
	r.Cleanup(func() {
		r.bankctl("apply", "indices")
	})
	indices, err := connectors.Indices()
	require.NoError(r, err)
	i := slices.IndexFunc(indices, func(index connectors.Index) bool { return index.Name == "transactions" })
	var template map[string]any
	require.NoError(r, json.Unmarshal(indices[i].Template, &template))
	properties := template["template"].(map[string]any)["mappings"].(map[string]any)["properties"].(map[string]any)
	for _, field := range fieldsOfVersion3 {
		require.Contains(r, properties, field)
		delete(properties, field)
	}
	for _, property := range properties { // every field was indexed and had doc values
		delete(property.(map[string]any), "index")
		delete(property.(map[string]any), "doc_values")
	}
	call(r.T, http.MethodPut, r.stack.Addresses().Elasticsearch()+"/_index_template/transactions", template)
}

func sinkOf(t *testing.T, name string) map[string]string {
	t.Helper()
	sinks, err := connectors.Sinks(launch.BankCode, filepath.Join(running(t).Dir(), "secrets", "connectors"))
	require.NoError(t, err)
	i := slices.IndexFunc(sinks, func(sink connectors.Sink) bool { return sink.Name == name })
	require.GreaterOrEqual(t, i, 0)
	return maps.Clone(sinks[i].Config)
}

func fieldsOf(t *testing.T, name string) string { return sinkOf(t, name)["field.include.list"] }

// configureSink registers the statement's sink with a list of fields.
func (r *rollout) configureSink(fields string) {
	r.Helper()
	server, err := pgxpool.ParseConfig(r.linesURL)
	require.NoError(r, err)
	config := sinkOf(r.T, "statement-postgres")
	config["topics"], config["tasks.max"] = rolloutTopic, "1"
	config["connection.url"] = "jdbc:postgresql://" +
		net.JoinHostPort(server.ConnConfig.Host, strconv.Itoa(int(server.ConnConfig.Port))) + "/statement_" + rolloutBank
	config["field.include.list"] = fields
	config["errors.deadletterqueue.topic.name"] = "dlq." + rolloutSink
	r.configure(rolloutSink, config)
}

// configure registers a connector. An existing connector is stopped first, so that no task with
// the old settings is left.
func (r *rollout) configure(name string, config map[string]string) {
	r.Helper()
	url := r.stack.Addresses().Connect() + "/connectors/" + name
	answer, err := http.Get(url)
	require.NoError(r, err)
	require.NoError(r, answer.Body.Close())
	there := answer.StatusCode == http.StatusOK
	if there {
		setConnectorState(r.T, r.stack, name, "stop", "STOPPED")
	}
	call(r.T, http.MethodPut, url+"/config", config)
	if there {
		require.NoError(r, worker(r.stack).SetState(r.Context(), name, "resume"))
	}
	awaitConnector(r.T, r.stack, name, "RUNNING")
}

// migrateStatement brings the statement's database to the schema of this version.
func (r *rollout) migrateStatement() {
	r.Helper()
	_, err := r.stack.AddDatabase(r.Context(), "statement", "statement_"+rolloutBank, rolloutBank)
	require.NoError(r, err)
}

// bankctl runs bankctl for this bank.
func (r *rollout) bankctl(args ...string) string {
	r.Helper()
	var report bytes.Buffer
	args = append(args, "--bank-code", rolloutBank,
		"--ledger-database-url", r.ledgerURL, "--statement-database-url", r.linesURL)
	err := r.stack.Bankctl(context.Background(), &report, args...)
	require.NoError(r, err, "%v: %s", args, report.String())
	return report.String()
}

// bank starts the bank with a version of the event's schema.
func (r *rollout) bank(version string) (stop func(), connection *grpc.ClientConn) {
	r.Helper()
	row, address := replica(r.T, r.stack, map[string]string{
		"bank-code": rolloutBank, "database-url": r.bankURL, "event-version": version, "clock-offset": (-rolloutClockOffset).String(),
	})
	return func() { require.NoError(r, row.Stop(r.Context())) }, dial(r.T, address)
}

func (r *rollout) compatibility() string {
	r.Helper()
	answer := call(r.T, http.MethodGet,
		r.stack.Addresses().RegistryConfluent()+"/config/"+schemas.Subject(rolloutTopic), nil)
	return answer["compatibilityLevel"].(string)
}

// awaitCopies waits until the statement and the index have so many events.
func (r *rollout) awaitCopies(count int) {
	r.Helper()
	await.Until(r, func() bool {
		rows := 0
		err := r.lines.QueryRow(r.Context(), "SELECT count(*) FROM statement_lines").Scan(&rows)
		// A new index cannot be searched for a moment.
		return err == nil && rows == count && r.documentCount() == count
	}, timeout, 200*time.Millisecond)
}

// documentCount returns how many documents of the bank there are, or -1 if the index does not
// answer.
func (r *rollout) documentCount() int {
	r.Helper()
	found, err := pipes.Index(r.stack.Addresses().Elasticsearch()).Count(r.Context(), `{"term": {"bank_code": "`+rolloutBank+`"}}`)
	if err != nil {
		return -1
	}
	return int(found)
}

// searchHits returns the bank's documents with their indices.
func (r *rollout) searchHits() []any {
	r.Helper()
	elasticsearch := r.stack.Addresses().Elasticsearch()
	call(r.T, http.MethodPost, elasticsearch+"/bank-transactions-*/_refresh", nil)
	answer := call(r.T, http.MethodPost, elasticsearch+"/bank-transactions-*/_search", map[string]any{
		"size": 1000, "query": map[string]any{"term": map[string]any{"bank_code": rolloutBank}},
	})
	return answer["hits"].(map[string]any)["hits"].([]any)
}

func (r *rollout) documents() (documents []map[string]any) {
	r.Helper()
	for _, hit := range r.searchHits() {
		documents = append(documents, hit.(map[string]any)["_source"].(map[string]any))
	}
	return documents
}

// index returns the only index with the bank's documents.
func (r *rollout) index() string {
	r.Helper()
	names := map[string]bool{}
	for _, hit := range r.searchHits() {
		names[hit.(map[string]any)["_index"].(string)] = true
	}
	require.Len(r, names, 1)
	return slices.Collect(maps.Keys(names))[0]
}

// mapping returns the mapping of the bank's index, by field.
func (r *rollout) mapping() map[string]any {
	r.Helper()
	index := r.index()
	answer := call(r.T, http.MethodGet, r.stack.Addresses().Elasticsearch()+"/"+index+"/_mapping", nil)
	return answer[index].(map[string]any)["mappings"].(map[string]any)["properties"].(map[string]any)
}

func (r *rollout) requireAudit() {
	r.Helper()
	require.Contains(r, r.bankctl("audit", "--wait", timeout.String()), "audit: equal")
}

// requireAccountKinds counts the statement's lines by account_kind.
func (r *rollout) requireAccountKinds(want map[string]int) {
	r.Helper()
	rows, err := r.lines.Query(r.Context(), "SELECT coalesce(account_kind, ''), count(*) FROM statement_lines GROUP BY 1")
	require.NoError(r, err)
	got := map[string]int{}
	var kind string
	var count int
	_, err = pgx.ForEachRow(rows, []any{&kind, &count}, func() error {
		got[kind] = count
		return nil
	})
	require.NoError(r, err)
	require.Equal(r, want, got)
}

// requireDocuments counts the documents by leg and account kind. Each has its delay, which is about
// rolloutClockOffset for this bank.
func (r *rollout) requireDocuments(want map[string]int) {
	r.Helper()
	got := map[string]int{}
	for _, document := range r.documents() {
		got[fmt.Sprintf("%v %v", document["leg"], document["account_kind"])]++
		require.InDelta(r, rolloutClockOffset.Milliseconds(), int64(document["pipeline_millis"].(float64)), float64(time.Hour.Milliseconds()))
	}
	require.Equal(r, want, got)
}

// recordsBySchema counts the topic's records by their schema, oldest schema first.
func (r *rollout) recordsBySchema() []int {
	r.Helper()
	counts := map[uint32]int{}
	require.NoError(r, pipes.ReadAll(r.Context(), r.stack.Addresses().Kafka(), func(record *kgo.Record) {
		counts[binary.BigEndian.Uint32(record.Value[1:])]++
	}, rolloutTopic))
	var sizes []int
	for _, id := range slices.Sorted(maps.Keys(counts)) {
		sizes = append(sizes, counts[id])
	}
	return sizes
}

// recordCount returns how many records a topic has.
func (r *rollout) recordCount(topic string) int64 {
	r.Helper()
	return endOffsets(r.T, kadm.NewClient(r.kafka), []string{topic})[topic]
}
