package postgres_test

import (
	"context"
	"testing"
	"time"

	"codebank.dev/platform/auditlog"
	"codebank.dev/platform/auditlog/auditlogtest"
	"codebank.dev/platform/auditlog/table"
	"codebank.dev/platform/fault"
	"codebank.dev/platform/id"
	"codebank.dev/schemas/event"
	"codebank.dev/statement"
	"codebank.dev/statement/postgres"
	"codebank.dev/statement/statementtest"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

const carol = "0c3e0b1f-6d6b-4f63-9d1c-6a3bb2f4c903"

// linkRecord returns the record of a link to a user.
func linkRecord(user string) auditlog.Record {
	record := auditlogtest.Record(statement.ActLink)
	record.What = user
	return record
}

// linkedUsers returns the users of the records of links in the audit log, and requires that the log is whole.
func linkedUsers(t *testing.T, url string) (users []string) {
	t.Helper()
	conn := as(t, url, postgres.AuditorRole)
	_, err := table.Verify(t.Context(), conn)
	require.NoError(t, err)
	_, err = table.Rows(t.Context(), conn, func(row auditlog.Row) error {
		if row.Act == statement.ActLink {
			users = append(users, row.What)
		}
		return nil
	})
	require.NoError(t, err)
	return users
}

func link(t *testing.T, store *postgres.Store, customer, user string) error {
	t.Helper()
	return store.LinkCustomer(t.Context(), statement.Link{Customer: accountID(customer), User: accountID(user), By: "operator"}, linkRecord(user))
}

// requireSees reads an account in every way there is, and requires that a reader sees it in all or in none.
func requireSees(t *testing.T, store *postgres.Store, reader statement.Reader, sees bool) {
	t.Helper()
	service := statement.NewService(store)
	_, state := service.State(t.Context(), reader, aliceID)
	_, page := service.Page(t.Context(), statement.PageQuery{Reader: reader, Account: aliceID, Size: 1})
	_, pending := service.PendingHolds(t.Context(), statement.HoldQuery{Reader: reader, Account: aliceID, Size: 1})
	lines, err := store.Lines(t.Context(), statement.LineQuery{Reader: reader, Account: aliceID, Below: 100, Limit: 9})
	require.NoError(t, err)
	holds, err := store.Lines(t.Context(), statement.LineQuery{Reader: reader, Account: aliceID, Below: 100, Limit: 9, Holds: true})
	require.NoError(t, err)
	boundary, err := store.Boundary(t.Context(), reader, aliceID, statementtest.Opened.Add(time.Hour))
	require.NoError(t, err)
	if sees {
		for _, err := range []error{state, page, pending} {
			require.NoError(t, err)
		}
		require.Len(t, lines, 3)
		require.Len(t, holds, 1)
		require.EqualValues(t, 4, boundary)
		return
	}
	_, missing := service.State(t.Context(), reader, id.ID{1})
	for _, err := range []error{state, page, pending, missing} {
		require.Equal(t, fault.Of(statement.ErrNoAccount), fault.Of(err), "as if it were not there")
	}
	require.Empty(t, lines)
	require.Empty(t, holds)
	require.Zero(t, boundary)
}

// An account is there for its owner and for who sees everything, before and after its state is stored.
func TestAnAccountIsThereForItsOwnerOnly(t *testing.T) {
	for name, before := range map[string]func(*testing.T, *postgres.Store){
		"before its state is stored": func(*testing.T, *postgres.Store) {},
		"after":                      func(t *testing.T, store *postgres.Store) { requireSees(t, store, statement.Everybody, true) },
	} {
		t.Run(name, func(t *testing.T) {
			store, sink, _ := opened(t)
			hold := statementtest.Purchase(alice, 3)
			hold.Kind, hold.HoldID = event.KindHold, hold.TransactionID
			sink.Write(t, statementtest.Opening(alice), statementtest.Purchase(alice, 2), hold)
			before(t, store)
			for _, stranger := range []statement.Reader{bob, "", alice, "%", "NULL"} {
				requireSees(t, store, stranger, false)
			}
			requireSees(t, store, customer, true)
			requireSees(t, store, statement.Everybody, true)
		})
	}
}

// A link takes an account from the user with the customer's UUID to another one, for good.
func TestALinkDecidesWhoOwnsACustomer(t *testing.T) {
	store, sink, _ := opened(t)
	hold := statementtest.Purchase(alice, 3)
	hold.Kind, hold.HoldID = event.KindHold, hold.TransactionID
	sink.Write(t, statementtest.Opening(alice), statementtest.Purchase(alice, 2), hold)
	require.NoError(t, link(t, store, bob, carol), "another customer")
	requireSees(t, store, customer, true)
	requireSees(t, store, carol, false)
	for range 2 {
		require.NoError(t, link(t, store, statementtest.Customer, bob))
	}
	require.ErrorIs(t, link(t, store, statementtest.Customer, carol), statement.ErrCustomerLinked)
	require.ErrorIs(t, link(t, store, statementtest.Customer, statementtest.Customer), statement.ErrCustomerLinked)
	requireSees(t, store, bob, true)
	requireSees(t, store, customer, false)
	requireSees(t, store, carol, false)
	var by string
	require.NoError(t, sink.Pool().QueryRow(t.Context(), "SELECT linked_by FROM customer_links WHERE customer_id = $1", statementtest.Customer).Scan(&by))
	require.Equal(t, "operator", by)
}

// An account without a customer belongs to no user.
func TestAnAccountWithoutACustomerIsNoUsers(t *testing.T) {
	store, sink, _ := opened(t)
	hold := statementtest.Purchase(alice, 3)
	hold.Kind, hold.HoldID = event.KindHold, hold.TransactionID
	events := []event.Transaction{statementtest.Opening(alice), statementtest.Purchase(alice, 2), hold}
	for i := range events {
		events[i].CustomerID = ""
	}
	sink.Write(t, events...)
	requireSees(t, store, customer, false)
	requireSees(t, store, "", false)
	requireSees(t, store, statement.Everybody, true)
}

// Of users who are linked to a customer at once, one gets it and the others are refused.
func TestOfLinksAtOnceOneWins(t *testing.T) {
	store, _, url := opened(t)
	users := []string{alice, bob, carol}
	results := make(chan error, len(users))
	for _, user := range users {
		go func() {
			results <- store.LinkCustomer(t.Context(),
				statement.Link{Customer: accountID(statementtest.Customer), User: accountID(user), By: "operator"}, linkRecord(user))
		}()
	}
	refused := 0
	for range users {
		if err := <-results; err != nil {
			require.ErrorIs(t, err, statement.ErrCustomerLinked)
			refused++
		}
	}
	require.Equal(t, len(users)-1, refused)
	require.Len(t, linkedUsers(t, url), 1, "who was refused has no record")
}

func TestTheAuditLogIsAsThePlatformsIs(t *testing.T) {
	store, _, url := opened(t)
	conn, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	defer conn.Close(context.Background())
	auditlogtest.TestTable(t, conn)
	head, err := store.AuditHead(t.Context())
	require.NoError(t, err)
	require.EqualValues(t, 2, head.Sequence)
}

// A link and its record are one commit. What changes nothing, a repeat or a refusal, has no record, and a link
// whose record the log refuses is not made.
func TestALinkAndItsRecordAreCommittedTogetherOrNotAtAll(t *testing.T) {
	store, sink, url := opened(t)
	for range 2 {
		require.NoError(t, link(t, store, statementtest.Customer, bob))
	}
	require.ErrorIs(t, link(t, store, statementtest.Customer, carol), statement.ErrCustomerLinked)
	require.Equal(t, []string{bob}, linkedUsers(t, url))

	nameless := linkRecord(bob)
	nameless.WhoKind = ""
	require.Error(t, store.LinkCustomer(t.Context(), statement.Link{Customer: accountID(alice), User: accountID(bob), By: "operator"}, nameless))
	var links int
	require.NoError(t, sink.Pool().QueryRow(t.Context(), "SELECT count(*) FROM customer_links").Scan(&links))
	require.Equal(t, 1, links)
	require.Equal(t, []string{bob}, linkedUsers(t, url))
}
