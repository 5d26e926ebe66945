package serve

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestHeadersThatBecomeMetadataArePrintable(t *testing.T) {
	for _, test := range []struct {
		name         string
		values, want []string
	}{
		{"Accept-Language", []string{"pt-BR"}, []string{"pt-BR"}},
		{"Accept-Language", []string{"é", "pt", "en,\tpt", "\xe9"}, []string{"pt"}},
		{"Traceparent", []string{"é"}, nil},
		{"Authorization", []string{"Bearer a.b.c"}, []string{"Bearer a.b.c"}},
		{"Authorization", []string{"Bearer é"}, []string{"?"}},
		{"Authorization", []string{"Bearer a.b.c", "\x7f"}, []string{"?"}},
		{"Idempotency-Key", []string{"é"}, []string{"é"}}, // It is refused by who reads it.
	} {
		header := http.Header{test.name: test.values}
		carriable(header)
		require.ElementsMatch(t, test.want, header.Values(test.name), "%s: %q", test.name, test.values)
	}
}
