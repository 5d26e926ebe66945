package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"codebank.dev/checkout/checkouttest"
	"codebank.dev/checkout/merchant"
	"codebank.dev/checkout/payment/accept"
	"codebank.dev/checkout/payment/failpoints"
	"codebank.dev/native/postgres/postgrestest"
	"codebank.dev/platform/failpoint"
	"codebank.dev/platform/pan"
	"codebank.dev/platform/programtest"
	bankv1 "codebank.dev/schemas/gen/bank/v1"
)

// liveShop is a merchant with a live secret, the bank's own program behind walls, and a card that it has issued.
type liveShop struct {
	*counter
	bank    *checkouttest.Bank
	card    pan.CardData
	account string
	secret  string
	// ledger is the address of the bank's database.
	ledger string
}

// cardLimit is the limit of the card, in centavos.
const cardLimit = 1_000_000

func newLiveShop(t *testing.T) *liveShop {
	t.Helper()
	c := newCounter(t)
	c.broker.Open(t, accept.Topic)
	ledger := postgrestest.Database(t)
	bank := checkouttest.NewBank(t, ledger)
	bank.Kit = c.kit
	bank.Start(t)
	for _, statement := range []string{
		"UPDATE merchants SET name = 'Café da Serra' WHERE slug = 'cafe'",
		"INSERT INTO stores (slug, name, category_code, city, country, merchant) VALUES ('serra', 'Serra', '5812', 'São Paulo', 'BR', 'cafe')",
	} {
		_, err := c.admin.Exec(t.Context(), statement)
		require.NoError(t, err)
	}
	s := &liveShop{counter: c, bank: bank, secret: c.newSecret(cafe, merchant.Live), ledger: ledger}
	s.card, s.account = bank.Issue(t, cardLimit)
	return s
}

// live starts the processor with the bank's address.
func (s *liveShop) live(flags ...string) *programtest.Program {
	return s.processor(append(flags, "--bank-address="+s.bank.Address())...)
}

// order is a charge of 42.50 on the card; number replaces its number.
func (s *liveShop) order(number string, capture bool) string {
	return fmt.Sprintf(`{"amount_minor": 4250, "currency": "BRL", "capture": %t, "card": {"number": %q, "holder_name": %q, "expiry_month": %d,
		"expiry_year": %d, "cvv": %q}}`, capture, number, s.card.HolderName, s.card.Expiry.Month, s.card.Expiry.Year, s.card.CVV.Reveal())
}

// spent is what the bank has taken or set aside.
func (s *liveShop) spent() int64 {
	s.Helper()
	return cardLimit - s.bank.Available(s.T, s.account)
}

// operate sends a capture, a void or a refund.
func (s *liveShop) operate(p *process, charge, verb, key, body string) {
	s.Helper()
	answer, text := p.send(s.T, s.secret, "POST", "/v1/charges/"+charge+"/"+verb, key, body)
	require.NotNil(s, answer, text)
	require.Equal(s, 202, answer.StatusCode, text)
}

// purchase returns what the bank knows of a charge.
func (s *liveShop) purchase(charge string) *bankv1.Purchase {
	s.Helper()
	var name string
	require.NoError(s, s.admin.QueryRow(s.Context(), "SELECT purchase FROM charges WHERE id = $1", charge).Scan(&name))
	found, err := bankv1.NewPurchaseServiceClient(s.bank.Dial(s, "operator")).GetPurchase(s.Context(), &bankv1.GetPurchaseRequest{Name: name})
	require.NoError(s, err)
	require.Equal(s, charge, found.GetPurchase().GetMerchantReference())
	return found.GetPurchase()
}

func is(status string) func(*shown) bool { return func(c *shown) bool { return c.Status == status } }

// A live charge is a purchase at the bank, whose decision is the merchant's answer; a test charge never gets there.
func TestLiveChargesAreDecidedByTheBank(t *testing.T) {
	t.Parallel()
	s := newLiveShop(t)
	p, processor := s.start(), s.live()
	number := s.card.Number.Reveal()
	test := p.charge(t, s.secrets[cafe], "test", s.order(goodCard, true))
	require.Equal(t, "approved", p.await(t, s.secrets[cafe], test.ID, isDecided).Status)
	require.Zero(t, s.spent())

	now := p.charge(t, s.secret, "now", s.order(number, true))
	require.Equal(t, "approved", p.await(t, s.secret, now.ID, isDecided).Status)
	require.Equal(t, int64(4250), s.spent())
	s.operate(p, now.ID, "refund", "back", `{"amount_minor": 250}`)
	p.await(t, s.secret, now.ID, func(c *shown) bool { return c.RefundedMinor == 250 })
	require.Equal(t, int64(4000), s.spent())
	merchant := s.purchase(now.ID).GetMerchant()
	require.Equal(t, []string{cafe, "Café da Serra", "5812", "São Paulo", "BR"},
		[]string{merchant.GetId(), merchant.GetName(), merchant.GetCategoryCode(), merchant.GetCity(), merchant.GetCountry()})

	captured := p.charge(t, s.secret, "later", s.order(number, false))
	released := p.charge(t, s.secret, "never", s.order(number, false))
	for _, one := range []shown{captured, released} {
		require.Equal(t, "authorized", p.await(t, s.secret, one.ID, isDecided).Status)
	}
	require.Equal(t, int64(4000+2*4250), s.spent())
	s.operate(p, captured.ID, "capture", "capture", `{"amount_minor": 1000}`)
	s.operate(p, released.ID, "void", "void", `{}`)
	p.await(t, s.secret, captured.ID, is("approved"))
	p.await(t, s.secret, released.ID, is("voided"))
	require.Equal(t, int64(5000), s.spent())

	unknown := p.await(t, s.secret, p.charge(t, s.secret, "unknown", s.order(goodCard, true)).ID, isDecided)
	require.Equal(t, "rejected", unknown.Status)
	require.Equal(t, "UNKNOWN_CARD", unknown.Error.Reason)
	malformed := p.await(t, s.secret, p.charge(t, s.secret, "malformed", s.order("4111111111111112", true)).ID, isDecided)
	require.Equal(t, "INVALID_NUMBER", malformed.Error.Reason)
	require.Equal(t, int64(5000), s.spent())
	require.NotContains(t, p.Log()+processor.Log(), number)
}

// While the bank is away nothing is rejected. Once it is there, all is decided.
func TestLiveChargesWaitForABankThatIsAway(t *testing.T) {
	t.Parallel()
	s := newLiveShop(t)
	s.bank.Stop(t)
	p, processor := s.start(), s.live()
	waiting := p.charge(t, s.secret, "waiting", s.order(s.card.Number.Reveal(), true))
	processor.Await(t, func() bool { return strings.Contains(processor.Log(), "records could not be handled") })
	answer, text := p.send(t, s.secret, "GET", "/v1/charges/"+waiting.ID, "", "")
	require.Equal(t, 200, answer.StatusCode)
	require.Contains(t, text, "pending")
	s.bank.Start(t) // At another address.
	processor.Interrupt(t)
	s.live()
	require.Equal(t, "approved", p.await(t, s.secret, waiting.ID, isDecided).Status)
	require.Equal(t, int64(4250), s.spent())
}

// Wherever the processor is killed between the bank and its topic, the bank does each thing once.
func TestALiveChargeEndsOnceWhereverTheProcessorIsKilled(t *testing.T) {
	t.Parallel()
	for _, kill := range []struct {
		point  failpoint.Point
		number string
		spent  int64
		status string
	}{
		{failpoints.ChargeAuthorized, "", 1000, "approved"},
		{failpoints.OperationDone, "", 1000, "approved"},
		{failpoints.ChargesAnswered, "", 1000, "approved"},
		{failpoints.ChargeVoided, "4111111111111112", 0, "rejected"},
	} {
		t.Run(string(kill.point), func(t *testing.T) {
			t.Parallel()
			s := newLiveShop(t)
			p, processor := s.start(), s.live("--failpoint="+string(kill.point))
			number := kill.number
			if number == "" {
				number = s.card.Number.Reveal()
			}
			made := p.charge(t, s.secret, "one", s.order(number, false))
			if kill.point == failpoints.OperationDone {
				p.await(t, s.secret, made.ID, is("authorized"))
				s.operate(p, made.ID, "capture", "capture", `{"amount_minor": 1000}`)
			}
			processor.AwaitKilledAt(t, string(kill.point))
			s.live()
			s.hasten()
			if decided := p.await(t, s.secret, made.ID, isDecided); decided.Status == "authorized" {
				s.operate(p, made.ID, "capture", "capture", `{"amount_minor": 1000}`)
			}
			p.await(t, s.secret, made.ID, is(kill.status))
			require.Equal(t, kill.spent, s.spent())
		})
	}
}

// An authorization that the bank has released expires here, also if the gateway is killed when it has asked. One that
// the bank keeps stays, whatever the gateway's clock says.
func TestALiveAuthorizationExpiresWhenTheBankSaysSo(t *testing.T) {
	t.Parallel()
	s := newLiveShop(t)
	p := s.start("--failpoint=" + string(failpoints.ExpiriesAsked))
	s.live()
	released := p.charge(t, s.secret, "released", s.order(s.card.Number.Reveal(), false))
	kept := p.charge(t, s.secret, "kept", s.order(s.card.Number.Reveal(), false))
	test := p.charge(t, s.secrets[cafe], "test", s.order(goodCard, false))
	p.await(t, s.secret, released.ID, is("authorized"))
	p.await(t, s.secret, kept.ID, is("authorized"))
	p.await(t, s.secrets[cafe], test.ID, is("authorized"))
	_, err := bankv1.NewWalletServiceClient(s.bank.Dial(t, "operator")).VoidHold(t.Context(),
		&bankv1.VoidHoldRequest{Name: strings.Replace(s.purchase(released.ID).GetName(), "purchases/", "transactions/", 1)})
	require.NoError(t, err)
	due := "UPDATE charges SET expiry_due_at = now() WHERE state = 3"
	_, err = s.admin.Exec(t.Context(), due)
	require.NoError(t, err)
	p.AwaitKilledAt(t, string(failpoints.ExpiriesAsked))
	p = s.start()
	s.hasten()
	p.await(t, s.secret, released.ID, is("expired"))
	p.await(t, s.secrets[cafe], test.ID, is("expired"))
	p.await(t, s.secret, kept.ID, is("authorized"))
	require.Equal(t, int64(4250), s.spent())
}
