package tidy_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Abbreviations for the tables below. "self" is the folder and everything below it. A target
// that ends in "/" is everything below it.
var (
	// pure is the part of the platform without input and output.
	pure = []string{"platform/auditlog", "platform/cache", "platform/failpoint", "platform/fault", "platform/field", "platform/id", "platform/money", "platform/pan", "platform/principal"}
	// language is what every use case of the bank may import.
	language = slices.Concat([]string{"bank", "bank/failpoints"}, pure)
	// service is what any program except the bank's parts may import.
	service = []string{"self", "platform/", "schemas"}
)

// arrows says which packages of this repository each folder may import. A folder that is not
// listed has the rule of its longest listed prefix.
var arrows = map[string][]string{
	"schemas":    {"self"},
	"connectors": {"self", "schemas"},
	"dashboards": {"self", "schemas"},
	"native":     {"self"},

	"platform/auditlog":              {},
	"platform/auditlog/heads":        {"platform/auditlog", "platform/clientauth", "platform/clientauth/kafkaauth"},
	"platform/auditlog/table":        {"platform/auditlog", "platform/database/wire"},
	"platform/auditlog/auditlogtest": {"platform/auditlog", "platform/auditlog/table"},
	"platform/cache":                 {},
	"platform/failpoint":             {},
	"platform/fault":                 {},
	"platform/keyfile":               {"platform/failpoint"},
	"platform/mail":                  {},
	"platform/mail/mailtest":         {},
	"platform/mail/address":          {},
	"platform/mail/due":              {},
	"platform/memory":                {},
	"platform/money":                 {},
	"platform/id":                    {},
	"platform/pan":                   {"platform/fault"},
	"platform/field":                 {"platform/fault", "platform/id", "platform/money", "platform/pan"},
	"platform/language":              {"schemas"},
	"platform/certtest":              {"platform/mtls", "platform/mtls/authority"},
	"platform/clientauth":            {},
	"platform/clientauth/kafkaauth":  {"platform/clientauth"},
	"platform/database":              {"self", "platform/fault"},
	"platform/database/wire":         {"platform/id", "platform/money"},
	"platform/groupcommit":           {"platform/fault", "platform/id"},
	"platform/programtest":           {"native/child", "platform/database/databasetest", "platform/fault"},
	"platform/rpctest":               {},
	"platform/mtls":                  {"platform/cache"},
	"platform/mtls/authority":        {"platform/mtls"},
	"platform/principal":             {"platform/id"},
	"platform/permission":            {"platform/fault", "platform/principal"},
	"platform/wallstest":             {"platform/fault", "platform/mtls", "platform/mtls/authority", "platform/permission", "platform/serve", "platform/token", "schemas"},
	"platform/serve":                 {"platform/fault", "platform/id", "platform/language", "platform/mtls", "platform/pan", "platform/permission", "platform/principal", "platform/token", "schemas"},
	"platform/token":                 {"platform/cache", "platform/fault", "schemas"},

	"platform/outbox":            {"platform/id"},
	"platform/outbox/kafka":      {"platform/clientauth", "platform/clientauth/kafkaauth", "platform/failpoint", "platform/outbox", "platform/registry", "schemas"},
	"platform/outbox/outboxtest": {"platform/id", "platform/outbox"},
	"platform/registry":          {"platform/clientauth", "schemas"},
	"platform/consumer":          {"platform/clientauth", "platform/clientauth/kafkaauth", "platform/id"},
	"platform/consumer/offsets":  {"platform/database", "platform/id"},

	"bank":            slices.DeleteFunc(slices.Clone(pure), func(name string) bool { return name == "platform/cache" || name == "platform/failpoint" }),
	"bank/failpoints": {"platform/failpoint"},
	"bank/brcode":     {"platform/fault"},
	"bank/card":       language,
	"bank/customer":   language,
	"bank/hold":       language,
	"bank/purchase":   slices.Concat(language, []string{"bank/reversal", "bank/risk"}),
	"bank/reversal":   language,
	"bank/wallet":     slices.Concat(language, []string{"bank/hold", "bank/reversal"}),
	"bank/intake":     slices.Concat(language, []string{"bank/hold", "bank/wallet", "platform/consumer", "schemas"}),
	"bank/pix":        slices.Concat(language, []string{"bank/brcode", "platform/consumer", "schemas"}),
	"bank/codepixrpc": slices.Concat(language, []string{"bank/pix", "schemas"}),
	"bank/risk":       language,
	"bank/ledger":     slices.Concat(language, []string{"platform/groupcommit"}),
	"bank/outbox":     language,
	"bank/vault":      language,
	"bank/inmem":      slices.Concat(language, []string{"platform/outbox"}),
	"bank/banktest":   slices.Concat(language, []string{"platform/outbox", "platform/outbox/outboxtest"}),
	"bank/postgres":   slices.Concat(language, []string{"platform/auditlog/table", "platform/database", "platform/database/wire", "platform/outbox"}),
	"bank/kafka":      slices.Concat(language, []string{"platform/outbox", "platform/clientauth", "platform/clientauth/kafkaauth", "platform/consumer", "platform/registry", "schemas"}),
	"bank/rpc":        slices.Concat(language, []string{"bank/brcode/picture", "bank/card", "bank/customer", "bank/hold", "bank/intake", "bank/pix", "bank/purchase", "bank/wallet", "platform/permission", "platform/serve", "schemas"}),
	"bank/cmd":        {"bank", "bank/", "platform/", "schemas"},

	"bank/postgres/ledgertest": {"bank/postgres", "platform/database/databasetest"},

	"statement":               service,
	"statement/file":          {"statement", "statement/file/digest", "platform/fault", "platform/id", "platform/money"},
	"statement/file/digest":   {},
	"statement/file/pdf":      {"statement", "statement/file", "statement/file/digest", "statement/file/read", "platform/money"},
	"statement/file/read":     {"statement", "statement/file", "statement/file/digest", "platform/id", "platform/money"},
	"statement/file/verify":   {"statement", "statement/file", "statement/file/digest", "statement/file/pdf", "statement/file/read", "platform/id", "platform/money"},
	"statement/file/filetest": {"statement", "statement/file", "statement/file/pdf", "platform/id"},
	"gateway":                 service,
	"checkout":                service,
	// Merchants' programs take it along, so it takes nothing of ours.
	"checkout/client": {},

	"identity":            {"platform/auditlog", "platform/fault", "platform/id", "platform/mail/address", "platform/pan"},
	"identity/failpoints": {"platform/failpoint"},
	"identity/hashing":    {"platform/fault"},
	"identity/signing":    {"identity/failpoints", "platform/failpoint", "platform/token"},
	"identity/access":     {"identity", "identity/hashing", "identity/signing", "platform/fault", "platform/field", "platform/id", "platform/mail", "platform/mail/due", "platform/token"},
	"identity/postgres":   {"identity", "identity/failpoints", "platform/auditlog", "platform/auditlog/table", "platform/database", "platform/failpoint", "platform/fault", "platform/id"},
	"identity/operators":  {"identity", "identity/access", "identity/hashing", "identity/postgres"},
	"identity/rpc":        {"identity", "identity/access", "identity/signing", "platform/fault", "platform/id", "platform/permission", "platform/serve", "platform/token", "schemas"},
	"identity/cmd":        {"identity", "identity/", "platform/", "schemas"},

	"codepix":             {},
	"codepix/payment":     {"platform/fault", "platform/id", "platform/money"},
	"codepix/key":         {"platform/fault", "platform/id", "platform/mail/address", "platform/pan"},
	"codepix/directory":   {"codepix/key", "platform/fault", "platform/field", "platform/id", "platform/mail/due"},
	"codepix/smtp":        {"codepix/directory", "codepix/key", "platform/mail"},
	"codepix/failpoints":  {"platform/failpoint"},
	"codepix/record":      {"codepix/payment", "platform/field", "platform/id", "platform/money", "platform/outbox", "schemas"},
	"codepix/banks":       {"codepix/directory", "codepix/payment", "platform/keyfile", "schemas"},
	"codepix/intake":      {"codepix/banks", "codepix/failpoints", "codepix/payment", "codepix/record", "platform/clientauth", "platform/consumer", "platform/failpoint", "platform/fault", "platform/outbox", "schemas"},
	"codepix/inmem":       {"codepix", "codepix/", "platform/id", "platform/outbox"},
	"codepix/postgres":    {"codepix", "codepix/directory", "codepix/failpoints", "codepix/key", "codepix/payment", "codepix/record", "platform/consumer/offsets", "platform/database", "platform/failpoint", "platform/fault", "platform/id", "platform/money", "platform/outbox"},
	"codepix/rpc":         {"codepix", "codepix/directory", "codepix/key", "codepix/payment", "platform/fault", "platform/field", "platform/id", "platform/permission", "platform/principal", "platform/serve", "schemas"},
	"codepix/codepixtest": {"codepix", "codepix/", "platform/", "schemas"},
	"codepix/cmd":         {"codepix", "codepix/", "platform/", "schemas"},

	// The pages are drawn from the definitions of the dashboards.
	"web": slices.Concat(service, []string{"dashboards"}),

	// bankctl serves the pages of the dashboards, because they need what it has: the client of
	// Elasticsearch and the settings of operators.
	"operations": slices.Concat(service, []string{"connectors", "dashboards", "bank/postgres", "bank/kafka", "bank/vault", "checkout/client", "checkout/postgres", "checkout/webhook", "codepix/postgres", "gateway/postgres", "identity/operators", "identity/postgres", "statement", "statement/file", "statement/file/pdf", "statement/file/verify", "statement/postgres", "web/analyst"}),

	// The launcher makes an authority and certificates for the programs that it starts, and reads them for
	// its own calls. It signs access tokens with the keys that it has made for identity.
	"stack": {"self", "native/", "schemas", "connectors", "dashboards", "identity/signing", "platform/mtls", "platform/mtls/authority"},
}

// testArrows says which packages of other modules the tests of a module may import.
var testArrows = map[string][]string{
	"schemas":    {},
	"connectors": {"schemas"},
	"dashboards": {"connectors", "schemas"},
	"native":     {},
	"platform":   {"native/", "schemas"},
	"bank":       {"native/", "platform/", "schemas"},
	"statement":  {"native/", "platform/", "schemas"},
	"checkout":   {"native/", "platform/", "schemas"},
	"gateway":    {"native/", "platform/", "schemas"},
	"identity":   {"native/", "platform/", "schemas"},
	"codepix":    {"native/", "platform/", "schemas"},
	"web":        {"dashboards", "native/", "platform/", "schemas"},
	"operations": {"bank/postgres", "bank/kafka", "bank/vault", "checkout/client", "checkout/postgres", "checkout/webhook", "codepix/postgres", "connectors", "dashboards", "gateway/postgres", "identity/operators", "identity/postgres", "statement", "statement/file", "statement/file/pdf", "statement/file/verify", "statement/postgres", "native/", "platform/", "schemas", "web/analyst"},
	"stack":      {"native/", "connectors", "dashboards", "identity/signing", "platform/mtls", "platform/mtls/authority", "schemas"},
}

const module = "codebank.dev/"

func TestImportsFollowTheArrows(t *testing.T) {
	var findings []string
	for _, s := range tree(t) {
		findings = append(findings, againstArrows(s)...)
	}
	report(t, findings)
}

// againstArrows returns the imports of a file that no arrow allows.
func againstArrows(s *source) []string {
	rule := ruleOf(s.folder)
	if rule == "" {
		return []string{s.folder + " has no entry in arrows: add what it may import"}
	}
	var findings []string
	for _, spec := range s.file.Imports {
		below, own := strings.CutPrefix(strings.Trim(spec.Path.Value, `"`), module)
		if !own || allowed(s, rule, below) {
			continue
		}
		findings = append(findings, s.at(spec)+" "+s.folder+" must not import "+below)
	}
	return findings
}

func ruleOf(folder string) string {
	for folder != "." && folder != "" {
		if _, ok := arrows[folder]; ok {
			return folder
		}
		at := strings.LastIndexByte(folder, '/')
		if at < 0 {
			return ""
		}
		folder = folder[:at]
	}
	return ""
}

func allowed(s *source, rule, imported string) bool {
	if imported == s.folder {
		return true
	}
	if imported == "native/await" && strings.HasSuffix(s.folder, "test") {
		return true // what tests share waits as they do
	}
	if s.test {
		own := moduleOf(s.folder)
		return moduleOf(imported) == own || within(testArrows[own], own, imported)
	}
	return within(arrows[rule], rule, imported)
}

// moduleOf returns the top folder.
func moduleOf(folder string) string {
	top, _, _ := strings.Cut(folder, "/")
	return top
}

func within(targets []string, rule, imported string) bool {
	return slices.ContainsFunc(targets, func(target string) bool {
		switch {
		case target == "self":
			return imported == rule || strings.HasPrefix(imported, rule+"/")
		case strings.HasSuffix(target, "/"):
			return strings.HasPrefix(imported, target)
		case target == "schemas" || target == "connectors" || target == "dashboards":
			return imported == target || strings.HasPrefix(imported, target+"/")
		}
		return imported == target
	})
}

// TestEveryModuleIsGuarded plants an offender in each module of the workspace. The guards must
// find it, so that no guard misses a module that is added or moved.
func TestEveryModuleIsGuarded(t *testing.T) {
	for _, module := range modules(t) {
		require.Contains(t, testArrows, module, "add what the tests of this module may import")
		for _, test := range []bool{false, true} {
			planted := parseText(t, module+"/x", `package x; import _ "codebank.dev/elsewhere"`)
			planted.test = test
			require.Len(t, againstArrows(planted), 1, "an arrow that is not allowed in %s", module)
		}
		planted := parseText(t, module+"/x", "package x\nfunc Shown() { panic(1) }\nfunc init() {}\nfunc f(a, b, c, d, e int) {}\ntype i interface { A(); B(); C(); D(); E(); F() }")
		require.NotEmpty(t, lengthsOf(planted), "too many parameters in %s", module)
		require.NotEmpty(t, undocumentedIn(planted), "a name without a comment in %s", module)
		require.NotEmpty(t, largeInterfaces(planted), "a large interface in %s", module)
		require.Len(t, forbiddenIn(planted), 2, "init and panic in %s", module)
		require.NotEmpty(t, bannedFolder(parseText(t, module+"/util", "package util")), "a folder named by nothing in %s", module)
		step := parseText(t, module+"/x", `package x; func f() { os.Rename("a", "b") }`)
		require.Equal(t, !slices.Contains(withoutDurableSteps, module), len(stepsWithoutPoints(step, nil)) > 0, "a durable step in %s", module)
		parser := parseText(t, module+"/x", "package x; func ParseNumber(text string) {}")
		require.Equal(t, !slices.Contains(withoutOutsideBytes, module), len(parsersIn(parser)) > 0, "a parser in %s", module)
		amount := parseText(t, module+"/x", "package x; var amount float64")
		require.Equal(t, !slices.Contains(withoutMoney, module), len(forbiddenIn(amount)) > 0, "a float in %s", module)
	}
}
