package chaos

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	bankv1 "codebank.dev/schemas/gen/bank/v1"
	checkoutv1 "codebank.dev/schemas/gen/checkout/v1"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
)

// plantedCards is how many card numbers are planted in texts.
const plantedCards = 3

// plantNumbers sends requests with a card number in each of their texts. Each request must be
// refused with the name of the field. The search that follows finds a number that was taken.
// It returns how many requests it sent.
func (r *run) plantNumbers(ctx context.Context) (planted int) {
	cards := r.load.cards.issued()
	for i, c := range cards[:min(plantedCards, len(cards))] {
		number := c.data.GetNumber()
		for field, send := range r.plantings(c, fmt.Sprintf("planted-%d", i)) {
			for _, text := range []string{number, inGroups(number, "-")} {
				planted++
				if err := send(ctx, text); status.Code(err) != codes.InvalidArgument || violatedField(err) != field {
					r.load.observed.report("I17", "a card number as %s was answered with %v", field, err)
				}
			}
		}
	}
	return planted
}

// plantCharges sends charges with a card number in their description. Each must be refused with the name of the field.
func (r *run) plantCharges(ctx context.Context) (planted int) {
	for _, t := range r.load.charges.tills {
		c := &charged{amount: 100, card: r.load.charges.all[0].card}
		for _, text := range []string{c.card.Number, inGroups(c.card.Number, "-")} {
			planted++
			body := strings.Replace(c.bodyOf(c.amount), `"load"`, `"for card `+text+`"`, 1)
			request := deskRequest{method: http.MethodPost, path: chargesPath, key: fmt.Sprintf("planted-%d", planted), body: body}
			answer := send(ctx, t.client, t.url, request, t.secret)
			if answer.status != http.StatusBadRequest || !strings.Contains(string(answer.body), `"description"`) {
				r.load.observed.report("I17", "a card number in the description of a charge was answered %d %s %v", answer.status, answer.body, answer.err)
			}
		}
	}
	return planted
}

// plantings returns, by the field that a text is planted in, the request that carries it.
func (r *run) plantings(c *card, requestID string) map[string]func(context.Context, string) error {
	bank := r.load.clients.bank(0, 0)
	buy := func(change func(*bankv1.AuthorizePurchaseRequest, string)) func(context.Context, string) error {
		return func(ctx context.Context, text string) error {
			request := &bankv1.AuthorizePurchaseRequest{
				RequestId: requestID, AmountMinor: 1, Currency: "BRL", Merchant: proto.CloneOf(merchants[0]),
				CardSource: &bankv1.AuthorizePurchaseRequest_CardData{CardData: proto.CloneOf(c.data)},
			}
			change(request, text)
			_, err := bank.purchases.AuthorizePurchase(ctx, request)
			return err
		}
	}
	return map[string]func(context.Context, string) error{
		"request_id":            buy(func(in *bankv1.AuthorizePurchaseRequest, text string) { in.RequestId = text }),
		"description":           buy(func(in *bankv1.AuthorizePurchaseRequest, text string) { in.Description = text }),
		"merchant.id":           buy(func(in *bankv1.AuthorizePurchaseRequest, text string) { in.Merchant.Id = text }),
		"merchant.name":         buy(func(in *bankv1.AuthorizePurchaseRequest, text string) { in.Merchant.Name = text }),
		"merchant.city":         buy(func(in *bankv1.AuthorizePurchaseRequest, text string) { in.Merchant.City = text }),
		"card_data.holder_name": buy(func(in *bankv1.AuthorizePurchaseRequest, text string) { in.GetCardData().HolderName = text }),
		"holder_name": func(ctx context.Context, text string) error {
			_, err := bank.cards.IssueCard(ctx, &bankv1.IssueCardRequest{RequestId: requestID, HolderName: text, Currency: "BRL"})
			return err
		},
		"card.holder_name": func(ctx context.Context, text string) error {
			_, err := r.load.clients.checkout.PlaceOrder(ctx, &checkoutv1.PlaceOrderRequest{
				RequestId: requestID, Items: []*checkoutv1.PlaceOrderItem{{Product: "products/cafe-coado", Quantity: 1}},
				Card: &checkoutv1.Card{
					Number: c.data.GetNumber(), HolderName: text, Cvv: c.data.GetCvv(),
					ExpiryMonth: c.data.GetExpiryMonth(), ExpiryYear: c.data.GetExpiryYear(),
				},
			})
			return err
		},
	}
}

// violatedField returns the field that an error names; "" if it names none.
func violatedField(err error) string {
	for _, detail := range status.Convert(err).Details() {
		if bad, ok := detail.(*errdetails.BadRequest); ok && len(bad.GetFieldViolations()) > 0 {
			return bad.GetFieldViolations()[0].GetField()
		}
	}
	return ""
}
