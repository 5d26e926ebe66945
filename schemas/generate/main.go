// Command generate writes everything in schemas/gen from the protos, and the event in Go from its
// schemas. It checks that the committed files are up to date, and records releases.
//
//	go run ./schemas/generate            lint, then write gen/
//	go run ./schemas/generate --check    check lint, compatibility, and that gen/ is up to date; write nothing
//	go run ./schemas/generate --release  check, then record new protos and schemas as released
//
// It needs Go. Until the google protos are in .stack, it also needs Python with pip and a network.
// schemas/tools/go.mod pins the tools. The first run builds buf, which takes about two minutes.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "generate:", err)
		stop()
		os.Exit(1)
	}
}

// run runs the command that the flags choose, and writes its results to out.
func run(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("generate", flag.ContinueOnError)
	flags.SetOutput(out)
	check := flags.Bool("check", false, "write nothing; fail if gen/ is not up to date or breaks a release")
	release := flags.Bool("release", false, "after the check, record new protos and Avro schemas as released")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 || (*check && *release) {
		return errors.New("want no argument, and at most one of --check and --release")
	}
	root, err := moduleRoot(ctx)
	if err != nil {
		return err
	}
	changed, err := writeEvent(root, *check || *release)
	if err != nil {
		return err
	}
	for _, name := range changed {
		fmt.Fprintln(out, "generate: wrote", name)
	}
	w, err := newWorkspace(ctx, root)
	if err != nil {
		return err
	}
	defer w.remove()
	if err := w.buf(ctx, "lint", w.path("proto")); err != nil {
		return err
	}
	if err := w.generate(ctx); err != nil {
		return err
	}
	if !*check && !*release {
		n, err := mirror(w.path("gen"), filepath.Join(root, "gen"))
		fmt.Fprintf(out, "generate: %d files of gen/ changed\n", n)
		return err
	}
	if err := verify(ctx, w, root); err != nil {
		return err
	}
	fmt.Fprintln(out, "generate: lint and compatibility passed, and gen/ is up to date")
	if !*release {
		return nil
	}
	added, err := recordRelease(ctx, w, root)
	for _, name := range added {
		fmt.Fprintln(out, "generate: released", name)
	}
	return err
}

// verify compares gen/ with the files generated now, and the protos with the newest
// released image.
func verify(ctx context.Context, w *workspace, root string) error {
	differences, err := compare(w.path("gen"), filepath.Join(root, "gen"))
	if err != nil {
		return err
	}
	if len(differences) > 0 {
		return fmt.Errorf("gen/ is not up to date with the protos; run `go run ./schemas/generate`:\n  %s",
			strings.Join(differences, "\n  "))
	}
	if err := checkSums(root); err != nil {
		return err
	}
	image, err := newestImage(root)
	if err != nil || image == "" {
		return err
	}
	return w.buf(ctx, "breaking", w.path("proto"), "--against", image, "--exclude-imports")
}

// moduleRoot returns the folder of this module. It asks the go command, so that the
// program runs from any folder of the workspace.
func moduleRoot(ctx context.Context) (string, error) {
	cmd := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", "codebank.dev/schemas")
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("find the module: %w: %s", err, strings.TrimSpace(stderr.String()))
	}
	return strings.TrimSpace(string(out)), nil
}
