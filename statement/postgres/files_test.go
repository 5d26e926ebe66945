package postgres_test

import (
	"fmt"
	"testing"
	"time"

	"codebank.dev/platform/id"
	"codebank.dev/statement"
	"codebank.dev/statement/file"
	"codebank.dev/statement/files"
	"codebank.dev/statement/postgres"
	"codebank.dev/statement/statementtest"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

// asked returns a request of the owner of alice's account.
func asked(t testing.TB, name string) *files.File {
	t.Helper()
	owner := "user:" + statementtest.Customer
	return &files.File{ID: id.Derive(aliceID, name), Account: aliceID, Owner: owner, Reader: statementtest.Customer, Requester: owner, RequestID: name,
		Range:  statement.Range{Start: statementtest.Opened, End: statementtest.Opened.AddDate(0, 0, 1)},
		Format: file.CSV, Email: "alice@example.com", Language: file.English, State: files.Pending, CreatedAt: time.Now().UTC().Truncate(time.Millisecond)}
}

// requireFiles makes a file of two parts in a store, by each of its calls.
func requireFiles(t *testing.T, store *postgres.Store) {
	t.Helper()
	ctx, request := t.Context(), asked(t, "one")
	created, err := store.CreateFile(ctx, request, 0)
	require.NoError(t, err)
	require.Equal(t, files.Pending, created.State)
	claim, ok, err := store.Claim(ctx, created.ID)
	require.NoError(t, err)
	require.True(t, ok)
	claim.First, claim.Last, claim.CompleteTo = 1, 3, 3
	state, err := statement.NewService(store).State(ctx, request.Reader, request.Account)
	require.NoError(t, err)
	plan, err := store.Plan(ctx, request, state)
	require.NoError(t, err)
	require.EqualValues(t, 1, plan.First)
	read := 0
	require.NoError(t, store.FileLines(ctx, files.LineQuery{Reader: request.Reader, Account: request.Account, UpTo: 3, Limit: 10},
		func(lines []statement.Line) error { read += len(lines); return nil }))
	require.Equal(t, 3, read)
	require.NoError(t, store.AddPart(ctx, &claim, &files.Part{Content: []byte("first "), Writer: []byte("state"), Done: 2, Lines: 2}))
	query := files.Query{Owner: request.Owner, Reader: request.Reader, Account: request.Account, Size: 5}
	found, err := store.File(ctx, query, created.ID)
	require.NoError(t, err)
	require.Equal(t, []any{files.Running, int32(66), int64(6)}, []any{found.State, found.Progress(), found.Size})
	require.NoError(t, store.EndFile(ctx, &claim, &files.End{State: files.Ready, Digest: "digest", Last: []byte("last"), Announce: true}))
	list, err := store.Files(ctx, query)
	require.NoError(t, err)
	require.Len(t, list, 1)
	require.Equal(t, []any{files.Ready, int32(2), int64(10)}, []any{list[0].State, list[0].Parts, list[0].Size})
	content, err := store.Part(ctx, created.ID, 1)
	require.NoError(t, err)
	require.Equal(t, "last", string(content))
	require.NoError(t, store.ExpireFiles(ctx))
	for next := int64(1); next < 3; next++ {
		stored, err := store.Offsets().StoreOffset(ctx, aliceID, 1, next-1, next)
		require.NoError(t, err)
		require.True(t, stored)
	}
	offsets, err := store.Offsets().LoadOffsets(ctx, aliceID)
	require.NoError(t, err)
	require.Equal(t, map[int32]int64{1: 2}, offsets)
}

// An offset does not go back, and one that was restored to an earlier state is not led by what was read before.
func TestAnOffsetNeverLeadsItsDatabase(t *testing.T) {
	store, sink, _ := opened(t)
	store1 := func(from, next int64) bool {
		stored, err := store.Offsets().StoreOffset(t.Context(), aliceID, 0, from, next)
		require.NoError(t, err)
		return stored
	}
	require.False(t, store1(5, 6), "nothing is stored, and 5 was")
	require.True(t, store1(0, 5))
	require.True(t, store1(0, 3), "the greatest wins")
	require.True(t, store1(5, 9))
	_, err := sink.Pool().Exec(t.Context(), "UPDATE request_offsets SET next_offset = 4")
	require.NoError(t, err)
	require.False(t, store1(9, 10), "the database was restored")
	offsets, err := store.Offsets().LoadOffsets(t.Context(), aliceID)
	require.NoError(t, err)
	require.Equal(t, map[int32]int64{0: 4}, offsets)
}

// Two workers never write one file: the first one's claim is worth nothing when it has ended and another has begun.
func TestOnlyTheLastClaimWrites(t *testing.T) {
	store, sink, _ := opened(t)
	sink.Write(t, purchases(alice, 1, 3)...)
	created, err := store.CreateFile(t.Context(), asked(t, "one"), 0)
	require.NoError(t, err)
	first, ok, err := store.Claim(t.Context(), created.ID)
	require.NoError(t, err)
	require.True(t, ok)
	_, ok, err = store.Claim(t.Context(), created.ID)
	require.NoError(t, err)
	require.False(t, ok, "it is claimed")
	part := &files.Part{Content: []byte("part"), Writer: []byte("state"), Done: 1, Lines: 1}
	require.NoError(t, store.AddPart(t.Context(), &first, part))

	_, err = sink.Pool().Exec(t.Context(), "UPDATE statement_files SET claimed_until = now() - interval '1 second'")
	require.NoError(t, err)
	second, ok, err := store.Claim(t.Context(), created.ID)
	require.NoError(t, err)
	require.True(t, ok)
	require.Equal(t, []byte("state"), second.Writer)
	require.EqualValues(t, 1, second.Done)
	require.ErrorIs(t, store.AddPart(t.Context(), &first, part), files.ErrLost)
	require.ErrorIs(t, store.EndFile(t.Context(), &first, &files.End{State: files.Ready}), files.ErrLost)
	require.NoError(t, store.EndFile(t.Context(), &first, &files.End{State: files.Pending}), "nothing to give back")
	again := second
	require.NoError(t, store.AddPart(t.Context(), &second, part))
	require.ErrorIs(t, store.AddPart(t.Context(), &again, part), files.ErrLost, "a part is added once")
	require.NoError(t, store.EndFile(t.Context(), &second, &files.End{State: files.Failed, Failure: files.FailureNotSound}))
	ended, ok, err := store.Claim(t.Context(), created.ID)
	require.NoError(t, err)
	require.False(t, ok)
	require.Equal(t, files.Failed, ended.State)
	var parts int
	require.NoError(t, sink.Pool().QueryRow(t.Context(), "SELECT count(*) FROM statement_file_parts").Scan(&parts))
	require.Zero(t, parts)
}

// A query without a WHERE shows the files of one owner, and a session without an owner none.
func TestAQueryWithoutAWhereSeesNoForeignFiles(t *testing.T) {
	store, sink, url := opened(t)
	sink.Write(t, purchases(alice, 1, 3)...)
	requireFiles(t, store)
	foreign := asked(t, "theirs")
	foreign.Owner, foreign.Requester = "user:"+bob, "user:"+bob
	_, err := store.CreateFile(t.Context(), foreign, 0)
	require.NoError(t, err)
	conn := as(t, url, postgres.ServiceRole)
	for owner, want := range map[string][]int{"": {0, 0}, "*": {2, 2}, "user:" + bob: {1, 0}, "user:" + statementtest.Customer: {1, 2}} {
		require.NoError(t, pgx.BeginFunc(t.Context(), conn, func(tx pgx.Tx) error {
			_, err := tx.Exec(t.Context(), "SELECT set_config('codebank.owner', $1, true)", owner)
			require.NoError(t, err)
			var count, parts int
			require.NoError(t, tx.QueryRow(t.Context(), "SELECT (SELECT count(*) FROM statement_files), (SELECT count(*) FROM statement_file_parts)").Scan(&count, &parts))
			require.Equal(t, want, []int{count, parts}, "owner %q", owner)
			return nil
		}))
	}
}

// A file that nobody could make for a day has failed, and what ended long ago is forgotten.
func TestFilesEndAndAreForgotten(t *testing.T) {
	store, sink, _ := opened(t)
	sink.Write(t, purchases(alice, 1, 3)...)
	created, err := store.CreateFile(t.Context(), asked(t, "one"), 0)
	require.NoError(t, err)
	sql := func(statement string) {
		_, err := sink.Pool().Exec(t.Context(), statement)
		require.NoError(t, err)
		require.NoError(t, store.ExpireFiles(t.Context()))
	}
	sql("UPDATE statement_files SET created_at = now() - interval '25 hours'")
	found, err := store.Announced(t.Context(), created.ID)
	require.NoError(t, err)
	require.Equal(t, []any{files.Failed, files.FailureNotMade}, []any{found.State, found.Failure})
	sql("UPDATE statement_files SET expires_at = now() - interval '31 days'")
	_, err = store.Announced(t.Context(), created.ID)
	require.ErrorIs(t, err, files.ErrNoFile)
}

// A request that nobody waits for is stored whatever its owner has already: it waits for its turn, and has failed at once if
// there are too many files to keep. Those that wait count among the files that are kept only.
func TestARequestWaitsForItsTurn(t *testing.T) {
	store, sink, _ := opened(t)
	sink.Write(t, purchases(alice, 1, 3)...)
	request := func(n int) *files.File {
		t.Helper()
		stored, err := store.RequestFile(t.Context(), asked(t, fmt.Sprint("request-", n)))
		require.NoError(t, err)
		return &stored
	}
	first := request(0)
	for n := 1; n < files.MaxPending; n++ {
		require.True(t, request(n).Admitted())
	}
	waiting := request(files.MaxPending)
	require.Equal(t, files.WaitingForTurn, waiting.Waiting)
	_, err := store.CreateFile(t.Context(), asked(t, "call"), 0)
	require.ErrorIs(t, err, files.ErrTooMany, "who calls is told at once")

	claim, ok, err := store.Claim(t.Context(), waiting.ID)
	require.NoError(t, err)
	require.True(t, ok)
	admitted, err := store.Admit(t.Context(), &claim)
	require.NoError(t, err)
	require.False(t, admitted)
	done, _, err := store.Claim(t.Context(), first.ID)
	require.NoError(t, err)
	require.NoError(t, store.EndFile(t.Context(), &done, &files.End{State: files.Ready, Last: []byte("content")}))
	late := claim
	late.Fence++
	_, err = store.Admit(t.Context(), &late)
	require.ErrorIs(t, err, files.ErrLost)
	admitted, err = store.Admit(t.Context(), &claim)
	require.NoError(t, err)
	require.True(t, admitted)
	ended, _, err := store.Claim(t.Context(), waiting.ID)
	require.NoError(t, err)
	require.True(t, ended.Admitted())
	require.WithinDuration(t, time.Now(), ended.AdmittedAt, time.Minute)

	for n := files.MaxPending + 1; n < files.MaxKept; n++ {
		require.Equal(t, files.WaitingForTurn, request(n).Waiting)
	}
	refused := request(files.MaxKept)
	require.Equal(t, []any{files.Failed, files.FailureTooManyKept, ""}, []any{refused.State, refused.Failure, refused.Waiting})
	require.Equal(t, refused.ID, request(files.MaxKept).ID, "a repeat is the same file")
}
