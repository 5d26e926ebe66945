package banktest_test

import (
	"context"
	"strconv"
	"strings"

	"codebank.dev/bank"
	"codebank.dev/bank/banktest"
	"codebank.dev/bank/card"
	"codebank.dev/bank/purchase"
	"codebank.dev/platform/fault"
	"codebank.dev/platform/field"
	"codebank.dev/platform/id"
	"github.com/stretchr/testify/require"
)

// kinds are what may be asked, some of them more often than others.
var kinds = []string{
	"by data", "by data", "by data", "by card", "by card", "by card", "by token", "by token", "token", "token",
	"wrong code", "wrong code", "wrong code", "wrong expiry", "wrong name", "unknown number", "unknown card", "used token",
	"void seen", "void seen", "void unseen", "reverse", "reverse", "reverse nothing",
	"again", "again", "again", "other body", "block", "unblock", "unblock", "unblock", "limit", "issue",
	"wrong currency", "no amount", "broken text",
}

// draw draws a question.
func (w *pair) draw() question {
	kind := pick(w, "kind", kinds)
	one := pick(w, "card", w.cards)
	switch kind {
	case "void seen", "reverse", "again", "other body":
		return w.drawOnEarlier(kind, one)
	case "void unseen":
		// The id may be bought with later: the next purchase takes it.
		return w.void(w.fresh())
	case "reverse nothing":
		return w.reverse(id.Derive(bank.ID{}, w.fresh()))
	case "block", "unblock":
		return question{what: kind, ask: func(ctx context.Context, s *side) (any, error) {
			return s.cards.SetBlocked(ctx, "cards/"+one.card.String(), kind == "block")
		}}
	case "limit":
		return w.remember(w.limit(w.fresh(), one, pick(w, "limit", []int64{0, 100, 5000, 1_000_000})))
	case "issue":
		if len(w.cards) < 6 {
			return w.issue(card.IssueRequest{CreditLimitMinor: pick(w, "limit", []int64{0, 1000})})
		}
		kind = "by card"
	case "token":
		return w.token(one)
	}
	amount := pick(w, "amount", []int64{1, 1, 9, 10, 20, 50, 50, 100, 250, 901, 5000, field.MaxMinor})
	return w.remember(w.buy(kind, w.requestID(), one, amount))
}

// requestID is a new one, or now and then one that was drawn but perhaps not used as
// a purchase: voided before.
func (w *pair) requestID() string {
	if w.requests > 3 && w.evenly(16, "old id") == 0 {
		return "r" + strconv.Itoa(w.requests-w.evenly(min(w.requests, 12), "which"))
	}
	return w.fresh()
}

func (w *pair) remember(q question) question {
	w.asked = append(w.asked, q)
	return q
}

// drawOnEarlier draws a question about one that was asked before.
func (w *pair) drawOnEarlier(kind string, one issued) question {
	if len(w.asked) == 0 {
		return w.void(w.fresh())
	}
	// Mostly about what was just asked: that is where the edges are.
	back := min(w.evenly(24, "back"), len(w.asked)-1)
	earlier := w.asked[len(w.asked)-1-back]
	id := bank.Code("001").TransactionID(w.caller, earlier.requestID)
	switch kind {
	case "again":
		earlier.what += " again"
		return earlier
	case "reverse":
		return w.remember(w.reverse(id))
	case "other body":
		return w.other(earlier, id, one)
	}
	return w.void(earlier.requestID)
}

// other asks something else under an id that may have been used: refused if it was.
func (w *pair) other(earlier question, id bank.ID, one issued) question {
	q := w.buy("by card", earlier.requestID, one, 77_777)
	q.what = "other body for " + earlier.what
	ask := q.ask
	q.ask = func(ctx context.Context, s *side) (any, error) {
		before, used := w.first[id]
		answer, err := ask(ctx, s)
		if used && before.Status != bank.Voided && !s.holding {
			// The same other body twice is an equal request, if it was the first.
			if before.Amount != 77_777 {
				require.Error(w, err, "%s under a used id", q.what)
				require.Equal(w, fault.Aborted, fault.CodeOf(err), "%s under a used id: %v", q.what, err)
			}
		}
		return answer, err
	}
	return q
}

func (w *pair) buy(kind, requestID string, one issued, amount int64) question {
	request := purchase.Request{
		Caller: w.caller, RequestID: requestID, AmountMinor: amount, Currency: "BRL", Channel: bank.ChannelECommerce, Attempt: 1,
		Merchant: banktest.Merchant, Description: "pão na chapa",
	}
	data := field.RawCardData{
		Number: one.data.Number.Reveal(), HolderName: one.data.HolderName, CVV: one.data.CVV.Reveal(),
		ExpiryMonth: one.data.Expiry.Month, ExpiryYear: one.data.Expiry.Year,
	}
	request.CardData = &data
	switch kind {
	case "wrong code":
		data.CVV = wrong(data.CVV)
	case "wrong expiry":
		data.ExpiryYear++
	case "wrong name":
		data.HolderName = "SOMEBODY ELSE"
	case "unknown number":
		data.Number = "378282246310005"
		data.CVV = "1234"
	case "by card", "wrong currency", "no amount", "broken text":
		request.CardData, request.Card = nil, "cards/"+one.card.String()
	case "unknown card":
		request.CardData, request.Card = nil, "cards/"+id.Derive(bank.ID{}, requestID).String()
	case "by token", "used token":
		if len(w.tokens) > 0 {
			request.CardData = nil
			request.CardToken = pick(w, "token", w.tokens)
		}
		if kind == "by token" && len(w.tokens) > 0 {
			request.CardToken = w.tokens[len(w.tokens)-1]
		}
	}
	switch kind {
	case "wrong currency":
		request.Currency = "USD"
	case "no amount":
		request.AmountMinor = 0
	case "broken text":
		request.Description = "\x00"
	}
	return question{what: kind, requestID: requestID, pays: true, ask: func(ctx context.Context, s *side) (any, error) {
		return s.purchases.Authorize(ctx, request)
	}}
}

// wrong returns another security code of the same length.
func wrong(code string) string {
	return strings.Map(func(digit rune) rune { return '0' + (digit-'0'+1)%10 }, code)
}

func (w *pair) void(requestID string) question {
	return question{what: "void " + requestID, ask: func(ctx context.Context, s *side) (any, error) {
		return s.purchases.Void(ctx, w.caller, requestID, "")
	}}
}

func (w *pair) reverse(purchased bank.ID) question {
	requestID := w.fresh()
	return question{what: "reverse", requestID: requestID, ask: func(ctx context.Context, s *side) (any, error) {
		return s.purchases.Reverse(ctx, purchase.ReverseRequest{
			Caller: w.caller, RequestID: requestID, Name: "purchases/" + purchased.String(), Description: "estorno",
		})
	}}
}

func (w *pair) limit(requestID string, one issued, limit int64) question {
	return question{what: "limit", requestID: requestID, ask: func(ctx context.Context, s *side) (any, error) {
		return s.cards.ChangeLimit(ctx, card.LimitRequest{
			Caller: w.caller, RequestID: requestID, Name: "cards/" + one.card.String(), CreditLimitMinor: limit,
		})
	}}
}

func (w *pair) token(one issued) question {
	data := field.RawCardData{
		Number: one.data.Number.Reveal(), HolderName: one.data.HolderName, CVV: one.data.CVV.Reveal(),
		ExpiryMonth: one.data.Expiry.Month, ExpiryYear: one.data.Expiry.Year,
	}
	if w.evenly(5, "wrong token") == 0 {
		data.CVV = wrong(data.CVV)
	}
	return question{
		what:  "token",
		ask:   func(ctx context.Context, s *side) (any, error) { return s.cards.Tokenize(ctx, data) },
		known: func(answer any) { w.tokens = append(w.tokens, answer.(card.Token).Text) },
	}
}

func (w *pair) issue(terms card.IssueRequest) question {
	terms.Caller, terms.RequestID, terms.HolderName, terms.Currency = w.caller, w.fresh(), "Ada Lovelace", "BRL"
	known := false
	return question{
		what: "issue", requestID: terms.RequestID,
		ask: func(ctx context.Context, s *side) (any, error) { return s.cards.Issue(ctx, terms) },
		known: func(answer any) {
			if made := answer.(card.Issued); !known {
				known = true
				w.cards = append(w.cards, issued{made.Card.ID, made.Account.ID, made.Data})
			}
		},
	}
}
