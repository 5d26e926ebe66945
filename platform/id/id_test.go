package id_test

import (
	"bytes"
	"io"
	"regexp"
	"strings"
	"testing"

	"codebank.dev/platform/id"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

const text = "9b1d5c2e-4f6a-4c1b-8d37-6052a4e17f90"

func TestAnIDHasOneText(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		made := id.ID(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "id"))
		parsed, err := id.Parse(made.String())
		require.NoError(t, err)
		require.Equal(t, made, parsed)
		require.Equal(t, "x"+made.String(), string(made.Append([]byte("x"))))
	})
	for name, spelling := range map[string]string{
		"empty":                "",
		"the beginning":        "9b1d5c2e",
		"upper case":           strings.ToUpper(text),
		"one upper-case digit": "9B1d5c2e-4f6a-4c1b-8d37-6052a4e17f90",
		"in braces":            "{" + text + "}",
		"as a URN":             "urn:uuid:" + text,
		"without hyphens":      strings.ReplaceAll(text, "-", ""),
		"a hyphen elsewhere":   "9b1d5c2-e4f6a-4c1b-8d37-6052a4e17f90",
		"36 without hyphens":   "9b1d5c2e4f6a4c1b8d376052a4e17f90aaaa",
		"braces, 36 in all":    "{9b1d5c2e-4f6a-4c1b-8d37-6052a4e17f9}",
		"another letter":       "9b1d5c2e-4f6a-4c1b-8d37-6052a4e17f9g",
		"a space before":       " " + text,
		"a line break behind":  text + "\n",
		"digits of full width": "９b1d5c2e-4f6a-4c1b-8d37-6052a4e17f",
	} {
		_, err := id.Parse(spelling)
		require.ErrorIs(t, err, id.ErrMalformed, name)
	}
}

func TestTheZeroIDIsNone(t *testing.T) {
	require.True(t, id.ID{}.IsZero())
	require.False(t, id.ID{15: 1}.IsZero())
	parsed, err := id.Parse("00000000-0000-0000-0000-000000000000")
	require.NoError(t, err)
	require.True(t, parsed.IsZero())
}

func TestARandomIDIsMadeOfTheBytesItIsGiven(t *testing.T) {
	made, err := id.New(bytes.NewReader(bytes.Repeat([]byte{0xff}, 16)))
	require.NoError(t, err)
	require.Equal(t, "ffffffff-ffff-4fff-bfff-ffffffffffff", made.String(), "version 4 of RFC 9562")
	made, err = id.New(strings.NewReader("too short"))
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	require.True(t, made.IsZero())
}

// Derived ids are stored, so they must never change.
func TestDerivedIDsStayAsTheyAre(t *testing.T) {
	for _, pinned := range []struct {
		want      string
		namespace id.ID
		parts     []string
	}{
		{"e129f27c-5103-5c5c-844b-cdf0a15e160d", id.ID{}, nil},
		{"35b65f33-a679-5e76-af3c-273ea349ede4", id.ID{}, []string{"a"}},
		{"fc2b8f63-2b80-523d-840d-71434a921319", id.ID{}, []string{"a", ""}},
		{"64a245e5-7d02-53d2-b74a-22f5ac893941", id.ID{}, []string{"ab"}},
		{"4c05cf75-e1d0-5735-852e-86323e8bdaf1", id.ID{0: 1, 15: 2}, []string{"a", "b", "é"}},
	} {
		require.Equal(t, pinned.want, id.Derive(pinned.namespace, pinned.parts...).String())
	}
	// The example of RFC 9562, appendix A.4.
	dns, err := id.Parse("6ba7b810-9dad-11d1-80b4-00c04fd430c8")
	require.NoError(t, err)
	require.Equal(t, "2ed6657d-e927-568b-95e1-2665a8aea6a2", id.Derive(dns, "www.example.com").String())
}

func TestNoTwoListsOfPartsShareAnID(t *testing.T) {
	require.NotEqual(t, id.Derive(id.ID{}, "a", "bc"), id.Derive(id.ID{}, "ab", "c"))
	require.NotEqual(t, id.Derive(id.ID{}, "a"), id.Derive(id.ID{}, "a", ""))
	require.NotEqual(t, id.Derive(id.ID{1}, "a"), id.Derive(id.ID{2}, "a"))
}

func TestReadingAndAppendingDoNotAllocate(t *testing.T) {
	made, buffer := id.ID{1, 2, 3}, make([]byte, 0, 64)
	require.Zero(t, testing.AllocsPerRun(100, func() { made, _ = id.Parse(text) }))
	require.Zero(t, testing.AllocsPerRun(100, func() { buffer = made.Append(buffer[:0]) }))
}

// FuzzParse: one id has one text, 36 characters of lower-case hexadecimal digits and hyphens.
func FuzzParse(f *testing.F) {
	f.Add(text)
	canonical := regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)
	f.Fuzz(func(t *testing.T, text string) {
		parsed, err := id.Parse(text)
		if !canonical.MatchString(text) || len(text) != 36 {
			require.ErrorIs(t, err, id.ErrMalformed)
			return
		}
		require.NoError(t, err)
		require.Equal(t, text, parsed.String())
	})
}
