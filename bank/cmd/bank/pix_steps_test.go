package main

import (
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"codebank.dev/bank/failpoints"
	"codebank.dev/platform/failpoint"
	"codebank.dev/schemas/command"
	bankv1 "codebank.dev/schemas/gen/bank/v1"
)

// pixStep is one step of a payment at which a bank is killed.
type pixStep struct {
	// before brings the bank to the step, step begins it and may have no answer, and after requires that it was taken
	// once.
	before, step, after func(s *pixScene)
}

// pixScene is a bank with one account, and a payment.
type pixScene struct {
	*testing.T
	hub     *hub
	client  pixClient
	account string
	payment command.PixMessage
}

// pay sends the payment, and hears what the bank says of it.
func (s *pixScene) pay() {
	require.NoError(s, s.client.register(s.account))
	sent := s.client.send(s.account, "paid")
	s.payment = s.hub.hears(command.PixInitiated, sent.GetName()[len("pix/"):])
}

func (s *pixScene) say(step, reason string) { s.hub.say(answerOf(s.payment, step, reason)) }

func (s *pixScene) resolve() (*bankv1.ResolvePixResponse, error) {
	return s.client.ResolvePix(s.Context(), &bankv1.ResolvePixRequest{Name: "pix/" + s.payment.EndToEndID})
}

// comesBack makes a payment that was completed come back in part.
func (s *pixScene) comesBack() {
	s.pay()
	s.say(command.PixConfirmed, "")
	s.hub.hears(command.PixCompleted, s.payment.EndToEndID)
	back := arriving(s.account)
	back.EndToEndID = "D000000020000000" + uuid.NewString()[:8] + uuid.NewString()[:8]
	back.OriginalEndToEndID, back.Kind, back.KeyKind, back.AmountMinor = s.payment.EndToEndID, command.PixReturnKind, command.PixNoKey, 30
	s.payment = back
}

// The steps that end a payment otherwise than by its way, at a bank that is killed before and after their commit: an
// operator resolves it, its receiver rejects it and the money is free again, and a part of it comes back to the sender.
func TestABankThatIsKilledEndsAPaymentOnce(t *testing.T) {
	steps := map[string]pixStep{
		"resolved": {
			before: func(s *pixScene) { s.payment = arriving(s.account) },
			step:   func(s *pixScene) { _, _ = s.resolve() },
			after: func(s *pixScene) {
				for range 2 {
					resolved, err := s.resolve()
					require.NoError(s, err)
					require.Equal(s, bankv1.PixState_PIX_STATE_REJECTED, resolved.GetPix().GetState())
					s.hub.say(s.payment)
					require.Equal(s, resolved.GetPix().GetReason(), s.hub.hears(command.PixRejected, s.payment.EndToEndID).Reason)
				}
				require.Equal(s, [2]int64{1000, 0}, s.client.figures(s.account))
			},
		},
		"rejected": {
			before: (*pixScene).pay,
			step:   func(s *pixScene) { s.say(command.PixRejected, "ACCOUNT_CLOSED") },
			after: func(s *pixScene) {
				s.say(command.PixRejected, "ACCOUNT_CLOSED")
				s.client.becomes("pix/"+s.payment.EndToEndID, bankv1.PixState_PIX_STATE_REJECTED)
				require.Equal(s, [2]int64{1000, 0}, s.client.figures(s.account))
			},
		},
		"come back": {
			before: (*pixScene).comesBack,
			step:   func(s *pixScene) { s.hub.say(s.payment) },
			after: func(s *pixScene) {
				for range 2 {
					s.hub.say(s.payment)
					s.hub.hears(command.PixConfirmed, s.payment.EndToEndID)
				}
				require.Equal(s, [2]int64{1000 - 100 + 30, 0}, s.client.figures(s.account))
			},
		},
	}
	for name, step := range steps {
		for _, point := range []failpoint.Point{failpoints.BatchDecided, failpoints.BatchCommitted} {
			t.Run(name+", "+string(point), func(t *testing.T) {
				t.Parallel()
				w := newWorld(t)
				s := &pixScene{T: t, hub: newHub(w)}
				p := w.start(s.hub.flags()...)
				s.client = p.pix(t)
				s.account = s.client.open("ana")
				step.before(s)
				p.Interrupt(t)
				p = w.start(append(s.hub.flags(), "--failpoint="+string(point))...)
				s.client = p.pix(t)
				step.step(s)
				p.AwaitKilledAt(t, string(point))
				w.expireMembership()
				s.client = w.start(s.hub.flags()...).pix(t)
				step.after(s)
			})
		}
	}
}
