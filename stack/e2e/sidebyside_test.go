package e2e

import (
	"context"
	"encoding/binary"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"codebank.dev/native/await"
	"codebank.dev/schemas"
	"codebank.dev/schemas/event"
	bankv1 "codebank.dev/schemas/gen/bank/v1"
	checkoutv1 "codebank.dev/schemas/gen/checkout/v1"
	"codebank.dev/stack/launch"
	"codebank.dev/stack/pipes"
)

// oldEventVersion is the version of the event before transfers and holds.
const oldEventVersion = 2

// A bank that still writes events of version 2 and one that writes the newest version work on one
// ledger. Both decide purchases. The old one refuses what an old event cannot say, until it is started
// without the flag.
func TestAnOldBankAndANewOneWorkOnOneLedger(t *testing.T) {
	stack := running(t)
	row, address := replica(t, stack, map[string]string{"event-version": fmt.Sprint(oldEventVersion)})
	before, after := dial(t, address), dial(t, stack.Addresses().BankGRPC())
	card := issue(t, before, 100_000, nil)
	byVersion := map[string]int{}
	for i := range 20 {
		request, connection, version := purchase(card.GetCard().GetName(), 10), before, oldEventVersion
		if i%2 == 1 {
			connection, version = after, event.NewestVersion
		}
		byVersion[request.GetRequestId()] = version
		first, err := bankv1.NewPurchaseServiceClient(connection).AuthorizePurchase(t.Context(), request)
		require.NoError(t, err)
		for _, other := range []*grpc.ClientConn{before, after} {
			again, err := bankv1.NewPurchaseServiceClient(other).AuthorizePurchase(t.Context(), request)
			require.NoError(t, err)
			require.True(t, proto.Equal(first, again), "both banks answer a repeat alike")
		}
	}

	ana, bruno := openWallet(t, after, 1_000), openWallet(t, after, 0)
	commands := newCommands(t, ana, bruno, card.GetCard().GetName())
	for name, ask := range commands {
		err := ask(before)
		require.Equal(t, codes.FailedPrecondition, status.Code(err), "%s: %v", name, err)
		require.Equal(t, "EVENT_VERSION_TOO_OLD", reasonOf(err), name)
	}
	requireVersionsOnTopic(t, stack, card.GetCard().GetAccount(), byVersion)

	require.NoError(t, row.Stop(t.Context()))
	_, address = replica(t, stack, nil)
	served := dial(t, address)
	for name, ask := range commands {
		require.NoError(t, ask(served), "%s: what was refused was not stored", name)
	}
	requireAuditEqual(t, stack)
}

// newCommands returns requests that only an event of version 3 can tell of, by name. Each may be sent
// again.
func newCommands(t *testing.T, from, to *bankv1.Account, card string) map[string]func(*grpc.ClientConn) error {
	t.Helper()
	open := &bankv1.OpenAccountRequest{RequestId: newRequestID(), Currency: "BRL"}
	transfer, hold, later := transferRequest(from, to, 100), holdRequest(from, 100), purchase(card, 100)
	later.CaptureLater = true
	ctx := t.Context()
	return map[string]func(*grpc.ClientConn) error{
		"OpenAccount": func(c *grpc.ClientConn) error {
			_, err := bankv1.NewWalletServiceClient(c).OpenAccount(ctx, open)
			return err
		},
		"Transfer": func(c *grpc.ClientConn) error {
			_, err := bankv1.NewWalletServiceClient(c).Transfer(ctx, transfer)
			return err
		},
		"PlaceHold": func(c *grpc.ClientConn) error {
			_, err := bankv1.NewWalletServiceClient(c).PlaceHold(ctx, hold)
			return err
		},
		"AuthorizePurchase with capture_later": func(c *grpc.ClientConn) error {
			_, err := bankv1.NewPurchaseServiceClient(c).AuthorizePurchase(ctx, later)
			return err
		},
	}
}

// requireVersionsOnTopic reads with which version of the schema the purchases of an account were
// written: each with that of the bank that decided it.
func requireVersionsOnTopic(t *testing.T, stack *launch.Stack, account string, byVersion map[string]int) {
	t.Helper()
	rows, err := ledgerPool(t, stack).Query(t.Context(), "SELECT sequence, request_id FROM entries WHERE account_id = $1 AND kind = 3", idOf(account))
	require.NoError(t, err)
	want := map[string]int{}
	var sequence int64
	var request string
	_, err = pgx.ForEachRow(rows, []any{&sequence, &request}, func() error {
		want[event.ID(idOf(account), sequence)] = byVersion[request]
		return nil
	})
	require.NoError(t, err)
	require.Len(t, want, len(byVersion))

	versions := map[uint32]int{}
	for version := 1; version <= event.NewestVersion; version++ {
		answer := call(t, http.MethodGet, fmt.Sprintf("%s/subjects/%s/versions/%d",
			stack.Addresses().RegistryConfluent(), schemas.Subject(transactions), version), nil)
		versions[uint32(answer["id"].(float64))] = version
	}
	decoders := pipes.NewDecoders(stack.Addresses().RegistryConfluent())
	var got map[string]int
	await.Until(t, func() bool {
		got = map[string]int{}
		err := pipes.ReadAll(t.Context(), stack.Addresses().Kafka(), func(record *kgo.Record) {
			var e event.Transaction
			if string(record.Key) != idOf(account) {
				return
			}
			require.NoError(t, decoders.Decode(t.Context(), record.Value, &e))
			if _, wanted := want[e.EventID]; wanted {
				got[e.EventID] = versions[binary.BigEndian.Uint32(record.Value[1:])]
			}
		}, transactions)
		return err == nil && len(got) == len(want)
	}, timeout, 100*time.Millisecond)
	require.Equal(t, want, got)
}

// A checkout of the previous version dies after the bank of the previous version has decided, before
// the order is ended. Both are replaced, and the order ends with that one purchase.
func TestAnOrderLeftOpenByThePreviousVersionEnds(t *testing.T) {
	stack := running(t)
	bank, address := replica(t, stack, map[string]string{"event-version": fmt.Sprint(oldEventVersion)})
	n := int(lastID.Add(1))
	base := stack.Addresses().BasePort + 50
	checkout, err := stack.Replica(t.Context(), launch.Checkout, launch.Copy{
		Name: fmt.Sprintf("checkout-%d", n), GRPCPort: base + 2*(n%20), HTTPPort: base + 2*(n%20) + 1,
		Settings: map[string]string{"bank-address": address, "failpoint": "after-bank-answer"},
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, stack.Remove(context.Background(), checkout)) })

	data := issue(t, dial(t, address), 100_000, nil).GetCardData()
	order := &checkoutv1.PlaceOrderRequest{
		RequestId: newRequestID(), Attempt: 1, Items: []*checkoutv1.PlaceOrderItem{{Product: "products/cafe-coado", Quantity: 1}},
		Card: &checkoutv1.Card{
			Number: data.GetNumber(), HolderName: data.GetHolderName(), Cvv: data.GetCvv(),
			ExpiryMonth: data.GetExpiryMonth(), ExpiryYear: data.GetExpiryYear(),
		},
	}
	_, err = checkoutv1.NewCheckoutServiceClient(dialAs(t, launch.Checkout, fmt.Sprintf("127.0.0.1:%d", base+2*(n%20)), "shop")).PlaceOrder(t.Context(), order)
	require.Equal(t, codes.Unavailable, status.Code(err), "the checkout died: %v", err)
	await.Until(t, func() bool { return !checkout.Running() }, timeout, 10*time.Millisecond)
	require.NoError(t, bank.Stop(t.Context()))

	orders := checkoutv1.NewCheckoutServiceClient(dialAs(t, launch.Checkout, stack.Addresses().CheckoutGRPC(), "shop"))
	var ended *checkoutv1.Order
	await.Until(t, func() bool {
		answer, err := orders.PlaceOrder(t.Context(), order)
		ended = answer.GetOrder()
		return err == nil && ended.GetState() == checkoutv1.OrderState_ORDER_STATE_APPROVED
	}, timeout, 50*time.Millisecond)
	var entries, old int
	require.NoError(t, ledgerPool(t, stack).QueryRow(t.Context(),
		"SELECT count(*), count(*) FILTER (WHERE event_version IS NULL) FROM entries WHERE transaction_id = $1 OR original_transaction_id = $1",
		idOf(ended.GetPurchase())).Scan(&entries, &old))
	require.Equal(t, 1, entries, "the card is charged once")
	require.Equal(t, 1, old, "by the bank of the previous version")
	requireAuditEqual(t, stack)
}
