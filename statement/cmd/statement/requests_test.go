package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"codebank.dev/native/await"
	"codebank.dev/native/postgres/postgrestest"
	"codebank.dev/platform/consumer"
	"codebank.dev/platform/mail/mailtest"
	"codebank.dev/platform/programtest"
	"codebank.dev/schemas/command"
	"codebank.dev/schemas/event"
	"codebank.dev/statement/failpoints"
	"codebank.dev/statement/files"
	"codebank.dev/statement/intake"
	"codebank.dev/statement/statementtest"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
)

// desk is a program that asks for files by the topic.
type desk struct {
	keys    *command.Keys
	file    string
	brokers string
	client  *kgo.Client
}

// newDesk starts brokers and makes keys of a producer for users, and of one for itself.
func newDesk(t *testing.T) *desk {
	t.Helper()
	topic := intake.Topic(statementtest.Bank)
	letters := consumer.LettersPrefix + intake.Reader(statementtest.Bank)
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(2, topic), kfake.SeedTopics(1, letters))
	require.NoError(t, err)
	t.Cleanup(cluster.Close)
	d := &desk{file: filepath.Join(t.TempDir(), "keys.json"), brokers: cluster.ListenAddrs()[0]}
	content := []byte(`{"keys":[]}`)
	for _, producer := range []string{"gateway", "payroll"} {
		parsed, err := command.ParseKeys(content)
		require.NoError(t, err)
		content, err = parsed.With(producer, producer, producer == "gateway")
		require.NoError(t, err)
	}
	require.NoError(t, os.WriteFile(d.file, content, 0o600))
	d.keys, err = command.ParseKeys(content)
	require.NoError(t, err)
	d.client, err = kgo.NewClient(kgo.SeedBrokers(d.brokers), kgo.ConsumeTopics(letters), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	require.NoError(t, err)
	t.Cleanup(d.client.Close)
	return d
}

func (d *desk) flags() []string {
	return []string{"--kafka-brokers=" + d.brokers, "--request-keys=" + d.file}
}

// after returns an event some days after the account was opened. It proves that ranges before it are complete, because
// these programs have brokers but no watermarks.
func after(sequence int64, days int) event.Transaction {
	e := statementtest.Purchase(account, sequence)
	e.OccurredAtMillis = statementtest.Opened.AddDate(0, 0, days).UnixMilli()
	return e
}

// request asks for the file of a month in the name of the owner.
func request(requestID string) command.StatementRequest {
	asked := month()
	return command.StatementRequest{BankCode: statementtest.Bank, RequestID: requestID, UserID: statementtest.Customer, AccountID: account,
		StartAtMillis: asked.GetStartTime().AsTime().UnixMilli(), EndAtMillis: asked.GetEndTime().AsTime().UnixMilli(), Format: command.CSV,
		Email: mailbox, Language: "pt-BR", RequestedAtMillis: time.Now().UnixMilli()}
}

// record returns the record of a request as a producer signs it.
func (d *desk) record(t *testing.T, producer string, asked command.StatementRequest) *kgo.Record {
	t.Helper()
	body, err := command.Encode(&asked)
	require.NoError(t, err)
	signer, topic, key := d.keys.Signer(producer), intake.Topic(statementtest.Bank), []byte(asked.AccountID)
	return &kgo.Record{Topic: topic, Key: key, Value: append(event.AppendFrame(nil, 1), body...), Headers: []kgo.RecordHeader{
		{Key: command.HeaderKey, Value: []byte(signer.ID)},
		{Key: command.HeaderMAC, Value: []byte(signer.Sign(command.Record{Topic: topic, Key: key, Body: body}))},
	}}
}

func (d *desk) send(t *testing.T, records ...*kgo.Record) {
	t.Helper()
	require.NoError(t, d.client.ProduceSync(t.Context(), records...).FirstErr())
}

// letter waits for the next dead letter and returns its cause.
func (d *desk) letter(t *testing.T) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	fetches := d.client.PollRecords(ctx, 1)
	require.NoError(t, fetches.Err())
	require.Len(t, fetches.Records(), 1)
	return string(consumer.Header(fetches.Records()[0], "__connect.errors.exception.class.name"))
}

// A producer asks in the name of a user, who has the file then and is told of it. What cannot be a request, or can never be
// fulfilled, is a dead letter with its cause, and holds nobody up.
func TestFilesAreAskedForByTheTopic(t *testing.T) {
	t.Parallel()
	url, d, mails := postgrestest.Database(t), newDesk(t), mailtest.Catch(t)
	at := statementtest.Migrated(t, url)
	sink := statementtest.NewSink(t, url)
	sink.Write(t, append(busyAccount(), after(many+1, 2))...)
	p := start(t, at, append(d.flags(), "--smtp-url="+mails.URL())...)
	forged := d.record(t, "gateway", request("forged"))
	forged.Headers[1].Value = []byte("AAAA")
	change := func(change func(*command.StatementRequest)) *kgo.Record {
		asked := request("changed")
		change(&asked)
		return d.record(t, "gateway", asked)
	}
	otherKey := d.record(t, "gateway", request("other-key"))
	otherKey.Key = []byte("5f3b3f51-7d3a-4bb5-8a5e-0d8e9d1f0c11")
	for cause, record := range map[string]*kgo.Record{
		"NOT_FRAMED":        {Topic: forged.Topic, Key: forged.Key, Value: []byte("x")},
		"FORGED":            forged,
		"NOT_FOR_USERS":     d.record(t, "payroll", request("payroll")),
		"OTHER_BANK":        change(func(r *command.StatementRequest) { r.BankCode = "002" }),
		"BAD_PRINCIPAL":     change(func(r *command.StatementRequest) { r.UserID = "alice" }),
		"BAD_REQUEST_ID":    change(func(r *command.StatementRequest) { r.RequestID = "" }),
		"BAD_INVALID_FIELD": change(func(r *command.StatementRequest) { r.EndAtMillis = r.StartAtMillis }),
	} {
		d.send(t, record)
		require.Equal(t, cause, d.letter(t))
	}
	d.send(t, otherKey)
	require.Equal(t, "FORGED", d.letter(t), "the MAC is over the key, too")
	good := d.record(t, "gateway", request("good"))
	d.send(t, good, good)
	require.Contains(t, mails.Next(t, mailbox).Subject, "extrato")
	d.send(t, good, d.record(t, "gateway", func() command.StatementRequest { other := request("good"); other.Format = command.OFX2; return other }()))
	require.Equal(t, "REQUEST_ID_REUSED", d.letter(t))

	var owner, state string
	require.NoError(t, sink.Pool().QueryRow(t.Context(), "SELECT owner, state FROM statement_files").Scan(&owner, &state), "one file")
	require.Equal(t, "user:"+statementtest.Customer, owner)
	require.Len(t, mails.All(), 1)
	p.Interrupt(t)
}

// stateOf returns the state of a request's file, what it waits for and why it has failed.
func stateOf(t *testing.T, pool *pgxpool.Pool, requestID string) string {
	t.Helper()
	var state, waiting, failure string
	err := pool.QueryRow(t.Context(), "SELECT state, waiting, failure FROM statement_files WHERE request_id = $1", requestID).Scan(&state, &waiting, &failure)
	if errors.Is(err, pgx.ErrNoRows) {
		return ""
	}
	require.NoError(t, err)
	return strings.TrimSpace(state + " " + waiting + failure)
}

// A request that comes before its account waits and is tried again. It holds up no request behind it, not even in its
// partition.
func TestARequestThatComesTooEarlyWaits(t *testing.T) {
	t.Parallel()
	url, d := postgrestest.Database(t), newDesk(t)
	at := statementtest.Migrated(t, url)
	sink := statementtest.NewSink(t, url)
	p := start(t, at, append(d.flags(), "--request-patience=10m")...)
	becomes := func(requestID, want string) {
		t.Helper()
		await.Until(t, func() bool { return stateOf(t, sink.Pool(), requestID) == want }, time.Minute, 20*time.Millisecond, requestID)
	}
	d.send(t, d.record(t, "gateway", request("early")), d.record(t, "payroll", request("payroll")))
	becomes("early", "1 ACCOUNT_NOT_FOUND")
	require.Equal(t, "NOT_FOR_USERS", d.letter(t), "it has the same key, so it is in the same partition")
	await.Until(t, func() bool {
		answer, err := programtest.Get("http://" + p.address + "/metrics")
		return err == nil && strings.Contains(answer.Body, `codebank_consumer_dead_letters_total{topic="`+intake.Topic(statementtest.Bank)+`"} 1`)
	}, time.Minute, 20*time.Millisecond, "an alert is on this figure")
	sink.Write(t, statementtest.Purchase(account, 1), after(2, 2))
	becomes("early", "3")

	// Nothing proves that these ranges are complete, so that all of them wait.
	for n := range files.MaxPending + 1 {
		longer := request(fmt.Sprint("many-", n))
		longer.EndAtMillis = statementtest.Opened.AddDate(0, 0, 9).UnixMilli()
		d.send(t, d.record(t, "gateway", longer))
	}
	becomes("many-0", "1 END_NOT_REACHED")
	becomes("many-5", "1 TOO_MANY_PENDING_FILES")
	sink.Write(t, after(3, 10))
	becomes("many-5", "3")
	p.Interrupt(t)
}

// TestKilledAtAnyFailpointRequestsGoOn: whatever a program was at when it died, each request is one file in the end, and each
// letter is there.
func TestKilledAtAnyFailpointRequestsGoOn(t *testing.T) {
	t.Parallel()
	for _, point := range append(failpoints.Requests(), failpoints.FileRequested) {
		t.Run(string(point), func(t *testing.T) {
			t.Parallel()
			url, d := postgrestest.Database(t), newDesk(t)
			at := statementtest.Migrated(t, url)
			sink := statementtest.NewSink(t, url)
			early := point == failpoints.FileAdmitted // Only a request that comes before its account waits.
			if !early {
				sink.Write(t, append(busyAccount(), after(many+1, 2))...)
			}
			dying := start(t, at, append(d.flags(), "--failpoint="+string(point))...)
			d.send(t, d.record(t, "gateway", request("one")), d.record(t, "payroll", request("two")), d.record(t, "gateway", request("three")))
			if early {
				await.Until(t, func() bool { return stateOf(t, sink.Pool(), "three") == "1 ACCOUNT_NOT_FOUND" }, time.Minute, 20*time.Millisecond)
				sink.Write(t, append(busyAccount(), after(many+1, 2))...)
			}
			dying.AwaitKilledAt(t, string(point))
			p := start(t, at, d.flags()...)
			require.Equal(t, "NOT_FOR_USERS", d.letter(t))
			await.Until(t, func() bool { return ready(t, sink.Pool()) == "one three" }, 2*time.Minute, 50*time.Millisecond)

			// The offset is behind all requests, so that they are not read again.
			await.Until(t, func() bool {
				var behind int64
				require.NoError(t, sink.Pool().QueryRow(t.Context(), "SELECT coalesce(max(next_offset), 0) FROM request_offsets").Scan(&behind))
				return behind == 3
			}, time.Minute, 50*time.Millisecond)
			p.Interrupt(t)
		})
	}
}

// ready returns the request ids of the files that are ready.
func ready(t *testing.T, pool *pgxpool.Pool) (ids string) {
	t.Helper()
	require.NoError(t, pool.QueryRow(t.Context(), "SELECT coalesce(string_agg(request_id, ' ' ORDER BY request_id), '') FROM statement_files WHERE state = 3").Scan(&ids))
	return ids
}
