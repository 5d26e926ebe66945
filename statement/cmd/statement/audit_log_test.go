package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"codebank.dev/native/postgres/postgrestest"
	"codebank.dev/platform/auditlog/heads"
	"codebank.dev/platform/auditlog/table"
	"codebank.dev/statement/statementtest"
)

// What an operator does is in the audit log, and the head of the log is published.
func TestTheProgramPublishesTheHeadOfItsAuditLog(t *testing.T) {
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, heads.Topic))
	require.NoError(t, err)
	t.Cleanup(cluster.Close)
	url := postgrestest.Database(t)
	p := start(t, statementtest.Migrated(t, url), "--kafka-brokers="+strings.Join(cluster.ListenAddrs(), ","), "--audit-head-interval=10ms")
	require.NoError(t, linkCustomer(t, p))
	head, err := table.Verify(t.Context(), statementtest.NewSink(t, url).Pool())
	require.NoError(t, err)
	require.EqualValues(t, 1, head.Sequence)

	consumer, err := kgo.NewClient(kgo.SeedBrokers(cluster.ListenAddrs()...), kgo.ConsumeTopics(heads.Topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	require.NoError(t, err)
	defer consumer.Close()
	for published := (heads.Published{}); published.Head != head; {
		fetches := consumer.PollRecords(t.Context(), 1)
		require.NoError(t, fetches.Err())
		for _, record := range fetches.Records() {
			published, err = heads.Parse(record.Value)
			require.NoError(t, err)
			require.Equal(t, "statement "+statementtest.Bank, published.Service+" "+published.BankCode)
		}
	}
	_, figures := status(p.address, "/metrics")
	require.Contains(t, figures, "codebank_audit_head_published_timestamp_seconds")
	p.Interrupt(t)
}
