package main

import (
	"slices"
	"testing"
	"time"

	"codebank.dev/bank/failpoints"
	"codebank.dev/platform/failpoint"
	"codebank.dev/platform/fault"
	"codebank.dev/schemas/command"
	bankv1 "codebank.dev/schemas/gen/bank/v1"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"codebank.dev/native/await"
)

// arriving is a payment of 1 real from bank 002 to an account.
func arriving(account string) command.PixMessage {
	now := time.Now().UnixMilli()
	return command.PixMessage{
		EndToEndID: "E000000020000000" + uuid.NewString()[:8] + uuid.NewString()[:8], Step: command.PixInitiated, Kind: command.PixPaymentKind,
		SenderBankCode: "002", ReceiverBankCode: "001", AmountMinor: 100, Currency: "BRL", SenderAccountID: bruna.GetAccountId(),
		SenderName: bruna.GetHolderName(), ReceiverAccountID: account[len("accounts/"):], ReceiverName: "Ana L***", KeyKind: "CPF",
		InitiatedAtMillis: now, DecidedAtMillis: now,
	}
}

func answerOf(m command.PixMessage, step, reason string) command.PixMessage {
	m.Step, m.Reason = step, reason
	return m
}

// client calls a bank as a teller.
type pixClient struct {
	t *testing.T
	bankv1.PixServiceClient
	wallets bankv1.WalletServiceClient
}

func (p *process) pix(t *testing.T) pixClient {
	return pixClient{t, bankv1.NewPixServiceClient(p.conn), bankv1.NewWalletServiceClient(p.conn)}
}

func (c pixClient) open(requestID string) string {
	c.t.Helper()
	opened, err := c.wallets.OpenAccount(c.t.Context(), &bankv1.OpenAccountRequest{RequestId: requestID, Currency: "BRL", OpeningDepositMinor: 1000})
	require.NoError(c.t, err)
	return opened.GetAccount().GetName()
}

func (c pixClient) send(account, requestID string) *bankv1.Pix {
	c.t.Helper()
	sent, err := c.SendPix(c.t.Context(), sendPix(account, requestID))
	require.NoError(c.t, err)
	return sent.GetPix()
}

// register names the holder of an account, and registers his CPF as its key.
func (c pixClient) register(account string) error {
	got, err := c.wallets.GetBalance(c.t.Context(), &bankv1.GetBalanceRequest{Name: account})
	if err != nil {
		return err
	}
	_, err = c.RegisterHolder(c.t.Context(), &bankv1.RegisterHolderRequest{
		Customer: "customers/" + got.GetAccount().GetCustomerId(), FullName: "Ana Lima", Document: "52998224725",
	})
	if err == nil {
		_, err = c.CreateKey(c.t.Context(), &bankv1.CreateKeyRequest{
			RequestId: "key", Account: account, Kind: bankv1.PixKeyKind_PIX_KEY_KIND_CPF, Key: "52998224725",
		})
	}
	return err
}

// unregister ends the key of an account.
func (c pixClient) unregister(account string) error {
	_, err := c.DeleteKey(c.t.Context(), &bankv1.DeleteKeyRequest{
		RequestId: "no-key", Account: account, Kind: bankv1.PixKeyKind_PIX_KEY_KIND_CPF, Key: "52998224725",
	})
	return err
}

// requestOnce makes a code of an account and cancels it. The account has no other one then.
func (c pixClient) requestOnce(account string) error {
	created, err := c.CreatePixCode(c.t.Context(), &bankv1.CreatePixCodeRequest{
		RequestId: "code", Account: account, Kind: bankv1.PixCodeKind_PIX_CODE_KIND_STATIC, Currency: "BRL",
	})
	if err == nil {
		_, err = c.CancelPixCode(c.t.Context(), &bankv1.CancelPixCodeRequest{Name: created.GetCode().GetName()})
	}
	if err != nil {
		return err
	}
	listed, err := c.ListPixCodes(c.t.Context(), &bankv1.ListPixCodesRequest{Account: account})
	require.NoError(c.t, err)
	require.Len(c.t, listed.GetCodes(), 1)
	require.Equal(c.t, bankv1.PixCodeState_PIX_CODE_STATE_CANCELLED, listed.GetCodes()[0].GetState())
	return nil
}

func sendPix(account, requestID string) *bankv1.SendPixRequest {
	return &bankv1.SendPixRequest{
		RequestId: requestID, Account: account, AmountMinor: 100, Currency: "BRL", Destination: &bankv1.SendPixRequest_Key{Key: brunasKey},
	}
}

// becomes waits until a payment has a state.
func (c pixClient) becomes(name string, state bankv1.PixState) (pix *bankv1.Pix) {
	c.t.Helper()
	await.Until(c.t, func() bool {
		got, err := c.GetPix(c.t.Context(), &bankv1.GetPixRequest{Name: name})
		pix = got.GetPix()
		return err == nil && pix.GetState() == state
	}, 60*time.Second, 10*time.Millisecond, state.String())
	return pix
}

func (c pixClient) figures(account string) [2]int64 {
	c.t.Helper()
	got, err := c.wallets.GetBalance(c.t.Context(), &bankv1.GetBalanceRequest{Name: account})
	require.NoError(c.t, err)
	return [2]int64{got.GetAccount().GetBalanceMinor(), got.GetAccount().GetHeldMinor()}
}

// A payment that begins while the hub is away is refused, and may be sent again. None is refused that begins when the hub
// is back, for however long it was away.
func TestAHubThatIsBackRefusesNoPayment(t *testing.T) {
	w := newWorld(t)
	h := newHub(w)
	client := w.start(h.flags()...).pix(t)
	account := client.open("ana")
	client.send(account, "before")
	for _, requestID := range []string{"first", "second"} {
		h.stop()
		for range 2 { // The bank tries to connect at the longest interval then.
			_, err := client.SendPix(t.Context(), sendPix(account, requestID))
			require.Equal(t, fault.Unavailable, fault.CodeOf(err), "%v", err)
		}
		h.serve(h.address)
		client.send(account, requestID)
	}
	require.Equal(t, [2]int64{1000, 300}, client.figures(account))
}

// pixPoints are the failpoints that only payments between banks pass.
var pixPoints = []failpoint.Point{
	failpoints.HolderStored, failpoints.PixKeyChanged, failpoints.PixKeyStored, failpoints.PixKeyDropped,
	failpoints.PixMessagesClaimed, failpoints.PixMessagesSent, failpoints.PixMessagesReleased,
	failpoints.PixCodeStored, failpoints.PixCodeCancelled,
}

// The whole way of three payments and a return, at a bank that is killed once between every two durable steps of them.
func TestABankThatIsKilledPaysOnce(t *testing.T) {
	points := append(slices.Clone(pixPoints), "", failpoints.BatchCommitted, failpoints.CommandOffsetStored)
	for _, point := range points {
		t.Run(string(point), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			h := newHub(w)
			p := w.start(h.flags()...)
			account := p.pix(t).open("ana")
			if point != "" {
				p.Interrupt(t)
				flags := append(h.flags(), "--failpoint="+string(point))
				if point == failpoints.PixMessagesReleased { // Without its schema no message can be sent.
					flags = append(flags, "--registry-url=http://127.0.0.1:1")
				}
				p = w.start(flags...)
				client := p.pix(t)
				_ = client.register(account)
				switch point {
				case failpoints.PixKeyDropped:
					_ = client.unregister(account)
				case failpoints.PixCodeStored, failpoints.PixCodeCancelled:
					_ = client.requestOnce(account)
				}
				_, _ = client.SendPix(t.Context(), sendPix(account, "paid"))
				h.say(arriving(account))
				p.AwaitKilledAt(t, string(point))
				w.expireMembership()
				p = w.start(h.flags()...)
			}
			switch point {
			case failpoints.PixKeyDropped:
				require.NoError(t, p.pix(t).unregister(account), "a repeat of what was done is answered")
			case failpoints.PixCodeStored, failpoints.PixCodeCancelled:
				require.NoError(t, p.pix(t).requestOnce(account), "a repeat of what was done is answered")
			}
			paysOnce(t, p.pix(t), h, account, point != "")
		})
	}
}

// paysOnce goes the whole way. early says that a payment to the account was sent before.
func paysOnce(t *testing.T, client pixClient, h *hub, account string, early bool) {
	require.NoError(t, client.register(account))
	keys, err := client.ListKeys(t.Context(), &bankv1.ListKeysRequest{Account: account})
	require.NoError(t, err)
	require.Len(t, keys.GetKeys(), 1)
	paid := client.send(account, "paid")
	require.Equal(t, bankv1.PixState_PIX_STATE_PENDING, paid.GetState())
	initiated := h.hears(command.PixInitiated, paid.GetName()[len("pix/"):])
	for range 2 {
		h.say(answerOf(initiated, command.PixConfirmed, ""))
		h.hears(command.PixCompleted, initiated.EndToEndID)
	}
	client.becomes(paid.GetName(), bankv1.PixState_PIX_STATE_COMPLETED)
	refused := client.send(account, "refused")
	initiated = h.hears(command.PixInitiated, refused.GetName()[len("pix/"):])
	h.say(answerOf(initiated, command.PixRejected, "ACCOUNT_CLOSED"))
	require.Equal(t, "ACCOUNT_CLOSED", client.becomes(refused.GetName(), bankv1.PixState_PIX_STATE_REJECTED).GetReason())

	balance := int64(1000 - 100 + 100)
	if early {
		h.hears(command.PixConfirmed, "")
		balance += 100
	}
	came := arriving(account)
	for range 2 {
		h.say(came)
		h.hears(command.PixConfirmed, came.EndToEndID)
	}
	require.Equal(t, [2]int64{balance, 0}, client.figures(account))
	back, err := client.ReturnPix(t.Context(), &bankv1.ReturnPixRequest{RequestId: "back", Name: "pix/" + came.EndToEndID, AmountMinor: 30})
	require.NoError(t, err)
	initiated = h.hears(command.PixInitiated, back.GetPix().GetName()[len("pix/"):])
	require.Equal(t, came.EndToEndID, initiated.OriginalEndToEndID)
	h.say(answerOf(initiated, command.PixConfirmed, ""))
	h.hears(command.PixCompleted, initiated.EndToEndID)
	client.becomes(back.GetPix().GetName(), bankv1.PixState_PIX_STATE_COMPLETED)
	require.Equal(t, [2]int64{balance - 30, 0}, client.figures(account))
}
