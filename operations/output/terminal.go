package output

import (
	"io"
	"os"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Colours reports whether to write colours. It does on a terminal that has colours, unless
// NO_COLOR is set to any value (no-color.org).
func (p *Printer) Colours() bool {
	if p.variable("NO_COLOR") != "" || p.variable("TERM") == "dumb" {
		return false
	}
	return terminal(p.out) != nil
}

// Width returns how many characters a line of the terminal has. COLUMNS overrides the
// terminal's own width. It is 0 if both are unknown.
func (p *Printer) Width() int {
	if columns, err := strconv.Atoi(p.variable("COLUMNS")); err == nil && columns > 0 && columns <= 1000 {
		return columns
	}
	file := terminal(p.out)
	if file == nil {
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

// terminal returns the terminal that a writer writes to, or nil if it is not a terminal.
func terminal(writer io.Writer) *os.File {
	if checked, ok := writer.(*Checked); ok {
		writer = checked.to
	}
	file, ok := writer.(*os.File)
	if !ok {
		return nil
	}
	if info, err := file.Stat(); err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return nil
	}
	return file
}
