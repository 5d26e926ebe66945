package bench

import (
	"bytes"
	"testing"

	bankv1 "codebank.dev/schemas/gen/bank/v1"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
)

const (
	approvedStatus = bankv1.PurchaseStatus_PURCHASE_STATUS_APPROVED
	declinedStatus = bankv1.PurchaseStatus_PURCHASE_STATUS_DECLINED
)

func testClient() *client {
	return &client{run: "run", cards: []card{{name: "cards/00000000-0000-4000-8000-000000000001"}}}
}

func marshal(t *testing.T, message proto.Message) []byte {
	t.Helper()
	encoded, err := proto.Marshal(message)
	require.NoError(t, err)
	return encoded
}

// The contract's own code must decode the bytes of a filled request.
func TestAFilledRequestIsValid(t *testing.T) {
	c := testClient()
	r, err := newRequest(newPurchase())
	require.NoError(t, err)
	c.fill(r, c.oneCard)
	var read bankv1.AuthorizePurchaseRequest
	require.NoError(t, proto.Unmarshal(r.encoded, &read))
	require.Len(t, read.GetRequestId(), idLength)
	require.Equal(t, c.cards[0].name, read.GetCard())
	wanted := newPurchase()
	wanted.RequestId, wanted.CardSource = read.GetRequestId(), read.GetCardSource()
	require.True(t, proto.Equal(wanted, &read))

	bulk := &bankv1.AuthorizePurchasesRequest{}
	for range perMessage {
		bulk.Purchases = append(bulk.Purchases, newPurchase())
	}
	r, err = newRequest(bulk)
	require.NoError(t, err)
	c.fill(r, c.oneCard)
	var many bankv1.AuthorizePurchasesRequest
	require.NoError(t, proto.Unmarshal(r.encoded, &many))
	ids := map[string]bool{}
	for _, purchase := range many.GetPurchases() {
		ids[purchase.GetRequestId()] = true
		require.Equal(t, c.cards[0].name, purchase.GetCard())
	}
	require.Len(t, ids, perMessage)
	require.Len(t, r.ids, perMessage)
}

func TestFilledRequestsOfAPayerAreValid(t *testing.T) {
	var r payerRequests
	require.NoError(t, r.encode())
	testClient().number(&r.transfer)
	copy(r.source, "accounts/00000000-0000-4000-8000-000000000001")
	copy(r.destination, "accounts/00000000-0000-4000-8000-000000000002")
	var transfer bankv1.TransferRequest
	require.NoError(t, proto.Unmarshal(r.transfer.encoded, &transfer))
	require.Len(t, transfer.GetRequestId(), idLength)
	require.NotContains(t, transfer.GetRequestId(), "#")
	require.Equal(t, "accounts/00000000-0000-4000-8000-000000000001", transfer.GetSource())
	require.Equal(t, "accounts/00000000-0000-4000-8000-000000000002", transfer.GetDestination())

	testClient().number(&r.capture)
	copy(r.purchase, "purchases/00000000-0000-4000-8000-000000000003")
	var capture bankv1.CapturePurchaseRequest
	require.NoError(t, proto.Unmarshal(r.capture.encoded, &capture))
	require.NotContains(t, capture.GetRequestId(), "#")
	require.Equal(t, "purchases/00000000-0000-4000-8000-000000000003", capture.GetName())

	testClient().fill(r.authorization, testClient().oneCard)
	var authorization bankv1.AuthorizePurchaseRequest
	require.NoError(t, proto.Unmarshal(r.authorization.encoded, &authorization))
	require.True(t, authorization.GetCaptureLater())
}

func TestOnlyAnApprovedTransferIsApproved(t *testing.T) {
	sent := &bankv1.Transaction{Name: "transactions/x", RequestId: "one", Status: bankv1.TransactionStatus_TRANSACTION_STATUS_APPROVED}
	answer := transferAnswer{id: []byte("one")}
	require.NoError(t, answer.read(marshal(t, &bankv1.TransferResponse{Transaction: sent})))
	other := transferAnswer{id: []byte("two")}
	require.ErrorIs(t, other.read(marshal(t, &bankv1.TransferResponse{Transaction: sent})), errNotApproved)
	sent.Status = bankv1.TransactionStatus_TRANSACTION_STATUS_DECLINED
	require.ErrorIs(t, answer.read(marshal(t, &bankv1.TransferResponse{Transaction: sent})), errNotApproved)

	bought := &bankv1.Purchase{Name: "purchases/00000000-0000-4000-8000-000000000003", Status: bankv1.PurchaseStatus_PURCHASE_STATUS_AUTHORIZED}
	authorized := purchaseAnswer{status: bankv1.PurchaseStatus_PURCHASE_STATUS_AUTHORIZED, name: make([]byte, purchaseLength)}
	require.NoError(t, authorized.read(marshal(t, &bankv1.AuthorizePurchaseResponse{Purchase: bought})))
	require.Equal(t, bought.GetName(), string(authorized.name))
	bought.Status = approvedStatus
	require.ErrorIs(t, authorized.read(marshal(t, &bankv1.AuthorizePurchaseResponse{Purchase: bought})), errNotApproved)
}

// The contract's own code must decode a payment, whatever it was paid with before.
func TestAPaymentIsValidHoweverItIsPaid(t *testing.T) {
	c := testClient()
	p, err := newPayment()
	require.NoError(t, err)
	data := &bankv1.CardData{Number: "4111111111111111", HolderName: "BENCH 1", ExpiryMonth: 12, ExpiryYear: 2031, Cvv: "123"}
	paid := func(number protowire.Number, content []byte) *bankv1.AuthorizePurchaseRequest {
		c.number(&p.request)
		p.payWith(number, content)
		read := new(bankv1.AuthorizePurchaseRequest)
		require.NoError(t, proto.Unmarshal(p.encoded, read))
		require.Equal(t, string(p.ids[0]), read.GetRequestId())
		wanted := newPurchase()
		wanted.RequestId, wanted.CardSource = read.GetRequestId(), read.GetCardSource()
		require.True(t, proto.Equal(wanted, read))
		return read
	}
	require.True(t, proto.Equal(data, paid(cardDataField, marshal(t, data)).GetCardData()))
	require.Equal(t, "ctk_x", paid(cardTokenField, []byte("ctk_x")).GetCardToken())
	require.Equal(t, "cards/x", paid(cardNameField, []byte("cards/x")).GetCard())
	require.True(t, proto.Equal(data, paid(cardDataField, marshal(t, data)).GetCardData()))

	var exchange bankv1.CreateCardTokenRequest
	require.NoError(t, proto.Unmarshal(appendField(nil, exchangedField, marshal(t, data)), &exchange))
	require.True(t, proto.Equal(data, exchange.GetCardData()))
	var answered tokenAnswer
	require.NoError(t, answered.read(marshal(t, &bankv1.CreateCardTokenResponse{CardToken: "ctk_x", Last4: "1111"})))
	require.Equal(t, "ctk_x", string(answered.token))
	require.Error(t, answered.read(marshal(t, &bankv1.CreateCardTokenResponse{Last4: "1111"})))
}

// The contract's own code must decode a message that is paid by card data.
func TestAMessagePaidByDataIsValid(t *testing.T) {
	c := testClient()
	numbers := []string{"4111111111111111", "5555555555554444"}
	c.cards = nil
	for _, number := range numbers {
		c.cards = append(c.cards, card{data: marshal(t, &bankv1.CardData{Number: number, Cvv: "123"})})
	}
	r, err := c.paidByData(1)
	require.NoError(t, err)
	var read bankv1.AuthorizePurchasesRequest
	require.NoError(t, proto.Unmarshal(r.encoded, &read))
	require.Len(t, read.GetPurchases(), perMessage)
	ids := map[string]bool{}
	for i, purchase := range read.GetPurchases() {
		require.Equal(t, numbers[(i+1)%2], purchase.GetCardData().GetNumber())
		require.Equal(t, string(r.ids[i]), purchase.GetRequestId())
		ids[purchase.GetRequestId()] = true
	}
	require.Len(t, ids, perMessage)
}

func TestOnlyAnApprovalOfTheRequestCounts(t *testing.T) {
	c := testClient()
	r, err := newRequest(newPurchase())
	require.NoError(t, err)
	c.fill(r, c.oneCard)
	id := string(r.ids[0])
	read := func(purchase *bankv1.Purchase) error {
		return (&answer{request: r}).read(marshal(t, &bankv1.AuthorizePurchaseResponse{Purchase: purchase}))
	}
	require.NoError(t, read(&bankv1.Purchase{Name: "purchases/x", RequestId: id, Status: approvedStatus, AmountMinor: 100}))
	require.ErrorIs(t, read(&bankv1.Purchase{RequestId: id, Status: declinedStatus}), errNotApproved)
	require.ErrorIs(t, read(&bankv1.Purchase{RequestId: "another", Status: approvedStatus}), errNotApproved)
	require.ErrorIs(t, read(nil), errNotApproved)
}

func TestEveryAnswerOfAMessageIsChecked(t *testing.T) {
	c := testClient()
	bulk := &bankv1.AuthorizePurchasesRequest{}
	for range perMessage {
		bulk.Purchases = append(bulk.Purchases, newPurchase())
	}
	r, err := newRequest(bulk)
	require.NoError(t, err)
	c.fill(r, c.oneCard)
	answered := func(change func([]*bankv1.AuthorizePurchaseResult) []*bankv1.AuthorizePurchaseResult) error {
		var results []*bankv1.AuthorizePurchaseResult
		for _, id := range r.ids {
			results = append(results, &bankv1.AuthorizePurchaseResult{RequestId: string(id), Result: &bankv1.AuthorizePurchaseResult_Purchase{
				Purchase: &bankv1.Purchase{RequestId: string(id), Status: approvedStatus},
			}})
		}
		a := &answer{stream: true, find: func(id []byte) *request {
			if bytes.Equal(id, r.ids[0]) {
				return r
			}
			return nil
		}}
		return a.read(marshal(t, &bankv1.AuthorizePurchasesResponse{Results: change(results)}))
	}
	type results = []*bankv1.AuthorizePurchaseResult
	require.NoError(t, answered(func(all results) results { return all }))
	require.Error(t, answered(func(all results) results { return all[:perMessage-1] }), "one is missing")
	require.Error(t, answered(func(all results) results { return all[1:] }), "the first id was not sent")
	require.ErrorIs(t, answered(func(all results) results {
		all[7].GetPurchase().Status = declinedStatus
		return all
	}), errNotApproved)
	require.ErrorIs(t, answered(func(all results) results {
		all[3], all[4] = all[4], all[3]
		return all
	}), errNotApproved, "out of order")
}

func TestTheIDOfAnEventIsItsFirstField(t *testing.T) {
	id, err := eventID([]byte("\x00\x00\x00\x00\x01\x06abcrest"))
	require.NoError(t, err)
	require.Equal(t, "abc", id)
	for _, broken := range []string{"", "\x00\x00\x00\x00\x01", "\x00\x00\x00\x00\x01\x06ab", "\x00\x00\x00\x00\x01\x05abc"} {
		_, err := eventID([]byte(broken))
		require.Error(t, err)
	}
}

func TestAGoalWithoutItsFigureIsAnError(t *testing.T) {
	figures := []Figure{{Name: "Fast", Values: []float64{3, 1, 2}}, {Name: "Slow", Values: []float64{3}}}
	require.NoError(t, applyGoals(figures, map[string]Goal{"Fast": atLeast(2, 3), "Slow": atMost(2, 1)}))
	require.True(t, figures[0].MustReached)
	require.False(t, figures[0].AimReached)
	require.False(t, figures[1].MustReached)
	require.Error(t, applyGoals(figures, map[string]Goal{"Gone": atLeast(1, 1)}))
}
