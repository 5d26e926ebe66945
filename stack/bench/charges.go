package bench

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"google.golang.org/protobuf/proto"

	"codebank.dev/native/process"
	bankv1 "codebank.dev/schemas/gen/bank/v1"
	"codebank.dev/stack/launch"
)

const (
	// chargesDatabase is the database of the measured payment gateway.
	chargesDatabase = "bench_charges"
	// chargeRate is the constant rate at which charges are measured, in charges a second.
	chargeRate = 200
	// chargingMerchants share the load, because events of one merchant follow each other.
	chargingMerchants = 8
	// chargesInFlight is how many charges are not decided while the most is measured.
	chargesInFlight = 192
	// decisionTimeout bounds the wait for a decision.
	decisionTimeout = 30 * time.Second
	// testCard is a number that no bank issues, and chargeAmount what is charged, in minor units.
	testCard     = "4111111111111111"
	chargeAmount = 1_000
)

// The modes of charges, as the database has them.
const (
	testMode int16 = iota + 1
	liveMode
)

// payments is a payment gateway and its processor, in front of a bank.
type payments struct {
	*bank
	gateway, processor *process.Process
	client             *http.Client
	url                string
	merchants          []chargingMerchant
	desk               *desk
}

// chargingMerchant has an API secret for each mode.
type chargingMerchant struct {
	slug    string
	secrets [liveMode + 1]string
}

// startPayments starts both programs on a new database, with the bank as the acquirer.
func (w *workbench) startPayments(ctx context.Context, bank *bank) (*payments, error) {
	p := &payments{bank: bank}
	if err := p.start(ctx); err != nil {
		return nil, errors.Join(err, p.end(ctx))
	}
	return p, nil
}

func (p *payments) start(ctx context.Context) (err error) {
	w := p.workbench
	if err := w.dropDatabase(ctx, chargesDatabase); err != nil {
		return err
	}
	if _, err := w.stack.AddDatabase(ctx, "checkout", chargesDatabase, launch.BankCode); err != nil {
		return err
	}
	if err := p.addMerchants(ctx); err != nil {
		return err
	}
	port := w.nextPort()
	for _, program := range []struct {
		name, role string
		port       int
		process    **process.Process
		settings   map[string]string
	}{
		{launch.PaymentGateway, "payment_gateway_service", port, &p.gateway, map[string]string{}},
		{launch.Processor, "payment_processor_service", port + 1, &p.processor, map[string]string{"bank-address": p.address}},
	} {
		if program.settings["database-url"], err = w.stack.URLOf(ctx, program.role, chargesDatabase); err != nil {
			return err
		}
		*program.process, err = w.stack.Replica(ctx, program.name, launch.Copy{
			Name: program.name + "-" + strconv.Itoa(port), HTTPPort: program.port, Settings: program.settings,
		})
		if err != nil {
			return err
		}
	}
	p.url = launch.URL("127.0.0.1:" + strconv.Itoa(port))
	if p.client, err = w.stack.HTTPClient(""); err != nil {
		return err
	}
	p.client.Transport.(*http.Transport).MaxIdleConnsPerHost = 2 * chargesInFlight
	p.desk, err = newDesk(ctx, w, p.merchants)
	return err
}

// addMerchants writes merchants and their secrets to the database, as checkout does for an operator.
func (p *payments) addMerchants(ctx context.Context) error {
	connection, err := p.workbench.connect(ctx, chargesDatabase)
	if err != nil {
		return err
	}
	defer connection.Close(context.WithoutCancel(ctx))
	for i := range chargingMerchants {
		m := chargingMerchant{slug: "merchant-" + strconv.Itoa(i)}
		if _, err := connection.Exec(ctx, "INSERT INTO merchants (slug, name) VALUES ($1, $1)", m.slug); err != nil {
			return err
		}
		for mode, prefix := range map[int16]string{testMode: "sk_test_", liveMode: "sk_live_"} {
			bits := make([]byte, sha256.Size)
			_, _ = rand.Read(bits)
			m.secrets[mode] = prefix + base64.RawURLEncoding.EncodeToString(bits)
			hash := sha256.Sum256([]byte(m.secrets[mode]))
			_, err := connection.Exec(ctx, `INSERT INTO merchant_secrets (id, merchant, mode, slot, hash, last4, created_at)
				VALUES ($1, $2, $3, 1, $4, $5, now())`, uuid.New(), m.slug, mode, hash[:], m.secrets[mode][len(m.secrets[mode])-4:])
			if err != nil {
				return err
			}
		}
		p.merchants = append(p.merchants, m)
	}
	return nil
}

func (p *payments) end(ctx context.Context) error {
	ctx = context.WithoutCancel(ctx)
	var err error
	if p.desk != nil {
		err = p.desk.close()
	}
	if p.client != nil {
		p.client.CloseIdleConnections()
	}
	for _, running := range []*process.Process{p.gateway, p.processor} {
		if running != nil {
			err = errors.Join(err, p.workbench.stack.Remove(ctx, running))
		}
	}
	return errors.Join(err, p.workbench.dropDatabase(ctx, chargesDatabase))
}

// chargeBody is what a merchant's program sends.
type chargeBody struct {
	AmountMinor int64      `json:"amount_minor"`
	Currency    string     `json:"currency"`
	Capture     bool       `json:"capture"`
	Description string     `json:"description"`
	Card        chargeCard `json:"card"`
}

type chargeCard struct {
	Number      string `json:"number"`
	HolderName  string `json:"holder_name"`
	ExpiryMonth int32  `json:"expiry_month"`
	ExpiryYear  int32  `json:"expiry_year"`
	CVV         string `json:"cvv"`
}

// bodyOf returns a charge on a random card of the bank in live mode, and on a test card in test mode.
func (p *payments) bodyOf(mode int16) ([]byte, error) {
	body := chargeBody{
		AmountMinor: chargeAmount, Currency: "BRL", Capture: true, Description: "bench",
		Card: chargeCard{testCard, "BENCH", int32(time.December), int32(time.Now().Year() + 1), "123"},
	}
	if mode == liveMode {
		var data bankv1.CardData
		if err := proto.Unmarshal(p.anyCard().data, &data); err != nil {
			return nil, err
		}
		body.Card = chargeCard{data.GetNumber(), data.GetHolderName(), data.GetExpiryMonth(), data.GetExpiryYear(), data.GetCvv()}
	}
	return json.Marshal(body)
}

// accept sends a charge and returns its id when it is accepted.
func (p *payments) accept(ctx context.Context, mode int16) (uuid.UUID, error) {
	n := numbers.Add(1)
	body, err := p.bodyOf(mode)
	if err != nil {
		return uuid.UUID{}, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, p.url+"/v1/charges", bytes.NewReader(body))
	if err != nil {
		return uuid.UUID{}, err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Idempotency-Key", "bench-"+strconv.FormatInt(n, 10))
	request.Header.Set("Authorization", "Bearer "+p.merchants[n%chargingMerchants].secrets[mode])
	answer, err := p.client.Do(request)
	if err != nil {
		return uuid.UUID{}, err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode != http.StatusAccepted {
		err = fmt.Errorf("a charge: %s: %.300s", answer.Status, text)
	}
	var made struct{ ID uuid.UUID }
	if err == nil {
		err = json.Unmarshal(text, &made)
	}
	return made.ID, err
}

// charge sends a charge and waits until it is approved.
func (p *payments) charge(ctx context.Context, mode int16) error {
	id, err := p.accept(ctx, mode)
	if err != nil {
		return err
	}
	select {
	case <-p.desk.decided(id):
		return p.desk.failure()
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(decisionTimeout):
		return fmt.Errorf("the charge %s was not decided within %s", id, decisionTimeout)
	}
}

// charges measures how long charges take to be accepted and decided at a constant rate, in both modes, and the most
// charges in live mode that are decided as fast as they come, against purchases at the same bank.
func (w *workbench) charges(ctx context.Context) (figures []Figure, err error) {
	r, err := w.startBankAndYardstick(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.end(ctx)) }()
	p, err := w.startPayments(ctx, r.bank)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, p.end(ctx)) }()
	for mode, name := range []string{testMode: "Test", liveMode: "Live"} {
		if name == "" {
			continue
		}
		atRate, err := p.atRate(ctx, r, name, int16(mode))
		if err != nil {
			return figures, err
		}
		figures = append(figures, atRate...)
	}
	most := closedTerm(fmt.Sprintf("charges in live mode until decided, %d in flight", chargesInFlight), chargesInFlight,
		func(ctx context.Context, _ int) error { return p.charge(ctx, liveMode) })
	most.unit = "charges/s"
	series, err := w.alternate(ctx, most, r.unaryTerm())
	if err != nil {
		return figures, err
	}
	setting := fmt.Sprintf("%d charges and %d purchases in flight, %d merchants, TLS", chargesInFlight, w.options.Callers, chargingMerchants)
	return append(figures, ratio("ChargesLive", setting, series[0], series[1])), nil
}

// atRate measures one mode at the constant rate, round by round in turn with commits of one row.
func (p *payments) atRate(ctx context.Context, r *bankAndYardstick, name string, mode int16) ([]Figure, error) {
	w := p.workbench
	accepted, commits := Series{Name: "a charge is accepted", Unit: "accept-ms"}, Series{Name: "a durable commit of one row", Unit: "commit-ms"}
	median := Series{Name: "accepted until decided, median", Unit: "decided50-ms"}
	var decided95 []float64
	keep := func(err error) error {
		if errors.Is(err, errRateNotKept) && w.options.Quick {
			return nil
		}
		return err
	}
	for range w.options.Rounds {
		var mutex sync.Mutex
		var decisions []time.Duration
		var waiting sync.WaitGroup
		var failed atomic.Pointer[error]
		took, err := atConstantRate(ctx, chargeRate, w.options.Window, func(ctx context.Context, _ int) error {
			id, err := p.accept(ctx, mode)
			if err != nil {
				return err
			}
			since := time.Now()
			done := p.desk.decided(id)
			waiting.Go(func() {
				select {
				case <-done:
					mutex.Lock()
					decisions = append(decisions, time.Since(since))
					mutex.Unlock()
				case <-time.After(decisionTimeout):
					err := fmt.Errorf("the charge %s was not decided within %s", id, decisionTimeout)
					failed.Store(&err)
				}
			})
			return nil
		})
		waiting.Wait()
		if err := keep(err); err != nil {
			return nil, err
		}
		if err := failed.Load(); err != nil {
			return nil, *err
		}
		if err := p.desk.failure(); err != nil {
			return nil, err
		}
		committed, err := atConstantRate(ctx, chargeRate, w.options.Window, r.yardstick.commit)
		if err := keep(err); err != nil {
			return nil, err
		}
		slices.Sort(decisions)
		accepted.Values = append(accepted.Values, milliseconds(quantile(took, 0.99)))
		commits.Values = append(commits.Values, milliseconds(quantile(committed, 0.99)))
		median.Values = append(median.Values, milliseconds(quantile(decisions, 0.5)))
		decided95 = append(decided95, milliseconds(quantile(decisions, 0.95)))
	}
	setting := fmt.Sprintf("%s mode, %d charges a second, %d merchants, TLS; ", name, chargeRate, chargingMerchants)
	return []Figure{
		ratio("ChargesAccepted"+name, setting+"99 of 100 take at most, from the planned start", accepted, commits),
		{Name: "ChargesDecided" + name, Setting: setting + "95 of 100 take at most", Terms: []Series{median}, Values: decided95, Unit: "ms"},
	}, nil
}
