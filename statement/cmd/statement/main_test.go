package main

import (
	"bytes"
	"context"
	"flag"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"codebank.dev/native/await"
	stack "codebank.dev/native/postgres"
	"codebank.dev/native/postgres/postgrestest"
	"codebank.dev/platform/database/databasetest"
	"codebank.dev/platform/programtest"
	"codebank.dev/platform/serve"
	"codebank.dev/platform/wallstest"
	statementv1 "codebank.dev/schemas/gen/statement/v1"
	"codebank.dev/statement/postgres"
	"codebank.dev/statement/statementtest"
	"github.com/stretchr/testify/require"
)

const account = "3f1c1f0e-8f64-4d5e-9a55-0c8f1b2a7d01"

// free returns an address that no program listens on.
func free(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, listener.Close())
	return listener.Addr().String()
}

func status(address, path string) (int, string) {
	answer, _ := programtest.Get("http://" + address + path)
	return answer.Status, answer.Body
}

// An operator's program reads over TLS, and one that the settings do not list does not.
func TestTheProgramServesWhatTheSinkWrites(t *testing.T) {
	url := postgrestest.Database(t)
	database := statementtest.Migrated(t, url)
	web := free(t)
	kit := wallstest.New(t)
	get := func(as, path string) (int, string) {
		response, err := kit.HTTP(t, as).Get("https://" + web + path)
		if err != nil {
			return 0, ""
		}
		defer response.Body.Close()
		body, err := io.ReadAll(response.Body)
		require.NoError(t, err)
		return response.StatusCode, string(body)
	}
	status := func(path string) (int, string) { return get("operator", path) }
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan error, 1)
	go func() {
		ended <- run(ctx, append(kit.Flags(t, "statement"), "--grpc-address", "127.0.0.1:0", "--http-address", web, "--log-level", "error", "--readers=auditor"),
			[]string{"STATEMENT_DATABASE_URL=" + database}, io.Discard)
	}()
	await.Until(t, func() bool { code, _ := status("/readyz"); return code == 200 }, time.Minute, 10*time.Millisecond)
	statementtest.NewSink(t, url).Write(t, statementtest.Purchase(account, 1))
	code, body := status("/v1/accounts/" + account + "/statement")
	require.Equal(t, 200, code)
	require.Contains(t, body, `"balanceMinor":"-100"`)
	for program, want := range map[string]int{"auditor": 200, "checkout": 403, "": 401} {
		code, body = get(program, "/v1/accounts/"+account+"/statement")
		require.Equal(t, want, code, body)
	}
	code, body = status("/docs")
	require.Equal(t, 200, code)
	require.Contains(t, body, "Code Bank statement")
	code, body = status("/metrics")
	require.Equal(t, 200, code)
	require.True(t, strings.Contains(body, "codebank_statement_gaps 0"))
	cancel()
	require.NoError(t, <-ended)
}

func TestEveryFigureWithAnAlarmIsThereFromTheStart(t *testing.T) {
	shown := programtest.RequireAlarmFigures(t, launch(t, programtest.NoDatabase), "codebank_statement_")
	require.Contains(t, shown, "codebank_statement_gap_seconds +Inf\n", "not known is an endless age")
	require.Contains(t, shown, "codebank_statement_file_oldest_pending_seconds +Inf\n")
	require.Contains(t, shown, "codebank_statement_watermark_age_seconds +Inf\n")
}

func TestTheProgramWaitsForItsDatabase(t *testing.T) {
	programtest.TestAwaitsDatabase(t, programtest.Waiting{
		Server: postgrestest.Own(t, stack.Options{}),
		Role:   postgres.ServiceRole,
		Migrate: func(url string) error {
			return postgres.Migrate(t.Context(), postgres.Config{URL: url, BankCode: statementtest.Bank})
		},
		Start: func(url string) *programtest.Program { return launch(t, url) },
		Call: func(address string) error {
			conn, err := serve.Dial(address)
			require.NoError(t, err)
			defer conn.Close()
			_, err = statementv1.NewStatementServiceClient(conn).GetStatement(t.Context(),
				&statementv1.GetStatementRequest{Name: "accounts/" + account + "/statement"})
			return err
		},
		Path: "/v1/accounts/" + account + "/statement",
	})
}

func TestTheProgramEndsWhenTheDatabaseIsAnotherBanks(t *testing.T) {
	url := postgrestest.Database(t)
	require.NoError(t, postgres.Migrate(t.Context(), postgres.Config{URL: url, BankCode: "002"}))
	url = databasetest.As(t, url, postgres.ServiceRole)
	err := run(t.Context(), []string{"--grpc-address", "127.0.0.1:0", "--http-address", "127.0.0.1:0", "--database-url", url, "--log-level", "error", "--insecure", "operator"}, nil, io.Discard)
	require.ErrorIs(t, err, postgres.ErrOtherBank)
}

func TestSettingsThatCannotBeMeantEndTheProgram(t *testing.T) {
	for want, args := range map[string][]string{
		"--database-url is required": nil,
		"--bank-code":                {"--database-url=postgres://127.0.0.1:1/x", "--bank-code=one"},
		"--page-token-key":           {"--database-url=postgres://127.0.0.1:1/x", "--page-token-key=short"},
		"cannot be read":             {"--database-url=::secret", "--insecure=operator"},
		"--readers":                  {"--database-url=postgres://127.0.0.1:1/x", "--readers=two words"},
		"exclude each other":         {"--database-url=postgres://127.0.0.1:1/x", "--insecure=operator", "--tls-key=key"},
		"--tls-certificate":          {"--database-url=postgres://127.0.0.1:1/x"},
		"--log-level":                {"--database-url=postgres://127.0.0.1:1/x", "--log-level=loud"},
		"--file-workers":             {"--database-url=postgres://127.0.0.1:1/x", "--file-workers=0"},
		"--request-patience":         {"--database-url=postgres://127.0.0.1:1/x", "--request-patience=13h"},
		"--file-retention":           {"--database-url=postgres://127.0.0.1:1/x", "--file-retention=0"},
		"mail:":                      {"--database-url=postgres://127.0.0.1:1/x", "--smtp-url=smtp://secret@"},
		"sender":                     {"--database-url=postgres://127.0.0.1:1/x", "--smtp-url=smtp://127.0.0.1", "--mail-from=secret", "--insecure=operator", "--grpc-address=127.0.0.1:0", "--http-address=127.0.0.1:0"},
		"--audit-head-interval":      {"--database-url=postgres://127.0.0.1:1/x", "--audit-head-interval=0"},
		"--kafka-":                   {"--database-url=postgres://127.0.0.1:1/x", "--kafka-brokers=127.0.0.1:1", "--kafka-tls-authority=/nowhere"},
		"--sink-group":               {"--database-url=postgres://127.0.0.1:1/x", "--sink-group="},
		"kafka:":                     {"--database-url=postgres://127.0.0.1:1/x", "--kafka-brokers=127.0.0.1:port", "--insecure=operator", "--grpc-address=127.0.0.1:0", "--http-address=127.0.0.1:0"},
	} {
		err := run(t.Context(), args, nil, io.Discard)
		require.ErrorContains(t, err, want)
		require.NotContains(t, err.Error(), "secret")
	}
	var out bytes.Buffer
	require.ErrorIs(t, run(t.Context(), []string{"--help"}, nil, &out), flag.ErrHelp)
	require.Contains(t, out.String(), "STATEMENT_DATABASE_URL")
}
