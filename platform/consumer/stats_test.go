package consumer_test

import (
	"context"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"codebank.dev/platform/consumer"
	"codebank.dev/platform/id"
)

// nothing handles nothing and keeps nothing.
type nothing struct{}

func (nothing) Handle(context.Context, []*kgo.Record) ([]consumer.Letter, error) { return nil, nil }

func (nothing) LoadOffsets(context.Context, id.ID) (map[int32]int64, error) { return nil, nil }

func (nothing) StoreOffset(context.Context, id.ID, int32, int64, int64) (bool, error) {
	return true, nil
}

func (nothing) Put(context.Context, []consumer.Letter) error { return nil }

func TestAProgramShowsTheFiguresOfTwoTopics(t *testing.T) {
	registry := prometheus.NewRegistry()
	for _, topic := range []string{"one", "two"} {
		made, err := consumer.New(consumer.Config{Brokers: []string{"127.0.0.1:1"}, Topic: topic, Group: topic, Handler: nothing{}, Offsets: nothing{}, DeadLetters: nothing{}})
		require.NoError(t, err)
		require.NoError(t, registry.Register(made))
	}
	count, err := testutil.GatherAndCount(registry, "codebank_consumer_lag_records")
	require.NoError(t, err)
	require.Equal(t, 2, count)
}
