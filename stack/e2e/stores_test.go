package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"codebank.dev/native/await"
	bankv1 "codebank.dev/schemas/gen/bank/v1"
	checkoutv1 "codebank.dev/schemas/gen/checkout/v1"
	"codebank.dev/stack/launch"
	"codebank.dev/stack/pipes"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
)

func databasePool(t *testing.T, stack *launch.Stack, name string) *pgxpool.Pool {
	t.Helper()
	url, err := stack.DatabaseURL(t.Context(), name)
	require.NoError(t, err)
	pool, err := pgxpool.New(t.Context(), url)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	return pool
}

func ledgerPool(t *testing.T, stack *launch.Stack) *pgxpool.Pool {
	return databasePool(t, stack, launch.LedgerDatabase)
}

const transactions = "bank-001.transactions.v1"

// statementDigest returns a digest of all columns of all lines in a fixed order.
func statementDigest(t *testing.T, pool *pgxpool.Pool) (count int64, digest string) {
	t.Helper()
	require.NoError(t, pool.QueryRow(t.Context(),
		`SELECT count(*), coalesce(md5(string_agg(l::text, chr(10) ORDER BY event_id)), '') FROM statement_lines l`).Scan(&count, &digest))
	return count, digest
}

// indexState returns the version of every document. A document that is written again has
// another version.
func indexState(t *testing.T, stack *launch.Stack) map[string]float64 {
	t.Helper()
	require.NoError(t, pipes.Index(stack.Addresses().Elasticsearch()).Refresh(t.Context()))
	versions := make(map[string]float64)
	scanIndex(t, stack, map[string]any{"version": true, "_source": false}, func(document map[string]any) {
		id := document["_id"].(string)
		_, twice := versions[id] // NotContains would search all of them each time
		require.False(t, twice, "one document per event")
		versions[id] = document["_version"].(float64)
	})
	return versions
}

// scanIndex visits every event document that a search finds, in the order of the event ids.
// A document has the members of a hit, such as _id and _source.
func scanIndex(t *testing.T, stack *launch.Stack, search map[string]any, visit func(document map[string]any)) {
	t.Helper()
	search["size"], search["sort"] = 5000, []any{map[string]any{"event_id": "asc"}}
	for {
		answer := call(t, http.MethodPost, stack.Addresses().Elasticsearch()+"/bank-transactions-*/_search", search)
		hits := answer["hits"].(map[string]any)["hits"].([]any)
		if len(hits) == 0 {
			return
		}
		for _, hit := range hits {
			document := hit.(map[string]any)
			visit(document)
			search["search_after"] = document["sort"]
		}
	}
}

func TestReadingTheTopicFromTheBeginningAgainChangesNothing(t *testing.T) {
	stack := running(t)
	load := startLoad(t, 8, 4, stack.Addresses().BankGRPC())
	load.progress(500)
	load.resolveUnknown()
	load.verify(stack)

	statements := databasePool(t, stack, launch.StatementDatabase)
	rows, digest := statementDigest(t, statements)
	documents := indexState(t, stack)
	client, err := kgo.NewClient(kgo.SeedBrokers(stack.Addresses().Kafka()))
	require.NoError(t, err)
	defer client.Close()
	admin := kadm.NewClient(client)
	for _, connector := range []string{"statement-postgres", "transactions-elasticsearch"} {
		require.NoError(t, worker(stack).Rewind(t.Context(), connector, timeout))
		require.NoError(t, pipes.AwaitEnd(t.Context(), admin, connector, transactions, timeout))
	}
	againRows, againDigest := statementDigest(t, statements)
	require.Equal(t, rows, againRows)
	require.Equal(t, digest, againDigest)
	require.Equal(t, documents, indexState(t, stack))
	requireAuditEqual(t, stack)
}

// worker is the stack's Kafka Connect.
func worker(stack *launch.Stack) pipes.Worker { return pipes.Worker(stack.Addresses().Connect()) }

// setConnectorState makes a connector stop, pause or resume, and waits until it and its tasks
// are in the state.
func setConnectorState(t *testing.T, stack *launch.Stack, connector, order, state string) {
	t.Helper()
	require.NoError(t, worker(stack).SetState(t.Context(), connector, order))
	awaitConnector(t, stack, connector, state)
}

// awaitConnector waits until a connector and all its tasks are in a state.
func awaitConnector(t *testing.T, stack *launch.Stack, connector, state string) {
	t.Helper()
	require.NoError(t, pipes.Await(t.Context(), timeout, func(ctx context.Context) error {
		return worker(stack).Require(ctx, connector, state)
	}))
}

func TestAPoisonRecordGoesToItsDeadLetterTopicOnceAndTheOthersPass(t *testing.T) {
	stack := running(t)
	client, err := kgo.NewClient(kgo.SeedBrokers(stack.Addresses().Kafka()))
	require.NoError(t, err)
	defer client.Close()
	admin := kadm.NewClient(client)
	queues := []string{"dlq.statement-postgres", "dlq.transactions-elasticsearch"}
	before := endOffsets(t, admin, queues)
	poison := []*kgo.Record{
		{Topic: transactions, Key: []byte("poison"), Value: []byte("this is not Avro")},
		{Topic: transactions, Key: []byte("poison"), Value: []byte{0, 0x7f, 0xff, 0xff, 0xff, 1, 2, 3}},
	}
	require.NoError(t, client.ProduceSync(t.Context(), poison...).FirstErr())
	load := startLoad(t, 8, 4, stack.Addresses().BankGRPC())
	load.progress(300)
	load.resolveUnknown()
	load.verify(stack)
	for _, queue := range queues {
		await.Until(t, func() bool {
			return endOffsets(t, admin, queues)[queue] >= before[queue]+int64(len(poison))
		}, timeout, 100*time.Millisecond, queue)
	}
	// Later events pass too, and no record is reported a second time.
	behind := startLoad(t, 8, 12, stack.Addresses().BankGRPC())
	behind.progress(300)
	behind.resolveUnknown()
	behind.verify(stack)
	for _, queue := range queues {
		require.Equal(t, before[queue]+int64(len(poison)), endOffsets(t, admin, queues)[queue], "%s: each once", queue)
	}
}

func endOffsets(t *testing.T, admin *kadm.Client, topics []string) map[string]int64 {
	t.Helper()
	listed, err := admin.ListEndOffsets(t.Context(), topics...)
	require.NoError(t, err)
	ends := make(map[string]int64)
	listed.Each(func(end kadm.ListedOffset) { ends[end.Topic] += end.Offset })
	return ends
}

// securityCode matches a security code with its name, because three digits alone are in every
// file.
var securityCode = regexp.MustCompile(`(?i)(cvv|cvc|security_?code)\W{0,6}[0-9]{3}`)

// TestNoCardDataLeavesTheVault buys with known card numbers and codes in every way, correct and
// wrong, and searches everything that is stored for them.
func TestNoCardDataLeavesTheVault(t *testing.T) {
	stack := running(t)
	bank := dial(t, stack.Addresses().BankGRPC())
	issued := issue(t, bank, 1_000_000, nil)
	const unissuedNumber, unissuedCode = "4000056655665556", "739"
	secrets := []string{issued.GetCardData().GetNumber(), unissuedNumber}
	plantCardData(t, stack, issued.GetCardData(), unissuedNumber, unissuedCode)
	requireAuditEqual(t, stack)

	searched := 0
	search := func(place string, content []byte) {
		searched++
		for _, secret := range secrets {
			require.False(t, bytes.Contains(content, []byte(secret)), "%s holds a card number", place)
			spaced := secret[:4] + " " + secret[4:8] + " " + secret[8:12] + " " + secret[12:]
			require.False(t, bytes.Contains(content, []byte(spaced)), "%s holds a card number", place)
		}
		require.False(t, securityCode.Match(content), "%s holds a security code", place)
	}
	searchTables(t, stack, search)
	searchTopics(t, stack, search)
	searchIndices(t, stack, search)
	require.NoError(t, filepath.WalkDir(filepath.Join(stack.Dir(), "logs"), func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		search(path, content)
		return err
	}))
	require.Greater(t, searched, 30, "everything was searched")
}

// plantCardData buys by card data, by token and through the checkout, with correct and with
// wrong data.
func plantCardData(t *testing.T, stack *launch.Stack, data *bankv1.CardData, unissuedNumber, unissuedCode string) {
	t.Helper()
	bank := dialAs(t, launch.Bank, stack.Addresses().BankGRPC(), launch.Checkout)
	wrong := &bankv1.CardData{
		Number: unissuedNumber, HolderName: "Mallory", ExpiryMonth: 1, ExpiryYear: 2031, Cvv: unissuedCode,
	}
	for _, presented := range []*bankv1.CardData{data, wrong} {
		request := purchase("", 100)
		request.CardSource = &bankv1.AuthorizePurchaseRequest_CardData{CardData: presented}
		_, err := bankv1.NewPurchaseServiceClient(bank).AuthorizePurchase(t.Context(), request)
		require.NoError(t, err)
		token, err := bankv1.NewCardServiceClient(bank).CreateCardToken(t.Context(), &bankv1.CreateCardTokenRequest{CardData: presented})
		require.NoError(t, err)
		request = purchase("", 100)
		request.CardSource = &bankv1.AuthorizePurchaseRequest_CardToken{CardToken: token.GetCardToken()}
		_, err = bankv1.NewPurchaseServiceClient(bank).AuthorizePurchase(t.Context(), request)
		require.NoError(t, err)
		_, err = checkoutv1.NewCheckoutServiceClient(dialAs(t, launch.Checkout, stack.Addresses().CheckoutGRPC(), "shop")).PlaceOrder(t.Context(), &checkoutv1.PlaceOrderRequest{
			RequestId: newRequestID(),
			Items:     []*checkoutv1.PlaceOrderItem{{Product: "products/livro-dom-casmurro", Quantity: 1}},
			Card: &checkoutv1.Card{
				Number: presented.GetNumber(), HolderName: presented.GetHolderName(), Cvv: presented.GetCvv(),
				ExpiryMonth: presented.GetExpiryMonth(), ExpiryYear: presented.GetExpiryYear(),
			},
		})
		require.NoError(t, err)
	}
	for _, number := range []string{data.GetNumber(), unissuedNumber} {
		for field, plant := range map[string]func(*bankv1.AuthorizePurchaseRequest, string){
			"description":           func(r *bankv1.AuthorizePurchaseRequest, text string) { r.Description = text },
			"request_id":            func(r *bankv1.AuthorizePurchaseRequest, text string) { r.RequestId = text },
			"merchant.id":           func(r *bankv1.AuthorizePurchaseRequest, text string) { r.Merchant.Id = text },
			"merchant.name":         func(r *bankv1.AuthorizePurchaseRequest, text string) { r.Merchant.Name = text },
			"merchant.city":         func(r *bankv1.AuthorizePurchaseRequest, text string) { r.Merchant.City = text },
			"card_data.holder_name": func(r *bankv1.AuthorizePurchaseRequest, text string) { r.GetCardData().HolderName = text },
		} {
			request := purchase("", 100)
			request.CardSource = &bankv1.AuthorizePurchaseRequest_CardData{CardData: proto.CloneOf(data)}
			plant(request, number)
			_, err := bankv1.NewPurchaseServiceClient(bank).AuthorizePurchase(t.Context(), request)
			require.Equal(t, codes.InvalidArgument, status.Code(err), field)
			require.Equal(t, field, violatedField(err))
		}
	}
	// A log must not contain the data of a malformed request either.
	request := purchase("", -1)
	request.CardSource = &bankv1.AuthorizePurchaseRequest_CardData{CardData: data}
	_, err := bankv1.NewPurchaseServiceClient(bank).AuthorizePurchase(t.Context(), request)
	require.Error(t, err)
}

func searchTables(t *testing.T, stack *launch.Stack, search func(string, []byte)) {
	t.Helper()
	for _, name := range []string{launch.LedgerDatabase, launch.StatementDatabase, launch.CheckoutDatabase, launch.IdentityDatabase, launch.GatewayDatabase} {
		pool := databasePool(t, stack, name)
		rows, err := pool.Query(t.Context(), `SELECT format('%I.%I', table_schema, table_name) FROM information_schema.tables
			WHERE table_schema NOT IN ('pg_catalog', 'information_schema') AND table_type = 'BASE TABLE'`)
		require.NoError(t, err)
		var tables []string
		for rows.Next() {
			var table string
			require.NoError(t, rows.Scan(&table))
			tables = append(tables, table)
		}
		require.NoError(t, rows.Err())
		for _, table := range tables {
			var content string
			require.NoError(t, pool.QueryRow(t.Context(), fmt.Sprintf(`SELECT coalesce(string_agg(r::text, chr(10)), '') FROM %s r`, table)).Scan(&content))
			search(name+"."+table, []byte(content))
			// bytea is shown in hexadecimal, so its decoded content is searched too.
			var raw []byte
			require.NoError(t, pool.QueryRow(t.Context(), fmt.Sprintf(
				`SELECT coalesce(string_agg(decode(m[1], 'hex'), ''::bytea), ''::bytea) FROM %s r, regexp_matches(r::text, '\\\\x([0-9a-f]+)', 'g') m`, table)).Scan(&raw))
			search(name+"."+table+" (bytes)", raw)
		}
	}
}

func searchTopics(t *testing.T, stack *launch.Stack, search func(string, []byte)) {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(stack.Addresses().Kafka()))
	require.NoError(t, err)
	defer client.Close()
	topics, err := kadm.NewClient(client).ListTopicsWithInternal(t.Context())
	require.NoError(t, err)
	require.NoError(t, pipes.ReadAll(t.Context(), stack.Addresses().Kafka(), func(record *kgo.Record) {
		search("topic "+record.Topic, append(append([]byte(nil), record.Key...), record.Value...))
		for _, header := range record.Headers {
			search("header of "+record.Topic, header.Value)
		}
	}, topics.Names()...))
}

func searchIndices(t *testing.T, stack *launch.Stack, search func(string, []byte)) {
	t.Helper()
	scanIndex(t, stack, map[string]any{}, func(document map[string]any) {
		content, err := json.Marshal(document)
		require.NoError(t, err)
		search("index", content)
	})
}
