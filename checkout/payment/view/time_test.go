package view_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"codebank.dev/checkout/payment/view"
)

func TestATimeHasThreeDigitsOfTheSecondInUTC(t *testing.T) {
	for written, read := range map[string]string{
		"2030-01-02T03:04:05Z":           "2030-01-02T03:04:05.000Z",
		"2030-01-02T03:04:05.1Z":         "2030-01-02T03:04:05.100Z",
		"2030-01-02T03:04:05.999999Z":    "2030-01-02T03:04:05.999Z",
		"2030-01-02T00:04:05.120-03:00":  "2030-01-02T03:04:05.120Z",
		"2030-01-02T03:04:05.000000001Z": "2030-01-02T03:04:05.000Z",
	} {
		at, err := time.Parse(time.RFC3339Nano, written)
		require.NoError(t, err)
		text, err := json.Marshal(struct{ At, End *view.Time }{view.TimeOrNil(at), view.TimeOrNil(time.Time{})})
		require.NoError(t, err)
		require.JSONEq(t, `{"At":"`+read+`","End":null}`, string(text))
	}
}
