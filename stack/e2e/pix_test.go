package e2e

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"codebank.dev/dashboards/catalogue"
	"codebank.dev/dashboards/query"
	"codebank.dev/dashboards/view"
	"codebank.dev/native/await"
	"codebank.dev/schemas/command"
	"codebank.dev/schemas/examples"
	bankv1 "codebank.dev/schemas/gen/bank/v1"
	codepixv1 "codebank.dev/schemas/gen/codepix/v1"
	statementv1 "codebank.dev/schemas/gen/statement/v1"
	"codebank.dev/stack/launch"
)

const (
	// pixOutage is how long the hub and the receiving bank are away.
	pixOutage = 20 * time.Second
	// pixHealed is how long after that every payment has an end.
	pixHealed = time.Minute
)

// pixSide is a bank in a payment, with a wallet.
type pixSide struct {
	of     launch.Institution
	conn   *grpc.ClientConn
	wallet *bankv1.Account
}

func openPixSide(t *testing.T, stack *launch.Stack, of launch.Institution, name, document string, deposit int64) *pixSide {
	t.Helper()
	s := &pixSide{of: of, conn: dialAs(t, launch.Bank, stack.Addresses().Of(of).BankGRPC, of.As(launch.Operator))}
	s.wallet = openWallet(t, s.conn, deposit)
	_, err := s.pix().RegisterHolder(t.Context(), &bankv1.RegisterHolderRequest{Customer: "customers/" + s.wallet.GetCustomerId(), FullName: name, Document: document})
	require.NoError(t, err)
	return s
}

func (s *pixSide) pix() bankv1.PixServiceClient { return bankv1.NewPixServiceClient(s.conn) }

// key registers a random key, which needs no proof.
func (s *pixSide) key(t *testing.T) string {
	t.Helper()
	made, err := s.pix().CreateKey(t.Context(), &bankv1.CreateKeyRequest{
		RequestId: newRequestID(), Account: s.wallet.GetName(), Kind: bankv1.PixKeyKind_PIX_KEY_KIND_RANDOM,
	})
	require.NoError(t, err)
	return made.GetKey().GetKey()
}

// send begins a payment and returns its name. While the bank has no answer, because it has not found the hub again, the
// same request is sent again.
func (s *pixSide) send(t *testing.T, key string, amount int64) (name string) {
	t.Helper()
	request := &bankv1.SendPixRequest{
		RequestId: newRequestID(), Account: s.wallet.GetName(), Destination: &bankv1.SendPixRequest_Key{Key: key}, AmountMinor: amount, Currency: "BRL", Description: "lunch",
	}
	await.Until(t, func() bool {
		sent, err := s.pix().SendPix(t.Context(), request)
		if status.Code(err) == codes.Unavailable {
			return false
		}
		require.NoError(t, err)
		name = sent.GetPix().GetName()
		return true
	}, pixHealed, 50*time.Millisecond, "the bank sends a payment")
	return name
}

// awaitState waits until a payment of the bank is as it must be.
func (s *pixSide) awaitState(t *testing.T, name string, want bankv1.PixState, within time.Duration) {
	t.Helper()
	await.Until(t, func() bool {
		read, err := s.pix().GetPix(t.Context(), &bankv1.GetPixRequest{Name: name})
		return err == nil && read.GetPix().GetState() == want
	}, within, 50*time.Millisecond, name)
}

// balance waits until the statement of the wallet says that it has this balance, and nothing is held.
func (s *pixSide) awaitBalance(t *testing.T, stack *launch.Stack, want int64) {
	t.Helper()
	conn := dialAs(t, launch.Statement, stack.Addresses().Of(s.of).StatementGRPC, s.of.As(launch.Operator))
	statements := statementv1.NewStatementServiceClient(conn)
	await.Until(t, func() bool {
		answer, err := statements.GetStatement(t.Context(), &statementv1.GetStatementRequest{Name: s.wallet.GetName() + "/statement"})
		return err == nil && answer.GetStatement().GetBalanceMinor() == want && answer.GetStatement().GetHeldMinor() == 0
	}, timeout, 50*time.Millisecond, "the statement of bank %s", s.of.Code)
}

// A payment by key goes from bank to bank and is on both statements; a part of it comes back; one to a closed account is
// rejected, and the money is free again. The hub has seen all of it, and the dashboard shows it.
func TestMoneyGoesFromBankToBankByKey(t *testing.T) {
	stack := running(t)
	began := time.Now()
	ana := openPixSide(t, stack, launch.FirstBank(), "Ana Souza", "24681357928", 100_00)
	bruno := openPixSide(t, stack, launch.SecondBank(), "Bruno Lima", "86420975310", 1)
	closed := openPixSide(t, stack, launch.SecondBank(), "Davi Prates", "13579246828", 0)
	key, gone := bruno.key(t), closed.key(t)
	_, err := bankv1.NewWalletServiceClient(closed.conn).CloseAccount(t.Context(), &bankv1.CloseAccountRequest{RequestId: newRequestID(), Name: closed.wallet.GetName()})
	require.NoError(t, err)
	paid := ana.send(t, key, 30_00)
	ana.awaitState(t, paid, bankv1.PixState_PIX_STATE_COMPLETED, timeout)
	returned, err := bruno.pix().ReturnPix(t.Context(), &bankv1.ReturnPixRequest{RequestId: newRequestID(), Name: paid, AmountMinor: 10_00})
	require.NoError(t, err)
	bruno.awaitState(t, returned.GetPix().GetName(), bankv1.PixState_PIX_STATE_COMPLETED, timeout)
	ana.awaitState(t, ana.send(t, gone, 5_00), bankv1.PixState_PIX_STATE_REJECTED, timeout)
	ana.awaitBalance(t, stack, 80_00)
	bruno.awaitBalance(t, stack, 20_01)

	hub := codepixv1.NewPaymentServiceClient(dialAs(t, launch.CodePix, stack.Addresses().CodePixGRPC(), launch.HubOperator))
	await.Until(t, func() bool {
		open, err := hub.ListPayments(t.Context(), &codepixv1.ListPaymentsRequest{OpenOnly: true})
		return err == nil && len(open.GetPayments()) == 0
	}, timeout, 50*time.Millisecond, "every payment has an end at the hub")
	awaitPixPanels(t, stack, began)
}

// figure is a figure of a panel, in the row with these keys.
type figure struct {
	panel, metric string
	keys          []string
}

// pixFigure is a figure of a panel for all banks, or in the row with these keys.
func pixFigure(panel, metric string, keys ...string) figure { return figure{panel, metric, keys} }

// awaitPixPanels waits until the dashboard of payments between banks shows what has happened since a time: one payment,
// one that was rejected, and one return.
func awaitPixPanels(t *testing.T, stack *launch.Stack, began time.Time) {
	t.Helper()
	boards := catalogue.Dashboards()
	board := boards[slices.IndexFunc(boards, func(b view.Dashboard) bool { return b.ID == catalogue.Pix })]
	want := []struct {
		figure
		value float64
	}{
		{pixFigure("pix-completed", "payments"), 1}, {pixFigure("pix-completed", "volume"), 30},
		{pixFigure("pix-rejected", "payments"), 1}, {pixFigure("pix-rejected", "rate"), 0.5},
		{pixFigure("pix-returns", "returns"), 1}, {pixFigure("pix-returns", "volume"), 10},
		{pixFigure("pix-in-doubt", "payments"), 0},
		{pixFigure("pix-senders", "sent", "001"), 1}, {pixFigure("pix-senders", "volume", "001"), 30}, {pixFigure("pix-senders", "rejected", "001"), 1},
		{pixFigure("pix-receivers", "received", "002"), 1}, {pixFigure("pix-receivers", "volume", "002"), 30},
		{pixFigure("pix-receivers", "rejected", "002"), 1}, {pixFigure("pix-receivers", "returned", "001"), 10},
		{pixFigure("pix-reasons", "payments", "002", "ACCOUNT_CLOSED"), 1},
		{pixFigure("pix-in-doubt-by-bank", "payments", "001", "002"), 0},
	}
	ask := dashboardClient(stack)
	await.Until(t, func() bool {
		results, err := ask.RunAll(t.Context(), board.Panels, query.Range{From: began, To: time.Now()})
		require.NoError(t, err)
		shown := map[string]query.Table{}
		for _, result := range results {
			if result.Err != nil { // An index that was made a moment ago has no shards that answer yet.
				t.Logf("%s: %v", result.Panel.ID, result.Err)
				return false
			}
			shown[result.Panel.ID] = result.Table
		}
		for _, w := range want {
			got := shown[w.panel].Find(w.metric, w.keys...)
			if got == nil || *got != w.value {
				t.Logf("%s of %s in %v: %s", w.metric, w.panel, w.keys, formatValue(got))
				return false
			}
		}
		return true
	}, timeout, time.Second, "the dashboard shows the payments")
}

// What the examples of payments between banks name is there after PlantPix, also if it is called again.
func TestTheExamplesOfPaymentsBetweenBanksNameWhatIsPlanted(t *testing.T) {
	stack := running(t)
	conns := map[string]*grpc.ClientConn{}
	for _, bank := range launch.Banks() {
		conns[bank.Code] = dialAs(t, launch.Bank, stack.Addresses().Of(bank).BankGRPC, bank.As(launch.Operator))
	}
	one := conns[launch.BankCode]
	for range 2 {
		require.NoError(t, examples.Plant(t.Context(), one))
		require.NoError(t, examples.PlantPix(t.Context(), one, conns[launch.SecondBankCode]))
	}
	pix := bankv1.NewPixServiceClient(one)
	var came *bankv1.Pix
	await.Until(t, func() bool {
		read, err := pix.GetPix(t.Context(), &bankv1.GetPixRequest{Name: examples.AnasPix})
		came = read.GetPix()
		return err == nil && came.GetState() == bankv1.PixState_PIX_STATE_COMPLETED
	}, timeout, 50*time.Millisecond, examples.AnasPix)
	require.Equal(t, bankv1.PixDirection_PIX_DIRECTION_RECEIVED, came.GetDirection())
	require.EqualValues(t, 50_00, came.GetAmountMinor())
	keys, err := pix.ListKeys(t.Context(), &bankv1.ListKeysRequest{Account: came.GetAccount()})
	require.NoError(t, err)
	require.Len(t, keys.GetKeys(), 1)
	require.Equal(t, examples.AnasCPF, keys.GetKeys()[0].GetKey())
	found, err := pix.LookUpKey(t.Context(), &bankv1.LookUpKeyRequest{Account: came.GetAccount(), Key: examples.BrunasCPF})
	require.NoError(t, err)
	require.Equal(t, launch.SecondBankCode, found.GetBankCode())
}

// A code of bank 002 is paid from bank 001 by its text. A second payment of it is rejected, and the money is free again.
func TestACodeIsPaidFromAnotherBankOnce(t *testing.T) {
	stack := running(t)
	ana := openPixSide(t, stack, launch.FirstBank(), "Ana Souza", "86288366757", 100_00)
	bruno := openPixSide(t, stack, launch.SecondBank(), "Bruno Lima", "98765432100", 1)
	bruno.key(t)
	made, err := bruno.pix().CreatePixCode(t.Context(), &bankv1.CreatePixCodeRequest{
		RequestId: newRequestID(), Account: bruno.wallet.GetName(), Kind: bankv1.PixCodeKind_PIX_CODE_KIND_DYNAMIC, AmountMinor: 25_00, Currency: "BRL", Message: "Table 12",
	})
	require.NoError(t, err)
	code := made.GetCode()
	said, err := ana.pix().ParsePixCode(t.Context(), &bankv1.ParsePixCodeRequest{Account: ana.wallet.GetName(), Code: code.GetText()})
	require.NoError(t, err)
	require.Equal(t, "Bruno L***", said.GetHolderName())
	for _, state := range []bankv1.PixState{bankv1.PixState_PIX_STATE_COMPLETED, bankv1.PixState_PIX_STATE_REJECTED} {
		sent, err := ana.pix().SendPix(t.Context(), &bankv1.SendPixRequest{
			RequestId: newRequestID(), Account: ana.wallet.GetName(), Destination: &bankv1.SendPixRequest_Code{Code: code.GetText()}, Currency: "BRL",
		})
		require.NoError(t, err)
		ana.awaitState(t, sent.GetPix().GetName(), state, timeout)
	}
	ana.awaitBalance(t, stack, 75_00)
	bruno.awaitBalance(t, stack, 25_01)
	paid, err := bruno.pix().GetPixCode(t.Context(), &bankv1.GetPixCodeRequest{Name: code.GetName()})
	require.NoError(t, err)
	require.Equal(t, bankv1.PixCodeState_PIX_CODE_STATE_PAID, paid.GetCode().GetState())
}

// The hub or the receiving bank is away while payments are under way, and every message comes twice: each payment is
// credited and captured once, within a minute after the outage.
func TestPaymentsBetweenBanksOutliveOutagesAndRepeats(t *testing.T) {
	stack := running(t)
	ana := openPixSide(t, stack, launch.FirstBank(), "Ana Souza", "39053344705", 1_000_00)
	bruno := openPixSide(t, stack, launch.SecondBank(), "Bruno Lima", "15350946056", 1)
	key := bruno.key(t)
	stop := repeatMessages(t, stack)
	var names []string
	for _, away := range []string{launch.CodePix, launch.SecondBank().Bank} {
		for range 10 {
			names = append(names, ana.send(t, key, 1_00))
		}
		process := stack.Process(away)
		require.NoError(t, process.Stop(t.Context()))
		if away != launch.CodePix { // Keys are looked up at the hub.
			for range 10 {
				names = append(names, ana.send(t, key, 1_00))
			}
		}
		time.Sleep(pixOutage)
		restart(t, process)
		for _, name := range names {
			ana.awaitState(t, name, bankv1.PixState_PIX_STATE_COMPLETED, pixHealed)
		}
	}
	stop()
	ana.awaitBalance(t, stack, 1_000_00-int64(len(names))*1_00)
	bruno.awaitBalance(t, stack, 1+int64(len(names))*1_00)
}

// repeatMessages puts every message between hub and banks on its topic once more, until stop is called.
func repeatMessages(t *testing.T, stack *launch.Stack) (stop func()) {
	t.Helper()
	var topics []string
	for _, bank := range launch.Banks() {
		topics = append(topics, command.PixFromBank(bank.Code), command.PixToBank(bank.Code))
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(stack.Addresses().Kafka()), kgo.ConsumeTopics(topics...), kgo.ConsumeResetOffset(kgo.NewOffset().AtEnd()))
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() {
		repeated := map[string]bool{}
		for ctx.Err() == nil {
			client.PollFetches(ctx).EachRecord(func(r *kgo.Record) {
				name := r.Topic + string(r.Key) + string(r.Value)
				if !repeated[name] {
					repeated[name] = true
					client.Produce(ctx, &kgo.Record{Topic: r.Topic, Key: r.Key, Value: r.Value, Headers: r.Headers}, nil)
				}
			})
		}
	})
	return func() {
		cancel()
		running.Wait()
		client.Close()
	}
}
