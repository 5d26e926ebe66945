package kql_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"codebank.dev/dashboards/kql"
)

func TestText(t *testing.T) {
	purchase, approved := kql.Is{Field: "kind", Value: "PURCHASE"}, kql.Is{Field: "status", Value: "APPROVED"}
	for _, tt := range []struct {
		rule  string
		query kql.Query
		want  string
	}{
		{"nil is all documents", nil, ""},
		{"an empty And is all documents", kql.And{nil, kql.And{}}, ""},
		{"a plain word has no quotes", purchase, "kind: PURCHASE"},
		{"any other value has quotes", kql.Is{Field: "merchant_name", Value: `São "P" \`}, `merchant_name: "São \"P\" \\"`},
		{"a word of the language is quoted", kql.Is{Field: "kind", Value: "or"}, `kind: "or"`},
		{"empty text is quoted", kql.Is{Field: "kind"}, `kind: ""`},
		{"and", kql.And{purchase, nil, approved}, "kind: PURCHASE and status: APPROVED"},
		{"a single query in And stands alone", kql.And{purchase, nil}, "kind: PURCHASE"},
		{"or in and has brackets", kql.And{kql.Or{purchase, approved}, approved}, "(kind: PURCHASE or status: APPROVED) and status: APPROVED"},
		{"and in or has brackets", kql.Or{kql.And{purchase, approved}, approved}, "(kind: PURCHASE and status: APPROVED) or status: APPROVED"},
		{"not of several has brackets", kql.Not{Query: kql.And{purchase, approved}}, "not (kind: PURCHASE and status: APPROVED)"},
		{"not of one has none", kql.Not{Query: kql.Exists{Field: "card_id"}}, "not card_id: *"},
		{"one of several values", kql.OneOf{Field: "status", Values: []string{"APPROVED", "DECLINED"}}, "status: (APPROVED or DECLINED)"},
		{"a bound", kql.Compare{Field: "attempt", Operator: kql.Greater, Value: kql.Number(1)}, "attempt > 1"},
		{"a date as bound", kql.Compare{Field: "occurred_at", Operator: kql.GreaterOrEqual, Value: "now-1d/d"}, `occurred_at >= "now-1d/d"`},
	} {
		t.Run(tt.rule, func(t *testing.T) {
			require.Equal(t, tt.want, kql.Text(tt.query))
			require.Equal(t, tt.want == "", kql.Empty(tt.query))
		})
	}
}

func TestFieldsAreNamedOnce(t *testing.T) {
	query := kql.And{
		kql.Is{Field: "kind", Value: "PURCHASE"}, kql.Not{Query: kql.Exists{Field: "card_id"}}, nil,
		kql.Or{kql.Is{Field: "kind", Value: "REVERSAL"}, kql.OneOf{Field: "status", Values: []string{"APPROVED"}}},
		kql.Compare{Field: "attempt", Operator: kql.Less, Value: "3"},
	}
	require.Equal(t, []string{"attempt", "card_id", "kind", "status"}, kql.Fields(query))
	require.Empty(t, kql.Fields(nil))
}

func TestAnInvalidQueryPanics(t *testing.T) {
	require.Panics(t, func() { kql.Text(kql.Or{}) })
	require.Panics(t, func() { kql.Text(kql.OneOf{Field: "status"}) })
}
