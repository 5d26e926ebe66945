package bench

import (
	"context"

	bankv1 "codebank.dev/schemas/gen/bank/v1"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/encoding/protowire"
)

// purchasesField is the number of the purchases in AuthorizePurchasesRequest. A test decodes it with
// the contract's code.
const purchasesField protowire.Number = 1

// buyWithEveryCard buys twice with every card, over the stream: once by the card's name and once by
// its data. A bank that has been running for a while has its cards in the caches of accounts, names
// and numbers, and that is the bank to measure.
func (c *client) buyWithEveryCard(ctx context.Context) error {
	count, next := new(counter), 0
	err := c.stream(ctx, 1, count, func() card {
		next++
		if next >= len(c.cards) {
			count.stop.Store(true)
		}
		return c.cards[(next-1)%len(c.cards)]
	})
	if err != nil {
		return err
	}
	return c.buyWithEveryNumber(ctx)
}

// buyWithEveryNumber buys with the data of every card, one message at a time.
func (c *client) buyWithEveryNumber(ctx context.Context) error {
	stream, err := c.connections[0].NewStream(ctx, &bankv1.PurchaseService_ServiceDesc.Streams[0],
		bankv1.PurchaseService_AuthorizePurchases_FullMethodName, grpc.ForceCodecV2(codec{}))
	if err != nil {
		return err
	}
	for first := 0; first < len(c.cards); first += perMessage {
		message, err := c.paidByData(first)
		if err != nil {
			return err
		}
		if err := stream.SendMsg(message); err != nil {
			return streamError(stream, err)
		}
		if err := stream.RecvMsg(&answer{stream: true, find: func([]byte) *request { return message }}); err != nil {
			return err
		}
	}
	return stream.CloseSend()
}

// paidByData returns a full message of purchases by the data of the cards from first on.
func (c *client) paidByData(first int) (*request, error) {
	p, err := newPayment()
	if err != nil {
		return nil, err
	}
	message := &request{encoded: make([]byte, 0, perMessage*maxEncodedPurchase)}
	for i := range perMessage {
		c.number(&p.request)
		p.payWith(cardDataField, c.cards[(first+i)%len(c.cards)].data)
		message.encoded = appendField(message.encoded, purchasesField, p.encoded)
		id := len(message.encoded) - len(p.encoded) + p.idAt
		message.ids = append(message.ids, message.encoded[id:id+idLength])
	}
	return message, nil
}
