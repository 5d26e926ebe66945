package bench

import (
	"bytes"
	"context"
	"fmt"

	bankv1 "codebank.dev/schemas/gen/bank/v1"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
)

// The numbers of the fields that are written by hand. A test decodes them with the contract's code.
const (
	cardDataField  protowire.Number = 2 // of AuthorizePurchaseRequest
	cardTokenField protowire.Number = 3
	cardNameField  protowire.Number = 4

	exchangedField protowire.Number = 1 // the card data in CreateCardTokenRequest
	tokenField     protowire.Number = 1 // the token in CreateCardTokenResponse
)

// maxSourceLength is more than the encoded card data, token or name of a card.
const maxSourceLength = 256

// payment is the encoded purchase of a caller that pays in another way each time.
type payment struct {
	request
	// base is the length of the purchase without what it is paid with. idAt is where its id begins.
	base, idAt int
	// token is the encoded request for a token.
	token request
	turn  int
}

func newPayment() (*payment, error) {
	purchase := newPurchase()
	purchase.CardSource = nil
	encoded, err := proto.MarshalOptions{}.MarshalAppend(make([]byte, 0, maxEncodedPurchase), purchase)
	if err != nil {
		return nil, err
	}
	p := &payment{base: len(encoded), idAt: bytes.IndexByte(encoded, '#')}
	p.encoded, p.ids = encoded, [][]byte{encoded[p.idAt : p.idAt+idLength]}
	return p, nil
}

// maxEncodedPurchase is more than an encoded purchase, so that it never moves in memory.
const maxEncodedPurchase = 512 + maxSourceLength

// payWith makes the purchase be paid with the content of a field.
func (p *payment) payWith(number protowire.Number, content []byte) {
	p.encoded = appendField(p.encoded[:p.base], number, content)
}

func appendField(message []byte, number protowire.Number, content []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(message, number, protowire.BytesType), content)
}

// tokenAnswer is the answer to the request for a token.
type tokenAnswer struct{ token []byte }

// read copies the token.
func (a *tokenAnswer) read(encoded []byte) error {
	token, _ := field(encoded, tokenField)
	if len(token) == 0 {
		return fmt.Errorf("an answer without a token: %q", encoded)
	}
	a.token = append(a.token[:0], token...)
	return nil
}

// mixed buys once with a random card: by card data, by token and by the card's name in turn. Before a
// purchase by token it exchanges the card data for the token, as a shop does.
func (c *client) mixed(ctx context.Context, caller int) error {
	p, card := c.payments[caller], c.anyCard()
	switch p.turn++; p.turn % 3 {
	case 0:
		p.payWith(cardDataField, card.data)
	case 1:
		var answered tokenAnswer
		p.token.encoded = appendField(p.token.encoded[:0], exchangedField, card.data)
		err := c.invoke(ctx, caller, bankv1.CardService_CreateCardToken_FullMethodName, &p.token, &answered)
		if err != nil {
			return err
		}
		p.payWith(cardTokenField, answered.token)
	default:
		p.payWith(cardNameField, []byte(card.name))
	}
	c.number(&p.request)
	return c.invoke(ctx, caller, bankv1.PurchaseService_AuthorizePurchase_FullMethodName, &p.request, &answer{request: &p.request})
}

// invoke makes a unary call on the caller's connection.
func (c *client) invoke(ctx context.Context, caller int, method string, request, answer any) error {
	return c.connections[caller%connections].Invoke(ctx, method, request, answer, grpc.ForceCodecV2(codec{}))
}
