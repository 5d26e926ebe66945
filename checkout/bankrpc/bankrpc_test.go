package bankrpc_test

import (
	"testing"

	"codebank.dev/checkout"
	"codebank.dev/checkout/bankrpc"
	"codebank.dev/checkout/checkouttest"
	"codebank.dev/checkout/inmem"
	"codebank.dev/platform/fault"
	"codebank.dev/platform/serve"
	bankv1 "codebank.dev/schemas/gen/bank/v1"
	"github.com/stretchr/testify/require"
)

// open serves a peer on a real connection and returns the adapter on its other end.
func open(t testing.TB) (*bankrpc.Acquirer, *checkouttest.Peer) {
	t.Helper()
	bank := inmem.NewAcquirer(checkouttest.NewClock())
	bank.Decline("1881", checkout.Decline{Code: "51", Reason: "INSUFFICIENT_FUNDS", Message: "Não há limite."})
	peer := checkouttest.NewPeer(t, bank)
	acquirer := bankrpc.New(peer.Kit.Dial(t, peer.Address, "checkout"))
	t.Cleanup(acquirer.Close)
	return acquirer, peer
}

func TestAcquirer(t *testing.T) {
	checkouttest.TestAcquirer(t, func(t testing.TB) checkouttest.AcquirerFixture {
		acquirer, _ := open(t)
		return checkouttest.AcquirerFixture{
			Acquirer:  acquirer,
			Good:      checkouttest.Card(t, checkouttest.VisaNumber),
			Declining: checkouttest.Card(t, checkouttest.DecliningNumber),
		}
	})
}

func TestTheBankIsSentWhatTheOrderSays(t *testing.T) {
	acquirer, peer := open(t)
	card := checkouttest.Card(t, checkouttest.AmexNumber)
	token, err := acquirer.CreateToken(t.Context(), card)
	require.NoError(t, err)
	require.Equal(t, checkouttest.AmexNumber, peer.Sent().Card.GetNumber())
	require.Equal(t, "9876", peer.Sent().Card.GetCvv())
	require.Equal(t, "MARIA DA SILVA", peer.Sent().Card.GetHolderName())
	require.EqualValues(t, 3, peer.Sent().Card.GetExpiryMonth())
	require.EqualValues(t, 2030, peer.Sent().Card.GetExpiryYear())

	order := checkouttest.Order(t, "shop", "r1", checkouttest.Start())
	order.PendingCharge.Token = token.Token
	_, err = acquirer.Authorize(t.Context(), order.Authorization())
	require.NoError(t, err)
	_, err = acquirer.Void(t.Context(), order.ID.String(), order.TraceID)
	require.NoError(t, err)
	in := peer.Sent().Authorized
	require.Equal(t, order.ID.String(), in.GetRequestId())
	require.Equal(t, token.Token.Reveal(), in.GetCardToken())
	require.EqualValues(t, 20970, in.GetAmountMinor())
	require.Equal(t, "BRL", in.GetCurrency())
	require.Equal(t, "2 × Romance, 1 × Atlas", in.GetDescription())
	require.Equal(t, bankv1.Channel_CHANNEL_ECOMMERCE, in.GetChannel())
	require.EqualValues(t, 1, in.GetAttempt())
	require.Equal(t, "books", in.GetMerchant().GetId())
	require.Equal(t, "Livros & Cia", in.GetMerchant().GetName())
	require.Equal(t, "5942", in.GetMerchant().GetCategoryCode())
	require.Equal(t, "São Paulo", in.GetMerchant().GetCity())
	require.Equal(t, "BR", in.GetMerchant().GetCountry())
	require.Equal(t, []string{"checkout", "checkout", "checkout"}, peer.Sent().Callers)
	require.Equal(t, []string{order.TraceID, order.TraceID}, peer.Sent().Traces[1:], "purchase and void go on with the order's trace")
}

func TestARefusedCardNamesThePayersField(t *testing.T) {
	acquirer, _ := open(t)
	card := checkouttest.Card(t, checkouttest.VisaNumber)
	card.HolderName = "REFUSED"
	_, err := acquirer.CreateToken(t.Context(), card)
	require.Equal(t, fault.InvalidArgument, fault.CodeOf(err))
	require.Equal(t, "card.holder_name", fault.Of(err).Field)
	require.NotContains(t, err.Error(), checkouttest.VisaNumber)
}

func TestAnAnswerThatCannotBeTrustedLeavesTheOutcomeUnknown(t *testing.T) {
	for name, answer := range map[string]func(*bankv1.Purchase) *bankv1.Purchase{
		"no purchase":      func(*bankv1.Purchase) *bankv1.Purchase { return nil },
		"no status":        func(p *bankv1.Purchase) *bankv1.Purchase { p.Status = 0; return p },
		"a future status":  func(p *bankv1.Purchase) *bankv1.Purchase { p.Status = 99; return p },
		"another request":  func(p *bankv1.Purchase) *bankv1.Purchase { p.RequestId = "other"; return p },
		"approved unnamed": func(p *bankv1.Purchase) *bankv1.Purchase { p.Name = ""; return p },
	} {
		t.Run(name, func(t *testing.T) {
			acquirer, peer := open(t)
			peer.Falsify(answer)
			order := checkouttest.Order(t, "shop", "r1", checkouttest.Start())
			token, err := acquirer.CreateToken(t.Context(), checkouttest.Card(t, checkouttest.VisaNumber))
			require.NoError(t, err)
			order.PendingCharge.Token = token.Token
			_, err = acquirer.Authorize(t.Context(), order.Authorization())
			require.Equal(t, fault.Internal, fault.CodeOf(err))
		})
	}
}

func TestADeclineWithoutDetailsStillSaysSomething(t *testing.T) {
	acquirer, peer := open(t)
	peer.Falsify(func(purchase *bankv1.Purchase) *bankv1.Purchase {
		purchase.Decline = &bankv1.Decline{Reason: 99}
		return purchase
	})
	order := checkouttest.Order(t, "shop", "r1", checkouttest.Start())
	token, err := acquirer.CreateToken(t.Context(), checkouttest.Card(t, checkouttest.DecliningNumber))
	require.NoError(t, err)
	order.PendingCharge.Token = token.Token
	decision, err := acquirer.Authorize(t.Context(), order.Authorization())
	require.NoError(t, err)
	require.Equal(t, "05", decision.Decline.Code)
	require.Equal(t, "UNSPECIFIED", decision.Decline.Reason)
	require.NotEmpty(t, decision.Decline.Message)
}

func TestABankThatIsAwayIsUnavailable(t *testing.T) {
	conn, err := serve.Dial("127.0.0.1:1")
	require.NoError(t, err)
	defer conn.Close()
	acquirer := bankrpc.New(conn)
	defer acquirer.Close()
	order := checkouttest.Order(t, "shop", "r1", checkouttest.Start())
	for range 3 {
		_, err = acquirer.Void(t.Context(), "r1", "")
		require.Equal(t, fault.Unavailable, fault.CodeOf(err))
		require.NotContains(t, fault.Of(err).Message, "127.0.0.1")
		_, err = acquirer.Authorize(t.Context(), order.Authorization())
		require.Equal(t, fault.Unavailable, fault.CodeOf(err))
		require.NotContains(t, fault.Of(err).Message, "127.0.0.1")
	}
}
