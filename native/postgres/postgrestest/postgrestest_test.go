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

	"codebank.dev/native/child"
	"codebank.dev/native/postgres/postgrestest"
)

// ending names, in a copy of this test program, how that copy is to end.
const ending = "CODEBANK_TEST_ENDING"

// TestEnding is the body of the copy: it starts a server, says where it is,
// and then ends in the way it is told to. Alone it has nothing to show.
func TestEnding(t *testing.T) {
	how := os.Getenv(ending)
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
			cmd.Env = append(os.Environ(), ending+"="+how)
			out, err := cmd.StdoutPipe()
			require.NoError(t, err)
			require.NoError(t, cmd.Start())

			pid, data := announced(t, bufio.NewScanner(out))
			require.True(t, how == "return" || child.Running(pid))
			if how == "wait" {
				require.NoError(t, cmd.Process.Signal(syscall.SIGKILL))
			}
			err = cmd.Wait()
			require.Equal(t, how == "return", err == nil)

			require.Eventually(t, func() bool {
				_, err := os.Stat(data)
				return !child.Running(pid) && errors.Is(err, fs.ErrNotExist)
			}, time.Minute, 10*time.Millisecond)
		})
	}
}

// announced reads the line that TestEnding prints about its server.
func announced(t *testing.T, lines *bufio.Scanner) (pid int, data string) {
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
