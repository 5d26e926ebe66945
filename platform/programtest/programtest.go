// Package programtest runs programs as processes of their own, so that a test can kill
// them. The program under test is a second process of the test program that runs the
// program's main. Any other program of the workspace is built from its package.
package programtest

import (
	"bytes"
	"flag"
	"io"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"codebank.dev/native/await"
)

// NoDatabase is the address of a database that no server has.
const NoDatabase = "postgres://nobody:none@127.0.0.1:1/none"

const (
	// asProgram is the variable that makes the test program run as the program.
	asProgram = "CODEBANK_TEST_AS_PROGRAM"
	// patience bounds the wait for a program to serve or to end.
	patience = time.Minute
	// sideBySide is how many tests of a package run at a time, unless -parallel says so. They wait for the
	// timers of programs that were killed more than they compute.
	sideBySide = 8
)

// Main is a TestMain. It runs the tests or, in a process that Start started, the
// program. Such a process ends when its input ends, so it never outlives the tests.
func Main(m *testing.M, program func()) {
	if os.Getenv(asProgram) == "" {
		if err := runSideBySide(); err != nil {
			panic("programtest: " + err.Error())
		}
		os.Exit(m.Run())
	}
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(3)
	}()
	program()
}

// runSideBySide lets more parallel tests run than there are processors.
func runSideBySide() error {
	flag.Parse()
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == "test.parallel" })
	if given {
		return nil
	}
	return flag.Set("test.parallel", strconv.Itoa(max(sideBySide, runtime.GOMAXPROCS(0))))
}

// Program is a program that was started.
type Program struct {
	// Client is that of a program that serves HTTPS; nil for plain HTTP.
	Client *http.Client

	process interface{ Signal(os.Signal) error }
	log     *logs
	gone    <-chan struct{}
}

// logs holds what the program wrote. It may be read while the program writes.
type logs struct {
	mutex sync.Mutex
	text  bytes.Buffer
}

func (l *logs) Write(p []byte) (int, error) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	return l.text.Write(p)
}

// Start starts the program with these arguments and further variables, KEY=value, and
// waits for nothing. The program ends with the test; a test that failed shows the
// program's log. The package's TestMain must call Main.
func Start(t *testing.T, environ []string, args ...string) *Program {
	t.Helper()
	gone := make(chan struct{})
	p := &Program{log: &logs{}, gone: gone}
	command := exec.Command(os.Args[0], args...)
	command.Env = append(append(os.Environ(), asProgram+"=1"), environ...)
	command.Stdout, command.Stderr = p.log, p.log
	lifeline, err := command.StdinPipe()
	require.NoError(t, err)
	require.NoError(t, command.Start())
	p.process = command.Process
	go func() {
		defer close(gone)
		_ = command.Wait()
	}()
	t.Cleanup(func() {
		_ = lifeline.Close()
		if t.Failed() {
			t.Log(p.Log())
		}
	})
	return p
}

// Log returns what the program has written until now.
func (p *Program) Log() string {
	p.log.mutex.Lock()
	defer p.log.mutex.Unlock()
	return p.log.text.String()
}

// Await waits until the program is ready, or has ended.
func (p *Program) Await(t testing.TB, ready func() bool) {
	t.Helper()
	await.Until(t, func() bool {
		select {
		case <-p.gone:
			ready() // It may have become ready with its last output.
			return true
		default:
			return ready()
		}
	}, patience, 5*time.Millisecond, "neither ready nor gone")
}

// AwaitEnd waits until the program has ended. One that does not end is made to write down what its goroutines
// wait for.
func (p *Program) AwaitEnd(t testing.TB) {
	t.Helper()
	select {
	case <-p.gone:
	case <-time.After(patience):
		_ = p.process.Signal(syscall.SIGQUIT)
		select {
		case <-p.gone:
		case <-time.After(patience):
		}
		require.FailNow(t, "the program did not end")
	}
}

// AwaitKilledAt waits until the program has ended, and fails the test unless it was
// killed at the failpoint.
func (p *Program) AwaitKilledAt(t testing.TB, point string) {
	t.Helper()
	p.AwaitEnd(t)
	require.Contains(t, p.Log(), "killed at failpoint "+point)
}

// Addresses are where a program listens, host:port.
type Addresses struct{ GRPC, HTTP string }

// listening is the line of a program's log that tells its addresses.
var listening = regexp.MustCompile(`msg=listening .*grpc=(\S+) http=(\S+)`)

// AwaitListening waits until the program has bound its ports or has ended. If it has
// ended, the addresses are empty.
func (p *Program) AwaitListening(t testing.TB) Addresses {
	t.Helper()
	var addresses Addresses
	p.Await(t, func() bool {
		found := listening.FindStringSubmatch(p.Log())
		if found != nil {
			addresses = Addresses{GRPC: found[1], HTTP: found[2]}
		}
		return found != nil
	})
	return addresses
}

// AwaitReady waits until the program says that it is ready or has ended. If it has
// ended, ready is false; the addresses are empty if it never bound its ports.
func (p *Program) AwaitReady(t testing.TB) (addresses Addresses, ready bool) {
	t.Helper()
	addresses = p.AwaitListening(t)
	if addresses == (Addresses{}) {
		return addresses, false
	}
	p.Await(t, func() bool {
		ready = p.isReady(addresses.HTTP)
		return ready
	})
	return addresses, ready
}

func (p *Program) isReady(address string) bool {
	client, url := http.DefaultClient, "http://"
	if p.Client != nil {
		client, url = p.Client, "https://"
	}
	answer, _ := get(client, url+address+"/readyz")
	return answer.Status == http.StatusOK
}

// Answer is the answer to an HTTP request, with the body read.
type Answer struct {
	Status int
	Header http.Header
	Body   string
}

// Get requests a URL. The Answer is zero if there is an error.
func Get(url string) (Answer, error) { return get(http.DefaultClient, url) }

func get(client *http.Client, url string) (Answer, error) {
	response, err := client.Get(url)
	if err != nil {
		return Answer{}, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return Answer{}, err
	}
	return Answer{response.StatusCode, response.Header, string(body)}, nil
}

// Interrupt tells the program to end, as an operator does, and waits until it has
// ended.
func (p *Program) Interrupt(t testing.TB) {
	t.Helper()
	require.NoError(t, p.process.Signal(os.Interrupt))
	p.AwaitEnd(t)
}

// Kill ends the program without a warning, as a crash does, and waits until it has ended.
func (p *Program) Kill(t testing.TB) {
	t.Helper()
	require.NoError(t, p.process.Signal(os.Kill))
	p.AwaitEnd(t)
}
