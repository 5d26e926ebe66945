package check_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"codebank.dev/dashboards/view"
)

// pendingFields are those that the next version of a contract brings.
var pendingFields = map[view.Source]map[string]string{
	view.Transactions: {"card_use": "keyword", "risk_score": "integer", "risk_rule": "keyword", "pipeline_millis": "long"},
	view.Watermarks:   {"bank_code": "keyword", "partition": "integer", "offset": "long", "complete_to": "date", "published_at": "date"},
}

func pending(t *testing.T, source view.Source, c contract) contract {
	t.Helper()
	var schema, mapping map[string]any
	require.NoError(t, json.Unmarshal(c.schema, &schema))
	require.NoError(t, json.Unmarshal(c.template, &mapping))
	properties := mapping["properties"].(map[string]any)
	for name, kind := range pendingFields[source] {
		if properties[name] == nil {
			properties[name] = map[string]any{"type": kind}
		}
		there := false
		for _, field := range schema["fields"].([]any) {
			there = there || field.(map[string]any)["name"] == name
		}
		if !there {
			one := map[string]any{"name": name}
			if name == "card_use" {
				one["type"] = map[string]any{"type": "enum", "name": "CardUse", "symbols": []string{"UNKNOWN", "FIRST", "LATER"}}
			}
			if name == "risk_rule" {
				one["type"] = map[string]any{"type": "enum", "name": "RiskRule", "symbols": []string{"UNKNOWN", "NONE", "CARD_TESTING", "VELOCITY"}}
			}
			schema["fields"] = append(schema["fields"].([]any), one)
		}
	}
	var err error
	c.schema, err = json.Marshal(schema)
	require.NoError(t, err)
	c.template, err = json.Marshal(mapping)
	require.NoError(t, err)
	return c
}
