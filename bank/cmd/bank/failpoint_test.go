package main

import (
	"context"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sr"
	"github.com/twmb/franz-go/pkg/sr/srfake"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"codebank.dev/bank/failpoints"
	"codebank.dev/bank/intake"
	"codebank.dev/bank/pix"
	"codebank.dev/bank/postgres/ledgertest"
	"codebank.dev/bank/vault"
	"codebank.dev/native/await"
	"codebank.dev/native/postgres/postgrestest"
	"codebank.dev/platform/auditlog/heads"
	"codebank.dev/platform/consumer/consumertest"
	"codebank.dev/platform/failpoint"
	"codebank.dev/platform/fault"
	"codebank.dev/platform/programtest"
	"codebank.dev/platform/wallstest"
	"codebank.dev/schemas"
	"codebank.dev/schemas/event"
	bankv1 "codebank.dev/schemas/gen/bank/v1"
)

func TestMain(m *testing.M) { programtest.Main(m, main) }

const (
	topic          = "bank-001.transactions.v1"
	watermarkTopic = "bank-001.watermarks.v1"
)

// world outlives the bank: its database, its keys, the broker, the registry.
type world struct {
	*testing.T
	// owner is the address of the database for its owner.
	owner     string
	arguments []string
	database  *pgx.Conn
	brokers   []string
	// kit lets the tests call as the operator teller, and as checkout.
	kit *wallstest.Kit
	// desk sends commands by the topic.
	desk *desk
}

func newWorld(t *testing.T) *world {
	owner, keys := postgrestest.Database(t), filepath.Join(t.TempDir(), "vault.json")
	require.NoError(t, vault.NewKeyFile(keys, nil))
	database, err := pgx.Connect(t.Context(), owner)
	require.NoError(t, err)
	t.Cleanup(func() { _ = database.Close(context.Background()) })
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(6, topic, watermarkTopic), kfake.SeedTopics(1, heads.Topic),
		kfake.SeedTopics(6, commandTopic, resultTopic, hubIn, hubOut), kfake.SeedTopics(1, letterTopic, hubLetters))
	require.NoError(t, err)
	t.Cleanup(cluster.Close)
	registry := srfake.New()
	t.Cleanup(registry.Close)
	client, err := sr.NewClient(sr.URLs(registry.URL()))
	require.NoError(t, err)
	for folder, of := range map[string]string{"transactions": topic, "watermarks": watermarkTopic, "command-results": resultTopic, "pix-messages": hubOut} {
		versions, err := schemas.Schemas(folder)
		require.NoError(t, err)
		for _, version := range versions {
			_, err = client.CreateSchema(t.Context(), schemas.Subject(of), sr.Schema{Schema: version.Schema})
			require.NoError(t, err)
		}
	}
	return &world{T: t, owner: owner, database: database, brokers: cluster.ListenAddrs(), kit: wallstest.New(t), desk: newDesk(t, cluster.ListenAddrs()), arguments: []string{
		"--grpc-address=127.0.0.1:0", "--http-address=127.0.0.1:0", "--vault-key-file=" + keys,
		"--kafka-brokers=" + strings.Join(cluster.ListenAddrs(), ","), "--registry-url=" + registry.URL(),
	}}
}

// process is a running bank.
type process struct {
	*programtest.Program
	conn grpc.ClientConnInterface // nil when it ended before it was ready
}

// teller is the operator by whom the tests call.
const teller = "teller"

// counter calls as a teller, and exchanges card data for tokens as an acquirer, which no operator may.
type counter struct {
	*grpc.ClientConn
	acquirer *grpc.ClientConn
}

// Invoke implements grpc.ClientConnInterface.
func (c counter) Invoke(ctx context.Context, method string, in, out any, options ...grpc.CallOption) error {
	if method == bankv1.CardService_CreateCardToken_FullMethodName {
		return c.acquirer.Invoke(ctx, method, in, out, options...)
	}
	return c.ClientConn.Invoke(ctx, method, in, out, options...)
}

// start migrates the ledger and runs the bank, as its own role, until it is ready or has ended.
func (w *world) start(flags ...string) *process {
	w.Helper()
	return w.startAt(ledgertest.Migrated(w, w.owner), flags...)
}

// startAt runs the bank on the database at an address until it is ready or has ended.
func (w *world) startAt(url string, flags ...string) *process {
	w.Helper()
	arguments := append(w.kit.Flags(w.T, "bank"), "--database-url="+url, "--operators="+teller)
	p := &process{Program: programtest.Start(w.T, nil, append(append(arguments, w.arguments...), flags...)...)}
	p.Client = w.kit.HTTP(w.T, "")
	if addresses, ready := p.AwaitReady(w.T); ready {
		p.conn = counter{w.kit.Dial(w.T, addresses.GRPC, teller), w.kit.Dial(w.T, addresses.GRPC, "checkout")}
	}
	return p
}

// expireLease ends the lease of a killed bank at once.
func (w *world) expireLease() {
	w.Helper()
	_, err := w.database.Exec(w.Context(), "UPDATE relay_lease SET expires_at = now()")
	if err != nil {
		require.ErrorContains(w, err, "does not exist", "killed before the table was made")
	}
}

// expireMembership ends the membership of killed banks in the group of those who read commands, at once.
func (w *world) expireMembership() {
	w.Helper()
	consumertest.Expire(w, w.desk.client, intake.Reader("001"), pix.Reader("001"))
}

// shopper has the card and the wallets of one customer and the answers to its requests.
type shopper struct {
	card    *bankv1.Card
	data    *bankv1.CardData
	token   string
	brief   *bankv1.PlaceHoldRequest // a hold that expires
	desk    *desk
	answers map[string]proto.Message
}

// step is one request of a customer. It may be repeated.
type step struct {
	name string
	ask  func(context.Context, grpc.ClientConnInterface, *shopper) (proto.Message, error)
}

func buy(requestID string, amount int64, pay func(*bankv1.AuthorizePurchaseRequest, *shopper)) step {
	return step{requestID, func(ctx context.Context, conn grpc.ClientConnInterface, c *shopper) (proto.Message, error) {
		request := &bankv1.AuthorizePurchaseRequest{
			RequestId: requestID, AmountMinor: amount, Currency: "BRL",
			Merchant: &bankv1.Merchant{Id: "padaria", Name: "Padaria São João", CategoryCode: "5462", City: "São Paulo", Country: "BR"},
			Channel:  bankv1.Channel_CHANNEL_ECOMMERCE,
		}
		pay(request, c)
		return bankv1.NewPurchaseServiceClient(conn).AuthorizePurchase(ctx, request)
	}}
}

func byData(request *bankv1.AuthorizePurchaseRequest, c *shopper) {
	request.CardSource = &bankv1.AuthorizePurchaseRequest_CardData{CardData: c.data}
}

func byToken(request *bankv1.AuthorizePurchaseRequest, c *shopper) {
	request.CardSource = &bankv1.AuthorizePurchaseRequest_CardToken{CardToken: c.token}
}

func byCard(request *bankv1.AuthorizePurchaseRequest, c *shopper) {
	request.CardSource = &bankv1.AuthorizePurchaseRequest_Card{Card: c.card.GetName()}
}

func byUnknown(request *bankv1.AuthorizePurchaseRequest, c *shopper) {
	data := proto.CloneOf(c.data)
	data.Number = "5555555555554444"
	request.CardSource = &bankv1.AuthorizePurchaseRequest_CardData{CardData: data}
}

// unblock unblocks a card that is not blocked. Only a batch under locks can answer that.
func unblock(name string) step {
	return step{name, func(ctx context.Context, conn grpc.ClientConnInterface, c *shopper) (proto.Message, error) {
		answer, err := bankv1.NewCardServiceClient(conn).UnblockCard(ctx, &bankv1.UnblockCardRequest{Name: c.card.GetName()})
		return &bankv1.Card{Name: answer.GetCard().GetName()}, err // The rest is as of now.
	}}
}

// steps are all requests of a customer: those of a card, then those of wallets, then
// those by the topic.
func steps() []step { return slices.Concat(cardSteps(), walletSteps(), commandSteps()) }

// cardSteps end with a balance of -2000 at sequence 8, one decline without an account, and one request
// that was voided before it was made.
func cardSteps() []step {
	return []step{
		{"issue", func(ctx context.Context, conn grpc.ClientConnInterface, c *shopper) (proto.Message, error) {
			answer, err := bankv1.NewCardServiceClient(conn).IssueCard(ctx, &bankv1.IssueCardRequest{
				RequestId: "issue", HolderName: "MARIA SILVA", Currency: "BRL", CreditLimitMinor: 100_000,
			})
			c.card, c.data = answer.GetCard(), answer.GetCardData()
			return answer, err
		}},
		{"link", func(ctx context.Context, conn grpc.ClientConnInterface, c *shopper) (proto.Message, error) {
			return bankv1.NewCustomerServiceClient(conn).LinkCustomer(ctx, &bankv1.LinkCustomerRequest{
				Customer: "customers/" + c.card.GetCustomerId(), User: "users/3f1c1f0e-8f64-4d5e-9a55-0c8f1b2a7d01",
			})
		}},
		{"token", func(ctx context.Context, conn grpc.ClientConnInterface, c *shopper) (proto.Message, error) {
			if c.token != "" {
				return c.answers["token"], nil // It was answered; the purchase shows that the token is good.
			}
			answer, err := bankv1.NewCardServiceClient(conn).CreateCardToken(ctx, &bankv1.CreateCardTokenRequest{CardData: c.data})
			c.token = answer.GetCardToken()
			return answer, err
		}},
		unblock("unblock"),
		buy("by-data", 1000, byData),
		unblock("unblock again"),
		buy("by-token", 2000, byToken),
		buy("by-card", 3000, byCard),
		unblock("unblock a third time"),
		buy("too-much", 1_000_000, byCard),
		buy("unknown", 500, byUnknown),
		unblock("unblock a fourth time"),
		{"void", func(ctx context.Context, conn grpc.ClientConnInterface, _ *shopper) (proto.Message, error) {
			return bankv1.NewPurchaseServiceClient(conn).VoidPurchase(ctx, &bankv1.VoidPurchaseRequest{RequestId: "by-card"})
		}},
		{"void-unseen", func(ctx context.Context, conn grpc.ClientConnInterface, _ *shopper) (proto.Message, error) {
			return bankv1.NewPurchaseServiceClient(conn).VoidPurchase(ctx, &bankv1.VoidPurchaseRequest{RequestId: "never"})
		}},
		{"reverse", func(ctx context.Context, conn grpc.ClientConnInterface, c *shopper) (proto.Message, error) {
			bought, _ := c.answers["by-data"].(*bankv1.AuthorizePurchaseResponse)
			return bankv1.NewPurchaseServiceClient(conn).ReversePurchase(ctx, &bankv1.ReversePurchaseRequest{
				RequestId: "reverse", Name: bought.GetPurchase().GetName(),
			})
		}},
		{"limit", func(ctx context.Context, conn grpc.ClientConnInterface, c *shopper) (proto.Message, error) {
			return bankv1.NewCardServiceClient(conn).ChangeLimit(ctx, &bankv1.ChangeLimitRequest{
				RequestId: "limit", Name: c.card.GetName(), CreditLimitMinor: 100_000, // As before: IssueCard answers with the card as it is now.
			})
		}},
	}
}

// runSteps sends the requests in order, until one is not answered. A request that was answered
// before must get the same answer.
func (w *world) runSteps(p *process, c *shopper) (whole bool) {
	w.Helper()
	if p.conn == nil {
		return false
	}
	for _, step := range steps() {
		ctx, cancel := context.WithTimeout(w.Context(), 30*time.Second)
		answer, err := step.ask(ctx, p.conn, c)
		cancel()
		if err != nil {
			require.Equal(w, fault.Unavailable, fault.CodeOf(err), "%s: %v", step.name, err)
			return false
		}
		if before := c.answers[step.name]; before != nil {
			require.True(w, proto.Equal(before, answer), "%s: answered\n%v\nbefore, and now\n%v", step.name, before, answer)
		}
		c.answers[step.name] = answer
	}
	return true
}

// killPoints are the failpoints, some of them at a later passage too: batches differ over time, and
// so do writes of the lease.
func killPoints() []string {
	more := map[failpoint.Point][]string{
		failpoints.BatchLocked:    {"2", "4"},
		failpoints.BatchDecided:   {"4", "9"},
		failpoints.BatchCommitted: {"4", "9"},
		failpoints.LeaseWritten:   {"2"},
	}
	var settings []string
	for _, point := range failpoints.All() {
		if slices.Contains(pixPoints, point) {
			continue
		}
		settings = append(settings, string(point))
		for _, times := range more[point] {
			settings = append(settings, string(point)+":"+times)
		}
	}
	return settings
}

func TestKilledAtAnyFailpointNothingIsLostOrDoubled(t *testing.T) {
	for _, setting := range killPoints() {
		t.Run(setting, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			c := &shopper{answers: make(map[string]proto.Message), desk: w.desk}
			keys := "--command-keys=" + w.desk.file
			name, _, _ := strings.Cut(setting, ":")
			var dying *process
			if point := failpoint.Point(name); point == failpoints.LedgerMigrated || point == failpoints.LedgerClaimed {
				dying = w.startAt(w.owner, "--migrate", keys, "--failpoint="+setting)
			} else {
				dying = w.start(keys, "--failpoint="+setting)
			}
			w.runSteps(dying, c)
			dying.AwaitKilledAt(t, name)
			w.expireLease()
			w.expireMembership()

			p := w.start(keys)
			require.True(t, w.runSteps(p, c), "after the restart every request is answered")
			require.True(t, w.runSteps(p, c), "and answered the same again")
			w.verify(p, c)
			p.Interrupt(t)
		})
	}
}

// verify compares ledger, outbox and topic with the answers.
func (w *world) verify(p *process, c *shopper) {
	w.Helper()
	account, err := bankv1.NewCardServiceClient(p.conn).GetAccount(w.Context(), &bankv1.GetAccountRequest{Name: c.card.GetAccount()})
	require.NoError(w, err)
	require.EqualValues(w, -2000, account.GetAccount().GetBalanceMinor())
	require.EqualValues(w, 8, account.GetAccount().GetSequence())
	for name, want := range map[string]bankv1.PurchaseStatus{
		"by-data": bankv1.PurchaseStatus_PURCHASE_STATUS_APPROVED, "by-token": bankv1.PurchaseStatus_PURCHASE_STATUS_APPROVED,
		"by-card": bankv1.PurchaseStatus_PURCHASE_STATUS_APPROVED, "too-much": bankv1.PurchaseStatus_PURCHASE_STATUS_DECLINED,
		"unknown": bankv1.PurchaseStatus_PURCHASE_STATUS_DECLINED,
	} {
		answer, _ := c.answers[name].(*bankv1.AuthorizePurchaseResponse)
		require.Equal(w, want, answer.GetPurchase().GetStatus(), name)
	}

	require.Equal(w, []int64{1, 2, 3, 4, 5, 6, 7, 8}, w.sequences("account_id = $1", c.card.GetAccount()[len("accounts/"):]), "one entry for each request, no gap")
	require.Equal(w, []int64{0, 0, 0, 0}, w.sequences("account_id IS NULL"))
	w.verifyWallets(p, c)
	w.verifyCommands(p, c)
	await.Until(w, func() bool {
		var waiting int
		return w.database.QueryRow(w.Context(), "SELECT count(*) FROM outbox").Scan(&waiting) == nil && waiting == 0
	}, time.Minute, 10*time.Millisecond, "events wait in the outbox")
	w.verifyTopic()
}

// verifyTopic reads the whole topic: every event is there, first occurrences are in order, and a
// repeat is the same event again.
func (w *world) verifyTopic() {
	w.Helper()
	consumer, err := kgo.NewClient(kgo.SeedBrokers(w.brokers...), kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	require.NoError(w, err)
	defer consumer.Close()
	decoder, err := event.NewVersionDecoder(event.NewestVersion)
	require.NoError(w, err)
	seen, last := make(map[string]string), make(map[string]int64)
	ctx, cancel := context.WithTimeout(w.Context(), time.Minute)
	defer cancel()
	for len(seen) < events {
		fetches := consumer.PollFetches(ctx)
		require.NoError(w, fetches.Err(), "%d of %d events arrived", len(seen), events)
		fetches.EachRecord(func(record *kgo.Record) {
			_, body, err := event.ParseFrame(record.Value)
			require.NoError(w, err)
			var e event.Transaction
			require.NoError(w, decoder.Decode(body, &e))
			if before, repeated := seen[e.EventID]; repeated {
				require.Equal(w, before, string(body), "a repeat is the same event")
				return
			}
			seen[e.EventID] = string(body)
			if e.AccountID == "" {
				return
			}
			require.Equal(w, last[e.AccountID]+1, e.Sequence.Value, "first occurrences are in order")
			last[e.AccountID]++
		})
	}
	require.ElementsMatch(w, []int64{8, payerEvents, payeeEvents, senderEvents, receiverEvents}, slices.Collect(maps.Values(last)))
	require.Len(w, seen, events)
}

func TestAnUnknownFailpointIsRefusedWithTheList(t *testing.T) {
	for _, setting := range []string{"nowhere", "batch-decided:0", "batch-decided:x", "after-token"} {
		err := run(t.Context(), []string{"--failpoint=" + setting}, nil, io.Discard)
		require.ErrorContains(t, err, "failpoint")
	}
	err := run(t.Context(), []string{"--failpoint=nowhere"}, nil, io.Discard)
	for _, point := range failpoints.All() {
		require.ErrorContains(t, err, string(point))
	}
}
