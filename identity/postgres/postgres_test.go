package postgres_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"codebank.dev/identity"
	"codebank.dev/identity/postgres"
	"codebank.dev/native/await"
	"codebank.dev/native/postgres/postgrestest"
	"codebank.dev/platform/auditlog"
	"codebank.dev/platform/auditlog/auditlogtest"
	"codebank.dev/platform/auditlog/table"
	"codebank.dev/platform/database"
	"codebank.dev/platform/database/databasetest"
	"codebank.dev/platform/id"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

var noon = time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)

const hash = "$argon2id$v=19$m=64,t=1,p=1$c2FsdA$aGFzaA"

// opened is a migrated store and a connection beside it.
type opened struct {
	*postgres.Store
	conn *pgx.Conn
}

func open(t testing.TB) *opened {
	t.Helper()
	return openAt(t, postgrestest.Database(t))
}

// openAt migrates the database at an address, whose user must be a superuser, and opens it as the program's
// role. The connection is the administrator's.
func openAt(t testing.TB, url string) *opened {
	t.Helper()
	require.NoError(t, postgres.Migrate(t.Context(), postgres.Config{URL: url}))
	store, err := postgres.Open(t.Context(), postgres.Config{URL: databasetest.As(t, url, postgres.ServiceRole)})
	require.NoError(t, err)
	t.Cleanup(store.Close)
	require.NoError(t, store.Prepare(t.Context(), slog.New(slog.DiscardHandler)))
	require.NoError(t, store.Ready(t.Context()))
	conn, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close(context.WithoutCancel(t.Context())) })
	return &opened{store, conn}
}

func (o *opened) exec(t testing.TB, sql string, arguments ...any) {
	t.Helper()
	_, err := o.conn.Exec(t.Context(), sql, arguments...)
	require.NoError(t, err)
}

// count returns how many rows a table has.
func (o *opened) count(t testing.TB, table string) (rows int) {
	t.Helper()
	require.NoError(t, o.conn.QueryRow(t.Context(), "SELECT count(*) FROM "+table).Scan(&rows))
	return rows
}

func newID(t testing.TB) id.ID {
	made, err := id.New(rand.Reader)
	require.NoError(t, err)
	return made
}

// act returns an act that was done.
func act(name auditlog.Act) auditlog.Record {
	return identity.Origin{}.Act(noon, name, identity.Nobody, "nothing")
}

// user stores a user.
func (o *opened) user(t testing.TB, email identity.Email) identity.User {
	t.Helper()
	user := identity.User{ID: newID(t), Email: email, PasswordHash: hash, Roles: []identity.Role{identity.Customer}, CreatedAt: noon}
	require.NoError(t, o.CreateUser(t.Context(), user, nil, act(identity.ActUserCreated)))
	return user
}

// session stores a session of a user with its first refresh token.
func (o *opened) session(t testing.TB, user identity.User, at time.Time) (identity.Session, identity.Secret) {
	t.Helper()
	secret := identity.NewSecret()
	session := identity.Session{ID: newID(t), User: user.ID, CreatedAt: at, UsedAt: at, ExpiresAt: identity.Expiry(at, at)}
	require.NoError(t, o.OpenSession(t.Context(), identity.Opening{
		Session: session, Refresh: secret.Digest(), Verified: user.PasswordHash, Device: identity.NewSecret().Digest(),
	}, act(identity.ActSignedIn)))
	return session, secret
}

// verify checks the audit log.
func (o *opened) verify(t testing.TB) error {
	t.Helper()
	_, err := table.Verify(t.Context(), o.conn)
	return err
}

func TestTheAuditLogIsAsThePlatformsIs(t *testing.T) {
	o := open(t)
	o.user(t, "alice@example.com")
	auditlogtest.TestTable(t, o.conn)
	o.user(t, "bob@example.com")
	require.NoError(t, o.verify(t))
}

// Rows from before principals had a kind stay what they were, and the chain goes on behind them.
func TestAnAuditLogFromBeforePrincipalsHadAKindStaysWhole(t *testing.T) {
	url := postgrestest.Database(t)
	first, err := os.ReadFile("migrations/00001_identity.sql")
	require.NoError(t, err)
	old, err := database.Open(t.Context(), database.Config{URL: url, ApplicationName: "old"})
	require.NoError(t, err)
	defer old.Close()
	require.NoError(t, old.Migrate(t.Context(), database.Schema{Migrations: fstest.MapFS{"migrations/00001_identity.sql": {Data: first}}}, func() {}))
	var head auditlog.Head
	for range 3 {
		row := head.Next(auditlog.Record{At: noon, Act: identity.ActSignedIn, Who: "users/1", What: "sessions/1", Result: auditlog.ResultOK})
		head = row.Head()
		_, err := old.Exec(t.Context(), `INSERT INTO audit_log (sequence, at, act, who, what, address, trace_id, result, previous, hash)
VALUES ($1, $2, $3, $4, $5, '', '', $6, $7, $8)`, row.Sequence, row.At, row.Act, row.Who, row.What, row.Result, row.Previous[:], row.Hash[:])
		require.NoError(t, err)
	}
	_, err = old.Exec(t.Context(), "UPDATE audit_head SET sequence = $1, hash = $2", head.Sequence, head.Hash[:])
	require.NoError(t, err)

	o := openAt(t, url)
	require.NoError(t, o.verify(t))
	o.user(t, "alice@example.com")
	require.NoError(t, o.verify(t))
	o.exec(t, "ALTER TABLE audit_log DISABLE TRIGGER ALL; ALTER TABLE audit_log DROP CONSTRAINT audit_log_who_kind_check; UPDATE audit_log SET who_kind = 'USER' WHERE sequence = 2")
	require.ErrorContains(t, o.verify(t), "row 2 was changed")
	o.exec(t, "UPDATE audit_log SET who_kind = ''")
	require.ErrorContains(t, o.verify(t), "row 4 was changed")
}

func TestActsAtTheSameMomentAreOneChainAndEndsAreToldInTheOrderOfTheirCommits(t *testing.T) {
	o := open(t)
	const users, sessions = 8, 5
	var ending sync.WaitGroup
	told := make(map[id.ID]int)
	following, stop := context.WithCancel(t.Context())
	var reader sync.WaitGroup
	// A verifier that follows must miss none: what it has read up to never grows backwards.
	var position int64
	read := func() {
		ends, err := o.EndsAfter(t.Context(), position, noon)
		if err != nil {
			t.Error(err)
		}
		for _, end := range ends {
			told[end.Session]++
			position = end.Sequence
		}
	}
	reader.Go(func() {
		for following.Err() == nil {
			read()
		}
	})
	for n := range users {
		user := o.user(t, identity.Email(fmt.Sprintf("u%d@example.com", n)))
		for range sessions {
			session, _ := o.session(t, user, noon)
			ending.Go(func() {
				err := o.EndSession(t.Context(), identity.SessionEnd{Session: session.ID, User: user.ID, Reason: identity.SignedOut}, act(identity.ActSessionEnded))
				if err != nil {
					t.Error(err)
				}
			})
		}
	}
	ending.Wait()
	stop()
	reader.Wait()
	read()
	require.Len(t, told, users*sessions)
	for session, times := range told {
		require.Equal(t, 1, times, session)
	}
	require.NoError(t, o.verify(t))
	require.Equal(t, users+2*users*sessions, o.count(t, "audit_log"))
}

func TestASessionEndsOnceAndOnlyForItsUser(t *testing.T) {
	o := open(t)
	alice, bob := o.user(t, "alice@example.com"), o.user(t, "bob@example.com")
	session, secret := o.session(t, alice, noon)
	end := identity.SessionEnd{Session: session.ID, User: bob.ID, Reason: identity.EndedByUser}
	require.ErrorIs(t, o.EndSession(t.Context(), end, act(identity.ActSessionEnded)), identity.ErrNoSession)
	_, ok, err := o.Caller(t.Context(), session.ID, noon)
	require.NoError(t, err)
	require.True(t, ok)
	before := o.count(t, "audit_log")
	digest := secret.Digest()
	for range 2 {
		require.NoError(t, o.EndSession(t.Context(), identity.SessionEnd{Token: &digest, Reason: identity.SignedOut}, act(identity.ActSessionEnded)))
	}
	require.Equal(t, before+1, o.count(t, "audit_log"))
	require.Equal(t, 1, o.count(t, "ended_sessions"))
	_, ok, err = o.Caller(t.Context(), session.ID, noon)
	require.NoError(t, err)
	require.False(t, ok)
}

func TestASessionDoesNotOpenWithAPasswordThatWasChangedMeanwhile(t *testing.T) {
	o := open(t)
	alice := o.user(t, "alice@example.com")
	change := identity.PasswordChange{User: alice.ID, Email: alice.Email, Hash: hash + "2", Verified: hash, Reason: identity.PasswordChanged}
	require.NoError(t, o.SetPassword(t.Context(), change, act(identity.ActPasswordChanged)))
	require.ErrorIs(t, o.SetPassword(t.Context(), change, act(identity.ActPasswordChanged)), identity.ErrCredentials)
	err := o.OpenSession(t.Context(), identity.Opening{Session: identity.Session{ID: newID(t), User: alice.ID, CreatedAt: noon, ExpiresAt: noon}, Verified: hash}, act(identity.ActSignedIn))
	require.ErrorIs(t, err, identity.ErrCredentials)
	require.Zero(t, o.count(t, "sessions"))
}

func TestAnAddressHasOneAccount(t *testing.T) {
	o := open(t)
	var created, refused atomic.Int64
	var at sync.WaitGroup
	mail := identity.Mail{Email: "alice@example.com", Kind: identity.MailSignUp, RequestedAt: noon}
	tokens := make([]identity.Digest, 8)
	for i := range tokens {
		tokens[i] = identity.NewSecret().Digest()
		require.NoError(t, o.AddMailToken(t.Context(), mail, tokens[i], noon.Add(time.Hour)))
	}
	for i := range tokens {
		user := identity.User{ID: newID(t), Email: mail.Email, PasswordHash: hash, Roles: []identity.Role{identity.Customer}, CreatedAt: noon}
		at.Go(func() {
			switch err := o.CreateUser(t.Context(), user, &tokens[i], act(identity.ActUserCreated)); {
			case err == nil:
				created.Add(1)
			case errors.Is(err, identity.ErrMailToken):
				refused.Add(1)
			default:
				t.Error(err)
			}
		})
	}
	at.Wait()
	require.EqualValues(t, 1, created.Load())
	require.EqualValues(t, 7, refused.Load())
	require.Zero(t, o.count(t, "mail_tokens"), "the other tokens of the address are of no use any more")
}

// blocking runs a call that must wait for the rows that a transaction has locked, and then locks more rows in
// the transaction. The call must hold none of these: it would deadlock.
func (o *opened) blocking(t testing.TB, lock, more string, call func() error) {
	t.Helper()
	tx, err := o.conn.Begin(t.Context())
	require.NoError(t, err)
	_, err = tx.Exec(t.Context(), lock)
	require.NoError(t, err)
	called := make(chan error, 1)
	go func() { called <- call() }()
	await.Until(t, func() bool {
		var waits bool
		err := tx.QueryRow(t.Context(), `SELECT EXISTS (SELECT FROM pg_stat_activity WHERE pg_backend_pid() = ANY(pg_blocking_pids(pid)))`).Scan(&waits)
		return err == nil && waits
	}, time.Minute, time.Millisecond, "the call waits")
	_, err = tx.Exec(t.Context(), "SET LOCAL lock_timeout = '10ms'")
	require.NoError(t, err)
	_, err = tx.Exec(t.Context(), more)
	require.NoError(t, err, "the call holds what the transaction wants")
	require.NoError(t, tx.Commit(t.Context()))
	require.NoError(t, <-called)
}

func TestATokenOfAnEmailIsLockedNoSoonerThanTheOthers(t *testing.T) {
	o := open(t)
	mail := identity.Mail{Email: "alice@example.com", Kind: identity.MailSignUp, RequestedAt: noon}
	var last identity.Digest
	for range 3 {
		last = identity.NewSecret().Digest()
		require.NoError(t, o.AddMailToken(t.Context(), mail, last, noon.Add(time.Hour)))
	}
	user := identity.User{ID: newID(t), Email: mail.Email, PasswordHash: hash, Roles: []identity.Role{identity.Customer}, CreatedAt: noon}
	o.blocking(t, "SELECT FROM mail_tokens ORDER BY ctid LIMIT 1 FOR UPDATE", "SELECT FROM mail_tokens FOR UPDATE", func() error {
		return o.CreateUser(t.Context(), user, &last, act(identity.ActUserCreated))
	})
	require.Zero(t, o.count(t, "mail_tokens"))
}

func TestAttemptsAreForgivenInTheOrderInWhichTheyAreTaken(t *testing.T) {
	o := open(t)
	alice := o.user(t, "alice@example.com")
	counters := []identity.Counter{{Key: "b", Limit: identity.Limit{Free: 3, Window: time.Hour}}, {Key: "a", Limit: identity.Limit{Free: 3, Window: time.Hour}}}
	for i := range counters { // They are stored in the other order.
		_, _, err := o.Take(t.Context(), noon, counters[i:i+1])
		require.NoError(t, err)
	}
	o.blocking(t, "SELECT FROM attempts WHERE key = 'a' FOR UPDATE", "SELECT FROM attempts WHERE key = 'b' FOR UPDATE", func() error {
		session := identity.Session{ID: newID(t), User: alice.ID, CreatedAt: noon, UsedAt: noon, ExpiresAt: noon.Add(time.Hour)}
		opening := identity.Opening{Session: session, Verified: hash, Forgive: counters}
		return o.OpenSession(t.Context(), opening, act(identity.ActSignedIn))
	})
	var left int
	require.NoError(t, o.conn.QueryRow(t.Context(), "SELECT sum(count) FROM attempts").Scan(&left))
	require.Zero(t, left, "they are forgiven")
}

func TestAnAttemptThatWasNotCheckedIsGivenBackAlone(t *testing.T) {
	o := open(t)
	limit := identity.Limit{Free: 9, Window: time.Hour}
	counters := []identity.Counter{{Key: "b", Limit: limit}, {Key: "a", Limit: limit, Shared: true}}
	for _, taken := range [][]identity.Counter{counters[:1], counters[1:], counters[:1]} { // They are stored in the other order.
		_, _, err := o.Take(t.Context(), noon, taken)
		require.NoError(t, err)
	}
	left := func() (a, b int) {
		require.NoError(t, o.conn.QueryRow(t.Context(), "SELECT a.count, b.count FROM attempts a, attempts b WHERE a.key = 'a' AND b.key = 'b'").Scan(&a, &b))
		return a, b
	}
	o.blocking(t, "SELECT FROM attempts WHERE key = 'a' FOR UPDATE", "SELECT FROM attempts WHERE key = 'b' FOR UPDATE", func() error {
		return o.GiveBack(t.Context(), counters)
	})
	a, b := left()
	require.Equal(t, []int{0, 1}, []int{a, b}, "the attempts before it stay")
	require.NoError(t, o.GiveBack(t.Context(), counters[1:]))
	a, b = left()
	require.Equal(t, []int{0, 1}, []int{a, b}, "never less than none")
}

func TestPruningSkipsWhatACallerHasLocked(t *testing.T) {
	o := open(t)
	for _, key := range []string{"a", "b"} {
		_, _, err := o.Take(t.Context(), noon, []identity.Counter{{Key: key, Limit: identity.Limit{Free: 3, Window: time.Hour}}})
		require.NoError(t, err)
	}
	tx, err := o.conn.Begin(t.Context())
	require.NoError(t, err)
	_, err = tx.Exec(t.Context(), "SELECT FROM attempts WHERE key = 'b' FOR UPDATE")
	require.NoError(t, err)
	require.NoError(t, o.Prune(t.Context(), noon.AddDate(0, 0, 7)))
	require.NoError(t, tx.Commit(t.Context()))
	require.Equal(t, 1, o.count(t, "attempts"))
	require.NoError(t, o.Prune(t.Context(), noon.AddDate(0, 0, 7)))
	require.Zero(t, o.count(t, "attempts"))
}

func TestAttemptsAtTheSameMomentAreAllCounted(t *testing.T) {
	o := open(t)
	counters := []identity.Counter{{Key: "b", Limit: identity.Limit{Free: 3, Pause: time.Hour, Window: time.Hour}}, {Key: "a", Limit: identity.Limit{Free: 100, Window: time.Hour}}}
	var taken, last atomic.Int64
	var at sync.WaitGroup
	for range 32 {
		at.Go(func() {
			wait, isLast, err := o.Take(t.Context(), noon, counters)
			if err != nil {
				t.Error(err)
			}
			if wait == 0 {
				taken.Add(1)
			}
			if isLast {
				last.Add(1)
			}
		})
	}
	at.Wait()
	require.EqualValues(t, 3, taken.Load())
	require.EqualValues(t, 1, last.Load())
	require.EqualValues(t, 29, o.Stats().AttemptsRefused)
	var count int
	require.NoError(t, o.conn.QueryRow(t.Context(), "SELECT count FROM attempts WHERE key = 'a'").Scan(&count))
	require.Equal(t, 3, count, "an attempt that one counter refuses is not counted by the other")
}

func TestAnEmailIsSentOnceInAWhileAndTriedAgain(t *testing.T) {
	o := open(t)
	mail := identity.Mail{Email: "alice@example.com", Kind: identity.MailSignUp, RequestedAt: noon}
	for range 3 {
		require.NoError(t, o.RequestMail(t.Context(), mail, act(identity.ActSignUpRequested)))
	}
	require.Equal(t, 1, o.count(t, "audit_log"), "what changes nothing is no act")
	var claims atomic.Int64
	var at sync.WaitGroup
	for range 8 {
		at.Go(func() {
			_, ok, err := o.ClaimMail(t.Context(), noon)
			if err != nil {
				t.Error(err)
			}
			if ok {
				claims.Add(1)
			}
		})
	}
	at.Wait()
	require.EqualValues(t, 1, claims.Load(), "one sender has it")
	claimed, ok, err := o.ClaimMail(t.Context(), noon.Add(5*time.Second))
	require.NoError(t, err)
	require.True(t, ok, "it is tried again")
	require.NoError(t, o.MailSent(t.Context(), claimed, noon.Add(5*time.Second)))
	_, ok, err = o.ClaimMail(t.Context(), noon.Add(time.Hour))
	require.NoError(t, err)
	require.False(t, ok)
	mail.RequestedAt = noon.Add(30 * time.Second)
	require.NoError(t, o.RequestMail(t.Context(), mail, act(identity.ActSignUpRequested)))
	require.Equal(t, 1, o.count(t, "audit_log"), "one was sent a moment ago")
	mail.RequestedAt = noon.Add(2 * time.Minute)
	require.NoError(t, o.RequestMail(t.Context(), mail, act(identity.ActSignUpRequested)))
	late := noon.Add(2 * time.Minute)
	for n := 0; ; n++ {
		_, ok, err := o.ClaimMail(t.Context(), late)
		require.NoError(t, err)
		if !ok {
			require.Equal(t, identity.MailTries, n, "it is given up")
			waiting, givenUp, err := o.MailBacklog(t.Context())
			require.NoError(t, err)
			require.Equal(t, []int64{0, 1}, []int64{waiting, givenUp})
			break
		}
		late = late.Add(time.Hour)
	}
	mail.RequestedAt = late
	require.NoError(t, o.RequestMail(t.Context(), mail, act(identity.ActSignUpRequested)))
	_, ok, err = o.ClaimMail(t.Context(), late)
	require.NoError(t, err)
	require.True(t, ok, "a new request is a new e-mail")
}

func TestRolesAreChangedAndATakenOneEndsTheSessions(t *testing.T) {
	o := open(t)
	alice := o.user(t, "alice@example.com")
	o.session(t, alice, noon)
	user, err := o.ChangeRoles(t.Context(), alice.Email, identity.RoleChange{Add: []identity.Role{identity.Operator, identity.Customer}}, act(identity.ActRolesChanged))
	require.NoError(t, err)
	require.Equal(t, []identity.Role{identity.Customer, identity.Operator}, user.Roles)
	require.Zero(t, o.count(t, "ended_sessions"))
	user, err = o.ChangeRoles(t.Context(), alice.Email, identity.RoleChange{Take: []identity.Role{identity.Customer}}, act(identity.ActRolesChanged))
	require.NoError(t, err)
	require.Equal(t, []identity.Role{identity.Operator}, user.Roles)
	require.Equal(t, 1, o.count(t, "ended_sessions"))
	require.Equal(t, map[auditlog.Act]int64{identity.ActUserCreated: 1, identity.ActSignedIn: 1, identity.ActRolesChanged: 2}, o.Stats().Acts)
	_, err = o.ChangeRoles(t.Context(), "nobody@example.com", identity.RoleChange{}, act(identity.ActRolesChanged))
	require.ErrorIs(t, err, identity.ErrNoUser)
}

func TestWhatIsTooOldIsDeletedAndNothingElse(t *testing.T) {
	o := open(t)
	alice := o.user(t, "alice@example.com")
	session, secret := o.session(t, alice, noon)
	o.session(t, alice, noon)
	nonce := identity.NewNonce()
	_, err := o.Refresh(t.Context(), identity.Presented{Token: secret.Digest(), At: noon, Nonce: nonce, Successor: secret.Successor(nonce).Digest()}, act(identity.ActRefreshReused))
	require.NoError(t, err)
	require.NoError(t, o.EndSession(t.Context(), identity.SessionEnd{Session: session.ID, User: alice.ID, Reason: identity.SignedOut}, act(identity.ActSessionEnded)))
	mail := identity.Mail{Email: alice.Email, Kind: identity.MailSignUp, RequestedAt: noon}
	require.NoError(t, o.RequestMail(t.Context(), mail, act(identity.ActSignUpRequested)))
	require.NoError(t, o.AddMailToken(t.Context(), mail, secret.Digest(), noon.Add(time.Hour)))
	_, _, err = o.Take(t.Context(), noon, []identity.Counter{{Key: "a", Limit: identity.Limit{Free: 1, Window: time.Hour}}})
	require.NoError(t, err)
	tables := []string{"refresh_tokens WHERE nonce IS NOT NULL", "sessions", "refresh_tokens", "devices", "ended_sessions", "attempts", "mails", "mail_tokens"}
	require.NoError(t, o.Prune(t.Context(), noon))
	counts := func() (all []int) {
		for _, table := range tables {
			all = append(all, o.count(t, table))
		}
		return all
	}
	require.Equal(t, []int{1, 2, 3, 2, 1, 1, 1, 1}, counts())
	require.NoError(t, o.Prune(t.Context(), noon.Add(time.Minute)))
	require.Equal(t, []int{0, 2, 3, 2, 1, 1, 1, 1}, counts())
	require.NoError(t, o.Prune(t.Context(), noon.Add(26*time.Hour)))
	require.Equal(t, []int{0, 2, 3, 2, 0, 0, 0, 0}, counts())
	require.NoError(t, o.Prune(t.Context(), noon.Add(31*24*time.Hour)))
	require.Equal(t, []int{0, 1, 1, 2, 0, 0, 0, 0}, counts(), "the ended session")
	require.NoError(t, o.Prune(t.Context(), noon.Add(400*24*time.Hour)))
	require.Equal(t, []int{0, 0, 0, 0, 0, 0, 0, 0}, counts())
	require.Equal(t, 1, o.count(t, "users"))
	require.NoError(t, o.verify(t), "the audit log is never deleted")
}

// A store that is ready can do everything: calls need no privilege that readiness does not check.
func TestCallsNeedOnlyWhatReadinessChecks(t *testing.T) {
	o := open(t)
	url := o.conn.Config().ConnString()
	o.Store.Close()
	databasetest.Needy(t, url, nil, func(address string) error {
		store, err := postgres.Open(t.Context(), postgres.Config{URL: address})
		require.NoError(t, err)
		t.Cleanup(store.Close)
		o.Store = store
		require.NoError(t, store.Prepare(t.Context(), slog.New(slog.DiscardHandler)))
		return store.Ready(t.Context())
	})
	alice := o.user(t, "alice@example.com")
	_, secret := o.session(t, alice, noon)
	nonce := identity.NewNonce()
	presented := identity.Presented{Token: secret.Digest(), At: noon, Nonce: nonce, Successor: secret.Successor(nonce).Digest()}
	_, err := o.Refresh(t.Context(), presented, act(identity.ActRefreshReused))
	require.NoError(t, err)
	presented.At = noon.Add(time.Minute)
	stolen, err := o.Refresh(t.Context(), presented, act(identity.ActRefreshReused))
	require.NoError(t, err)
	require.Equal(t, identity.RefreshStolen, stolen.Outcome)
	require.Equal(t, map[identity.RefreshOutcome]int64{identity.RefreshRotated: 1, identity.RefreshStolen: 1}, o.Stats().Refreshes)
	require.EqualValues(t, 1, o.Stats().Acts[identity.ActRefreshReused])
	_, known, _, err := o.Candidate(t.Context(), alice.Email, nil)
	require.NoError(t, err)
	require.True(t, known)
	counters := identity.PasswordCounters(alice.Email, netip.Addr{}, nil)
	_, _, err = o.Take(t.Context(), noon, counters)
	require.NoError(t, err)
	require.NoError(t, o.GiveBack(t.Context(), counters))
	change := identity.PasswordChange{User: alice.ID, Email: alice.Email, Hash: hash, Reason: identity.PasswordChanged, Forgive: counters}
	require.NoError(t, o.SetPassword(t.Context(), change, act(identity.ActPasswordChanged)))
	_, err = o.ChangeRoles(t.Context(), alice.Email, identity.RoleChange{Add: []identity.Role{identity.Operator}}, act(identity.ActRolesChanged))
	require.NoError(t, err)
	mail, ok, err := o.ClaimMail(t.Context(), noon)
	require.NoError(t, err)
	require.True(t, ok)
	require.NoError(t, o.AddMailToken(t.Context(), mail, presented.Token, noon.Add(time.Hour)))
	_, err = o.MailToken(t.Context(), mail.Kind, presented.Token, noon)
	require.NoError(t, err)
	require.NoError(t, o.MailSent(t.Context(), mail, noon))
	_, err = o.ListSessions(t.Context(), alice.ID, noon)
	require.NoError(t, err)
	_, err = o.EndsAfter(t.Context(), 0, noon)
	require.NoError(t, err)
	require.NoError(t, o.Prune(t.Context(), noon.Add(400*24*time.Hour)))
	require.NoError(t, o.verify(t))
}
