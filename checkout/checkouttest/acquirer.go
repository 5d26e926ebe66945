package checkouttest

import (
	"sync"
	"testing"

	"codebank.dev/checkout"
	"codebank.dev/platform/fault"
	"codebank.dev/platform/pan"
	"github.com/stretchr/testify/require"
)

// AcquirerFixture is a bank to be held to the port, with two cards.
type AcquirerFixture struct {
	Acquirer checkout.Acquirer
	// Good is a card whose purchases of up to BRL 1.000,00 are approved.
	Good pan.CardData
	// Declining is a card whose purchases are declined.
	Declining pan.CardData
}

// TestAcquirer holds an acquirer to its port.
func TestAcquirer(t *testing.T, open func(testing.TB) AcquirerFixture) {
	for _, rule := range []struct {
		name string
		show func(*testing.T, AcquirerFixture)
	}{
		{"a token tells what may be shown of the card", tokenTells},
		{"tokens that are made at the same time are each of their own card", tokensAtOnce},
		{"a purchase is decided once, however often it is sent", decidedOnce},
		{"a decline is an answer with code, reason and text", declineIsAnswer},
		{"another purchase under the same request id is a refusal", otherPurchaseRefused},
		{"a token pays once", tokenPaysOnce},
		{"an unknown token is a refusal", unknownToken},
		{"a void gives an approved purchase back, once", voidGivesBack},
		{"a void of a declined purchase answers the decline", voidOfDecline},
		{"a purchase that arrives after its void is voided", voidFirst},
		{"equal purchases at once are one", equalAtOnce},
		{"a purchase is given back in parts, each once, and never more than it was", givenBackInParts},
		{"what was not paid is not given back", nothingToGiveBack},
	} {
		t.Run(rule.name, func(t *testing.T) { rule.show(t, open(t)) })
	}
}

// authorization returns a purchase with a fresh token of a card.
func (f AcquirerFixture) authorization(t *testing.T, card pan.CardData) checkout.Authorization {
	t.Helper()
	token, err := f.Acquirer.CreateToken(t.Context(), card)
	require.NoError(t, err)
	order := Order(t, "shop", "r1", Start())
	order.PendingCharge.Token = token.Token
	return order.Authorization()
}

func tokenTells(t *testing.T, f AcquirerFixture) {
	token, err := f.Acquirer.CreateToken(t.Context(), f.Good)
	require.NoError(t, err)
	require.False(t, token.Token.IsZero())
	require.NotContains(t, token.Token.Reveal(), f.Good.Number.Reveal())
	require.Equal(t, f.Good.Number.Last4(), token.Last4)
	require.Equal(t, "VISA", token.Brand)
	require.False(t, token.ExpiresAt.IsZero())
	other, err := f.Acquirer.CreateToken(t.Context(), f.Good)
	require.NoError(t, err)
	require.NotEqual(t, token.Token.Reveal(), other.Token.Reveal())
}

func tokensAtOnce(t *testing.T, f AcquirerFixture) {
	const callers = 60
	refused := f.Good
	refused.HolderName = ""
	cards := []pan.CardData{f.Good, f.Declining, refused}
	tokens, errs := make([]checkout.CardToken, callers), make([]error, callers)
	var running sync.WaitGroup
	for i := range callers {
		running.Go(func() { tokens[i], errs[i] = f.Acquirer.CreateToken(t.Context(), cards[i%len(cards)]) })
	}
	running.Wait()
	made := make(map[string]bool)
	for i := range callers {
		if i%len(cards) == 2 {
			require.Equal(t, fault.InvalidArgument, fault.CodeOf(errs[i]), "a refused card harms no other")
			require.Equal(t, "card.holder_name", fault.Of(errs[i]).Field)
			continue
		}
		require.NoError(t, errs[i])
		require.Equal(t, cards[i%len(cards)].Number.Last4(), tokens[i].Last4)
		require.False(t, made[tokens[i].Token.Reveal()], "no two callers share a token")
		made[tokens[i].Token.Reveal()] = true
	}
	for i, outcome := range []checkout.Outcome{checkout.OutcomeApproved, checkout.OutcomeDeclined} {
		order := Order(t, "shop", "r1", Start())
		order.PendingCharge.Token = tokens[callers/2+i].Token
		decision, err := f.Acquirer.Authorize(t.Context(), order.Authorization())
		require.NoError(t, err)
		require.Equal(t, outcome, decision.Outcome)
	}
}

func decidedOnce(t *testing.T, f AcquirerFixture) {
	authorization := f.authorization(t, f.Good)
	first, err := f.Acquirer.Authorize(t.Context(), authorization)
	require.NoError(t, err)
	require.Equal(t, checkout.OutcomeApproved, first.Outcome)
	require.NotEmpty(t, first.Purchase)
	require.Equal(t, checkout.Decline{}, first.Decline)
	authorization.TraceID = ""
	again, err := f.Acquirer.Authorize(t.Context(), authorization)
	require.NoError(t, err)
	require.Equal(t, first, again)
}

func declineIsAnswer(t *testing.T, f AcquirerFixture) {
	decision, err := f.Acquirer.Authorize(t.Context(), f.authorization(t, f.Declining))
	require.NoError(t, err)
	require.Equal(t, checkout.OutcomeDeclined, decision.Outcome)
	require.Regexp(t, "^[0-9]{2}$", decision.Decline.Code)
	require.Regexp(t, "^[A-Z_]+$", decision.Decline.Reason)
	require.NotEmpty(t, decision.Decline.Message)
}

func otherPurchaseRefused(t *testing.T, f AcquirerFixture) {
	authorization := f.authorization(t, f.Good)
	_, err := f.Acquirer.Authorize(t.Context(), authorization)
	require.NoError(t, err)
	authorization.Amount.Minor++
	_, err = f.Acquirer.Authorize(t.Context(), authorization)
	require.Equal(t, fault.Aborted, fault.CodeOf(err))
}

func tokenPaysOnce(t *testing.T, f AcquirerFixture) {
	authorization := f.authorization(t, f.Good)
	_, err := f.Acquirer.Authorize(t.Context(), authorization)
	require.NoError(t, err)
	authorization.RequestID = NewID(t).String()
	_, err = f.Acquirer.Authorize(t.Context(), authorization)
	require.Equal(t, fault.InvalidArgument, fault.CodeOf(err))
}

func unknownToken(t *testing.T, f AcquirerFixture) {
	authorization := f.authorization(t, f.Good)
	authorization.Token = checkout.NewToken("ctk_nobody-made-this-one")
	_, err := f.Acquirer.Authorize(t.Context(), authorization)
	require.Equal(t, fault.InvalidArgument, fault.CodeOf(err))
}

func voidGivesBack(t *testing.T, f AcquirerFixture) {
	authorization := f.authorization(t, f.Good)
	approved, err := f.Acquirer.Authorize(t.Context(), authorization)
	require.NoError(t, err)
	for range 2 {
		voided, err := f.Acquirer.Void(t.Context(), authorization.RequestID, "")
		require.NoError(t, err)
		require.Equal(t, checkout.OutcomeVoided, voided.Outcome)
		require.Equal(t, approved.Purchase, voided.Purchase)
	}
	again, err := f.Acquirer.Authorize(t.Context(), authorization)
	require.NoError(t, err)
	require.Equal(t, approved, again, "the first decision, for ever")
}

func voidOfDecline(t *testing.T, f AcquirerFixture) {
	authorization := f.authorization(t, f.Declining)
	declined, err := f.Acquirer.Authorize(t.Context(), authorization)
	require.NoError(t, err)
	voided, err := f.Acquirer.Void(t.Context(), authorization.RequestID, "")
	require.NoError(t, err)
	require.Equal(t, declined, voided)
}

func voidFirst(t *testing.T, f AcquirerFixture) {
	authorization := f.authorization(t, f.Good)
	for range 2 {
		voided, err := f.Acquirer.Void(t.Context(), authorization.RequestID, "")
		require.NoError(t, err)
		require.Equal(t, checkout.OutcomeVoided, voided.Outcome)
	}
	late, err := f.Acquirer.Authorize(t.Context(), authorization)
	require.NoError(t, err)
	require.Equal(t, checkout.OutcomeVoided, late.Outcome)
}

func equalAtOnce(t *testing.T, f AcquirerFixture) {
	const callers = 20
	authorization := f.authorization(t, f.Good)
	decisions := make([]checkout.Decision, callers)
	var running sync.WaitGroup
	for i := range callers {
		running.Go(func() {
			var err error
			if decisions[i], err = f.Acquirer.Authorize(t.Context(), authorization); err != nil {
				t.Error(err)
			}
		})
	}
	running.Wait()
	for _, decision := range decisions {
		require.Equal(t, decisions[0], decision)
	}
}

func givenBackInParts(t *testing.T, f AcquirerFixture) {
	authorization := f.authorization(t, f.Good)
	approved, err := f.Acquirer.Authorize(t.Context(), authorization)
	require.NoError(t, err)
	reversal := func(amount int64) checkout.Reversal {
		return checkout.Reversal{RequestID: NewID(t).String(), Purchase: approved.Purchase, AmountMinor: amount, Description: "Um a menos"}
	}
	part, rest := reversal(1000), reversal(authorization.Amount.Minor-1000)
	name, err := f.Acquirer.Refund(t.Context(), part)
	require.NoError(t, err)
	require.Regexp(t, "^reversals/", name)
	for range 2 {
		part.TraceID = ""
		again, err := f.Acquirer.Refund(t.Context(), part)
		require.NoError(t, err)
		require.Equal(t, name, again)
	}
	other := part
	other.AmountMinor++
	_, err = f.Acquirer.Refund(t.Context(), other)
	require.Equal(t, fault.Aborted, fault.CodeOf(err))
	_, err = f.Acquirer.Refund(t.Context(), reversal(rest.AmountMinor+1))
	require.Equal(t, fault.FailedPrecondition, fault.CodeOf(err))
	second, err := f.Acquirer.Refund(t.Context(), rest)
	require.NoError(t, err)
	require.NotEqual(t, name, second)
	_, err = f.Acquirer.Refund(t.Context(), reversal(1))
	require.Equal(t, fault.FailedPrecondition, fault.CodeOf(err))
}

func nothingToGiveBack(t *testing.T, f AcquirerFixture) {
	declined, err := f.Acquirer.Authorize(t.Context(), f.authorization(t, f.Declining))
	require.NoError(t, err)
	voiding := f.authorization(t, f.Good)
	voided, err := f.Acquirer.Authorize(t.Context(), voiding)
	require.NoError(t, err)
	_, err = f.Acquirer.Void(t.Context(), voiding.RequestID, "")
	require.NoError(t, err)
	for _, purchase := range []string{declined.Purchase, voided.Purchase, "purchases/" + NewID(t).String()} {
		_, err = f.Acquirer.Refund(t.Context(), checkout.Reversal{RequestID: NewID(t).String(), Purchase: purchase, AmountMinor: 1})
		require.Contains(t, []fault.Code{fault.FailedPrecondition, fault.NotFound}, fault.CodeOf(err))
	}
}
