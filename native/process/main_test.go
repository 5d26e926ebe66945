package process_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"codebank.dev/native/process"
)

// roleVariable tells a copy of this test program which role it has.
const roleVariable = "CODEBANK_TEST_ROLE"

func TestMain(m *testing.M) {
	var err error
	switch os.Getenv(roleVariable) {
	case "":
		os.Exit(m.Run())
	case "service":
		err = serve(os.Getenv("PORT"))
	case "failure":
		err = errors.New("the database is not there")
	case "stubborn":
		signal.Ignore(syscall.SIGTERM)
		err = serve(os.Getenv("PORT"))
	case "launcher":
		err = launch(os.Args[1])
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// serve is the simple service of these tests. It answers on a port until it gets a signal.
func serve(port string) error {
	ctx, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer cancel()
	fmt.Println("serving")
	server := &http.Server{Addr: "127.0.0.1:" + port, ReadHeaderTimeout: time.Minute}
	go func() {
		<-ctx.Done()
		_ = server.Close()
	}()
	if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// launch is a launcher that is killed by a test: it runs a service and a command, prints their
// process ids, and waits.
func launch(dir string) error {
	group := process.NewGroup(dir, nil)
	group.Add(service("one", freePort()))
	group.Add(process.Spec{Name: "two", Command: func(context.Context) (process.Command, error) {
		return process.Command{Path: "/bin/sleep", Args: []string{"600"}}, nil
	}})
	if err := group.Start(context.Background()); err != nil {
		return err
	}
	for _, p := range group.Processes() {
		fmt.Println("child", p.Pid())
	}
	fmt.Println("ready")
	return group.Wait(context.Background())
}

// service is a row that runs this program as a service on a port.
func service(name string, port int, needs ...string) process.Spec {
	return newRow("service", name, port, needs...)
}

func newRow(role, name string, port int, needs ...string) process.Spec {
	return process.Spec{
		Name:  name,
		Needs: needs,
		Ports: []int{port},
		Command: func(context.Context) (process.Command, error) {
			return process.Command{
				Path: os.Args[0],
				Env:  []string{roleVariable + "=" + role, "PORT=" + strconv.Itoa(port)},
			}, nil
		},
		Ready: func(ctx context.Context) error {
			request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://127.0.0.1:"+strconv.Itoa(port), nil)
			if err != nil {
				return err
			}
			response, err := http.DefaultClient.Do(request)
			if err != nil {
				return err
			}
			return response.Body.Close()
		},
	}
}

// freePort returns a port that is free now.
func freePort() int {
	port, err := process.FreePort()
	if err != nil {
		panic(err)
	}
	return port
}

// newGroup returns a group that is stopped after the test. Its logs are in a temporary folder.
func newGroup(t *testing.T, progress func(name, message string)) *process.Group {
	t.Helper()
	group := process.NewGroup(filepath.Join(t.TempDir(), "logs"), progress)
	t.Cleanup(func() { require.NoError(t, group.Stop(context.Background())) })
	return group
}
