package tidy_test

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// services are the modules with programs. Code that two of them need is a contract, in
// schemas, or belongs to platform.
var services = []string{"bank", "statement", "checkout", "identity", "gateway", "codepix", "operations", "web"}

// shared are the packages of a service that another one may import too.
var shared = map[string][]string{"operations": {"bank/postgres", "bank/kafka", "bank/vault", "checkout/client", "checkout/postgres", "checkout/webhook", "codepix/postgres", "gateway/postgres", "identity/operators", "identity/postgres", "statement", "statement/file", "statement/file/pdf", "statement/file/verify", "statement/postgres", "web/analyst"}}

func TestNoPackageServesTwoServices(t *testing.T) {
	report(t, servingTwo(tree(t)))
}

// servingTwo returns the imports of packages, outside platform, schemas and dashboards, that
// more than one service imports. Dashboards are definitions, which a terminal and pages show. A package counts as imported by the service that it belongs to.
// Only tests may import native, and the tests of all services may.
func servingTwo(sources []*source) []string {
	users := make(map[string]map[string]bool)
	for _, s := range sources {
		user := moduleOf(s.folder)
		for _, imported := range ownImports(s) {
			owner := moduleOf(imported)
			switch {
			case !slices.Contains(services, user) || slices.Contains([]string{"platform", "schemas", "dashboards"}, owner),
				owner == "native" && (s.test || strings.HasSuffix(s.folder, "test")),
				owner != user && slices.Contains(shared[user], imported):
				continue
			}
			if users[imported] == nil {
				users[imported] = make(map[string]bool)
			}
			users[imported][user] = true
			if slices.Contains(services, owner) {
				users[imported][owner] = true
			}
		}
	}
	var findings []string
	for imported, by := range users {
		if len(by) > 1 || moduleOf(imported) == "native" {
			findings = append(findings, imported+" is imported by "+strings.Join(slices.Sorted(maps.Keys(by)), " and "))
		}
	}
	slices.Sort(findings)
	return findings
}

// ownImports returns the packages of this repository that a file imports, without the
// prefix of the modules.
func ownImports(s *source) []string {
	var imported []string
	for _, spec := range s.file.Imports {
		if below, own := strings.CutPrefix(strings.Trim(spec.Path.Value, `"`), module); own {
			imported = append(imported, below)
		}
	}
	return imported
}

// required finds the modules of this repository that a go.mod requires or replaces.
var required = regexp.MustCompile(`(?m)^\s*(?:require |replace )?codebank\.dev/(\S+) (?:v|=>)`)

func TestServicesDependOnNoOtherService(t *testing.T) {
	allowed := map[string][]string{"operations": {"bank", "checkout", "codepix", "gateway", "identity", "statement", "web"}}
	var findings []string
	for _, service := range services {
		text, err := os.ReadFile(filepath.Join(root(t), service, "go.mod"))
		require.NoError(t, err)
		for _, found := range required.FindAllStringSubmatch(string(text), -1) {
			if slices.Contains(services, found[1]) && !slices.Contains(allowed[service], found[1]) {
				findings = append(findings, service+"/go.mod requires "+found[1])
			}
		}
	}
	report(t, findings)
	require.Equal(t, "bank", required.FindStringSubmatch("require (\n\tcodebank.dev/bank v0.0.0\n)")[1])
}

func TestAPackageThatServesTwoServicesIsFound(t *testing.T) {
	file := func(folder, imported string, test bool) *source {
		s := parseText(t, folder, `package x; import _ "codebank.dev/`+imported+`"`)
		s.test = test
		return s
	}
	for rule, tt := range map[string]struct {
		sources []*source
		found   []string
	}{
		"two import one": {[]*source{file("bank/x", "connectors", false), file("statement/x", "connectors", true)},
			[]string{"connectors is imported by bank and statement"}},
		"one imports another's":     {[]*source{file("checkout/x", "bank/card", true)}, []string{"bank/card is imported by bank and checkout"}},
		"an exception is by name":   {[]*source{file("operations/x", "bank/vault", false), file("operations/x", "bank", false)}, []string{"bank is imported by bank and operations"}},
		"an exception is of one":    {[]*source{file("statement/x", "bank/vault", false)}, []string{"bank/vault is imported by bank and statement"}},
		"programs need no servers":  {[]*source{file("bank/x", "native/postgres", false)}, []string{"native/postgres is imported by bank"}},
		"tests do":                  {[]*source{file("bank/x", "native/postgres", true), file("bank/banktest", "native/postgres", false)}, nil},
		"platform is for all":       {[]*source{file("bank/x", "platform/serve", false), file("checkout/x", "platform/serve", false)}, nil},
		"contracts are for all":     {[]*source{file("bank/x", "schemas/event", false), file("checkout/x", "schemas/event", false)}, nil},
		"a service imports its own": {[]*source{file("bank/x", "bank/card", false)}, nil},
	} {
		require.Equal(t, tt.found, servingTwo(tt.sources), rule)
	}
}
