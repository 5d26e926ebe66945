package main

import (
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"codebank.dev/platform/auditlog"
	"codebank.dev/platform/auditlog/heads"
	"codebank.dev/platform/auditlog/table"
	"codebank.dev/platform/wallstest"
	bankv1 "codebank.dev/schemas/gen/bank/v1"
)

// What an operator does is in the audit log with who he is and where he calls from, what others do is not, and the
// head of the log is published.
func TestTheProgramKeepsTheAuditLogAndPublishesItsHead(t *testing.T) {
	w := newWorld(t)
	p := w.start("--audit-head-interval=10ms")
	cards := bankv1.NewCardServiceClient(p.conn)
	issued, err := cards.IssueCard(t.Context(), &bankv1.IssueCardRequest{RequestId: "1", HolderName: "MARIA SILVA", Currency: "BRL", CreditLimitMinor: 100_000})
	require.NoError(t, err)
	_, err = cards.BlockCard(t.Context(), &bankv1.BlockCardRequest{Name: issued.GetCard().GetName()})
	require.NoError(t, err)
	_, err = cards.ChangeLimit(t.Context(), &bankv1.ChangeLimitRequest{Name: "cards/none", RequestId: "2", CreditLimitMinor: 1})
	require.Error(t, err)
	holder := wallstest.WithToken(t.Context(), w.kit.Customer(t, issued.GetCard().GetCustomerId()))
	_, err = cards.BlockCard(holder, &bankv1.BlockCardRequest{Name: issued.GetCard().GetName()})
	require.NoError(t, err)

	var rows []auditlog.Row
	head, err := table.Rows(t.Context(), w.database, func(row auditlog.Row) error {
		rows = append(rows, row)
		return nil
	})
	require.NoError(t, err)
	require.Len(t, rows, 2)
	for i, act := range []auditlog.Act{"OPENING", "BLOCK"} {
		require.Equal(t, act, rows[i].Act)
		require.Equal(t, "OPERATOR teller 127.0.0.1 OK", rows[i].WhoKind+" "+rows[i].Who+" "+rows[i].Address+" "+rows[i].Result)
		require.Regexp(t, "^[0-9a-f]{32}$", rows[i].Trace)
	}
	require.Equal(t, issued.GetCard().GetName(), rows[1].What)

	consumer, err := kgo.NewClient(kgo.SeedBrokers(w.brokers...), kgo.ConsumeTopics(heads.Topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	require.NoError(t, err)
	defer consumer.Close()
	for published := (heads.Published{}); published.Head != head; {
		fetches := consumer.PollRecords(t.Context(), 1)
		require.NoError(t, fetches.Err())
		for _, record := range fetches.Records() {
			published, err = heads.Parse(record.Value)
			require.NoError(t, err)
			require.Equal(t, "bank 001", published.Service+" "+published.BankCode)
		}
	}
	p.Interrupt(t)
}
