package pan_test

import (
	"strings"
	"testing"

	"codebank.dev/platform/pan"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// written returns the digits of a number with a separator between its groups.
func written(digits, separator string, groups ...int) string {
	var parts []string
	for _, length := range groups {
		length = min(length, len(digits))
		parts = append(parts, digits[:length])
		digits = digits[length:]
	}
	return strings.Join(append(parts, digits), separator)
}

// inScript returns text with its ASCII digits in the script whose zero is given.
func inScript(text string, zero rune) string {
	return strings.Map(func(r rune) rune {
		if '0' <= r && r <= '9' {
			return zero + r - '0'
		}
		return r
	}, text)
}

func TestACardNumberIsFoundHoweverItIsWritten(t *testing.T) {
	const visa, amex = "4111111111111111", "378282246310005"
	for number := range testNumbers {
		for _, text := range []string{number, "paid " + number, "card:" + number + ".", "a" + number + "b", "(" + number + ")", number + "=2512", "\"" + number} {
			require.True(t, pan.In(text), text)
		}
	}
	for _, separator := range []string{
		" ", "-", ".", "  ", " - ", "\u00a0", "\u2003", "\u202f", "‐", "‑", "‒", "–", "—", "−", "﹣", "－", "．", "·", "•", "_", "/", "\t",
	} {
		for _, text := range []string{
			written(visa, separator, 4, 4, 4), written(amex, separator, 4, 6), written("30569309025904", separator, 4, 6),
			written("6362970000457013", separator, 4, 4, 4), written("4000000000000000006", separator, 4, 4, 4, 4),
			written(visa, separator, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1), written(visa, separator, 8), written(visa, separator, 6, 6),
			written(visa, separator, 2, 5, 3), "0000" + separator + written(visa, separator, 4, 4, 4) + separator + "12" + separator + "25",
		} {
			require.True(t, pan.In("paid "+text+" today"), "%q", text)
		}
	}
	for _, mark := range []string{":", ",", ";", "*", "|", "+", "=", "~", "#", "'", "·", "،", "×", "：", "🂠"} {
		for _, text := range []string{written(visa, mark, 4, 4, 4), written(amex, mark, 4, 6), written("4000000000000000006", mark, 4, 4, 4, 4)} {
			require.True(t, pan.In("paid "+text+" today"), text)
			require.Equal(t, "paid [number].", pan.Mask("paid "+text+"."))
		}
		require.True(t, pan.In("at 10"+mark+"30 "+visa[:4]+mark+visa[4:8]+"-"+visa[8:12]+mark+visa[12:]), mark)
	}
	for _, zero := range []rune{'０', '٠', '۰', '०', '๐', '\U0001D7CE', '\U0001D7E2', '\U0001D7F6', '\U0001E950'} {
		require.True(t, pan.In(inScript(visa, zero)), string(zero))
		require.True(t, pan.In(inScript("4111 1111 1111 1111", zero)), string(zero))
	}
	for _, text := range []string{
		"④①①①①①①①①①①①①①①①", "⁴¹¹¹¹¹¹¹¹¹¹¹¹¹¹¹", "4111\u200b1111\u200b1111\u200b1111", "4\ufe0f111111111111111", "4\u030111111111111\u00ad1111",
		"41111111 １１１１١١١١",
		"❹❶❶❶❶❶❶❶❶❶❶❶❶❶❶❶", "⓸⓵⓵⓵➀➀➀➀➊➊➊➊❶❶❶❶", "➃⓿🄋🄌⓿⓿⓿⓿⓿⓿⓿⓿⓿⓿⓿➁", "4⃣1⃣1⃣1⃣1⃣1⃣1⃣1⃣1⃣1⃣1⃣1⃣1⃣1⃣1⃣1⃣",
	} {
		require.True(t, pan.In(text), text)
	}
}

func TestMaskLeavesEverythingButTheNumbers(t *testing.T) {
	for text, masked := range map[string]string{
		"": "", "order 41111111111111112222": "order 41111111111111112222", "ünd 4111111111111112": "ünd 4111111111111112",
		"paid 4111111111111111.":    "paid [number].",
		"ü 3782-822463-10005 ü":     "ü [number] ü",
		"4111 1111 1111 1111 12 25": "[number] 12 25",
		"0000 4111.1111.1111.1111":  "0000 [number]",
		"a４１１１\u00a01111\u200b1111–1111\u0301, 378282246310005!": "a[number]\u0301, [number]!",
		"4111111111111111\n5555555555554444":                     "[number]\n[number]",
		"\xff4111111111111111\xff\xfe":                           "\xff[number]\xff\xfe",
		"4⑪1111111111111x":                                       "[number]x",
	} {
		require.Equal(t, masked, pan.Mask(text), text)
	}
}

func TestWhatIsNoCardNumberIsLetPass(t *testing.T) {
	for _, text := range []string{
		"", "2 × Café coado, 1 × Pão de queijo", "4111 1111 1111", "4111111111111112", "4111 1111 1111 1112", "41111111111111111", "411111111111",
		"41111111111111110000000", "0000000041111111111111111", // A longer number is another number.
		"order 2026-11-21 04:59:58", "30.01.2026 10:59:58", "tel. +55 11 91234-5678", "CNPJ 12.345.678/0001-95", "R$ 1.000,00 + R$ 2.000,00 + R$ 3.000,00",
		"4111a1111b1111c1111", "4111, 1111, 1111, 1111", "0d8bb1d1-6f56-4c22-9c0b-55d9b3f8a1e2", "日本語日本語日本語日本語", "ééééééééééééé 12",
		"4111    1111    1111    1111",                                                                                              // Columns of a table.
		"6362:9700:0045:7013", "4111:1111:1111:1112", "41:11:11:11:11:11:11:11", "41,111,111,111,111,11", "2026-11-21T04:59:58,123", // Marks need more.
	} {
		require.False(t, pan.In(text), text)
	}
}

func TestEveryNumberIsFoundAmongWords(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		number, err := pan.Make(rapid.StringMatching(`[0-9]{6}`).Draw(t, "prefix"), rapid.StringMatching(`[0-9]{6,12}`).Draw(t, "body"))
		require.NoError(t, err)
		digits := number.Reveal()
		before, after := rapid.StringMatching(`[a-zé ]*[a-zé,]`).Draw(t, "before"), rapid.StringMatching(`[a-zé,][a-zé ]*`).Draw(t, "after")
		separator := rapid.SampledFrom([]string{"", " ", "-", ".", " - "}).Draw(t, "separator")
		require.True(t, pan.In(before+written(digits, separator, 4, 4, 4, 4)+after))
		require.False(t, pan.In(before+digits[:len(digits)-1]+string('0'+(digits[len(digits)-1]-'0'+1)%10)+after))
	})
}

func TestAKnownBrandHasItsLength(t *testing.T) {
	for number, brand := range testNumbers {
		require.Equal(t, brand != pan.BrandUnknown, pan.KnownBrand(number), number)
	}
	for _, other := range []string{"", "4111111111111112", "41111111111116", "1234567890123452", "0000000000000000", "2026112100000013", "4111 1111 1111 1111", "x"} {
		require.False(t, pan.KnownBrand(other), other)
	}
}

func TestAnIDThatReadsAsACardNumberIsFound(t *testing.T) {
	for id, found := range map[string]bool{
		"4111111111111111": true, "4111-1111-1111-1111": true, "3782:822463.10005": true, "shop_4111111111111111_1": true, "a-4111-1111-1111-1111-b": true,
		"": false, "-": false, "4111111111111112": false, "6362970000457013": false, "6362-9700-0045-7013": false, "x4111111111111111": false,
		"4111-1111": false, "00000000-4111-1111-1111-111111111111": false, "41111111111111111111": false,
	} {
		require.Equal(t, found, pan.InID(id), id)
	}
	rapid.Check(t, func(t *rapid.T) {
		uuid := rapid.StringMatching(`[0-9]{8}-[0-9]{4}-[0-9]{4}-[0-9]{4}-[0-9]{12}`).Draw(t, "uuid")
		require.False(t, pan.InID(uuid), "a UUID of digits alone")
	})
}

// FuzzIn: a number that Parse reads is found, whatever stands around it.
func FuzzIn(f *testing.F) {
	for number := range testNumbers {
		f.Add(number, "paid ")
	}
	f.Add("4111-1111 1111.1111", "café ")
	f.Fuzz(func(t *testing.T, text, around string) {
		found := pan.In(text)
		require.Equal(t, found, pan.Mask(text) != text)
		if number, err := pan.Parse(text); err == nil {
			require.True(t, pan.In(around+"x"+number.Reveal()+"x"+around))
			require.Equal(t, pan.KnownBrand(number.Reveal()), pan.InID("x-"+number.Reveal()))
		}
		if pan.InID(text) {
			require.GreaterOrEqual(t, len(text), pan.Shortest)
		}
		if !strings.ContainsAny(text, "0123456789") && strings.ToValidUTF8(text, "") == text && isASCII(text) {
			require.False(t, found)
		}
	})
}

func isASCII(text string) bool {
	return strings.IndexFunc(text, func(r rune) bool { return r > 127 }) < 0
}
