package deadletter_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"codebank.dev/native/await"
	"codebank.dev/operations/deadletter"
	"codebank.dev/platform/consumer"
	"codebank.dev/platform/id"
)

const (
	commands    = "bank-001.commands.v1"
	reader      = "bank-001.commands"
	deadCommand = "dlq." + reader
)

// commandReader takes commands when it knows who has signed them, and counts them.
type commandReader struct {
	known atomic.Bool
	taken atomic.Int64
	to    atomic.Value
}

func (c *commandReader) Handle(_ context.Context, batch []*kgo.Record) (letters []consumer.Letter, err error) {
	for _, record := range batch {
		switch {
		case string(record.Value[5:]) != "good" || !c.known.Load():
			letters = append(letters, consumer.Letter{Record: record, Cause: "FORGED", Message: "No key that the bank knows has made the MAC."})
		default:
			c.to.Store(string(consumer.Header(record, consumer.HeaderTo)))
			c.taken.Add(1)
		}
	}
	return letters, nil
}

// noOffsets has every record read from the beginning.
type noOffsets struct{}

func (noOffsets) LoadOffsets(context.Context, id.ID) (map[int32]int64, error) { return nil, nil }
func (noOffsets) StoreOffset(context.Context, id.ID, int32, int64, int64) (bool, error) {
	return true, nil
}

// The letters of a program that reads commands are listed, shown, sent again and discarded like those of a sink.
func TestLettersOfAReaderAreHandledLikeThoseOfASink(t *testing.T) {
	require.Equal(t, deadletter.Prefix, consumer.LettersPrefix)
	require.Equal(t, deadletter.HeaderTo, consumer.HeaderTo)
	brokers, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(2, commands), kfake.SeedTopics(1, deadCommand, deadletter.ActionsTopic))
	require.NoError(t, err)
	t.Cleanup(brokers.Close)
	client, err := kgo.NewClient(kgo.SeedBrokers(brokers.ListenAddrs()...), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	require.NoError(t, err)
	t.Cleanup(client.Close)
	letters := deadletter.New(client)
	writer, err := consumer.NewLetters(consumer.LettersConfig{Brokers: brokers.ListenAddrs(), Reader: reader})
	require.NoError(t, err)
	t.Cleanup(writer.Close)
	handler := &commandReader{}
	reading, err := consumer.New(consumer.Config{
		Brokers: brokers.ListenAddrs(), Topic: commands, Group: reader, Handler: handler, Offsets: noOffsets{}, DeadLetters: writer,
	})
	require.NoError(t, err)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		reading.Run(ctx)
	}()
	t.Cleanup(func() {
		stop()
		<-ended
	})

	for _, text := range []string{"good", "bad"} {
		put(t, client, &kgo.Record{Topic: commands, Partition: 1, Key: []byte("account"), Value: []byte(value(text)), Timestamp: at,
			Headers: []kgo.RecordHeader{{Key: "codebank-mac", Value: []byte("mac of " + text)}}})
	}
	await.Until(t, func() bool { return reading.Stats().Letters == 2 }, time.Minute, 5*time.Millisecond)
	topics, err := letters.Topics(t.Context())
	require.NoError(t, err)
	require.Equal(t, []string{deadCommand}, topics)
	var listed []deadletter.Letter
	require.NoError(t, letters.List(within(t), deadCommand, deadletter.Selection{}, func(l deadletter.Letter) error {
		listed = append(listed, l)
		return nil
	}))
	require.Len(t, listed, 2)
	require.Equal(t, &deadletter.Place{Topic: commands, Partition: 1, Offset: 0}, listed[0].Origin)
	require.Equal(t, []string{reader, "HANDLER", "FORGED", "No key that the bank knows has made the MAC.", "account"},
		[]string{listed[0].Connector, listed[0].Stage, listed[0].Exception, listed[0].Message, listed[0].Key})
	require.Equal(t, at, listed[0].Time)
	shown, err := letters.Show(within(t), listed[1].At, ada)
	require.NoError(t, err)
	require.Equal(t, "mac of bad", shown.Headers["codebank-mac"])

	require.NoError(t, letters.Discard(within(t), listed[1].At, ada))
	handler.known.Store(true)
	var outcomes []deadletter.Outcome
	require.NoError(t, letters.Redrive(within(t), topics, deadletter.Redrive{Send: true, Operator: ada}, func(_ deadletter.Letter, o deadletter.Outcome) {
		outcomes = append(outcomes, o)
	}))
	require.Equal(t, []deadletter.Outcome{deadletter.Sent}, outcomes)
	await.Until(t, func() bool { return handler.taken.Load() == 1 }, time.Minute, 5*time.Millisecond)
	require.Equal(t, reader, handler.to.Load(), "only this reader takes it")
	counted, err := letters.Count(within(t), deadCommand)
	require.NoError(t, err)
	require.Equal(t, deadletter.Count{Topic: deadCommand, Total: 2, Sent: 1, Discarded: 1}, counted)
}
