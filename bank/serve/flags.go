package serve

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
)

// fileSuffix is what the name of an environment variable ends in when its value is
// the path of a file that holds the setting.
const fileSuffix = "_FILE"

// maxSettingBytes bounds a setting that is read from a file.
const maxSettingBytes = 64 << 10

// Parse fills fs from args and, for each flag not given there, from environ
// (entries KEY=value, as os.Environ returns them). The flag page-token-key has the
// twins PREFIX_PAGE_TOKEN_KEY, its value, and PREFIX_PAGE_TOKEN_KEY_FILE, the path
// of a file whose content is the value without its last line break: that is how
// secrets come in. A flag beats the environment, which beats the default.
//
// Parse refuses positional arguments, both twins of one flag at once, and any other
// variable that begins with PREFIX_, so that a misspelt setting is not silently
// ignored; what Kubernetes injects for a Service of that name (PREFIX_PORT…,
// PREFIX_SERVICE_…) is let pass. For -h and --help it prints every flag with its
// twin and default to fs.Output() and returns flag.ErrHelp. Errors name the setting
// and never hold a value that came from the environment or from a file.
//
// fs must be made with flag.ContinueOnError.
func Parse(fs *flag.FlagSet, prefix string, args, environ []string) error {
	fs.Usage = func() { usage(fs, prefix) }
	if err := fs.Parse(args); err != nil {
		return err
	}
	if fs.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q", fs.Arg(0))
	}
	variables, err := ownVariables(fs, prefix, environ)
	if err != nil {
		return err
	}
	given := make(map[string]bool)
	fs.Visit(func(f *flag.Flag) { given[f.Name] = true })
	var failures []error
	fs.VisitAll(func(f *flag.Flag) {
		if !given[f.Name] {
			failures = append(failures, fromEnvironment(fs, f.Name, variableName(prefix, f.Name), variables))
		}
	})
	return errors.Join(failures...)
}

// variableName returns the environment twin of a flag.
func variableName(prefix, flagName string) string {
	return prefix + "_" + strings.ToUpper(strings.ReplaceAll(flagName, "-", "_"))
}

// ownVariables returns the variables of environ that begin with the prefix, or an
// error that names those which belong to no flag.
func ownVariables(fs *flag.FlagSet, prefix string, environ []string) (map[string]string, error) {
	known := make(map[string]bool)
	fs.VisitAll(func(f *flag.Flag) {
		name := variableName(prefix, f.Name)
		known[name], known[name+fileSuffix] = true, true
	})
	variables := make(map[string]string)
	var unknown []error
	for _, entry := range environ {
		name, value, _ := strings.Cut(entry, "=")
		rest, own := strings.CutPrefix(name, prefix+"_")
		switch {
		case !own:
		case known[name]:
			variables[name] = value
		case rest == "PORT" || strings.HasPrefix(rest, "PORT_") || strings.HasPrefix(rest, "SERVICE_"):
		default:
			unknown = append(unknown, fmt.Errorf("environment variable %s belongs to no setting; see --help", name))
		}
	}
	return variables, errors.Join(unknown...)
}

// fromEnvironment sets one flag from its twins, if either is there.
func fromEnvironment(fs *flag.FlagSet, flagName, variable string, variables map[string]string) error {
	value, direct := variables[variable]
	path, byFile := variables[variable+fileSuffix]
	switch {
	case direct && byFile:
		return fmt.Errorf("both %s and %s are set; keep one", variable, variable+fileSuffix)
	case byFile:
		content, err := readSetting(path)
		if err != nil {
			return fmt.Errorf("%s: %w", variable+fileSuffix, err)
		}
		value, variable = content, variable+fileSuffix
	case !direct:
		return nil
	}
	if err := fs.Set(flagName, value); err != nil {
		// The flag package's own message repeats the value, which may be a secret.
		return fmt.Errorf("%s: not a valid value for --%s", variable, flagName)
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

// usage prints every flag with its environment twin and default.
func usage(fs *flag.FlagSet, prefix string) {
	out := fs.Output()
	fmt.Fprintf(out, "Usage of %s:\n", fs.Name())
	fs.VisitAll(func(f *flag.Flag) {
		argument, text := flag.UnquoteUsage(f)
		if argument != "" {
			argument = " " + argument
		}
		fmt.Fprintf(out, "  --%s%s\n        %s\n", f.Name, argument, strings.ReplaceAll(text, "\n", "\n        "))
		fmt.Fprintf(out, "        environment: %s", variableName(prefix, f.Name))
		if f.DefValue != "" {
			fmt.Fprintf(out, "; default: %s", f.DefValue)
		}
		fmt.Fprintln(out)
	})
	fmt.Fprintf(out, "Each variable has a twin NAME%s: the path of a file that holds the value.\n", fileSuffix)
}
