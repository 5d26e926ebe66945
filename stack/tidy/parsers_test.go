package tidy_test

import (
	"go/ast"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// parserNames matches the names of functions that parse bytes or text.
var parserNames = regexp.MustCompile(`^(Parse|parse|Decode|decode|Unmarshal|unmarshal|Read|read|Scan|scan)([A-Z].*)?$`)

// moreParsers are parsers of outside bytes with other names. The value says where the bytes
// come from.
var moreParsers = map[string]string{
	"bank CheckToken":                   "callers' card tokens",
	"platform/field Word":               "callers' ids",
	"platform/field Text":               "callers' texts",
	"platform/field OptionalText":       "callers' texts",
	"platform/field HolderName":         "callers' names",
	"platform/field Currency":           "callers' currencies",
	"platform/field KnownCurrency":      "callers' currencies",
	"platform/field CategoryCode":       "callers' merchants",
	"platform/field Country":            "callers' merchants",
	"platform/field ID":                 "callers' names of resources",
	"platform/field RawCardData.Check":  "callers' card data",
	"operations/audit keyOf":            "event ids of every store",
	"operations/audit/index Document":   "the index's documents",
	"operations/audit/topic copyOf":     "the topic's records, and the registry's schemas",
	"operations/audit/statement Write":  "the statement's rows as COPY sends them",
	"operations/cmd/bankctl run":        "arguments and environment",
	"operations/output Harmless":        "texts of every service",
	"operations/kafkaconnect Reason":    "the worker's stack traces",
	"operations/deadletter showable":    "anybody's headers and keys",
	"operations/elasticsearch refusal":  "the index's errors",
	"operations/kibana refusal":         "Kibana's errors",
	"operations/kibana Clean":           "Kibana's objects",
	"operations/kibana within":          "Kibana's rules",
	"bank/rpc Invoke":                   "messages to the bank",
	"statement/rpc Invoke":              "messages to the statement service",
	"checkout/rpc Invoke":               "messages to checkout",
	"platform/serve FromProblem":        "a service's answers over REST",
	"schemas/event NewDecoder":          "schemas that the registry has",
	"schemas/event Decode":              "the topic's events",
	"connectors strictly":               "the files of the repository",
	"operations/schemaregistry verify":  "the registry's answers",
	"operations/schemaregistry numbers": "the registry's answers",
	"checkout CheckSlug":                "callers' names of products",
	"checkout/product Parse":            "a catalogue file",
	"platform/failpoint Parse":          "a flag",
	"bank/cmd/bank parse":               "arguments and environment",
	"statement/cmd/statement parse":     "arguments and environment",
	"checkout/cmd/checkout parse":       "arguments and environment",
	"bank/vault parseKeyFile":           "the vault's key file",
	"platform/money ParseCurrency":      "callers' currencies",
}

// shownBy names the fuzz target that reaches a parser without calling it by name.
var shownBy = map[string]string{
	"platform/serve readSetting":          "platform/serve FuzzSettings",
	"statement/rpc parseMoment":           "statement/rpc FuzzRequest",
	"checkout/rpc readLines":              "checkout/rpc FuzzRequest",
	"checkout/rpc readCard":               "checkout/rpc FuzzRequest",
	"bank/vault readKeyFile":              "bank/vault FuzzParseKeyFile",
	"operations/elasticsearch Scan":       "operations/elasticsearch FuzzAnswer",
	"connectors read":                     "connectors FuzzParseIndex",
	"dashboards Read":                     "dashboards FuzzRead",
	"dashboards/query read":               "dashboards/query FuzzAnswer",
	"checkout/cmd/checkout readCatalogue": "checkout/product FuzzParse",
	"schemas/event read":                  "schemas/event FuzzDecode",
	"schemas/event parseVersion":          "schemas/event FuzzDecode",
	"schemas/event NewDecoder":            "operations/audit/topic FuzzRecord",
	"schemas/event readerSymbols":         "operations/audit/topic FuzzRecord",
	"platform/field RawCardData.Check":    "platform/field FuzzRawCardData",
	"operations/audit/statement Write":    "operations/audit/statement FuzzCopy",
	"operations/audit/statement Read":     "operations/audit/statement FuzzCopy",
	"platform/serve Unmarshal":            "bank/rpc FuzzRequest",
}

// ownBytes are parsers of bytes that the same program wrote.
var ownBytes = map[string]string{
	"bank/postgres read":            "rows of the bank's own ledger",
	"checkout/postgres scanProduct": "rows of checkout's own database",
	"checkout/postgres scanOrder":   "rows of checkout's own database",
	"checkout/postgres scanItems":   "rows of checkout's own database",
	"schemas/generate readSums":     "a file of the repository, by a tool for developers",
	"operations/deadletter read":    "fetches; each record is parsed by parse",
	"operations/topics readConfigs": "answers that the Kafka client has decoded",
	"bank/inmem read":               "memory",
	"operations/audit read":         "copies that a source has parsed",
	"operations/audit/topic decode": "records of a partition; each is parsed by copyOf",
	"operations/audit/topic Read":   "fetches; each record is parsed by copyOf",
	"operations/audit/index Read":   "documents; each is parsed by Document",
	"operations/audit/index scan":   "passes documents on; each is parsed by Document",
	"operations/audit/ledger Read":  "rows of the bank's own outbox",
	"operations/audit/waiting Read": "passes on what a source has parsed",
	"operations/panels Read":        "answers; each is parsed by dashboards/query",
	"operations/kibana/files Read":  "files; each is parsed by package dashboards",
	"bank/kafka Read":               "holds bytes of a connection back",
}

// withoutOutsideBytes are the modules that only read what they wrote themselves.
var withoutOutsideBytes = []string{"native", "stack"}

func TestParsersOfOutsideBytesAreFuzzed(t *testing.T) {
	sources := tree(t)
	targets := fuzzTargets(sources)
	var findings []string
	known := make(map[string]bool)
	for _, s := range sources {
		if s.test {
			continue
		}
		for name, function := range parsersIn(s) {
			known[name] = true
			if ownBytes[name] == "" && !fuzzed(name, targets) {
				findings = append(findings, s.at(function)+" "+name+" has no fuzz target")
			}
		}
	}
	for name := range moreParsers {
		if !fuzzed(name, targets) {
			findings = append(findings, name+" has no fuzz target")
		}
	}
	for name, target := range shownBy {
		if _, exists := targets[target]; !exists {
			findings = append(findings, name+" has the target "+target+" in shownBy, which does not exist")
		}
	}
	for name := range ownBytes {
		if !known[name] {
			findings = append(findings, name+" is in ownBytes and does not exist")
		}
	}
	report(t, findings)
	for target := range targets {
		folder, name, _ := strings.Cut(target, " ")
		seeds, err := os.ReadDir(filepath.Join(root(t), folder, "testdata", "fuzz", name))
		require.NoError(t, err, "%s has no corpus", target)
		require.NotEmpty(t, seeds, target)
	}
	require.Greater(t, len(targets), 40)
}

// parsersIn returns the functions of a file that parse bytes or text.
func parsersIn(s *source) map[string]*ast.FuncDecl {
	found := make(map[string]*ast.FuncDecl)
	if slices.Contains(withoutOutsideBytes, moduleOf(s.folder)) || strings.Contains(s.folder, "test") {
		return found
	}
	for _, declaration := range s.file.Decls {
		function, ok := declaration.(*ast.FuncDecl)
		if !ok {
			continue
		}
		name := s.folder + " " + function.Name.Name
		if parserNames.MatchString(function.Name.Name) || moreParsers[name] != "" {
			found[name] = function
		}
	}
	return found
}

// fuzzTargets returns the names that each fuzz target mentions, by folder and target.
func fuzzTargets(sources []*source) map[string]map[string]bool {
	targets := make(map[string]map[string]bool)
	for _, s := range sources {
		if !s.test {
			continue
		}
		for _, declaration := range s.file.Decls {
			function, ok := declaration.(*ast.FuncDecl)
			if !ok || !strings.HasPrefix(function.Name.Name, "Fuzz") {
				continue
			}
			mentioned := make(map[string]bool)
			ast.Inspect(function.Body, func(n ast.Node) bool {
				if name, ok := n.(*ast.Ident); ok {
					mentioned[name.Name] = true
				}
				return true
			})
			targets[s.folder+" "+function.Name.Name] = mentioned
		}
	}
	return targets
}

// fuzzed reports whether a fuzz target of the parser's folder mentions it, or shownBy names a
// target.
func fuzzed(parser string, targets map[string]map[string]bool) bool {
	if shownBy[parser] != "" {
		return true
	}
	folder, name, _ := strings.Cut(parser, " ")
	for target, mentioned := range targets {
		if strings.HasPrefix(target, folder+" ") && mentioned[name] {
			return true
		}
	}
	return false
}
