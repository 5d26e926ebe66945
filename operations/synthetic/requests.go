package synthetic

import (
	"strconv"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	bankv1 "codebank.dev/schemas/gen/bank/v1"
)

// IssueRequest returns the request that issues the card of this index.
func (l *Load) IssueRequest(card int) *bankv1.IssueCardRequest {
	c := &l.cards[card]
	return &bankv1.IssueCardRequest{
		RequestId: l.CardRequest(card), HolderName: c.Holder, Brand: c.Brand, Currency: c.Currency,
		CreditLimitMinor: c.LimitMinor, PurchaseLimitMinor: c.Rules.LimitMinor, PurchaseMinimumMinor: c.Rules.MinimumMinor,
		PurchasesPerMinute: c.Rules.PerMinute, RequestTime: timestamppb.New(c.Issued),
	}
}

// PurchaseRequest returns the request of a step that is a purchase. card is the bank's
// answer to the IssueRequest of Step.Card; it is nil if Card is -1. The request shares
// messages with card and with other requests, so the caller must not change it.
func (s *Step) PurchaseRequest(card *bankv1.IssueCardResponse) *bankv1.AuthorizePurchaseRequest {
	request := &bankv1.AuthorizePurchaseRequest{
		RequestId: s.RequestID, AmountMinor: s.AmountMinor, Currency: s.Currency, Merchant: s.Merchant,
		Description: s.Description, Channel: s.Channel, Attempt: s.Attempt, RequestTime: timestamppb.New(s.At), CaptureLater: s.Later,
	}
	if s.Presented == OnFile {
		request.CardSource = &bankv1.AuthorizePurchaseRequest_Card{Card: card.GetCard().GetName()}
	} else {
		request.CardSource = &bankv1.AuthorizePurchaseRequest_CardData{CardData: s.typed(card.GetCardData())}
	}
	return request
}

// typed returns the card data that the step presents: data with the step's mistake.
func (s *Step) typed(data *bankv1.CardData) *bankv1.CardData {
	if s.Presented == Unknown {
		return &bankv1.CardData{
			Number: s.Number, HolderName: "NOBODY", Cvv: "123", ExpiryMonth: 12, ExpiryYear: int32(s.At.Year()) + 1,
		}
	}
	if s.Presented == Typed {
		return data
	}
	wrong := proto.CloneOf(data)
	switch s.Presented {
	case WrongCVV:
		wrong.Cvv = anotherCVV(data.GetCvv())
	case WrongExpiry:
		wrong.ExpiryYear++
	case WrongName:
		wrong.HolderName = "M " + data.GetHolderName()
	}
	return wrong
}

// anotherCVV returns another security code of the same length.
func anotherCVV(code string) string {
	first, rest := code[0], code[1:]
	return strconv.Itoa(int(first-'0'+1)%10) + rest
}

// ReversalRequest returns the request of a step that is a reversal. purchase is the
// bank's name for the purchase with the request id Follows.
func (s *Step) ReversalRequest(purchase string) *bankv1.ReversePurchaseRequest {
	return &bankv1.ReversePurchaseRequest{
		RequestId: s.RequestID, Name: purchase, AmountMinor: s.AmountMinor, Description: s.Description, RequestTime: timestamppb.New(s.At),
	}
}

// CaptureRequest returns the request of a step that captures a purchase by card; see ReversalRequest.
func (s *Step) CaptureRequest(purchase string) *bankv1.CapturePurchaseRequest {
	return &bankv1.CapturePurchaseRequest{RequestId: s.RequestID, Name: purchase, AmountMinor: s.AmountMinor, RequestTime: timestamppb.New(s.At)}
}

// VoidRequest returns the request of a step that voids a purchase by card.
func (s *Step) VoidRequest() *bankv1.VoidPurchaseRequest {
	return &bankv1.VoidPurchaseRequest{RequestId: s.Follows, RequestTime: timestamppb.New(s.At)}
}
