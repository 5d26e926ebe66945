package payment_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"codebank.dev/codepix/payment"
)

func TestAnEndToEndIDHasOneForm(t *testing.T) {
	good, err := payment.ParseID("E00000001" + strings.Repeat("aZ9", 7) + "00")
	require.NoError(t, err)
	require.Equal(t, "001", good.Bank())
	require.False(t, good.IsReturn())
	back, err := payment.ParseID("D" + string(good[1:]))
	require.NoError(t, err)
	require.True(t, back.IsReturn())
	for rule, text := range map[string]string{
		"empty": "", "too short": string(good[:31]), "too long": string(good) + "0", "another letter": "F" + string(good[1:]),
		"a small letter": "e" + string(good[1:]), "a bank of eight digits": "E12345001" + string(good[9:]),
		"no bank": "E0000000x" + string(good[9:]), "a mark": string(good[:31]) + "-", "a letter that is not ASCII": string(good[:30]) + "é",
	} {
		_, err := payment.ParseID(text)
		require.ErrorIs(t, err, payment.ErrID, rule)
	}
	require.Empty(t, payment.ID("").Bank())
	require.False(t, payment.ID("").IsReturn())
}

// FuzzParseID: what is accepted has its bank and its kind, and is its own text.
func FuzzParseID(f *testing.F) {
	f.Add("E0000000100000000000000000000001a")
	f.Add("D00000002ZZZZZZZZZZZZZZZZZZZZZZZ")
	f.Fuzz(func(t *testing.T, text string) {
		name, err := payment.ParseID(text)
		if err != nil {
			return
		}
		if string(name) != text || len(text) != 32 || !payment.IsBankCode(name.Bank()) || name.IsReturn() != (text[0] == 'D') {
			t.Fatalf("%q", text)
		}
	})
}
