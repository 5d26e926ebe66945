package e2e

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"codebank.dev/native/await"
	bankv1 "codebank.dev/schemas/gen/bank/v1"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"codebank.dev/schemas/event"
	"codebank.dev/stack/launch"
	"codebank.dev/stack/pipes"
)

// lastMilli is the last millisecond of the year 9999, and the latest that an event may have.
const lastMilli = 253_402_300_799_999

// foreignEvent returns an event of another producer: the next one of an account, with a change
// that the bank's own encoder would refuse.
func foreignEvent(t *testing.T, schema uint32, account string, change func(body []byte) []byte) *kgo.Record {
	t.Helper()
	account = strings.TrimPrefix(account, "accounts/")
	none := event.Some[int64](0)
	body, err := event.AppendTransaction(nil, event.NewestVersion, &event.Transaction{
		EventID: event.ID(account, 2), TransactionID: account, AccountID: account, BankCode: launch.BankCode,
		Sequence: event.Some[int64](2), Kind: event.KindPurchase, Direction: event.DirectionDebit, Status: event.StatusApproved,
		AmountMinor: 100, Currency: "BRL", BalanceAfterMinor: event.Some[int64](-100), HeldAfterMinor: none,
		AvailableAfterMinor: none, CreditLimitMinor: none, Channel: event.ChannelEcommerce, OccurredAtMillis: lastMilli, ProducerVersion: "foreign",
	})
	require.NoError(t, err)
	return &kgo.Record{Topic: transactions, Key: []byte(account), Value: append(event.AppendFrame(nil, schema), change(body)...)}
}

// withLongID replaces the event id, which is the first field.
func withLongID(body []byte) []byte {
	id := randomText(10_000)
	size, read := binary.Varint(body)
	return append(append(binary.AppendVarint(nil, int64(len(id))), id...), body[read+int(size):]...)
}

// afterTheYear9999 makes the event one millisecond later.
func afterTheYear9999(body []byte) []byte {
	return bytes.Replace(body, binary.AppendVarint(nil, lastMilli), binary.AppendVarint(nil, lastMilli+1), 1)
}

// schemaOfTheBank returns the id of the newest schema of the bank's events.
func schemaOfTheBank(t *testing.T, stack *launch.Stack) uint32 {
	t.Helper()
	answer := call(t, http.MethodGet, stack.Addresses().RegistryConfluent()+"/subjects/"+transactions+"-value/versions/latest", nil)
	return uint32(answer["id"].(float64))
}

// deadLetters returns how many dead letters the newest watermarks say that the index is short of.
func deadLetters(t *testing.T, stack *launch.Stack) int {
	t.Helper()
	answer := call(t, http.MethodPost, stack.Addresses().Elasticsearch()+"/watermarks/_search", map[string]any{
		"size": 1, "sort": []any{map[string]any{"published_at": "desc"}},
		"query": map[string]any{"bool": map[string]any{"filter": []any{
			map[string]any{"term": map[string]any{"bank_code": launch.BankCode}}, map[string]any{"exists": map[string]any{"field": "dead_letters"}},
		}}},
	})
	hits := answer["hits"].(map[string]any)["hits"].([]any)
	if len(hits) == 0 {
		return 0
	}
	return int(hits[0].(map[string]any)["_source"].(map[string]any)["dead_letters"].(float64))
}

// lettersIn returns the places of the letters of a queue at or above an offset.
func lettersIn(t *testing.T, stack *launch.Stack, queue string, from int64) []string {
	t.Helper()
	var places []string
	require.NoError(t, pipes.ReadAll(t.Context(), stack.Addresses().Kafka(), func(record *kgo.Record) {
		if record.Offset >= from {
			places = append(places, fmt.Sprintf("%s/%d/%d", queue, record.Partition, record.Offset))
		}
	}, queue))
	return places
}

// A value that no row and no page can hold becomes a dead letter of each sink, and harms neither
// the account that it names nor any other. The watermarks of the index say how many letters it is
// short of, until an operator has dealt with them.
func TestAValueThatNoRowCanHoldIsADeadLetterThatTheIndexTellsOf(t *testing.T) {
	stack := running(t)
	client, err := kgo.NewClient(kgo.SeedBrokers(stack.Addresses().Kafka()))
	require.NoError(t, err)
	defer client.Close()
	queues := []string{"dlq.statement-postgres", "dlq.transactions-elasticsearch"}
	before := endOffsets(t, kadm.NewClient(client), queues)
	bank := dial(t, stack.Addresses().BankGRPC())
	account := issue(t, bank, 1_000, nil).GetCard().GetAccount()
	counted := call(t, http.MethodPost, stack.Addresses().Elasticsearch()+"/bank-watermarks-dead-letters/_count?ignore_unavailable=true",
		map[string]any{"query": map[string]any{"term": map[string]any{"letter": "waiting"}}})
	short := int(counted["count"].(float64))

	schema := schemaOfTheBank(t, stack)
	require.NoError(t, client.ProduceSync(t.Context(),
		foreignEvent(t, schema, account, withLongID), foreignEvent(t, schema, account, afterTheYear9999)).FirstErr())
	load := startLoad(t, 8, 4, stack.Addresses().BankGRPC())
	load.progress(300)
	load.resolveUnknown()
	load.verify(stack)
	for _, queue := range queues {
		await.Until(t, func() bool { return endOffsets(t, kadm.NewClient(client), queues)[queue] == before[queue]+2 },
			timeout, 100*time.Millisecond, queue)
		awaitConnector(t, stack, strings.TrimPrefix(queue, "dlq."), "RUNNING")
	}
	operator, err := stack.HTTPClient(launch.Operator)
	require.NoError(t, err)
	var page map[string]any
	answer, err := pipes.GetWith(t.Context(), operator, launch.URL(stack.Addresses().StatementHTTP())+"/v1/"+account+"/lines")
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(answer, &page))
	require.Empty(t, page["lines"])

	requireOwnLettersOnly(t, stack, kadm.NewClient(client), queues, before)
	awaitCompleteTo(t, stack, time.Now())
	require.Equal(t, short+2, deadLetters(t, stack))
	for _, queue := range queues {
		for _, place := range lettersIn(t, stack, queue, before[queue]) {
			var report bytes.Buffer
			require.NoError(t, stack.Bankctl(t.Context(), &report, "dlq", "discard", place, "--reason", "made by a test", "--yes"), report.String())
		}
	}
	await.Until(t, func() bool { return deadLetters(t, stack) == short }, timeout, 500*time.Millisecond)
}

// requireOwnLettersOnly sends a letter of each queue again. The sink that refused it refuses it
// again, and no other sink meets it. Before, each queue had two letters more than counted.
func requireOwnLettersOnly(t *testing.T, stack *launch.Stack, admin *kadm.Client, queues []string, counted map[string]int64) {
	t.Helper()
	for _, queue := range queues {
		var report bytes.Buffer
		place := lettersIn(t, stack, queue, counted[queue])[0]
		require.NoError(t, stack.Bankctl(t.Context(), &report, "dlq", "redrive", place, "--yes"), report.String())
		await.Until(t, func() bool { return endOffsets(t, admin, queues)[queue] == counted[queue]+3 }, timeout, 100*time.Millisecond, queue)
	}
	for _, queue := range queues {
		require.NoError(t, pipes.AwaitEnd(t.Context(), admin, strings.TrimPrefix(queue, "dlq."), transactions, timeout))
	}
	for queue, letters := range endOffsets(t, admin, queues) {
		require.Equal(t, counted[queue]+3, letters, "%s has a letter of another sink", queue)
	}
}

// What is the index's fault stops its sink, and the cause is told. No good event becomes a dead
// letter, and the index does not say that it is complete.
func TestAWrongSettingOfTheIndexStopsItsSinkAndDivertsNoEvent(t *testing.T) {
	stack := running(t)
	const sink = "transactions-elasticsearch"
	elasticsearch := stack.Addresses().Elasticsearch()
	client, err := kgo.NewClient(kgo.SeedBrokers(stack.Addresses().Kafka()))
	require.NoError(t, err)
	defer client.Close()
	setPipeline := func(pipeline any) {
		call(t, http.MethodPut, elasticsearch+"/bank-transactions-*/_settings", map[string]any{"index.default_pipeline": pipeline})
	}
	bankctl := func(args ...string) {
		var report bytes.Buffer
		require.NoError(t, stack.Bankctl(t.Context(), &report, args...), report.String())
	}
	remove := func(path string) { call(t, http.MethodDelete, elasticsearch+path, nil) }
	month := "bank-transactions-" + time.Now().UTC().Format("2006.01")
	for _, fault := range []struct {
		name, cause string
		make, mend  func()
		// rewinds says that the mended sink reads the topic from its beginning. It then reports
		// again what is not an event.
		rewinds bool
	}{
		{"a pipeline that does not exist", "pipeline with id [nope] does not exist", func() { setPipeline("nope") }, func() { setPipeline(nil) }, false},
		{"the alias is removed", "lacks the alias transactions",
			func() { remove("/bank-transactions-*/_alias/transactions") }, func() { bankctl("apply", "indices") }, false},
		// Elasticsearch would make the index again with the next document, and guess its mapping.
		{"the index and the template are deleted", "run `bankctl apply indices`",
			func() { remove("/_index_template/transactions"); remove("/" + month) },
			func() {
				mapping := call(t, http.MethodGet, elasticsearch+"/bank-transactions-*/_mapping?filter_path="+month+".*.properties", nil)
				require.Empty(t, mapping, "no document has given the index a mapping")
				bankctl("apply", "indices")
				require.NoError(t, worker(stack).Rewind(t.Context(), sink, timeout))
			}, true},
	} {
		t.Run(fault.name, func(t *testing.T) {
			load := startLoad(t, 2, 2, stack.Addresses().BankGRPC())
			load.progress(50) // The index of the month exists.
			load.resolveUnknown()
			load.verify(stack)
			letters := func() int64 { return endOffsets(t, kadm.NewClient(client), []string{"dlq." + sink})["dlq."+sink] }
			before := letters()
			defer setPipeline(nil)

			fault.make()
			bank := dial(t, stack.Addresses().BankGRPC())
			card := issue(t, bank, 100_000, nil).GetCard().GetName()
			var ended time.Time
			// What is removed may be noticed after half a minute, with the next event.
			await.Until(t, func() bool {
				_, err := bankv1.NewPurchaseServiceClient(bank).AuthorizePurchase(t.Context(), purchase(card, 10))
				require.NoError(t, err)
				ended = time.Now()
				status, err := worker(stack).Status(t.Context(), sink)
				require.NoError(t, err)
				return strings.Contains(fmt.Sprint(status.Tasks), fault.cause)
			}, timeout, 100*time.Millisecond)
			awaitPublished(t, stack, ended)
			require.True(t, completeTo(t, stack).Before(ended), "the index is not complete")
			require.Equal(t, before, letters())

			fault.mend()
			// The watch of the stack restarts the tasks too.
			await.Until(t, func() bool {
				var report bytes.Buffer
				_ = stack.Bankctl(t.Context(), &report, "connectors", "restart", sink)
				return worker(stack).Require(t.Context(), sink, "RUNNING") == nil
			}, timeout, time.Second)
			load.verify(stack)
			if !fault.rewinds {
				require.Equal(t, before, letters())
			}
		})
	}
}

// A registry that is empty makes no dead letter of an event: the sink waits for the schema, and
// says so. A record that is no event does not wait.
func TestAnEventWaitsForASchemaThatTheRegistryDoesNotHave(t *testing.T) {
	stack := running(t)
	sink := newTestSink(t, stack)
	sink.exec("drop table " + sink.name)
	sink.exec("create table " + sink.name + " (like statement_lines including all)")
	sink.exec("grant select, insert on " + sink.name + " to statement_sink")
	target, err := url.Parse(stack.Addresses().RegistryConfluent())
	require.NoError(t, err)
	proxy := httputil.NewSingleHostReverseProxy(target)
	var filled atomic.Bool
	registry := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if filled.Load() {
			r.Host = target.Host
			proxy.ServeHTTP(w, r)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusNotFound)
		_ = json.NewEncoder(w).Encode(map[string]any{"error_code": 40403, "message": "Schema not found"})
	}))
	defer registry.Close()
	bank := dial(t, stack.Addresses().BankGRPC())
	account := strings.TrimPrefix(issue(t, bank, 1_000, nil).GetCard().GetAccount(), "accounts/")
	awaitPublished(t, stack, time.Now())
	schema := schemaOfTheBank(t, stack)
	var events []*kgo.Record
	require.NoError(t, pipes.ReadAll(t.Context(), stack.Addresses().Kafka(), func(record *kgo.Record) {
		if string(record.Key) == account {
			events = append(events, &kgo.Record{Key: record.Key, Value: record.Value})
		}
	}, transactions))
	require.Len(t, events, 1, "the opening of the account")
	sink.send(append(events, &kgo.Record{Value: append(event.AppendFrame(nil, schema), "not an event"...)})...)
	config := sink.config()
	config["schema.registry.url"], config["primary.key.fields"] = registry.URL, "event_id"
	config["field.include.list"] = fieldsOf(t, "statement-postgres")
	call(t, http.MethodPut, sink.url()+"/config", config)
	defer call(t, http.MethodDelete, sink.url(), nil)

	await.Until(t, func() bool { return sink.countInLog("but the value is an event of the bank") > 0 }, timeout, 100*time.Millisecond)
	awaitConnector(t, stack, sink.name, "RUNNING")
	var report bytes.Buffer
	require.Error(t, stack.Bankctl(t.Context(), &report, "connectors", "status"), "it does not run whole")
	require.Regexp(t, sink.name+` .*waits: the registry has no schema`, report.String())
	require.Empty(t, sink.readDeadLetters(0))

	filled.Store(true)
	await.Until(t, func() bool {
		rows := 0
		require.NoError(t, sink.pool.QueryRow(t.Context(), "select count(*) from "+sink.name).Scan(&rows))
		return rows == 1
	}, timeout, 100*time.Millisecond)
	require.Len(t, sink.readDeadLetters(1), 1)
}
