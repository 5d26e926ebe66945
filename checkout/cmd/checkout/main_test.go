package main

import (
	"context"
	"io"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"codebank.dev/checkout"
	"codebank.dev/checkout/checkouttest"
	"codebank.dev/checkout/clock"
	"codebank.dev/checkout/failpoints"
	"codebank.dev/checkout/inmem"
	"codebank.dev/checkout/postgres"
	"codebank.dev/native/await"
	native "codebank.dev/native/postgres"
	"codebank.dev/native/postgres/postgrestest"
	"codebank.dev/platform/database/databasetest"
	"codebank.dev/platform/failpoint"
	"codebank.dev/platform/fault"
	"codebank.dev/platform/programtest"
	"codebank.dev/platform/serve"
	"codebank.dev/platform/wallstest"
	bankv1 "codebank.dev/schemas/gen/bank/v1"
	checkoutv1 "codebank.dev/schemas/gen/checkout/v1"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
)

func TestMain(m *testing.M) { programtest.Main(m, main) }

// process is a running copy of the program.
type process struct {
	*programtest.Program
	client checkoutv1.CheckoutServiceClient
	grpc   string // address
	http   string // address
}

// launch migrates the database at an address, whose user must be a superuser, starts the program behind
// walls, as its own role, and does not wait for anything.
func launch(t *testing.T, databaseURL string, peer *checkouttest.Peer, flags ...string) *programtest.Program {
	t.Helper()
	require.NoError(t, postgres.Migrate(t.Context(), postgres.Config{URL: databaseURL}))
	return launchAs(t, databasetest.As(t, databaseURL, postgres.ServiceRole), peer, flags...)
}

// launchAs is launch on a database as it is, as the user of its address.
func launchAs(t *testing.T, databaseURL string, peer *checkouttest.Peer, flags ...string) *programtest.Program {
	t.Helper()
	p := launchBare(t, databaseURL, peer.Address, append(peer.Kit.Flags(t, "checkout"), flags...)...)
	p.Client = peer.Kit.HTTP(t, "")
	return p
}

// launchPlain starts the program without TLS. Everybody is the program shop to it.
func launchPlain(t *testing.T, databaseURL, bankAddress string) *programtest.Program {
	t.Helper()
	return launchBare(t, databaseURL, bankAddress, "--insecure=shop")
}

func launchBare(t *testing.T, databaseURL, bankAddress string, flags ...string) *programtest.Program {
	t.Helper()
	return programtest.Start(t, []string{"CHECKOUT_DATABASE_URL=" + databaseURL}, append([]string{
		"--grpc-address=127.0.0.1:0", "--http-address=127.0.0.1:0", "--log-level=debug", "--bank-address=" + bankAddress,
	}, flags...)...)
}

func TestEveryFigureWithAnAlarmIsThereFromTheStart(t *testing.T) {
	shown := programtest.RequireAlarmFigures(t, launchPlain(t, programtest.NoDatabase, "127.0.0.1:1"), "codebank_checkout_")
	require.Contains(t, shown, "codebank_checkout_oldest_open_order_seconds +Inf\n", "not known is an endless age")
	require.NotContains(t, shown, "codebank_checkout_open_orders")
}

// start runs the program until it is ready.
func start(t *testing.T, databaseURL string, peer *checkouttest.Peer, flags ...string) *process {
	t.Helper()
	p := &process{Program: launch(t, databaseURL, peer, flags...)}
	addresses, ready := p.AwaitReady(t)
	require.True(t, ready, p.Log())
	p.grpc, p.http = addresses.GRPC, addresses.HTTP
	p.client = checkoutv1.NewCheckoutServiceClient(peer.Kit.Dial(t, p.grpc, "shop"))
	return p
}

// The planted card. Its security code has four digits, so that no time can be mistaken for it.
const (
	plantedNumber = checkouttest.AmexNumber
	plantedCode   = "7391"
)

func request(requestID string) *checkoutv1.PlaceOrderRequest {
	return &checkoutv1.PlaceOrderRequest{
		RequestId: requestID,
		Items:     []*checkoutv1.PlaceOrderItem{{Product: "products/cafe-coado", Quantity: 2}},
		Card: &checkoutv1.Card{
			Number: plantedNumber, HolderName: "MARIA DA SILVA", ExpiryMonth: 3, ExpiryYear: 2030, Cvv: plantedCode,
		},
	}
}

func newBank(t *testing.T) (*inmem.Acquirer, *checkouttest.Peer) {
	bank := inmem.NewAcquirer(clock.System{})
	return bank, checkouttest.NewPeer(t, bank)
}

func TestTheProgramSellsAndKeepsNoCardData(t *testing.T) {
	databaseURL := postgrestest.Database(t)
	bank, peer := newBank(t)
	peer.Kit.StartIdentity(t)
	p := start(t, databaseURL, peer)
	for _, path := range []string{"/livez", "/readyz", "/docs", "/openapi.json", "/v1/products"} {
		require.Equal(t, http.StatusOK, p.get(t, path).Status, path)
	}
	require.Equal(t, http.StatusNotFound, p.get(t, "/debug/pprof/").Status, "only with --profile")
	placed, err := p.client.PlaceOrder(t.Context(), request("r1"))
	require.NoError(t, err)
	require.Equal(t, checkoutv1.OrderState_ORDER_STATE_APPROVED, placed.GetOrder().GetState())
	require.EqualValues(t, 1500, placed.GetOrder().GetTotalMinor())
	require.Equal(t, "stores/cafe-da-serra", placed.GetOrder().GetStore().GetName())
	require.Len(t, bank.Kept(), 1)

	bank.Script(inmem.NoFault, inmem.Refusing, inmem.LostAnswer)
	refused, err := p.client.PlaceOrder(t.Context(), request("r2"))
	require.NoError(t, err)
	require.Equal(t, checkout.ReasonRefused, refused.GetOrder().GetDeclineReason())
	for field, change := range map[string]func(*checkoutv1.PlaceOrderRequest){
		"card.holder_name":   func(r *checkoutv1.PlaceOrderRequest) { r.Card.HolderName = "\u0001" },
		"card.holder_name ":  func(r *checkoutv1.PlaceOrderRequest) { r.Card.HolderName = plantedNumber },
		"card.holder_name  ": func(r *checkoutv1.PlaceOrderRequest) { r.Card.HolderName = "MARIA 3782-822463-10005" },
		"request_id":         func(r *checkoutv1.PlaceOrderRequest) { r.RequestId = plantedNumber },
		"items[0].product":   func(r *checkoutv1.PlaceOrderRequest) { r.Items[0].Product = "products/" + plantedNumber },
	} {
		bad := request("r3")
		change(bad)
		_, err = p.client.PlaceOrder(t.Context(), bad)
		require.Equal(t, fault.InvalidArgument, fault.CodeOf(err), field)
		require.Equal(t, strings.TrimSpace(field), fault.Of(err).Field)
	}

	secrets := append(plantTokens(t, peer.Kit, p), plantSecrets(t, peer.Kit, p)...)

	guest := request("guest")
	guest.Guest = true
	asGuest, err := p.client.PlaceOrder(t.Context(), guest)
	require.NoError(t, err)
	secrets = append(secrets, strings.TrimPrefix(asGuest.GetOrderSecret(), "gos_"))
	for _, secret := range []string{asGuest.GetOrderSecret(), asGuest.GetOrderSecret()[:46] + "A"} {
		_, _ = p.client.GetGuestOrder(t.Context(), &checkoutv1.GetGuestOrderRequest{Name: asGuest.GetOrder().GetName(), OrderSecret: secret})
	}

	metrics := p.get(t, "/metrics").Body
	require.Contains(t, metrics, `codebank_checkout_orders_ended_total{outcome="approved"} 3`)
	require.Contains(t, metrics, `codebank_checkout_orders_ended_total{outcome="given_up"} 1`)
	require.Contains(t, metrics, "codebank_checkout_open_orders 0")
	p.Interrupt(t)

	dump := everything(t, databaseURL)
	require.Contains(t, dump, "cafe-coado")
	for _, text := range append(secrets, keysOf(t, peer.Kit, "checkout", "shop")...) {
		require.NotContains(t, dump, text, "an access token, an API secret or a key in a table")
		require.NotContains(t, p.Log(), text, "an access token, an API secret or a key in the log")
	}
	cards := regexp.MustCompile(plantedNumber + `|\b` + plantedCode + `\b|ctk_|MARIA`)
	require.Empty(t, cards.FindString(dump), "card data in a table")
	require.Empty(t, cards.FindString(p.Log()), "card data in the log")
	require.NotContains(t, p.Log(), "cvv")
	require.NotContains(t, p.Log(), mustPassword(t, databaseURL))

	again := start(t, databaseURL, peer, "--profile")
	require.Equal(t, http.StatusOK, again.get(t, "/debug/pprof/").Status)
	repeated, err := again.client.PlaceOrder(t.Context(), request("r1"))
	require.NoError(t, err)
	require.True(t, proto.Equal(placed.GetOrder(), repeated.GetOrder()), "after a restart too")
	again.Interrupt(t)
}

// plantTokens calls with access tokens, right and wrong ones, over gRPC and REST. It returns what of them is
// secret.
func plantTokens(t *testing.T, kit *wallstest.Kit, p *process) (secrets []string) {
	t.Helper()
	const user = "5d1f4a1e-0c1a-4f0a-9a55-3f8f7b0f2a10"
	good := kit.Customer(t, user)
	await.Until(t, func() bool {
		_, err := p.client.PlaceOrder(wallstest.WithToken(t.Context(), good), request("r4"))
		return err == nil
	}, time.Minute, 20*time.Millisecond, "once it is known which sessions have ended")
	for _, text := range []string{
		good, good[:len(good)-4] + "AAAA", kit.Sign(t, wallstest.Token{Subject: user, Roles: []string{"customer"}, Age: time.Hour}),
		kit.Sign(t, wallstest.Token{Subject: user, Roles: []string{"customer"}, Audience: "elsewhere"}),
	} {
		parts := strings.Split(text, ".")
		secrets = append(secrets, parts[1], parts[2])
		_, err := p.client.GetOrder(wallstest.WithToken(t.Context(), text), &checkoutv1.GetOrderRequest{Name: "orders/" + user})
		require.Error(t, err)
		require.NotContains(t, err.Error(), parts[1])
		require.NotContains(t, err.Error(), parts[2])
		in, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+p.http+"/v1/orders/"+user, nil)
		require.NoError(t, err)
		in.Header.Set("Authorization", "Bearer "+text)
		out, err := p.Client.Do(in)
		require.NoError(t, err)
		defer out.Body.Close()
		body, err := io.ReadAll(out.Body)
		require.NoError(t, err)
		require.GreaterOrEqual(t, out.StatusCode, http.StatusBadRequest)
		require.NotContains(t, string(body), parts[1])
		require.NotContains(t, string(body), parts[2])
	}
	return secrets
}

// keysOf returns lines of the private keys of programs.
func keysOf(t *testing.T, kit *wallstest.Kit, programs ...string) (lines []string) {
	t.Helper()
	for _, program := range programs {
		content, err := os.ReadFile(kit.Files(t, program).Key)
		require.NoError(t, err)
		for line := range strings.Lines(string(content)) {
			if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "-----") {
				lines = append(lines, line)
			}
		}
	}
	require.NotEmpty(t, lines)
	return lines
}

func TestKilledAtAnyFailpointNothingIsLostOrDoubled(t *testing.T) {
	t.Parallel()
	for _, point := range failpoints.All() {
		t.Run(string(point), func(t *testing.T) {
			t.Parallel()
			killedAt(t, point)
		})
	}
}

// killedAt has the program die at a point while it starts or while an order is
// placed, and shows that after a restart the order ends as if nothing had happened.
func killedAt(t *testing.T, point failpoint.Point) {
	if slices.Contains(failpoints.Refund(), point) {
		killedRefunding(t, point)
		return
	}
	databaseURL := postgrestest.Database(t)
	bank, peer := newBank(t)
	// Impatient, so that what a killed program left is taken up soon.
	impatient := []string{"--charge-deadline=500ms", "--try-timeout=200ms", "--reconcile-every=50ms", "--reconcile-backoff=200ms"}
	want, kept := checkoutv1.OrderState_ORDER_STATE_APPROVED, 1
	armed := append(impatient, "--failpoint="+string(point))
	switch point {
	case failpoints.OrdersMigrated:
		dying := launchAs(t, databaseURL, peer, append(armed, "--migrate")...)
		dying.AwaitKilledAt(t, string(point))
	case failpoints.ActDone, failpoints.SecretUsed:
		dying := start(t, databaseURL, peer, armed...)
		dying.awaitKilledByMerchant(t, peer, point)
	case failpoints.CatalogueSeeded, failpoints.SecretStored:
		dying := launch(t, databaseURL, peer, armed...)
		dying.AwaitKilledAt(t, string(point))
	case failpoints.OrdersClaimed:
		// An order that was left open, for the Reconciler to claim.
		died := start(t, databaseURL, peer, append(impatient, "--failpoint="+string(failpoints.BeforeBankCall))...)
		_, err := died.client.PlaceOrder(t.Context(), request("r1"))
		require.Equal(t, fault.Unavailable, fault.CodeOf(err))
		died.AwaitEnd(t)
		dying := launch(t, databaseURL, peer, armed...)
		dying.AwaitKilledAt(t, string(point))
	default:
		if point == failpoints.OrderChangedUnderLock {
			peer.Falsify(moveLease(t, databaseURL))
		}
		if point == failpoints.AfterVoidDecision || point == failpoints.AfterVoidAnswer {
			bank.Script(inmem.NoFault, inmem.Refusing)
			want, kept = checkoutv1.OrderState_ORDER_STATE_DECLINED, 0
		}
		dying := start(t, databaseURL, peer, armed...)
		_, err := dying.client.PlaceOrder(t.Context(), request("r1"))
		require.Error(t, err)
		require.Equal(t, fault.Unavailable, fault.CodeOf(err))
		dying.AwaitKilledAt(t, string(point))
	}

	p := start(t, databaseURL, peer, impatient...)
	place := func() (ended *checkoutv1.Order) {
		await.Until(t, func() bool {
			answer, err := p.client.PlaceOrder(t.Context(), request("r1"))
			ended = answer.GetOrder()
			return err == nil && ended.GetState() != checkoutv1.OrderState_ORDER_STATE_PENDING
		}, time.Minute, 20*time.Millisecond)
		return ended
	}
	ended := place()
	require.Equal(t, want, ended.GetState())
	require.Len(t, bank.Kept(), kept)
	require.True(t, proto.Equal(ended, place()), "an answer stands")
	p.Interrupt(t)
}

// awaitKilledByMerchant makes a secret, and uses it, until the program is killed at a point. What was done is
// done, and its repeat is answered.
func (p *process) awaitKilledByMerchant(t *testing.T, peer *checkouttest.Peer, point failpoint.Point) {
	t.Helper()
	create := &checkoutv1.CreateSecretRequest{RequestId: "r1", Parent: "merchants/rua-direita", Mode: checkoutv1.SecretMode_SECRET_MODE_LIVE}
	made, err := checkoutv1.NewMerchantServiceClient(peer.Kit.Dial(t, p.grpc, "operator")).CreateSecret(t.Context(), create)
	if point == failpoints.SecretUsed {
		require.NoError(t, err)
		ctx := wallstest.WithToken(t.Context(), made.GetText())
		_, err = checkoutv1.NewMerchantServiceClient(peer.Kit.Dial(t, p.grpc, "")).ListMerchants(ctx, &checkoutv1.ListMerchantsRequest{})
	}
	require.Equal(t, fault.Unavailable, fault.CodeOf(err))
	p.AwaitKilledAt(t, string(point))
}

func TestTheOldNamesOfSettingsAreStillAccepted(t *testing.T) {
	config, err := parse([]string{"--settle-every=50ms"}, []string{"CHECKOUT_DATABASE_URL=x", "CHECKOUT_SETTLE_BACKOFF=200ms"}, io.Discard)
	require.NoError(t, err)
	require.Equal(t, 50*time.Millisecond, config.limits.Poll)
	require.Equal(t, 200*time.Millisecond, config.limits.Reconcile.Most)
}

// moveLease changes every open order before the bank's answer, as the claim of another process
// does, and leaves the answer as it is.
func moveLease(t *testing.T, databaseURL string) func(*bankv1.Purchase) *bankv1.Purchase {
	conn, err := pgx.Connect(t.Context(), databaseURL)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	var one sync.Mutex
	return func(purchase *bankv1.Purchase) *bankv1.Purchase {
		one.Lock()
		defer one.Unlock()
		_, err := conn.Exec(context.Background(), "UPDATE orders SET next_at = next_at + interval '1 ms' WHERE state = 1")
		if err != nil {
			t.Error(err)
		}
		return purchase
	}
}

// Orders of many callers share the batch after which the program dies. None of them is lost, and
// none is charged twice.
func TestKilledBetweenTheBatchesOfManyOrders(t *testing.T) {
	t.Parallel()
	for _, point := range []failpoint.Point{failpoints.OrderStored, failpoints.OrderChanged} {
		t.Run(string(point), func(t *testing.T) {
			t.Parallel()
			databaseURL := postgrestest.Database(t)
			bank, peer := newBank(t)
			impatient := []string{"--charge-deadline=500ms", "--try-timeout=200ms", "--reconcile-every=50ms", "--reconcile-backoff=200ms"}
			dying := start(t, databaseURL, peer, append(impatient, "--failpoint="+string(point)+":2")...)
			const orders = 64
			place := func(p *process, each func(*checkoutv1.Order, error)) {
				var placing sync.WaitGroup
				for i := range orders {
					placing.Go(func() {
						answer, err := p.client.PlaceOrder(t.Context(), request("r"+strconv.Itoa(i)))
						each(answer.GetOrder(), err)
					})
				}
				placing.Wait()
			}
			var mutex sync.Mutex
			told := make(map[string]*checkoutv1.Order)
			place(dying, func(order *checkoutv1.Order, err error) {
				mutex.Lock()
				defer mutex.Unlock()
				if err == nil && order.GetState() != checkoutv1.OrderState_ORDER_STATE_PENDING {
					told[order.GetRequestId()] = order
				}
			})
			dying.AwaitKilledAt(t, string(point))

			p := start(t, databaseURL, peer, impatient...)
			approved := make(map[string]bool)
			await.Until(t, func() bool {
				clear(approved)
				place(p, func(order *checkoutv1.Order, err error) {
					mutex.Lock()
					defer mutex.Unlock()
					if err == nil && order.GetState() == checkoutv1.OrderState_ORDER_STATE_APPROVED {
						approved[strings.TrimPrefix(order.GetName(), "orders/")] = true
						if earlier := told[order.GetRequestId()]; earlier != nil && !proto.Equal(earlier, order) {
							t.Error("an answer stands")
						}
					}
				})
				return len(approved) == orders
			}, time.Minute, 20*time.Millisecond)
			require.Len(t, bank.Kept(), orders)
			for id := range bank.Kept() {
				require.True(t, approved[id])
			}
			p.Interrupt(t)
		})
	}
}

func TestWrongSettingsAreRefused(t *testing.T) {
	for name, args := range map[string][]string{
		"no database":            {},
		"no such failpoint":      {"--database-url=postgres://x", "--failpoint=nowhere"},
		"--audit-head-interval":  {"--database-url=postgres://x", "--audit-head-interval=0"},
		"no such catalogue":      {"--database-url=postgres://x", "--catalogue=/does/not/exist"},
		"a deadline of nothing":  {"--database-url=postgres://x", "--charge-deadline=0"},
		"no bank":                {"--database-url=postgres://x", "--bank-address="},
		"a URL that is no URL":   {"--database-url=postgres://u:hunter2@[x"},
		"a shop without a name":  {"--database-url=postgres://x", "--shops=shop,a b"},
		"a key without walls":    {"--database-url=postgres://x", "--tls-key=/does/not/exist"},
		"a flag there is not":    {"--amount=3"},
		"something without flag": {"now"},
	} {
		err := run(t.Context(), args, nil, io.Discard)
		require.Error(t, err, name)
		require.NotContains(t, err.Error(), "hunter2")
	}
}

func TestTheProgramTakesOrdersFromItsShopsOnly(t *testing.T) {
	_, peer := newBank(t)
	p := start(t, postgrestest.Database(t), peer, "--shops=mall,kiosk", "--namespaces=kiosk=shop")
	_, err := p.client.PlaceOrder(t.Context(), request("r1"))
	require.Equal(t, fault.PermissionDenied, fault.CodeOf(err))
	client := func(program string) checkoutv1.CheckoutServiceClient {
		return checkoutv1.NewCheckoutServiceClient(peer.Kit.Dial(t, p.grpc, program))
	}
	_, err = client("mall").PlaceOrder(t.Context(), request("r1"))
	require.NoError(t, err)
	placed, err := client("kiosk").PlaceOrder(t.Context(), request("r1"))
	require.NoError(t, err)
	name := &checkoutv1.GetOrderRequest{Name: placed.GetOrder().GetName()}
	for program, want := range map[string]fault.Code{"mall": fault.NotFound, "shop": fault.PermissionDenied, "": fault.Unauthenticated} {
		_, err = client(program).GetOrder(t.Context(), name)
		require.Equal(t, want, fault.CodeOf(err), program)
	}
	for _, program := range []string{"kiosk", "operator"} {
		_, err = client(program).GetOrder(t.Context(), name)
		require.NoError(t, err, program)
	}
	p.Interrupt(t)
}

func TestTheProgramWaitsForItsDatabase(t *testing.T) {
	_, peer := newBank(t)
	peer.End()
	plain, err := serve.OpenWalls(serve.WallsConfig{Insecure: "checkout"})
	require.NoError(t, err)
	peer.Serve(t, serve.Config{Walls: plain})
	programtest.TestAwaitsDatabase(t, programtest.Waiting{
		Server: postgrestest.Own(t, native.Options{}),
		Role:   postgres.ServiceRole,
		Migrate: func(url string) error {
			return postgres.Migrate(t.Context(), postgres.Config{URL: url})
		},
		Start: func(url string) *programtest.Program { return launchPlain(t, url, peer.Address) },
		Call: func(address string) error {
			conn, err := serve.Dial(address)
			require.NoError(t, err)
			defer conn.Close()
			_, err = checkoutv1.NewCheckoutServiceClient(conn).ListProducts(t.Context(), &checkoutv1.ListProductsRequest{})
			return err
		},
		Path: "/v1/products",
		Write: func(address string) error {
			conn, err := serve.Dial(address)
			require.NoError(t, err)
			defer conn.Close()
			_, err = checkoutv1.NewCheckoutServiceClient(conn).PlaceOrder(t.Context(), request("read-only"))
			return err
		},
	})
}

// get requests a path, without a certificate.
func (p *process) get(t *testing.T, path string) programtest.Answer {
	t.Helper()
	response, err := p.Client.Get("https://" + p.http + path)
	require.NoError(t, err)
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return programtest.Answer{Status: response.StatusCode, Header: response.Header, Body: string(content)}
}

// everything returns every row of every table as text.
func everything(t *testing.T, databaseURL string) string {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), databaseURL)
	require.NoError(t, err)
	defer conn.Close(context.Background())
	rows, err := conn.Query(t.Context(), "SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
	require.NoError(t, err)
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	require.NotEmpty(t, tables)
	var dump strings.Builder
	for _, table := range tables {
		rows, err := conn.Query(t.Context(), "SELECT row_to_json(r)::text FROM "+pgx.Identifier{table}.Sanitize()+" r")
		require.NoError(t, err)
		lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
		require.NoError(t, err)
		dump.WriteString(strings.Join(lines, "\n"))
	}
	return dump.String()
}

func mustPassword(t *testing.T, databaseURL string) string {
	t.Helper()
	config, err := pgx.ParseConfig(databaseURL)
	require.NoError(t, err)
	return config.Password
}
