package deadletter_test

import (
	"context"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"codebank.dev/operations/deadletter"
)

const (
	events = "bank-001.transactions.v1"
	dead   = "dlq.statement-postgres"
)

// at is a whole millisecond, as Kafka keeps times.
var at = time.UnixMilli(1_790_000_000_123).UTC()

// cluster is a cluster with a topic of events, three partitions, and one of dead letters.
func cluster(t *testing.T) (*kgo.Client, *deadletter.Client) {
	t.Helper()
	client, letters, _ := clusterWithBrokers(t)
	return client, letters
}

// clusterWithBrokers is cluster for a test that changes how the brokers answer.
func clusterWithBrokers(t *testing.T) (*kgo.Client, *deadletter.Client, *kfake.Cluster) {
	t.Helper()
	brokers, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(3, events),
		kfake.SeedTopics(1, dead, "dlq.empty", deadletter.ActionsTopic))
	require.NoError(t, err)
	t.Cleanup(brokers.Close)
	client, err := kgo.NewClient(kgo.SeedBrokers(brokers.ListenAddrs()...), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	require.NoError(t, err)
	t.Cleanup(client.Close)
	return client, deadletter.New(client), brokers
}

// letter is a record as Connect puts it aside.
// The keys are a, b, c …, and each has an origin of its own.
func letter(key, value string, partition int) *kgo.Record {
	headers := map[string]string{
		"topic": events, "partition": strconv.Itoa(partition), "offset": strconv.Itoa(int(key[0])),
		"connector.name": "statement-postgres", "task.id": "0", "stage": "VALUE_CONVERTER",
		"class.name":           "io.apicurio.registry.utils.converter.AvroConverter",
		"exception.class.name": "org.apache.kafka.connect.errors.DataException",
		"exception.message":    "no schema\nfor 4111111111111111",
		"exception.stacktrace": "at x.Y",
	}
	record := &kgo.Record{Topic: dead, Key: []byte(key), Value: []byte(value), Timestamp: at,
		Headers: []kgo.RecordHeader{{Key: "of.the.producer", Value: []byte("kept")}}}
	for name, text := range headers {
		record.Headers = append(record.Headers, kgo.RecordHeader{Key: "__connect.errors." + name, Value: []byte(text)})
	}
	return record
}

func put(t *testing.T, client *kgo.Client, records ...*kgo.Record) {
	t.Helper()
	require.NoError(t, client.ProduceSync(t.Context(), records...).FirstErr())
}

// value is one that begins as an event does.
func value(text string) string { return "\x00\x00\x00\x00\x01" + text }

// outcomes returns what a redrive did, in order.
func outcomes(t *testing.T, letters *deadletter.Client, how deadletter.Redrive) []deadletter.Outcome {
	t.Helper()
	var all []deadletter.Outcome
	err := letters.Redrive(within(t), []string{dead}, how, func(_ deadletter.Letter, o deadletter.Outcome) { all = append(all, o) })
	require.NoError(t, err)
	return all
}

func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// arrived returns the records of the events' topic, as many as there are.
func arrived(t *testing.T, client *kgo.Client) []*kgo.Record {
	t.Helper()
	ends, err := kadm.NewClient(client).ListEndOffsets(t.Context(), events)
	require.NoError(t, err)
	left := int64(0)
	ends.Each(func(end kadm.ListedOffset) { left += end.Offset })
	if left == 0 {
		return nil
	}
	consumer, err := kgo.NewClient(append(client.Opts(), kgo.ConsumeTopics(events))...)
	require.NoError(t, err)
	defer consumer.Close()
	var records []*kgo.Record
	for ; left > 0; left -= int64(len(records)) {
		records = append(records, consumer.PollFetches(within(t)).Records()...)
	}
	return records
}

func count(t *testing.T, letters *deadletter.Client) deadletter.Count {
	t.Helper()
	count, err := letters.Count(t.Context(), dead)
	require.NoError(t, err)
	return count
}

func TestLettersAreListedWithTheirOriginAndCauseAndWithoutTheirValue(t *testing.T) {
	client, letters := cluster(t)
	put(t, client, letter("a", value("secret"), 2))
	topics, err := letters.Topics(t.Context())
	require.NoError(t, err)
	require.Equal(t, []string{"dlq.empty", dead}, topics)

	var listed []deadletter.Letter
	require.NoError(t, letters.List(within(t), dead, deadletter.Selection{}, func(l deadletter.Letter) error {
		listed = append(listed, l)
		return nil
	}))
	require.Len(t, listed, 1)
	require.Equal(t, "bank-001.transactions.v1/2/97", listed[0].Origin.String())
	require.Equal(t, "dlq.statement-postgres/0/0", listed[0].At.String())
	require.Equal(t, at, listed[0].Time)
	require.Equal(t, "a", listed[0].Key)
	require.Equal(t, "statement-postgres", listed[0].Connector)
	require.Equal(t, "VALUE_CONVERTER", listed[0].Stage)
	require.Equal(t, "org.apache.kafka.connect.errors.DataException", listed[0].Exception)
	require.Equal(t, "no schema for [number]", listed[0].Message)
	require.True(t, listed[0].Readable)
}

func TestARedriveSendsTheSameRecordToWhereItCameFrom(t *testing.T) {
	client, letters := cluster(t)
	put(t, client, letter("a", value("one"), 2), letter("b", value("two"), 0))
	require.Equal(t, []deadletter.Outcome{deadletter.Sent, deadletter.Sent}, outcomes(t, letters, deadletter.Redrive{Send: true}))

	records := arrived(t, client)
	require.Len(t, records, 2)
	byKey := map[string]*kgo.Record{string(records[0].Key): records[0], string(records[1].Key): records[1]}
	first := byKey["a"]
	require.Equal(t, value("one"), string(first.Value))
	require.EqualValues(t, 2, first.Partition)
	require.Equal(t, map[string]string{
		"of.the.producer": "kept", "codebank.redrive.to": "statement-postgres", "codebank.redrive.count": "1",
		"codebank.redrive.time": "2026-09-21T14:13:20.123Z", "codebank.redrive.origin": "bank-001.transactions.v1/2/97",
	}, headersOf(t, first))
	require.EqualValues(t, 0, byKey["b"].Partition)
}

// headersOf returns the headers of a record, each of which must be there once.
func headersOf(t *testing.T, record *kgo.Record) map[string]string {
	t.Helper()
	headers := make(map[string]string)
	for _, header := range record.Headers {
		require.NotContains(t, headers, header.Key)
		headers[header.Key] = string(header.Value)
	}
	return headers
}

// TestAnOldLetterIsSentWithATimeThatTheTopicTakes has brokers that refuse a record that is older than an hour, as a
// topic with message.timestamp.before.max.ms does.
func TestAnOldLetterIsSentWithATimeThatTheTopicTakes(t *testing.T) {
	client, letters, brokers := clusterWithBrokers(t)
	old := letter("a", value("one"), 2)
	old.Timestamp = time.Now().Add(-72 * time.Hour).Truncate(time.Millisecond)
	put(t, client, old)
	brokers.ControlKey(int16(kmsg.Produce), func(request kmsg.Request) (kmsg.Response, error, bool) {
		brokers.KeepControl()
		produce := request.(*kmsg.ProduceRequest)
		response := produce.ResponseKind().(*kmsg.ProduceResponse)
		refused := false
		for _, topic := range produce.Topics {
			answer := kmsg.NewProduceResponseTopic()
			answer.Topic, answer.TopicID = topic.Topic, topic.TopicID
			for _, partition := range topic.Partitions {
				var batch kmsg.RecordBatch
				if err := batch.ReadFrom(partition.Records); err != nil {
					return nil, err, true
				}
				one := kmsg.NewProduceResponseTopicPartition()
				one.Partition = partition.Partition
				if time.Since(time.UnixMilli(batch.FirstTimestamp)) > time.Hour {
					one.ErrorCode, refused = kerr.InvalidTimestamp.Code, true
				}
				answer.Partitions = append(answer.Partitions, one)
			}
			response.Topics = append(response.Topics, answer)
		}
		return response, nil, refused
	})
	require.Equal(t, []deadletter.Outcome{deadletter.Sent}, outcomes(t, letters, deadletter.Redrive{Send: true}))
	records := arrived(t, client)
	require.Len(t, records, 1)
	require.WithinDuration(t, time.Now(), records[0].Timestamp, time.Minute)
	require.Equal(t, old.Timestamp.UTC().Format("2006-01-02T15:04:05.000Z"), headersOf(t, records[0])["codebank.redrive.time"])
}

// TestALetterThatComesBackIsOneLetterOfTheSameSink refuses a redriven record as Connect does: with its headers, and
// with the place where it lies now.
func TestALetterThatComesBackIsOneLetterOfTheSameSink(t *testing.T) {
	client, letters := cluster(t)
	put(t, client, letter("a", value("one"), 2))
	require.Equal(t, []deadletter.Outcome{deadletter.Sent}, outcomes(t, letters, deadletter.Redrive{Send: true}))
	sent := arrived(t, client)[0]
	back := letter("a", value("one"), 2)
	back.Headers = append(back.Headers[1:], sent.Headers...)
	back.Timestamp = sent.Timestamp
	put(t, client, back)
	require.Equal(t, deadletter.Count{Topic: dead, Total: 2, Waiting: 1, Sent: 1}, count(t, letters))

	var listed []deadletter.Letter
	require.NoError(t, letters.List(within(t), dead, deadletter.Selection{}, func(l deadletter.Letter) error {
		listed = append(listed, l)
		return nil
	}))
	require.Len(t, listed, 1)
	require.Equal(t, 1, listed[0].Redrives)
	require.Equal(t, at, listed[0].Time, "the time of the first record")
	require.Equal(t, []deadletter.Outcome{deadletter.Sent}, outcomes(t, letters, deadletter.Redrive{Send: true}))
	again := headersOf(t, arrived(t, client)[1])
	require.Equal(t, "2", again["codebank.redrive.count"])
	require.Equal(t, "2026-09-21T14:13:20.123Z", again["codebank.redrive.time"])
	require.Equal(t, "bank-001.transactions.v1/2/97", again["codebank.redrive.origin"])
}

func TestASecondRedriveSendsOnlyWhatCameSince(t *testing.T) {
	client, letters := cluster(t)
	put(t, client, letter("a", value("one"), 0))
	require.Len(t, outcomes(t, letters, deadletter.Redrive{Send: true}), 1)
	require.Equal(t, deadletter.Count{Topic: dead, Total: 1, Sent: 1}, count(t, letters))
	require.Empty(t, outcomes(t, letters, deadletter.Redrive{Send: true}))

	put(t, client, letter("b", value("two"), 0))
	require.Equal(t, deadletter.Count{Topic: dead, Total: 2, Waiting: 1, Sent: 1}, count(t, letters))
	require.Len(t, outcomes(t, letters, deadletter.Redrive{Send: true}), 1)
	require.Len(t, arrived(t, client), 2)

	again := deadletter.Redrive{Send: true, Selection: deadletter.Selection{All: true, Limit: 1}}
	require.Len(t, outcomes(t, letters, again), 1)
	require.EqualValues(t, 0, count(t, letters).Waiting, "the mark does not go back")
}

func TestOnlyAskingSendsAndMarksNothing(t *testing.T) {
	client, letters := cluster(t)
	put(t, client, letter("a", value("one"), 0), letter("b", "not an event", 0))
	for range 2 {
		require.Equal(t, []deadletter.Outcome{deadletter.Due, deadletter.Unreadable}, outcomes(t, letters, deadletter.Redrive{}))
	}
	require.Empty(t, arrived(t, client))
	require.EqualValues(t, 2, count(t, letters).Waiting)
}

func TestALimitTakesTheOldest(t *testing.T) {
	client, letters := cluster(t)
	put(t, client, letter("a", value("1"), 0), letter("b", value("2"), 0), letter("c", value("3"), 0))
	limited := deadletter.Redrive{Send: true, Selection: deadletter.Selection{Limit: 2}}
	require.Len(t, outcomes(t, letters, limited), 2)
	require.EqualValues(t, 1, count(t, letters).Waiting)
	require.Len(t, outcomes(t, letters, limited), 1)
	require.Len(t, arrived(t, client), 3)
}

func TestWhatCannotBeSentIsPassedOverAndDelaysNobody(t *testing.T) {
	client, letters := cluster(t)
	homeless := letter("a", value("1"), 0)
	homeless.Headers = nil
	tests := []struct {
		rule   string
		record *kgo.Record
		want   deadletter.Outcome
	}{
		{"no headers", homeless, deadletter.NoOrigin},
		{"a topic that is not there", origin("gone.v1", "0"), deadletter.NoOrigin},
		{"a partition that is not there", origin(events, "9"), deadletter.NoOrigin},
		{"a partition that is no number", origin(events, "-1"), deadletter.NoOrigin},
		{"a dead-letter topic", origin("dlq.empty", "0"), deadletter.NoOrigin},
		{"the topic of actions", origin(deadletter.ActionsTopic, "0"), deadletter.NoOrigin},
		{"not an event", letter("b", "text", 0), deadletter.Unreadable},
		{"a frame with nothing in it", letter("b", value(""), 0), deadletter.Unreadable},
		{"a good one behind them", letter("c", value("3"), 0), deadletter.Sent},
	}
	var want []deadletter.Outcome
	for _, tt := range tests {
		put(t, client, tt.record)
		want = append(want, tt.want)
	}
	got := outcomes(t, letters, deadletter.Redrive{Send: true})
	for i, tt := range tests {
		require.Equal(t, want[i], got[i], tt.rule)
	}
	require.Zero(t, count(t, letters).Waiting)

	again := deadletter.Redrive{Send: true, Unreadable: true, Selection: deadletter.Selection{All: true}}
	require.Equal(t, deadletter.Sent, outcomes(t, letters, again)[6])
}

func origin(topic, partition string) *kgo.Record {
	record := letter("x", value("x"), 0)
	for i, header := range record.Headers {
		switch header.Key {
		case "__connect.errors.topic":
			record.Headers[i].Value = []byte(topic)
		case "__connect.errors.partition":
			record.Headers[i].Value = []byte(partition)
		}
	}
	return record
}

func TestALetterGoesToTheSinkThatRefusedItAndToNoOther(t *testing.T) {
	client, letters := cluster(t)
	other := letter("a", value("one"), 2)
	other.Topic = "dlq.empty"
	put(t, client, letter("a", value("one"), 2), letter("a", value("one"), 2), letter("b", value("two"), 2), other)
	both := []string{dead, "dlq.empty"}
	var got []deadletter.Outcome
	err := letters.Redrive(within(t), both, deadletter.Redrive{Send: true},
		func(_ deadletter.Letter, o deadletter.Outcome) { got = append(got, o) })
	require.NoError(t, err)
	require.Equal(t, []deadletter.Outcome{deadletter.Sent, deadletter.Shared, deadletter.Sent, deadletter.Sent}, got)
	sent := map[string]int{}
	for _, record := range arrived(t, client) {
		sent[string(record.Key)+" to "+headersOf(t, record)["codebank.redrive.to"]]++
	}
	require.Equal(t, map[string]int{"a to statement-postgres": 1, "b to statement-postgres": 1, "a to empty": 1}, sent)
	for _, topic := range both {
		count, err := letters.Count(t.Context(), topic)
		require.NoError(t, err)
		require.Zero(t, count.Waiting)
	}
}

func TestALetterOfAConnectorThatIsGoneMayGoToAllSinks(t *testing.T) {
	client, letters := cluster(t)
	other := letter("a", value("one"), 2)
	other.Topic = "dlq.empty"
	put(t, client, letter("a", value("one"), 2), other)
	var got []deadletter.Outcome
	err := letters.Redrive(within(t), []string{dead, "dlq.empty"}, deadletter.Redrive{Send: true, AllSinks: true},
		func(_ deadletter.Letter, o deadletter.Outcome) { got = append(got, o) })
	require.NoError(t, err)
	require.Equal(t, []deadletter.Outcome{deadletter.Sent, deadletter.Shared}, got)
	records := arrived(t, client)
	require.Len(t, records, 1)
	require.NotContains(t, headersOf(t, records[0]), deadletter.HeaderTo)
}

func TestAnEmptyTopicHasNothingToRedrive(t *testing.T) {
	_, letters := cluster(t)
	require.Empty(t, outcomes(t, letters, deadletter.Redrive{Send: true}))
	require.Equal(t, deadletter.Count{Topic: dead}, count(t, letters))
	_, err := letters.Count(t.Context(), "dlq.none")
	require.ErrorContains(t, err, "dlq.none")
}

func TestShownTextsAreHarmless(t *testing.T) {
	client, letters := cluster(t)
	hostile := letter("\x1b[2J5555 5555 5555 4444\xff"+strings.Repeat("k", 200), value(""), 0)
	put(t, client, hostile)
	require.NoError(t, letters.List(within(t), dead, deadletter.Selection{}, func(l deadletter.Letter) error {
		require.Equal(t, "\uFFFD[2J[number]\uFFFD"+strings.Repeat("k", 63)+"…", l.Key)
		return nil
	}))
}
