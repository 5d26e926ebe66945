package programtest

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// alarmHeading is the heading of the README's table of figures with an alarm.
const alarmHeading = "### Figures to watch\n"

var figureName = regexp.MustCompile(`codebank_[a-z_]+`)

// figuresOfEveryProgram begin the names of the figures that every program has.
var figuresOfEveryProgram = []string{"codebank_grpc_", "codebank_panics_"}

// RequireAlarmFigures fails the test unless a program shows every figure with an alarm whose
// name begins with one of prefixes, or that every program has. The README's table lists the
// figures. An alarm on a figure that is absent never fires, so call this while the program
// waits for its database. It returns what the program shows.
func RequireAlarmFigures(t *testing.T, program *Program, prefixes ...string) string {
	t.Helper()
	addresses := program.AwaitListening(t)
	var shown string
	program.Await(t, func() bool {
		answer, err := Get("http://" + addresses.HTTP + "/metrics")
		shown = answer.Body
		return err == nil && answer.Status == 200
	})
	found := 0
	for _, figure := range alarmFigures(t) {
		begins := func(prefix string) bool { return strings.HasPrefix(figure, prefix) }
		if !slices.ContainsFunc(slices.Concat(prefixes, figuresOfEveryProgram), begins) {
			continue
		}
		found++
		require.Regexp(t, `(?m)^`+figure+`(_count)?({.*})? \S+$`, shown, "%s is absent", figure)
	}
	require.Greater(t, found, len(figuresOfEveryProgram), "the README lists figures of this program")
	return shown
}

// alarmFigures returns the names of the figures in the README's table.
func alarmFigures(t *testing.T) []string {
	t.Helper()
	folder, err := os.Getwd()
	require.NoError(t, err)
	for ; folder != filepath.Dir(folder); folder = filepath.Dir(folder) {
		text, err := os.ReadFile(filepath.Join(folder, "README.md"))
		if _, table, found := strings.Cut(string(text), alarmHeading); err == nil && found {
			table, _, _ = strings.Cut(table, "\n#")
			return figureName.FindAllString(table, -1)
		}
	}
	require.FailNow(t, "no README.md lists figures to watch")
	return nil
}
