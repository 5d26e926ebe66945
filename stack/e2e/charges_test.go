package e2e

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"codebank.dev/native/await"
	"codebank.dev/stack/launch"
)

// The topics between the payment gateway and its processor.
const (
	chargesTopic       = "checkout.charges.v1"
	chargeResultsTopic = "checkout.charge-results.v1"
	chargesDeadLetters = "dlq.checkout.charges"
)

// The test card of Visa, and another that every bank declines for lack of money.
const goodTestCard, poorTestCard = "4111111111111111", "4000000000009995"

// shop is a merchant's program: it calls the payment gateway with an API secret.
type shop struct {
	*testing.T
	stack  *launch.Stack
	slug   string
	secret string
	client *http.Client
}

// newShop makes a merchant, and returns his program in test mode and in live mode.
func newShop(t *testing.T, stack *launch.Stack) (test, live *shop) {
	t.Helper()
	testSecret, liveSecret, err := stack.NewMerchant(t.Context(), "Padaria do Largo")
	require.NoError(t, err)
	client, err := stack.HTTPClient("")
	require.NoError(t, err)
	t.Cleanup(client.CloseIdleConnections)
	return &shop{t, stack, testSecret.Merchant, testSecret.Text, client}, &shop{t, stack, liveSecret.Merchant, liveSecret.Text, client}
}

// try sends one request. An error means that there was no whole answer.
func (s *shop) try(key, method, path, body string) (*answer, error) {
	request, err := http.NewRequestWithContext(s.Context(), method, launch.URL(s.stack.Addresses().PaymentsHTTP())+path, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Authorization", "Bearer "+s.secret)
	if body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	if key != "" {
		request.Header.Set("Idempotency-Key", key)
	}
	response, err := s.client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	return &answer{status: response.StatusCode, header: response.Header, body: content}, err
}

// ask sends one request, which must be answered.
func (s *shop) ask(key, method, path, body string) *answer {
	s.Helper()
	got, err := s.try(key, method, path, body)
	require.NoError(s, err)
	return got
}

// chargeBody is the body of a charge. capture says whether it is captured at once.
func chargeBody(card string, amount int64, capture bool) string {
	return fmt.Sprintf(`{"amount_minor": %d, "currency": "BRL", "capture": %v, "description": "Bread", "card": {
		"number": %q, "holder_name": "MARIA DA SILVA", "expiry_month": 12, "expiry_year": %d, "cvv": "123"}}`, amount, capture, card, time.Now().Year()+1)
}

// charge has a charge accepted, and returns its path.
func (s *shop) charge(key, body string) string {
	s.Helper()
	got := s.ask(key, http.MethodPost, "/v1/charges", body)
	require.Equal(s, http.StatusAccepted, got.status, "%s", got.body)
	made := got.decode(s.T)
	require.Equal(s, "pending", made["status"])
	return "/v1/charges/" + made["id"].(string)
}

// await waits until a charge is as wanted, and returns it.
func (s *shop) await(path string, isWanted func(charge map[string]any) bool) (charge map[string]any) {
	s.Helper()
	await.Until(s, func() bool {
		got := s.ask("", http.MethodGet, path, "")
		require.Equal(s, http.StatusOK, got.status, "%s", got.body)
		charge = got.decode(s.T)
		return isWanted(charge)
	}, timeout, 50*time.Millisecond, "%s is %v", path, charge)
	return charge
}

// decided waits until a charge is decided, and returns its status.
func (s *shop) decided(path string) any {
	s.Helper()
	return s.await(path, func(charge map[string]any) bool { return charge["status"] != "pending" })["status"]
}

// operate has an operation accepted.
func (s *shop) operate(key, path, body string) {
	s.Helper()
	got := s.ask(key, http.MethodPost, path, body)
	require.Equal(s, http.StatusAccepted, got.status, "%s %s", path, got.body)
}

// While the broker is away, charges are taken, and all of them are decided when it is back.
func TestChargesAreTakenWhileTheBrokerIsAway(t *testing.T) {
	stack := running(t)
	merchant, _ := newShop(t, stack)
	require.Equal(t, "approved", merchant.decided(merchant.charge("before", chargeBody(goodTestCard, 1_000, true))))

	kafka := stack.Process(launch.Kafka)
	require.NoError(t, kafka.Stop(t.Context()))
	began := time.Now()
	var mutex sync.Mutex
	accepted := map[string]string{} // the outcome that each must have, by its path
	var asking sync.WaitGroup
	for worker := range 4 {
		asking.Go(func() {
			for n := 0; time.Since(began) < outage; n++ {
				card, capture, want := goodTestCard, n%3 != 0, "approved"
				if !capture {
					want = "authorized"
				}
				if n%4 == 0 {
					card, want = poorTestCard, "rejected"
				}
				got, err := merchant.try(fmt.Sprintf("away-%d-%d", worker, n), http.MethodPost, "/v1/charges", chargeBody(card, 1_000+int64(n), capture))
				if !assert.NoError(t, err) || !assert.Equal(t, http.StatusAccepted, got.status, "while the broker is away: %s", got.body) {
					return
				}
				mutex.Lock()
				accepted["/v1/charges/"+got.decode(t)["id"].(string)] = want
				mutex.Unlock()
				time.Sleep(100 * time.Millisecond) // customers, not a load
			}
		})
	}
	asking.Wait()
	for path := range accepted {
		require.Equal(t, "pending", merchant.ask("", http.MethodGet, path, "").decode(t)["status"])
	}
	restart(t, kafka)
	require.Greater(t, len(accepted), 100)
	back := time.Now()
	for path, want := range accepted {
		require.Equal(t, want, merchant.decided(path), path)
	}
	t.Logf("%d charges were accepted in %s without a broker; all were decided %.1f s after it was back", len(accepted), outage, time.Since(back).Seconds())
	requireChargesWhole(t, stack, merchant)
}

// One key is sent by a hundred callers at once, again and again, while the gateway is killed twice. There is one
// charge, and nobody gets another answer than the first one.
func TestChargesOfOneKeyAreOneWhileTheGatewayIsKilled(t *testing.T) {
	const callers, kills = 100, 2
	stack := running(t)
	merchant, _ := newShop(t, stack)
	gateway := stack.Process(launch.PaymentGateway)
	body := chargeBody(goodTestCard, 2_500, true)
	var mutex sync.Mutex
	first, fresh := "", 0
	var same, running, unavailable, none atomic.Int64
	send := func() (isAnswered bool) {
		got, err := merchant.try("one-key", http.MethodPost, "/v1/charges", body)
		switch {
		case err != nil:
			none.Add(1)
		case got.status == http.StatusConflict:
			running.Add(1)
		case got.status == http.StatusServiceUnavailable:
			unavailable.Add(1) // It has not begun to serve.
		case assert.Equal(t, http.StatusAccepted, got.status, "%s", got.body):
			mutex.Lock()
			defer mutex.Unlock()
			if first == "" {
				first = string(got.body)
			}
			if got.header.Get("Idempotency-Replayed") != "true" {
				fresh++
			}
			assert.Equal(t, first, string(got.body), "each answer is the first one, word for word")
			same.Add(1)
			return true
		}
		return false
	}
	killed := make(chan struct{})
	var asking sync.WaitGroup
	for range callers {
		asking.Go(func() {
			for isOver := false; !isOver && !t.Failed(); {
				select {
				case <-killed:
					isOver = send()
				default:
					send()
				}
				time.Sleep(250 * time.Millisecond) // within the limits of one merchant
			}
		})
	}
	for range kills {
		before := same.Load()
		await.Until(t, func() bool { return same.Load() > before || t.Failed() }, timeout, time.Millisecond)
		gateway.Kill()
		restart(t, gateway)
	}
	close(killed)
	asking.Wait()
	require.False(t, t.Failed())
	require.GreaterOrEqual(t, same.Load(), int64(callers), "in the end each of them has the answer")
	require.LessOrEqual(t, fresh, 1, "one answer at most does not say that it is a repeat")
	require.Positive(t, none.Load(), "some were asking when the gateway was killed")
	t.Logf("%d answers, all the first one; %d were told that the request is running, %d that the gateway begins; %d got no answer",
		same.Load(), running.Load(), unavailable.Load(), none.Load())

	path := "/v1/charges/" + (&answer{body: []byte(first)}).decode(t)["id"].(string)
	require.Equal(t, "approved", merchant.decided(path))
	listed := merchant.ask("", http.MethodGet, "/v1/charges", "").decode(t)["charges"].([]any)
	require.Len(t, listed, 1)
	requireChargesWhole(t, stack, merchant)
}

// Both programs read their topics from the beginning: nothing that is stored changes. A record that is no charge
// becomes a dead letter, each time, and blocks nobody.
func TestChargesThatAreReadAgainChangeNothing(t *testing.T) {
	stack := running(t)
	merchant, _ := newShop(t, stack)
	captured := merchant.charge("captured", chargeBody(goodTestCard, 5_000, false))
	voided := merchant.charge("voided", chargeBody(goodTestCard, 6_000, false))
	refunded := merchant.charge("refunded", chargeBody(goodTestCard, 7_000, true))
	kafka, err := kgo.NewClient(kgo.SeedBrokers(stack.Addresses().Kafka()))
	require.NoError(t, err)
	defer kafka.Close()
	require.NoError(t, kafka.ProduceSync(t.Context(), &kgo.Record{Topic: chargesTopic, Key: []byte("poison"), Value: []byte("not a charge")}).FirstErr())
	rejected := merchant.charge("rejected", chargeBody(poorTestCard, 8_000, true))
	for path, want := range map[string]string{captured: "authorized", voided: "authorized", refunded: "approved", rejected: "rejected"} {
		require.Equal(t, want, merchant.decided(path), "behind the poison, too")
	}
	merchant.operate("capture", captured+"/capture", `{"amount_minor": 4000}`)
	merchant.operate("void", voided+"/void", `{}`)
	merchant.operate("refund", refunded+"/refund", `{"amount_minor": 1500}`)
	merchant.operate("refund-again", refunded+"/refund", `{"amount_minor": 2500}`)
	merchant.await(captured, func(c map[string]any) bool { return fmt.Sprint(c["captured_minor"]) == "4000" })
	merchant.await(voided, func(c map[string]any) bool { return c["status"] == "voided" })
	merchant.await(refunded, func(c map[string]any) bool { return fmt.Sprint(c["refunded_minor"]) == "4000" })

	admin, database := kadm.NewClient(kafka), checkoutConnection(t, stack)
	awaitChargesRead(t, database, admin)
	before := chargesState(t, database)
	ends := endOffsets(t, admin, []string{chargesTopic, chargeResultsTopic, chargesDeadLetters})
	require.Positive(t, ends[chargesDeadLetters])
	programs := []string{launch.PaymentGateway, launch.Processor}
	for _, name := range programs {
		require.NoError(t, stack.Process(name).Stop(t.Context()))
	}
	_, err = database.Exec(t.Context(), "UPDATE charge_offsets SET next_offset = 0")
	require.NoError(t, err)
	for _, name := range programs {
		restart(t, stack.Process(name))
	}
	awaitChargesRead(t, database, admin)
	require.Equal(t, before, chargesState(t, database))
	after := endOffsets(t, admin, []string{chargesTopic, chargeResultsTopic, chargesDeadLetters})
	require.Equal(t, ends[chargesTopic], after[chargesTopic], "nothing is asked again")
	require.GreaterOrEqual(t, after[chargeResultsTopic]-ends[chargeResultsTopic], int64(4), "the operations are answered again")
	require.Greater(t, after[chargesDeadLetters], ends[chargesDeadLetters], "the poison has another letter")
	t.Logf("%d charges and operations were read again, and %d answers, %d of them new; the tables are what they were",
		after[chargesTopic], after[chargeResultsTopic], after[chargeResultsTopic]-ends[chargeResultsTopic])
	require.Equal(t, "approved", merchant.decided(merchant.charge("after", chargeBody(goodTestCard, 1_000, true))), "and the work goes on")
	requireChargesWhole(t, stack, merchant)
}

// A merchant reads and changes nothing of another, and nothing of his own in the other mode.
func TestChargesOfAMerchantAreNobodyElses(t *testing.T) {
	stack := running(t)
	mine, myLive := newShop(t, stack)
	theirs, _ := newShop(t, stack)
	path := mine.charge("same-key", chargeBody(goodTestCard, 3_000, false))
	require.Equal(t, "authorized", mine.decided(path))
	before := string(mine.ask("", http.MethodGet, path, "").body)
	for name, other := range map[string]*shop{"another merchant": theirs, "the other mode": myLive} {
		for _, request := range [][3]string{
			{http.MethodGet, path, ""}, {http.MethodGet, path + "/operations", ""},
			{http.MethodPost, path + "/capture", `{}`}, {http.MethodPost, path + "/void", `{}`}, {http.MethodPost, path + "/refund", `{"amount_minor": 1}`},
			{http.MethodGet, path + "?merchant=" + mine.slug + "&mode=test", ""}, {http.MethodGet, "/v1/charges?merchant=" + mine.slug + "&mode=test", ""},
		} {
			key := ""
			if request[0] == http.MethodPost {
				key = "reach-" + request[1]
			}
			got := other.ask(key, request[0], request[1], request[2])
			require.Equal(t, http.StatusNotFound, got.status, "%s: %s %s: %s", name, request[0], request[1], got.body)
			require.NotContains(t, string(got.body), "3000")
		}
		listed := other.ask("", http.MethodGet, "/v1/charges", "")
		require.Equal(t, http.StatusOK, listed.status)
		require.Empty(t, listed.decode(t)["charges"], name)
	}
	require.Equal(t, before, string(mine.ask("", http.MethodGet, path, "").body))
	require.NotEqual(t, path, theirs.charge("same-key", chargeBody(goodTestCard, 3_000, false)), "his key is another one")
	wrong := *mine
	wrong.secret = mine.secret[:len(mine.secret)-2] + "xx"
	require.Equal(t, http.StatusUnauthorized, wrong.ask("", http.MethodGet, path, "").status)
}

func checkoutConnection(t *testing.T, stack *launch.Stack) *pgx.Conn {
	t.Helper()
	url, err := stack.DatabaseURL(t.Context(), launch.CheckoutDatabase)
	require.NoError(t, err)
	connection, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	t.Cleanup(func() { _ = connection.Close(context.Background()) })
	return connection
}

// awaitChargesRead waits until both programs have read all that is on their topics, and nothing waits to be sent.
func awaitChargesRead(t *testing.T, database *pgx.Conn, admin *kadm.Client) {
	t.Helper()
	topics, err := admin.ListTopics(t.Context(), chargesTopic, chargeResultsTopic)
	require.NoError(t, err)
	await.Until(t, func() bool {
		var waiting int64
		require.NoError(t, database.QueryRow(t.Context(), "SELECT count(*) FROM charge_outbox").Scan(&waiting))
		if waiting > 0 {
			return false
		}
		for _, name := range []string{chargesTopic, chargeResultsTopic} { // in this order: reading the first adds to the second
			var read int64
			end := endOffsets(t, admin, []string{name})[name]
			require.NoError(t, database.QueryRow(t.Context(), "SELECT coalesce(sum(next_offset), 0) FROM charge_offsets WHERE topic_id = $1",
				[16]byte(topics[name].ID)).Scan(&read))
			if read < end {
				return false
			}
		}
		return true
	}, timeout, 100*time.Millisecond)
}

// chargesState is a digest of all that is stored of charges but how far the topics were read.
func chargesState(t *testing.T, database *pgx.Conn) (state map[string]string) {
	t.Helper()
	state = map[string]string{}
	for _, table := range []string{"charges", "charge_operations", "charge_requests", "charge_events", "charge_keys", "charge_outbox",
		"charge_statistics", "charge_balances", "merchant_sequences"} {
		var digest string
		require.NoError(t, database.QueryRow(t.Context(),
			"SELECT count(*) || ' ' || md5(coalesce(string_agg(r::text, chr(10) ORDER BY r::text), '')) FROM "+table+" r").Scan(&digest))
		state[table] = digest
	}
	return state
}

// requireChargesWhole requires of a merchant that each of his charges was accepted once and decided once, that his
// events have no gaps, and that no key of card data is left.
func requireChargesWhole(t *testing.T, stack *launch.Stack, merchant *shop) {
	t.Helper()
	database := checkoutConnection(t, stack)
	var charges, accepted, decided, pending, keys, events, last int64
	require.NoError(t, database.QueryRow(t.Context(), `SELECT
		(SELECT count(*) FROM charges WHERE merchant = $1), (SELECT count(*) FROM charges WHERE merchant = $1 AND state = 1),
		(SELECT count(DISTINCT charge_id) FROM charge_events WHERE merchant = $1 AND kind = 1),
		(SELECT count(DISTINCT charge_id) FROM charge_events WHERE merchant = $1 AND kind = 2),
		(SELECT count(*) FROM charge_keys k JOIN charges c ON c.id = k.charge_id WHERE c.merchant = $1),
		(SELECT count(*) FROM charge_events WHERE merchant = $1), (SELECT sum(sequence) FROM merchant_sequences WHERE merchant = $1)`,
		merchant.slug).Scan(&charges, &pending, &accepted, &decided, &keys, &events, &last))
	require.Positive(t, charges)
	require.Zero(t, pending)
	require.Equal(t, charges, accepted)
	require.Equal(t, charges, decided)
	require.Zero(t, keys)
	require.Equal(t, last, events, "events without gaps")
	var twice int64
	require.NoError(t, database.QueryRow(t.Context(), `SELECT count(*) FROM (
		SELECT charge_id FROM charge_events WHERE merchant = $1 AND kind IN (1, 2) GROUP BY charge_id, kind HAVING count(*) > 1) d`, merchant.slug).Scan(&twice))
	require.Zero(t, twice, "each is accepted once and decided once")
}
