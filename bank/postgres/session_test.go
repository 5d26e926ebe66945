package postgres

import (
	"strings"
	"testing"

	"codebank.dev/bank"
	"codebank.dev/native/postgres/postgrestest"
	"codebank.dev/platform/database/wire"
	"github.com/stretchr/testify/require"
)

func migrated(t *testing.T) *Store {
	t.Helper()
	store, err := Open(t.Context(), Config{URL: postgrestest.Database(t)})
	require.NoError(t, err)
	t.Cleanup(store.Close)
	require.NoError(t, store.Migrate(t.Context()))
	return store
}

// The server answers the COMMIT of a transaction that failed before with ROLLBACK and without an
// error.
func TestACommitThatIsAnsweredWithARollbackIsAConflict(t *testing.T) {
	store := migrated(t)
	require.NoError(t, store.with(t.Context(), func(s *session) error {
		require.NoError(t, s.PrepareStatements(t.Context(), executed...))
		_, _, err := s.read(t.Context(), &bank.Keys{}, 0)
		require.NoError(t, err)
		_, err = s.Conn.Exec(t.Context(), "SELECT 1/0").ReadAll()
		require.Error(t, err)
		err = s.write(t.Context(), &view{}, &bank.Changes{})
		require.ErrorIs(t, err, bank.ErrRetry)
		return nil
	}))
}

// A plan that is made for empty tables is kept as long as the connection, so it must already be the
// plan for large tables.
func TestEveryStatementFindsItsRowsByKey(t *testing.T) {
	store := migrated(t)
	statements := append([]*wire.Statement{
		factsByLookup, factsByID, storedToken, parties, accountByID, cardByID, transactionByID, sealedByCard, deleteExpiredTokens,
		fetchEvents, deleteEvents, countEvents, pageOfEntries, pageOfRefusals, pageOfAccounts, pageOfAccount,
	}, executed...)
	require.NoError(t, store.with(t.Context(), func(s *session) error {
		for _, st := range statements {
			require.NoError(t, s.PrepareStatements(t.Context(), st))
			arguments := strings.TrimSuffix(strings.Repeat("NULL,", len(s.Prepared(st).ParamOIDs)), ",")
			if arguments != "" {
				arguments = "(" + arguments + ")"
			}
			if st == begin || st == commit || st == rollback {
				continue
			}
			results, err := s.Conn.Exec(t.Context(), "EXPLAIN EXECUTE "+st.Name+arguments).ReadAll()
			require.NoError(t, err)
			var plan strings.Builder
			for _, row := range results[0].Rows {
				plan.Write(row[0])
				plan.WriteByte('\n')
			}
			for _, line := range strings.Split(plan.String(), "\n") {
				if strings.Contains(line, "Seq Scan") && !strings.Contains(line, "relay_lease") && !strings.Contains(line, "outbox_id_seq") {
					t.Errorf("%s reads a whole table:\n%s", st.Name, plan.String())
				}
			}
			require.NotContains(t, plan.String(), "Hash Join", st.Name)
			require.NotContains(t, plan.String(), "Merge Join", st.Name)
			if st == readSums || st == transactionByID {
				require.Contains(t, plan.String(), "entries_given_back", st.Name)
			}
			if strings.HasPrefix(st.Name, "page_of") {
				require.NotContains(t, plan.String(), "Sort", st.Name)
			}
		}
		return nil
	}))
}

// A migration may change a table that a prepared statement uses. Then one call fails, and the next
// one prepares again.
func TestAConnectionPreparesStatementsAgainAfterAMigration(t *testing.T) {
	store := migrated(t)
	_, err := store.Account(t.Context(), bank.ID{1})
	require.ErrorIs(t, err, bank.ErrNotFound)
	_, err = store.pool.Exec(t.Context(), `ALTER TABLE accounts ALTER COLUMN kind TYPE integer`)
	require.NoError(t, err)
	_, err = store.Account(t.Context(), bank.ID{1})
	require.ErrorIs(t, err, errInternal)
	_, err = store.Account(t.Context(), bank.ID{1})
	require.ErrorIs(t, err, bank.ErrNotFound)
}
