package deadletter

import (
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

func FuzzShowable(f *testing.F) {
	for _, seed := range []string{"", "plain", "a\x00b\x1b[31m", "4111 1111 1111 1111", "\xff\xfe", "378282246310005x"} {
		f.Add(seed, 20)
	}
	f.Fuzz(func(t *testing.T, text string, width int) {
		if width < 0 || width > 1<<20 {
			t.Skip()
		}
		shown := showable(text, width)
		require.True(t, utf8.ValidString(shown))
		require.LessOrEqual(t, len(shown), width+len("…"))
		for _, r := range shown {
			require.True(t, unicode.IsPrint(r), "%U", r)
		}
	})
}

func TestNumbersThatMayBeCardNumbersAreMasked(t *testing.T) {
	tests := []struct{ rule, text, want string }{
		{"in one piece", "Key (4111111111111111) exists", "Key ([number]) exists"},
		{"in groups", "5555 5555 5555 4444", "[number]"},
		{"with dashes", "4111-1111-1111-1111", "[number]"},
		{"in groups of another length", "3782 822463 10005", "[number]"},
		{"with dots", "4111.1111.1111.1111", "[number]"},
		{"with spaces that do not break", "4111\u00a01111\u00a01111\u00a01111", "[number]"},
		{"with characters that cannot be seen", "4111\u200b1111\u200b1111\u200b1111", "[number]"},
		{"in wide digits", "４１１１１１１１１１１１１１１１", "[number]"},
		{"over several lines", "4111\r\n1111\r\n1111\r\n1111", "[number]"},
		{"several", "4111111111111111, 378282246310005", "[number], [number]"},
		{"a wrong check digit is no card number", "4111111111111112", "4111111111111112"},
		{"an id is none", "0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b", "0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b"},
	}
	for _, tt := range tests {
		t.Run(tt.rule, func(t *testing.T) {
			require.Equal(t, tt.want, showable(tt.text, 100))
		})
	}
}
