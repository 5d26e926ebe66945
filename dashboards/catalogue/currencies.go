package catalogue

import (
	"slices"

	"codebank.dev/dashboards/kql"
	"codebank.dev/dashboards/view"
)

// withoutDecimals and ofThreeDecimals are the currencies of ISO 4217 whose minor unit is not
// a hundredth. A test compares them with the currencies in which a bank opens accounts.
var (
	withoutDecimals = []string{
		"BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "VND", "VUV", "XAF", "XOF", "XPF",
	}
	ofThreeDecimals = []string{"BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"}
)

// Decimals returns how many decimals a currency has, for those that do not have two.
func Decimals() map[string]int {
	decimals := make(map[string]int)
	for _, code := range withoutDecimals {
		decimals[code] = 0
	}
	for _, code := range ofThreeDecimals {
		decimals[code] = 3
	}
	return decimals
}

// volumeOfRow is a sum of money in major units, where all documents of a row have the same
// currency. Only one of its three sums is not 0.
func volumeOfRow(filter kql.Query) view.Expression {
	of := func(currencies kql.Query) view.Aggregate { return sum("amount_minor", filter, currencies) }
	others := kql.Not{Query: kql.OneOf{Field: view.CurrencyField, Values: slices.Concat(withoutDecimals, ofThreeDecimals)}}
	plus := func(left, right view.Expression) view.Math {
		return view.Math{Operator: view.Plus, Left: left, Right: right}
	}
	return plus(plus(view.Major(of(others)), of(kql.OneOf{Field: view.CurrencyField, Values: withoutDecimals})),
		view.Ratio(of(kql.OneOf{Field: view.CurrencyField, Values: ofThreeDecimals}), view.Constant(1000)))
}
