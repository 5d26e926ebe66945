package rpc_test

import (
	"testing"

	"codebank.dev/bank"
	"codebank.dev/schemas"
	"github.com/stretchr/testify/require"
)

// What a payer reads about a decline is in the catalogue, so it is said in every language.
func TestEveryDeclineIsInTheCatalogue(t *testing.T) {
	catalogue, err := schemas.Reasons()
	require.NoError(t, err)
	for _, reason := range bank.DeclineReasons() {
		texts := catalogue.Reasons[reason.String()].Decline
		require.NotNil(t, texts, reason)
		require.Equal(t, reason.Text(), texts.English)
	}
}
