package launch

import (
	"embed"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"text/template"
)

// configFiles are the configurations of the parts, as templates.
//
//go:embed config
var configFiles embed.FS

// render writes one of the configurations, filled in, to a file.
func render(name, file string, values any) error {
	parsed, err := template.New(name).Option("missingkey=error").ParseFS(configFiles, "config/"+name)
	if err != nil {
		return err
	}
	var text strings.Builder
	if err := parsed.ExecuteTemplate(&text, name, values); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	return os.WriteFile(file, []byte(text.String()), 0o644)
}

// jvm is a Java program that runs from a class path.
type jvm struct {
	heapMax string
	// temp takes what libraries unpack at run time.
	temp string
	// log4j is the logging configuration; empty for programs with their own.
	log4j string
	// options are further options of the virtual machine.
	options []string
}

// arguments is the command line that starts with the options and ends with
// what to run.
func (j jvm) arguments(run ...string) []string {
	args := []string{
		"-Xmx" + j.heapMax,
		// A part that is out of memory must end and be seen, not limp on.
		"-XX:+ExitOnOutOfMemoryError",
		"-Djava.io.tmpdir=" + j.temp,
		"-Djava.awt.headless=true",
		"-Duser.timezone=UTC",
	}
	if j.log4j != "" {
		args = append(args, "-Dlog4j2.configurationFile="+j.log4j)
	}
	return append(append(args, j.options...), run...)
}

// environment is what every child sees of the caller's environment, with what
// is added: enough to find programs and folders, and nothing that would change
// how a part behaves from one user to the next.
func environment(added map[string]string) []string {
	var env []string
	for _, name := range []string{"PATH", "HOME", "USER", "LANG", "TMPDIR"} {
		if value, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+value)
		}
	}
	for name, value := range added {
		env = append(env, fmt.Sprintf("%s=%s", name, value))
	}
	return env
}

// variables are the environment twins of a program's flags: bank and
// database-url make BANK_DATABASE_URL.
func variables(program string, settings map[string]string) map[string]string {
	twins := make(map[string]string, len(settings))
	for flag, value := range settings {
		name := program + "_" + strings.ReplaceAll(flag, "-", "_")
		twins[strings.ToUpper(name)] = value
	}
	return twins
}
