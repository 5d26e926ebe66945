// Package gateway is the language of the customers' gateway: the id that a caller's request has at the bank, and
// transfers that are accepted now and end later. It decides and stores nothing. A map of the module:
//
//	gateway.go    the ids of requests
//	transfer.go   transfers and how they end
//	store.go      what the store promises
//	transfer/     the use cases: accept, show, cancel, end
//	postgres/     the store, and the outbox of commands
//	results/      the bank's results from their topic
//	bankrpc/      the bank, asked for a user
//	rest/         the paths of the seeds over HTTP
//	cmd/gateway/  the program
package gateway

import (
	"strconv"

	"codebank.dev/platform/fault"
	"codebank.dev/platform/id"
)

// Namespace is the gateway's name at the bank. Its request ids belong to it, whichever way a request takes.
const Namespace = "gateway"

// MaxKey is the most characters of an Idempotency-Key.
const MaxKey = 255

// KeyHeader is the header that names a command, as draft-ietf-httpapi-idempotency-key-header says.
const KeyHeader = "Idempotency-Key"

// requests is the namespace of the ids that RequestID derives. It never changes.
var requests = id.ID{0x2f, 0x6b, 0x0e, 0x5a, 0x61, 0x0c, 0x4d, 0x1f, 0x9a, 0x57, 0x3d, 0x88, 0xc4, 0x12, 0x7e, 0x90}

// RequestID returns the id that a user's command has at the bank, for the key by which the user names it: 1 to
// MaxKey visible ASCII characters. Two users may use the same key. The key is not part of the id, so a key that
// is a secret stays one. The refusal is fault.InvalidArgument for KeyHeader.
func RequestID(user id.ID, key string) (id.ID, error) {
	if key == "" {
		return id.ID{}, errNoKey
	}
	if len(key) > MaxKey {
		return id.ID{}, errKey
	}
	for i := range len(key) {
		if key[i] < '!' || key[i] > '~' {
			return id.ID{}, errKey
		}
	}
	return id.Derive(requests, user.String(), key), nil
}

// OpeningID returns the id that the request to open a user's wallet has at the bank: the wallet in a currency
// after number of them were closed. It is none that RequestID returns.
func OpeningID(user id.ID, currency string, number int) id.ID {
	return id.Derive(requests, user.String(), "", "wallet", currency, strconv.Itoa(number))
}

var (
	errNoKey = fault.New(fault.InvalidArgument, "IDEMPOTENCY_KEY_REQUIRED",
		"The header Idempotency-Key is required: a name for this command, the same one when it is sent again.").In(KeyHeader)
	errKey = fault.New(fault.InvalidArgument, "INVALID_FIELD",
		"The header Idempotency-Key has 1 to 255 visible ASCII characters.").In(KeyHeader)
)

// ErrKeyReused refuses a key that named another command before. As the draft says, its HTTP status is 422.
var ErrKeyReused = fault.New(fault.FailedPrecondition, "IDEMPOTENCY_KEY_REUSED",
	"The Idempotency-Key was used before, with another request.").In(KeyHeader)
