package main

import (
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"codebank.dev/native/await"
	"codebank.dev/native/postgres/postgrestest"
	"codebank.dev/platform/fault"
	"codebank.dev/platform/mail/mailtest"
	"codebank.dev/platform/programtest"
	"codebank.dev/platform/serve"
	"codebank.dev/schemas/event"
	statementv1 "codebank.dev/schemas/gen/statement/v1"
	"codebank.dev/statement/failpoints"
	"codebank.dev/statement/statementtest"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/types/known/timestamppb"
)

const (
	// many lines are several parts.
	many    = 12_000
	mailbox = "alice@example.com"
)

// busyAccount returns many purchases within a day.
func busyAccount() []event.Transaction {
	all := make([]event.Transaction, many)
	for i := range all {
		all[i] = statementtest.Purchase(account, int64(i+1))
		all[i].OccurredAtMillis = statementtest.Opened.Add(time.Duration(i) * time.Second).UnixMilli()
	}
	return all
}

// dialFiles returns a client of a program for files.
func dialFiles(t *testing.T, p *process) statementv1.FileServiceClient {
	t.Helper()
	conn, err := serve.Dial(p.grpc)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	return statementv1.NewFileServiceClient(conn)
}

// month asks for a range that is long enough for a job.
func month() *statementv1.CreateFileRequest {
	return &statementv1.CreateFileRequest{RequestId: "month", Parent: "accounts/" + account, Format: statementv1.FileFormat_FILE_FORMAT_CSV,
		StartTime: timestamppb.New(statementtest.Opened.AddDate(0, 0, -29)), EndTime: timestamppb.New(statementtest.Opened.AddDate(0, 0, 1)), Email: mailbox}
}

// day asks for a range whose file is made while its caller waits.
func day() *statementv1.CreateFileRequest {
	asked := month()
	asked.RequestId, asked.StartTime = "day", timestamppb.New(statementtest.Opened)
	return asked
}

// TestKilledAtAnyFailpointFilesGoOn: whatever a program was at when it died, the next one goes on with the file,
// which is whole, and has its owner told.
func TestKilledAtAnyFailpointFilesGoOn(t *testing.T) {
	t.Parallel()
	for _, point := range failpoints.Files() {
		for name, request := range map[string]*statementv1.CreateFileRequest{"job": month(), "at once": day()} {
			atOnce := name == "at once"
			if atOnce && (point == failpoints.FileAnnounced || point == failpoints.FilesExpired) {
				continue // Nobody is told of a file that he waits for.
			}
			t.Run(string(point)+" "+name, func(t *testing.T) {
				t.Parallel()
				url := postgrestest.Database(t)
				at, mails := statementtest.Migrated(t, url), mailtest.Catch(t)
				statementtest.NewSink(t, url).Write(t, busyAccount()...)
				setting := []string{"--smtp-url=" + mails.URL(), "--pages-url=https://bank.example"}
				dying := start(t, at, append(setting, "--failpoint="+string(point))...)
				if dying.grpc != "" {
					_, err := dialFiles(t, dying).CreateFile(t.Context(), request)
					if atOnce {
						require.Equal(t, fault.Unavailable, fault.CodeOf(serve.FromStatus(err)), "%v", err)
					}
				}
				dying.AwaitKilledAt(t, string(point))

				p := start(t, at, setting...)
				client := dialFiles(t, p)
				created, err := client.CreateFile(t.Context(), request)
				require.NoError(t, err)
				await.Until(t, func() bool {
					again, err := client.CreateFile(t.Context(), request)
					require.NoError(t, err)
					require.Equal(t, created.GetFile().GetName(), again.GetFile().GetName())
					created = again
					return again.GetFile().GetState() >= statementv1.FileState_FILE_STATE_READY
				}, 3*time.Minute, 100*time.Millisecond)
				requireWhole(t, client, created.GetFile())
				if !atOnce {
					told := mails.Next(t, mailbox)
					require.Contains(t, strings.ReplaceAll(told.Text, "\r\n", "\n"), "https://bank.example/v1/"+created.GetFile().GetName()+":download\n")
				}
				p.Interrupt(t)
			})
		}
	}
}

// requireWhole requires that a file has each line once, in order, and is as long as it says.
func requireWhole(t *testing.T, client statementv1.FileServiceClient, file *statementv1.File) {
	t.Helper()
	require.Equal(t, statementv1.FileState_FILE_STATE_READY, file.GetState(), file)
	stream, err := client.DownloadFile(t.Context(), &statementv1.DownloadFileRequest{Name: file.GetName()})
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
	require.EqualValues(t, file.GetSize(), content.Len())
	require.EqualValues(t, many, file.GetLineCount())
	next := int64(1)
	for line := range strings.Lines(content.String()) {
		if rest, is := strings.CutPrefix(line, "line,"); is {
			require.True(t, strings.HasPrefix(rest, event.ID(account, next)+","), line)
			next++
		}
	}
	require.EqualValues(t, many, next-1)
	require.Contains(t, content.String(), file.GetDigest())
}

// Several programs work on the files of one database, and each file is made once.
func TestReplicasShareTheFiles(t *testing.T) {
	t.Parallel()
	url := postgrestest.Database(t)
	at := statementtest.Migrated(t, url)
	statementtest.NewSink(t, url).Write(t, busyAccount()...)
	first, second := start(t, at), start(t, at)
	clients := []statementv1.FileServiceClient{dialFiles(t, first), dialFiles(t, second)}
	names := make(map[string]string)
	for n := range 4 {
		asked := month()
		asked.Email, asked.RequestId = "", []string{"one", "two", "three", "four"}[n]
		response, err := clients[n%2].CreateFile(t.Context(), asked)
		require.NoError(t, err)
		names[asked.RequestId] = response.GetFile().GetName()
	}
	for id, name := range names {
		await.Until(t, func() bool {
			response, err := clients[1].GetFile(t.Context(), &statementv1.GetFileRequest{Name: name})
			require.NoError(t, err)
			return response.GetFile().GetState() == statementv1.FileState_FILE_STATE_READY
		}, time.Minute, 50*time.Millisecond, id)
		response, err := clients[0].GetFile(t.Context(), &statementv1.GetFileRequest{Name: name})
		require.NoError(t, err)
		requireWhole(t, clients[0], response.GetFile())
	}
	for _, p := range []*programtest.Program{first.Program, second.Program} {
		p.Interrupt(t)
	}
}
