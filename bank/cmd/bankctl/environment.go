package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

const (
	// prefix begins the names of bankctl's environment variables.
	prefix = "BANKCTL_"
	// fileSuffix ends the name of a variable that holds the path of a file with the value.
	fileSuffix = "_FILE"
	// maxSettingBytes bounds a setting that is read from a file.
	maxSettingBytes = 64 << 10
	// byHand annotates flags that must be given on the command line each time.
	byHand = "by-hand"
)

// fromEnvironment sets the flags of a command that were not given from their twins
// in the environment. A variable that begins with the prefix and belongs to no flag
// of any command is an error, so that a misspelt setting is not silently ignored;
// what Kubernetes injects for a Service of this name is let pass. Errors never hold
// a value.
func fromEnvironment(command *cobra.Command, environ []string) error {
	known := make(map[string]bool)
	addTwins(command.Root(), known)
	variables := make(map[string]string)
	var failures []error
	for _, entry := range environ {
		name, value, _ := strings.Cut(entry, "=")
		rest, own := strings.CutPrefix(name, prefix)
		switch {
		case !own:
		case known[strings.TrimSuffix(name, fileSuffix)] || known[name]:
			variables[name] = value
		case rest == "PORT" || strings.HasPrefix(rest, "PORT_") || strings.HasPrefix(rest, "SERVICE_"):
		default:
			failures = append(failures, fmt.Errorf("environment variable %s belongs to no flag", name))
		}
	}
	command.Flags().VisitAll(func(flag *pflag.Flag) {
		if !flag.Changed && hasTwin(flag) {
			failures = append(failures, setFromTwins(command.Flags(), flag.Name, variables))
		}
	})
	return errors.Join(failures...)
}

// addTwins adds the names of the twins of all flags of a command and those below it.
func addTwins(command *cobra.Command, known map[string]bool) {
	add := func(flag *pflag.Flag) {
		if hasTwin(flag) {
			known[twin(flag.Name)] = true
		}
	}
	command.LocalFlags().VisitAll(add)
	for _, below := range command.Commands() {
		addTwins(below, known)
	}
}

func hasTwin(flag *pflag.Flag) bool {
	return flag.Name != "help" && flag.Annotations[byHand] == nil
}

func twin(flag string) string {
	return prefix + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// setFromTwins sets one flag from its twins, if either is there.
func setFromTwins(flags *pflag.FlagSet, flag string, variables map[string]string) error {
	name := twin(flag)
	value, direct := variables[name]
	path, byFile := variables[name+fileSuffix]
	switch {
	case direct && byFile:
		return fmt.Errorf("both %s and %s are set; keep one", name, name+fileSuffix)
	case byFile:
		name += fileSuffix
		content, err := readSetting(path)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		value = content
	case !direct:
		return nil
	}
	if err := flags.Set(flag, value); err != nil {
		// The flag's own message repeats the value, which may be a secret.
		return fmt.Errorf("%s: not a valid value for --%s", name, flag)
	}
	return nil
}

// readSetting returns the content of a small file without its last line break.
func readSetting(path string) (string, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer file.Close()
	// Not by its size: a pipe has none, a device has no end.
	content, err := io.ReadAll(io.LimitReader(file, maxSettingBytes+1))
	if err != nil {
		return "", err
	}
	if len(content) > maxSettingBytes {
		return "", fmt.Errorf("%s is larger than %d bytes", path, maxSettingBytes)
	}
	return strings.TrimSuffix(strings.TrimSuffix(string(content), "\n"), "\r"), nil
}
