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
	"schemas":        {"schemas"},
	"bank/money":     {},
	"bank/fault":     {},
	"bank/failpoint": {},
	"bank/recent":    {},
	"bank":           {"bank/money", "bank/fault"},
	"bank/serve":     {"bank/fault"},
	"bank/ledger":    {"bank", "bank/money", "bank/fault"},
	"bank/card":      {"bank", "bank/money", "bank/fault"},
	"bank/risk":      {"bank"},
	"bank/purchase":  {"bank", "bank/money", "bank/fault", "bank/risk"},
	"bank/wallet":    {"bank", "bank/money", "bank/fault"},
	"bank/pix":       {"bank", "bank/money", "bank/fault"},
	"bank/identity":  {"bank", "bank/money", "bank/fault"},
	"bank/history":   {"bank"},
	"bank/outbox":    {"bank", "bank/money", "bank/fault"},
	"bank/banktest":  {"bank", "bank/money", "bank/fault"},
	"bank/inmem":     {"bank", "bank/money", "bank/fault"},
	"bank/vault":     {"bank", "bank/money", "bank/fault"},
	"bank/migrate":   {},
	"bank/postgres":  {"bank", "bank/money", "bank/fault", "bank/migrate", "bank/reconnect"},
	"bank/kafka":     {"bank", "bank/money", "bank/fault", "schemas"},
	"bank/audit":     {"bank", "bank/money", "bank/fault", "schemas"},
	// What is wanted of the world outside, and the adapters that bring it about.
	"bank/provision":  {"bank/fault"},
	"bank/rest":       {"bank/provision"},
	"bank/topics":     {"bank/fault", "bank/provision", "schemas"},
	"bank/registry":   {"bank/fault", "bank/provision", "bank/rest", "schemas"},
	"bank/elastic":    {"bank", "bank/money", "bank/fault", "bank/provision", "bank/rest", "bank/audit", "schemas", "connectors"},
	"bank/connect":    {"bank", "bank/fault", "bank/provision", "bank/rest", "schemas", "connectors"},
	"bank/kibana":     {"bank/fault", "bank/provision", "bank/rest"},
	"bank/deadletter": {"bank", "bank/fault", "bank/provision", "schemas"},
	"bank/rpc":        {"bank", "bank/money", "bank/fault", "bank/serve", "bank/card", "bank/purchase", "bank/wallet", "bank/pix", "schemas"},
	"bank/statement":  {"self", "bank/money", "bank/fault", "bank/migrate", "bank/reconnect", "bank/serve", "schemas"},
	"bank/codepix":    {"self", "bank/money", "bank/fault", "bank/serve", "schemas"},
	"bank/cmd":        {"bank", "bank/", "schemas", "connectors", "dashboards"},
	"checkout":        {"self", "bank/money", "bank/fault", "bank/migrate", "bank/reconnect", "bank/serve", "schemas"},
	"connectors":      {"connectors", "schemas"},
	"dashboards":      {"dashboards", "schemas"},
	"stack":           {"self", "schemas", "connectors", "dashboards"},
}

// leaves import the standard library alone, so every package below bank and checkout
// but the language of the business may import them.
var leaves = []string{"bank/failpoint", "bank/recent"}

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
