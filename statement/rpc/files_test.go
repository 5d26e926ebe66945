package rpc_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"codebank.dev/native/await"
	"codebank.dev/native/postgres/postgrestest"
	"codebank.dev/platform/fault"
	"codebank.dev/platform/id"
	"codebank.dev/platform/serve"
	"codebank.dev/platform/wallstest"
	"codebank.dev/schemas/event"
	statementv1 "codebank.dev/schemas/gen/statement/v1"
	"codebank.dev/statement"
	"codebank.dev/statement/file"
	"codebank.dev/statement/files"
	"codebank.dev/statement/postgres"
	"codebank.dev/statement/queue"
	"codebank.dev/statement/rpc"
	"codebank.dev/statement/statementtest"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// serveFiles adds files to a server, with the jobs that make long ones.
//
// tidy:parameters what the program has
func serveFiles(t testing.TB, server *serve.Server, store *postgres.Store, url string, marks *marks) {
	t.Helper()
	statements := statement.NewService(store).WithWatermarks(marks)
	maker := &files.Maker{Workshop: store, Part: store.Part, States: statements, BankCode: statementtest.Bank, Now: time.Now, Logger: slog.New(slog.DiscardHandler),
		RequestPatience: 2 * time.Second}
	service := &files.Service{Store: store, States: statements, Maker: maker, Now: time.Now, New: func() id.ID {
		made, err := id.New(rand.Reader)
		assert.NoError(t, err)
		return made
	}}
	statementv1.RegisterFileServiceServer(server, rpc.NewFileServer(service, store.PageTokenKey, true))
	pool, err := pgxpool.New(context.Background(), statementtest.Migrated(t, url))
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	runner, err := queue.NewRunner(queue.Config{Pool: pool, Workers: 2, ExpireEvery: time.Hour, Logger: slog.New(slog.DiscardHandler),
		Work: queue.Work{Make: maker.Make, Expire: store.ExpireFiles, Announce: func(context.Context, id.ID) error { return nil }}})
	require.NoError(t, err)
	server.Background(runner.Run)
}

// fileRequest asks for a CSV of the day on which statementtest's accounts begin.
func fileRequest(requestID string) *statementv1.CreateFileRequest {
	return &statementv1.CreateFileRequest{RequestId: requestID, Parent: "accounts/" + alice, Format: statementv1.FileFormat_FILE_FORMAT_CSV,
		StartTime: timestamppb.New(statementtest.Opened), EndTime: timestamppb.New(statementtest.Opened.Add(24 * time.Hour))}
}

// long makes a request one that a job makes.
func long(request *statementv1.CreateFileRequest) *statementv1.CreateFileRequest {
	request.StartTime = timestamppb.New(statementtest.Opened.Add(-files.AtOnce))
	return request
}

// filesAs returns a context and a client of a program that acts for a user.
func (r *running) filesAs(t testing.TB, user string) (context.Context, statementv1.FileServiceClient) {
	t.Helper()
	return wallstest.WithToken(t.Context(), r.kit.Customer(t, user)), statementv1.NewFileServiceClient(r.kit.Dial(t, r.address, "checkout"))
}

func (r *running) createAs(t testing.TB, user string, request *statementv1.CreateFileRequest) *statementv1.File {
	t.Helper()
	ctx, client := r.filesAs(t, user)
	response, err := client.CreateFile(ctx, request)
	require.NoError(t, err)
	return response.GetFile()
}

// awaitFile waits until a file has ended.
func (r *running) awaitFile(t testing.TB, user, name string) *statementv1.File {
	t.Helper()
	ctx, client := r.filesAs(t, user)
	var found *statementv1.File
	await.Until(t, func() bool {
		response, err := client.GetFile(ctx, &statementv1.GetFileRequest{Name: name})
		require.NoError(t, err)
		found = response.GetFile()
		return found.GetState() >= statementv1.FileState_FILE_STATE_READY
	}, time.Minute, 20*time.Millisecond)
	return found
}

// download returns a file as REST serves it.
func (r *running) download(t testing.TB, user, name string, headers ...string) (*http.Response, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, r.http+"/v1/"+name+":download", nil)
	require.NoError(t, err)
	request.Header.Set("Authorization", "Bearer "+r.kit.Customer(t, user))
	for i := 0; i < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	response, err := r.kit.HTTP(t, "").Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return response, string(body)
}

func TestAShortRangeIsAFileInTheAnswer(t *testing.T) {
	r := start(t, postgrestest.Database(t))
	r.sink.Write(t, statementtest.Purchase(alice, 1), statementtest.Purchase(alice, 2), statementtest.Decline(alice, 3, -200))
	created := r.createAs(t, owner, fileRequest("one"))
	require.Equal(t, statementv1.FileState_FILE_STATE_READY, created.GetState(), created)
	require.EqualValues(t, 100, created.GetProgressPercent())
	require.EqualValues(t, 3, created.GetCompleteToSequence())
	require.EqualValues(t, 2, created.GetLineCount())
	require.Len(t, created.GetDigest(), 64)
	require.WithinDuration(t, time.Now().Add(files.Retention), created.GetExpireTime().AsTime(), time.Hour)

	response, body := r.download(t, owner, created.GetName())
	require.Equal(t, http.StatusOK, response.StatusCode, body)
	require.Equal(t, created.GetContentType(), response.Header.Get("Content-Type"))
	require.Equal(t, `attachment; filename="`+created.GetFileName()+`"`, response.Header.Get("Content-Disposition"))
	require.EqualValues(t, created.GetSize(), len(body))
	require.EqualValues(t, created.GetSize(), response.ContentLength)
	require.Equal(t, 2, strings.Count(body, "\nline,"), body)
	require.Contains(t, body, created.GetDigest())
	again, empty := r.download(t, owner, created.GetName(), "If-None-Match", response.Header.Get("ETag"))
	require.Equal(t, http.StatusNotModified, again.StatusCode)
	require.Empty(t, empty)

	// Over gRPC it is the same content.
	ctx, client := r.filesAs(t, owner)
	stream, err := client.DownloadFile(ctx, &statementv1.DownloadFileRequest{Name: created.GetName()})
	require.NoError(t, err)
	var content strings.Builder
	for {
		piece, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
		content.Write(piece.GetContent())
	}
	require.Equal(t, body, content.String())
}

// A long range is made by a job, and by the same bytes as a short one would be.
func TestALongRangeIsMadeByAJob(t *testing.T) {
	r := start(t, postgrestest.Database(t))
	r.sink.Write(t, lines(1, 5000)...)
	request := long(fileRequest("long"))
	request.Email = "alice@example.com"
	created := r.createAs(t, owner, request)
	require.Less(t, created.GetState(), statementv1.FileState_FILE_STATE_READY)
	_, err := r.files.DownloadFile(t.Context(), &statementv1.DownloadFileRequest{Name: created.GetName()})
	require.NoError(t, err, "a stream fails with its first answer")
	made := r.awaitFile(t, owner, created.GetName())
	require.Equal(t, statementv1.FileState_FILE_STATE_READY, made.GetState(), made)
	response, body := r.download(t, owner, made.GetName())
	require.Equal(t, http.StatusOK, response.StatusCode)
	require.Equal(t, int(made.GetLineCount()), strings.Count(body, "\nline,"))
	require.EqualValues(t, made.GetSize(), len(body))

	// A user who connects by himself has no program that knows his address.
	alone := statementv1.NewFileServiceClient(r.kit.Dial(t, r.address, ""))
	_, err = alone.CreateFile(wallstest.WithToken(t.Context(), r.kit.Customer(t, owner)), request)
	require.Equal(t, "email", fault.Of(err).Field)

	// Whoever has got another address since still repeats his request.
	request.Email = "alice@example.org"
	ctx, client := r.filesAs(t, owner)
	var header metadata.MD
	again, err := client.CreateFile(ctx, request, grpc.Header(&header))
	require.NoError(t, err)
	require.Equal(t, made.GetName(), again.GetFile().GetName())
	require.Equal(t, []string{"true"}, header.Get("idempotency-replayed"))
}

// lines returns purchases one second apart, so that many of them are in a day.
func lines(from, to int64) []event.Transaction {
	var all []event.Transaction
	for n := from; n <= to; n++ {
		e := statementtest.Purchase(alice, n)
		e.OccurredAtMillis = statementtest.Opened.Add(time.Duration(n) * time.Second).UnixMilli()
		all = append(all, e)
	}
	return all
}

// A hundred requests at once with one id are one file; with ids of their own no more are pending than allowed.
func TestOneRequestIdIsOneFile(t *testing.T) {
	r := start(t, postgrestest.Database(t))
	r.sink.Write(t, statementtest.Purchase(alice, 1), statementtest.Purchase(alice, 2))
	ctx, client := r.filesAs(t, owner)
	names := sync.Map{}
	var working sync.WaitGroup
	for range 100 {
		working.Go(func() {
			response, err := client.CreateFile(ctx, fileRequest("the-same"))
			if assert.NoError(t, err) {
				assert.Equal(t, statementv1.FileState_FILE_STATE_READY, response.GetFile().GetState())
				names.Store(response.GetFile().GetName(), true)
			}
		})
	}
	working.Wait()
	count := 0
	names.Range(func(any, any) bool { count++; return true })
	require.Equal(t, 1, count)

	other := fileRequest("the-same")
	other.LanguageCode = "pt-BR"
	_, err := client.CreateFile(ctx, other)
	require.Equal(t, fault.Aborted, fault.CodeOf(serve.FromStatus(err)), "%v", err)
	// Another caller's ids are his own.
	_, err = r.files.CreateFile(t.Context(), other)
	require.NoError(t, err)
	list, err := client.ListFiles(ctx, &statementv1.ListFilesRequest{Parent: "accounts/" + alice})
	require.NoError(t, err)
	require.Len(t, list.GetFiles(), 1, "and so are his files")
}

func TestNoMoreFilesThanAllowedArePending(t *testing.T) {
	r := start(t, postgrestest.Database(t))
	r.sink.Write(t, statementtest.Purchase(alice, 1), statementtest.Purchase(alice, 2), statementtest.Purchase(alice, 4))
	ctx, client := r.filesAs(t, owner)
	results := make(chan error, 30)
	for n := range cap(results) {
		go func() {
			_, err := client.CreateFile(ctx, long(fileRequest(fmt.Sprint("file-", n))))
			results <- err
		}()
	}
	refused := 0
	for range cap(results) {
		if err := <-results; err != nil {
			require.Equal(t, files.ErrTooMany.Reason, fault.Of(serve.FromStatus(err)).Reason, "%v", err)
			refused++
		}
	}
	require.Equal(t, cap(results)-files.MaxPending, refused, "the third event is missing, so that all wait")

	// The event comes, and the files go on.
	r.sink.Write(t, statementtest.Purchase(alice, 3))
	list, err := client.ListFiles(ctx, &statementv1.ListFilesRequest{Parent: "accounts/" + alice, PageSize: 3})
	require.NoError(t, err)
	require.Len(t, list.GetFiles(), 3)
	rest, err := client.ListFiles(ctx, &statementv1.ListFilesRequest{Parent: "accounts/" + alice, PageToken: list.GetNextPageToken()})
	require.NoError(t, err)
	require.Len(t, rest.GetFiles(), 2)
	require.Empty(t, rest.GetNextPageToken())
	for _, one := range append(list.GetFiles(), rest.GetFiles()...) {
		made := r.awaitFile(t, owner, one.GetName())
		require.Equal(t, statementv1.FileState_FILE_STATE_READY, made.GetState())
		require.EqualValues(t, 4, made.GetCompleteToSequence())
	}
}

// A file whose range ends after the last event waits for the watermarks, and says that it waits and where it stands.
func TestAFileWaitsUntilItsRangeIsComplete(t *testing.T) {
	r := start(t, postgrestest.Database(t))
	r.marks.to(statementtest.Opened.Add(time.Hour))
	r.sink.Write(t, statementtest.Purchase(alice, 1), statementtest.Purchase(alice, 2))
	ctx, client := r.filesAs(t, owner)
	waits := func(name string) {
		t.Helper()
		await.Until(t, func() bool {
			found, err := client.GetFile(ctx, &statementv1.GetFileRequest{Name: name})
			require.NoError(t, err)
			require.Equal(t, statementv1.FileState_FILE_STATE_PENDING, found.GetFile().GetState(), found)
			return found.GetFile().GetWaiting() == files.WaitingForEnd && found.GetFile().GetCompleteToSequence() == 2
		}, time.Minute, 20*time.Millisecond)
	}
	created := r.createAs(t, owner, long(fileRequest("watermark")))
	waits(created.GetName())
	r.sink.Write(t, statementtest.Purchase(alice, 3))
	r.marks.to(statementtest.Opened.Add(24 * time.Hour))
	made := r.awaitFile(t, owner, created.GetName())
	require.Equal(t, statementv1.FileState_FILE_STATE_READY, made.GetState(), made)
	require.EqualValues(t, 3, made.GetLineCount(), "what came meanwhile is in it")
	require.EqualValues(t, 3, made.GetCompleteToSequence())
	require.Empty(t, made.GetWaiting())

	// A later event proves it, too. A range that a later event has closed does not wait at all.
	r.marks.to(statementtest.Opened)
	closed := fileRequest("closed")
	closed.EndTime = timestamppb.New(statementtest.Opened.Add(time.Minute))
	require.Equal(t, statementv1.FileState_FILE_STATE_READY, r.createAs(t, owner, closed).GetState())

	// The wait has an end.
	created = r.createAs(t, owner, long(fileRequest("never")))
	_, err := r.sink.Pool().Exec(t.Context(), "UPDATE statement_files SET created_at = created_at - interval '11 minutes' WHERE request_id = 'never'")
	require.NoError(t, err)
	failed := r.awaitFile(t, owner, created.GetName())
	require.Equal(t, files.FailureNotComplete, failed.GetFailure(), failed)
}

// A request by the topic that is refused for good is a file that has failed. Who asked reads why, as soon as he may see the
// account.
func TestARequestThatIsRefusedIsAFile(t *testing.T) {
	r := start(t, postgrestest.Database(t))
	account, err := id.Parse(alice)
	require.NoError(t, err)
	service := &files.Service{Store: r.store, States: statement.NewService(r.store), Now: time.Now, New: func() id.ID { return id.Derive(account, "early") }}
	asked := &files.File{Account: account, Owner: "user:" + owner, Reader: owner, Requester: "event:gateway", RequestID: "early", Format: file.CSV,
		Language: file.English, Range: statement.Range{Start: statementtest.Opened, End: statementtest.Opened.Add(time.Hour)}}
	stored, err := service.Request(t.Context(), asked)
	require.NoError(t, err)
	require.Equal(t, files.WaitingForAccount, stored.Waiting)
	await.Until(t, func() bool {
		var state files.State
		require.NoError(t, r.sink.Pool().QueryRow(t.Context(), "SELECT state FROM statement_files").Scan(&state))
		return state == files.Failed
	}, time.Minute, 20*time.Millisecond)
	r.sink.Write(t, statementtest.Purchase(alice, 1))
	ctx, client := r.filesAs(t, owner)
	list, err := client.ListFiles(ctx, &statementv1.ListFilesRequest{Parent: "accounts/" + alice})
	require.NoError(t, err)
	require.Len(t, list.GetFiles(), 1)
	require.Equal(t, statementv1.FileState_FILE_STATE_FAILED, list.GetFiles()[0].GetState())
	require.Equal(t, files.FailureNoAccount, list.GetFiles()[0].GetFailure())
	again, err := service.Request(t.Context(), asked)
	require.NoError(t, err)
	require.Equal(t, files.Failed, again.State, "a repeat is the same file")
}

// A file is shown to who asked for it, while he may see the account, and to nobody else.
func TestAFileIsItsOwnersAlone(t *testing.T) {
	r := start(t, postgrestest.Database(t))
	r.sink.Write(t, statementtest.Purchase(alice, 1), statementtest.Purchase(alice, 2))
	theirs := r.createAs(t, owner, fileRequest("one"))
	gone := "accounts/" + alice + "/files/" + bob
	for _, name := range []string{theirs.GetName(), gone, strings.Replace(theirs.GetName(), alice, bob, 1)} {
		response, body := r.download(t, stranger, name)
		require.Equal(t, http.StatusNotFound, response.StatusCode, body)
		_, err := r.files.GetFile(t.Context(), &statementv1.GetFileRequest{Name: name})
		require.Equal(t, fault.NotFound, fault.CodeOf(serve.FromStatus(err)), "an operator sees what he asked for himself: %v", err)
	}
	// The customer is linked to another user, who has not asked for it either.
	_, err := r.LinkCustomer(t.Context(), &statementv1.LinkCustomerRequest{Customer: "customers/" + owner, User: "users/" + stranger})
	require.NoError(t, err)
	for _, user := range []string{owner, stranger} {
		response, body := r.download(t, user, theirs.GetName())
		require.Equal(t, http.StatusNotFound, response.StatusCode, body)
	}
	ctx, client := r.filesAs(t, stranger)
	list, err := client.ListFiles(ctx, &statementv1.ListFilesRequest{Parent: "accounts/" + alice})
	require.NoError(t, err)
	require.Empty(t, list.GetFiles())
}

func TestAFileOfNothingMeantIsRefused(t *testing.T) {
	r := start(t, postgrestest.Database(t))
	r.sink.Write(t, statementtest.Opening(alice))
	for field, change := range map[string]func(*statementv1.CreateFileRequest){
		"request_id":    func(in *statementv1.CreateFileRequest) { in.RequestId = "" },
		"parent":        func(in *statementv1.CreateFileRequest) { in.Parent = alice },
		"start_time":    func(in *statementv1.CreateFileRequest) { in.StartTime = nil },
		"end_time":      func(in *statementv1.CreateFileRequest) { in.EndTime = timestamppb.New(time.Now().Add(time.Minute)) },
		"format":        func(in *statementv1.CreateFileRequest) { in.Format = 77 },
		"email":         func(in *statementv1.CreateFileRequest) { in.Email = "alice" },
		"language_code": func(in *statementv1.CreateFileRequest) { in.LanguageCode = "xx" },
	} {
		request := fileRequest("one")
		change(request)
		_, err := r.files.CreateFile(t.Context(), request)
		require.Equal(t, field, fault.Of(serve.FromStatus(err)).Field, "%v", err)
	}
	// A number that would be another format in fewer bits is none either.
	for _, format := range []statementv1.FileFormat{0, -1, -255, 6, 256, 257, 65537, math.MaxInt32, math.MinInt32 + 1} {
		request := fileRequest("one")
		request.Format = format
		_, err := r.files.CreateFile(t.Context(), request)
		require.Equal(t, "format", fault.Of(serve.FromStatus(err)).Field, "%d: %v", format, err)
	}
	request := fileRequest("one")
	request.Parent = "accounts/" + bob
	_, err := r.files.CreateFile(t.Context(), request)
	require.Equal(t, statement.ErrNoAccount.Reason, fault.Of(serve.FromStatus(err)).Reason)
	_, err = r.files.GetFile(t.Context(), &statementv1.GetFileRequest{Name: "accounts/" + alice})
	require.Equal(t, "name", fault.Of(serve.FromStatus(err)).Field)
	require.False(t, proto.Equal(request, fileRequest("one")))
}

// Each format is a file, by a call and by a job, with the same lines.
func TestEveryFormatIsAFile(t *testing.T) {
	r := start(t, postgrestest.Database(t))
	r.sink.Write(t, lines(1, 500)...)
	begins := map[statementv1.FileFormat]string{
		statementv1.FileFormat_FILE_FORMAT_CSV: "record,", statementv1.FileFormat_FILE_FORMAT_OFX_2: "<?xml", statementv1.FileFormat_FILE_FORMAT_OFX_1: "OFXHEADER:100",
		statementv1.FileFormat_FILE_FORMAT_PDF: "%PDF-", statementv1.FileFormat_FILE_FORMAT_CAMT_053: "<?xml",
	}
	require.Len(t, begins, len(statementv1.FileFormat_name)-1)
	for format, begin := range begins {
		for _, change := range []func(*statementv1.CreateFileRequest) *statementv1.CreateFileRequest{
			func(in *statementv1.CreateFileRequest) *statementv1.CreateFileRequest { return in }, long,
		} {
			request := change(fileRequest(uuid.NewString()))
			request.Format = format
			made := r.awaitFile(t, owner, r.createAs(t, owner, request).GetName())
			require.Equal(t, statementv1.FileState_FILE_STATE_READY, made.GetState(), made)
			require.EqualValues(t, 500, made.GetLineCount())
			response, body := r.download(t, owner, made.GetName())
			require.Equal(t, made.GetContentType(), response.Header.Get("Content-Type"))
			require.True(t, strings.HasPrefix(body, begin), "%s: %.100s", format, body)
			require.EqualValues(t, made.GetSize(), len(body))
		}
	}
}

// What has expired is not there any more, and its row says so.
func TestContentExpires(t *testing.T) {
	r := start(t, postgrestest.Database(t))
	r.sink.Write(t, statementtest.Purchase(alice, 1), statementtest.Purchase(alice, 2))
	created := r.createAs(t, owner, fileRequest("one"))
	_, err := r.sink.Pool().Exec(t.Context(), "UPDATE statement_files SET expires_at = now() - interval '1 second'")
	require.NoError(t, err)
	for range 2 { // Before and after the content is deleted.
		require.Equal(t, statementv1.FileState_FILE_STATE_EXPIRED, r.awaitFile(t, owner, created.GetName()).GetState())
		response, body := r.download(t, owner, created.GetName())
		require.Equal(t, http.StatusUnprocessableEntity, response.StatusCode)
		require.Contains(t, body, files.ErrExpired.Reason)
		require.NoError(t, r.store.ExpireFiles(t.Context()))
	}
	var parts int
	require.NoError(t, r.sink.Pool().QueryRow(t.Context(), "SELECT count(*) FROM statement_file_parts").Scan(&parts))
	require.Zero(t, parts)
}

// A caller has few downloads open at once. What has ended counts no more, and others are not held up.
func TestAUserHasFewDownloads(t *testing.T) {
	r := start(t, postgrestest.Database(t))
	r.sink.Write(t, lines(1, 5000)...)
	made := r.createAs(t, owner, fileRequest("long"))
	require.Greater(t, made.GetSize(), int64(700<<10), "more than is sent to a caller who reads no more than one piece")
	// Windows of a fixed size, because a client that adapts them takes a file whole before it is read.
	conn := r.kit.Dial(t, r.address, "checkout", serve.WithGRPC(grpc.WithInitialWindowSize(64<<10)), serve.WithGRPC(grpc.WithInitialConnWindowSize(4<<20)))
	ctx, client := wallstest.WithToken(t.Context(), r.kit.Customer(t, owner)), statementv1.NewFileServiceClient(conn)
	download := func(ctx context.Context) error {
		stream, err := client.DownloadFile(ctx, &statementv1.DownloadFileRequest{Name: made.GetName()})
		require.NoError(t, err)
		_, err = stream.Recv()
		return err
	}
	first, cancel := context.WithCancel(ctx)
	require.NoError(t, download(first))
	for range 3 {
		require.NoError(t, download(ctx))
	}
	require.Equal(t, "TOO_MANY_DOWNLOADS", fault.Of(serve.FromStatus(download(ctx))).Reason)
	response, body := r.download(t, owner, made.GetName())
	require.Equal(t, http.StatusTooManyRequests, response.StatusCode, body)
	require.Contains(t, body, "TOO_MANY_DOWNLOADS")
	require.NotEmpty(t, response.Header.Get("Retry-After"))

	others := fileRequest("of-the-operator")
	answer, err := r.files.CreateFile(t.Context(), others)
	require.NoError(t, err)
	stream, err := r.files.DownloadFile(t.Context(), &statementv1.DownloadFileRequest{Name: answer.GetFile().GetName()})
	require.NoError(t, err)
	_, err = stream.Recv()
	require.NoError(t, err)
	cancel()
	await.Until(t, func() bool { return download(ctx) == nil }, 10*time.Second, 20*time.Millisecond)
}
