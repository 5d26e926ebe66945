package webhook

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// The headers of a message.
const (
	headerID        = "Webhook-Id"
	headerTimestamp = "Webhook-Timestamp"
	headerSignature = "Webhook-Signature"
)

// version begins a signature by HMAC-SHA256.
const version = "v1,"

// tolerance is how far the time of a message may be from the receiver's.
const tolerance = 5 * time.Minute

// Sign puts the id of a message, the time of the try and one signature per secret into a header. Two secrets live
// beside each other while an endpoint changes from one to the other.
func Sign(header http.Header, message *Message, now time.Time, secrets ...Secret) {
	timestamp := strconv.FormatInt(now.Unix(), 10)
	signatures := make([]string, len(secrets))
	for i, secret := range secrets {
		signatures[i] = version + base64.StdEncoding.EncodeToString(sum(secret, message, timestamp))
	}
	header.Set(headerID, message.ID)
	header.Set(headerTimestamp, timestamp)
	header.Set(headerSignature, strings.Join(signatures, " "))
}

// sum returns the HMAC of a message at a time.
func sum(secret Secret, message *Message, timestamp string) []byte {
	mac := hmac.New(sha256.New, secret.bytes())
	_, _ = mac.Write([]byte(message.ID + "." + timestamp + "."))
	_, _ = mac.Write(message.Payload)
	return mac.Sum(nil)
}

// ErrSignature says that a message is not from who has the secret, was altered, or is older or newer than five
// minutes.
var ErrSignature = errors.New("webhook: the signature or the time is wrong")

// Verify returns the message that a request has brought, or ErrSignature. A receiver remembers the ids that it has
// had for ten minutes: a message that is sent again within the five minutes is not found otherwise. Compared in
// constant time.
func Verify(header http.Header, payload []byte, now time.Time, secret Secret) (Message, error) {
	message := Message{ID: header.Get(headerID), Payload: payload}
	timestamp := header.Get(headerTimestamp)
	sent, err := strconv.ParseInt(timestamp, 10, 64)
	if err != nil || message.ID == "" || len(secret.bytes()) < minKey {
		return Message{}, ErrSignature
	}
	if age := now.Sub(time.Unix(sent, 0)); age > tolerance || age < -tolerance {
		return Message{}, ErrSignature
	}
	expected := []byte(version + base64.StdEncoding.EncodeToString(sum(secret, &message, timestamp)))
	for signature := range strings.FieldsSeq(header.Get(headerSignature)) {
		if subtle.ConstantTimeCompare([]byte(signature), expected) == 1 {
			return message, nil
		}
	}
	return Message{}, ErrSignature
}
