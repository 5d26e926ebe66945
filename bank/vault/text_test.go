package vault_test

import (
	"testing"

	"codebank.dev/bank/banktest"
	"codebank.dev/bank/vault"
	"github.com/stretchr/testify/require"
)

func TestATextOpensForItsOwnerOnly(t *testing.T) {
	keys, err := vault.Generate()
	require.NoError(t, err)
	owner, text := banktest.NewID(), []byte("52998224725 Ada Lovelace")
	sealed, err := keys.SealText(text, owner)
	require.NoError(t, err)
	require.NotContains(t, string(sealed.Ciphertext), "Ada")
	opened, err := keys.OpenText(sealed, owner)
	require.NoError(t, err)
	require.Equal(t, text, opened)
	_, err = keys.OpenText(sealed, banktest.NewID())
	require.ErrorIs(t, err, vault.ErrNotAuthentic)
	_, err = keys.Open(sealed, owner)
	require.ErrorIs(t, err, vault.ErrNotAuthentic, "it is no card number")
	sealed.KeyID = "none"
	_, err = keys.OpenText(sealed, owner)
	require.ErrorIs(t, err, vault.ErrUnknownKey)
}
