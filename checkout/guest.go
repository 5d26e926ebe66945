package checkout

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"strings"

	"codebank.dev/platform/fault"
	"codebank.dev/platform/pan"
)

// OrderSecret lets whoever holds it read the order of a guest. It is masked like card data.
type OrderSecret struct{ pan.Secret }

// orderSecretPrefix begins the text of every secret, so that one that has leaked is found by its looks.
const orderSecretPrefix = "gos_"

// NewOrderSecret returns the secret of an order under a key that is 32 random bytes. The same order always
// has the same secret, so a repeat is answered with it although only its hash is stored.
func NewOrderSecret(key []byte, order ID) OrderSecret {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte("guest order 1"))
	mac.Write(order[:])
	return OrderSecret{pan.NewSecret(orderSecretPrefix + base64.RawURLEncoding.EncodeToString(mac.Sum(nil)))}
}

// ParseOrderSecret returns the secret of a text; else fault.InvalidArgument naming the field, without the
// text.
func ParseOrderSecret(name, text string) (OrderSecret, error) {
	encoded, ok := strings.CutPrefix(text, orderSecretPrefix)
	decoded, err := base64.RawURLEncoding.Strict().DecodeString(encoded)
	if !ok || err != nil || len(decoded) != sha256.Size || strings.ContainsAny(encoded, "\r\n") {
		return OrderSecret{}, fault.Invalid(name, "This is not the secret of an order.")
	}
	return OrderSecret{pan.NewSecret(text)}, nil
}

// Hash is what is stored of a secret. The secret is 256 random bits, so its hash needs no salt and no work.
func (s OrderSecret) Hash() [32]byte { return sha256.Sum256([]byte(s.Reveal())) }

// IsGuests reports whether the order is a guest's.
func (o *Order) IsGuests() bool { return o.SecretHash != [32]byte{} }

// Opens reports whether a secret is the order's, in a time that does not depend on it.
func (s OrderSecret) Opens(o *Order) bool {
	hash := s.Hash()
	return subtle.ConstantTimeCompare(hash[:], o.SecretHash[:]) == 1 && o.IsGuests()
}
