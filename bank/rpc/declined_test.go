package rpc_test

import (
	"testing"

	"codebank.dev/bank/banktest"
	bankv1 "codebank.dev/schemas/gen/bank/v1"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
)

// answers returns a purchase as each call shows it: authorized, repeated, over the stream, read, voided.
func (c clients) answers(t *testing.T, request *bankv1.AuthorizePurchaseRequest) []*bankv1.Purchase {
	t.Helper()
	var shown []*bankv1.Purchase
	for range 2 {
		answer, err := c.purchases.AuthorizePurchase(t.Context(), request)
		require.NoError(t, err)
		shown = append(shown, answer.GetPurchase())
	}
	stream, err := c.purchases.AuthorizePurchases(t.Context())
	require.NoError(t, err)
	require.NoError(t, stream.Send(&bankv1.AuthorizePurchasesRequest{Purchases: []*bankv1.AuthorizePurchaseRequest{{}, request}}))
	streamed, err := stream.Recv()
	require.NoError(t, err)
	require.NoError(t, stream.CloseSend())
	read, err := c.purchases.GetPurchase(t.Context(), &bankv1.GetPurchaseRequest{Name: shown[0].GetName()})
	require.NoError(t, err)
	voided, err := c.purchases.VoidPurchase(t.Context(), &bankv1.VoidPurchaseRequest{RequestId: request.GetRequestId()})
	require.NoError(t, err)
	return append(shown, streamed.GetResults()[1].GetPurchase(), read.GetPurchase(), voided.GetPurchase())
}

// presented returns the request by card data, and by a token of it.
func (c clients) presented(t *testing.T, issued *bankv1.IssueCardResponse, data *bankv1.CardData) map[string]*bankv1.AuthorizePurchaseRequest {
	t.Helper()
	token, err := c.cards.CreateCardToken(t.Context(), &bankv1.CreateCardTokenRequest{CardData: data})
	require.NoError(t, err)
	byData, byToken := ask(issued, 10), ask(issued, 10)
	byData.CardSource = &bankv1.AuthorizePurchaseRequest_CardData{CardData: data}
	byToken.CardSource = &bankv1.AuthorizePurchaseRequest_CardToken{CardToken: token.GetCardToken()}
	return map[string]*bankv1.AuthorizePurchaseRequest{"data": byData, "token": byToken}
}

// with returns the data of a card after a change.
func with(issued *bankv1.IssueCardResponse, change func(*bankv1.CardData)) *bankv1.CardData {
	changed := proto.CloneOf(issued.GetCardData())
	change(changed)
	return changed
}

// Purchases by a card's name need no other proof, so a number alone must not tell the name.
func TestAnAnswerNamesNoCardBeforeItsDataWasFoundRight(t *testing.T) {
	c := newClients(t)
	prepare := func(change func(name string)) *bankv1.IssueCardResponse {
		issued := c.issue(t)
		change(issued.GetCard().GetName())
		return issued
	}
	none := func(string) {}
	block := func(name string) {
		_, err := c.cards.BlockCard(t.Context(), &bankv1.BlockCardRequest{Name: name})
		require.NoError(t, err)
	}
	wrongCVV := func(d *bankv1.CardData) { d.Cvv = map[bool]string{true: "001", false: "002"}[d.GetCvv() != "001"] }
	for _, test := range []struct {
		reason  bankv1.DeclineReason
		prepare func(name string)
		change  func(*bankv1.CardData)
	}{
		{bankv1.DeclineReason_DECLINE_REASON_NAME_MISMATCH, none, func(d *bankv1.CardData) { d.HolderName = "Charles Babbage" }},
		{bankv1.DeclineReason_DECLINE_REASON_EXPIRY_MISMATCH, none, func(d *bankv1.CardData) { d.ExpiryYear++ }},
		{bankv1.DeclineReason_DECLINE_REASON_CVV_MISMATCH, none, wrongCVV},
		{bankv1.DeclineReason_DECLINE_REASON_BLOCKED, block, wrongCVV},
		{bankv1.DeclineReason_DECLINE_REASON_BLOCKED, block, func(*bankv1.CardData) {}},
	} {
		issued := prepare(test.prepare)
		for way, request := range c.presented(t, issued, with(issued, test.change)) {
			for i, shown := range c.answers(t, request) {
				require.Equal(t, test.reason, shown.GetDecline().GetReason(), way)
				require.Empty(t, shown.GetCard(), "%v by %s, answer %d", test.reason, way, i)
				require.Equal(t, issued.GetCard().GetLast4(), shown.GetCardLast4(), "what was presented is shown")
				require.NotContains(t, shown.String(), issued.GetCard().GetAccount())
			}
		}
	}
}

func TestALockedCardIsNotNamedEither(t *testing.T) {
	c := newClients(t)
	issued := c.issue(t)
	wrong := with(issued, func(d *bankv1.CardData) { d.ExpiryYear++ })
	for range 5 {
		request := ask(issued, 10)
		request.CardSource = &bankv1.AuthorizePurchaseRequest_CardData{CardData: wrong}
		_, err := c.purchases.AuthorizePurchase(t.Context(), request)
		require.NoError(t, err)
	}
	for _, data := range []*bankv1.CardData{wrong, issued.GetCardData()} {
		for way, request := range c.presented(t, issued, data) {
			for _, shown := range c.answers(t, request) {
				require.Equal(t, bankv1.DeclineReason_DECLINE_REASON_LOCKED, shown.GetDecline().GetReason())
				require.Empty(t, shown.GetCard(), way)
			}
		}
	}
}

// Whoever presents the card's name, or its data in full, gets the name in the answer.
func TestAnAnswerNamesTheCardOtherwise(t *testing.T) {
	c := newClients(t)
	issued := c.issue(t)
	card := issued.GetCard().GetName()
	for _, amount := range []int64{10, 1, 950} { // Approved, below the minimum, over the limit.
		request := ask(issued, amount)
		for _, shown := range c.answers(t, request) {
			require.Equal(t, card, shown.GetCard())
		}
	}
	_, err := c.cards.BlockCard(t.Context(), &bankv1.BlockCardRequest{Name: card})
	require.NoError(t, err)
	byName := ask(issued, 10)
	byName.RequestId, byName.CardSource = banktest.NewID().String(), &bankv1.AuthorizePurchaseRequest_Card{Card: card}
	for i, shown := range c.answers(t, byName)[:3] {
		require.Equal(t, bankv1.DeclineReason_DECLINE_REASON_BLOCKED, shown.GetDecline().GetReason())
		require.Equal(t, card, shown.GetCard(), i)
	}
}
