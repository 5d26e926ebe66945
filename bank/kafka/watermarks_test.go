package kafka

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sr"

	"codebank.dev/native/await"
	"codebank.dev/schemas"
	"codebank.dev/schemas/event"
)

// watermarks opens a publisher of watermarks; register says whether topic and schema exist.
func (w *world) watermarks(register bool) *Watermarks {
	w.t.Helper()
	if register {
		w.registerWatermarks()
	}
	marks, err := NewWatermarks(PublisherConfig{Code: "001", Brokers: w.brokers, RegistryURL: w.registry.URL(), ClientOptions: []kgo.Opt{
		kgo.RetryBackoffFn(func(int) time.Duration { return 10 * time.Millisecond }),
		kgo.MetadataMinAge(10 * time.Millisecond),
	}})
	require.NoError(w.t, err)
	w.t.Cleanup(marks.Close)
	return marks
}

func (w *world) registerWatermarks() {
	w.t.Helper()
	require.NoError(w.t, w.cluster.CreateTopic(WatermarkTopic("001"), partitions, nil))
	client, err := sr.NewClient(sr.URLs(w.registry.URL()))
	require.NoError(w.t, err)
	versions, err := schemas.Schemas(watermarkFolder)
	require.NoError(w.t, err)
	_, err = client.CreateSchema(w.t.Context(), schemas.Subject(WatermarkTopic("001")), sr.Schema{Schema: versions[0].Schema})
	require.NoError(w.t, err)
}

// readWatermarks reads n watermarks from the topic and returns them by partition.
func (w *world) readWatermarks(n int) map[int32][]event.Watermark {
	w.t.Helper()
	consumer, err := kgo.NewClient(kgo.SeedBrokers(w.brokers...), kgo.ConsumeTopics(WatermarkTopic("001")),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	require.NoError(w.t, err)
	defer consumer.Close()
	ctx, cancel := context.WithTimeout(w.t.Context(), 30*time.Second)
	defer cancel()
	read := make(map[int32][]event.Watermark)
	for n > 0 {
		fetches := consumer.PollFetches(ctx)
		require.NoError(w.t, fetches.Err(), "%d watermarks are missing", n)
		fetches.EachRecord(func(record *kgo.Record) {
			_, body, err := event.ParseFrame(record.Value)
			require.NoError(w.t, err)
			mark, err := event.DecodeWatermark(body)
			require.NoError(w.t, err)
			require.Equal(w.t, mark.Key(), string(record.Key))
			read[record.Partition] = append(read[record.Partition], mark)
			n--
		})
	}
	return read
}

func TestAWatermarkNamesTheEndOfEveryPartition(t *testing.T) {
	w := newWorld(t)
	w.register()
	marks := w.watermarks(true)
	first, second := time.UnixMilli(1_795_252_770_123), time.UnixMilli(1_795_252_775_123)
	require.NoError(t, marks.PublishWatermark(t.Context(), first))
	p := w.open(nil)
	for account := range byte(30) {
		w.publish(t.Context(), p, eventOf(account, 1))
	}
	w.flush(p)
	require.NoError(t, marks.PublishWatermark(t.Context(), second))
	ends := make(map[int32]int64)
	for _, record := range w.records(30) {
		ends[record.Partition] = max(ends[record.Partition], record.Offset+1)
	}
	read := w.readWatermarks(2 * partitions)
	require.Len(t, read, partitions)
	for partition, of := range read {
		require.Len(t, of, 2)
		for i, mark := range of {
			require.Equal(t, "001", mark.BankCode)
			require.Equal(t, partition, mark.Partition, "the k-th partition speaks of the k-th")
			require.WithinDuration(t, time.Now(), time.UnixMilli(mark.PublishedAtMillis), time.Minute)
			require.Equal(t, []time.Time{first, second}[i].UnixMilli(), mark.CompleteToMillis)
		}
		require.Zero(t, of[0].Offset)
		require.Equal(t, ends[partition], of[1].Offset)
	}
}

func TestAFailedWatermarkIsAnErrorAndTheNextOneIsPublished(t *testing.T) {
	w := newWorld(t)
	marks := w.watermarks(false)
	require.ErrorContains(t, marks.PublishWatermark(t.Context(), time.Now()), "not registered")
	w.registerWatermarks()
	require.NoError(t, w.cluster.DeleteTopic(Topic("001")))
	require.ErrorContains(t, marks.PublishWatermark(t.Context(), time.Now()), Topic("001"))
	require.NoError(t, w.cluster.CreateTopic(Topic("001"), partitions, nil))
	require.NoError(t, w.cluster.DeleteTopic(WatermarkTopic("001")))
	before := time.Now()
	require.Error(t, marks.PublishWatermark(t.Context(), time.Now()))
	require.Less(t, time.Since(before), 2*watermarkTimeout)
	require.NoError(t, w.cluster.CreateTopic(WatermarkTopic("001"), partitions, nil))
	await.Until(t, func() bool { return marks.PublishWatermark(t.Context(), time.Now()) == nil }, 30*time.Second, 50*time.Millisecond)
	w.readWatermarks(partitions)

	w.cluster.Close()
	before = time.Now()
	require.Error(t, marks.PublishWatermark(t.Context(), time.Now()))
	require.Less(t, time.Since(before), 2*watermarkTimeout, "a broker that is away is not waited for")
}

// requireWatermarks waits until watermarks are published again, and returns what the topic has.
func (w *world) requireWatermarks(marks *Watermarks, n int) map[int32][]event.Watermark {
	w.t.Helper()
	var err error
	await.Until(w.t, func() bool {
		err = marks.PublishWatermark(w.t.Context(), time.Now())
		return err == nil
	}, 30*time.Second, 10*time.Millisecond)
	return w.readWatermarks(n)
}

func TestWatermarksGoOnAfterTheirTopicIsMadeAgain(t *testing.T) {
	w := newWorld(t)
	w.register()
	marks := w.watermarks(true)
	for range 3 {
		require.NoError(t, marks.PublishWatermark(t.Context(), time.Now()))
	}
	for _, count := range []int32{partitions, partitions + 3, partitions} {
		require.NoError(t, w.cluster.DeleteTopic(WatermarkTopic("001")))
		require.NoError(t, w.cluster.CreateTopic(WatermarkTopic("001"), count, nil))
		require.Len(t, w.requireWatermarks(marks, partitions), partitions)
	}

	require.NoError(t, w.cluster.DeleteTopic(WatermarkTopic("001")))
	require.NoError(t, w.cluster.CreateTopic(WatermarkTopic("001"), partitions-2, nil))
	await.Until(t, func() bool {
		err := marks.PublishWatermark(t.Context(), time.Now())
		return err != nil && strings.Contains(err.Error(), "bank-001.watermarks.v1 has 4 partitions and bank-001.transactions.v1 has 6: delete the first and run bankctl apply topics")
	}, 30*time.Second, 10*time.Millisecond, "every partition of the events needs one")
	w.addPartitions(WatermarkTopic("001"), partitions)
	require.Len(t, w.requireWatermarks(marks, partitions), partitions)
}

// addPartitions raises the number of a topic's partitions.
func (w *world) addPartitions(topic string, to int) {
	w.t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(w.brokers...))
	require.NoError(w.t, err)
	defer client.Close()
	_, err = kadm.NewClient(client).UpdatePartitions(w.t.Context(), to, topic)
	require.NoError(w.t, err)
}

func TestWatermarksFollowTheTopicOfEvents(t *testing.T) {
	w := newWorld(t)
	w.register()
	marks := w.watermarks(true)
	require.NoError(t, marks.PublishWatermark(t.Context(), time.Now()))
	w.addPartitions(Topic("001"), partitions+2)
	require.Error(t, marks.PublishWatermark(t.Context(), time.Now()))
	w.addPartitions(WatermarkTopic("001"), partitions+2)
	require.Len(t, w.requireWatermarks(marks, 2*partitions+2), partitions+2)

	require.NoError(t, w.cluster.DeleteTopic(Topic("001")))
	require.NoError(t, w.cluster.CreateTopic(Topic("001"), partitions, nil))
	w.requireWatermarks(marks, 3*partitions+2)
}
