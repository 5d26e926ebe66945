package e2e

import (
	"context"
	"encoding/binary"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"codebank.dev/native/await"
	"codebank.dev/stack/launch"
	"codebank.dev/stack/pipes"
)

// timeout bounds each wait on a busy machine.
const timeout = 10 * time.Minute

// call sends a JSON request and decodes the JSON answer.
func call(t *testing.T, method, url string, body any) map[string]any {
	t.Helper()
	var decoded map[string]any
	require.NoError(t, pipes.Call(context.Background(), method, url, body, &decoded))
	return decoded
}

// The parts work together, and their data survives a power failure. Records with a registered
// schema go through Kafka and Connect into a table. The worker takes the address and the
// password from its environment. After all parts were killed and started again, the schema, the
// topic, the connector and the rows are still there.
func TestRecordsReachATableAlsoAfterAPowerFailure(t *testing.T) {
	stack := running(t)
	sink := newTestSink(t, stack)
	sink.connect()
	sink.produce(0, 10)
	sink.awaitRows(10)

	parts := []string{launch.Connect, launch.Registry, launch.Elasticsearch, launch.Kafka, launch.Postgres}
	for _, name := range parts {
		stack.Process(name).Kill()
	}
	require.Error(t, stack.Healthy(t.Context()))
	for _, wave := range [][]string{
		{launch.Postgres, launch.Kafka, launch.Elasticsearch}, {launch.Registry}, {launch.Connect},
	} {
		for _, name := range wave {
			require.NoError(t, stack.Process(name).Start(t.Context()))
		}
		for _, name := range wave {
			require.NoError(t, stack.Process(name).WaitReady(t.Context()))
		}
	}
	require.NoError(t, stack.Healthy(t.Context()))
	sink.produce(10, 20)
	sink.awaitRows(20)
}

// testSink is a sink connector with its own topic and its own table.
type testSink struct {
	t      *testing.T
	stack  *launch.Stack
	name   string
	pool   *pgxpool.Pool
	client *kgo.Client
	admin  *kadm.Client
	schema uint32
}

func newTestSink(t *testing.T, stack *launch.Stack) *testSink {
	t.Helper()
	p := &testSink{t: t, stack: stack, name: fmt.Sprintf("testsink_%d", lastID.Add(1))}
	url, err := stack.DatabaseURL(t.Context(), launch.StatementDatabase)
	require.NoError(t, err)
	p.pool, err = pgxpool.New(t.Context(), url)
	require.NoError(t, err)
	t.Cleanup(p.pool.Close)
	p.exec("create table " + p.name + " (id text primary key, n bigint not null check (n >= 0), note varchar(10), at timestamptz not null default now())")
	p.exec("grant select, insert on " + p.name + " to statement_sink")
	t.Cleanup(func() { p.exec("drop table " + p.name) })
	p.client, err = kgo.NewClient(kgo.SeedBrokers(stack.Addresses().Kafka()), kgo.DefaultProduceTopic(p.name))
	require.NoError(t, err)
	t.Cleanup(p.client.Close)
	p.admin = kadm.NewClient(p.client)
	created, err := p.admin.CreateTopics(t.Context(), 1, 1, nil, p.name, p.deadLetterTopic())
	require.NoError(t, err)
	require.NoError(t, created.Error())
	p.schema = p.register("")
	return p
}

func (p *testSink) deadLetterTopic() string { return "dlq." + p.name }

// register registers a version of the schema with more fields.
func (p *testSink) register(more string) uint32 {
	p.t.Helper()
	answer := call(p.t, http.MethodPost, p.stack.Addresses().RegistryConfluent()+"/subjects/"+p.name+"-value/versions", map[string]any{
		"schema": `{"type":"record","name":"` + p.name + `","fields":[{"name":"id","type":"string"},{"name":"n","type":"long"},` +
			`{"name":"note","type":["null","string"],"default":null}` + more + `]}`,
	})
	return uint32(answer["id"].(float64))
}

func (p *testSink) url() string { return p.stack.Addresses().Connect() + "/connectors/" + p.name }

func (p *testSink) config() map[string]any {
	statement := sinkOf(p.t, "statement-postgres")
	return map[string]any{
		"connector.class":     "dev.codebank.connect.PostgresSinkConnector",
		"topics":              p.name,
		"connection.url":      statement["connection.url"],
		"connection.username": statement["connection.username"],
		"connection.password": statement["connection.password"],
		"table.name.format":   p.name,
		"primary.key.fields":  "id",
		"field.include.list":  "id,n,note",
		"batch.size":          "2000",
		"schema.registry.url": "${env:CODEBANK_REGISTRY_URL}",
		"value.converter":     "org.apache.kafka.connect.converters.ByteArrayConverter",
		"errors.tolerance":    "all",

		"errors.deadletterqueue.topic.name":               p.deadLetterTopic(),
		"errors.deadletterqueue.topic.replication.factor": "1",
		"errors.deadletterqueue.context.headers.enable":   "true",
	}
}

// connect registers the sink.
func (p *testSink) connect() {
	p.t.Helper()
	call(p.t, http.MethodPut, p.url()+"/config", p.config())
	p.t.Cleanup(func() { call(p.t, http.MethodDelete, p.url(), nil) })
}

func (p *testSink) produce(from, to int64) {
	p.t.Helper()
	var records []*kgo.Record
	for n := from; n < to; n++ {
		records = append(records, kgo.SliceRecord(frameRecord(p.schema, fmt.Sprintf("p%d", n), n)))
	}
	p.send(records...)
}

func (p *testSink) send(records ...*kgo.Record) {
	p.t.Helper()
	require.NoError(p.t, p.client.ProduceSync(p.t.Context(), records...).FirstErr())
}

func (p *testSink) awaitRows(count int64) {
	p.t.Helper()
	await.Until(p.t, func() bool {
		rows, sum := p.rows()
		return rows == count && sum == count*(count-1)/2
	}, timeout, 100*time.Millisecond)
}

// rows returns the number of rows and the sum of their numbers; zeros while the database is
// down.
func (p *testSink) rows() (rows, sum int64) {
	_ = p.pool.QueryRow(context.Background(), "select count(*), coalesce(sum(n), 0) from "+p.name).Scan(&rows, &sum)
	return rows, sum
}

func (p *testSink) exec(statement string) {
	p.t.Helper()
	_, err := p.pool.Exec(context.Background(), statement)
	require.NoError(p.t, err)
}

// frameRecord encodes a record of the test topic in Avro, behind the magic byte and the schema
// id of Confluent's clients. The note is null.
func frameRecord(schema uint32, id string, n int64) []byte {
	record := binary.BigEndian.AppendUint32([]byte{0}, schema)
	record = binary.AppendVarint(record, int64(len(id)))
	record = append(record, id...)
	record = binary.AppendVarint(record, n)
	return append(record, 0)
}

// framedWithNote is frameRecord with a note.
func framedWithNote(schema uint32, id string, n int64, note string) []byte {
	record := frameRecord(schema, id, n)
	record = binary.AppendVarint(record[:len(record)-1], 1)
	record = binary.AppendVarint(record, int64(len(note)))
	return append(record, note...)
}
