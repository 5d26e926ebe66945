// Command generate writes everything in schemas/gen from the protos, proves that
// what is committed there is what the protos say, and records releases.
//
//	go run ./schemas/generate            lint, then write gen/
//	go run ./schemas/generate --check    lint, compatibility, and gen/ is up to date; writes nothing
//	go run ./schemas/generate --release  check, then record what is new as released
//
// It needs Go and, until the google protos are in .stack, Python with pip and a
// network. The tools are those that schemas/tools/go.mod pins; building buf the
// first time takes about two minutes.
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

// run does what the flags ask for and tells out what it did.
func run(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("generate", flag.ContinueOnError)
	flags.SetOutput(out)
	check := flags.Bool("check", false, "write nothing; fail when gen/ is not what the protos say or breaks a release")
	release := flags.Bool("release", false, "after the check, record the protos and Avro schemas that are new as released")
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
	fmt.Fprintln(out, "generate: lint, compatibility and gen/ are in order")
	if !*release {
		return nil
	}
	added, err := recordRelease(ctx, w, root)
	for _, name := range added {
		fmt.Fprintln(out, "generate: released", name)
	}
	return err
}

// verify compares gen/ with what was generated just now, and the protos with
// the newest released image.
func verify(ctx context.Context, w *workspace, root string) error {
	differences, err := compare(w.path("gen"), filepath.Join(root, "gen"))
	if err != nil {
		return err
	}
	if len(differences) > 0 {
		return fmt.Errorf("gen/ is not what the protos say; run `go run ./schemas/generate`:\n  %s",
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

// moduleRoot is the folder of this module, asked from the go command so that the
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
