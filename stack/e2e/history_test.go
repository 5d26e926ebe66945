package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"strconv"
	"sync"
	"testing"
	"time"

	"codebank.dev/dashboards/expected"
	"codebank.dev/native/await"
	"codebank.dev/schemas/event"
	"codebank.dev/stack/launch"
	"codebank.dev/stack/pipes"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// The synthetic history has a bank of its own. Its events are on a topic of their own and have
// its code in the index.
const (
	historyBank  = "004"
	historyTopic = "bank-" + historyBank + ".transactions.v1"
	// historyPort is the offset of the first of its two ports.
	historyPort = 30
	// historyPurchases make about 50,000 events, together with cards and reversals.
	historyPurchases = 49_000
	// seedLimit is the longest time in which the bank may decide them.
	seedLimit = time.Minute
)

// plan is the output of `bankctl seed history --plan`.
type plan struct {
	Purchases, Cards, Wallets int
	Start, End                time.Time
	Outage                    struct{ From, To time.Time }
	Burst                     struct {
		From, To   time.Time
		BIN        string
		MerchantID string `json:"merchant_id"`
		Purchases  int
	}
}

// seedResult is the output of `bankctl seed history`.
type seedResult struct {
	Purchases, Approved, Reversals, Events int
	Declined                               map[string]int
	Milliseconds                           int64
}

// syntheticHistory is the history that is seeded once for all tests.
type syntheticHistory struct {
	plan   plan
	seeded seedResult
	events []event.Transaction
	// documents are the same events with their position on the topic.
	documents []expected.Document
	took      time.Duration
}

var (
	sharedHistoryOnce sync.Once
	sharedHistory     *syntheticHistory
)

// historyEvents returns all events on the history's topic, partition by partition, each once.
// All of them are in the index too. The first call starts the bank of the history, which keeps
// running, and seeds the history.
func historyEvents(t *testing.T) []event.Transaction {
	t.Helper()
	return syntheticHistoryOf(t).events
}

func syntheticHistoryOf(t *testing.T) *syntheticHistory {
	t.Helper()
	stack := running(t)
	sharedHistoryOnce.Do(func() { sharedHistory = seedSyntheticHistory(t, stack) })
	require.NotNil(t, sharedHistory, "seeding the history has failed in another test")
	return sharedHistory
}

func seedSyntheticHistory(t *testing.T, stack *launch.Stack) *syntheticHistory {
	t.Helper()
	database := "bank_" + historyBank
	url, err := stack.AddDatabase(t.Context(), "ledger", database, historyBank)
	require.NoError(t, err)
	for _, what := range []string{"topics", "schemas"} {
		historyBankctl(t, stack, "apply", what)
	}
	base := stack.Addresses().BasePort
	_, err = stack.Replica(context.Background(), launch.Bank, launch.Copy{
		Name: "bank-" + historyBank, GRPCPort: base + historyPort, HTTPPort: base + historyPort + 1,
		Settings: map[string]string{"bank-code": historyBank, "database-url": url, "history": "true"},
	})
	require.NoError(t, err)
	p := &syntheticHistory{}
	require.NoError(t, json.Unmarshal(historyBankctl(t, stack, seedArguments(stack, "--plan")...), &p.plan))
	began := time.Now()
	p.seeded = seedHistory(t, stack)
	p.took = time.Since(began)
	await.Until(t, func() bool { return indexedDocuments(t, stack) >= p.seeded.Events }, timeout, 500*time.Millisecond)
	p.documents = documentsOnTopic(t, stack, historyTopic, p.seeded.Events)
	p.events = eventsOf(p.documents)
	return p
}

// historyBankctl runs bankctl for the bank of the history and returns the last line of its
// output.
func historyBankctl(t *testing.T, stack *launch.Stack, arguments ...string) []byte {
	t.Helper()
	var out bytes.Buffer
	err := stack.BankctlAs(t.Context(), "history", &out, append(arguments, "--bank-code", historyBank, "-o", "json")...)
	require.NoError(t, err, out.String())
	lines := bytes.Split(bytes.TrimSpace(out.Bytes()), []byte("\n"))
	return lines[len(lines)-1]
}

func seedArguments(stack *launch.Stack, more ...string) []string {
	return append([]string{
		"seed", "history", "--bank-address", "127.0.0.1:" + strconv.Itoa(stack.Addresses().BasePort+historyPort), "--seed", "42",
		"--days", "365", "--purchases", strconv.Itoa(historyPurchases), "--end", "2026-11-01",
	}, more...)
}

func seedHistory(t *testing.T, stack *launch.Stack) seedResult {
	t.Helper()
	var s seedResult
	require.NoError(t, json.Unmarshal(historyBankctl(t, stack, seedArguments(stack)...), &s))
	return s
}

// indexedDocuments returns how many documents of that bank a search finds.
func indexedDocuments(t *testing.T, stack *launch.Stack) int {
	t.Helper()
	elasticsearch := stack.Addresses().Elasticsearch()
	call(t, http.MethodPost, elasticsearch+"/bank-transactions-*/_refresh", nil)
	counted := call(t, http.MethodPost, elasticsearch+"/bank-transactions-*/_count",
		map[string]any{"query": map[string]any{"term": map[string]any{"bank_code": historyBank}}})
	return int(counted["count"].(float64))
}

// eventsOnTopic reads a topic to its end and returns each event once. It waits for atLeast
// events.
func eventsOnTopic(t *testing.T, stack *launch.Stack, topic string, atLeast int) []event.Transaction {
	t.Helper()
	return eventsOf(documentsOnTopic(t, stack, topic, atLeast))
}

func eventsOf(documents []expected.Document) []event.Transaction {
	events := make([]event.Transaction, len(documents))
	for i, d := range documents {
		events[i] = d.Transaction
	}
	return events
}

// documentsOnTopic is eventsOnTopic with the first position of each event on the topic.
func documentsOnTopic(t *testing.T, stack *launch.Stack, topic string, atLeast int) []expected.Document {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(stack.Addresses().Kafka()))
	require.NoError(t, err)
	defer client.Close()
	admin := kadm.NewClient(client)
	await.Until(t, func() bool {
		return endOffsets(t, admin, []string{topic})[topic] >= int64(atLeast)
	}, timeout, 100*time.Millisecond)
	ctx, cancel := context.WithTimeout(t.Context(), timeout)
	defer cancel()
	decoders := pipes.NewDecoders(stack.Addresses().RegistryConfluent())
	var documents []expected.Document
	seen := map[string]bool{}
	require.NoError(t, pipes.ReadAll(ctx, stack.Addresses().Kafka(), func(record *kgo.Record) {
		var e event.Transaction
		require.NoError(t, decoders.Decode(ctx, record.Value, &e))
		if !seen[e.EventID] {
			seen[e.EventID] = true
			documents = append(documents, expected.Document{Transaction: e, Topic: topic, Partition: record.Partition, Offset: record.Offset})
		}
	}, topic))
	return documents
}

func TestASyntheticHistoryReachesEveryCopyOnce(t *testing.T) {
	p := syntheticHistoryOf(t)
	stack := running(t)
	t.Logf("%d events, seeded in %v, decided in %d ms", p.seeded.Events, p.took, p.seeded.Milliseconds)
	require.Less(t, p.took, seedLimit)
	require.GreaterOrEqual(t, p.seeded.Events, 50_000)
	require.Len(t, p.events, p.seeded.Events)
	require.Equal(t, p.seeded.Events, indexedDocuments(t, stack))

	sequences := map[string]int64{}
	latest := map[string]time.Time{}
	var purchases, burst int
	hours, weekdays := [24]int{}, [7]int{}
	kinds := map[event.Kind]int{}
	for i := range p.events {
		e := &p.events[i]
		require.Equal(t, historyBank, e.BankCode)
		at := e.OccurredAt()
		require.False(t, !at.Before(p.plan.Outage.From) && at.Before(p.plan.Outage.To), "%s in the outage", e.EventID)
		if e.AccountID != "" {
			sequences[e.AccountID]++
			require.Equal(t, sequences[e.AccountID], e.Sequence.Value, "account %s", e.AccountID)
			require.False(t, at.Before(latest[e.AccountID]), "account %s", e.AccountID)
			latest[e.AccountID] = at
		}
		kinds[e.Kind]++
		byCard := e.Kind == event.KindPurchase || e.Kind == event.KindHold
		if !byCard || e.AccountKind == event.AccountKindWallet {
			continue
		}
		purchases++
		hours[at.Hour()]++
		weekdays[at.Weekday()]++
		if e.MerchantID == p.plan.Burst.MerchantID {
			burst++
			require.False(t, at.Before(p.plan.Burst.From), e.EventID)
			require.Equal(t, p.plan.Burst.BIN, e.CardBIN)
		}
	}
	require.Len(t, sequences, p.plan.Cards+p.plan.Wallets)
	for _, kind := range []event.Kind{event.KindDeposit, event.KindWithdrawal, event.KindTransfer, event.KindCapture, event.KindVoid} {
		require.Positive(t, kinds[kind], kind)
	}
	require.Greater(t, kinds[event.KindHold], kinds[event.KindCapture], "a few holds stay open")
	require.Zero(t, kinds[event.KindExpiry], "a bank that loads a history lets no hold expire")
	require.Equal(t, p.plan.Purchases, purchases)
	require.Equal(t, p.plan.Burst.Purchases, burst)
	require.Greater(t, hours[15], 5*hours[5], "noon in São Paulo against two in the morning")
	require.Greater(t, weekdays[time.Friday], weekdays[time.Sunday])
	require.Len(t, p.seeded.Declined, 11, "every reason: %v", p.seeded.Declined)

	before := historyVersions(t, stack)
	again := seedHistory(t, stack)
	again.Milliseconds = p.seeded.Milliseconds
	require.Equal(t, p.seeded, again)
	require.Len(t, eventsOnTopic(t, stack, historyTopic, p.seeded.Events), p.seeded.Events, "nothing was added")
	require.True(t, maps.Equal(before, historyVersions(t, stack)), "no document was written again")
}

// historyVersions returns the versions of the documents of that bank.
func historyVersions(t *testing.T, stack *launch.Stack) map[string]float64 {
	t.Helper()
	versions := indexState(t, stack)
	own := map[string]bool{}
	for _, e := range sharedHistory.events {
		own[e.EventID] = true
	}
	maps.DeleteFunc(versions, func(id string, _ float64) bool { return !own[id] })
	return versions
}
