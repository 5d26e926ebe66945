package main

import (
	"net/http"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"codebank.dev/native/postgres/postgrestest"
	"codebank.dev/platform/auditlog/heads"
	"codebank.dev/platform/auditlog/table"
	checkoutv1 "codebank.dev/schemas/gen/checkout/v1"
)

// What is done to a merchant is in the audit log, and the head of the log is published.
func TestTheProgramPublishesTheHeadOfItsAuditLog(t *testing.T) {
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, heads.Topic))
	require.NoError(t, err)
	t.Cleanup(cluster.Close)
	databaseURL := postgrestest.Database(t)
	_, peer := newBank(t)
	p := start(t, databaseURL, peer, "--kafka-brokers="+strings.Join(cluster.ListenAddrs(), ","), "--audit-head-interval=10ms")
	client := checkoutv1.NewMerchantServiceClient(peer.Kit.Dial(t, p.grpc, "operator"))
	_, err = client.CreateMerchant(t.Context(), &checkoutv1.CreateMerchantRequest{RequestId: "r1", Slug: "feira", DisplayName: "Feira"})
	require.NoError(t, err)
	conn, err := pgx.Connect(t.Context(), databaseURL)
	require.NoError(t, err)
	defer conn.Close(t.Context())
	head, err := table.Verify(t.Context(), conn)
	require.NoError(t, err)
	require.EqualValues(t, 1, head.Sequence)
	var act, who, what string
	require.NoError(t, conn.QueryRow(t.Context(), "SELECT act, who_kind || ' ' || who, what FROM audit_log").Scan(&act, &who, &what))
	require.Equal(t, "CREATE_MERCHANT by OPERATOR operator of merchants/feira", act+" by "+who+" of "+what)

	consumer, err := kgo.NewClient(kgo.SeedBrokers(cluster.ListenAddrs()...), kgo.ConsumeTopics(heads.Topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	require.NoError(t, err)
	defer consumer.Close()
	for published := (heads.Published{}); published.Head != head; {
		fetches := consumer.PollRecords(t.Context(), 1)
		require.NoError(t, fetches.Err())
		for _, record := range fetches.Records() {
			published, err = heads.Parse(record.Value)
			require.NoError(t, err)
			require.Equal(t, "checkout "+heads.NoBank, published.Service+" "+published.BankCode)
		}
	}
	require.Equal(t, http.StatusOK, p.get(t, "/metrics").Status)
	p.Interrupt(t)
}
