package main

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"codebank.dev/bank/failpoint"
	"codebank.dev/bank/statement/statementtest"
	"codebank.dev/stack/postgres/postgrestest"
)

// asProgram makes a copy of this test program behave as the program itself. It ends
// when its input does, so that it never outlives the tests.
const asProgram = "CODEBANK_TEST_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) == "" {
		os.Exit(m.Run())
	}
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(3)
	}()
	main()
}

// process is the running program.
type process struct {
	cmd     *exec.Cmd
	log     *logs
	gone    chan struct{}
	address string // of HTTP
}

// logs is what the program wrote; it may be read while the program writes.
type logs struct {
	mutex sync.Mutex
	text  bytes.Buffer
}

func (l *logs) Write(p []byte) (int, error) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	return l.text.Write(p)
}

func (l *logs) String() string {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	return l.text.String()
}

var listens = regexp.MustCompile(`msg=serving .*http=(\S+)`)

// start runs the program until it is ready or has ended.
func start(t *testing.T, url string, flags ...string) *process {
	t.Helper()
	p := &process{log: &logs{}, gone: make(chan struct{})}
	p.cmd = exec.Command(os.Args[0], append(flags, "--grpc-address=127.0.0.1:0", "--http-address=127.0.0.1:0", "--database-url="+url)...)
	p.cmd.Env = append(os.Environ(), asProgram+"=1")
	p.cmd.Stdout, p.cmd.Stderr = p.log, p.log
	lifeline, err := p.cmd.StdinPipe()
	require.NoError(t, err)
	require.NoError(t, p.cmd.Start())
	go func() {
		defer close(p.gone)
		_ = p.cmd.Wait()
	}()
	t.Cleanup(func() {
		_ = lifeline.Close()
		if t.Failed() {
			t.Log(p.log.String())
		}
	})
	require.Eventually(t, func() bool {
		select {
		case <-p.gone:
			return true
		default:
		}
		if found := listens.FindStringSubmatch(p.log.String()); found != nil {
			p.address = found[1]
			code, _ := status(p.address, "/readyz")
			return code == 200
		}
		return false
	}, time.Minute, 5*time.Millisecond, "neither ready nor gone")
	return p
}

func (p *process) awaitEnd(t *testing.T) {
	t.Helper()
	select {
	case <-p.gone:
	case <-time.After(time.Minute):
		t.Fatal("the program did not end")
	}
}

// TestKilledAtAnyFailpointStatementsGoOn: whatever a program was at when it died, the
// next one answers the whole statement, and never less than was answered before.
func TestKilledAtAnyFailpointStatementsGoOn(t *testing.T) {
	for _, point := range failpoint.Statement() {
		t.Run(string(point), func(t *testing.T) {
			t.Parallel()
			url := postgrestest.Database(t)
			path := "/v1/accounts/" + account + "/statement"
			complete := regexp.MustCompile(`"completeToSequence":"(\d+)"`)
			answered := int64(0)
			ask := func(p *process) bool {
				code, body := status(p.address, path)
				if code != 200 {
					return false
				}
				found := complete.FindStringSubmatch(body)
				require.NotNil(t, found, body)
				now, err := strconv.ParseInt(found[1], 10, 64)
				require.NoError(t, err)
				require.GreaterOrEqual(t, now, answered, "a statement goes back")
				answered = now
				return true
			}

			// The first program makes the tables, when it lives that long.
			dying := start(t, url, "--failpoint="+string(point))
			sink := func(from, to int64) {
				s := statementtest.NewSink(t, url)
				for n := from; n <= to; n++ {
					s.Write(t, statementtest.Purchase(account, n))
				}
			}
			// A sink is registered for tables that are whole, and writes all columns.
			migrated := point != failpoint.StatementMigrated
			if migrated && dying.address != "" && point != failpoint.GapsFound && point != failpoint.GapsStored {
				sink(1, 2)
				for ask(dying) {
				}
			}
			dying.awaitEnd(t)
			require.Contains(t, dying.log.String(), "killed at failpoint "+string(point))

			p := start(t, url)
			if point != failpoint.AdvanceFound && point != failpoint.AdvanceStored {
				sink(1, 2)
			}
			require.True(t, ask(p))
			require.EqualValues(t, 2, answered)
			sink(3, 4)
			require.True(t, ask(p))
			require.EqualValues(t, 4, answered)
			_, body := status(p.address, path)
			require.Contains(t, body, `"balanceMinor":"-400"`)
			_, body = status(p.address, "/v1/accounts/"+account+"/lines")
			require.Len(t, regexp.MustCompile(`"transactionId"`).FindAllString(body, -1), 4, "each line once: %s", body)
			require.NoError(t, p.cmd.Process.Signal(os.Interrupt))
			p.awaitEnd(t)
		})
	}
}

func TestAFailpointThatIsNoneIsRefusedWithTheList(t *testing.T) {
	err := run(t.Context(), []string{"--database-url=postgres://127.0.0.1:1/x", "--failpoint=nowhere"}, nil, io.Discard)
	for _, point := range failpoint.Statement() {
		require.ErrorContains(t, err, string(point))
	}
}
