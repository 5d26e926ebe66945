package e2e

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"testing"
	"time"

	"codebank.dev/native/await"
	"codebank.dev/stack/launch"
	"codebank.dev/stack/pipes"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"
)

// manyRecords is enough for a few dozen transactions of a sink.
const manyRecords = 50_000

func TestADatabaseKilledInTheMiddleOfABatchLosesNoRowAndFailsNoTask(t *testing.T) {
	stack := running(t)
	sink := newTestSink(t, stack)
	sink.produce(0, manyRecords)
	sink.connect()
	await.Until(t, func() bool { rows, _ := sink.rows(); return rows > 0 }, timeout, time.Millisecond)
	database := stack.Process(launch.Postgres)
	before := sink.countInLog("RetriableException")
	database.Kill()
	// The database is down until a write has failed, which Connect's log shows.
	await.Until(t, func() bool { return sink.countInLog("RetriableException") > before }, timeout, 100*time.Millisecond)
	sink.requireRunning()
	restart(t, database)
	sink.awaitRows(manyRecords)
	sink.requireRunning()
	require.Empty(t, sink.readDeadLetters(0))
}

func TestAnExistingRowIsNotChanged(t *testing.T) {
	stack := running(t)
	sink := newTestSink(t, stack)
	sink.connect()
	sink.produce(0, 1000)
	sink.awaitRows(1000)
	before := sink.digest()

	// These repeat existing rows, some with other content: alone, among new ones, and twice in
	// one batch.
	sink.send(kgo.SliceRecord(frameRecord(sink.schema, "p7", 7)), kgo.SliceRecord(frameRecord(sink.schema, "p8", 1_000_000)))
	sink.awaitCommitted()
	require.Equal(t, before, sink.digest())
	sink.send(kgo.SliceRecord(frameRecord(sink.schema, "p9", 9)), kgo.SliceRecord(frameRecord(sink.schema, "p1000", 1000)),
		kgo.SliceRecord(frameRecord(sink.schema, "p1000", 1000)), kgo.SliceRecord(frameRecord(sink.schema, "p1001", 1001)))
	sink.awaitRows(1002)
	before = sink.digest()

	require.NoError(t, worker(stack).Rewind(t.Context(), sink.name, timeout))
	sink.awaitCommitted()
	require.Equal(t, before, sink.digest())
	require.Empty(t, sink.readDeadLetters(0))
}

func TestARecordThatCannotBeARowIsReportedOnceAndTheOthersPass(t *testing.T) {
	stack := running(t)
	sink := newTestSink(t, stack)
	sink.produce(0, 100)
	bad := map[string][]byte{
		"frame: a zero byte":      []byte("this is not Avro"),
		"has no schema":           {0, 0x7f, 0xff, 0xff, 0xff, 1, 2, 3},
		"a length is 3, but 1":    frameRecord(sink.schema, "cut", 1)[:7],
		"check constraint":        frameRecord(sink.schema, "negative", -5),
		"too long for type":       framedWithNote(sink.schema, "long", 1, "eleven bytes"),
		"sequence for encoding":   framedWithNote(sink.schema, "zero", 1, "a\x00b"),
		"tombstone":               nil,
		"no field for column id":  recordOfAnotherSchema(t, stack, sink),
		"bytes after its end":     append(frameRecord(sink.schema, "more", 1), 1),
		"encoding \"UTF8\": 0xff": framedWithNote(sink.schema, "latin", 1, "\xff"),
		"a length is -":           {0, 0, 0, 0, byte(sink.schema), 1},
		"54000":                   frameRecord(sink.schema, randomText(10_000), 1),
	}
	for _, value := range bad {
		sink.send(&kgo.Record{Value: value})
	}
	sink.produce(100, 200)
	// The last record of the partition is a bad one too.
	bad["a length is -1, but"] = bad["a length is -"]
	sink.send(&kgo.Record{Value: bad["a length is -"]})
	sink.connect()
	sink.awaitRows(200)
	sink.awaitCommitted()
	causes := sink.readDeadLetters(len(bad))
	for part := range bad {
		require.Contains(t, fmt.Sprint(causes), part)
	}

	require.NoError(t, worker(stack).SetState(t.Context(), sink.name, "pause"))
	require.NoError(t, worker(stack).SetState(t.Context(), sink.name, "resume"))
	call(t, http.MethodPost, sink.url()+"/restart?includeTasks=true", nil)
	awaitConnector(t, stack, sink.name, "RUNNING")
	sink.produce(200, 201)
	sink.awaitRows(201)
	require.Len(t, sink.readDeadLetters(len(bad)), len(bad), "each once")
}

// randomText returns a text that does not become shorter by compression, so that no index entry
// can hold it.
func randomText(length int) string {
	text := make([]byte, length)
	for i := range text {
		text[i] = byte('a' + rand.IntN(26))
	}
	return string(text)
}

// recordOfAnotherSchema returns a valid record whose schema does not fit the table.
func recordOfAnotherSchema(t *testing.T, stack *launch.Stack, p *testSink) []byte {
	t.Helper()
	answer := call(t, http.MethodPost, stack.Addresses().RegistryConfluent()+"/subjects/"+p.name+"-other/versions",
		map[string]any{"schema": `{"type":"record","name":"Other","fields":[{"name":"elsewhere","type":"long"},{"name":"also","type":"string"}]}`})
	return append(binary.BigEndian.AppendUint32([]byte{0}, uint32(answer["id"].(float64))), 2, 0)
}

func TestAFieldOfANewerVersionIsIgnoredUntilItIsNamed(t *testing.T) {
	stack := running(t)
	sink := newTestSink(t, stack)
	sink.connect()
	sink.produce(0, 10)
	second := sink.register(`,{"name":"colour","type":["null",{"type":"enum","name":"Colour","symbols":["RED","BLUE"]}],"default":null}`)
	for n := range int64(10) {
		// Both versions are in one batch.
		sink.send(kgo.SliceRecord(append(frameRecord(second, fmt.Sprintf("p%d", 10+2*n), 10+2*n), 2, 2)),
			kgo.SliceRecord(frameRecord(sink.schema, fmt.Sprintf("p%d", 11+2*n), 11+2*n)))
	}
	sink.awaitRows(30)
	require.Empty(t, sink.readDeadLetters(0))

	// The roll-out has an order: a field that is named before its column exists is refused, and
	// nothing changes. After the migration it is written.
	config := sink.config()
	config["field.include.list"] = "id,n,note,colour"
	refused := refusal(t, sink.url()+"/config", config)
	require.Contains(t, refused, "has no column colour")
	sink.exec("alter table " + sink.name + " add column colour text")
	setConnectorState(t, stack, sink.name, "stop", "STOPPED")
	call(t, http.MethodPut, sink.url()+"/config", config)
	require.NoError(t, worker(stack).SetState(t.Context(), sink.name, "resume"))
	sink.send(kgo.SliceRecord(append(frameRecord(second, "p30", 30), 2, 2)), kgo.SliceRecord(frameRecord(sink.schema, "p31", 31)))
	sink.awaitRows(32)
	var colours []*string
	require.NoError(t, sink.pool.QueryRow(t.Context(), "select array_agg(colour order by id) from "+sink.name+" where n >= 30").Scan(&colours))
	blue := "BLUE"
	require.Equal(t, []*string{&blue, nil}, colours)
}

func TestRecordsWaitForTheRegistryThroughARestartOfTheirSink(t *testing.T) {
	stack := running(t)
	sink := newTestSink(t, stack)
	registry := stack.Process(launch.Registry)
	sink.produce(0, 1000)
	require.NoError(t, registry.Stop(t.Context()))
	sink.connect()
	for range 2 {
		awaitConnector(t, stack, sink.name, "RUNNING")
		waiting := sink.countInLog("cannot fetch schema")
		await.Until(t, func() bool { return sink.countInLog("cannot fetch schema") > waiting }, timeout, 100*time.Millisecond)
		call(t, http.MethodPost, sink.url()+"/restart?includeTasks=true", nil)
	}
	restart(t, registry)
	sink.awaitRows(1000)
	require.Empty(t, sink.readDeadLetters(0))
}

// refusal sends a configuration that must be refused and returns the answer.
func refusal(t *testing.T, url string, config map[string]any) string {
	t.Helper()
	body, err := json.Marshal(config)
	require.NoError(t, err)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPut, url, bytes.NewReader(body))
	require.NoError(t, err)
	request.Header.Set("Content-Type", "application/json")
	answer, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer answer.Body.Close()
	content, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	require.Equal(t, http.StatusBadRequest, answer.StatusCode, "%s", content)
	return string(content)
}

func (p *testSink) digest() (digest string) {
	p.t.Helper()
	require.NoError(p.t, p.pool.QueryRow(p.t.Context(),
		"select md5(string_agg(r::text, chr(10) order by id)) from "+p.name+" r").Scan(&digest))
	return digest
}

// awaitCommitted waits until the sink has committed the end of the topic.
func (p *testSink) awaitCommitted() {
	p.t.Helper()
	require.NoError(p.t, pipes.AwaitEnd(p.t.Context(), p.admin, p.name, p.name, timeout))
}

// readDeadLetters waits for at least count dead letters and returns the causes of all.
func (p *testSink) readDeadLetters(count int) []string {
	p.t.Helper()
	await.Until(p.t, func() bool {
		return endOffsets(p.t, p.admin, []string{p.deadLetterTopic()})[p.deadLetterTopic()] >= int64(count)
	}, timeout, 100*time.Millisecond)
	var causes []string
	require.NoError(p.t, pipes.ReadAll(p.t.Context(), p.stack.Addresses().Kafka(), func(record *kgo.Record) {
		for _, header := range record.Headers {
			if header.Key == "__connect.errors.exception.message" {
				causes = append(causes, string(header.Value))
			}
		}
	}, p.deadLetterTopic()))
	return causes
}

// countInLog counts how often a text is in the worker's log.
func (p *testSink) countInLog(text string) int {
	p.t.Helper()
	log, err := os.ReadFile(p.stack.Process(launch.Connect).Log())
	require.NoError(p.t, err)
	return bytes.Count(log, []byte(text))
}

// requireRunning checks that no task of the sink has failed.
func (p *testSink) requireRunning() {
	p.t.Helper()
	status, err := json.Marshal(call(p.t, http.MethodGet, p.url()+"/status", nil))
	require.NoError(p.t, err)
	require.NotContains(p.t, string(status), "FAILED")
}
