package tidy_test

import (
	"slices"
	"strings"
	"testing"
)

// arrows says which own packages each folder may import; a folder not named here
// takes the rule of the longest prefix. "self" stands for the folder's own subtree.
// Tests are free in what they import, except that schemas stays on its own.
var arrows = map[string][]string{
	"schemas":              {"schemas"},
	"platform/money":       {},
	"platform/fault":       {},
	"platform/failpoint":   {},
	"platform/cache":       {},
	"bank":                 {"platform/money", "platform/fault"},
	"platform/serve":       {"platform/fault"},
	"bank/ledger":          {"bank", "platform/money", "platform/fault"},
	"bank/card":            {"bank", "platform/money", "platform/fault"},
	"bank/risk":            {"bank"},
	"bank/purchase":        {"bank", "platform/money", "platform/fault", "bank/risk"},
	"bank/wallet":          {"bank", "platform/money", "platform/fault"},
	"bank/pix":             {"bank", "platform/money", "platform/fault"},
	"bank/identity":        {"bank", "platform/money", "platform/fault"},
	"operations/synthetic": {"bank"},
	"bank/outbox":          {"bank", "platform/money", "platform/fault"},
	"bank/banktest":        {"bank", "platform/money", "platform/fault"},
	"bank/inmem":           {"bank", "platform/money", "platform/fault"},
	"bank/vault":           {"bank", "platform/money", "platform/fault"},
	"platform/migrate":     {},
	"bank/postgres":        {"bank", "platform/money", "platform/fault", "platform/migrate", "platform/reconnect"},
	"bank/kafka":           {"bank", "platform/money", "platform/fault", "schemas"},
	"operations/audit":     {"bank", "platform/money", "platform/fault", "schemas"},
	// What is wanted of the world outside, and the adapters that bring it about.
	"operations/provision":      {"platform/fault"},
	"operations/httpclient":     {"operations/provision"},
	"operations/topics":         {"platform/fault", "operations/provision", "schemas"},
	"operations/schemaregistry": {"platform/fault", "operations/provision", "operations/httpclient", "schemas"},
	"operations/elasticsearch":  {"bank", "platform/money", "platform/fault", "operations/provision", "operations/httpclient", "operations/audit", "schemas", "connectors"},
	"operations/kafkaconnect":   {"bank", "platform/fault", "operations/provision", "operations/httpclient", "schemas", "connectors"},
	"operations/kibana":         {"platform/fault", "operations/provision", "operations/httpclient"},
	"operations/deadletter":     {"bank", "platform/fault", "operations/provision", "schemas"},
	"bank/rpc":                  {"bank", "platform/money", "platform/fault", "platform/serve", "bank/card", "bank/purchase", "bank/wallet", "bank/pix", "schemas"},
	"statement":                 {"self", "platform/money", "platform/fault", "platform/migrate", "platform/reconnect", "platform/serve", "schemas"},
	"bank/codepix":              {"self", "platform/money", "platform/fault", "platform/serve", "schemas"},
	"bank/cmd":                  {"bank", "bank/", "schemas", "connectors", "dashboards"},
	"checkout":                  {"self", "platform/money", "platform/fault", "platform/migrate", "platform/reconnect", "platform/serve", "schemas"},
	"connectors":                {"connectors", "schemas"},
	"dashboards":                {"dashboards", "schemas"},
	"stack":                     {"self", "schemas", "connectors", "dashboards"},
}

// leaves import the standard library alone, so every package below bank and checkout
// but the language of the business may import them.
var leaves = []string{"platform/failpoint", "platform/cache"}

const module = "codebank.dev/"

func TestImportsFollowTheArrows(t *testing.T) {
	var findings []string
	for _, s := range tree(t) {
		if s.test {
			continue
		}
		rule := ruleOf(s.folder)
		if rule == "" {
			findings = append(findings, s.folder+" has no arrows: say what it may import")
			continue
		}
		for _, spec := range s.file.Imports {
			imported := strings.Trim(spec.Path.Value, `"`)
			below, own := strings.CutPrefix(imported, module)
			if own && !allowed(rule, below) {
				findings = append(findings, s.at(spec)+" "+s.folder+" must not import "+below)
			}
		}
	}
	report(t, findings)
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

func allowed(rule, imported string) bool {
	if imported == rule || strings.HasPrefix(imported, rule+"/") && (rule != "bank") {
		return true
	}
	if strings.HasPrefix(rule, "bank/") && len(arrows[rule]) > 0 || rule == "checkout" {
		if slices.Contains(leaves, imported) {
			return true
		}
	}
	return slices.ContainsFunc(arrows[rule], func(target string) bool {
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
