package seal_test

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"codebank.dev/checkout/payment/seal"
	"codebank.dev/platform/field"
	"codebank.dev/platform/id"
)

var card = field.RawCardData{Number: "4111111111111111", HolderName: "MARIA DA SILVA", CVV: "739", ExpiryMonth: 3, ExpiryYear: 2031}

func TestCardDataComesBackForItsChargeWithItsKey(t *testing.T) {
	length := -1
	rapid.Check(t, func(t *rapid.T) {
		text := func(name string, most int) string {
			return rapid.StringOfN(rapid.RuneFrom([]rune("0123456789 Aé")), 0, most/2, -1).Draw(t, name)
		}
		data := field.RawCardData{
			Number: text("number", seal.MaxNumber), HolderName: text("holder", seal.MaxHolderName), CVV: text("cvv", seal.MaxCVV),
			ExpiryMonth: rapid.IntRange(-1, 13).Draw(t, "month"), ExpiryYear: rapid.IntRange(-1, 99_999).Draw(t, "year"),
		}
		sealed, key, err := seal.Seal(&data, id.ID{1}, rand.Reader)
		require.NoError(t, err)
		if length < 0 {
			length = len(sealed)
		}
		require.Len(t, sealed, length, "the length says nothing")
		opened, err := seal.Open(sealed, key, id.ID{1})
		require.NoError(t, err)
		require.Equal(t, data, opened)
	})
}

func TestSealedCardDataOpensInNoOtherWay(t *testing.T) {
	sealed, key, err := seal.Seal(&card, id.ID{1}, rand.Reader)
	require.NoError(t, err)
	again, other, err := seal.Seal(&card, id.ID{1}, rand.Reader)
	require.NoError(t, err)
	require.NotEqual(t, sealed, again)
	require.NotEqual(t, key, other)
	bytes, err := base64.RawURLEncoding.DecodeString(sealed)
	require.NoError(t, err)
	for i := range bytes {
		bytes[i] ^= 1
		_, err = seal.Open(base64.RawURLEncoding.EncodeToString(bytes), key, id.ID{1})
		require.ErrorIs(t, err, seal.ErrUnreadable, "byte %d", i)
		bytes[i] ^= 1
	}
	for name, open := range map[string]func() (field.RawCardData, error){
		"another charge": func() (field.RawCardData, error) { return seal.Open(sealed, key, id.ID{2}) },
		"another key":    func() (field.RawCardData, error) { return seal.Open(sealed, other, id.ID{1}) },
		"a short key":    func() (field.RawCardData, error) { return seal.Open(sealed, key[:16], id.ID{1}) },
		"no key":         func() (field.RawCardData, error) { return seal.Open(sealed, nil, id.ID{1}) },
		"nothing":        func() (field.RawCardData, error) { return seal.Open("", key, id.ID{1}) },
		"no base64":      func() (field.RawCardData, error) { return seal.Open("!"+sealed, key, id.ID{1}) },
	} {
		_, err := open()
		require.ErrorIs(t, err, seal.ErrUnreadable, name)
	}
}

func TestWhatHasNoRoomIsRefused(t *testing.T) {
	for name, change := range map[string]func(*field.RawCardData){
		"number": func(c *field.RawCardData) { c.Number = strings.Repeat("4", seal.MaxNumber+1) },
		"holder": func(c *field.RawCardData) { c.HolderName = strings.Repeat("A", seal.MaxHolderName+1) },
		"cvv":    func(c *field.RawCardData) { c.CVV = strings.Repeat("1", seal.MaxCVV+1) },
		"year":   func(c *field.RawCardData) { c.ExpiryYear = 1 << 40 },
	} {
		data := card
		change(&data)
		_, _, err := seal.Seal(&data, id.ID{1}, rand.Reader)
		require.ErrorIs(t, err, seal.ErrTooLong, name)
	}
	broken := errors.New("no more")
	_, _, err := seal.Seal(&card, id.ID{1}, iotest.ErrReader(broken))
	require.ErrorIs(t, err, broken)
}

// FuzzOpen: whatever was sent, opening it does not panic, and only what was sealed opens.
func FuzzOpen(f *testing.F) {
	sealed, key, err := seal.Seal(&card, id.ID{1}, rand.Reader)
	require.NoError(f, err)
	f.Add(sealed)
	f.Add("")
	f.Fuzz(func(t *testing.T, text string) {
		opened, err := seal.Open(text, key, id.ID{1})
		require.Equal(t, text == sealed, err == nil)
		if err == nil {
			require.Equal(t, card, opened)
		}
	})
}
