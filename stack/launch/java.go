package launch

import (
	"embed"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"text/template"
)

// configFiles are the templates of the parts' configurations.
//
//go:embed config
var configFiles embed.FS

// render fills in one of the configuration templates and writes it to a file.
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
	// temp is the folder for files that libraries unpack at run time.
	temp string
	// log4j is the logging configuration; empty for programs with their own.
	log4j string
	// options are further options of the virtual machine.
	options []string
}

// arguments returns the command line: the options, followed by what to run.
func (j jvm) arguments(run ...string) []string {
	args := []string{
		"-Xmx" + j.heapMax,
		// A part that runs out of memory must end, so that the failure is seen.
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

// environment returns the environment of a child: a few variables of the caller, so that
// programs and folders are found, and the added ones. Other variables of the caller could
// change how a part behaves.
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

// variables returns the environment variables for a program's flags: bank and database-url make
// BANK_DATABASE_URL.
func variables(program string, settings map[string]string) map[string]string {
	named := make(map[string]string, len(settings))
	for flag, value := range settings {
		name := strings.ReplaceAll(program+"_"+flag, "-", "_")
		named[strings.ToUpper(name)] = value
	}
	return named
}
