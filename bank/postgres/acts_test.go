package postgres_test

import (
	"context"
	"crypto/rand"
	"sync"
	"testing"

	"codebank.dev/bank"
	"codebank.dev/bank/banktest"
	"codebank.dev/bank/card"
	"codebank.dev/bank/postgres"
	"codebank.dev/native/postgres/postgrestest"
	"codebank.dev/platform/auditlog"
	"codebank.dev/platform/auditlog/auditlogtest"
	"codebank.dev/platform/auditlog/table"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

// audited is a ledger in whose audit log a teller's acts are, and a connection beside it.
type audited struct {
	*postgres.Store
	conn   *pgx.Conn
	teller bank.Submitter
	others bank.Submitter
}

func openAudited(t *testing.T, config postgres.Config) *audited {
	t.Helper()
	config.URL = postgrestest.Database(t)
	a := &audited{Store: openWith(t, config)}
	var err error
	a.conn, err = pgx.Connect(t.Context(), config.URL)
	require.NoError(t, err)
	t.Cleanup(func() { _ = a.conn.Close(context.WithoutCancel(t.Context())) })
	executor := newExecutor(t, a.Store)
	a.teller = &bank.Audited{Submitter: executor, Actor: func(context.Context) (bank.Actor, bool) {
		return bank.Actor{Name: "teller", Address: "192.0.2.1", Trace: "0af7651916cd43dd8448eb211c80319c"}, true
	}}
	a.others = &bank.Audited{Submitter: executor, Actor: func(context.Context) (bank.Actor, bool) { return bank.Actor{}, false }}
	return a
}

// records returns what the audit log says, without times, and checks it.
func (a *audited) records(t *testing.T) []auditlog.Record {
	t.Helper()
	_, err := table.Verify(t.Context(), a.conn)
	require.NoError(t, err)
	var records []auditlog.Record
	_, err = table.Rows(t.Context(), a.conn, func(row auditlog.Row) error {
		require.NotZero(t, row.At)
		record := row.Record
		record.At = banktest.Start
		records = append(records, record)
		return nil
	})
	require.NoError(t, err)
	return records
}

func TestTheAuditLogIsAsThePlatformsIs(t *testing.T) {
	auditlogtest.TestTable(t, openAudited(t, postgres.Config{}).conn)
}

func TestWhatAnOperatorDoesIsInTheAuditLog(t *testing.T) {
	for name, config := range map[string]postgres.Config{"decided without locks": {}, "decided under locks": {LockAlways: true}} {
		t.Run(name, func(t *testing.T) {
			a := openAudited(t, config)
			wallets := openWallets(t, a, 2, 1000)
			customer := banktest.OpenCustomer(t, a, 1000)
			cards := &card.Service{Code: "001", Ledger: a.teller, Directory: a.Store, Random: rand.Reader}
			require.Empty(t, a.records(t))

			given := &transfer{id: banktest.NewID(), from: wallets[0], to: wallets[1], amount: 600}
			declined := &transfer{id: banktest.NewID(), from: wallets[0], to: wallets[1], amount: 600}
			for range 2 { // The second time nothing happens.
				for _, result := range a.teller.SubmitAll(t.Context(), []bank.Command{given, declined}) {
					require.NoError(t, result.Err)
				}
			}
			for _, blocked := range []bool{true, false} {
				_, err := cards.SetBlocked(t.Context(), card.BlockRequest{Name: "cards/" + customer.Card.String(), Side: bank.BlockedByBank, Blocked: blocked})
				require.NoError(t, err)
			}
			for range 2 { // The second time nothing happens.
				actor := bank.Actor{Name: "teller", Address: "192.0.2.1", Trace: "0af7651916cd43dd8448eb211c80319c"}
				link := bank.CustomerLink{CustomerID: customer.Card, UserID: customer.Account, LinkedAt: banktest.Start, LinkedBy: "teller"}
				_, err := a.LinkCustomer(t.Context(), link, actor.Record(banktest.Start, bank.ActLink, "customers/a users/b", auditlog.ResultOK))
				require.NoError(t, err)
			}
			_, err := a.others.Submit(t.Context(), &transfer{id: banktest.NewID(), from: wallets[1], to: wallets[0], amount: 1})
			require.NoError(t, err)

			record := func(act auditlog.Act, what, result string) auditlog.Record {
				return auditlog.Record{
					At: banktest.Start, Act: act, WhoKind: "OPERATOR", Who: "teller", What: what, Address: "192.0.2.1",
					Trace: "0af7651916cd43dd8448eb211c80319c", Result: result,
				}
			}
			require.Equal(t, []auditlog.Record{
				record("TRANSFER", "transactions/"+given.id.String(), auditlog.ResultOK),
				record("TRANSFER", "transactions/"+declined.id.String(), "DECLINED INSUFFICIENT_FUNDS"),
				record(bank.ActBlock, "cards/"+customer.Card.String(), auditlog.ResultOK),
				record(bank.ActUnblock, "cards/"+customer.Card.String(), auditlog.ResultOK),
				record(bank.ActLink, "customers/a users/b", auditlog.ResultOK),
			}, a.records(t))
		})
	}
}

// An act and its record are one commit. A record that the log refuses takes its act with it, and an act that is
// refused its record.
func TestAnActAndItsRecordAreCommittedTogetherOrNotAtAll(t *testing.T) {
	for name, config := range map[string]postgres.Config{"decided without locks": {}, "decided under locks": {LockAlways: true}} {
		t.Run(name, func(t *testing.T) {
			a := openAudited(t, config)
			act := func(account bank.Account, opening bank.Entry, record auditlog.Record) error {
				return banktest.Try(t.Context(), a, bank.Keys{Transactions: []bank.ID{opening.TransactionID}}, func(book *bank.Book) error {
					if book.Entry(opening.TransactionID) != nil {
						return nil
					}
					book.Open(account)
					_, err := book.Post(opening, bank.Effect{}, banktest.Start)
					book.Audit(record)
					return err
				})
			}
			account := banktest.NewAccount()
			opening := banktest.Opening(account.ID)
			refused := auditlogtest.Record("OPENING")
			refused.WhoKind = ""
			require.ErrorIs(t, act(account, opening, refused), bank.ErrRejected)
			_, err := a.Account(t.Context(), account.ID)
			require.ErrorIs(t, err, bank.ErrNotFound)
			require.Empty(t, a.records(t))

			broken := opening
			broken.Status = 99
			require.ErrorIs(t, act(account, broken, auditlogtest.Record("OPENING")), bank.ErrRejected)
			require.Empty(t, a.records(t))

			require.NoError(t, act(account, opening, auditlogtest.Record("OPENING")))
			_, err = a.Account(t.Context(), account.ID)
			require.NoError(t, err)
			require.Len(t, a.records(t), 1)
		})
	}
}

// What no operator does neither waits for the audit log nor locks it.
func TestWhoIsNoOperatorDoesNotMeetTheAuditLog(t *testing.T) {
	a := openAudited(t, postgres.Config{})
	customer := banktest.OpenCustomer(t, a, 1000)
	tx, err := a.conn.Begin(t.Context())
	require.NoError(t, err)
	_, err = tx.Exec(t.Context(), "SELECT FROM audit_head FOR UPDATE")
	require.NoError(t, err)
	banktest.Buy(t, a, customer, 100)

	record := func(book *bank.Book) error {
		book.Audit(auditlogtest.Record("BLOCK"))
		return nil
	}
	require.ErrorIs(t, a.Execute(t.Context(), bank.Keys{}, record), bank.ErrRetry, "an operator's batch waits for the lock, and is tried again")
	require.NoError(t, tx.Rollback(t.Context()))
	banktest.Commit(t, a, bank.Keys{}, record)
	require.Len(t, a.records(t), 1)
}

func TestActsOfSeveralProcessesAreOneChain(t *testing.T) {
	a := openAudited(t, postgres.Config{})
	other := &bank.Audited{
		Submitter: newExecutor(t, openAt(t, a.conn.Config().ConnString())),
		Actor:     func(context.Context) (bank.Actor, bool) { return bank.Actor{Name: "other"}, true },
	}
	wallets := openWallets(t, a, 8, 1000)
	const each = 20
	var acting sync.WaitGroup
	for i, wallet := range wallets {
		acting.Go(func() {
			for n := range each {
				ledger := a.teller
				if (i+n)%2 == 0 {
					ledger = other
				}
				if _, err := ledger.Submit(t.Context(), &transfer{id: banktest.NewID(), from: wallet, to: wallets[(i+1)%len(wallets)], amount: 1}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	acting.Wait()
	by := make(map[string]int)
	for _, record := range a.records(t) {
		by[record.Who]++
	}
	require.Equal(t, map[string]int{"teller": len(wallets) * each / 2, "other": len(wallets) * each / 2}, by)
}
