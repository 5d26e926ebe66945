package e2e

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"codebank.dev/stack/launch"
)

// patience bounds the wait for what takes a moment on a busy machine.
const patience = 2 * time.Minute

// call sends a JSON request and reads the answer into one of the same kind.
func call(t *testing.T, method, url string, body any) map[string]any {
	t.Helper()
	var content []byte
	if body != nil {
		var err error
		content, err = json.Marshal(body)
		require.NoError(t, err)
	}
	request, err := http.NewRequestWithContext(context.Background(), method, url, bytes.NewReader(content))
	require.NoError(t, err)
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.Less(t, response.StatusCode, 300, "%s %s: %s", method, url, answer)
	var decoded map[string]any
	if len(answer) > 0 {
		require.NoError(t, json.Unmarshal(answer, &decoded))
	}
	return decoded
}

// The parts fit, and what they store outlives them: records whose schema the
// registry knows go through Kafka and Connect into a table, with an address and
// a password that the worker takes from its environment. Then the power fails,
// and the same schema, topic, connector and rows are there again.
func TestRegisteredRecordsReachATableAlsoAfterAPowerFailure(t *testing.T) {
	stack := running(t)
	probe := newProbe(t, stack)
	probe.connect()
	probe.produce(0, 10)
	probe.awaitRows(10)

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
	probe.produce(10, 20)
	probe.awaitRows(20)
}

// probe is a topic of its own with a sink into a table of its own.
type probe struct {
	t      *testing.T
	stack  *launch.Stack
	pool   *pgxpool.Pool
	client *kgo.Client
	schema uint32
}

const probeTopic = "probe.v1"

func newProbe(t *testing.T, stack *launch.Stack) *probe {
	t.Helper()
	p := &probe{t: t, stack: stack}
	url, err := stack.DatabaseURL(t.Context(), launch.StatementDatabase)
	require.NoError(t, err)
	p.pool, err = pgxpool.New(t.Context(), url)
	require.NoError(t, err)
	t.Cleanup(p.pool.Close)
	p.exec("create table probe (id text primary key, n bigint not null)")
	t.Cleanup(func() { p.exec("drop table probe") })
	p.client, err = kgo.NewClient(kgo.SeedBrokers(stack.Addresses().Kafka()), kgo.DefaultProduceTopic(probeTopic))
	require.NoError(t, err)
	t.Cleanup(p.client.Close)
	_, err = kadm.NewClient(p.client).CreateTopic(t.Context(), 1, 1, nil, probeTopic)
	require.NoError(t, err)
	answer := call(t, http.MethodPost, stack.Addresses().RegistryConfluent()+"/subjects/"+probeTopic+"-value/versions", map[string]any{
		"schema": `{"type":"record","name":"Probe","fields":[{"name":"id","type":"string"},{"name":"n","type":"long"}]}`,
	})
	p.schema = uint32(answer["id"].(float64))
	return p
}

// connect registers the sink.
func (p *probe) connect() {
	p.t.Helper()
	connector := p.stack.Addresses().Connect() + "/connectors/probe"
	call(p.t, http.MethodPut, connector+"/config", map[string]any{
		"connector.class":        "io.debezium.connector.jdbc.JdbcSinkConnector",
		"topics":                 probeTopic,
		"connection.url":         "${env:CODEBANK_STATEMENT_JDBC_URL}",
		"connection.username":    "${env:CODEBANK_STATEMENT_DB_USER}",
		"connection.password":    "${env:CODEBANK_STATEMENT_DB_PASSWORD}",
		"insert.mode":            "upsert",
		"primary.key.mode":       "record_value",
		"primary.key.fields":     "id",
		"schema.evolution":       "none",
		"collection.name.format": "probe",
	})
	p.t.Cleanup(func() { call(p.t, http.MethodDelete, connector, nil) })
}

func (p *probe) produce(from, to int64) {
	p.t.Helper()
	for n := from; n < to; n++ {
		record := kgo.SliceRecord(framed(p.schema, fmt.Sprintf("p%d", n), n))
		require.NoError(p.t, p.client.ProduceSync(p.t.Context(), record).FirstErr())
	}
}

func (p *probe) awaitRows(count int64) {
	p.t.Helper()
	require.Eventually(p.t, func() bool {
		var rows, sum int64
		err := p.pool.QueryRow(context.Background(), "select count(*), coalesce(sum(n), 0) from probe").Scan(&rows, &sum)
		return err == nil && rows == count && sum == count*(count-1)/2
	}, patience, 100*time.Millisecond)
}

func (p *probe) exec(statement string) {
	p.t.Helper()
	_, err := p.pool.Exec(context.Background(), statement)
	require.NoError(p.t, err)
}

// framed is a Probe in Avro, behind the mark and the schema id that Confluent's
// clients put before every record.
func framed(schema uint32, id string, n int64) []byte {
	record := binary.BigEndian.AppendUint32([]byte{0}, schema)
	record = binary.AppendVarint(record, int64(len(id)))
	record = append(record, id...)
	return binary.AppendVarint(record, n)
}
