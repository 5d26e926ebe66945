package main

import (
	"context"
	"testing"
	"time"

	"codebank.dev/checkout"
	"codebank.dev/checkout/bankrpc"
	"codebank.dev/checkout/checkouttest"
	"codebank.dev/native/await"
	"codebank.dev/native/postgres/postgrestest"
	bankv1 "codebank.dev/schemas/gen/bank/v1"
	checkoutv1 "codebank.dev/schemas/gen/checkout/v1"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

// insertOpenOrder writes an order and its item as every version of the program does.
const insertOpenOrder = `WITH created AS (
		INSERT INTO orders (id, caller, request_id, fingerprint, trace_id, state, store_slug, store_name, store_category_code,
			store_city, store_country, total_minor, currency, description, attempt, card_brand, card_last4,
			purchase, decline_code, decline_reason, decline_message, token, token_expires_at, tries, next_at, voiding, created_at)
		VALUES ($1, 'shop', $2, decode(repeat('00', 32), 'hex'), '4bf92f3577b34da6a3ce929d0e0e4736', 1, 'cafe-da-serra', 'Café da Serra', '5814',
			'São Paulo', 'BR', 1500, 'BRL', '2 × Café coado', 1, 'VISA', '1111',
			'', '', '', '', $3, now() + interval '10 minutes', 1, now() - interval '1 second', $4, now() - interval '20 seconds')
		RETURNING id)
	INSERT INTO order_items (order_id, line, product, name, quantity, unit_price_minor)
	SELECT id, 1, 'cafe-coado', 'Café coado', 2, 750 FROM created`

// Orders that the version before left open in each way end, and are charged at most once.
func TestOrdersLeftOpenByAnEarlierVersionEnd(t *testing.T) {
	databaseURL := postgrestest.Database(t)
	bank, peer := newBank(t)
	start(t, databaseURL, peer).Interrupt(t)
	conn, err := pgx.Connect(t.Context(), databaseURL)
	require.NoError(t, err)
	defer conn.Close(t.Context())

	type left struct {
		id     checkout.ID
		sent   bool // the bank has approved it, and the answer was lost
		voided bool // the decision to void it is stored
		want   checkout.OrderState
	}
	cases := map[string]left{
		"never sent":             {want: checkout.Approved},
		"sent":                   {sent: true, want: checkout.Approved},
		"to be voided":           {voided: true, want: checkout.Declined},
		"sent, and to be voided": {sent: true, voided: true, want: checkout.Declined},
	}
	for requestID, order := range cases {
		token, err := bank.CreateToken(t.Context(), checkouttest.Card(t, checkouttest.VisaNumber))
		require.NoError(t, err)
		order.id = checkouttest.NewID(t)
		voiding := 0
		if order.voided {
			voiding = int(checkout.TimedOut)
		}
		_, err = conn.Exec(t.Context(), insertOpenOrder, [16]byte(order.id), requestID, token.Token.Reveal(), voiding)
		require.NoError(t, err)
		if order.sent {
			_, err = bank.Authorize(t.Context(), checkout.Authorization{
				RequestID: order.id.String(), Token: token.Token, Amount: checkouttest.Reais(1500),
				Merchant: checkout.Store{Slug: "cafe-da-serra"}, Description: "2 × Café coado",
			})
			require.NoError(t, err)
		}
		cases[requestID] = order
	}

	p := start(t, databaseURL, peer, "--reconcile-every=20ms")
	await.Until(t, func() bool {
		var open int
		err := conn.QueryRow(t.Context(), "SELECT count(*) FROM orders WHERE state = 1").Scan(&open)
		return err == nil && open == 0
	}, time.Minute, 20*time.Millisecond)
	p.Interrupt(t)
	kept := 0
	for requestID, order := range cases {
		var state int
		require.NoError(t, conn.QueryRow(t.Context(), "SELECT state FROM orders WHERE request_id = $1", requestID).Scan(&state))
		require.EqualValues(t, order.want, state, requestID)
		_, charged := bank.Kept()[order.id.String()]
		require.Equal(t, order.want == checkout.Approved, charged, requestID)
		if charged {
			kept++
		}
	}
	require.Len(t, bank.Kept(), kept)
}

// An order that the version without walls left open ends behind walls. At the bank it is the same request, so it is charged
// at most once, and checkout gives it back.
func TestAnOrderLeftOpenBeforeWallsEndsBehindThem(t *testing.T) {
	const limit, price = 1_000_000, 1500
	bank, databaseURL := checkouttest.NewBank(t, postgrestest.Database(t)), postgrestest.Database(t)
	bank.Start(t)
	card, account := bank.Issue(t, limit)
	startAt(t, bank, databaseURL).Interrupt(t)
	bank.Stop(t)
	conn := withoutOwners(t, databaseURL)

	// The bank knows checkout by its name alone, as before there were certificates.
	bank.StartPlain(t, "checkout")
	before := bankrpc.New(bank.DialPlain(t))
	orders := map[string]*struct {
		sent bool // the bank has approved it, and the answer was lost
		void checkout.VoidReason
		want checkout.OrderState

		id       checkout.ID
		purchase string // at the bank, before
	}{
		"sent":                   {sent: true, want: checkout.Approved},
		"never sent":             {want: checkout.Approved},
		"sent, and to be voided": {sent: true, void: checkout.TimedOut, want: checkout.Declined},
	}
	for requestID, order := range orders {
		token, err := before.CreateToken(t.Context(), card)
		require.NoError(t, err)
		order.id = checkouttest.NewID(t)
		_, err = conn.Exec(t.Context(), insertOpenOrder, [16]byte(order.id), requestID, token.Token.Reveal(), int(order.void))
		require.NoError(t, err)
		if order.sent {
			decision, err := before.Authorize(t.Context(), checkout.Authorization{
				RequestID: order.id.String(), Token: token.Token, Amount: checkouttest.Reais(price), Attempt: 1,
				Merchant:    checkout.Store{Slug: "cafe-da-serra", Name: "Café da Serra", CategoryCode: "5814", City: "São Paulo", Country: "BR"},
				Description: "2 × Café coado",
			})
			require.NoError(t, err)
			require.Equal(t, checkout.OutcomeApproved, decision.Outcome)
			order.purchase = decision.Purchase
		}
	}
	before.Close()
	bank.Stop(t)

	bank.Start(t)
	require.EqualValues(t, limit-2*price, bank.Available(t, account))
	p := startAt(t, bank, databaseURL, "--reconcile-every=20ms")
	await.Until(t, func() bool {
		var open int
		err := conn.QueryRow(t.Context(), "SELECT count(*) FROM orders WHERE state = 1").Scan(&open)
		return err == nil && open == 0
	}, time.Minute, 20*time.Millisecond)
	require.EqualValues(t, limit-2*price, bank.Available(t, account), "two are charged once, and one is given back")
	for requestID, order := range orders {
		found, err := p.client.GetOrder(t.Context(), &checkoutv1.GetOrderRequest{Name: "orders/" + order.id.String()})
		require.NoError(t, err, "the shop still sees %s", requestID)
		require.Equal(t, "ORDER_STATE_"+order.want.String(), found.GetOrder().GetState().String(), requestID)
		if order.purchase != "" {
			require.Equal(t, order.purchase, found.GetOrder().GetPurchase(), "the transaction of before")
		}
		order.purchase = found.GetOrder().GetPurchase()
	}
	purchases := bankv1.NewPurchaseServiceClient(bank.Dial(t, "checkout"))
	for _, requestID := range []string{"sent", "never sent"} {
		for range 2 { // A repeat gives nothing back twice.
			_, err := purchases.ReversePurchase(t.Context(), &bankv1.ReversePurchaseRequest{RequestId: "back:" + orders[requestID].id.String(), Name: orders[requestID].purchase})
			require.NoError(t, err, requestID)
		}
	}
	require.EqualValues(t, limit, bank.Available(t, account))
	p.Interrupt(t)
}

// startAt runs the program at a real bank until it is ready.
func startAt(t *testing.T, bank *checkouttest.Bank, databaseURL string, flags ...string) *process {
	t.Helper()
	return start(t, databaseURL, &checkouttest.Peer{Kit: bank.Kit, Address: bank.Address()}, flags...)
}

// withoutOwners makes a database one of the version that did not record owners, and returns a connection to it.
func withoutOwners(t *testing.T, databaseURL string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), databaseURL)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	for _, statement := range []string{
		"ALTER TABLE orders DROP COLUMN owner",
		"DROP TABLE charges, charge_operations, charge_keys, charge_requests, merchant_sequences, charge_events, charge_outbox, charge_offsets, " +
			"charge_feed, charge_statistics, charge_balances, webhook_endpoints, webhook_secrets, webhook_cursors, webhook_deliveries, webhook_attempts, charge_secrets CASCADE",
		"DROP FUNCTION guard_charges, guard_charge_operations, guard_new_charge_operations, guard_charge_keys, guard_deleted_charge_keys, " +
			"guard_charge_events, guard_unchanging CASCADE",
		"DROP TABLE audit_log, audit_head, acts, merchant_secrets, merchant_members, merchants CASCADE",
		"DROP FUNCTION refuse_audit_log_change, guard_merchant_secrets, give_store_a_merchant, count_product_version CASCADE",
		"ALTER TABLE stores DROP COLUMN merchant",
		"ALTER TABLE products DROP COLUMN id, DROP COLUMN picture_url, DROP COLUMN version",
		"DELETE FROM migrations WHERE version_id >= 3",
	} {
		_, err := conn.Exec(t.Context(), statement)
		require.NoError(t, err, statement)
	}
	return conn
}
