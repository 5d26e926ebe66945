package serve

import (
	"errors"
	"flag"
	"fmt"
	"strings"
)

// Parse sets the flags of fs from args. It sets a flag that is not in args from
// environ, whose entries are KEY=value, as os.Environ returns them. Each flag has two
// variables. For page-token-key, PREFIX_PAGE_TOKEN_KEY is the value, and
// PREFIX_PAGE_TOKEN_KEY_FILE is the path of a file whose content, without the last line
// break, is the value. Secrets come from such files. A flag overrides the environment,
// and the environment overrides the default.
//
// Parse refuses positional arguments, both variables of one flag at once, and any other
// variable that begins with PREFIX_, so that a misspelt setting is not silently
// ignored. It allows the variables that Kubernetes injects for a Service of that name
// (PREFIX_PORT…, PREFIX_SERVICE_…). For -h and --help it prints every flag with its
// variable and default to fs.Output() and returns flag.ErrHelp. Errors name the setting
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
	var names []string
	fs.VisitAll(func(f *flag.Flag) { names = append(names, f.Name) })
	environment, err := NewEnvironment(prefix, names, environ)
	if err != nil {
		return err
	}
	given := make(map[string]bool)
	fs.Visit(func(f *flag.Flag) { given[f.Name] = true })
	var failures []error
	for _, name := range names {
		if renamed, ok := fs.Lookup(name).Value.(*oldName); ok {
			failures = append(failures, renamed.fromEnvironment(environment, given))
		} else if !given[name] {
			failures = append(failures, environment.Set(fs, name))
		}
	}
	return errors.Join(failures...)
}

// usage prints every flag with its environment variable and default.
func usage(fs *flag.FlagSet, prefix string) {
	out := fs.Output()
	fmt.Fprintf(out, "Usage of %s:\n", fs.Name())
	fs.VisitAll(func(f *flag.Flag) {
		if _, renamed := f.Value.(*oldName); renamed {
			return
		}
		argument, text := flag.UnquoteUsage(f)
		if argument != "" {
			argument = " " + argument
		}
		fmt.Fprintf(out, "  --%s%s\n        %s\n", f.Name, argument, strings.ReplaceAll(text, "\n", "\n        "))
		fmt.Fprintf(out, "        environment: %s", variable(prefix, f.Name))
		if f.DefValue != "" {
			fmt.Fprintf(out, "; default: %s", f.DefValue)
		}
		fmt.Fprintln(out)
	})
	fmt.Fprintf(out, "In place of each variable, NAME%s may be set to the path of a file that holds the value.\n", fileSuffix)
}
