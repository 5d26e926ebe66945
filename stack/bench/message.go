package bench

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	bankv1 "codebank.dev/schemas/gen/bank/v1"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
)

// The client shares the processors with the measured bank, so it must be cheap. It encodes a
// request once and writes only the id and the card again. It reads from an answer only what it
// checks and decodes no objects. The bank receives the same bytes as from any client.

const (
	// idLength is the length of every request id: the run, a dash, and a number.
	idLength = 24
	// cardLength is the length of every card name: cards/ and a UUID.
	cardLength = 42
	// perMessage is how many purchases a message of the stream holds. It is the maximum.
	perMessage = 256
)

// newPurchase returns the purchase of every request. Its id and card are placeholders.
func newPurchase() *bankv1.AuthorizePurchaseRequest {
	return &bankv1.AuthorizePurchaseRequest{
		RequestId:   strings.Repeat("#", idLength),
		CardSource:  &bankv1.AuthorizePurchaseRequest_Card{Card: strings.Repeat("@", cardLength)},
		AmountMinor: 100,
		Currency:    "BRL",
		Merchant:    &bankv1.Merchant{Id: "books-by-the-river", Name: "Books by the River", CategoryCode: "5942", City: "Recife", Country: "BR"},
		Description: "Order of three paperbacks",
		Channel:     bankv1.Channel_CHANNEL_ECOMMERCE,
	}
}

// request is an encoded message of one or more purchases. It may be filled again after it was
// answered.
type request struct {
	encoded []byte
	// ids and cards point into encoded.
	ids, cards [][]byte
}

// newRequest encodes a message whose purchases are those of [newPurchase].
func newRequest(message proto.Message) (*request, error) {
	encoded, err := proto.Marshal(message)
	if err != nil {
		return nil, err
	}
	r := &request{encoded: encoded}
	for rest := encoded; ; {
		at := bytes.IndexByte(rest, '#')
		if at < 0 {
			return r, nil
		}
		r.ids = append(r.ids, rest[at:at+idLength])
		rest = rest[at+idLength:]
		at = bytes.IndexByte(rest, '@')
		r.cards = append(r.cards, rest[at:at+cardLength])
		rest = rest[at+cardLength:]
	}
}

// answer checks the answer to a request: every purchase must be approved.
type answer struct {
	request *request
	// stream says that the answer is a message of the stream.
	stream bool
	// find returns the request of an answer of the stream, by the id of its first purchase.
	find func(id []byte) *request
}

// errNotApproved is the error of an answer that is not an approval of the request.
var errNotApproved = errors.New("not approved")

// read checks an encoded answer: every purchase in order, with its id, approved.
func (a *answer) read(encoded []byte) error {
	if !a.stream {
		purchase, _ := field(encoded, 1)
		return approved(purchase, a.request.ids[0], encoded)
	}
	count := 0
	for len(encoded) > 0 {
		_, _, tag := protowire.ConsumeTag(encoded)
		if tag < 0 {
			return errNotApproved
		}
		result, n := protowire.ConsumeBytes(encoded[tag:])
		if n < 0 {
			return errNotApproved
		}
		encoded = encoded[tag+n:]
		id, _ := field(result, 1)
		if count == 0 {
			if a.request = a.find(id); a.request == nil {
				return fmt.Errorf("an answer to %q, which was not sent", id)
			}
		}
		if count == len(a.request.ids) {
			return fmt.Errorf("more answers than purchases (%d)", count)
		}
		purchase, _ := field(result, 2)
		if err := approved(purchase, a.request.ids[count], result); err != nil {
			return err
		}
		count++
	}
	if count != perMessage {
		return fmt.Errorf("%d answers to %d purchases", count, perMessage)
	}
	return nil
}

// approved checks an encoded Purchase. all is shown if it is not approved.
func approved(purchase, id, all []byte) error {
	answered, _ := field(purchase, 2)
	if _, status := field(purchase, 3); status != uint64(bankv1.PurchaseStatus_PURCHASE_STATUS_APPROVED) || !bytes.Equal(answered, id) {
		return fmt.Errorf("purchase %s: %w: %q", id, errNotApproved, all)
	}
	return nil
}

// field finds a field of an encoded message. It returns its bytes or its number.
func field(message []byte, number protowire.Number) (content []byte, value uint64) {
	for len(message) > 0 {
		found, kind, tag := protowire.ConsumeTag(message)
		if tag < 0 {
			return nil, 0
		}
		message = message[tag:]
		n := protowire.ConsumeFieldValue(found, kind, message)
		if n < 0 {
			return nil, 0
		}
		if found == number {
			if kind == protowire.VarintType {
				value, _ = protowire.ConsumeVarint(message)
				return nil, value
			}
			content, _ = protowire.ConsumeBytes(message)
			return content, 0
		}
		message = message[n:]
	}
	return nil, 0
}

// codec encodes requests and checks answers.
type codec struct{}

var _ encoding.CodecV2 = codec{}

// Name is the name of the content type, the same as that of the contract.
func (codec) Name() string { return "proto" }

// Marshal returns the request's own memory.
func (codec) Marshal(v any) (mem.BufferSlice, error) {
	r, ok := v.(*request)
	if !ok {
		return nil, fmt.Errorf("bench: a %T is not a request", v)
	}
	return mem.BufferSlice{mem.SliceBuffer(r.encoded)}, nil
}

// Unmarshal checks the answer.
func (codec) Unmarshal(data mem.BufferSlice, v any) error {
	a, ok := v.(interface{ read(encoded []byte) error })
	if !ok {
		return fmt.Errorf("bench: a %T is not an answer", v)
	}
	buffer := data.MaterializeToBuffer(mem.DefaultBufferPool())
	defer buffer.Free()
	return a.read(buffer.ReadOnlyData())
}
