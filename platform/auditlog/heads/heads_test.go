package heads

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"codebank.dev/platform/auditlog"
)

var noon = time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)

func TestTheValueOfAHeadIsWhatItWas(t *testing.T) {
	head := Published{Service: "bank", BankCode: "001", Head: auditlog.Head{Sequence: 7, Hash: auditlog.Hash{1, 2, 31: 255}}, At: noon}
	text, err := head.Encode()
	require.NoError(t, err)
	require.JSONEq(t, `{"service":"bank","bank_code":"001","sequence":7,
		"hash":"01020000000000000000000000000000000000000000000000000000000000ff","at":"2026-11-30T12:00:00Z"}`, string(text))
	parsed, err := Parse(text)
	require.NoError(t, err)
	require.Equal(t, head, parsed)
}

func FuzzParse(f *testing.F) {
	good := Published{Service: "identity", BankCode: NoBank, At: noon}
	text, err := good.Encode()
	require.NoError(f, err)
	f.Add(text)
	for _, broken := range []string{"", "null", "{}", string(text) + "{}", `{"service":"x","more":1}`, `{"service":"x","bank_code":"-","sequence":-1,"hash":"","at":"2026-11-30T12:00:00Z"}`} {
		f.Add([]byte(broken))
		_, err := Parse([]byte(broken))
		require.ErrorIs(f, err, errNoHead)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		parsed, err := Parse(text)
		if err != nil {
			require.ErrorIs(t, err, errNoHead)
			return
		}
		again, err := parsed.Encode()
		require.NoError(t, err)
		same, err := Parse(again)
		require.NoError(t, err)
		require.Equal(t, parsed, same)
	})
}

// The head is published at once and again, and what fails meanwhile is tried again.
func TestTheHeadIsPublishedAgainAndAgain(t *testing.T) {
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, Topic))
	require.NoError(t, err)
	defer cluster.Close()
	var sequence atomic.Int64
	publisher, err := NewPublisher(Config{
		Service: "bank", BankCode: "001", Brokers: cluster.ListenAddrs(), Interval: time.Millisecond,
		Head: func(context.Context) (auditlog.Head, error) {
			if n := sequence.Add(1); n%2 == 0 {
				return auditlog.Head{Sequence: n}, nil
			}
			return auditlog.Head{}, errors.New("the database is away")
		},
	})
	require.NoError(t, err)
	defer publisher.Close()
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		publisher.Run(ctx)
		close(ended)
	}()

	consumer, err := kgo.NewClient(kgo.SeedBrokers(cluster.ListenAddrs()...), kgo.ConsumeTopics(Topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	require.NoError(t, err)
	defer consumer.Close()
	var read []int64
	for len(read) < 3 {
		fetches := consumer.PollFetches(t.Context())
		require.NoError(t, fetches.Err())
		fetches.EachRecord(func(record *kgo.Record) {
			head, err := Parse(record.Value)
			require.NoError(t, err)
			require.Equal(t, "bank", string(record.Key))
			require.Equal(t, "001", head.BankCode)
			require.WithinDuration(t, time.Now(), head.At, time.Minute)
			read = append(read, head.Head.Sequence)
		})
	}
	require.Equal(t, []int64{2, 4, 6}, read[:3])
	stop()
	<-ended
	require.Equal(t, 2, testutil.CollectAndCount(publisher))
	require.GreaterOrEqual(t, publisher.failures.Load(), int64(3))
	require.NotZero(t, publisher.published.Load())
}

func TestAConfigurationThatCannotBeMeantIsRefused(t *testing.T) {
	for _, config := range []Config{{Interval: -1, Brokers: []string{"127.0.0.1:1"}}, {Brokers: []string{"127.0.0.1:port"}}} {
		_, err := NewPublisher(config)
		require.ErrorContains(t, err, "heads:")
	}
}
