package view_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"codebank.dev/dashboards/view"
)

func TestAValueWithoutWordsIsItsOwnWord(t *testing.T) {
	words := view.Words{"status": {"APPROVED": "Approved"}}
	require.Equal(t, "Approved", words.Of("status", "APPROVED"))
	require.Equal(t, "NEW", words.Of("status", "NEW"))
	require.Equal(t, "APPROVED", words.Of("kind", "APPROVED"))
	require.Equal(t, "Store", view.DataView{Labels: map[string]string{"merchant_name": "Store"}}.Label("merchant_name"))
	require.Equal(t, "new_field", view.DataView{}.Label("new_field"))
}
