package field_test

import (
	"strings"
	"testing"

	"codebank.dev/platform/field"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestANameIsTheSameHoweverItIsWritten(t *testing.T) {
	for _, names := range [][]string{
		{"João", "Joa\u0303o", "JOÃO", "joa\u0303o", " João ", "Jo\u00e3o\u200b", "\ufeffJoão"},
		{"Maria da Silva", "MARIA  DA SILVA", "maria\u00a0da\u2003silva", "Ｍａｒｉａ da Silva", "Mar\u200bia da Sil\u00adva"},
		{"Weiß", "WEISS", "weiẞ", "Weiss"},
		{"Ὀδυσσεύς", "ὈΔΥΣΣΕΎΣ", "ὀδυσσεύσ"},
		{"ﬁona", "FIONA", "Fiona"},
		{"İpek", "I\u0307pek", "i\u0307pek"},
		{"Å", "A\u030a", "\u212b", "å"},
		{"가", "\u1100\u1161"},
		{"4711", "４７１１"},
		{"\u200b", "\u200b"},
	} {
		for _, a := range names {
			for _, b := range names {
				require.True(t, field.SameName(a, b), "%q %q", a, b)
			}
		}
	}
	for a, b := range map[string]string{
		"João": "Joao", "Maria": "Mari", "Maria Silva": "MariaSilva", "": "M", "Мария": "Maria", "A": "А", "İpek": "Ipek",
	} {
		require.False(t, field.SameName(a, b), "%q %q", a, b)
	}
}

// TestNamesThatWereTheSameStayTheSame: cards were issued while names were compared by upper case alone.
func TestNamesThatWereTheSameStayTheSame(t *testing.T) {
	before := func(name string) string { return strings.ToUpper(strings.Join(strings.Fields(name), " ")) }
	for r := rune(1); r < 0x20000; r++ {
		name := "a" + string(r) + "b"
		for _, other := range []string{strings.ToUpper(name), strings.ToLower(name), strings.ToTitle(name)} {
			if before(name) == before(other) {
				require.True(t, field.SameName(name, other), "%q %q", name, other)
			}
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.String().Draw(t, "name")
		require.True(t, field.SameName(name, before(name)), name)
		require.True(t, field.SameName(before(name), "  "+name+"\t"), name)
	})
}

func TestTwoASCIINamesAreComparedQuickly(t *testing.T) {
	require.Zero(t, testing.AllocsPerRun(100, func() { field.SameName("MARIA DA SILVA", "MARIA DA SILVA") }))
}
