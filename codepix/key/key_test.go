package key_test

import (
	"crypto/rand"
	"fmt"
	"strings"
	"testing"

	"codebank.dev/codepix/key"
	"codebank.dev/platform/fault"
	"github.com/stretchr/testify/require"
)

func TestEachKindHasOneForm(t *testing.T) {
	for rule, tt := range map[string]struct {
		kind key.Kind
		text string
		want string
	}{
		"an address in lower case":               {key.Email, "Ana.Souza@Exemplo.COM.br", "ana.souza@exemplo.com.br"},
		"spaces around it do not count":          {key.Email, "  ana@exemplo.com \n", "ana@exemplo.com"},
		"77 characters are the most":             {key.Email, strings.Repeat("a", 60) + "@" + strings.Repeat("b", 12) + ".com", strings.Repeat("a", 60) + "@" + strings.Repeat("b", 12) + ".com"},
		"eleven digits":                          {key.CPF, "52998224725", "52998224725"},
		"a CPF as people write it":               {key.CPF, "529.982.247-25", "52998224725"},
		"a check digit of ten is zero":           {key.CPF, "111.444.777-35", "11144477735"},
		"a mobile phone":                         {key.Phone, "+5511987654321", "+5511987654321"},
		"a phone as people write it":             {key.Phone, "+55 (11) 98765-4321", "+5511987654321"},
		"a landline":                             {key.Phone, "+551132654321", "+551132654321"},
		"a phone of another country":             {key.Phone, "+351912345678", "+351912345678"},
		"a UUID":                                 {key.Random, "123e4567-e89b-42d3-a456-426614174000", "123e4567-e89b-42d3-a456-426614174000"},
		"the case of a UUID makes no difference": {key.Random, "123E4567-E89B-42D3-A456-426614174000", "123e4567-e89b-42d3-a456-426614174000"},
	} {
		got, err := key.Parse("key", tt.kind, tt.text)
		require.NoError(t, err, rule)
		require.Equal(t, key.Key{Kind: tt.kind, Text: tt.want}, got, rule)
		again, err := key.Detect("key", tt.text)
		require.NoError(t, err, rule)
		require.Equal(t, got, again, "%s: the kind follows from the text", rule)
	}
}

func TestWhatIsNoKeyIsRefusedWithoutBeingRepeated(t *testing.T) {
	for rule, tt := range map[string]struct {
		kind key.Kind
		text string
	}{
		"nothing":                            {key.Email, "  "},
		"no kind":                            {0, "ana@exemplo.com"},
		"a kind that does not exist":         {9, "ana@exemplo.com"},
		"an address without a domain":        {key.Email, "ana@"},
		"a domain without a dot":             {key.Email, "ana@localhost"},
		"an address that is not ASCII":       {key.Email, "josé@exemplo.com"},
		"a letter that becomes ASCII":        {key.Email, "\u212aelvin@exemplo.com"},
		"an address of 78 characters":        {key.Email, strings.Repeat("a", 60) + "@" + strings.Repeat("b", 13) + ".com"},
		"a card number in an address":        {key.Email, "4111111111111111@exemplo.com"},
		"ten digits":                         {key.CPF, "5299822472"},
		"twelve digits":                      {key.CPF, "529982247255"},
		"a wrong first check digit":          {key.CPF, "52998224735"},
		"a wrong second check digit":         {key.CPF, "52998224726"},
		"eleven equal digits":                {key.CPF, "11111111111"},
		"letters in a CPF":                   {key.CPF, "5299822472x"},
		"digits of another script":           {key.CPF, "٥٢٩٩٨٢٢٤٧٢٥"},
		"a phone without a plus sign":        {key.Phone, "5511987654321"},
		"a phone that begins with zero":      {key.Phone, "+0511987654321"},
		"sixteen digits":                     {key.Phone, "+1234567890123456"},
		"seven digits":                       {key.Phone, "+1234567"},
		"a Brazilian phone without its area": {key.Phone, "+55987654321"},
		"an area with a zero":                {key.Phone, "+5510987654321"},
		"a mobile phone without its nine":    {key.Phone, "+5511887654321"},
		"only the code of Brazil":            {key.Phone, "+55 -.()-- "},
		"two plus signs":                     {key.Phone, "++5511987654321"},
		"a UUID without hyphens":             {key.Random, "123e4567e89b42d3a456426614174000"},
		"the zero UUID":                      {key.Random, "00000000-0000-0000-0000-000000000000"},
		"a text without end":                 {key.Phone, "+55" + strings.Repeat(" ", 200) + "11987654321"},
	} {
		_, err := key.Parse("key", tt.kind, tt.text)
		require.Error(t, err, rule)
		refusal := fault.Of(err)
		require.Equal(t, fault.InvalidArgument, refusal.Code, rule)
		require.Equal(t, "key", refusal.Field, rule)
		if len(strings.TrimSpace(tt.text)) > 4 {
			require.NotContains(t, err.Error(), strings.TrimSpace(tt.text), rule)
		}
	}
	for _, text := range []string{"", "ana", "5511987654321", "11987654321", "x@", "123e4567"} {
		_, err := key.Detect("key", text)
		require.Equal(t, fault.InvalidArgument, fault.CodeOf(err), text)
	}
}

func TestElevenDigitsAreACPFAndNotAPhone(t *testing.T) {
	nine := "119876543"
	got, err := key.Detect("key", key.MakeCPF(nine))
	require.NoError(t, err)
	require.Equal(t, key.CPF, got.Kind)
}

func TestAKeyShowsItselfToNoLog(t *testing.T) {
	secret := key.Key{Kind: key.CPF, Text: "52998224725"}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		require.NotContains(t, fmt.Sprintf(verb, secret), "529", verb)
	}
	made, err := key.NewRandom(rand.Reader)
	require.NoError(t, err)
	again, err := key.Detect("key", made.Text)
	require.NoError(t, err)
	require.Equal(t, made, again)
	for _, kind := range key.Kinds() {
		require.NotEmpty(t, kind.String())
		require.Equal(t, kind == key.Email || kind == key.Phone, kind.Proved())
	}
	require.Empty(t, key.Kind(9).String())
}

func TestAHolderIsShownMasked(t *testing.T) {
	for name, want := range map[string]string{
		"Ana Souza Lima": "Ana S*** L***", "Ana": "A***", "  José   da Silva ": "José d*** S***", "": "", "Érica Ç": "Érica Ç***",
	} {
		require.Equal(t, want, key.MaskName(name))
	}
	require.Equal(t, "***.982.***-**", key.MaskCPF("52998224725"))
	require.Equal(t, "***.***.***-**", key.MaskCPF("529"))
}

// FuzzParse: a text is refused, or it is a key whose form stays as it is and whose kind follows from it.
func FuzzParse(f *testing.F) {
	for _, text := range []string{"ana@exemplo.com", "529.982.247-25", "+55 (11) 98765-4321", "123e4567-e89b-42d3-a456-426614174000", "", "@", "+", "\x00", "１"} {
		for kind := range byte(6) {
			f.Add(kind, text)
		}
	}
	f.Fuzz(func(t *testing.T, kind byte, text string) {
		parsed, err := key.Parse("key", key.Kind(kind), text)
		if err != nil {
			if fault.CodeOf(err) != fault.InvalidArgument || fault.Of(err).Field != "key" {
				t.Fatalf("%q: %v", text, err)
			}
			return
		}
		again, err := key.Parse("key", parsed.Kind, parsed.Text)
		if err != nil || again != parsed {
			t.Fatalf("%q is %q and then %q: %v", text, parsed.Text, again.Text, err)
		}
		detected, err := key.Detect("key", parsed.Text)
		if err != nil || detected != parsed {
			t.Fatalf("%q is taken for %v: %v", parsed.Text, detected, err)
		}
	})
}

// FuzzDetect: a text is refused, or it is the key that Parse makes of it.
func FuzzDetect(f *testing.F) {
	for _, text := range []string{"ana@exemplo.com", "52998224725", "+5511987654321", "123e4567-e89b-42d3-a456-426614174000", "x"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		detected, err := key.Detect("key", text)
		if err != nil {
			return
		}
		parsed, err := key.Parse("key", detected.Kind, text)
		if err != nil || parsed != detected {
			t.Fatalf("%q: %v", text, err)
		}
	})
}
