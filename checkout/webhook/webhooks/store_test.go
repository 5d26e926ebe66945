package webhooks_test

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	standard "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"github.com/stretchr/testify/require"

	"codebank.dev/checkout/payment"
	"codebank.dev/checkout/payment/paymenttest"
	"codebank.dev/checkout/webhook"
	"codebank.dev/checkout/webhook/postgres"
	"codebank.dev/platform/auditlog"
	"codebank.dev/platform/auditlog/table"
	"codebank.dev/platform/database"
)

// record is that of a change.
func record() auditlog.Record {
	return auditlog.Record{At: time.Now(), Act: "CHANGE", WhoKind: "MERCHANT", Who: "cafe", Result: auditlog.ResultOK}
}

// An endpoint that is made, changed or deleted, and a new secret, are in the audit log in the commit of the change, and
// what is refused or repeated is not.
func TestChangesOfEndpointsAreInTheAuditLog(t *testing.T) {
	w := newWorld(t)
	r := newReceiver(t, nil)
	p := w.run(r.pool, nil)
	head := func() auditlog.Head {
		head, err := table.Verify(t.Context(), w.admin)
		require.NoError(t, err)
		return head
	}
	before := head().Sequence
	endpoint, _ := p.endpoint(t, paymenttest.Cafe, "e", r.URL)
	_, err := p.create(paymenttest.Cafe, "e", r.URL)
	require.NoError(t, err)
	require.Equal(t, before+1, head().Sequence, "a repeat changes nothing")
	name := postgres.Name{Owner: endpoint.Owner, ID: endpoint.ID, Record: record()}
	_, _, err = p.Store().Rotate(t.Context(), name, time.Now())
	require.NoError(t, err)
	_, err = p.Store().Change(t.Context(), name, time.Now(), func(s *webhook.EndpointSettings) error { s.Description = "new"; return nil })
	require.NoError(t, err)
	_, err = p.Store().Change(t.Context(), name, time.Now(), func(*webhook.EndpointSettings) error { return webhook.ErrDisabled })
	require.ErrorIs(t, err, webhook.ErrDisabled)
	require.NoError(t, p.Store().Delete(t.Context(), name, time.Now()))
	require.ErrorIs(t, p.Store().Delete(t.Context(), name, time.Now()), webhook.ErrNoEndpoint)
	require.Equal(t, before+4, head().Sequence)
}

// Two secrets sign after a rotation, one after the next; the old one ends a day later. None is in the database in
// clear, whatever form is looked for.
func TestSecretsAreRotatedAndNeverInClear(t *testing.T) {
	w := newWorld(t)
	r := newReceiver(t, nil)
	p := w.run(r.pool, nil)
	endpoint, first := p.endpoint(t, paymenttest.Cafe, "e", r.URL)
	again, err := p.create(paymenttest.Cafe, "e", r.URL)
	require.NoError(t, err)
	require.True(t, again.Known)
	require.Equal(t, first.Reveal(), again.Secret.Reveal(), "whoever lost the answer asks again")
	_, err = p.create(paymenttest.Cafe, "e", r.URL+"/other")
	require.ErrorIs(t, err, payment.ErrKeyReused)

	name := postgres.Name{Owner: endpoint.Owner, ID: endpoint.ID, Version: endpoint.Version, Record: record()}
	rotated, second, err := p.Store().Rotate(t.Context(), name, time.Now())
	require.NoError(t, err)
	require.Equal(t, endpoint.Version+1, rotated.Version)
	_, _, err = p.Store().Rotate(t.Context(), name, time.Now())
	require.ErrorIs(t, err, webhook.ErrChanged)
	w.charge(paymenttest.Cafe, "k1")
	name.Version = 0
	signedBy := func(m message, secrets ...webhook.Secret) (by []bool) {
		for _, secret := range secrets {
			verifier, err := standard.NewWebhook(secret.Reveal())
			require.NoError(t, err)
			by = append(by, verifier.Verify([]byte(m.body), m.header) == nil)
		}
		return by
	}
	require.Equal(t, []bool{true, true}, signedBy(r.await(t, 1)[0], first, second))
	_, third, err := p.Store().Rotate(t.Context(), name, time.Now())
	require.NoError(t, err)
	w.charge(paymenttest.Cafe, "k2")
	require.Equal(t, []bool{false, true, true}, signedBy(r.await(t, 2)[1], first, second, third))
	w.exec("UPDATE webhook_secrets SET expires_at = now() WHERE expires_at IS NOT NULL")
	w.charge(paymenttest.Cafe, "k3")
	require.Equal(t, []bool{false, false, true}, signedBy(r.await(t, 3)[2], first, second, third))

	dump := w.dump()
	for _, secret := range []webhook.Secret{first, second, third} {
		text := strings.TrimPrefix(secret.Reveal(), "whsec_")
		key, err := base64.StdEncoding.DecodeString(text)
		require.NoError(t, err)
		for _, form := range []string{text, hex.EncodeToString(key), base64.RawURLEncoding.EncodeToString(key)} {
			require.NotContains(t, dump, form)
		}
	}
	require.NotContains(t, dump, "4111111111111111")
	require.Contains(t, dump, r.URL)
}

// dump returns every row of every table as text, bytes in base64 and in hexadecimal digits.
func (w *world) dump() (all string) {
	w.Helper()
	for _, encoding := range []string{"base64", "hex"} {
		w.exec("SET xmlbinary = " + encoding)
		rows, err := w.admin.Query(w.Context(), `SELECT (xpath('//text()', query_to_xml(format('SELECT * FROM %I.%I', table_schema, table_name), true, false, '')))::text
			FROM information_schema.tables WHERE table_schema IN ('public', 'river') AND table_type = 'BASE TABLE'`)
		require.NoError(w, err)
		texts, err := pgx.CollectRows(rows, pgx.RowTo[string])
		require.NoError(w, err)
		all += strings.ReplaceAll(strings.Join(texts, ""), "\n", "")
		w.exec("SET xmlbinary = base64")
	}
	return all
}

// Programs side by side make each delivery once, and each message is sent once while none of them is killed. A merchant
// whose events come all at once has each of them once, and pages of the log have all of them, the newest first.
func TestProgramsSideBySideSendEachMessageOnce(t *testing.T) {
	w := newWorld(t)
	r := newReceiver(t, nil)
	p := w.run(r.pool, nil)
	w.run(r.pool, nil)
	endpoint, _ := p.endpoint(t, paymenttest.Cafe, "e", r.URL)
	p.endpoint(t, paymenttest.Other, "e", r.URL)
	const charges = 60
	var group sync.WaitGroup
	for i := range charges {
		owner := []payment.Owner{paymenttest.Cafe, paymenttest.Other}[i%2]
		group.Go(func() { w.charge(owner, fmt.Sprint("k", i)) })
	}
	group.Wait()
	r.await(t, charges)
	w.awaitNothingPending()
	ids := make(map[string]int)
	for _, m := range r.messages() {
		ids[m.id]++
	}
	require.Len(t, ids, charges)
	require.Len(t, r.messages(), charges)

	page := postgres.LogPage{Owner: endpoint.Owner, Endpoint: endpoint.ID, Size: 7}
	var sequences []int64
	for {
		log, err := p.Store().Log(t.Context(), page)
		require.NoError(t, err)
		for _, one := range log {
			require.Equal(t, webhook.Delivered, one.State)
			require.Len(t, one.Attempts, 1)
			require.Equal(t, 200, one.Attempts[0].Status)
			require.True(t, page.Before == 0 || one.Sequence < page.Before)
			page.Before = one.Sequence
			sequences = append(sequences, one.Sequence)
		}
		if len(log) < page.Size {
			break
		}
	}
	require.Len(t, sequences, charges/2)
}

// What is old goes, with its attempts; an endpoint that was deleted goes when its log has gone. What is another
// merchant's, and of the other mode, is not there.
func TestTheLogIsKeptForAMonthAndShownToItsOwner(t *testing.T) {
	w := newWorld(t)
	r := newReceiver(t, nil)
	p := w.run(r.pool, nil)
	endpoint, _ := p.endpoint(t, paymenttest.Cafe, "e", r.URL)
	w.charge(paymenttest.Cafe, "k1")
	r.await(t, 1)
	w.awaitNothingPending()
	delivery := p.only(t, &endpoint)
	for _, owner := range []payment.Owner{paymenttest.Other, paymenttest.OtherMode} {
		_, err := p.Store().Endpoint(t.Context(), owner, endpoint.ID)
		require.ErrorIs(t, err, webhook.ErrNoEndpoint)
		_, err = p.Store().Log(t.Context(), postgres.LogPage{Owner: owner, Endpoint: endpoint.ID, Size: 10})
		require.ErrorIs(t, err, webhook.ErrNoEndpoint)
		_, err = p.Store().Delivery(t.Context(), postgres.Resend{Owner: owner, Endpoint: endpoint.ID, Delivery: delivery.ID})
		require.ErrorIs(t, err, webhook.ErrNoDelivery)
		_, err = p.Store().Resend(t.Context(), postgres.Resend{Owner: owner, Endpoint: endpoint.ID, Delivery: delivery.ID}, time.Now())
		require.ErrorIs(t, err, webhook.ErrNoEndpoint)
		_, _, err = p.Store().Rotate(t.Context(), postgres.Name{Owner: owner, ID: endpoint.ID, Record: record()}, time.Now())
		require.ErrorIs(t, err, webhook.ErrNoEndpoint)
		require.ErrorIs(t, p.Store().Delete(t.Context(), postgres.Name{Owner: owner, ID: endpoint.ID, Record: record()}, time.Now()), webhook.ErrNoEndpoint)
		all, err := p.Store().Endpoints(t.Context(), owner)
		require.NoError(t, err)
		require.Empty(t, all)
	}
	count := func() (rows []int) {
		rows = make([]int, 3)
		require.NoError(t, w.admin.QueryRow(t.Context(), `SELECT (SELECT count(*) FROM webhook_deliveries), (SELECT count(*) FROM webhook_attempts),
			(SELECT count(*) FROM webhook_endpoints)`).Scan(&rows[0], &rows[1], &rows[2]))
		return rows
	}
	late := time.Now().Add(webhook.KeepLog + time.Minute)
	require.NoError(t, p.Store().Clean(t.Context(), time.Now()))
	require.Equal(t, []int{1, 1, 1}, count())
	require.NoError(t, p.Store().Delete(t.Context(), postgres.Name{Owner: endpoint.Owner, ID: endpoint.ID, Record: record()}, time.Now()))
	w.charge(paymenttest.Cafe, "k2")
	require.NoError(t, p.Store().Clean(t.Context(), late))
	require.NoError(t, p.Store().Clean(t.Context(), late))
	require.Equal(t, []int{0, 0, 0}, count())
	var cursors int
	require.NoError(t, w.admin.QueryRow(t.Context(), "SELECT count(*) FROM webhook_cursors").Scan(&cursors))
	require.Zero(t, cursors, "a merchant without endpoints costs nothing")
	require.Len(t, r.messages(), 1)
}

// An endpoint whose job was lost gets one again, and what waits for an endpoint that is deleted is dropped.
func TestALostJobIsFoundAndWhatIsDeletedIsDropped(t *testing.T) {
	w := newWorld(t)
	r := newReceiver(t, nil)
	p := w.run(r.pool, nil)
	endpoint, _ := p.endpoint(t, paymenttest.Cafe, "e", r.URL)
	p.stop()
	q := w.run(r.pool, nil)
	w.charge(paymenttest.Cafe, "k1")
	r.await(t, 1)
	w.awaitNothingPending()
	w.exec("UPDATE webhook_deliveries SET state = 1, tries = 0, next_at = now() - interval '11 minutes', ended_at = NULL")
	require.NoError(t, q.Store().Revive(t.Context(), time.Now()))
	w.hasten()
	r.await(t, 2)
	w.awaitNothingPending()
	w.exec("UPDATE webhook_deliveries SET state = 1, tries = 0, next_at = now() - interval '11 minutes', ended_at = NULL")
	require.NoError(t, q.Store().Delete(t.Context(), postgres.Name{Owner: endpoint.Owner, ID: endpoint.ID, Record: record()}, time.Now()))
	require.NoError(t, q.Store().Revive(t.Context(), time.Now()))
	w.hasten()
	w.awaitNothingPending()
	var dropped int
	require.NoError(t, w.admin.QueryRow(t.Context(), "SELECT count(*) FROM webhook_deliveries WHERE state = 4").Scan(&dropped))
	require.Equal(t, 1, dropped)
	require.Len(t, r.messages(), 2)
}

// The gateway's role changes what it needs to, and nothing that would alter what was sent.
func TestTheRoleOfTheGatewayAltersNothingThatWasSent(t *testing.T) {
	w := newWorld(t)
	conn, err := pgx.Connect(t.Context(), w.url)
	require.NoError(t, err)
	defer conn.Close(t.Context())
	for _, statement := range []string{
		"UPDATE webhook_deliveries SET payload = ''", "UPDATE webhook_deliveries SET type = ''", "UPDATE webhook_attempts SET status = 200",
		"UPDATE webhook_secrets SET sealed = ''", "UPDATE webhook_endpoints SET merchant = 'livraria'", "TRUNCATE webhook_deliveries",
		"UPDATE river.river_migration SET version = 0", "CREATE TABLE river.mine ()",
	} {
		_, err := conn.Exec(t.Context(), statement)
		require.Equal(t, "42501", database.State(err), "%s: %v", statement, err)
	}
	var seen int
	w.exec(`INSERT INTO webhook_endpoints (id, merchant, mode, url, description, types, after, fingerprint, created_at, changed_at)
		VALUES (gen_random_uuid(), 'cafe', 1, 'https://a.example', '', '{charge.approved}', 0, decode(repeat('00', 32), 'hex'), now(), now())`)
	require.NoError(t, conn.QueryRow(t.Context(), "SELECT count(*) FROM webhook_endpoints").Scan(&seen))
	require.Zero(t, seen, "without a reader a session sees nothing")
}
