package programtest

import (
	"strings"
	"testing"
)

// CheckSettings is for a fuzz test. It lets parse read a program's settings from arguments
// and environment, one a line. parse must accept or refuse them, and must not accept
// settings without the URL of a database, which it returns. Settings that name files are
// left out, because a fuzz test reads no other file of this machine.
func CheckSettings(t *testing.T, arguments, environment string, parse func(args, environ []string) (databaseURL string, err error)) {
	t.Helper()
	if strings.Contains(arguments, "catalogue") {
		t.Skip("an argument names a file")
	}
	url, err := parse(strings.Split(arguments, "\n"), Environ(environment))
	if err == nil && url == "" {
		t.Fatal("accepted without a database")
	}
}

// Environ returns the variables of an environment, KEY=value, one a line, without those
// that name files.
func Environ(environment string) []string {
	var environ []string
	for line := range strings.Lines(environment) {
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
		if !strings.HasSuffix(name, "_FILE") && !strings.Contains(name, "CATALOGUE") {
			environ = append(environ, name+"="+value)
		}
	}
	return environ
}
