package auditlogs_test

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"codebank.dev/native/postgres/postgrestest"
	"codebank.dev/operations/auditlogs"
	"codebank.dev/platform/auditlog"
	"codebank.dev/platform/auditlog/auditlogtest"
	"codebank.dev/platform/auditlog/heads"
	"codebank.dev/platform/auditlog/table"
)

var (
	noon = time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
	log  = auditlogs.Log{Service: "bank", BankCode: "001"}
)

// world is a database with a log, and brokers with a topic.
type world struct {
	t       *testing.T
	url     string
	conn    *pgx.Conn
	brokers *kgo.Client
}

func newWorld(t *testing.T) *world {
	w := &world{t: t, url: postgrestest.Database(t)}
	var err error
	w.conn, err = pgx.Connect(t.Context(), w.url)
	require.NoError(t, err)
	t.Cleanup(func() { _ = w.conn.Close(context.WithoutCancel(t.Context())) })
	w.exec(table.SQL)
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, heads.Topic))
	require.NoError(t, err)
	t.Cleanup(cluster.Close)
	w.brokers, err = kgo.NewClient(kgo.SeedBrokers(cluster.ListenAddrs()...))
	require.NoError(t, err)
	t.Cleanup(w.brokers.Close)
	return w
}

func (w *world) exec(sql string, arguments ...any) {
	w.t.Helper()
	_, err := w.conn.Exec(w.t.Context(), sql, arguments...)
	require.NoError(w.t, err)
}

// publish publishes the present head.
func (w *world) publish(log auditlogs.Log, at time.Time) {
	w.t.Helper()
	head, err := table.Head(w.t.Context(), w.conn)
	require.NoError(w.t, err)
	text, err := (&heads.Published{Service: log.Service, BankCode: log.BankCode, Head: head, At: at}).Encode()
	require.NoError(w.t, err)
	w.produce(text)
}

func (w *world) produce(text []byte) {
	w.t.Helper()
	require.NoError(w.t, w.brokers.ProduceSync(w.t.Context(), &kgo.Record{Topic: heads.Topic, Value: text}).FirstErr())
}

func (w *world) load() *auditlogs.Published {
	w.t.Helper()
	published, err := auditlogs.Load(w.t.Context(), w.brokers)
	require.NoError(w.t, err)
	return published
}

func (w *world) verify(published *auditlogs.Published) *auditlogs.Report {
	w.t.Helper()
	report, err := auditlogs.Verify(w.t.Context(), w.url, log, published)
	require.NoError(w.t, err)
	return report
}

// rewrite changes who did what a row says, as somebody with all rights can: the rows behind it are hashed
// anew, and the head with them.
func (w *world) rewrite(changed int64, who string) {
	w.t.Helper()
	var rows []auditlog.Row
	_, err := table.Rows(w.t.Context(), w.conn, func(row auditlog.Row) error {
		rows = append(rows, row)
		return nil
	})
	require.NoError(w.t, err)
	w.exec("ALTER TABLE audit_log DISABLE TRIGGER ALL; TRUNCATE audit_log; UPDATE audit_head SET sequence = 0, hash = decode(repeat('00', 32), 'hex')")
	for _, row := range rows {
		if row.Sequence == changed {
			row.Who = who
		}
		auditlogtest.Append(w.t, w.conn, row.Record)
	}
}

func TestAPastThatWasWrittenAnewIsReportedWithItsRow(t *testing.T) {
	w := newWorld(t)
	w.publish(log, noon)
	for n := range 6 {
		auditlogtest.Append(t, w.conn, auditlogtest.Record("CARD_BLOCKED"))
		if n%2 == 1 {
			w.publish(log, noon.Add(time.Duration(n)*time.Minute)) // rows 2, 4 and 6
		}
	}
	w.produce([]byte("no head"))
	published := w.load()
	require.EqualValues(t, 1, published.Unreadable)
	report := w.verify(published)
	require.True(t, report.Whole)
	require.EqualValues(t, 6, report.Rows)
	require.Equal(t, 4, report.Published)
	require.Equal(t, noon.Add(5*time.Minute), *report.LastPublished)

	w.rewrite(3, "somebody else")
	require.True(t, w.verify(nil).Whole, "it is a chain by itself")
	report = w.verify(published)
	require.False(t, report.Whole)
	require.EqualValues(t, 4, report.Row)
	require.Contains(t, report.Problem, "row 4 is not the one whose hash was published: the log was written anew, from a row after row 2 on")

	// What is published afterwards does not make it right.
	w.publish(log, noon.Add(time.Hour))
	report = w.verify(w.load())
	require.Contains(t, report.Problem, "row 6 was published with two hashes")
	w.rewrite(3, auditlogtest.Record("").Who)
	w.exec("DELETE FROM audit_log WHERE sequence > 4; UPDATE audit_head SET (sequence, hash) = (SELECT sequence, hash FROM audit_log WHERE sequence = 4)")
	require.True(t, w.verify(nil).Whole)
	report = w.verify(published)
	require.EqualValues(t, 5, report.Row)
	require.Contains(t, report.Problem, "row 5 is missing")
}

func TestALogIsComparedWithItsOwnHeadsOnly(t *testing.T) {
	w := newWorld(t)
	report := w.verify(w.load())
	require.Contains(t, report.Problem, "no head of it was published", "of an empty topic")
	auditlogtest.Append(t, w.conn, auditlogtest.Record("CARD_BLOCKED"))
	for _, other := range []auditlogs.Log{{Service: "bank", BankCode: "002"}, {Service: "identity", BankCode: heads.NoBank}} {
		w.publish(other, noon)
	}
	w.rewrite(1, "somebody else")
	require.Contains(t, w.verify(w.load()).Problem, "no head of it was published")
	w.publish(log, noon)
	require.True(t, w.verify(w.load()).Whole)
}

func TestWhatCannotBeReadIsAnErrorAndNoReport(t *testing.T) {
	w := newWorld(t)
	_, err := auditlogs.Verify(t.Context(), "postgres://u:secret@[", log, nil)
	require.ErrorContains(t, err, "the database URL cannot be read")
	require.NotContains(t, err.Error(), "secret")
	w.exec("DROP TABLE audit_head")
	_, err = auditlogs.Verify(t.Context(), w.url, log, nil)
	require.ErrorContains(t, err, "the database of bank")

	cluster, err := kfake.NewCluster(kfake.NumBrokers(1))
	require.NoError(t, err)
	defer cluster.Close()
	client, err := kgo.NewClient(kgo.SeedBrokers(cluster.ListenAddrs()...))
	require.NoError(t, err)
	defer client.Close()
	_, err = auditlogs.Load(t.Context(), client)
	require.ErrorIs(t, err, auditlogs.ErrNoTopic)
}
