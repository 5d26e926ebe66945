package chaos

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"codebank.dev/stack/launch"
)

const (
	// gatewayCustomers is how many customers transfer through the gateway, and walletsOfCustomer how many
	// wallets each of them has. These wallets exchange money among themselves alone. The customers are so many that
	// in ten minutes without a broker none of them gets to the thousand transfers that may be processing.
	gatewayCustomers, walletsOfCustomer = 10, 2
	// customerDeposit is what each of these wallets begins with. It is so low that transfers are cancelled.
	customerDeposit = 10_000
	// signInEvery is how often a customer signs in again. An access token lives for 15 minutes.
	signInEvery = 4 * time.Minute
)

// customer is a person who has signed up at identity and calls the gateway. It is safe for concurrent use.
type customer struct {
	person  *launch.Person
	wallets []*wallet

	mutex      sync.Mutex
	token      string
	signedInAt time.Time
}

// signUpCustomers signs the customers up, before the first fault, and opens their wallets.
func (l *load) signUpCustomers(ctx context.Context, stack *launch.Stack) error {
	for i := range gatewayCustomers {
		person, err := stack.SignUp(ctx, fmt.Sprintf("chaos-%d@example.com", i))
		if err != nil {
			return fmt.Errorf("sign customer %d up: %w", i, err)
		}
		c := &customer{person: person, token: person.Token, signedInAt: time.Now()}
		for range walletsOfCustomer {
			index := l.wallets.reserveFor(person.User.String())
			opened := l.sendOpening(ctx, i, l.history.begin(operation{kind: opening, account: index, amount: customerDeposit}))
			if opened == nil {
				return fmt.Errorf("a wallet of customer %d was not opened before the first fault", i)
			}
			c.wallets = append(c.wallets, opened)
		}
		l.commands.customers = append(l.commands.customers, c)
	}
	return nil
}

// desk is a customer's connection to the gateway.
type desk struct {
	load     *load
	customer *customer
	client   *http.Client
	url      string
}

// newDesk returns a connection of a customer. Each has its own, as different devices have.
func (l *load) newDesk(c *customer) (*desk, error) {
	client, err := l.commands.stack.HTTPClient("")
	if err != nil {
		return nil, err
	}
	client.Timeout = callTimeout
	return &desk{load: l, customer: c, client: client, url: launch.URL(l.commands.stack.Addresses().GatewayHTTP())}, nil
}

// deskAnswer is what the gateway answered. With an error there is no answer.
type deskAnswer struct {
	status   int
	replayed bool
	body     []byte
	err      error
}

// reason is why a request was refused; "" if the answer does not say.
func (a *deskAnswer) reason() string {
	var problem struct {
		Reason string `json:"reason"`
	}
	_ = json.Unmarshal(a.body, &problem) // Without a reason the status says enough.
	return problem.Reason
}

// call sends one request of the customer. Reasons in expected are refusals that the request provokes.
func (d *desk) call(ctx context.Context, request deskRequest, expected ...string) (*deskAnswer, class) {
	token := d.customer.accessToken()
	if token == "" {
		if !d.signIn(ctx) {
			return nil, classUnknown
		}
		token = d.customer.accessToken()
	}
	answer := d.send(ctx, request, token)
	kind := d.load.observed.classifyAnswer(ctx, request, answer, expected...)
	if answer.reason() == tokenExpired {
		d.customer.forget(token)
	}
	return answer, kind
}

// deskRequest is a request to the gateway. Without a key there is none, and without a body it has none.
type deskRequest struct {
	method, path, key, body string
	// toPayments says that it goes to the payment gateway of merchants.
	toPayments bool
}

// receiver is the program that it goes to.
func (q *deskRequest) receiver() string {
	if q.toPayments {
		return "payment gateway"
	}
	return "gateway"
}

// route is the method and the path without the ids in it.
func (q *deskRequest) route() string {
	parts := strings.Split(q.path, "/")
	for i, part := range parts {
		if len(part) >= len("00000000-0000-0000-0000-000000000000") {
			parts[i] = "{id}"
		}
	}
	path, _, _ := strings.Cut(strings.Join(parts, "/"), "?")
	return q.method + " " + path
}

func (d *desk) send(ctx context.Context, q deskRequest, token string) *deskAnswer {
	return send(ctx, d.client, d.url, q, token)
}

// send sends one request with a token; "" is none.
func send(ctx context.Context, client *http.Client, url string, q deskRequest, token string) *deskAnswer {
	request, err := http.NewRequestWithContext(ctx, q.method, url+q.path, strings.NewReader(q.body))
	if err != nil {
		return &deskAnswer{err: err}
	}
	if q.body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	if q.key != "" {
		request.Header.Set("Idempotency-Key", q.key)
	}
	response, err := client.Do(request)
	if err != nil {
		return &deskAnswer{err: err}
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body) // The connection may break in the middle of an answer.
	return &deskAnswer{status: response.StatusCode, replayed: response.Header.Get("Idempotency-Replayed") == "true", body: body, err: err}
}

// signIn gets a new access token. It returns false if nobody can sign in now.
func (d *desk) signIn(ctx context.Context) bool {
	body, err := json.Marshal(map[string]string{"email": d.customer.person.Email, "password": d.customer.person.Password})
	if err != nil {
		return false
	}
	request := deskRequest{method: http.MethodPost, path: "/authorize", body: string(body)}
	answer := d.send(ctx, request, "")
	if d.load.observed.classifyAnswer(ctx, request, answer) != classOK {
		return false
	}
	var signedIn struct{ Token string }
	if err := json.Unmarshal(answer.body, &signedIn); err != nil || signedIn.Token == "" {
		d.load.observed.report(errorClasses, "POST /authorize was answered without a token")
		return false
	}
	d.load.commands.signIns.Add(1)
	d.customer.mutex.Lock()
	defer d.customer.mutex.Unlock()
	d.customer.token, d.customer.signedInAt = signedIn.Token, time.Now()
	return true
}

// accessToken returns the token; "" if it is time to sign in again.
func (c *customer) accessToken() string {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if time.Since(c.signedInAt) > signInEvery {
		return ""
	}
	return c.token
}

// forget makes the customer sign in again, unless the token is another one by now.
func (c *customer) forget(token string) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if c.token == token {
		c.token = ""
	}
}

// tokenExpired is the reason of a refusal of an old access token. It says nothing about the request.
const tokenExpired = "TOKEN_EXPIRED"

// requestRunning is the reason of a refusal of a request while the same one is being accepted.
const requestRunning = "REQUEST_RUNNING"

// classifyAnswer returns the class of an answer of the gateway and counts it. Reasons in expected are refusals
// that the request provokes.
func (o *observations) classifyAnswer(ctx context.Context, request deskRequest, answer *deskAnswer, expected ...string) class {
	if answer.err == nil && answer.status < http.StatusMultipleChoices {
		return classOK
	}
	kind, why := classUnexpected, "no answer"
	if answer.err == nil {
		why = strings.TrimSpace(strconv.Itoa(answer.status) + " " + answer.reason())
	}
	switch reason := answer.reason(); {
	case answer.err != nil && errors.Is(ctx.Err(), context.Canceled):
		kind = classCancelled
	case answer.err != nil, answer.status == http.StatusServiceUnavailable, answer.status == http.StatusGatewayTimeout:
		kind = classUnknown
	case answer.status == http.StatusTooManyRequests, reason == tokenExpired, reason == requestRunning:
		kind = classRetryable
	case slices.Contains(expected, reason):
		kind = classRefused
	default:
		o.report(errorClasses, "%s of the %s was answered %d %s", request.route(), request.receiver(), answer.status, answer.body)
	}
	o.countName(kind, request.receiver()+" "+why)
	return kind
}
