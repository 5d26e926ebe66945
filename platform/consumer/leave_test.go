package consumer_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"codebank.dev/platform/consumer"
)

// A reader that is told to end does so within a few seconds, whatever the brokers leave without an answer.
func TestAReaderEndsThoughTheBrokersDoNotAnswer(t *testing.T) {
	for _, silent := range []kmsg.Request{
		&kmsg.MetadataRequest{}, &kmsg.FindCoordinatorRequest{}, &kmsg.JoinGroupRequest{}, &kmsg.SyncGroupRequest{}, &kmsg.HeartbeatRequest{},
		&kmsg.OffsetFetchRequest{}, &kmsg.FetchRequest{}, &kmsg.LeaveGroupRequest{}, &kmsg.ProduceRequest{},
	} {
		t.Run(kmsg.NameForKey(silent.Key()), func(t *testing.T) {
			t.Parallel()
			brokers, offsets := cluster(t), &store{}
			produce(t, brokers.ListenAddrs(), 0, 30)
			// Every record is a dead letter, so that something is produced too.
			handler := &recorder{deal: func(_ context.Context, batch []*kgo.Record) (letters []consumer.Letter, err error) {
				for _, record := range batch {
					letters = append(letters, consumer.Letter{Record: record, Cause: "FORGED"})
				}
				return letters, nil
			}}
			asked := silence(t, brokers, silent.Key())
			_, stop := start(t, consumer.Config{Brokers: brokers.ListenAddrs(), Offsets: offsets, Handler: handler})
			if silent.Key() == (&kmsg.LeaveGroupRequest{}).Key() {
				eventually(t, func() bool { return offsets.sum() == 30 })
			} else {
				eventually(t, func() bool { return len(asked) > 0 })
			}
			began := time.Now()
			stop()
			require.Less(t, time.Since(began), 8*time.Second)
		})
	}
}

// silence makes the brokers leave requests of a kind without an answer until the test ends. The channel says that
// one has come.
func silence(t *testing.T, brokers *kfake.Cluster, key int16) <-chan struct{} {
	t.Helper()
	asked, over := make(chan struct{}, 1), make(chan struct{})
	t.Cleanup(func() { close(over) })
	brokers.ControlKey(key, func(kmsg.Request) (kmsg.Response, error, bool) {
		brokers.KeepControl()
		select {
		case asked <- struct{}{}:
		default:
		}
		brokers.SleepControl(func() { <-over })
		return nil, nil, false
	})
	return asked
}
