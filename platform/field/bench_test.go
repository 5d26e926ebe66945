package field_test

import (
	"testing"

	"codebank.dev/platform/field"
)

// BenchmarkTextsOfAPurchase is what the checks of the texts of one purchase cost.
func BenchmarkTextsOfAPurchase(b *testing.B) {
	for name, texts := range map[string]struct{ merchant, city, description string }{
		"in ASCII":     {"Cafe da Serra", "Belo Horizonte", "2 x Cafe coado, 1 x Pao de queijo, order 2026-11-21/004711"},
		"with accents": {"Café da Serra", "São Paulo", "2 × Café coado, 1 × Pão de queijo, order 2026-11-21/004711"},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if field.Word("request_id", "0d8bb1d1-6f56-4c22-9c0b-55d9b3f8a1e2") != nil || field.Word("merchant.id", "cafe-da-serra") != nil ||
					field.OptionalText("merchant.name", texts.merchant, field.MaxName) != nil ||
					field.OptionalText("merchant.city", texts.city, field.MaxCity) != nil ||
					field.OptionalText("description", texts.description, field.MaxDescription) != nil {
					b.Fatal("a text is refused")
				}
			}
		})
	}
}
