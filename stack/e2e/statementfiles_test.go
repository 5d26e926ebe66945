package e2e

import (
	"bytes"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"

	"codebank.dev/native/await"
	"codebank.dev/schemas/command"
	statementv1 "codebank.dev/schemas/gen/statement/v1"
	"codebank.dev/stack/launch"
	"codebank.dev/stack/mailbox"
)

// awaitFile waits until a file is ready.
func awaitFile(t *testing.T, stack *launch.Stack, who *launch.Person, name string) map[string]any {
	t.Helper()
	var file map[string]any
	await.Until(t, func() bool {
		read := ask(t, stack, who, "", http.MethodGet, "/v1/"+name, "")
		require.Equal(t, http.StatusOK, read.status, "%s", read.body)
		file = read.decode(t)["file"].(map[string]any)
		require.NotEqual(t, "FILE_STATE_FAILED", file["state"], "%v", file)
		return file["state"] == "FILE_STATE_READY"
	}, timeout, 50*time.Millisecond, "%v", file)
	return file
}

// A program asks for a user's statement by event. The user is told by e-mail, and downloads it.
func TestAStatementIsAskedForByEventAndAnnouncedByEMail(t *testing.T) {
	t.Parallel() // it disturbs nobody, and waits
	stack := running(t)
	who := newCustomer(t, stack, seedPassword)
	account := openFor(t, stack, who, 77_700)
	awaitStatement(t, stack, account, func(s *statementv1.Statement) bool { return s.GetBalanceMinor() == 77_700 }, "the deposit is shown")
	events := newProducer(t, stack, "statement-001.requests.v1", launch.Requests)
	now := time.Now()
	asked := command.StatementRequest{
		BankCode: launch.BankCode, RequestID: newRequestID(), UserID: who.User.String(), AccountID: idOf(account.GetName()),
		StartAtMillis: now.AddDate(0, 0, -60).UnixMilli(), EndAtMillis: now.UnixMilli(), Format: command.CSV, Email: who.Email, Language: "pt-BR",
		RequestedAtMillis: now.UnixMilli(),
	}
	body, err := command.Encode(&asked)
	require.NoError(t, err)
	record := events.sign(asked.AccountID, body)
	forged := *record
	forged.Headers = record.Headers[:1]
	events.send(record, &forged, record)

	var files []any
	await.Until(t, func() bool {
		read := ask(t, stack, who, "", http.MethodGet, "/v1/"+account.GetName()+"/files", "")
		require.Equal(t, http.StatusOK, read.status, "%s", read.body)
		files, _ = read.decode(t)["files"].([]any)
		return len(files) > 0
	}, timeout, 50*time.Millisecond)
	file := awaitFile(t, stack, who, files[0].(map[string]any)["name"].(string))
	content := ask(t, stack, who, "", http.MethodGet, "/v1/"+file["name"].(string)+":download", "")
	require.Equal(t, http.StatusOK, content.status)
	requireVerified(t, stack, file["fileName"].(string), content.body)

	await.Until(t, func() bool {
		mail, err := os.ReadFile(mailbox.File(filepath.Join(stack.Dir(), "mail"), who.Email))
		return err == nil && bytes.Contains(mail, []byte(idOf(file["name"].(string))))
	}, timeout, 50*time.Millisecond, "the e-mail names the file")
	admin := kadm.NewClient(events.kafka)
	await.Until(t, func() bool {
		return endOffsets(t, admin, []string{"dlq.statement-001.requests"})["dlq.statement-001.requests"] >= 1
	}, timeout, 50*time.Millisecond, "what nobody has signed is in the dead-letter topic")
	read := ask(t, stack, who, "", http.MethodGet, "/v1/"+account.GetName()+"/files", "")
	require.Len(t, read.decode(t)["files"], 1, "asked for twice, it is made once")
}
