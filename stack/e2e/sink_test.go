package e2e

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"testing"
	"time"

	"codebank.dev/stack/launch"
	"codebank.dev/stack/pipes"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"
)

// many is enough for a few dozen transactions of a probe's sink.
const many = 50_000

func TestADatabaseKilledInTheMiddleOfABatchLosesNoRowAndFailsNoTask(t *testing.T) {
	stack := running(t)
	probe := newProbe(t, stack)
	probe.produce(0, many)
	probe.connect()
	require.Eventually(t, func() bool { rows, _ := probe.rows(); return rows > 0 }, patience, time.Millisecond)
	database := stack.Process(launch.Postgres)
	before := probe.deliveries("RetriableException")
	database.Kill()
	// Away for long enough to be asked in vain, which Connect's log tells.
	require.Eventually(t, func() bool { return probe.deliveries("RetriableException") > before }, patience, 100*time.Millisecond)
	probe.requireRunning()
	restart(t, database)
	probe.awaitRows(many)
	probe.requireRunning()
	require.Empty(t, probe.letters(0))
}

func TestARowThatIsThereStaysAsItIs(t *testing.T) {
	stack := running(t)
	probe := newProbe(t, stack)
	probe.connect()
	probe.produce(0, 1000)
	probe.awaitRows(1000)
	before := probe.digest()

	// Repeats, also of another content, alone and among new ones, and twice in one batch.
	probe.send(kgo.SliceRecord(framed(probe.schema, "p7", 7)), kgo.SliceRecord(framed(probe.schema, "p8", 1_000_000)))
	probe.awaitCommitted()
	require.Equal(t, before, probe.digest())
	probe.send(kgo.SliceRecord(framed(probe.schema, "p9", 9)), kgo.SliceRecord(framed(probe.schema, "p1000", 1000)),
		kgo.SliceRecord(framed(probe.schema, "p1000", 1000)), kgo.SliceRecord(framed(probe.schema, "p1001", 1001)))
	probe.awaitRows(1002)
	before = probe.digest()

	require.NoError(t, worker(stack).Rewind(t.Context(), probe.name, patience))
	probe.awaitCommitted()
	require.Equal(t, before, probe.digest())
	require.Empty(t, probe.letters(0))
}

func TestWhatCanBeNoRowIsReportedOnceAndTheOthersPass(t *testing.T) {
	stack := running(t)
	probe := newProbe(t, stack)
	probe.produce(0, 100)
	bad := map[string][]byte{
		"frame, which begins with": []byte("this is not Avro"),
		"has no schema":            {0, 0x7f, 0xff, 0xff, 0xff, 1, 2, 3},
		"length of 3 where 1":      framed(probe.schema, "cut", 1)[:7],
		"check constraint":         framed(probe.schema, "negative", -5),
		"too long for type":        noted(probe.schema, "long", 1, "eleven bytes"),
		"sequence for encoding":    noted(probe.schema, "zero", 1, "a\x00b"),
		"tombstone":                nil,
		"no field for column id":   stranger(t, stack, probe),
		"goes on after its end":    append(framed(probe.schema, "more", 1), 1),
		"encoding \"UTF8\": 0xff":  noted(probe.schema, "latin", 1, "\xff"),
		"length of -":              {0, 0, 0, 0, byte(probe.schema), 1},
	}
	for _, value := range bad {
		probe.send(&kgo.Record{Value: value})
	}
	probe.produce(100, 200)
	// The last of its partition is a bad one too.
	bad["length of -1 "] = bad["length of -"]
	probe.send(&kgo.Record{Value: bad["length of -"]})
	probe.connect()
	probe.awaitRows(200)
	probe.awaitCommitted()
	causes := probe.letters(len(bad))
	for part := range bad {
		require.Contains(t, fmt.Sprint(causes), part)
	}

	require.NoError(t, worker(stack).SetState(t.Context(), probe.name, "pause"))
	require.NoError(t, worker(stack).SetState(t.Context(), probe.name, "resume"))
	call(t, http.MethodPost, probe.url()+"/restart?includeTasks=true", nil)
	awaitConnector(t, stack, probe.name, "RUNNING")
	probe.produce(200, 201)
	probe.awaitRows(201)
	require.Len(t, probe.letters(len(bad)), len(bad), "each once")
}

// stranger is a good record of a schema that is not the table's.
func stranger(t *testing.T, stack *launch.Stack, p *probe) []byte {
	t.Helper()
	answer := call(t, http.MethodPost, stack.Addresses().RegistryConfluent()+"/subjects/"+p.name+"-stranger/versions",
		map[string]any{"schema": `{"type":"record","name":"Stranger","fields":[{"name":"elsewhere","type":"long"},{"name":"also","type":"string"}]}`})
	return append(binary.BigEndian.AppendUint32([]byte{0}, uint32(answer["id"].(float64))), 2, 0)
}

func TestAFieldOfANewerVersionIsIgnoredUntilItIsNamed(t *testing.T) {
	stack := running(t)
	probe := newProbe(t, stack)
	probe.connect()
	probe.produce(0, 10)
	second := probe.register(`,{"name":"colour","type":["null",{"type":"enum","name":"Colour","symbols":["RED","BLUE"]}],"default":null}`)
	for n := range int64(10) {
		// Both versions in one batch.
		probe.send(kgo.SliceRecord(append(framed(second, fmt.Sprintf("p%d", 10+2*n), 10+2*n), 2, 2)),
			kgo.SliceRecord(framed(probe.schema, fmt.Sprintf("p%d", 11+2*n), 11+2*n)))
	}
	probe.awaitRows(30)
	require.Empty(t, probe.letters(0))

	// The order of a roll-out: a field that is named before its column is refused, and
	// nothing changes; after the migration it is written.
	config := probe.config()
	config["field.include.list"] = "id,n,note,colour"
	refused := refusal(t, probe.url()+"/config", config)
	require.Contains(t, refused, "has no column colour")
	probe.exec("alter table " + probe.name + " add column colour text")
	turn(t, stack, probe.name, "stop", "STOPPED")
	call(t, http.MethodPut, probe.url()+"/config", config)
	require.NoError(t, worker(stack).SetState(t.Context(), probe.name, "resume"))
	probe.send(kgo.SliceRecord(append(framed(second, "p30", 30), 2, 2)), kgo.SliceRecord(framed(probe.schema, "p31", 31)))
	probe.awaitRows(32)
	var colours []*string
	require.NoError(t, probe.pool.QueryRow(t.Context(), "select array_agg(colour order by id) from "+probe.name+" where n >= 30").Scan(&colours))
	blue := "BLUE"
	require.Equal(t, []*string{&blue, nil}, colours)
}

func TestRecordsWaitForTheRegistryThroughARestartOfTheirSink(t *testing.T) {
	stack := running(t)
	probe := newProbe(t, stack)
	registry := stack.Process(launch.Registry)
	probe.produce(0, 1000)
	require.NoError(t, registry.Stop(t.Context()))
	probe.connect()
	for range 2 {
		awaitConnector(t, stack, probe.name, "RUNNING")
		waiting := probe.deliveries("cannot ask for schema")
		require.Eventually(t, func() bool { return probe.deliveries("cannot ask for schema") > waiting }, patience, 100*time.Millisecond)
		call(t, http.MethodPost, probe.url()+"/restart?includeTasks=true", nil)
	}
	restart(t, registry)
	probe.awaitRows(1000)
	require.Empty(t, probe.letters(0))
}

// refusal sends a configuration that is not taken and returns the answer.
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

func (p *probe) digest() (digest string) {
	p.t.Helper()
	require.NoError(p.t, p.pool.QueryRow(p.t.Context(),
		"select md5(string_agg(r::text, chr(10) order by id)) from "+p.name+" r").Scan(&digest))
	return digest
}

// awaitCommitted waits until the sink has committed the end of the topic.
func (p *probe) awaitCommitted() {
	p.t.Helper()
	require.NoError(p.t, pipes.AwaitEnd(p.t.Context(), p.admin, p.name, p.name, patience))
}

// letters waits for so many dead letters and returns the causes of all that there are.
func (p *probe) letters(count int) []string {
	p.t.Helper()
	require.Eventually(p.t, func() bool {
		return endOffsets(p.t, p.admin, []string{p.deadLetters()})[p.deadLetters()] >= int64(count)
	}, patience, 100*time.Millisecond)
	var causes []string
	require.NoError(p.t, pipes.ReadAll(p.t.Context(), p.stack.Addresses().Kafka(), func(record *kgo.Record) {
		for _, header := range record.Headers {
			if header.Key == "__connect.errors.exception.message" {
				causes = append(causes, string(header.Value))
			}
		}
	}, p.deadLetters()))
	return causes
}

// deliveries counts how often the worker's log has a text.
func (p *probe) deliveries(text string) int {
	p.t.Helper()
	log, err := os.ReadFile(p.stack.Process(launch.Connect).Log())
	require.NoError(p.t, err)
	return bytes.Count(log, []byte(text))
}

// requireRunning shows that no task of the sink has failed.
func (p *probe) requireRunning() {
	p.t.Helper()
	status, err := json.Marshal(call(p.t, http.MethodGet, p.url()+"/status", nil))
	require.NoError(p.t, err)
	require.NotContains(p.t, string(status), "FAILED")
}
