package postgres_test

import (
	"sync"
	"testing"

	"codebank.dev/bank"
	"codebank.dev/bank/banktest"
	"codebank.dev/bank/postgres"
	"codebank.dev/native/postgres/postgrestest"
	"codebank.dev/platform/database"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

func TestSeveralProcessesMayMigrateAtOnce(t *testing.T) {
	url := postgrestest.Database(t)
	var group sync.WaitGroup
	for range 3 {
		group.Go(func() {
			store, err := postgres.Open(t.Context(), postgres.Config{URL: url, BankCode: "001"})
			if err != nil {
				t.Error(err)
				return
			}
			defer store.Close()
			if err := store.Migrate(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	banktest.OpenCustomer(t, openAt(t, url), 1)
}

func TestALedgerBelongsToOneBank(t *testing.T) {
	url := postgrestest.Database(t)
	openAt(t, url)
	other, err := postgres.Open(t.Context(), postgres.Config{URL: url, BankCode: "002"})
	require.NoError(t, err)
	defer other.Close()
	require.ErrorIs(t, other.Migrate(t.Context()), postgres.ErrOtherBank)
	owner, err := other.Owner(t.Context())
	require.NoError(t, err)
	require.Equal(t, bank.Code("001"), owner)
}

func TestAnAddressThatCannotBeReadIsRefusedWithoutItsPassword(t *testing.T) {
	_, err := postgres.Open(t.Context(), postgres.Config{URL: "postgres://user:s3cret@host:notaport/db"})
	require.Error(t, err)
	require.NotContains(t, err.Error(), "s3cret")
}

// The database itself refuses entries that no rule would ever write.
func TestTheDatabaseRefusesBrokenInvariants(t *testing.T) {
	url := postgrestest.Database(t)
	store := openAt(t, url)
	customer := banktest.OpenCustomer(t, store, 1000)
	banktest.Buy(t, store, customer, 10)
	conn, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	defer conn.Close(t.Context())
	for name, sql := range map[string]string{
		"an entry never changes":          `UPDATE entries SET amount = 1`,
		"an entry is never deleted":       `DELETE FROM entries`,
		"entries are never emptied":       `TRUNCATE entries`,
		"an account is never deleted":     `DELETE FROM accounts`,
		"what is held is not negative":    `UPDATE accounts SET held = -1`,
		"a card number is found once":     `INSERT INTO vault SELECT gen_random_uuid(), lookup, key_id, ciphertext FROM vault`,
		"an account's sequence is unique": `INSERT INTO entries SELECT (jsonb_populate_record(e, '{"leg": 1}')).* FROM entries e`,
		"there is one lease":              `INSERT INTO relay_lease VALUES (true, '', 0, now(), 0)`,
		"there is one bank":               `INSERT INTO bank VALUES (false, '002')`,
	} {
		_, err := conn.Exec(t.Context(), sql)
		require.Error(t, err, name)
	}
	account, err := store.Account(t.Context(), customer.Account)
	require.NoError(t, err)
	require.Equal(t, bank.Account{ID: account.ID, CustomerID: account.CustomerID, Kind: bank.AccountCard, Currency: banktest.BRL,
		Balance: -10, CreditLimit: 1000, Sequence: 2, LastAt: banktest.Start}, account)
}

// In a ledger from before version 2 of the event, the cards that were used are known by their
// purchases, and the entries read as they were.
func TestCardsThatWereUsedBeforeTheMigrationAreKnown(t *testing.T) {
	url := postgrestest.Database(t)
	store := openAt(t, url)
	customers := banktest.OpenCustomers(t, store, 3, 1000)
	used, declined, unused := customers[0], customers[1], customers[2]
	before := banktest.Buy(t, store, used, 10)
	banktest.Commit(t, store, banktest.KeysOf(declined), func(book *bank.Book) error {
		entry := banktest.Purchase(declined, banktest.NewID(), 10)
		entry.Status, entry.Decline = bank.Declined, bank.Blocked
		entry.DebitAccount, entry.CreditAccount = bank.ID{}, bank.ID{}
		_, err := book.Post(entry, bank.Effect{}, banktest.Start)
		return err
	})
	conn, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	defer conn.Close(t.Context())
	for _, undo := range []string{
		`DROP VIEW refusals`, `ALTER TABLE entries DROP COLUMN card_use, DROP COLUMN risk_score, DROP COLUMN risk_rule`,
		`DROP TRIGGER entries_end_whole_hold ON entries`,
		`ALTER TABLE entries DROP COLUMN counterparty_account_id, DROP COLUMN counterparty_bank_code, DROP COLUMN hold_id,
			DROP COLUMN hold_expires_at, DROP COLUMN merchant_reference, DROP COLUMN mode, DROP COLUMN principal_kind,
			DROP COLUMN event_version`,
		`CREATE VIEW refusals AS SELECT * FROM entries WHERE account_id IS NULL`,
		`ALTER TABLE cards DROP COLUMN used`, `DROP TABLE used_tokens`, `ALTER TABLE outbox DROP COLUMN republished`,
		`DROP TABLE audit_log, audit_head`, `DROP FUNCTION refuse_audit_log_change`,
		`DELETE FROM migrations WHERE version_id >= 4`,
	} {
		_, err := conn.Exec(t.Context(), undo)
		require.NoError(t, err, undo)
	}

	store = openAt(t, url)
	for customer, want := range map[banktest.Customer]bool{used: true, declined: false, unused: false} {
		card, _, err := store.Card(t.Context(), customer.Card)
		require.NoError(t, err)
		require.Equal(t, want, card.Used)
	}
	entry, _, err := store.Transaction(t.Context(), before.TransactionID)
	require.NoError(t, err)
	require.Zero(t, entry.CardUse)
	require.Zero(t, entry.Risk)
	require.Equal(t, before.Sequence, entry.Sequence)
}

// A bank from before a block had a side blocks and unblocks cards as the bank.
func TestABlockWithoutASideIsTheBanks(t *testing.T) {
	url := postgrestest.Database(t)
	store := openAt(t, url)
	customer := banktest.OpenCustomer(t, store, 1000)
	conn, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	defer conn.Close(t.Context())
	blocks := func() bank.Blocks {
		card, _, err := openAt(t, url).Card(t.Context(), customer.Card)
		require.NoError(t, err)
		return card.Blocks
	}
	for _, undo := range []string{
		`UPDATE cards SET blocked = true`, `ALTER TABLE cards DROP COLUMN blocks`, `DROP TABLE customer_links`,
		`DELETE FROM migrations WHERE version_id >= 13`,
	} {
		_, err := conn.Exec(t.Context(), undo)
		require.NoError(t, err, undo)
	}
	require.Equal(t, bank.BlockedByBank, blocks(), "what was blocked before is blocked by the bank")

	banktest.Commit(t, openAt(t, url), banktest.KeysOf(customer), func(book *bank.Book) error {
		card, _ := book.Card(customer.Card)
		card.Blocks = card.Blocks.With(bank.BlockedByHolder, true)
		book.SetCard(card)
		return nil
	})
	require.Equal(t, bank.BlockedByBank|bank.BlockedByHolder, blocks())
	_, err = conn.Exec(t.Context(), `UPDATE cards SET blocked = false`)
	require.NoError(t, err)
	require.Zero(t, blocks(), "what it unblocks is not blocked")
	_, err = conn.Exec(t.Context(), `UPDATE cards SET blocked = true, blocks = 0`)
	require.NoError(t, err)
	require.Equal(t, bank.BlockedByBank, blocks())
}

// A table that a long read keeps is not waited for, because every writer would wait behind the migration.
// Another try migrates what is left.
func TestAMigrationKeepsNoWriterWaiting(t *testing.T) {
	url := postgrestest.Database(t)
	openAt(t, url)
	conn, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	defer conn.Close(t.Context())
	for _, undo := range []string{`DELETE FROM migrations WHERE version_id >= 8`, `DROP INDEX entries_hold_ended`,
		`DROP TABLE audit_log, audit_head`, `DROP FUNCTION refuse_audit_log_change`} {
		_, err := conn.Exec(t.Context(), undo)
		require.NoError(t, err, undo)
	}
	store, err := postgres.Open(t.Context(), postgres.Config{URL: url, BankCode: "001"})
	require.NoError(t, err)
	defer store.Close()

	reading, err := conn.Begin(t.Context())
	require.NoError(t, err)
	_, err = reading.Exec(t.Context(), `SELECT count(*) FROM entries`)
	require.NoError(t, err)
	err = store.Migrate(t.Context())
	require.Error(t, err)
	require.Equal(t, database.Conflict, database.Classify(err), "Prepare tries again")
	require.NoError(t, reading.Rollback(t.Context()))

	require.NoError(t, store.Migrate(t.Context()))
	var valid bool
	require.NoError(t, conn.QueryRow(t.Context(), `SELECT indisvalid FROM pg_index WHERE indexrelid = 'entries_hold_ended'::regclass`).Scan(&valid))
	require.True(t, valid)
}
