package tidy_test

import (
	"go/ast"
	"go/token"
	"maps"
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

// moreParsers are parsers of outside bytes with other names, "folder Function" or "folder
// Type.Method". The value says where the bytes come from.
var moreParsers = map[string]string{
	"bank CheckToken":                   "callers' card tokens",
	"platform/field Word":               "callers' ids",
	"codepix/key Detect":                "callers' keys",
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
	"operations/audit/charges Document": "the index's documents",
	"operations/audit/topic copyOf":     "the topic's records, and the registry's schemas",
	"operations/audit/statement Write":  "the statement's rows as COPY sends them",
	"operations/cmd/bankctl run":        "arguments and environment",
	"operations/output Harmless":        "texts of every service",
	"operations/kafkaconnect Reason":    "the worker's stack traces",
	"operations/deadletter showable":    "anybody's headers and keys",
	"operations/elasticsearch refusal":  "the index's errors",
	"operations/kibana answerError":     "Kibana's errors",
	"operations/kibana Clean":           "Kibana's objects",
	"operations/kibana within":          "Kibana's rules",
	"platform/serve FromProblem":        "a service's answers over REST",
	"schemas/event NewDecoder":          "schemas that the registry has",
	"connectors strictly":               "the files of the repository",
	"operations/schemaregistry verify":  "the registry's answers",
	"operations/schemaregistry numbers": "the registry's answers",
	"checkout CheckSlug":                "callers' names of products",
	"bank/vault OpenToken":              "callers' card tokens",
	"statement/file/read File":          "files that anybody may have changed",
	"statement/file/verify File":        "files that anybody may have changed",
	"statement/file/pdf Attachment":     "files that anybody may have changed",
}

// shownBy names the fuzz target that reaches a parser without calling it by name.
var shownBy = map[string]string{
	"platform/serve readSetting":          "platform/serve FuzzSettings",
	"statement/rpc parseMoment":           "statement/rpc FuzzRequest",
	"bank/pix Parse":                      "bank/rpc FuzzPixCode",
	"codepix/rpc readPlace":               "codepix/rpc FuzzRequest",
	"codepix/rpc readKeyPlace":            "codepix/rpc FuzzDirectoryRequest",
	"codepix/rpc readClaimPlace":          "codepix/rpc FuzzDirectoryRequest",
	"codepix/directory parseKey":          "codepix/rpc FuzzDirectoryRequest",
	"codepix/key ParseCPF":                "codepix/key FuzzParse",
	"codepix/key parseCPF":                "codepix/key FuzzParse",
	"codepix/key parseEmail":              "codepix/key FuzzParse",
	"codepix/key parsePhone":              "codepix/key FuzzParse",
	"codepix/key parseRandom":             "codepix/key FuzzParse",
	"checkout/rpc readLines":              "checkout/rpc FuzzRequest",
	"checkout/rpc readCard":               "checkout/rpc FuzzRequest",
	"checkout/rpc readMember":             "checkout/rpc FuzzMerchantRequest",
	"checkout/payment/rest readCard":      "checkout/payment/rest FuzzBodies",
	"checkout/rpc readPage":               "checkout/rpc FuzzMerchantRequest",
	"checkout parseSlug":                  "checkout FuzzNames",
	"checkout/product parse":              "checkout/product FuzzParse",
	"bank/vault readKeyFile":              "bank/vault FuzzParseKeyFile",
	"identity/signing readKeyFile":        "identity/signing FuzzParseKeyFile",
	"platform/mtls read":                  "platform/mtls FuzzFiles",
	"platform/mtls readAuthorities":       "platform/mtls FuzzFiles",
	"platform/mtls readDenied":            "platform/mtls FuzzFiles",
	"operations/elasticsearch Scan":       "operations/elasticsearch FuzzAnswer",
	"dashboards Read":                     "dashboards FuzzRead",
	"checkout/cmd/checkout readCatalogue": "checkout/product FuzzParse",
	"schemas/event read":                  "schemas/event FuzzDecode",
	"gateway/rest readTexts":              "platform/serve FuzzParseObject",
	"platform/serve ReadObject":           "platform/serve FuzzParseObject",
	"operations/audit/statement Read":     "operations/audit/statement FuzzCopy",
}

// ownBytes are parsers of bytes that the same program wrote.
var ownBytes = map[string]string{
	"bank/postgres read":                      "rows of the bank's own ledger",
	"platform/mtls/authority read":            "files that it wrote itself",
	"checkout/postgres scanOrder":             "rows of checkout's own database",
	"checkout/postgres scanItems":             "rows of checkout's own database",
	"checkout/postgres scanOrderAnd":          "rows of checkout's own database",
	"checkout/postgres scanRefunds":           "rows of checkout's own database",
	"checkout/postgres scanProduct":           "rows of checkout's own database",
	"checkout/postgres scanMerchant":          "rows of checkout's own database",
	"checkout/postgres scanMember":            "rows of checkout's own database",
	"checkout/postgres scanSecret":            "rows of checkout's own database",
	"identity/postgres scanUser":              "rows of identity's own database",
	"checkout/payment/postgres scanCharge":    "rows of checkout's own database",
	"checkout/payment/postgres scanOperation": "rows of checkout's own database",
	"checkout/payment/postgres scanEvent":     "rows of checkout's own database",
	"checkout/payment/postgres scanRow":       "rows of checkout's own database",
	"checkout/webhook/postgres Scan":          "rows of checkout's own database",
	"checkout/webhook/postgres scanListener":  "rows of checkout's own database",
	"checkout/webhook/postgres scanEndpoint":  "rows of checkout's own database",
	"checkout/webhook/postgres scanDelivery":  "rows of checkout's own database",
	"codepix/postgres scanEntry":              "rows of the hub's own database",
	"codepix/postgres scanClaim":              "rows of the hub's own database",
	"codepix/postgres scanProof":              "rows of the hub's own database",
	"codepix/postgres scanSends":              "rows of the hub's own database",
	"codepix/postgres scanRequest":            "rows of the hub's own database",
	"codepix/postgres scanPayment":            "rows of the hub's own database",
	"codepix/postgres scanRow":                "rows of the hub's own database",
	"gateway/postgres scanTransfer":           "rows of the gateway's own database",
	"gateway/postgres scanRow":                "rows of the gateway's own database",
	"schemas/generate readSums":               "a file of the repository, by a tool for developers",
	"operations/deadletter read":              "fetches; each record is parsed by parse",
	"operations/topics readConfigs":           "answers that the Kafka client has decoded",
	"bank/inmem read":                         "memory",
	"operations/audit read":                   "copies that a source has parsed",
	"operations/audit/topic decode":           "records of a partition; each is parsed by copyOf",
	"operations/audit/topic Read":             "fetches; each record is parsed by copyOf",
	"operations/audit/index Read":             "documents; each is parsed by Document",
	"operations/audit/index scan":             "passes documents on; each is parsed by Document",
	"operations/audit/ledger Read":            "rows of the bank's own outbox",
	"operations/audit/waiting Read":           "passes on what a source has parsed",
	"operations/panels Read":                  "answers; each is parsed by dashboards/query",
	"operations/kibana/files Read":            "files; each is parsed by package dashboards",
	"statement/file/read Read":                "holds back what read.File parses",
	"bank/kafka Read":                         "holds bytes of a connection back",
}

// withoutOutsideBytes are the modules that only read what they wrote themselves.
var withoutOutsideBytes = []string{"native", "stack"}

func TestParsersOfOutsideBytesAreFuzzed(t *testing.T) {
	sources := tree(t)
	targets := fuzzTargets(sources)
	parsers := make(map[string]bool)
	for _, s := range sources {
		for name := range parsersIn(s) {
			parsers[name] = true
		}
	}
	entries := exceptions{moreParsers: moreParsers, shownBy: shownBy, ownBytes: ownBytes}
	report(t, append(withoutTarget(sources, targets), entries.wrong(parsers, targets)...))
	for target := range targets {
		folder, name, _ := strings.Cut(target, " ")
		seeds, err := os.ReadDir(filepath.Join(root(t), folder, "testdata", "fuzz", name))
		require.NoError(t, err, "%s has no corpus", target)
		require.NotEmpty(t, seeds, target)
	}
	require.Greater(t, len(targets), 40)
}

// withoutTarget returns the parsers that no fuzz target reaches.
func withoutTarget(sources []*source, targets map[string]map[string]bool) []string {
	var findings []string
	for _, s := range sources {
		for name, node := range parsersIn(s) {
			if ownBytes[name] == "" && !fuzzed(name, targets) {
				findings = append(findings, s.at(node)+" "+name+" has no fuzz target")
			}
		}
	}
	return findings
}

// exceptions are the tables above.
type exceptions struct{ moreParsers, shownBy, ownBytes map[string]string }

// wrong returns the entries that name a parser or a target that does not exist, and those of
// parsers that are found, or fuzzed, without the entry.
func (e exceptions) wrong(parsers map[string]bool, targets map[string]map[string]bool) []string {
	var findings []string
	for table, entries := range map[string]map[string]string{"moreParsers": e.moreParsers, "shownBy": e.shownBy, "ownBytes": e.ownBytes} {
		for name := range entries {
			if !parsers[name] {
				findings = append(findings, name+" is in "+table+" and is not a parser")
			}
		}
	}
	for name := range e.moreParsers {
		if parserNames.MatchString(lastName(name)) {
			findings = append(findings, name+" is in moreParsers, and parserNames matches it")
		}
	}
	for name, target := range e.shownBy {
		switch {
		case targets[target] == nil:
			findings = append(findings, name+" has the target "+target+" in shownBy, which does not exist")
		case mentionedBesideIt(name, targets):
			findings = append(findings, name+" is in shownBy, and a target of its folder mentions it")
		}
	}
	return findings
}

func TestAWrongEntryForAParserIsFound(t *testing.T) {
	parsers := map[string]bool{"bank/x CheckToken": true, "bank/x ParseCode": true, "bank/x readKeys": true}
	targets := map[string]map[string]bool{"bank/x FuzzParseCode": {"ParseCode": true}}
	one := func(name, value string) map[string]string { return map[string]string{name: value} }
	for rule, tt := range map[string]struct {
		exceptions
		found []string
	}{
		"right":                   {exceptions{one("bank/x CheckToken", "tokens"), one("bank/x readKeys", "bank/x FuzzParseCode"), nil}, nil},
		"a parser that is gone":   {exceptions{one("bank/x CheckKey", "keys"), nil, nil}, []string{"bank/x CheckKey is in moreParsers and is not a parser"}},
		"an excuse that is gone":  {exceptions{nil, one("bank/x readAll", "bank/x FuzzParseCode"), nil}, []string{"bank/x readAll is in shownBy and is not a parser"}},
		"own bytes that are gone": {exceptions{nil, nil, one("bank/x readAll", "rows")}, []string{"bank/x readAll is in ownBytes and is not a parser"}},
		"a name of a parser":      {exceptions{one("bank/x ParseCode", "codes"), nil, nil}, []string{"bank/x ParseCode is in moreParsers, and parserNames matches it"}},
		"a target that is gone": {exceptions{nil, one("bank/x readKeys", "bank/x FuzzKeys"), nil},
			[]string{"bank/x readKeys has the target bank/x FuzzKeys in shownBy, which does not exist"}},
		"an excuse without need": {exceptions{nil, one("bank/x ParseCode", "bank/x FuzzParseCode"), nil},
			[]string{"bank/x ParseCode is in shownBy, and a target of its folder mentions it"}},
	} {
		require.Equal(t, tt.found, tt.wrong(parsers, targets), rule)
	}
}

func TestAServiceWithoutAFuzzTargetIsFound(t *testing.T) {
	service := parseText(t, "bank/x", "package x; type Server struct { bankv1.UnimplementedCardServiceServer }")
	target := parseText(t, "bank/x", "package x; func FuzzRequest(f *testing.F) { methods.Invoke(t, conn, method, body) }")
	target.test = true
	require.Equal(t, []string{"bank/x/x.go:1 bank/x Invoke has no fuzz target"}, withoutTarget([]*source{service}, nil))
	require.Empty(t, withoutTarget([]*source{service, target}, fuzzTargets([]*source{service, target})))
}

func TestAVariableDoesNotMentionAParser(t *testing.T) {
	target := parseText(t, "bank/x", "package x; func FuzzCode(f *testing.F) { read := decode(code); _ = read }")
	target.test = true
	require.True(t, mentionedBesideIt("bank/x decode", fuzzTargets([]*source{target})))
	require.False(t, mentionedBesideIt("bank/x read", fuzzTargets([]*source{target})))
}

// namesOf returns the names that the tables may have for a function: "folder Function", and for
// a method also "folder Type.Method".
func namesOf(s *source, function *ast.FuncDecl) []string {
	names := []string{s.folder + " " + function.Name.Name}
	if function.Recv == nil {
		return names
	}
	receiver := function.Recv.List[0].Type
	if pointer, ok := receiver.(*ast.StarExpr); ok {
		receiver = pointer.X
	}
	if name, ok := receiver.(*ast.Ident); ok {
		names = append(names, s.folder+" "+name.Name+"."+function.Name.Name)
	}
	return names
}

// lastName returns the name of a function without its folder and its type.
func lastName(name string) string { return name[strings.LastIndexAny(name, " .")+1:] }

// parsersIn returns the functions of a file that parse bytes or text. A gRPC service of the file
// is in it as "folder Invoke": rpctest's Invoke sends any bytes to its methods.
func parsersIn(s *source) map[string]ast.Node {
	found := make(map[string]ast.Node)
	if s.test || slices.Contains(withoutOutsideBytes, moduleOf(s.folder)) || strings.Contains(s.folder, "test") {
		return found
	}
	for _, declaration := range s.file.Decls {
		function, ok := declaration.(*ast.FuncDecl)
		if !ok {
			continue
		}
		names := namesOf(s, function)
		if parserNames.MatchString(function.Name.Name) {
			found[names[0]] = function
		}
		for _, name := range names {
			if moreParsers[name] != "" {
				found[name] = function
			}
		}
	}
	ast.Inspect(s.file, func(n ast.Node) bool {
		if field, ok := n.(*ast.Field); ok && len(field.Names) == 0 {
			embedded, ok := field.Type.(*ast.SelectorExpr)
			if ok && strings.HasPrefix(embedded.Sel.Name, "Unimplemented") && strings.HasSuffix(embedded.Sel.Name, "Server") {
				found[s.folder+" Invoke"] = field
			}
		}
		return true
	})
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
			targets[s.folder+" "+function.Name.Name] = mentionedIn(function.Body)
		}
	}
	return targets
}

// mentionedIn returns the names in a function's body, without those of its own variables: a
// variable called read does not mention a parser read.
func mentionedIn(body *ast.BlockStmt) map[string]bool {
	mentioned, variables := make(map[string]bool), make(map[string]bool)
	ast.Inspect(body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.Ident:
			mentioned[n.Name] = true
		case *ast.AssignStmt:
			for _, left := range n.Lhs {
				if name, ok := left.(*ast.Ident); ok && n.Tok == token.DEFINE {
					variables[name.Name] = true
				}
			}
		case *ast.ValueSpec:
			for _, name := range n.Names {
				variables[name.Name] = true
			}
		}
		return true
	})
	maps.DeleteFunc(mentioned, func(name string, _ bool) bool { return variables[name] })
	return mentioned
}

// fuzzed reports whether a fuzz target of the parser's folder mentions it, or shownBy names a
// target.
func fuzzed(parser string, targets map[string]map[string]bool) bool {
	return shownBy[parser] != "" || mentionedBesideIt(parser, targets)
}

// mentionedBesideIt reports whether a fuzz target of the parser's folder mentions the parser.
func mentionedBesideIt(parser string, targets map[string]map[string]bool) bool {
	folder, _, _ := strings.Cut(parser, " ")
	for target, mentioned := range targets {
		if strings.HasPrefix(target, folder+" ") && mentioned[lastName(parser)] {
			return true
		}
	}
	return false
}
