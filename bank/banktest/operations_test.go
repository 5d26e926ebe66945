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

// operationKinds are the kinds of operations; frequent ones stand there several times.
var operationKinds = []string{
	"by data", "by data", "by data", "by card", "by card", "by card", "by token", "by token", "token", "token",
	"wrong code", "wrong code", "wrong code", "wrong expiry", "wrong name", "unknown number", "unknown card", "used token",
	"void seen", "void seen", "void unseen", "reverse", "reverse", "reverse part", "reverse part", "reverse part", "reverse nothing",
	"again", "again", "again", "other body", "block", "unblock", "unblock", "unblock", "limit", "issue",
	"wrong currency", "no amount", "broken text", "later", "later",
	"wallet", "wallet", "wallet", "wallet", "wallet", "wallet", "wallet", "wallet", "wallet", "wallet", "wallet", "wallet", "wallet", "wallet",
}

// draw draws an operation.
func (w *pair) draw() operation {
	kind := pick(w, "kind", operationKinds)
	one := pick(w, "card", w.cards)
	switch kind {
	case "wallet":
		return w.drawWallet()
	case "void seen", "reverse", "reverse part", "again", "other body":
		return w.drawOnEarlier(kind, one)
	case "void unseen":
		// A later purchase may use this id.
		return w.void(w.newRequestID())
	case "reverse nothing":
		return w.reverse(id.Derive(bank.ID{}, w.newRequestID()), 0)
	case "block", "unblock":
		by := pick(w, "side", []bank.Blocks{bank.BlockedByBank, bank.BlockedByHolder})
		return operation{name: kind, run: func(ctx context.Context, s *side) (any, error) {
			return s.cards.SetBlocked(ctx, card.BlockRequest{Name: "cards/" + one.card.String(), Side: by, Blocked: kind == "block"})
		}}
	case "limit":
		return w.record(w.limit(w.newRequestID(), one, pick(w, "limit", []int64{0, 100, 5000, 1_000_000})))
	case "issue":
		if len(w.cards) < 6 {
			return w.issue(card.IssueRequest{CreditLimitMinor: pick(w, "limit", []int64{0, 1000})})
		}
		kind = "by card"
	case "token":
		return w.token(one)
	}
	amount := pick(w, "amount", []int64{1, 1, 9, 10, 20, 50, 50, 100, 250, 901, 5000, field.MaxMinor})
	return w.record(w.buy(kind, w.maybeUsedRequestID(), one, amount))
}

// maybeUsedRequestID returns a new id, or now and then an earlier one that may not have been used
// for a purchase yet but may be voided.
func (w *pair) maybeUsedRequestID() string {
	if w.requests > 3 && w.uniform(16, "old id") == 0 {
		return "r" + strconv.Itoa(w.requests-w.uniform(min(w.requests, 12), "which"))
	}
	return w.newRequestID()
}

func (w *pair) record(q operation) operation {
	w.earlier = append(w.earlier, q)
	return q
}

// drawOnEarlier draws an operation that refers to an earlier one.
func (w *pair) drawOnEarlier(kind string, one issued) operation {
	if len(w.earlier) == 0 {
		return w.void(w.newRequestID())
	}
	// Mostly a recent one, because edge cases are there.
	back := min(w.uniform(24, "back"), len(w.earlier)-1)
	earlier := w.earlier[len(w.earlier)-1-back]
	id := bank.Code("001").TransactionID(w.caller, earlier.requestID)
	switch kind {
	case "again":
		earlier.name += " again"
		return earlier
	case "reverse":
		return w.record(w.reverse(id, 0))
	case "reverse part":
		return w.record(w.reverse(id, pick(w, "part", []int64{1, 4, 10, 25, 50, 100})))
	case "other body":
		return w.otherRequest(earlier, id, one)
	}
	return w.void(earlier.requestID)
}

// otherRequest sends a different request under an id that may have been used. It must be refused if
// the id was used.
func (w *pair) otherRequest(earlier operation, id bank.ID, one issued) operation {
	q := w.buy("by card", earlier.requestID, one, 77_777)
	q.name = "other body for " + earlier.name
	run := q.run
	q.run = func(ctx context.Context, s *side) (any, error) {
		before, used := w.first[id]
		answer, err := run(ctx, s)
		if used && before[0].Status != bank.Voided && !s.holding {
			// The same different request twice is an equal request, if it was the first.
			if before[0].Amount != 77_777 {
				require.Error(w, err, "%s under a used id", q.name)
				require.Equal(w, fault.Aborted, fault.CodeOf(err), "%s under a used id: %v", q.name, err)
			}
		}
		return answer, err
	}
	return q
}

func (w *pair) buy(kind, requestID string, one issued, amount int64) operation {
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
		data.CVV = wrongCode(data.CVV)
	case "wrong expiry":
		data.ExpiryYear++
	case "wrong name":
		data.HolderName = "SOMEBODY ELSE"
	case "unknown number":
		data.Number = "378282246310005"
		data.CVV = "1234"
	case "later":
		request.CardData, request.Card, request.CaptureLater = nil, "cards/"+one.card.String(), true
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
	return operation{name: kind, requestID: requestID, isPurchase: true, run: func(ctx context.Context, s *side) (any, error) {
		return s.purchases.Authorize(ctx, request)
	}}
}

// wrongCode returns another security code of the same length.
func wrongCode(code string) string {
	return strings.Map(func(digit rune) rune { return '0' + (digit-'0'+1)%10 }, code)
}

func (w *pair) void(requestID string) operation {
	return operation{name: "void " + requestID, run: func(ctx context.Context, s *side) (any, error) {
		return s.purchases.Void(ctx, purchase.VoidRequest{Caller: w.caller, RequestID: requestID})
	}}
}

// reverse gives a purchase back; amount is a part of it, or 0 for the whole.
func (w *pair) reverse(purchased bank.ID, amount int64) operation {
	requestID := w.newRequestID()
	return operation{name: "reverse", requestID: requestID, run: func(ctx context.Context, s *side) (any, error) {
		return s.purchases.Reverse(ctx, purchase.ReverseRequest{
			Caller: w.caller, RequestID: requestID, Name: "purchases/" + purchased.String(), Description: "estorno", AmountMinor: amount,
		})
	}}
}

func (w *pair) limit(requestID string, one issued, limit int64) operation {
	return operation{name: "limit", requestID: requestID, run: func(ctx context.Context, s *side) (any, error) {
		return s.cards.ChangeLimit(ctx, card.LimitRequest{
			Caller: w.caller, RequestID: requestID, Name: "cards/" + one.card.String(), CreditLimitMinor: limit,
		})
	}}
}

func (w *pair) token(one issued) operation {
	data := field.RawCardData{
		Number: one.data.Number.Reveal(), HolderName: one.data.HolderName, CVV: one.data.CVV.Reveal(),
		ExpiryMonth: one.data.Expiry.Month, ExpiryYear: one.data.Expiry.Year,
	}
	if w.uniform(5, "wrong token") == 0 {
		data.CVV = wrongCode(data.CVV)
	}
	return operation{
		name:      "token",
		run:       func(ctx context.Context, s *side) (any, error) { return s.cards.Tokenize(ctx, data) },
		onSuccess: func(answer any) { w.tokens = append(w.tokens, answer.(card.Token).Text) },
	}
}

func (w *pair) issue(terms card.IssueRequest) operation {
	terms.Caller, terms.RequestID, terms.HolderName, terms.Currency = w.caller, w.newRequestID(), "Ada Lovelace", "BRL"
	known := false
	return operation{
		name: "issue", requestID: terms.RequestID,
		run: func(ctx context.Context, s *side) (any, error) { return s.cards.Issue(ctx, terms) },
		onSuccess: func(answer any) {
			if made := answer.(card.Issued); !known {
				known = true
				w.cards = append(w.cards, issued{made.Card.ID, made.Account.ID, made.Data})
			}
		},
	}
}
