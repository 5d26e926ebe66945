package command_test

import (
	"encoding/hex"
	"testing"

	"codebank.dev/schemas/command"
	"github.com/stretchr/testify/require"
)

const digestKeys = `{"keys":[
	{"id":"hub","producer":"codepix","secret":"AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE="},
	{"id":"bank-1","producer":"bank-001","secret":"AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI="},
	{"id":"bank-2","producer":"bank-001","secret":"AwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwM="}]}`

func TestTheDigestOfAPixKeyCoversItsFieldsAndTheirBorders(t *testing.T) {
	keys, err := command.ParseKeys([]byte(digestKeys))
	require.NoError(t, err)
	key := keys.PixDigestKey("001")
	require.Equal(t, "bank-1", key.ID, "the oldest one, which both sides have")
	require.Nil(t, keys.PixDigestKey("002"))
	of := command.PixKey{Kind: "EMAIL", Key: "ana@exemplo.com", BankCode: "001", AccountID: "11111111-1111-4111-8111-111111111111", HolderName: "Ana", HolderDocument: "52998224725"}
	seen := map[[32]byte]bool{key.PixDigest(&of): true, keys.All()[2].PixDigest(&of): true}
	for _, change := range []func(*command.PixKey){
		func(k *command.PixKey) { k.Kind = "CPF" },
		func(k *command.PixKey) { k.Key = "bia@exemplo.com" },
		func(k *command.PixKey) { k.BankCode = "002" },
		func(k *command.PixKey) { k.AccountID = "1" },
		func(k *command.PixKey) { k.HolderName, k.HolderDocument = "Ana5", "2998224725" },
	} {
		other := of
		change(&other)
		seen[key.PixDigest(&other)] = true
	}
	require.Len(t, seen, 7)
	again := key.PixDigest(&of)
	require.Equal(t, "afbc1fd0ab6f1f18fe089478a63fc61fde485333fbd2a50bee7fdfd7c7fae240", hex.EncodeToString(again[:]), "the contract between bank and hub")
}
