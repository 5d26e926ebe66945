package field_test

import (
	"strings"
	"testing"

	"codebank.dev/platform/fault"
	"codebank.dev/platform/field"
	"github.com/stretchr/testify/require"
)

// invisible are characters that no text may hold.
const invisible = "\u00ad\u034f\u061c\u115f\u1160\u17b4\u180e\u200b\u200c\u200d\u200e\u200f\u2028\u2029\u202a\u202b\u202c\u202d\u202e" +
	"\u2060\u2061\u2064\u2065\u2066\u2067\u2068\u2069\u206a\u3164\ufe0f\ufeff\uffa0\ufff9\ufffb\U000e0001\U000e0041\U000e0100"

func TestNoTextHoldsAnInvisibleCharacter(t *testing.T) {
	for _, r := range invisible {
		for _, text := range []string{string(r), "Maria" + string(r), string(r) + "Maria", "Ma" + string(r) + "ria", " " + string(r) + " "} {
			for name, err := range map[string]error{
				"text": field.Text("f", text, 60), "optional": field.OptionalText("f", text, 60), "holder": field.HolderName("f", text),
			} {
				refused(t, err, "%s %q", name, text)
				require.Equal(t, strings.TrimSpace(text) != "" || name == "optional", field.IsContent(err), "%s %q", name, text)
			}
		}
	}
	for _, text := range []string{
		"João", "Joa\u0303o", "محمد", "משה", "हिन्दी", "日本語", "Ærø", "O’Neill & Söhne (№ 5)", "Café ☕", "Café ☕\ufe0f", "R$ 5,00 → ok", "a\u00a0b", "\u06dd1",
	} {
		require.NoError(t, field.Text("f", text, 60), text)
	}
}

func TestATextShowsSomething(t *testing.T) {
	for _, text := range []string{"\u2800", "\u0301", " \u2800 \u00a0"} {
		err := field.Text("f", text, 60)
		refused(t, err, text)
		require.True(t, field.IsContent(err), text)
		require.NoError(t, field.OptionalText("f", text, 60), text)
	}
	for text, isName := range map[string]bool{"4711": false, "☕": false, "--": false, "Zoë": true, "李": true, "M 1": true, "א": true} {
		require.NoError(t, field.Text("f", text, 60), text)
		require.Equal(t, isName, field.HolderName("f", text) == nil, text)
	}
}

func TestNoTextHoldsACardNumber(t *testing.T) {
	for _, text := range []string{
		planted, "paid 4111 1111 1111 1111", "4111-1111-1111-1111", "4111.1111.1111.1111", "4111:1111:1111:1111", "３７８２８２２４６３１０００５", "3782–822463–10005", "MARIA 378282246310005",
	} {
		for name, err := range map[string]error{
			"text": field.Text("f", text, 60), "optional": field.OptionalText("f", text, 60), "holder": field.HolderName("f", text),
		} {
			refused(t, err, "%s %q", name, text)
			require.True(t, field.IsContent(err))
			require.NotContains(t, err.Error(), text)
		}
	}
	require.NoError(t, field.Text("f", "order 2026-11-21 000123", 60))
}

func TestAnIDIsNoCardNumber(t *testing.T) {
	for _, word := range []string{
		planted, "4111111111111111", "4111-1111-1111-1111", "4111.1111:1111_1111", "order-4111111111111111", "4111111111111111:1", "a_378282246310005.2", "4222222222222",
		"shop:3782-822463-10005", "4111-1111-1111-1111-2", "card_4111.1111.1111.1111_x", "41-11-1111-1111-1111",
	} {
		err := field.Word("f", word)
		refused(t, err, word)
		require.True(t, field.IsContent(err))
		require.NotContains(t, err.Error(), word)
	}
	for _, word := range []string{
		"1234567890123452", "0000000000000000", "2026112100000013", "20261121045958", "1764000000000", "6362970000457013", // A right check digit, no known brand.
		"4111111111111112", "41111111111116", "41111111111111111111", "0d8bb1d1-6f56-4c22-9c0b-55d9b3f8a1e2",
		"order4111111111111111", "4111111111111111a", "2026-11-21T04:59:58.000", "12345678-1234-4234-8234-123456789012",
		"41111111-1111-1111-0d8b-55d9b3f8a1e2", "shop-41-11-1111-1111-1111",
	} {
		require.NoError(t, field.Word("f", word), word)
	}
}

func TestTheFormOfAFieldIsRefusedBeforeTheContentOfAnother(t *testing.T) {
	content, form := field.Word("content", planted), field.Word("form", "")
	require.Equal(t, form, field.First(nil, content, nil, form))
	require.Equal(t, form, field.First(form, content))
	require.Equal(t, content, field.First(nil, content, nil, field.Word("later", planted)))
	require.NoError(t, field.First(nil, nil))
	require.False(t, field.IsContent(form))
	require.False(t, field.IsContent(nil))
}

func TestCardDataWithAContentThatIsRefusedIsReturned(t *testing.T) {
	for _, name := range []string{"Mar\u200bia", planted, "\u2800"} {
		raw := good
		raw.HolderName = name
		for _, check := range []func(string) (string, error){
			func(prefix string) (string, error) { card, err := raw.Check(prefix); return card.HolderName, err },
			func(prefix string) (string, error) {
				card, err := raw.CheckWithBrand(prefix)
				return card.HolderName, err
			},
		} {
			presented, err := check("card")
			require.True(t, field.IsContent(err))
			require.Equal(t, "card.holder_name", fault.Of(err).Field)
			require.Equal(t, name, presented)
		}
		raw.CVV = "739"
		_, err := raw.CheckWithBrand("card")
		require.Equal(t, "card.cvv", fault.Of(err).Field)
	}
	raw := good
	raw.HolderName = "4711"
	_, err := raw.Check("card")
	require.NoError(t, err, "cards were issued to names without a letter")
	require.Error(t, field.HolderName("f", "4711"))
}

// FuzzContent: what passes shows no card number to Text, and a text that is refused for
// what it holds is refused in any company.
func FuzzContent(f *testing.F) {
	f.Add("João 4111 1111 1111 1111")
	f.Add("\u202eMaria")
	f.Add("☕\ufe0f")
	f.Fuzz(func(t *testing.T, text string) {
		err := field.OptionalText("f", text, 1000)
		if field.IsContent(err) {
			require.Error(t, field.OptionalText("f", "x "+text+" x", 1000))
		}
		if err == nil {
			require.False(t, strings.ContainsAny(text, "\u200b\u202e\ufeff"))
		}
	})
}
