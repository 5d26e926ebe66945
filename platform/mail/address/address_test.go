package address_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"codebank.dev/platform/mail/address"
)

func TestAnAddressHasOneForm(t *testing.T) {
	for text, want := range map[string]string{
		"Ana.Souza+pix@Example.COM": "ana.souza+pix@example.com", "a@b.co": "a@b.co", "a@xn--bcher-kva.example": "a@xn--bcher-kva.example",
	} {
		got, ok := address.Normal(text, address.MaxLength)
		require.True(t, ok, text)
		require.Equal(t, want, got)
	}
	for _, text := range []string{
		"", "a", "a@", "@b.co", "a@b", "a@b.c", "a b@c.de", "a@@b.co", "a..b@c.de", ".a@b.co", "a@-b.co", "a@b-.co", "\u212ana@b.co", "a@bücher.de",
		strings.Repeat("a", 65) + "@b.co", "a@" + strings.Repeat("b", 64) + ".co", "a@" + strings.Repeat("b.", 130) + "co", "a@b.co\n",
	} {
		_, ok := address.Normal(text, address.MaxLength)
		require.False(t, ok, text)
	}
	_, ok := address.Normal("ana@example.com", 14)
	require.False(t, ok, "too long for who asks")
}
