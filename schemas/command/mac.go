package command

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
)

// The headers of a signed record.
const (
	// HeaderKey is the id of the key that made the MAC.
	HeaderKey = "codebank-mac-key"
	// HeaderMAC is the MAC in base64 (RFC 4648, URL alphabet, no padding).
	HeaderMAC = "codebank-mac"
)

// macDomain separates these MACs from whatever else a key might be used for.
const macDomain = "codebank command mac 1"

// ErrForged says that a record's MAC is missing, wrong, or of a key that is unknown.
var ErrForged = errors.New("command: no known key has made the MAC of this record")

// Answer is a result for the producer of a command. The bank signs it with the key that signed the command, so
// whoever can write the topic of results cannot end commands.
type Answer struct {
	// RecordKey is the key of the command's record, and of the result's.
	RecordKey []byte
	Result    Result
	// Signer made the MAC of the command.
	Signer *Key
}

// Record is what a MAC is over.
type Record struct {
	Topic string
	// Key is the key of the record.
	Key []byte
	// Body is the Avro body, without the frame.
	Body []byte
}

// Sign returns the MAC of a record, as HeaderMAC has it.
func (k *Key) Sign(record Record) string {
	return base64.RawURLEncoding.EncodeToString(k.mac(record))
}

// mac is HMAC-SHA256 over the parts, each with its length before it.
func (k *Key) mac(record Record) []byte {
	h := hmac.New(sha256.New, k.secret)
	var length [8]byte
	for _, part := range [][]byte{[]byte(macDomain), []byte(record.Topic), record.Key, record.Body} {
		binary.BigEndian.PutUint64(length[:], uint64(len(part)))
		h.Write(length[:])
		h.Write(part)
	}
	return h.Sum(nil)
}

// Verify returns the key that signed a record, by the values of the two headers. The comparison takes the same
// time wherever the MACs differ. The error is ErrForged.
func (k *Keys) Verify(record Record, keyID, mac string) (*Key, error) {
	key, known := k.byID[keyID]
	given, err := base64.RawURLEncoding.Strict().DecodeString(mac)
	if !known || err != nil || !hmac.Equal(given, key.mac(record)) {
		return nil, ErrForged
	}
	return key, nil
}
