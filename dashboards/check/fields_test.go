package check_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"codebank.dev/connectors"
	"codebank.dev/dashboards/catalogue"
	"codebank.dev/dashboards/check"
	"codebank.dev/dashboards/kql"
	"codebank.dev/dashboards/view"
	"codebank.dev/schemas"
)

// contract is what the dashboards depend on: the newest schema of the records, and the
// mapping of the index. Tests damage copies of it.
type contract struct {
	schema   []byte
	template []byte
}

func contracts(t *testing.T) map[view.Source]contract {
	t.Helper()
	indices, err := connectors.Indices()
	require.NoError(t, err)
	made := make(map[view.Source]contract)
	for source, folder := range map[view.Source]string{
		view.Transactions: "transactions", view.Watermarks: "watermarks", view.Charges: "charge-events", view.PixPayments: "pix-payments",
	} {
		versions, err := schemas.Schemas(folder)
		require.NoError(t, err)
		at := slices.IndexFunc(indices, func(i connectors.Index) bool { return slices.Contains(i.Aliases, string(source)) })
		require.GreaterOrEqual(t, at, 0, "no template makes an alias %s", source)
		made[source] = contract{[]byte(versions[len(versions)-1].Schema), indices[at].Mappings}
	}
	return made
}

// added returns the fields that the sink adds to the records of a source.
func added(t *testing.T) []string {
	t.Helper()
	sinks, err := connectors.Sinks("001", connectors.SecretsFolder)
	require.NoError(t, err)
	var names []string
	for _, sink := range sinks {
		for key, value := range sink.Config {
			if strings.HasSuffix(key, ".field") {
				names = append(names, value)
			}
		}
	}
	return names
}

// index returns the fields of the documents: fields that are sent or added, and mapped.
func index(t *testing.T, from map[view.Source]contract) check.Index {
	t.Helper()
	made := make(check.Index)
	for source, c := range from {
		var schema struct{ Fields []struct{ Name string } }
		require.NoError(t, json.Unmarshal(c.schema, &schema))
		sent := added(t)
		for _, field := range schema.Fields {
			sent = append(sent, field.Name)
		}
		var mapping struct {
			Properties map[string]struct {
				Type   string
				Index  *bool `json:"index"`
				Values *bool `json:"doc_values"`
			}
		}
		require.NoError(t, json.Unmarshal(c.template, &mapping))
		made[source] = make(map[string]check.Field)
		for name, property := range mapping.Properties {
			if slices.Contains(sent, name) {
				made[source][name] = check.Field{Type: property.Type, Indexed: unlessFalse(property.Index), Values: unlessFalse(property.Values)}
			}
		}
	}
	return made
}

// unlessFalse returns Elasticsearch's default, true, unless the mapping says false.
func unlessFalse(said *bool) bool { return said == nil || *said }

// TestEveryFieldOfADashboardIsSentAndMapped ties together three things that change
// separately: the schema of the events, the mapping of the index, and the dashboards.
func TestEveryFieldOfADashboardIsSentAndMapped(t *testing.T) {
	have := index(t, contracts(t))
	require.Empty(t, check.Fields(catalogue.Dashboards(), catalogue.DataViews(), have))

	named, err := check.Named(ours(t))
	require.NoError(t, err)
	for source, fields := range named {
		for field, places := range fields {
			require.Contains(t, have[source], field, "%v", places)
		}
	}
}

// TestTheFilesNameTheFieldsOfTheModel compares the fields in the text of the queries
// with the fields of the model, so that neither reader misses a field.
func TestTheFilesNameTheFieldsOfTheModel(t *testing.T) {
	named, err := check.Named(ours(t))
	require.NoError(t, err)
	want := map[view.Source][]string{}
	for _, board := range catalogue.Dashboards() {
		for _, control := range board.Controls {
			if control.Field != "" {
				want[control.Source] = append(want[control.Source], control.Field)
			}
		}
		for _, p := range board.Panels {
			if p.Chart != view.Documents {
				want[p.Source] = append(want[p.Source], view.PanelFields(p)...)
			}
		}
	}
	for _, source := range []view.Source{view.Transactions, view.Watermarks, view.Charges, view.PixPayments} {
		var have []string
		for field := range named[source] {
			have = append(have, field)
		}
		slices.Sort(have)
		slices.Sort(want[source])
		require.Equal(t, slices.Compact(want[source]), have)
	}
}

func TestAMissingFieldIsReportedWithItsPanel(t *testing.T) {
	for _, tt := range []struct{ field, want string }{
		{"decision_micros", "dashboard service-level panel latency-over-time: transactions has no field decision_micros, which is needed for calculating"},
		{"amount_minor", "dashboard overview control amount: transactions has no field amount_minor, which is needed for calculating"},
		{"card_use", "dashboard stores panel new-and-returning: transactions has no field card_use, which is needed for searching"},
		{"attempt", "dashboard approvals panel recovered: transactions has no field attempt, which is needed for comparing"},
		{"trace_id", "data view transactions: transactions has no field trace_id, which is needed for listing"},
		{"complete_to", "dashboard risk panel complete-up-to: watermarks has no field complete_to, which is needed for ranking"},
		{"merchant_name", "dashboard overview panel top-stores: transactions has no field merchant_name, which is needed for grouping"},
	} {
		t.Run(tt.field+" of the schema", func(t *testing.T) {
			copies := contracts(t)
			for source, c := range copies {
				c.schema = without(t, c.schema, tt.field)
				copies[source] = c
			}
			require.Contains(t, check.Fields(catalogue.Dashboards(), catalogue.DataViews(), index(t, copies)), tt.want)
		})
		t.Run(tt.field+" of the mapping", func(t *testing.T) {
			copies := contracts(t)
			for source, c := range copies {
				var mapping map[string]any
				require.NoError(t, json.Unmarshal(c.template, &mapping))
				delete(mapping["properties"].(map[string]any), tt.field)
				var err error
				c.template, err = json.Marshal(mapping)
				require.NoError(t, err)
				copies[source] = c
			}
			require.Contains(t, check.Fields(catalogue.Dashboards(), catalogue.DataViews(), index(t, copies)), tt.want)
		})
	}
}

// without removes a field from a schema.
func without(t *testing.T, schema []byte, field string) []byte {
	t.Helper()
	var whole map[string]any
	require.NoError(t, json.Unmarshal(schema, &whole))
	whole["fields"] = slices.DeleteFunc(whole["fields"].([]any), func(one any) bool { return one.(map[string]any)["name"] == field })
	made, err := json.Marshal(whole)
	require.NoError(t, err)
	return made
}

func TestAFieldOfAnotherTypeIsFound(t *testing.T) {
	for _, tt := range []struct {
		source      view.Source
		field, kind string
		want        string
	}{
		{view.Transactions, "merchant_name", "text", "dashboard overview panel top-stores: field merchant_name of transactions has type text, which does not fit grouping"},
		{view.Transactions, "amount_minor", "keyword", "dashboard overview panel average-ticket: field amount_minor of transactions has type keyword, which does not fit calculating"},
		{view.Transactions, "occurred_at", "long", "dashboard overview panel approval-rate-over-time: field occurred_at of transactions has type long, which does not fit placing in time"},
		{view.Transactions, "card_id", "text", "dashboard stores panel active-cards: field card_id of transactions has type text, which does not fit counting values"},
		{view.Transactions, "attempt", "keyword", "dashboard approvals panel recovered: field attempt of transactions has type keyword, which does not fit comparing"},
		{view.Watermarks, "complete_to", "keyword", "dashboard overview panel complete-up-to: field complete_to of watermarks has type keyword, which does not fit ranking"},
	} {
		t.Run(tt.field, func(t *testing.T) {
			have := index(t, contracts(t))
			have[tt.source][tt.field] = check.Field{Type: tt.kind, Indexed: true, Values: true}
			require.Contains(t, check.Fields(catalogue.Dashboards(), catalogue.DataViews(), have), tt.want)
		})
	}
}

func TestAFieldMappedForAnotherPurposeIsFound(t *testing.T) {
	for _, tt := range []struct {
		field string
		kept  check.Field
		want  string
	}{
		{"merchant_name", check.Field{Type: "keyword", Indexed: true}, "dashboard overview panel top-stores: field merchant_name of transactions is not mapped for grouping"},
		{"amount_minor", check.Field{Type: "long", Indexed: true}, "dashboard overview control amount: field amount_minor of transactions is not mapped for calculating"},
		{"attempt", check.Field{Type: "integer"}, "dashboard approvals panel recovered: field attempt of transactions is not mapped for comparing"},
		{"card_use", check.Field{Type: "keyword"}, "dashboard stores panel new-and-returning: field card_use of transactions is not mapped for searching"},
	} {
		t.Run(tt.field, func(t *testing.T) {
			have := index(t, contracts(t))
			have[view.Transactions][tt.field] = tt.kept
			require.Contains(t, check.Fields(catalogue.Dashboards(), catalogue.DataViews(), have), tt.want)
		})
	}
}

// TestEveryCodeHasWords: a code that the schema gets later shows as it is, until it has words.
func TestEveryCodeHasWords(t *testing.T) {
	newest := contracts(t)[view.Transactions].schema
	words := catalogue.DataViews()[0].Words
	for field, enum := range map[string]string{
		"kind": "Kind", "status": "Status", "decline_reason": "DeclineReason", "card_use": "CardUse", "risk_rule": "RiskRule",
		"card_brand": "CardBrand", "channel": "Channel", "direction": "Direction",
	} {
		for _, symbol := range symbolsOf(t, newest, enum) {
			require.Contains(t, words[field], symbol, "%s has no words", field)
		}
	}
}

func TestEveryReasonToDeclineIsInOneGroup(t *testing.T) {
	symbols := symbolsOf(t, contracts(t)[view.Transactions].schema, "DeclineReason")
	var grouped []string
	for _, reasons := range catalogue.Reasons {
		grouped = append(grouped, reasons...)
	}
	require.ElementsMatch(t, symbols, grouped)
}

// TestValuesInQueriesExist: a misspelt status or kind would match nothing, and the
// panel would show zeros.
func TestValuesInQueriesExist(t *testing.T) {
	all := map[view.Source]map[string]string{
		view.Transactions: {
			"kind": "Kind", "status": "Status", "decline_reason": "DeclineReason", "card_use": "CardUse", "risk_rule": "RiskRule",
			"card_brand": "CardBrand", "channel": "Channel", "direction": "Direction",
		},
		view.Charges: enumsOfCharges, view.PixPayments: enumsOfPix,
	}
	have := contracts(t)
	asked := 0
	for _, board := range catalogue.Dashboards() {
		for _, p := range board.Panels {
			enums, newest := all[p.Source], have[p.Source].schema
			for field, values := range valuesOf(p) {
				if enums[field] == "" {
					continue
				}
				asked++
				require.Subset(t, symbolsOf(t, newest, enums[field]), values, "dashboard %s panel %s: %s", board.ID, p.ID, field)
			}
		}
	}
	require.Greater(t, asked, 50)
}

// enumsOfCharges are the enums of an event of a charge, by the fields that hold them.
var enumsOfCharges = map[string]string{
	"mode": "ChargeMode", "kind": "ChargeEventKind", "status": "ChargeState", "operation_kind": "ChargeOperationKind",
	"operation_status": "ChargeOperationStatus",
}

// enumsOfPix are the enums of a change of a payment between banks, by the fields that hold them.
var enumsOfPix = map[string]string{"kind": "PixKind", "status": "PixStatus", "key_kind": "PixKeyKind"}

func TestEveryCodeOfAChargeAndOfAPixPaymentHasWords(t *testing.T) {
	for source, enums := range map[view.Source]map[string]string{view.Charges: enumsOfCharges, view.PixPayments: enumsOfPix} {
		newest := contracts(t)[source].schema
		at := slices.IndexFunc(catalogue.DataViews(), func(v view.DataView) bool { return v.Source == source })
		require.GreaterOrEqual(t, at, 0)
		words := catalogue.DataViews()[at].Words
		for field, enum := range enums {
			for _, symbol := range symbolsOf(t, newest, enum) {
				require.Contains(t, words[field], symbol, "%s has no words", field)
			}
		}
	}
}

// symbolsOf returns the symbols of an enum at any depth of a schema.
func symbolsOf(t *testing.T, schema []byte, enum string) []string {
	t.Helper()
	var whole any
	require.NoError(t, json.Unmarshal(schema, &whole))
	var symbols []string
	var walk func(any)
	walk = func(node any) {
		switch node := node.(type) {
		case []any:
			for _, one := range node {
				walk(one)
			}
		case map[string]any:
			if node["type"] == "enum" && node["name"] == enum {
				for _, symbol := range node["symbols"].([]any) {
					symbols = append(symbols, symbol.(string))
				}
			}
			for _, one := range node {
				walk(one)
			}
		}
	}
	walk(whole)
	require.NotEmpty(t, symbols, enum)
	return symbols
}

// valuesOf returns the values that the queries of a panel name, by field.
func valuesOf(p view.Panel) map[string][]string {
	values := make(map[string][]string)
	var walk func(kql.Query)
	walk = func(query kql.Query) {
		switch q := query.(type) {
		case kql.And:
			for _, one := range q {
				walk(one)
			}
		case kql.Or:
			for _, one := range q {
				walk(one)
			}
		case kql.Not:
			walk(q.Query)
		case kql.Is:
			values[q.Field] = append(values[q.Field], q.Value)
		case kql.OneOf:
			values[q.Field] = append(values[q.Field], q.Values...)
		}
	}
	walk(p.Query)
	for _, metric := range p.Layer.Metrics {
		for _, aggregate := range view.Aggregates(metric.Figure) {
			walk(aggregate.Filter)
		}
	}
	for _, bucket := range p.Layer.Buckets {
		if filters, ok := bucket.(view.Filters); ok {
			for _, filter := range filters.Filters {
				walk(filter.Query)
			}
		}
	}
	return values
}
