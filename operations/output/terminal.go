package output

import (
	"io"
	"os"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Colours reports whether to write colours: on a terminal that knows them, unless NO_COLOR
// is set to anything (no-color.org).
func (p *Printer) Colours() bool {
	if p.variable("NO_COLOR") != "" || p.variable("TERM") == "dumb" {
		return false
	}
	return isTerminal(p.out)
}

// Width returns how many characters a line of the terminal has: what COLUMNS says, else
// what the terminal itself says; 0 when neither does.
func (p *Printer) Width() int {
	if columns, err := strconv.Atoi(p.variable("COLUMNS")); err == nil && columns > 0 && columns <= 1000 {
		return columns
	}
	file, ok := p.out.(*os.File)
	if !ok || !isTerminal(file) {
		return 0
	}
	size, err := unix.IoctlGetWinsize(int(file.Fd()), unix.TIOCGWINSZ)
	if err != nil {
		return 0
	}
	return int(size.Col)
}

// variable returns a variable of the environment.
func (p *Printer) variable(name string) string {
	at := slices.IndexFunc(p.environ, func(entry string) bool { return strings.HasPrefix(entry, name+"=") })
	if at < 0 {
		return ""
	}
	return p.environ[at][len(name)+1:]
}

func isTerminal(writer io.Writer) bool {
	file, ok := writer.(*os.File)
	if !ok {
		return false
	}
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
