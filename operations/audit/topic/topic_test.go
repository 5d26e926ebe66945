package topic_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"codebank.dev/operations/audit"
	"codebank.dev/operations/audit/topic"
	"codebank.dev/schemas"
	"codebank.dev/schemas/event"
)

const (
	name       = "bank-001.transactions.v1"
	partitions = 3
	schemaID   = 7
)

// broker is a cluster with the topic on it.
func broker(t *testing.T) *kgo.Client {
	t.Helper()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(partitions, name))
	require.NoError(t, err)
	t.Cleanup(cluster.Close)
	client, err := kgo.NewClient(kgo.SeedBrokers(cluster.ListenAddrs()...), kgo.DefaultProduceTopic(name),
		kgo.RecordPartitioner(kgo.StickyKeyPartitioner(nil)))
	require.NoError(t, err)
	t.Cleanup(client.Close)
	return client
}

func purchase(account string, sequence int64) event.Transaction {
	return event.Transaction{
		EventID: event.ID(account, sequence), TransactionID: fmt.Sprintf("t-%s-%d", account, sequence), AccountID: account,
		BankCode: "001", Sequence: event.Some(sequence), Kind: event.KindPurchase, Direction: event.DirectionDebit,
		Status: event.StatusApproved, AmountMinor: 100, Currency: "BRL", Channel: event.ChannelEcommerce,
		BalanceAfterMinor: event.Some(-100 * sequence), HeldAfterMinor: event.Some[int64](0),
		AvailableAfterMinor: event.Some(1000 - 100*sequence), CreditLimitMinor: event.Some[int64](1000),
		OccurredAtMillis: 1_767_225_600_123, ProducerVersion: "v",
	}
}

func record(t *testing.T, e event.Transaction) *kgo.Record {
	t.Helper()
	value, err := event.AppendTransaction(event.AppendFrame(nil, schemaID), event.NewestVersion, &e)
	require.NoError(t, err)
	return &kgo.Record{Key: []byte(e.Key()), Value: value}
}

// registry has the newest schema under one id and counts how often it is asked.
type registry struct {
	mu    sync.Mutex
	asked map[uint32]int
	away  error
}

func (r *registry) schema(_ context.Context, id uint32) (string, bool, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.asked == nil {
		r.asked = map[uint32]int{}
	}
	r.asked[id]++
	versions, err := schemas.Schemas("transactions")
	if err == nil {
		err = r.away
	}
	switch id {
	case schemaID:
		return versions[len(versions)-1].Schema, true, err
	case schemaID + 1:
		return `{"type":"record","name":"Other","fields":[]}`, true, err
	}
	return "", false, err
}

// read returns all copies by their event ids, and the unreadable ones.
func read(t *testing.T, source *topic.Topic) (map[string][]audit.Copy, []string) {
	t.Helper()
	var mu sync.Mutex
	copies, unreadable := map[string][]audit.Copy{}, []string{}
	require.NoError(t, source.Read(t.Context(), func(c *audit.Copy) error {
		mu.Lock()
		defer mu.Unlock()
		if c.Unreadable != "" {
			unreadable = append(unreadable, c.Unreadable)
			return nil
		}
		copies[c.ID] = append(copies[c.ID], *c)
		return nil
	}))
	return copies, unreadable
}

func TestEveryRecordIsReadWithItsPlace(t *testing.T) {
	client := broker(t)
	schemas := &registry{}
	source := topic.New(client, name, schemas.schema)
	copies, unreadable := read(t, source)
	require.Empty(t, copies)
	require.Empty(t, unreadable)

	sent := map[string]audit.Position{}
	for account := range 10 {
		for sequence := range int64(20) {
			e := purchase(fmt.Sprintf("account-%d", account), sequence+1)
			r, err := client.ProduceSync(t.Context(), record(t, e)).First()
			require.NoError(t, err)
			sent[e.EventID] = audit.Position{Partition: r.Partition, Offset: r.Offset}
		}
	}
	require.NoError(t, client.ProduceSync(t.Context(), record(t, purchase("account-1", 1))).FirstErr())
	copies, unreadable = read(t, source)
	require.Empty(t, unreadable)
	require.Len(t, copies, 200)
	require.Len(t, copies["account-1:1"], 2)
	for id, position := range sent {
		require.Equal(t, position, copies[id][0].Position)
		require.Empty(t, copies[id][0].Problems)
	}
	require.Equal(t, purchase("account-3", 7), copies["account-3:7"][0].Event)
	require.Equal(t, map[uint32]int{schemaID: 1}, schemas.asked, "a schema is asked for once")

	found, err := source.Find(t.Context(), audit.Wanted{Positions: []audit.Position{sent["account-3:7"], sent["account-4:1"]}})
	require.NoError(t, err)
	require.Len(t, found, 2)
	require.Equal(t, []string{"account-3:7", "account-4:1"}, []string{found[0].ID, found[1].ID})
}

func TestWhatComesAfterTheStartOfReadingIsNotRead(t *testing.T) {
	client := broker(t)
	source := topic.New(client, name, (&registry{}).schema)
	require.NoError(t, client.ProduceSync(t.Context(), record(t, purchase("a", 1))).FirstErr())
	seen := 0
	require.NoError(t, source.Read(t.Context(), func(c *audit.Copy) error {
		seen++
		return client.ProduceSync(t.Context(), record(t, purchase("a", 2))).FirstErr()
	}))
	require.Equal(t, 1, seen)
}

func TestWhatIsNoEventIsUnreadable(t *testing.T) {
	client := broker(t)
	good := record(t, purchase("a", 1))
	for _, value := range [][]byte{
		nil, []byte("text"), {0, 0, 0, 0, 99, 1, 2}, {0, 0, 0, 0, schemaID + 1}, good.Value[:len(good.Value)/2],
	} {
		require.NoError(t, client.ProduceSync(t.Context(), &kgo.Record{Key: []byte("a"), Value: value}).FirstErr())
	}
	require.NoError(t, client.ProduceSync(t.Context(), good).FirstErr())
	copies, unreadable := read(t, topic.New(client, name, (&registry{}).schema))
	require.Len(t, copies, 1)
	require.Len(t, unreadable, 5)
}

// The sinks wait for the schema of such an event, so the audit says which record has it.
func TestAnEventWhoseSchemaTheRegistryDoesNotHaveIsReadAndIsAProblem(t *testing.T) {
	client := broker(t)
	for sequence, id := range []byte{99, schemaID + 1, schemaID} {
		r := record(t, purchase("a", int64(sequence)+1))
		r.Value[4] = id
		require.NoError(t, client.ProduceSync(t.Context(), r).FirstErr())
	}
	copies, unreadable := read(t, topic.New(client, name, (&registry{}).schema))
	require.Empty(t, unreadable)
	require.Len(t, copies, 3)
	require.Equal(t, []audit.Problem{{Field: "schema id", Stored: "99: the registry has no schema 99"}}, copies["a:1"][0].Problems)
	require.Equal(t, "schema id", copies["a:2"][0].Problems[0].Field)
	require.Empty(t, copies["a:3"][0].Problems)
}

func TestAKeyThatIsNotTheEventsIsAProblem(t *testing.T) {
	client := broker(t)
	r := record(t, purchase("a", 1))
	r.Key = []byte("b")
	require.NoError(t, client.ProduceSync(t.Context(), r).FirstErr())
	copies, _ := read(t, topic.New(client, name, (&registry{}).schema))
	require.Equal(t, []audit.Problem{{Field: "record key", Stored: "b"}}, copies["a:1"][0].Problems)
}

func TestATopicWhoseBeginningIsGoneIsReadFromWhatIsLeft(t *testing.T) {
	client := broker(t)
	for sequence := range int64(5) {
		require.NoError(t, client.ProduceSync(t.Context(), record(t, purchase("a", sequence+1))).FirstErr())
	}
	admin := kadm.NewClient(client)
	ends, err := admin.ListEndOffsets(t.Context(), name)
	require.NoError(t, err)
	offsets := kadm.Offsets{}
	ends.Each(func(end kadm.ListedOffset) {
		if end.Offset > 0 {
			offsets.AddOffset(name, end.Partition, 3, -1)
		}
	})
	_, err = admin.DeleteRecords(t.Context(), offsets)
	require.NoError(t, err)
	copies, _ := read(t, topic.New(client, name, (&registry{}).schema))
	require.Len(t, copies, 2)
}

func TestAwayIsAnError(t *testing.T) {
	client := broker(t)
	require.NoError(t, client.ProduceSync(t.Context(), record(t, purchase("a", 1))).FirstErr())
	each := func(*audit.Copy) error { return nil }

	away := errors.New("no route")
	err := topic.New(client, name, (&registry{away: away}).schema).Read(t.Context(), each)
	require.ErrorIs(t, err, away)
	require.ErrorContains(t, err, "schema registry")

	err = topic.New(client, "bank-002.transactions.v1", (&registry{}).schema).Read(t.Context(), each)
	require.ErrorContains(t, err, "bank-002.transactions.v1")

	enough := errors.New("enough")
	err = topic.New(client, name, (&registry{}).schema).Read(t.Context(), func(*audit.Copy) error { return enough })
	require.ErrorIs(t, err, enough)
}
