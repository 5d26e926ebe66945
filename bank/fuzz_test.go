package bank_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"codebank.dev/bank"
	"codebank.dev/platform/fault"
	"github.com/stretchr/testify/require"
)

// FuzzParseCode: three digits and nothing else.
func FuzzParseCode(f *testing.F) {
	f.Add("001")
	f.Fuzz(func(t *testing.T, text string) {
		code, err := bank.ParseCode(text)
		require.Equal(t, len(text) == 3 && strings.Trim(text, "0123456789") == "", err == nil)
		if err == nil {
			require.Equal(t, text, string(code))
		}
	})
}

// tokenCharacters are those of base64url.
const tokenCharacters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

// FuzzCheckToken: what passes for a card token can be stored and shown. Every token that the bank
// issues passes, whatever its digits.
func FuzzCheckToken(f *testing.F) {
	f.Add("ctk_0123456789abcdefghijklmnopqrstuvwxyzABCDEFG")
	f.Add("ctk_4111111111111111_its-digits-are-random")
	f.Fuzz(func(t *testing.T, text string) {
		err := bank.CheckToken("card_token", text)
		if err == nil {
			require.True(t, text != "" && len(text) <= 128 && utf8.ValidString(text) && !strings.ContainsRune(text, 0))
			return
		}
		require.False(t, strings.HasPrefix(text, "ctk_") && len(text) <= 128 && strings.Trim(text, tokenCharacters) == "")
		require.Equal(t, fault.InvalidArgument, fault.CodeOf(err))
		require.Equal(t, "card_token", fault.Of(err).Field)
	})
}
