package checkout_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"codebank.dev/checkout"
	"github.com/stretchr/testify/require"
)

func TestATokenIsMaskedHoweverItIsShown(t *testing.T) {
	const planted = "ctk_planted"
	type hiding struct{ token checkout.Token }
	token := checkout.NewToken(planted)
	order := checkout.Order{CardLast4: "0005", PendingCharge: checkout.PendingCharge{Token: token}}
	var shown []string
	for _, value := range []any{token, &token, order, order.Authorization(), hiding{token}, []checkout.Token{token}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d", "%T %v"} {
			shown = append(shown, fmt.Sprintf(verb, value), fmt.Sprint(value))
		}
		text, err := json.Marshal(value)
		if err == nil {
			shown = append(shown, string(text))
		}
		var log bytes.Buffer
		slog.New(slog.NewTextHandler(&log, nil)).Info("m", "value", value)
		slog.New(slog.NewJSONHandler(&log, nil)).Info("m", "value", value)
		shown = append(shown, log.String())
	}
	all := strings.Join(shown, "\n")
	for _, secret := range []string{planted, fmt.Sprintf("%x", planted)} {
		require.NotContains(t, all, secret)
	}
	require.Equal(t, planted, token.Reveal())
	require.True(t, checkout.NewToken("").IsZero())
}
