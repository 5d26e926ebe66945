package main

import (
	"testing"

	"codebank.dev/bank/postgres/ledgertest"
	"codebank.dev/platform/fault"
	"codebank.dev/platform/programtest"
	"codebank.dev/platform/serve"
	"codebank.dev/platform/wallstest"
	bankv1 "codebank.dev/schemas/gen/bank/v1"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"
)

// startBehind migrates the ledger and runs the bank with the walls of a kit until it is ready.
func (w *world) startBehind(kit *wallstest.Kit, flags ...string) programtest.Addresses {
	w.Helper()
	flags = append(flags, "--database-url="+ledgertest.Migrated(w, w.owner))
	p := programtest.Start(w.T, nil, append(append(kit.Flags(w.T, "bank"), w.arguments...), flags...)...)
	p.Client = kit.HTTP(w.T, "")
	addresses, ready := p.AwaitReady(w.T)
	require.True(w, ready)
	return addresses
}

// Request ids belong to names, and not to how a name is proved: what was asked for before there were
// certificates is answered from the ledger.
func TestAnOldRequestIsAnsweredThroughACertificate(t *testing.T) {
	w := newWorld(t)
	issue := &bankv1.IssueCardRequest{RequestId: "issue", HolderName: "MARIA SILVA", Currency: "BRL", CreditLimitMinor: 100_000}
	url := ledgertest.Migrated(t, w.owner)
	// before does something at a bank that knows callers by a name only.
	before := func(caller string, do func(*grpc.ClientConn)) {
		p := programtest.Start(t, nil, append([]string{
			"--database-url=" + url, "--relay=false", "--history", "--insecure=" + caller, "--acquirers=checkout,shop",
		}, w.arguments...)...)
		addresses, ready := p.AwaitReady(t)
		require.True(t, ready)
		conn, err := serve.Dial(addresses.GRPC)
		require.NoError(t, err)
		defer conn.Close()
		do(conn)
		p.Kill(t)
	}
	var issued *bankv1.IssueCardResponse
	var err error
	before("history", func(conn *grpc.ClientConn) {
		issued, err = bankv1.NewCardServiceClient(conn).IssueCard(t.Context(), issue)
		require.NoError(t, err)
	})
	buy := &bankv1.AuthorizePurchaseRequest{
		RequestId: "buy", AmountMinor: 300, Currency: "BRL", Merchant: &bankv1.Merchant{Id: "m1", Name: "Books"},
		CardSource: &bankv1.AuthorizePurchaseRequest_Card{Card: issued.GetCard().GetName()},
	}
	stored := make(map[string]*bankv1.AuthorizePurchaseResponse)
	for _, caller := range []string{"checkout", "history", "shop"} {
		before(caller, func(conn *grpc.ClientConn) {
			stored[caller], err = bankv1.NewPurchaseServiceClient(conn).AuthorizePurchase(t.Context(), buy)
			require.NoError(t, err)
		})
	}

	kit := wallstest.New(t)
	address := w.startBehind(kit, "--relay=false", "--history", "--acquirers=checkout,shop-eu", "--namespaces=shop-eu=shop").GRPC
	again, err := bankv1.NewCardServiceClient(kit.Dial(t, address, "history")).IssueCard(t.Context(), issue)
	require.NoError(t, err)
	require.True(t, proto.Equal(issued, again), "%v is not %v", again, issued)
	for program, caller := range map[string]string{"checkout": "checkout", "history": "history", "shop-eu": "shop"} {
		purchases := bankv1.NewPurchaseServiceClient(kit.Dial(t, address, program))
		repeated, err := purchases.AuthorizePurchase(t.Context(), buy)
		require.NoError(t, err)
		require.True(t, proto.Equal(stored[caller], repeated), "%s: %v is not %v", program, repeated, stored[caller])
		for other, purchase := range stored {
			_, err := purchases.GetPurchase(t.Context(), &bankv1.GetPurchaseRequest{Name: purchase.GetPurchase().GetName()})
			require.Equal(t, other == caller, err == nil, "%s reads the purchase of %s: %v", program, other, err)
		}
	}
	// A header makes nobody a caller.
	claim := metadata.AppendToOutgoingContext(t.Context(), "x-codebank-caller", "checkout")
	_, err = bankv1.NewPurchaseServiceClient(kit.Dial(t, address, "")).AuthorizePurchase(claim, buy)
	require.Equal(t, fault.Unauthenticated, fault.CodeOf(err))
}
