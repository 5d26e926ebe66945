package language_test

import (
	"strings"
	"testing"

	"codebank.dev/platform/language"
	"codebank.dev/schemas"
	"github.com/stretchr/testify/require"
)

func TestTheLanguageThatSuitsBestIsChosen(t *testing.T) {
	for header, want := range map[string]language.Tag{
		"":                             language.English,
		"en":                           language.English,
		"pt-BR":                        language.Portuguese,
		"pt":                           language.Portuguese,
		"pt-PT, en;q=0.5":              language.Portuguese,
		"de, pt-BR;q=0.8, en;q=0.7":    language.Portuguese,
		"en-GB, pt;q=0.9":              language.English,
		"ja":                           language.English,
		"*":                            language.English,
		"%%%":                          language.English,
		strings.Repeat("pt-BR, ", 200): language.English,
		"pt-BR;q=0, en":                language.English,
	} {
		require.Equal(t, want, language.Choose(header), header)
	}
}

func TestASentenceIsSaidInPortuguese(t *testing.T) {
	for english, portuguese := range map[string]string{
		"There is no such account.":                                                            "Essa conta não existe.",
		"The body is larger than 1048576 bytes.":                                               "O corpo tem mais de 1048576 bytes.",
		"The transfer was given back before.":                                                  "Já houve a devolução: transferência.",
		"The name must be accounts/ and a lower-case UUID.":                                    "O nome deve ser accounts/ e um UUID em minúsculas.",
		"The request cannot be read: the field amountMinor must be a whole number of 64 bits.": "Não foi possível ler o pedido: o campo amountMinor deve ser um número inteiro de 64 bits.",
		"HRK was withdrawn from ISO 4217 in 2023; EUR took its place.":                         "HRK saiu da ISO 4217 em 2023; EUR tomou o seu lugar.",
	} {
		text, known := language.Translate(language.Portuguese, english)
		require.True(t, known, english)
		require.Equal(t, portuguese, text)
		text, known = language.Translate(language.English, english)
		require.True(t, known)
		require.Equal(t, english, text)
	}
	text, known := language.Translate(language.Portuguese, "Nobody has said this.")
	require.False(t, known)
	require.Equal(t, "Nobody has said this.", text)
}

// Each sentence of the catalogue is found, also those that look like the pattern of another one.
func TestEverySentenceOfTheCatalogueIsKnown(t *testing.T) {
	catalogue, err := schemas.Reasons()
	require.NoError(t, err)
	for name, reason := range catalogue.Reasons {
		for _, text := range reason.Messages {
			got, known := language.Translate(language.Portuguese, strings.ReplaceAll(text.English, "{}", "12"))
			require.True(t, known, "%s: %s", name, text.English)
			require.Equal(t, strings.ReplaceAll(text.Portuguese, "{}", "12"), got)
		}
	}
}

// FuzzTranslate: whatever a sentence and a header are, nothing panics, and English stays as it is.
func FuzzTranslate(f *testing.F) {
	f.Add("pt-BR", "The body is larger than {} bytes.")
	f.Add("pt;q=0.5,*", "")
	f.Fuzz(func(t *testing.T, header, sentence string) {
		tag := language.Choose(header)
		text, known := language.Translate(tag, sentence)
		if !known || tag == language.English {
			require.Equal(t, sentence, text)
		}
	})
}
