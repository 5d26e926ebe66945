package pix_test

import (
	"testing"

	"codebank.dev/bank"
	"codebank.dev/bank/banktest"
	"codebank.dev/bank/pix"
	"github.com/stretchr/testify/require"
)

func TestAnEndToEndIDLeadsBackToItsTransaction(t *testing.T) {
	most := bank.ID{}
	for i := range most {
		most[i] = 0xff
	}
	for _, transaction := range []bank.ID{banktest.NewID(), banktest.NewID(), {15: 1}, {0: 0x80}, most} {
		for _, isReturn := range []bool{false, true} {
			made := pix.EndToEnd{Return: isReturn, Bank: "002", Transaction: transaction}
			read, ok := pix.ParseEndToEnd(made.String())
			require.True(t, ok, made.String())
			require.Equal(t, made, read)
			require.Len(t, made.String(), 32)
			own, ok := read.OwnTransaction("002")
			require.True(t, ok)
			require.Equal(t, transaction, own)
			_, ok = read.OwnTransaction("001")
			require.False(t, ok)
		}
	}
	require.Equal(t, "E000000010000000000000000000000A", pix.EndToEnd{Bank: "001", Transaction: bank.ID{15: 10}}.String())
}

func TestATextThatIsNoEndToEndIDIsToldFromOne(t *testing.T) {
	for _, text := range []string{
		"", "E", "E00000001000000000000000000000A", "F000000010000000000000000000000A", "E000010010000000000000000000000A",
		"E00000x010000000000000000000000A", "E0000000100000000000000000000-0A", "E00000001000000000000000000000ÄA",
	} {
		_, ok := pix.ParseEndToEnd(text)
		require.False(t, ok, text)
	}
	foreign, ok := pix.ParseEndToEnd("E00000001zzzzzzzzzzzzzzzzzzzzzzz")
	require.True(t, ok, "a bank may make its ids in another way")
	_, ok = foreign.OwnTransaction("001")
	require.False(t, ok, "but this one is none of ours")
}

func FuzzParseEndToEnd(f *testing.F) {
	f.Add("E000000010000000000000000000000A")
	f.Add("D00000002zzzzzzzzzzzzzzzzzzzzzzz")
	f.Add("E00000001")
	f.Fuzz(func(t *testing.T, text string) {
		e, ok := pix.ParseEndToEnd(text)
		if ok && !e.Transaction.IsZero() {
			require.Equal(t, text, e.String())
		}
	})
}
