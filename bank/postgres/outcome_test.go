package postgres_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"codebank.dev/bank"
	"codebank.dev/bank/banktest"
	"codebank.dev/bank/postgres"
	"codebank.dev/native/await"
	stack "codebank.dev/native/postgres"
	"codebank.dev/native/postgres/postgrestest"
	"codebank.dev/platform/fault"
	"codebank.dev/platform/field"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

// administer returns a connection of its own, for statements that the adapter never sends.
func administer(t testing.TB, url string) func(sql string, args ...any) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return func(sql string, args ...any) {
		t.Helper()
		_, err := conn.Exec(t.Context(), sql, args...)
		require.NoError(t, err)
	}
}

// spend decides a purchase of 10 with an event.
func spend(customer banktest.Customer, transaction bank.ID) func(*bank.Book) error {
	return func(book *bank.Book) error {
		entry, err := book.Post(banktest.Purchase(customer, transaction, 10), bank.Effect{Balance: -10}, banktest.Start)
		if err == nil {
			book.Emit(banktest.EventOf(entry))
		}
		return err
	}
}

// requireUnwritten checks that nothing of a transaction is stored and that the ledger still works.
func requireUnwritten(t *testing.T, store *postgres.Store, customer banktest.Customer, transaction bank.ID) {
	t.Helper()
	_, _, err := store.Transaction(t.Context(), transaction)
	require.ErrorIs(t, err, bank.ErrNotFound)
	account, err := store.Account(t.Context(), customer.Account)
	require.NoError(t, err)
	require.Zero(t, account.Balance)
	require.NoError(t, store.Execute(t.Context(), banktest.KeysOf(customer, transaction), spend(customer, transaction)))
}

// A deferred check makes the commit fail in the way that the test needs.
const failAtCommit = `
	CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN %s; RETURN NULL; END $$;
	CREATE CONSTRAINT TRIGGER fail AFTER INSERT ON entries DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
		WHEN (NEW.description = 'fail') EXECUTE FUNCTION fail()`

func TestTheAnswerToTheCommitDecidesTheOutcome(t *testing.T) {
	for name, test := range map[string]struct {
		body string
		want func(t *testing.T, err error)
	}{
		"a deferred check refuses the data":            {`RAISE EXCEPTION 'no' USING ERRCODE = '23514'`, is(bank.ErrRejected)},
		"a deferred key is taken":                      {`RAISE EXCEPTION 'no' USING ERRCODE = '23505'`, is(bank.ErrRetry)},
		"a serialization failure":                      {`RAISE EXCEPTION 'no' USING ERRCODE = '40001'`, is(bank.ErrRetry)},
		"the outcome itself is unknown":                {`RAISE EXCEPTION 'no' USING ERRCODE = '40003'`, unknown},
		"the class of data errors proves nothing here": {`RAISE EXCEPTION 'no' USING ERRCODE = '22000'`, unknown},
		"the disk is full":                             {`RAISE EXCEPTION 'no' USING ERRCODE = '53100'`, unknown},
		"the backend is terminated":                    {`PERFORM pg_terminate_backend(pg_backend_pid())`, unknown},
	} {
		t.Run(name, func(t *testing.T) {
			url := postgrestest.Database(t)
			store := openAt(t, url)
			administer(t, url)(fmt.Sprintf(failAtCommit, test.body))
			customer, transaction := banktest.OpenCustomer(t, store, 1000), banktest.NewID()
			err := store.Execute(t.Context(), banktest.KeysOf(customer, transaction), func(book *bank.Book) error {
				entry := banktest.Purchase(customer, transaction, 10)
				entry.Description = "fail"
				_, err := book.Post(entry, bank.Effect{Balance: -10}, banktest.Start)
				return err
			})
			test.want(t, err)
			requireUnwritten(t, store, customer, transaction)
		})
	}
}

func is(want error) func(*testing.T, error) {
	return func(t *testing.T, err error) { require.ErrorIs(t, err, want) }
}

func unknown(t *testing.T, err error) {
	require.Equal(t, fault.Unavailable, fault.CodeOf(err), "%v", err)
	require.NotErrorIs(t, err, bank.ErrRetry)
	require.NotErrorIs(t, err, bank.ErrRejected)
	require.Contains(t, fault.Of(err).Message, "unknown")
}

func TestAnErrorBeforeTheCommitWritesNothing(t *testing.T) {
	const failAtOnce = `
		CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN %s; RETURN NULL; END $$;
		CREATE TRIGGER fail BEFORE INSERT ON outbox EXECUTE FUNCTION fail()`
	for name, test := range map[string]struct {
		body string
		want func(t *testing.T, err error)
	}{
		"a deadlock":                   {`RAISE EXCEPTION 'no' USING ERRCODE = '40P01'`, is(bank.ErrRetry)},
		"a lock not had in time":       {`RAISE EXCEPTION 'no' USING ERRCODE = '55P03'`, is(bank.ErrRetry)},
		"a key that exists":            {`RAISE EXCEPTION 'no' USING ERRCODE = '23505'`, is(bank.ErrRetry)},
		"data that does not fit":       {`RAISE EXCEPTION 'no' USING ERRCODE = '22001'`, is(bank.ErrRejected)},
		"a broken check":               {`RAISE EXCEPTION 'no' USING ERRCODE = '23514'`, is(bank.ErrRejected)},
		"a full disk":                  {`RAISE EXCEPTION 'no' USING ERRCODE = '53100'`, unknown},
		"a cancelled query":            {`RAISE EXCEPTION 'no' USING ERRCODE = '57014'`, unknown},
		"an input and output error":    {`RAISE EXCEPTION 'no' USING ERRCODE = '58030'`, unknown},
		"a lost connection":            {`PERFORM pg_terminate_backend(pg_backend_pid())`, unknown},
		"a schema that does not fit":   {`RAISE EXCEPTION 'no' USING ERRCODE = '42703'`, broken},
		"a transaction that took long": {`PERFORM pg_sleep(6)`, unknown},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := postgrestest.Database(t)
			store := openAt(t, url)
			customer, transaction := banktest.OpenCustomer(t, store, 1000), banktest.NewID()
			admin := administer(t, url)
			admin(fmt.Sprintf(failAtOnce, test.body))
			err := store.Execute(t.Context(), banktest.KeysOf(customer, transaction), spend(customer, transaction))
			test.want(t, err)
			admin(`DROP TRIGGER fail ON outbox`)
			requireUnwritten(t, store, customer, transaction)
		})
	}
}

func broken(t *testing.T, err error) {
	require.Equal(t, fault.Internal, fault.CodeOf(err), "%v", err)
}

func TestABackendThatDiesDuringADecisionWritesNothing(t *testing.T) {
	url := postgrestest.Database(t)
	store := openWith(t, postgres.Config{URL: url, LockAlways: true})
	admin := administer(t, url)
	customer, transaction := banktest.OpenCustomer(t, store, 1000), banktest.NewID()
	err := store.Execute(t.Context(), banktest.KeysOf(customer, transaction), func(book *bank.Book) error {
		admin(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'codebank' AND state = 'idle in transaction'`)
		return spend(customer, transaction)(book)
	})
	unknown(t, err)
	requireUnwritten(t, store, customer, transaction)
}

func TestALockTimeoutIsAConflict(t *testing.T) {
	store := openWith(t, postgres.Config{URL: postgrestest.Database(t), LockAlways: true})
	customer := banktest.OpenCustomer(t, store, 1000)
	require.NoError(t, store.Execute(t.Context(), banktest.KeysOf(customer), func(*bank.Book) error {
		err := store.Execute(t.Context(), banktest.KeysOf(customer), func(*bank.Book) error { return nil })
		require.ErrorIs(t, err, bank.ErrRetry)
		return nil
	}))
}

// A process that is frozen between its two round trips loses its locks, and its write after it
// wakes up is refused.
func TestAFrozenBatchDoesNotHoldOthersForLong(t *testing.T) {
	url := postgrestest.Database(t)
	frozen, other := openWith(t, postgres.Config{URL: url, LockAlways: true}), openAt(t, url)
	customer, transaction := banktest.OpenCustomer(t, frozen, 1000), banktest.NewID()
	var bought bank.Entry
	began := time.Now()
	err := frozen.Execute(t.Context(), banktest.KeysOf(customer, transaction), func(book *bank.Book) error {
		bought = banktest.Buy(t, other, customer, 1)
		return spend(customer, transaction)(book)
	})
	require.Less(t, time.Since(began), 30*time.Second)
	unknown(t, err)
	require.EqualValues(t, 2, bought.Sequence)
	_, _, err = frozen.Transaction(t.Context(), transaction)
	require.ErrorIs(t, err, bank.ErrNotFound)
	banktest.Buy(t, frozen, customer, 1)
}

func TestADecisionThatPanicsReleasesItsLocks(t *testing.T) {
	store := openAt(t, postgrestest.Database(t))
	customer := banktest.OpenCustomer(t, store, 1000)
	require.Panics(t, func() {
		_ = store.Execute(t.Context(), banktest.KeysOf(customer), func(*bank.Book) error { panic("a broken rule") })
	})
	banktest.Buy(t, store, customer, 1)
}

func TestADatabaseThatIsAwayIsUnavailableUntilItIsBack(t *testing.T) {
	server := postgrestest.Own(t, stack.Options{})
	store := openAt(t, server.URL("postgres"))
	customer := banktest.OpenCustomer(t, store, 1000)
	bought := banktest.Buy(t, store, customer, 10)
	ctx := t.Context()
	require.NoError(t, server.Stop(ctx))
	for name, call := range map[string]func() error{
		"Execute": func() error {
			return store.Execute(ctx, banktest.KeysOf(customer), func(*bank.Book) error { return nil })
		},
		"CardByLookup": func() error { _, err := store.CardByLookup(ctx, customer.Lookup); return err },
		"Account":      func() error { _, err := store.Account(ctx, customer.Account); return err },
		"StoredToken":  func() error { _, err := store.StoredToken(ctx, [32]byte{}); return err },
		"Fetch":        func() error { _, err := store.Fetch(ctx, 1, nil); return err },
		"Acquire":      func() error { _, err := store.Acquire(ctx, "one", time.Second); return err },
		"Backlog":      func() error { _, _, err := store.Backlog(ctx); return err },
	} {
		t.Run(name, func(t *testing.T) { unknown(t, call()) })
	}
	require.NoError(t, server.Restart(ctx))
	again, _, err := store.Transaction(ctx, bought.TransactionID)
	require.NoError(t, err)
	require.Equal(t, bought.Sequence, again.Sequence)
	banktest.Buy(t, store, customer, 10)
}

// The server is killed under load. After the recovery, every batch that was answered with success
// is stored, and none that was answered with a conflict.
func TestNothingAcknowledgedIsLostWhenTheServerIsKilled(t *testing.T) {
	server := postgrestest.Own(t, stack.Options{})
	store := openAt(t, server.URL("postgres"))
	customers := banktest.OpenCustomers(t, store, 4, field.MaxMinor)
	done := make(chan map[bank.ID]error, len(customers))
	var acknowledged atomic.Int64
	for _, customer := range customers {
		go func() {
			outcomes := make(map[bank.ID]error)
			var err error
			for err == nil {
				transaction := banktest.NewID()
				err = store.Execute(t.Context(), banktest.KeysOf(customer, transaction), spend(customer, transaction))
				outcomes[transaction] = err
				acknowledged.Add(1)
			}
			done <- outcomes
		}()
	}
	await.Until(t, func() bool { return acknowledged.Load() > 50 }, time.Minute, time.Millisecond)
	server.Kill()
	require.NoError(t, server.Restart(t.Context()))
	for range customers {
		for transaction, outcome := range <-done {
			_, _, err := store.Transaction(t.Context(), transaction)
			switch {
			case outcome == nil:
				require.NoError(t, err)
			default:
				unknown(t, outcome)
			}
		}
	}
}

func TestBatchesOverOtherAccountsDoNotWait(t *testing.T) {
	store := openAt(t, postgrestest.Database(t))
	pair := banktest.OpenCustomers(t, store, 2, 1000)
	require.NoError(t, store.Execute(t.Context(), banktest.KeysOf(pair[0]), func(*bank.Book) error {
		banktest.Buy(t, store, pair[1], 1)
		return nil
	}))
}
