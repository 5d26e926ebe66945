package main

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"codebank.dev/native/postgres/postgrestest"
	"codebank.dev/operations/auditlogs"
	"codebank.dev/platform/auditlog/auditlogtest"
	"codebank.dev/platform/auditlog/heads"
	"codebank.dev/platform/auditlog/table"
)

func TestAnOperatorVerifiesAuditLogs(t *testing.T) {
	url := postgrestest.Database(t)
	conn := dial(t, url)
	_, err := conn.Exec(t.Context(), table.SQL)
	require.NoError(t, err)
	auditlogtest.Append(t, conn, auditlogtest.Record("SIGNED_IN"), auditlogtest.Record("SIGNED_IN"))
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1))
	require.NoError(t, err)
	t.Cleanup(cluster.Close)
	verify := func(more ...string) (int, string, string) {
		return bankctl(t, append([]string{"audit-log", "verify", "--kafka-brokers=" + strings.Join(cluster.ListenAddrs(), ",")}, more...)...)
	}
	database := "--identity-database-url=" + url

	status, _, stderr := verify()
	require.Equal(t, exitUsage, status)
	require.Contains(t, stderr, "BANKCTL_IDENTITY_DATABASE_URL")
	status, _, stderr = verify(database)
	require.Equal(t, exitFailed, status)
	require.Contains(t, stderr, "bankctl apply topics creates it")
	status, _, stderr = bankctl(t, "apply", "topics", "--kafka-brokers="+strings.Join(cluster.ListenAddrs(), ","))
	require.Equal(t, exitOK, status, stderr)
	status, stdout, _ := verify(database)
	require.Equal(t, exitFailed, status)
	require.Contains(t, stdout, "no head of it was published")
	status, stdout, stderr = verify(database, "--chain-only")
	require.Equal(t, exitOK, status, stderr)
	require.Regexp(t, `identity +- +whole +2 +0 +- +[0-9a-f]{64}`, stdout)
	status, stdout, stderr = verify("--ledger-database-url="+url, "--statement-database-url="+url, "--chain-only")
	require.Equal(t, exitOK, status, stderr)
	require.Regexp(t, `(?s)bank +001 +whole +2 .*statement +001 +whole +2 `, stdout)

	client, err := kgo.NewClient(kgo.SeedBrokers(cluster.ListenAddrs()...), kgo.DefaultProduceTopic(heads.Topic))
	require.NoError(t, err)
	defer client.Close()
	head, err := table.Head(t.Context(), conn)
	require.NoError(t, err)
	text, err := (&heads.Published{Service: "identity", BankCode: heads.NoBank, Head: head, At: time.Now()}).Encode()
	require.NoError(t, err)
	require.NoError(t, client.ProduceSync(t.Context(), kgo.SliceRecord(text), kgo.StringRecord("no head")).FirstErr())
	status, stdout, stderr = verify(database, "-o", "json")
	require.Equal(t, exitOK, status, stderr)
	require.Contains(t, stderr, "1 records of audit-heads.v1 are not heads")
	var report auditlogs.Report
	require.NoError(t, json.Unmarshal([]byte(stdout), &report))
	require.True(t, report.Whole)
	require.Equal(t, 1, report.Published)

	_, err = conn.Exec(t.Context(), "ALTER TABLE audit_log DISABLE TRIGGER ALL; UPDATE audit_log SET who = 'somebody else' WHERE sequence = 1")
	require.NoError(t, err)
	status, stdout, stderr = verify(database)
	require.Equal(t, exitFailed, status)
	require.Contains(t, stdout, "BROKEN")
	require.Contains(t, stdout, "row 1 was changed")
	require.Contains(t, stderr, "an audit log is not whole")
}
