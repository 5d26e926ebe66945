package serve

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

// fileSuffix ends the name of an environment variable whose value is the path of a file
// that holds the setting.
const fileSuffix = "_FILE"

// maxSettingBytes bounds a setting that is read from a file.
const maxSettingBytes = 64 << 10

// Flags is a set of flags of package flag or of another package.
type Flags interface {
	Set(name, value string) error
}

// Environment holds the values that a program's environment gives its flags. Each flag
// has two variables, as Parse describes them.
type Environment struct {
	prefix    string
	variables map[string]string
}

// NewEnvironment takes from environ (entries KEY=value, as os.Environ returns them)
// the variables of the flags with these names. The error names every other variable that
// begins with PREFIX_, except those that Kubernetes injects for a Service of that name.
// After an error the environment can still be used.
func NewEnvironment(prefix string, flags, environ []string) (*Environment, error) {
	known := make(map[string]bool)
	for _, name := range flags {
		known[variable(prefix, name)], known[variable(prefix, name)+fileSuffix] = true, true
	}
	e := &Environment{prefix: prefix, variables: make(map[string]string)}
	var unknown []error
	for _, entry := range environ {
		name, value, _ := strings.Cut(entry, "=")
		rest, own := strings.CutPrefix(name, prefix+"_")
		switch {
		case !own:
		case known[name]:
			e.variables[name] = value
		case rest == "PORT" || strings.HasPrefix(rest, "PORT_") || strings.HasPrefix(rest, "SERVICE_"):
		default:
			unknown = append(unknown, fmt.Errorf("environment variable %s belongs to no setting; see --help", name))
		}
	}
	return e, errors.Join(unknown...)
}

// variable returns the environment variable of a flag.
func variable(prefix, flag string) string {
	return prefix + "_" + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// Set sets one flag from its variables, if one of them is set. It is an error if both are
// set, or if the flag does not take the value. No error holds the value.
func (e *Environment) Set(flags Flags, flag string) error {
	name := variable(e.prefix, flag)
	value, direct := e.variables[name]
	path, byFile := e.variables[name+fileSuffix]
	switch {
	case direct && byFile:
		return fmt.Errorf("both %s and %s are set; keep one", name, name+fileSuffix)
	case byFile:
		content, err := readSetting(path)
		if err != nil {
			return fmt.Errorf("%s: %w", name+fileSuffix, err)
		}
		value, name = content, name+fileSuffix
	case !direct:
		return nil
	}
	if err := flags.Set(flag, value); err != nil {
		// The flag package's own message repeats the value, which may be a secret.
		return fmt.Errorf("%s: not a valid value for --%s", name, flag)
	}
	return nil
}

// given returns the variable that is set for a flag, or "" if there is none.
func (e *Environment) given(flag string) string {
	name := variable(e.prefix, flag)
	for _, name := range []string{name, name + fileSuffix} {
		if _, ok := e.variables[name]; ok {
			return name
		}
	}
	return ""
}

// readSetting returns the content of a small file without its last line break.
func readSetting(path string) (string, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer file.Close()
	// The size of a file is no bound: a pipe has no size, and a device has no end.
	content, err := io.ReadAll(io.LimitReader(file, maxSettingBytes+1))
	if err != nil {
		return "", err
	}
	if len(content) > maxSettingBytes {
		return "", fmt.Errorf("%s is larger than %d bytes", path, maxSettingBytes)
	}
	return strings.TrimSuffix(strings.TrimSuffix(string(content), "\n"), "\r"), nil
}
