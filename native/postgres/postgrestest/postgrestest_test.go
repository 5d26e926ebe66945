package postgrestest_test

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"codebank.dev/native/await"
	"codebank.dev/native/child"
	"codebank.dev/native/postgres/postgrestest"
)

// endingVariable tells a copy of this test program how to end.
const endingVariable = "CODEBANK_TEST_ENDING"

// TestEnding is the body of the copy. It starts a server, prints its process id and folder, and
// ends in the given way. Without the variable it does nothing.
func TestEnding(t *testing.T) {
	how := os.Getenv(endingVariable)
	if how == "" {
		return
	}
	server := postgrestest.Shared(t)
	fmt.Printf("\nserver %d %s\n", server.Pid(), server.Data())
	switch how {
	case "panic":
		panic("a test went wrong")
	case "wait":
		select {}
	}
}

// However a test program ends, its server ends with it and its data is removed.
func TestNothingIsLeftBehind(t *testing.T) {
	for _, how := range []string{"return", "panic", "wait"} {
		t.Run(how, func(t *testing.T) {
			cmd := exec.Command(os.Args[0], "-test.run=^TestEnding$")
			cmd.Env = append(os.Environ(), endingVariable+"="+how)
			out, err := cmd.StdoutPipe()
			require.NoError(t, err)
			require.NoError(t, cmd.Start())

			pid, data := readServer(t, bufio.NewScanner(out))
			require.True(t, how == "return" || child.Running(pid))
			if how == "wait" {
				require.NoError(t, cmd.Process.Signal(syscall.SIGKILL))
			}
			err = cmd.Wait()
			require.Equal(t, how == "return", err == nil)

			await.Until(t, func() bool {
				_, err := os.Stat(data)
				return !child.Running(pid) && errors.Is(err, fs.ErrNotExist)
			}, time.Minute, 10*time.Millisecond)
		})
	}
}

// readServer reads the line that TestEnding prints about its server.
func readServer(t *testing.T, lines *bufio.Scanner) (pid int, data string) {
	t.Helper()
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) == 3 && fields[0] == "server" {
			pid, err := strconv.Atoi(fields[1])
			require.NoError(t, err)
			return pid, fields[2]
		}
	}
	t.Fatal("the program ended without a server")
	return 0, ""
}
