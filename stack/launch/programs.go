package launch

import (
	"context"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"

	"codebank.dev/native/child"
	"codebank.dev/native/dist"
)

// programs are the programs of this repository and the folders of their sources, by name.
var programs = map[string]string{
	"bank":      "bank/cmd/bank",
	"statement": "statement/cmd/statement",
	"bankctl":   "operations/cmd/bankctl",
	"checkout":  "checkout/cmd/checkout",
	"identity":  "identity/cmd/identity",
	"gateway":   "gateway/cmd/gateway",
	"codepix":   "codepix/cmd/codepix",
	"banking":   "web/cmd/banking",

	"payment-gateway":   "checkout/cmd/payment-gateway",
	"payment-processor": "checkout/cmd/payment-processor",
}

// binariesDir is the folder for the built programs.
func binariesDir(root string) string { return filepath.Join(root, ".stack", "bin") }

// hasSources reports whether the sources of a program exist.
func hasSources(root, name string) bool {
	sources, err := filepath.Glob(filepath.Join(root, programs[name], "*.go"))
	return err == nil && len(sources) > 0
}

func hasAnySources(root string) bool {
	for name := range programs {
		if hasSources(root, name) {
			return true
		}
	}
	return false
}

// Build builds all programs of the repository, as a stack does before it starts, and returns their folder.
// Programs that are up to date are not linked again. The folder belongs to all stacks and tests.
func Build(ctx context.Context) (folder string, err error) {
	root, err := dist.Root()
	if err != nil {
		return "", err
	}
	return binariesDir(root), build(ctx, root)
}

// build builds all programs in one call, so that the compiler shares its work.
func build(ctx context.Context, root string) error {
	release, err := dist.Lock(ctx, filepath.Join(root, ".stack", "bin.lock"))
	if err != nil {
		return err
	}
	defer release()
	into := binariesDir(root)
	if err := os.MkdirAll(into, 0o755); err != nil {
		return err
	}
	if !hasAnySources(root) {
		return nil
	}
	args := []string{"build", "-o", into + string(filepath.Separator)}
	for _, name := range slices.Sorted(maps.Keys(programs)) {
		if hasSources(root, name) {
			args = append(args, "./"+programs[name])
		}
	}
	cmd := exec.Command("go", args...)
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "GOWORK="+filepath.Join(root, "go.work"))
	return child.Run(ctx, cmd, child.Options{})
}
