// Package seal seals the card data of one charge under a key of its own. Only who has both can read it: the sealed
// bytes travel by topic, and the key lies in the database until the charge is decided. Afterwards nobody can.
package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"codebank.dev/platform/field"
	"codebank.dev/platform/id"
)

// KeySize is the number of bytes of a key: AES-256.
const KeySize = 32

// The most bytes of each text. Card data may be wrong, because a merchant may test that.
const (
	MaxNumber     = 40
	MaxHolderName = 4 * field.MaxHolderName
	MaxCVV        = 8
)

// plainSize is the length of all card data before it is sealed, so that the length of what is sealed says nothing:
// the texts, each with its length before it, then month and year.
const plainSize = 1 + MaxNumber + 1 + MaxHolderName + 1 + MaxCVV + 4 + 4

// domain begins what is authenticated with the card data.
const domain = "codebank charge card 1:"

// ErrTooLong says that a text is longer than there is room.
var ErrTooLong = errors.New("seal: a text of the card data is too long")

// ErrUnreadable says that sealed card data was changed, or is another charge's, or that the key is another one's. It
// says nothing about the content.
var ErrUnreadable = errors.New("seal: the card data cannot be opened with this key for this charge")

// Seal returns card data sealed for a charge, in base64 (RFC 4648, URL alphabet, no padding) and always of one length,
// and the fresh key from random that it was sealed under. Error: ErrTooLong, or that of random.
func Seal(card *field.RawCardData, charge id.ID, random io.Reader) (sealed string, key []byte, err error) {
	plain, err := pack(card)
	if err != nil {
		return "", nil, err
	}
	key = make([]byte, KeySize)
	if _, err := io.ReadFull(random, key); err != nil {
		return "", nil, fmt.Errorf("seal: %w", err)
	}
	aead, err := aeadOf(key)
	if err != nil {
		return "", nil, err
	}
	return base64.RawURLEncoding.EncodeToString(aead.Seal(nil, nil, plain, associated(charge))), key, nil
}

// Open returns the card data of a charge. Error: ErrUnreadable.
func Open(sealed string, key []byte, charge id.ID) (field.RawCardData, error) {
	bytes, err := base64.RawURLEncoding.Strict().DecodeString(sealed)
	if err != nil {
		return field.RawCardData{}, ErrUnreadable
	}
	aead, err := aeadOf(key)
	if err != nil {
		return field.RawCardData{}, ErrUnreadable
	}
	plain, err := aead.Open(nil, nil, bytes, associated(charge))
	defer clear(plain)
	if err != nil || len(plain) != plainSize {
		return field.RawCardData{}, ErrUnreadable
	}
	return unpack(plain)
}

// aeadOf returns AES-256-GCM with a random nonce before what is sealed.
func aeadOf(key []byte) (cipher.AEAD, error) {
	if len(key) != KeySize {
		return nil, errors.New("seal: the key has not 32 bytes")
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	return cipher.NewGCMWithRandomNonce(block)
}

func associated(charge id.ID) []byte { return charge.Append([]byte(domain)) }

func pack(card *field.RawCardData) ([]byte, error) {
	plain := make([]byte, 0, plainSize)
	for _, text := range []struct {
		text string
		room int
	}{{card.Number, MaxNumber}, {card.HolderName, MaxHolderName}, {card.CVV, MaxCVV}} {
		if len(text.text) > text.room {
			return nil, ErrTooLong
		}
		plain = append(plain, byte(len(text.text)))
		plain = append(plain, text.text...)
		plain = append(plain, make([]byte, text.room-len(text.text))...)
	}
	for _, number := range []int{card.ExpiryMonth, card.ExpiryYear} {
		if int(int32(number)) != number { //nolint:gosec // the comparison is the check
			return nil, ErrTooLong
		}
		plain = binary.BigEndian.AppendUint32(plain, uint32(int32(number))) //nolint:gosec // checked above
	}
	return plain, nil
}

// unpack reads plainSize bytes.
func unpack(plain []byte) (card field.RawCardData, err error) {
	for _, text := range []struct {
		into *string
		room int
	}{{&card.Number, MaxNumber}, {&card.HolderName, MaxHolderName}, {&card.CVV, MaxCVV}} {
		length := int(plain[0])
		if length > text.room {
			return field.RawCardData{}, ErrUnreadable
		}
		*text.into = string(plain[1 : 1+length])
		plain = plain[1+text.room:]
	}
	card.ExpiryMonth = int(int32(binary.BigEndian.Uint32(plain)))    //nolint:gosec // as pack wrote it
	card.ExpiryYear = int(int32(binary.BigEndian.Uint32(plain[4:]))) //nolint:gosec // as pack wrote it
	return card, nil
}
