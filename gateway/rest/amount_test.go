package rest

import (
	"encoding/json"
	"math/big"
	"testing"

	"codebank.dev/platform/fault"
	"codebank.dev/platform/field"
	"codebank.dev/platform/money"
	"codebank.dev/platform/serve"
	"github.com/stretchr/testify/require"
)

// FuzzAmount: an amount in a body is the number that JSON says, or it is refused by its name.
func FuzzAmount(f *testing.F) {
	for _, value := range []string{`12.34`, `"12.34"`, `0.1`, `1e2`, `-1`, `"x"`, `{}`, `null`, `99999999999999999999`} {
		f.Add(value)
	}
	currency := money.MustCurrency("BRL")
	f.Fuzz(func(t *testing.T, value string) {
		body, err := serve.ParseObject([]byte(`{"amount":`+value+`}`), "", "amount")
		if err != nil || !body.Has("amount") {
			return
		}
		minor, err := readAmount(body, "amount", currency)
		if err != nil {
			require.Equal(t, fault.InvalidArgument, fault.CodeOf(err))
			require.Equal(t, "amount", fault.Of(err).Field)
			return
		}
		var text string
		if json.Unmarshal(body["amount"], &text) != nil {
			text = string(body["amount"])
		}
		said, ok := new(big.Rat).SetString(text)
		require.True(t, ok, value)
		require.Zero(t, said.Cmp(big.NewRat(minor, 100)), value)
		require.NoError(t, field.Amount("amount", minor))
		shown, ok := new(big.Rat).SetString(majorUnits(minor, "BRL").String())
		require.True(t, ok)
		require.Zero(t, said.Cmp(shown), "it is shown as it was said")
	})
}
