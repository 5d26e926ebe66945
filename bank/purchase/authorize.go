package purchase

import (
	"time"

	"codebank.dev/bank"
	"codebank.dev/bank/risk"
	"codebank.dev/platform/fault"
	"codebank.dev/platform/money"
)

// authorize is the command of one purchase.
type authorize struct {
	id      bank.ID
	request bank.Request

	vault   bank.Vault // makes fingerprints
	card    bank.CardSnapshot
	account bank.ID // zero when the card is unknown
	// namedCard is the card that the request names by its id, whether it exists or not.
	namedCard bank.ID
	cardCheck bank.CardCheck
	// token is the use of the card token with which the request pays; its Nonce is zero without one.
	token bank.TokenUse
	// unopened says that the request pays with a token that does not open, so its card is that of the
	// first decision.
	unopened bool

	amount      money.Amount
	merchant    bank.Merchant
	settlement  bank.ID
	description string
	channel     bank.Channel
	attempt     int32
	// captureLater sets the amount aside instead of moving it. expiresAt is when what is set aside is
	// released; zero means after bank.HoldLife.
	captureLater      bool
	expiresAt         time.Time
	merchantReference string
	// at is when a purchase of a loaded history was made; zero means now.
	at time.Time
	// refusal refuses what a text holds. It counts only when the request is not a repeat, because
	// requests were accepted before texts were checked for it.
	refusal error

	scorer *risk.Scorer // nil gives no risk
	// assessed keeps the risk, because a command that is decided again is still one attempt.
	assessed bank.Risk
}

// unknownCard stands for a card without an id in a canonical request.
func unknownCard(last4 string) string { return "unknown/" + last4 }

// fingerprint returns the fingerprint of the request with the card's id in place of its number, and
// without security code, expiry and name. So the same purchase by card data, token or card id has one
// fingerprint.
func (a *authorize) fingerprint() [32]byte {
	switch {
	case !a.card.ID.IsZero():
		return a.fingerprintWith(a.card.ID.String())
	case !a.namedCard.IsZero():
		return a.fingerprintWith(a.namedCard.String())
	}
	return a.fingerprintWith(unknownCard(a.card.Last4))
}

// fingerprintWith returns the fingerprint of the request with a text in place of its card.
// What requests could not ask for at first is left out when it is not asked for, so that a request keeps
// its fingerprint.
func (a *authorize) fingerprintWith(card string) [32]byte {
	form := bank.NewCanonical("purchase").Text(card).
		Number(a.amount.Minor).Text(a.amount.Currency.String()).
		Merchant(&a.merchant).Text(a.description).Number(int64(a.channel)).Number(int64(a.attempt)).Moment(a.at)
	if a.captureLater {
		form = form.Text("capture_later").Moment(a.expiresAt)
	}
	if a.merchantReference != "" {
		form = form.Text("merchant_reference").Text(a.merchantReference)
	}
	return a.vault.Fingerprint(form)
}

// asKnownTo returns the request with the fingerprint that it had when first was decided. A card may
// have been issued between a token, the first decision and this repeat; whether the request is the
// same must not depend on that.
func (a *authorize) asKnownTo(first *bank.Entry) bank.Request {
	request := a.request
	if first == nil || first.Request.Fingerprint == request.Fingerprint {
		return request
	}
	sameNumber := a.card.Last4 != "" && a.card.Last4 == first.Card.Last4 && a.card.BIN == first.Card.BIN
	switch wasKnown := !first.Card.ID.IsZero(); {
	case wasKnown && a.card.ID.IsZero() && sameNumber:
		request.Fingerprint = a.fingerprintWith(first.Card.ID.String())
	case !wasKnown && sameNumber:
		request.Fingerprint = a.fingerprintWith(unknownCard(first.Card.Last4))
	case !wasKnown && !a.namedCard.IsZero() && first.Card.Last4 == "":
		// Version 0.1.0 did not tell one missing card id from another.
		request.Fingerprint = a.fingerprintWith(unknownCard(""))
	case !wasKnown && a.unopened && first.Card.Last4 == "" && a.equalsButForCard(first):
		// The first request named a card id that did not exist. No entry stores such an id.
		request.Fingerprint = first.Request.Fingerprint
	}
	return request
}

// equalsButForCard returns whether the request is that of a stored purchase, whatever the card.
func (a *authorize) equalsButForCard(first *bank.Entry) bool {
	return first.Kind == a.kind() && first.Amount == a.amount.Minor && first.Currency == a.amount.Currency &&
		first.Merchant == a.merchant && first.Description == a.description && first.Channel == a.channel &&
		first.Attempt == a.attempt && first.MerchantReference == a.merchantReference &&
		(a.at.IsZero() || a.at.Equal(first.OccurredAt)) && (a.expiresAt.IsZero() || a.expiresAt.Equal(first.HoldExpiresAt))
}

// Key implements bank.Command.
func (a *authorize) Key() bank.ID { return a.id }

// SameAs implements ledger.Joinable.
func (a *authorize) SameAs(other bank.Command) bool {
	b, ok := other.(*authorize)
	return ok && a.id == b.id && a.request.Fingerprint == b.request.Fingerprint && (a.refusal == nil) == (b.refusal == nil)
}

// Keys implements bank.Command.
func (a *authorize) Keys() bank.Keys {
	keys := bank.Keys{Transactions: []bank.ID{a.id}}
	if !a.account.IsZero() {
		keys.Accounts = []bank.ID{a.account}
		keys.Cards = []bank.ID{a.card.ID}
	}
	if a.hasToken() {
		keys.Tokens = []bank.ID{a.token.Nonce}
	}
	if a.token.StoredHash != [32]byte{} {
		keys.StoredTokens = [][32]byte{a.token.StoredHash}
	}
	return keys
}

// Decide implements bank.Command.
func (a *authorize) Decide(book *bank.Book, now time.Time) bank.Outcome {
	now = bank.RequestTime(a.at, now)
	before := book.Entry(a.id)
	if before != nil && before.Status == bank.Voided {
		return bank.Outcome{Entry: before}
	}
	request := a.asKnownTo(before)
	first, err := book.Repeat(a.id, &request)
	if first != nil || err != nil {
		return bank.Outcome{Entry: first, Err: err}
	}
	if a.refusal != nil {
		return bank.Outcome{Err: a.refusal}
	}
	entry, err := a.entry(now)
	if err != nil {
		return bank.Outcome{Err: err}
	}
	if err := a.checkToken(book, now); err != nil {
		return bank.Outcome{Err: err}
	}
	if a.account.IsZero() {
		entry.Risk = a.assess(risk.Wrong, now)
		entry.Status, entry.Decline = bank.Declined, bank.UnknownCard
		posted := book.Refuse(entry, now)
		a.useToken(book)
		return bank.Outcome{Entry: posted}
	}
	return a.decideKnown(book, entry, now)
}

func (a *authorize) decideKnown(book *bank.Book, entry bank.Entry, now time.Time) bank.Outcome {
	account, okAccount := book.Account(a.account)
	card, okCard := book.Card(a.card.ID)
	if !okAccount || !okCard {
		return bank.Outcome{Err: bank.ErrStale}
	}
	if account.Currency != a.amount.Currency {
		return bank.Outcome{Err: fault.Invalid("currency", "The currency must be that of the card's account.")}
	}
	effect := bank.Effect{}
	entry.CardUse, entry.Risk = card.Use(), a.assess(a.cardStatus(&card), now)
	reason, next := a.decline(&account, card, now)
	switch {
	case reason != 0:
		entry.Status, entry.Decline = bank.Declined, reason
	case a.captureLater:
		next.Used, entry.Status, effect.Held = true, bank.Approved, a.amount.Minor
	default:
		next.Used, entry.Status, effect.Balance = true, bank.Approved, -a.amount.Minor
		entry.DebitAccount, entry.CreditAccount = a.account, a.settlement
	}
	posted, err := book.Post(entry, effect, now)
	if err != nil {
		return bank.Outcome{Err: err}
	}
	if !next.Equal(&card) {
		book.SetCard(next)
	}
	a.useToken(book)
	return bank.Outcome{Entry: posted}
}

// decline returns why the purchase is declined, or 0, and the card after the attempt. A locked or
// blocked card, and a card of a closed account, is declined before its data is checked, so that guessing
// reveals nothing about the data.
func (a *authorize) decline(account *bank.Account, card bank.Card, now time.Time) (bank.DeclineReason, bank.Card) {
	switch {
	case account.IsClosed():
		return bank.AccountClosed, card
	case card.IsLocked(now):
		return bank.Locked, card
	case card.IsBlocked():
		return bank.Blocked, card
	case a.cardCheck.CountsAsAttempt():
		return a.cardCheck.Decline, card.AfterWrongAttempt(now)
	case a.cardCheck.Decline != 0:
		return a.cardCheck.Decline, card
	case !now.Before(card.Expiry.End()):
		return bank.Expired, card
	case a.amount.Minor < card.Rules.Minimum:
		return bank.AmountBelowMinimum, card
	case card.Rules.Limit > 0 && a.amount.Minor > card.Rules.Limit:
		return bank.OverPurchaseLimit, card
	case !account.Covers(a.amount.Minor):
		return bank.InsufficientFunds, card
	}
	frequency, ok := card.Frequency.Take(card.Rules.PerMinute, now)
	if !ok {
		return bank.TooFrequent, card
	}
	card.Frequency = frequency
	return 0, card
}

// cardStatus is what the attempt says about the card.
func (a *authorize) cardStatus(card *bank.Card) risk.CardStatus {
	switch {
	case a.cardCheck.Decline != 0:
		return risk.Wrong
	case !card.Used:
		return risk.New
	default:
		return risk.Proven
	}
}

// assess returns the risk of the purchase. It changes only the memory of the scorer, and the risk
// stays the same when the command is decided again.
func (a *authorize) assess(status risk.CardStatus, now time.Time) bank.Risk {
	if a.scorer != nil && a.assessed.Rule == 0 {
		a.assessed = a.scorer.Assess(&risk.Attempt{
			Transaction: a.id, Card: a.card, Merchant: a.merchant.ID,
			AmountMinor: a.amount.Minor, CardStatus: status, At: now,
		})
	}
	return a.assessed
}

// kind returns what the decision is: a purchase, or the hold of one that is captured later.
func (a *authorize) kind() bank.Kind {
	if a.captureLater {
		return bank.KindHold
	}
	return bank.KindPurchase
}

// entry returns the entry of the request before it is decided.
func (a *authorize) entry(now time.Time) (bank.Entry, error) {
	entry := bank.Entry{
		TransactionID:     a.id,
		Request:           a.request,
		AccountID:         a.account,
		Kind:              a.kind(),
		Direction:         bank.Debit,
		Amount:            a.amount.Minor,
		Currency:          a.amount.Currency,
		Card:              a.card,
		Merchant:          a.merchant,
		MerchantReference: a.merchantReference,
		Channel:           a.channel,
		Description:       a.description,
		Attempt:           a.attempt,
	}
	if !a.captureLater {
		return entry, nil
	}
	var err error
	entry.HoldID = a.id
	entry.HoldExpiresAt, err = bank.HoldExpiry("expire_time", a.expiresAt, now)
	return entry, err
}

func (a *authorize) hasToken() bool { return !a.token.Nonce.IsZero() }

func (a *authorize) checkToken(book *bank.Book, now time.Time) error {
	if a.hasToken() && (!now.Before(a.token.ExpiresAt) || !book.TokenUser(a.token.Nonce).IsZero()) {
		return errToken
	}
	return nil
}

func (a *authorize) useToken(book *bank.Book) {
	if a.hasToken() {
		book.UseToken(a.token)
	}
}
