package postgres_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"codebank.dev/gateway"
	"codebank.dev/gateway/postgres"
	"codebank.dev/native/postgres/postgrestest"
	"codebank.dev/platform/database"
	"codebank.dev/platform/database/databasetest"
	"codebank.dev/platform/id"
	"codebank.dev/platform/outbox"
	"codebank.dev/platform/outbox/outboxtest"
	"codebank.dev/schemas/command"
)

var noon = time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)

// opened is a migrated store as the program's role, and an administrator's connection beside it.
type opened struct {
	*postgres.Store
	url  string
	conn *pgx.Conn
}

func open(t testing.TB) *opened {
	t.Helper()
	url := postgrestest.Database(t)
	require.NoError(t, postgres.Migrate(t.Context(), postgres.Config{URL: url}))
	store, err := postgres.Open(t.Context(), postgres.Config{URL: databasetest.As(t, url, postgres.ServiceRole)})
	require.NoError(t, err)
	t.Cleanup(store.Close)
	require.NoError(t, store.Prepare(t.Context(), slog.New(slog.DiscardHandler)))
	require.NoError(t, store.Ready(t.Context()))
	return &opened{Store: store, url: url, conn: connect(t, url)}
}

func connect(t testing.TB, url string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close(context.WithoutCancel(t.Context())) })
	return conn
}

func newID(t testing.TB) id.ID {
	made, err := id.New(rand.Reader)
	require.NoError(t, err)
	return made
}

// transfer returns a transfer of a user that nobody has accepted yet, with its command.
func transfer(t testing.TB, user id.ID, at time.Time) (gateway.Transfer, outbox.Row) {
	made := gateway.Transfer{
		Request: gateway.Request{From: newID(t), To: newID(t), AmountMinor: 250, Message: "Te quiero ❤"},
		ID:      newID(t), UserID: user, Currency: "BRL", Status: gateway.Processing, CreatedAt: at, UpdatedAt: at,
	}
	return made, outbox.Row{
		ID: made.ID, Topic: "commands", Key: []byte(made.From.String()), Folder: "commands", Version: 1, Body: []byte{0, 1, 2},
		Headers: []outbox.Header{{Key: command.HeaderKey, Value: []byte("key-1")}, {Key: command.HeaderMAC, Value: []byte("mac")}},
	}
}

// accept accepts a transfer of a user.
func (o *opened) accept(t testing.TB, user id.ID, at time.Time) gateway.Transfer {
	t.Helper()
	made, row := transfer(t, user, at)
	stored, known, err := o.Accept(t.Context(), made, row)
	require.NoError(t, err)
	require.False(t, known)
	require.Equal(t, made, stored)
	return stored
}

func (o *opened) count(t testing.TB, table string) (rows int) {
	t.Helper()
	require.NoError(t, o.conn.QueryRow(t.Context(), "SELECT count(*) FROM "+table).Scan(&rows))
	return rows
}

func TestTheOutboxIsAStoreOfTheRelay(t *testing.T) {
	outboxtest.TestStore(t, func(t *testing.T) outboxtest.Subject {
		o := open(t)
		return outboxtest.Subject{Store: o, Add: func(t *testing.T, n int) (rows []outbox.Row) {
			for range n {
				made, row := transfer(t, newID(t), noon)
				_, _, err := o.Accept(t.Context(), made, row)
				require.NoError(t, err)
				rows = append(rows, row)
			}
			return rows
		}}
	})
}

func TestAnAcceptedTransferIsReadAsItWasStored(t *testing.T) {
	o := open(t)
	user := newID(t)
	stored := o.accept(t, user, noon)
	read, err := o.Transfer(t.Context(), user, stored.ID)
	require.NoError(t, err)
	require.Equal(t, stored, read)
}

func TestAKnownTransferIsNotStoredAgain(t *testing.T) {
	o := open(t)
	user := newID(t)
	made, row := transfer(t, user, noon)
	other := made
	other.AmountMinor++
	const callers = 50
	var group sync.WaitGroup
	known := make(chan bool, callers)
	for caller := range callers {
		group.Go(func() {
			asked := made
			if caller%2 == 1 {
				asked = other
			}
			stored, was, err := o.Accept(t.Context(), asked, row)
			if err == nil && stored.ID == made.ID {
				known <- was
			}
		})
	}
	group.Wait()
	require.Len(t, known, callers)
	first := 0
	for range callers {
		if !<-known {
			first++
		}
	}
	require.Equal(t, 1, first)
	require.Equal(t, 1, o.count(t, "transfers"))
	require.Equal(t, 1, o.count(t, "outbox"))
}

func TestTransfersArePagedNewestFirst(t *testing.T) {
	o := open(t)
	user, want := newID(t), []gateway.Transfer{}
	for i := range 7 {
		o.accept(t, newID(t), noon)
		want = append(want, o.accept(t, user, noon.Add(time.Duration(i/2)*time.Second)))
	}
	_, err := o.End(t.Context(), []gateway.Ending{{ID: want[3].ID, Status: gateway.Cancelled, Error: gateway.NotEnoughFunds, At: noon.Add(time.Hour)}})
	require.NoError(t, err)
	var all, cancelled []gateway.Transfer
	for after := (*gateway.Place)(nil); ; {
		page, err := o.Transfers(t.Context(), user, gateway.Page{Size: 3, After: after})
		require.NoError(t, err)
		if len(page) == 0 {
			break
		}
		all = append(all, page...)
		last := page[len(page)-1]
		after = &gateway.Place{CreatedAtMicros: last.CreatedAt.UnixMicro(), ID: last.ID}
	}
	require.Len(t, all, 7)
	for i := 1; i < len(all); i++ {
		require.False(t, all[i].CreatedAt.After(all[i-1].CreatedAt))
	}
	cancelled, err = o.Transfers(t.Context(), user, gateway.Page{Size: 3, Status: gateway.Cancelled})
	require.NoError(t, err)
	require.Len(t, cancelled, 1)
	require.Equal(t, want[3].ID, cancelled[0].ID)
}

func TestATransferEndsOnceAndItsCommandIsForgotten(t *testing.T) {
	o := open(t)
	user := newID(t)
	first, second := o.accept(t, user, noon), o.accept(t, user, noon)
	completed := gateway.Ending{ID: first.ID, Status: gateway.Completed, TransactionID: newID(t), Sequence: 7, At: noon.Add(time.Second)}
	cancelled := gateway.Ending{ID: first.ID, Status: gateway.Cancelled, Error: gateway.ToAccountNotFound, At: noon.Add(time.Second)}
	unknown := gateway.Ending{ID: newID(t), Status: gateway.Cancelled, Error: "unknown", At: noon}

	ended, err := o.End(t.Context(), []gateway.Ending{completed, cancelled, unknown})
	require.NoError(t, err)
	require.Equal(t, []gateway.Ending{completed}, ended)
	ended, err = o.End(t.Context(), []gateway.Ending{cancelled})
	require.NoError(t, err)
	require.Empty(t, ended)

	read, err := o.Transfer(t.Context(), user, first.ID)
	require.NoError(t, err)
	want := first
	want.Status, want.TransactionID, want.Sequence, want.UpdatedAt = gateway.Completed, completed.TransactionID, 7, completed.At
	require.Equal(t, want, read)
	require.Equal(t, first, read.AsAccepted())

	waiting, oldest, err := o.Backlog(t.Context())
	require.NoError(t, err)
	require.EqualValues(t, 1, waiting)
	require.Equal(t, second.CreatedAt, oldest.UTC())
	cancelled.ID = second.ID
	ended, err = o.End(t.Context(), []gateway.Ending{cancelled})
	require.NoError(t, err)
	require.Len(t, ended, 1)
	waiting, oldest, err = o.Backlog(t.Context())
	require.NoError(t, err)
	require.Zero(t, waiting)
	require.True(t, oldest.IsZero())
}

// Two replicas read the same results in different orders.
func TestEndingTheSameTransfersSideBySideEndsEachOnce(t *testing.T) {
	o := open(t)
	var endings []gateway.Ending
	for range 40 {
		made := o.accept(t, newID(t), noon)
		endings = append(endings, gateway.Ending{ID: made.ID, Status: gateway.Cancelled, Error: gateway.NotEnoughFunds, At: noon})
	}
	counts := make(chan int, 4)
	for worker := range 4 {
		go func() {
			mine := append(append([]gateway.Ending{}, endings[worker*10:]...), endings[:worker*10]...)
			ended, err := o.End(t.Context(), mine)
			if err != nil {
				ended = nil
			}
			counts <- len(ended)
		}()
	}
	require.Equal(t, len(endings), <-counts+<-counts+<-counts+<-counts)
	require.Zero(t, o.count(t, "outbox"))
}

func TestNobodySeesAnothersTransfers(t *testing.T) {
	o := open(t)
	ada, bob := newID(t), newID(t)
	hers := o.accept(t, ada, noon)
	o.accept(t, bob, noon)
	_, err := o.Transfer(t.Context(), bob, hers.ID)
	require.ErrorIs(t, err, gateway.ErrNoTransfer)

	// A query that forgets its WHERE, as each of these readers.
	program := connect(t, databasetest.As(t, o.url, postgres.ServiceRole))
	for reader, want := range map[string][2]int{ada.String(): {1, 0}, newID(t).String(): {0, 0}, "": {0, 0}, "*": {2, 2}} {
		tx, err := program.Begin(t.Context())
		require.NoError(t, err)
		_, err = tx.Exec(t.Context(), "SELECT set_config('codebank.reader', $1, true)", reader)
		require.NoError(t, err)
		var seen [2]int
		require.NoError(t, tx.QueryRow(t.Context(), "SELECT (SELECT count(*) FROM transfers), (SELECT count(*) FROM outbox)").Scan(&seen[0], &seen[1]))
		require.Equal(t, want, seen, "reader %q", reader)
		// Nor does it end what is another's.
		tag, err := tx.Exec(t.Context(), "UPDATE transfers SET status = 'cancelled', error = 'x'")
		require.NoError(t, err)
		require.EqualValues(t, want[0], tag.RowsAffected())
		require.NoError(t, tx.Rollback(t.Context()))
	}
}

func TestTheProgramMayNotRewriteATransfer(t *testing.T) {
	o := open(t)
	program := connect(t, databasetest.As(t, o.url, postgres.ServiceRole))
	for _, statement := range []string{
		"DELETE FROM transfers", "UPDATE transfers SET amount_minor = 1", "UPDATE outbox SET body = ''", "TRUNCATE outbox", "CREATE TABLE mine ()",
	} {
		_, err := program.Exec(t.Context(), statement)
		require.Equal(t, "42501", database.State(err), fmt.Sprint(statement, err))
	}
}

func TestTheGreatestOffsetCountsAndALostOneIsNoticed(t *testing.T) {
	o := open(t)
	topic := newID(t)
	for _, step := range []struct {
		from, next int64
		ok         bool
		stored     int64
	}{
		{5, 9, false, 0}, // the database was restored
		{0, 3, true, 3}, {3, 7, true, 7}, {0, 2, true, 7}, {7, 7, true, 7},
		{8, 9, false, 7}, // another one was restored
	} {
		ok, err := o.Offsets().StoreOffset(t.Context(), topic, 2, step.from, step.next)
		require.NoError(t, err)
		require.Equal(t, step.ok, ok, "%+v", step)
		offsets, err := o.Offsets().LoadOffsets(t.Context(), topic)
		require.NoError(t, err)
		require.Equal(t, step.stored, offsets[2], "%+v", step)
	}
	offsets, err := o.Offsets().LoadOffsets(t.Context(), newID(t))
	require.NoError(t, err)
	require.Empty(t, offsets)
}

// A user has so many transfers that are processing and no more, also if he asks for several at once. Repeats are
// answered, others have limits of their own, and what has ended makes room.
func TestAUserHasALimitOfTransfersThatAreProcessing(t *testing.T) {
	o := open(t)
	user := newID(t)
	first := o.accept(t, user, noon)
	_, err := o.conn.Exec(t.Context(), `INSERT INTO transfers SELECT gen_random_uuid(), user_id, from_account_id, to_account_id, amount_minor, currency,
		message, status, error, transaction_id, sequence, created_at, updated_at FROM transfers, generate_series(2, $1)`, gateway.MaxProcessing-3)
	require.NoError(t, err)
	var asking sync.WaitGroup
	refused := make(chan error, 20)
	for range cap(refused) {
		asking.Go(func() {
			made, row := transfer(t, user, noon)
			if _, _, err := o.Accept(t.Context(), made, row); err != nil {
				refused <- err
			}
		})
	}
	asking.Wait()
	close(refused)
	require.Len(t, refused, 17, "three were missing")
	for err := range refused {
		require.ErrorIs(t, err, gateway.ErrTooMany)
	}
	require.Equal(t, gateway.MaxProcessing, o.count(t, "transfers"))
	require.Equal(t, 4, o.count(t, "outbox"))

	_, row := transfer(t, user, noon)
	_, known, err := o.Accept(t.Context(), first, row)
	require.NoError(t, err)
	require.True(t, known)
	o.accept(t, newID(t), noon)
	_, err = o.End(t.Context(), []gateway.Ending{{ID: first.ID, Status: gateway.Cancelled, Error: gateway.NotEnoughFunds, At: noon}})
	require.NoError(t, err)
	o.accept(t, user, noon)
}
