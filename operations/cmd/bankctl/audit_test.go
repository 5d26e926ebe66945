package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sr"
	"github.com/twmb/franz-go/pkg/sr/srfake"

	"codebank.dev/bank/kafka"
	"codebank.dev/bank/postgres"
	"codebank.dev/native/postgres/postgrestest"
	"codebank.dev/operations/audit"
	"codebank.dev/operations/audit/ledger"
	"codebank.dev/operations/pipelinetest"
	"codebank.dev/schemas"
	"codebank.dev/schemas/event"
)

const auditedTopic = "bank-001.transactions.v1"

// town is a real bank with real databases; broker, registry and index are stand-ins that
// speak their protocols. Events stay in the outbox until deliver is called.
type town struct {
	t         *testing.T
	bank      *pipelinetest.Bank
	store     *postgres.Store
	ledger    *pgx.Conn
	statement *pgx.Conn
	brokers   *kgo.Client
	schemaID  int
	documents *documents
	arguments []string
}

func newTown(t *testing.T, flags ...string) *town {
	t.Helper()
	town := &town{t: t, documents: &documents{byID: map[string]map[string]any{}}}
	ledgerURL, statementURL := postgrestest.Database(t), postgrestest.Database(t)
	town.bank = pipelinetest.StartBank(t, ledgerURL, flags...)
	var err error
	town.store, err = postgres.Open(t.Context(), postgres.Config{URL: ledgerURL, BankCode: "001"})
	require.NoError(t, err)
	t.Cleanup(town.store.Close)
	auditedStatement := pipelinetest.Statement(t, statementURL, postgres.AuditorRole)
	town.ledger, town.statement = dial(t, ledgerURL), dial(t, statementURL)

	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(6, auditedTopic), kfake.SeedTopics(1, "dlq.statement-postgres"))
	require.NoError(t, err)
	t.Cleanup(cluster.Close)
	town.brokers, err = kgo.NewClient(kgo.SeedBrokers(cluster.ListenAddrs()...), kgo.RecordPartitioner(kgo.StickyKeyPartitioner(nil)))
	require.NoError(t, err)
	t.Cleanup(town.brokers.Close)
	registry := srfake.New()
	t.Cleanup(registry.Close)
	client, err := sr.NewClient(sr.URLs(registry.URL()))
	require.NoError(t, err)
	versions, err := schemas.Schemas("transactions")
	require.NoError(t, err)
	registered, err := client.CreateSchema(t.Context(), schemas.Subject(auditedTopic), sr.Schema{Schema: versions[len(versions)-1].Schema})
	require.NoError(t, err)
	town.schemaID = registered.ID
	search := httptest.NewServer(town.documents)
	t.Cleanup(search.Close)
	town.arguments = []string{
		"--kafka-brokers", strings.Join(cluster.ListenAddrs(), ","), "--registry-url", registry.URL(), "--elasticsearch-url", search.URL,
		"--ledger-database-url", pipelinetest.Ledger(t, ledgerURL, postgres.AuditorRole), "--statement-database-url", auditedStatement, "--timeout", "30s",
	}
	return town
}

func dial(t *testing.T, url string) *pgx.Conn {
	conn, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, conn.Close(context.Background())) })
	return conn
}

// buy makes a purchase and returns its event's id; refuse does so with a card that is not
// known.
func (w *town) buy(customer pipelinetest.Customer, amount int64) string {
	w.t.Helper()
	w.bank.Buy(w.t, customer, amount)
	return w.newest()
}

func (w *town) refuse() string {
	w.t.Helper()
	w.bank.Refuse(w.t)
	return w.newest()
}

// newest returns the id of the event that came into the outbox last.
func (w *town) newest() string {
	w.t.Helper()
	rows := outboxEvents(w.t, w.store)
	require.NotEmpty(w.t, rows)
	return rows[len(rows)-1].EventID
}

// deliver is relay and sinks: from the outbox to the topic, to statement and index.
func (w *town) deliver() {
	decoder, err := event.NewVersionDecoder(event.NewestVersion)
	require.NoError(w.t, err)
	for _, row := range outboxEvents(w.t, w.store) {
		w.produce(row.Key, row.Body)
		var e event.Transaction
		require.NoError(w.t, decoder.Decode(row.Body, &e))
		w.sink(e, true)
	}
	_, err = w.ledger.Exec(w.t.Context(), "DELETE FROM outbox")
	require.NoError(w.t, err)
}

func (w *town) produce(key string, body []byte) {
	value := append(event.AppendFrame(nil, uint32(w.schemaID)), body...)
	require.NoError(w.t, w.brokers.ProduceSync(w.t.Context(), &kgo.Record{Topic: auditedTopic, Key: []byte(key), Value: value}).FirstErr())
}

// sink writes an event into the index and, if it is to, into the statement.
func (w *town) sink(e event.Transaction, statement bool) {
	document := map[string]any{"hour": 9, "weekday": 4, "kafka_topic": auditedTopic, "kafka_partition": 0, "kafka_offset": 0, "pipeline_millis": 7}
	var columns, places []string
	var values []any
	for _, field := range event.Fields() {
		value, err := e.Get(field.Name)
		require.NoError(w.t, err)
		var plain any
		switch {
		case value.Type == 0:
			continue
		case field.Time:
			at := time.UnixMilli(value.Integer).UTC()
			plain, document[field.Name] = at, at.Format("2006-01-02T15:04:05.000Z")
		case value.Type == event.Integer:
			plain, document[field.Name] = value.Integer, value.Integer
		default:
			plain, document[field.Name] = value.Text, value.Text
		}
		if slices.ContainsFunc(audit.StatementFields(), func(f event.Field) bool { return f.Name == field.Name }) {
			columns, values = append(columns, field.Name), append(values, plain)
			places = append(places, fmt.Sprintf("$%d", len(values)))
		}
	}
	w.documents.put(e.EventID, document)
	if statement {
		_, err := w.statement.Exec(w.t.Context(), "INSERT INTO statement_lines ("+strings.Join(columns, ",")+") VALUES ("+strings.Join(places, ",")+")", values...)
		require.NoError(w.t, err)
	}
}

// audit runs `bankctl audit` and returns what it writes.
func (w *town) audit(status int, arguments ...string) string {
	w.t.Helper()
	var stdout, stderr strings.Builder
	args := append(append([]string{"audit", "--temp-dir", w.t.TempDir()}, w.arguments...), arguments...)
	got := run(w.t.Context(), args, nil, streams{out: &stdout, err: &stderr})
	require.Equal(w.t, status, got, "%s%s", stdout.String(), stderr.String())
	if status == exitAway {
		return stderr.String()
	}
	return stdout.String()
}

// exec changes something without the ledger's triggers, which refuse it.
func exec(t *testing.T, conn *pgx.Conn, sql string, arguments ...any) {
	t.Helper()
	_, err := conn.Exec(t.Context(), "SET session_replication_role = replica")
	require.NoError(t, err)
	tag, err := conn.Exec(t.Context(), sql, arguments...)
	require.NoError(t, err)
	require.EqualValues(t, 1, tag.RowsAffected(), sql)
}

// documents is as much of Elasticsearch as an audit needs.
type documents struct {
	mu   sync.Mutex
	byID map[string]map[string]any
	// counted, if not nil, is called when documents are counted.
	counted func()
}

func (d *documents) put(id string, document map[string]any) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.byID[id] = document
}

func (d *documents) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Elastic-Product", "Elasticsearch")
	d.mu.Lock()
	defer d.mu.Unlock()
	switch _, action, _ := strings.Cut(r.URL.Path, "/_"); action {
	case "refresh", "pit":
		answer(w, http.StatusOK, map[string]any{"id": "moment"})
	case "count":
		if d.counted != nil {
			d.counted()
		}
		answer(w, http.StatusOK, map[string]any{"count": len(d.byID)})
	case "search":
		answer(w, http.StatusOK, d.search(r))
	default:
		answer(w, http.StatusBadRequest, map[string]any{})
	}
}

func (d *documents) search(r *http.Request) map[string]any {
	var body struct{ Query condition }
	_ = json.NewDecoder(r.Body).Decode(&body)
	hits := []any{}
	for id, document := range d.byID {
		if body.Query.holds(id, document) {
			hits = append(hits, map[string]any{"_id": id, "_source": document, "sort": []int{1}})
		}
	}
	return map[string]any{"pit_id": "moment", "hits": map[string]any{"hits": hits}}
}

// condition is as much of the query language as an audit uses.
type condition struct {
	Term  map[string]any
	Terms map[string][]any
	IDs   struct{ Values []string }
	// Range is about times, and holds for every document here.
	Range map[string]any
	Bool  *struct {
		Filter  []condition
		MustNot []condition `json:"must_not"`
	}
}

func (c condition) holds(id string, document map[string]any) bool {
	is := func(field string, value any) bool { return fmt.Sprint(document[field]) == fmt.Sprint(value) }
	for field, value := range c.Term {
		return is(field, value)
	}
	for field, values := range c.Terms {
		return slices.ContainsFunc(values, func(value any) bool { return is(field, value) })
	}
	if c.Range != nil {
		return true
	}
	if c.Bool == nil {
		return slices.Contains(c.IDs.Values, id)
	}
	excluded := slices.ContainsFunc(c.Bool.MustNot, func(c condition) bool { return c.holds(id, document) })
	return !excluded && !slices.ContainsFunc(c.Bool.Filter, func(c condition) bool { return !c.holds(id, document) })
}

func TestAuditOfEqualPlaces(t *testing.T) {
	w := newTown(t)
	require.Contains(t, w.audit(exitOK), "bank 001: 0 events of 0 accounts and 0 refusals\n")
	for range 5 {
		customer := w.bank.Issue(w.t)
		for amount := range int64(7) {
			w.buy(customer, 100+amount)
		}
	}
	w.refuse()
	waiting := w.audit(exitOK)
	require.Contains(t, waiting, "events                       41             41              0              0              0\n", "all is the outbox's share")
	w.deliver()
	last := w.bank.Issue(w.t)
	w.buy(last, 100)
	letter := &kgo.Record{Topic: "dlq.statement-postgres", Value: []byte("poison")}
	require.NoError(t, w.brokers.ProduceSync(t.Context(), letter, &kgo.Record{Topic: auditedTopic, Value: []byte("poison")}).FirstErr())

	text := w.audit(exitOK)
	require.Regexp(t, `events +43 +2 +41 +41 +41\n`, text)
	require.Regexp(t, `unreadable +- +- +1 +- +-\n`, text)
	require.Contains(t, text, "1 dead letter in dlq.statement-postgres\naudit: equal\n")

	w.deliver()
	w.deliverAgain(last)
	require.Regexp(t, `repeats +- +0 +2 +- +-\n`, w.audit(exitOK, "--wait", "30s"))
	var report struct {
		Equal  bool
		Events int64
		Places []struct{ Store, Digest string }
	}
	require.NoError(t, json.Unmarshal([]byte(w.audit(exitOK, "-o", "json")), &report))
	require.True(t, report.Equal)
	require.EqualValues(t, 43, report.Events)
	require.Equal(t, []string{"ledger", "index"}, []string{report.Places[0].Store, report.Places[4].Store})
	require.Equal(t, report.Places[0].Digest, report.Places[4].Digest)
}

// The relay holds an event back for longer than a minute.
func TestAuditTellsOfAnEventThatIsHeldBack(t *testing.T) {
	w := newTown(t)
	customer := w.bank.Issue(w.t)
	w.buy(customer, 100)
	w.deliver()
	id := w.buy(customer, 200)
	require.Contains(t, w.audit(exitOK), "audit: equal\n", "it may be in flight")
	exec(t, w.ledger, "UPDATE outbox SET created_at = created_at - interval '61 seconds'")
	text := w.audit(exitFailed)
	require.Contains(t, text, "\nwaiting in the outbox: "+id+": for 1m1s; ")
	require.Contains(t, text, "bankctl republish --account "+customer.AccountID()+"\naudit: DIFFERENT (1 finding)\n")
}

// deliverAgain publishes an account's events once more, as `bankctl republish` does.
func (w *town) deliverAgain(customer pipelinetest.Customer) {
	journal := postgres.NewJournal(w.store, kafka.Converter("001"))
	for e, err := range journal.Entries(w.t.Context(), postgres.Position{}) {
		require.NoError(w.t, err)
		if e.AccountID != customer.AccountID() {
			continue
		}
		body, err := event.AppendTransaction(nil, event.NewestVersion, &e)
		require.NoError(w.t, err)
		w.produce(e.Key(), body)
	}
}

func TestAuditNamesASingleChangedFieldInAnyPlace(t *testing.T) {
	w := newTown(t)
	customer := w.bank.Issue(w.t)
	w.buy(customer, 50)
	id := w.buy(customer, 100)
	refused := w.refuse()
	w.deliver()
	waiting := w.buy(customer, 200)
	require.Contains(t, w.audit(exitOK), "audit: equal\n")

	different := func(t *testing.T, lines ...string) {
		t.Helper()
		text := w.audit(exitFailed)
		require.Contains(t, text, strings.Join(append(lines, "audit: DIFFERENT (1 finding)", ""), "\n"))
	}
	t.Run("ledger", func(t *testing.T) {
		account := customer.AccountID()
		exec(t, w.ledger, "UPDATE entries SET description = 'altered' WHERE account_id = $1 AND sequence = 3", account)
		different(t, "altered in the ledger: "+id,
			`    description: ledger "altered", topic "pão", statement "pão", index "pão"`)
		exec(t, w.ledger, "UPDATE entries SET description = 'pão' WHERE account_id = $1 AND sequence = 3", account)
		exec(t, w.ledger, "UPDATE entries SET sequence = 9 WHERE account_id = $1 AND sequence = 3", account)
		different(t, "altered in the ledger: "+id,
			fmt.Sprintf("    event_id: ledger %q, topic %q", account+":9", id), "    sequence: ledger 9, topic 3")
		exec(t, w.ledger, "UPDATE entries SET sequence = 3 WHERE account_id = $1 AND sequence = 9", account)
		exec(t, w.ledger, "UPDATE entries SET attempt = 3 WHERE transaction_id = $1", refused)
		different(t, "altered in the ledger: "+refused, "    attempt: ledger 3, topic 1, index 1")
		exec(t, w.ledger, "UPDATE entries SET attempt = 1 WHERE transaction_id = $1", refused)
		score := w.documents.byID[id]["risk_score"]
		exec(t, w.ledger, "UPDATE entries SET risk_score = risk_score + 1 WHERE account_id = $1 AND sequence = 3", account)
		different(t, "altered in the ledger: "+id, fmt.Sprintf("    risk_score: ledger %d, topic %[2]d, index %[2]d", score.(int64)+1, score))
		exec(t, w.ledger, "UPDATE entries SET risk_score = risk_score - 1 WHERE account_id = $1 AND sequence = 3", account)
	})
	t.Run("outbox", func(t *testing.T) {
		var body []byte
		require.NoError(t, w.ledger.QueryRow(t.Context(), "SELECT body FROM outbox").Scan(&body))
		altered := []byte(strings.Replace(string(body), "Padaria", "padaria", 1))
		exec(t, w.ledger, "UPDATE outbox SET body = $1", altered)
		different(t, "altered in the outbox: "+waiting,
			`    merchant_name: ledger "Padaria do Bairro", outbox "padaria do Bairro"`)
		exec(t, w.ledger, "UPDATE outbox SET body = $1", body)
		exec(t, w.ledger, "UPDATE outbox SET key = gen_random_uuid()")
		require.Contains(t, w.audit(exitFailed), "\n    key: ledger null, outbox \"")
		exec(t, w.ledger, "UPDATE outbox SET key = account_id")
		exec(t, w.ledger, "UPDATE outbox SET body = $1", body[:len(body)-1])
		require.Contains(t, w.audit(exitFailed), "    body: ledger null, outbox \"event: field ")
		exec(t, w.ledger, "UPDATE outbox SET body = $1", body)
	})
	t.Run("statement", func(t *testing.T) {
		exec(t, w.statement, "UPDATE statement_lines SET amount_minor = 101 WHERE event_id = $1", id)
		different(t, "altered in the statement: "+id, "    amount_minor: ledger 100, topic 100, statement 101, index 100")
		exec(t, w.statement, "UPDATE statement_lines SET amount_minor = 100 WHERE event_id = $1", id)
		exec(t, w.statement, "UPDATE statement_lines SET card_use = NULL WHERE event_id = $1", id)
		different(t, "altered in the statement: "+id, `    card_use: ledger "LATER", topic "LATER", statement null, index "LATER"`)
		exec(t, w.statement, "UPDATE statement_lines SET card_use = 'LATER' WHERE event_id = $1", id)
		exec(t, w.statement, "UPDATE statement_lines SET event_id = 'x' WHERE event_id = $1", refused)
		different(t, "altered in the statement: "+refused,
			fmt.Sprintf(`    event_id: ledger %q, topic %q, statement "x", index %q`, refused, refused, refused))
		exec(t, w.statement, "UPDATE statement_lines SET event_id = $1 WHERE event_id = 'x'", refused)
	})
	t.Run("index", func(t *testing.T) {
		document := w.documents.byID[id]
		for field, change := range map[string]struct {
			value any
			line  string
		}{
			"trace_id":  {"altered", fmt.Sprintf(`    trace_id: ledger %q, topic %[1]q, index "altered"`, document["trace_id"])},
			"bank_code": {"002", `    bank_code: ledger "001", index "002"`},
			"event_id":  {"x", fmt.Sprintf(`    event_id: ledger %q, topic %q, statement %q, index "x"`, id, id, id)},
			"sequence":  {"3", `    sequence: ledger 3, topic 3, statement 3, index "\"3\""`},
		} {
			was := document[field]
			document[field] = change.value
			different(t, "altered in the index: "+id, change.line)
			document[field] = was
		}
		document["hour"], document["kafka_partition"] = 77, 1
		w.audit(exitOK)
		delete(document, "kafka_partition")
		w.audit(exitOK)
	})
	// This comes last, because an altered repeat stays on the topic.
	t.Run("topic", func(t *testing.T) {
		found, err := ledger.New(w.store, "001").Find(t.Context(), audit.Wanted{EventID: id})
		require.NoError(t, err)
		e := found[0].Event
		e.MerchantCity = "Recife"
		body, err := event.AppendTransaction(nil, event.NewestVersion, &e)
		require.NoError(t, err)
		w.produce(e.Key(), body)
		different(t, "altered in the topic: "+id,
			`    merchant_city: ledger "São Paulo", topic "Recife", statement "São Paulo", index "São Paulo"`)
	})
}

func TestAuditNamesAPlaceThatIsAway(t *testing.T) {
	w := newTown(t)
	w.buy(w.bank.Issue(w.t), 100)
	w.deliver()
	for flag, away := range map[string]struct{ value, place string }{
		"--ledger-database-url":    {"postgres://nobody@127.0.0.1:1/none", "audit: ledger: "},
		"--statement-database-url": {"postgres://nobody@127.0.0.1:1/none", "audit: statement: "},
		"--elasticsearch-url":      {"http://127.0.0.1:1", "audit: index: "},
		"--kafka-brokers":          {"127.0.0.1:1", "audit: topic: "},
		"--registry-url":           {"http://127.0.0.1:1", "audit: topic: schema registry: "},
	} {
		t.Run(flag, func(t *testing.T) {
			elsewhere := *w
			elsewhere.t, elsewhere.arguments = t, slices.Clone(w.arguments)
			elsewhere.arguments[slices.Index(w.arguments, flag)+1] = away.value
			require.Contains(t, elsewhere.audit(exitAway, "--timeout", "2s"), away.place)
		})
	}
}

func TestAuditWaitsUntilNothingIsInFlight(t *testing.T) {
	w := newTown(t)
	id := w.buy(w.bank.Issue(w.t), 100)
	w.deliver()
	document := w.documents.byID[id]
	delete(w.documents.byID, id)
	require.Contains(t, w.audit(exitFailed), "missing from the index: "+id+"\naudit: DIFFERENT (1 finding)\n")
	require.Contains(t, w.audit(exitFailed, "--wait", "1s"), "missing from the index: "+id)

	counted := make(chan struct{})
	w.documents.counted = func() { close(counted); w.documents.counted = nil }
	go func() {
		<-counted
		w.documents.put(id, document)
	}()
	require.Contains(t, w.audit(exitOK, "--wait", "1m"), "audit: equal\n")
}
