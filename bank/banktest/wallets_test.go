package banktest_test

import (
	"context"

	"codebank.dev/bank"
	"codebank.dev/bank/banktest"
	"codebank.dev/bank/hold"
	"codebank.dev/bank/wallet"
	"codebank.dev/platform/field"
	"codebank.dev/platform/principal"
)

// walletKinds are the kinds of operations on accounts; frequent ones stand there several times.
var walletKinds = []string{
	"deposit", "deposit", "deposit", "withdraw", "withdraw", "pay", "pay", "pay", "transfer", "transfer", "transfer", "transfer", "transfer",
	"pay the bill", "reverse", "reverse", "reverse", "reverse part", "reverse part", "cancel seen", "cancel unseen", "close", "close", "close",
	"open", "open", "hold", "hold", "hold", "capture", "capture", "capture part", "release", "release", "to itself", "in dollars", "no amount",
	"from a card", "close card", "pay out", "pay out",
}

// call returns a call with a request id, by the program of this sequence.
func (w *pair) call(requestID string, subject bank.Subject) wallet.Call {
	return wallet.Call{Caller: w.caller, RequestID: requestID, Subject: subject}
}

var byOperator = bank.Subject{Kind: principal.Operator}

// anybody draws a principal: an operator, a service, the owner of an account, or somebody else.
func (w *pair) anybody() bank.Subject {
	switch w.uniform(8, "principal") {
	case 0, 1:
		return bank.Subject{Kind: principal.Service}
	case 2, 3:
		return bank.Subject{Kind: principal.User, Customers: []bank.ID{pick(w, "customer", w.wallets).CustomerID}}
	case 4:
		return bank.Subject{Kind: principal.Merchant, Name: banktest.Merchant.ID}
	}
	return byOperator
}

// drawWallet draws an operation on accounts. An amount is often more than there is.
func (w *pair) drawWallet() operation {
	kind := pick(w, "wallet kind", walletKinds)
	from, to := pick(w, "from", w.wallets).ID, pick(w, "to", w.wallets).ID
	amount := pick(w, "amount", []int64{1, 1, 5, 10, 20, 50, 100, 250, 999, field.MaxMinor})
	switch kind {
	case "open":
		if len(w.wallets) < 16 {
			return w.openWallet(pick(w, "deposit", []int64{0, 0, 30, 500}))
		}
	case "close":
		return w.closeOrEmpty(from)
	case "close card":
		if one := pick(w, "card", w.cards); one != w.cards[0] {
			return w.closing(one.account)
		}
	case "hold":
		return w.hold(from, amount)
	case "reverse", "reverse part", "capture", "capture part", "release", "cancel seen":
		return w.drawOnDecided(kind)
	case "cancel unseen":
		return w.cancel(w.newRequestID()) // A later request may use this id.
	}
	return w.record(w.move(kind, from, to, amount))
}

// drawOnDecided draws an operation that refers to an earlier transaction: mostly to one that it may be about,
// and now and then to whatever an earlier operation decided.
func (w *pair) drawOnDecided(kind string) operation {
	if len(w.earlier) == 0 {
		return w.cancel(w.newRequestID())
	}
	back := min(w.uniform(32, "back"), len(w.earlier)-1)
	earlier := w.earlier[len(w.earlier)-1-back]
	id := bank.Code("001").TransactionID(w.caller, earlier.requestID)
	part := pick(w, "part", []int64{1, 4, 10, 25, 50})
	switch kind {
	case "reverse":
		return w.record(w.giveBack(w.recent(id, bank.KindTransfer, bank.KindCapture, bank.KindPurchase), 0))
	case "reverse part":
		return w.record(w.giveBack(w.recent(id, bank.KindTransfer, bank.KindCapture, bank.KindPurchase), part))
	case "capture":
		return w.record(w.capture(w.recent(id, bank.KindHold), 0))
	case "capture part":
		return w.record(w.capture(w.recent(id, bank.KindHold), part))
	case "release":
		return w.release(w.recent(id, bank.KindHold))
	}
	return w.cancel(earlier.requestID)
}

// recent returns one of the last approved transactions of one of the kinds, or otherwise.
func (w *pair) recent(otherwise bank.ID, kinds ...bank.Kind) bank.ID {
	ids := w.model.approved[pick(w, "of kind", kinds)]
	if len(ids) == 0 || w.uniform(4, "whatever") == 0 {
		return otherwise
	}
	return pick(w, "recent", ids[max(0, len(ids)-6):])
}

func (w *pair) openWallet(deposit int64) operation {
	ask := wallet.OpenRequest{Call: w.call(w.newRequestID(), byOperator), Currency: "BRL", DepositMinor: deposit}
	known := false
	return operation{
		name: "open", requestID: ask.RequestID,
		run: func(ctx context.Context, s *side) (any, error) { return s.wallets.Open(ctx, ask) },
		onSuccess: func(answer any) {
			if opened := answer.(wallet.Opened); !known {
				known = true
				w.wallets = append(w.wallets, opened.Account)
			}
		},
	}
}

// closeOrEmpty closes an account, or takes out what is in it, so that it can be closed next.
func (w *pair) closeOrEmpty(account bank.ID) operation {
	state := w.model.accounts[account]
	if free := state.balance - state.held; free > 0 && w.uniform(4, "close at once") > 0 {
		return w.record(w.move("withdraw", account, account, free))
	}
	return w.closing(account)
}

func (w *pair) closing(account bank.ID) operation {
	ask := wallet.CloseRequest{Call: w.call(w.newRequestID(), w.anybody()), Name: accountName(account)}
	return w.record(operation{name: "close", requestID: ask.RequestID, run: func(ctx context.Context, s *side) (any, error) {
		return s.wallets.Close(ctx, ask)
	}})
}

func accountName(id bank.ID) string { return "accounts/" + id.String() }

// move moves an amount on one account or between two.
func (w *pair) move(kind string, from, to bank.ID, amount int64) operation {
	call := w.call(w.maybeUsedRequestID(), w.anybody())
	cash := wallet.CashRequest{Call: call, Account: accountName(from), AmountMinor: amount, Currency: "BRL"}
	payment := wallet.PurchaseRequest{Call: call, Account: accountName(from), AmountMinor: amount, Currency: "BRL", Merchant: banktest.Merchant}
	payout := wallet.PayOutRequest{Call: call, Account: accountName(from), AmountMinor: amount, Currency: "BRL", Merchant: banktest.Merchant}
	transfer := wallet.TransferRequest{Call: call, Source: accountName(from), Destination: accountName(to), AmountMinor: amount, Currency: "BRL", Message: "almoço"}
	switch kind {
	case "pay the bill":
		transfer.Destination = accountName(pick(w, "card", w.cards).account)
	case "from a card":
		transfer.Source = accountName(pick(w, "card", w.cards).account)
	case "to itself":
		transfer.Destination = transfer.Source
	case "in dollars":
		transfer.Currency = "USD"
	case "no amount":
		transfer.AmountMinor = -amount
	}
	return operation{name: kind, requestID: call.RequestID, run: func(ctx context.Context, s *side) (any, error) {
		switch kind {
		case "deposit":
			return s.wallets.Deposit(ctx, cash)
		case "withdraw":
			return s.wallets.Withdraw(ctx, cash)
		case "pay out":
			return s.wallets.PayOut(ctx, payout)
		case "pay":
			return s.wallets.Purchase(ctx, payment)
		}
		return s.wallets.Transfer(ctx, transfer)
	}}
}

func (w *pair) giveBack(id bank.ID, amount int64) operation {
	ask := wallet.ReverseRequest{Call: w.call(w.newRequestID(), w.anybody()), Name: "transactions/" + id.String(), AmountMinor: amount, Description: "devolução"}
	return operation{name: "give back", requestID: ask.RequestID, run: func(ctx context.Context, s *side) (any, error) {
		return s.wallets.Reverse(ctx, ask)
	}}
}

func (w *pair) cancel(requestID string) operation {
	call := w.call(requestID, w.anybody())
	return operation{name: "cancel " + requestID, run: func(ctx context.Context, s *side) (any, error) { return s.wallets.Cancel(ctx, call) }}
}

func (w *pair) hold(account bank.ID, amount int64) operation {
	ask := hold.PlaceRequest{
		Caller: w.caller, RequestID: w.maybeUsedRequestID(), Subject: w.anybody(), Account: accountName(account),
		AmountMinor: amount, Currency: "BRL", Merchant: banktest.Merchant,
	}
	return w.record(operation{name: "hold", requestID: ask.RequestID, run: func(ctx context.Context, s *side) (any, error) {
		return s.holds.Place(ctx, ask)
	}})
}

func (w *pair) capture(id bank.ID, amount int64) operation {
	ask := hold.CaptureRequest{Caller: w.caller, RequestID: w.newRequestID(), Subject: w.anybody(), Hold: id, AmountMinor: amount}
	return operation{name: "capture", requestID: ask.RequestID, run: func(ctx context.Context, s *side) (any, error) {
		return s.holds.Capture(ctx, ask)
	}}
}

func (w *pair) release(id bank.ID) operation {
	ask := hold.VoidRequest{Caller: w.caller, Subject: w.anybody(), Hold: id}
	return operation{name: "release", run: func(ctx context.Context, s *side) (any, error) { return s.holds.Void(ctx, ask) }}
}
