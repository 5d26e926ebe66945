package digest_test

import (
	"crypto/sha256"
	"fmt"
	"testing"
	"time"

	"codebank.dev/statement/file/digest"
	"github.com/stretchr/testify/require"
)

var header = digest.Header{
	BankCode: "001", Account: "a", Currency: "BRL", Start: time.UnixMilli(1_000), End: time.UnixMilli(2_000), Opening: -5, CompleteTo: 7,
}

// TestTheRecipe computes a digest by the words of the package's comment.
func TestTheRecipe(t *testing.T) {
	first := sha256.Sum256([]byte("codebank-statement/1\n001\na\nBRL\n1000\n2000\n-5\n7\n"))
	chain := digest.New(&header)
	require.Equal(t, fmt.Sprintf("%x", first), chain.String())
	second := sha256.Sum256(append(first[:], "a:7\n1500\n-250\nBRL\n"...))
	chain.Add(&digest.Line{EventID: "a:7", Time: time.UnixMilli(1_500), Minor: -250, Currency: "BRL"})
	require.Equal(t, fmt.Sprintf("%x", second), chain.String())
}

// FuzzParse: a digest is written as it was read.
func FuzzParse(f *testing.F) {
	f.Add(digest.New(&header).String())
	f.Fuzz(func(t *testing.T, text string) {
		chain, err := digest.Parse(text)
		unmarshalled := digest.New(&header)
		require.Equal(t, err, unmarshalled.UnmarshalText([]byte(text)))
		if err == nil {
			require.Equal(t, text, chain.String())
			require.Equal(t, chain, unmarshalled)
		} else {
			require.ErrorIs(t, err, digest.ErrMalformed)
		}
	})
}
