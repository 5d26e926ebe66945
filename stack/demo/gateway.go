package demo

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"codebank.dev/stack/launch"
)

const (
	// endTimeout bounds the wait until a transfer has ended, and until a file is ready.
	endTimeout = 30 * time.Second
	// endPoll is the interval at which both are asked for.
	endPoll = 50 * time.Millisecond
	// statementDays is how many days the file of a statement covers. So many days become a file that is made
	// after the answer.
	statementDays = 30
)

// useGateway shows what a customer's app does: it sends a transfer that is decided later, and takes a statement
// along as a file.
func (d *demonstration) useGateway(ctx context.Context) error {
	client, err := d.stack.HTTPClient("")
	if err != nil {
		return err
	}
	defer client.CloseIdleConnections()
	app := &app{client: client, url: launch.URL(d.stack.Addresses().GatewayHTTP())}
	if err := app.signIn(ctx, d.ana); err != nil {
		return err
	}
	if err := d.transferByCommand(ctx, app); err != nil {
		return err
	}
	return d.takeStatement(ctx, app)
}

// transferByCommand sends a transfer and waits until it has ended.
func (d *demonstration) transferByCommand(ctx context.Context, app *app) error {
	const amount = 2_500
	var accepted, ended struct{ ID, Status string }
	err := app.call(ctx, http.MethodPost, "/cmd/transfer", map[string]any{
		"amount": amount, "message": "Lunch", "from_account_id": idOf(d.ana.account), "to_account_id": idOf(d.bruno.account),
	}, &accepted)
	if err != nil {
		return err
	}
	began := time.Now()
	err = awaitEnd(ctx, func() (bool, error) {
		err := app.call(ctx, http.MethodGet, "/q/transfers/"+accepted.ID, nil, &ended)
		return ended.Status != "processing", err
	})
	if err == nil && ended.Status != "completed" {
		err = fmt.Errorf("the transfer %s ended %s", accepted.ID, ended.Status)
	}
	if err != nil {
		return err
	}
	d.printf("  %s sends %s to %s: %s, and %s after %d ms\n",
		d.ana.name, formatReais(amount), d.bruno.name, accepted.Status, ended.Status, time.Since(began).Milliseconds())
	return d.err
}

// takeStatement downloads a statement as a file, which bankctl compares with its digests and with the ledger.
func (d *demonstration) takeStatement(ctx context.Context, app *app) error {
	today := time.Now().UTC()
	var file struct{ State, Location, Content string }
	err := awaitEnd(ctx, func() (bool, error) {
		err := app.call(ctx, http.MethodPost, "/statement/generate", map[string]any{
			"accountId": idOf(d.ana.account), "format": "csv", "minDate": today.AddDate(0, 0, -statementDays).Format(time.DateOnly), "maxDate": today.Format(time.DateOnly),
		}, &file)
		if errors.Is(err, errLater) { // The statement has not heard of the account yet.
			return false, nil
		}
		return true, err
	})
	if err != nil {
		return err
	}
	err = awaitEnd(ctx, func() (bool, error) {
		err := app.call(ctx, http.MethodGet, file.Location, nil, &file)
		return file.State == "ready", err
	})
	if err != nil {
		return err
	}
	content, err := app.send(ctx, http.MethodGet, file.Content, nil)
	if err != nil {
		return err
	}
	path := filepath.Join(d.stack.Dir(), "statement.csv")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		return err
	}
	var report bytes.Buffer
	if err := d.stack.Bankctl(ctx, &report, "statement", "verify", path); err != nil {
		return fmt.Errorf("%w\n%s", err, report.String())
	}
	lines := strings.Split(strings.TrimSpace(report.String()), "\n")
	d.printf("  %s downloads a statement of %d days as CSV, %d bytes, in %s\n", d.ana.name, statementDays, len(content), path)
	d.printf("  bankctl compares its digests and its lines with the ledger: %s\n", strings.TrimPrefix(lines[len(lines)-1], "statement: "))
	return d.err
}

// awaitEnd calls check until it is done or fails.
func awaitEnd(ctx context.Context, check func() (done bool, err error)) error {
	ctx, cancel := context.WithTimeout(ctx, endTimeout)
	defer cancel()
	for {
		if done, err := check(); done || err != nil {
			return err
		}
		if err := sleep(ctx, endPoll); err != nil {
			return err
		}
	}
}

// app is a customer's app: it calls the gateway with an access token.
type app struct {
	client *http.Client
	url    string
	token  string
}

// errLater is the error of a request that may succeed a little later.
var errLater = errors.New("the gateway asks to try again")

// signIn signs the owner of a wallet in.
func (a *app) signIn(ctx context.Context, who *owner) error {
	var signedIn struct{ Token string }
	err := a.call(ctx, http.MethodPost, "/authorize", map[string]any{"email": who.person.Email, "password": who.person.Password}, &signedIn)
	a.token = signedIn.Token
	return err
}

// call sends a request and decodes the answer, a JSON object, into a value.
func (a *app) call(ctx context.Context, method, path string, body, into any) error {
	answer, err := a.send(ctx, method, path, body)
	if err != nil {
		return err
	}
	return json.Unmarshal(answer, into)
}

// send sends a request, with a body as JSON unless it is nil. An answer of 300 or more is an error, and one of 503
// is errLater.
func (a *app) send(ctx context.Context, method, path string, body any) ([]byte, error) {
	var content []byte
	if body != nil {
		var err error
		if content, err = json.Marshal(body); err != nil {
			return nil, err
		}
	}
	request, err := http.NewRequestWithContext(ctx, method, a.url+path, bytes.NewReader(content))
	if err != nil {
		return nil, err
	}
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
		request.Header.Set("Idempotency-Key", keyOf(path, content)) // Sent again, it is the same command.
	}
	if a.token != "" {
		request.Header.Set("Authorization", "Bearer "+a.token)
	}
	response, err := a.client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode >= http.StatusMultipleChoices {
		err = fmt.Errorf("%s %s: %s: %.300s", method, path, response.Status, answer)
		if response.StatusCode == http.StatusServiceUnavailable {
			err = fmt.Errorf("%w: %w", errLater, err)
		}
	}
	return answer, err
}

// keyOf names a command by what it says.
func keyOf(path string, body []byte) string {
	return fmt.Sprintf("demo-%x", sha256.Sum256(append([]byte(path), body...)))
}

// idOf returns the UUID at the end of a name.
func idOf(name string) string { return name[strings.LastIndexByte(name, '/')+1:] }
