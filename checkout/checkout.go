// Package checkout is the language of the merchant side: stores and their products,
// cards as a payer types them, orders and the states they pass through, and the
// ports through which the outside is reached. It is pure: no I/O, no clock, no
// environment. Every rule about an order lives here, never in SQL and never in a
// handler.
//
// The life of an order, and the file to open for each step:
//
//	rpc.Server       reads the request                                   rpc/
//	order.Service    prices it, trades the card for a token, stores it   order/
//	charge.Charger   asks the bank, again and again within a deadline    charge/charger.go
//	charge.Settler   ends what a crash or a deadline left open           charge/settler.go
//	Order            which change is legal                               order.go
//	Acquirer         the bank as this side sees it                       acquirer.go, bankrpc/
//	Orders, Charges  one durable transaction per change                  port.go, postgres/, inmem/
package checkout

import (
	"encoding/hex"
	"errors"
	"io"
)

// ID is a UUID. The zero ID means "none".
type ID [16]byte

// ErrMalformedID says that a text is no UUID in its canonical form.
var ErrMalformedID = errors.New("checkout: malformed id")

// dashes is where the canonical text of a UUID has its dashes.
var dashes = [...]int{8, 13, 18, 23}

// ParseID returns the ID written as 36 characters of canonical lower-case UUID text.
// Other spellings of the same UUID are refused, so that one id has one text.
func ParseID(text string) (ID, error) {
	if len(text) != 36 {
		return ID{}, ErrMalformedID
	}
	digits := make([]byte, 0, 32)
	for i := range len(text) {
		if isDash(i) {
			continue
		}
		digits = append(digits, text[i])
	}
	var id ID
	if _, err := hex.Decode(id[:], digits); err != nil || id.String() != text {
		return ID{}, ErrMalformedID
	}
	return id, nil
}

func isDash(at int) bool {
	for _, dash := range dashes {
		if at == dash {
			return true
		}
	}
	return false
}

// NewID returns a random UUID (version 4) read from random.
func NewID(random io.Reader) (ID, error) {
	var id ID
	if _, err := io.ReadFull(random, id[:]); err != nil {
		return ID{}, err
	}
	id[6] = id[6]&0x0f | 0x40
	id[8] = id[8]&0x3f | 0x80
	return id, nil
}

// String returns the canonical text, 36 characters.
func (id ID) String() string {
	digits := hex.EncodeToString(id[:])
	return digits[:8] + "-" + digits[8:12] + "-" + digits[12:16] + "-" + digits[16:20] + "-" + digits[20:]
}

// IsZero reports whether id is "none".
func (id ID) IsZero() bool { return id == ID{} }
