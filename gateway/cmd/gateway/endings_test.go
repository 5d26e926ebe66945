package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"codebank.dev/gateway/failpoints"
	"codebank.dev/gateway/gatewaytest"
	"codebank.dev/gateway/postgres"
	"codebank.dev/native/await"
	"codebank.dev/native/postgres/postgrestest"
	"codebank.dev/platform/database/databasetest"
	"codebank.dev/platform/programtest"
	"codebank.dev/schemas/command"
)

// counter outlives the program: what is behind it, its database, and the desk that decides commands.
type counter struct {
	*testing.T
	world *gatewaytest.World
	desk  *gatewaytest.Desk
	url   string
	key   string
	admin *pgx.Conn
}

func newCounter(t *testing.T) *counter {
	t.Helper()
	c := newClosedCounter(t)
	c.desk.Open(t)
	return c
}

// newClosedCounter returns a counter whose broker is away.
func newClosedCounter(t *testing.T) *counter {
	t.Helper()
	c := &counter{T: t, world: gatewaytest.NewWorld(t), url: postgrestest.Database(t), key: keyFile(t)}
	keys, err := os.ReadFile(c.key)
	require.NoError(t, err)
	c.desk = gatewaytest.NewDesk(t, c.world.Bank, keys)
	c.admin, err = pgx.Connect(t.Context(), c.url)
	require.NoError(t, err)
	t.Cleanup(func() { _ = c.admin.Close(context.Background()) })
	return c
}

// migrate migrates the database.
func (c *counter) migrate() {
	c.Helper()
	require.NoError(c, postgres.Migrate(c.Context(), postgres.Config{URL: c.url}))
}

// launch runs the program until it is ready or has ended.
func (c *counter) launch(url string, flags ...string) (p *process, ready bool) {
	c.Helper()
	p = &process{World: c.world, client: c.world.Kit.HTTP(c.T, "")}
	p.Program = programtest.Start(c.T, nil, slices.Concat(c.world.Flags(c.T), c.desk.Flags(),
		[]string{"--database-url=" + url, "--command-key=" + c.key}, flags)...)
	p.Program.Client = p.client
	addresses, ready := p.AwaitReady(c.T)
	p.address = addresses.HTTP
	return p, ready
}

// start runs the program as its own role until it is ready.
func (c *counter) start(flags ...string) *process {
	c.Helper()
	p, ready := c.launch(databasetest.As(c.T, c.url, postgres.ServiceRole), flags...)
	require.True(c, ready, p.Log())
	return p
}

// hasten makes every command due, as it is by itself when its claim or its wait is over.
func (c *counter) hasten() {
	_, err := c.admin.Exec(c.Context(), "UPDATE outbox SET due_at = now()")
	require.NoError(c, err)
}

// row returns a transfer from the database.
func (c *counter) status(id string) (status, failure string) {
	c.Helper()
	require.NoError(c, c.admin.QueryRow(c.Context(), "SELECT status, error FROM transfers WHERE id = $1", id).Scan(&status, &failure))
	return status, failure
}

// awaitEnd waits until a transfer has ended, as its owner sees it.
func awaitEnd(t *testing.T, p *process, who as, id string) (ended shown) {
	t.Helper()
	await.Until(t, func() bool {
		answer, body := p.send(t, who, "GET", "/q/transfers/"+id, "")
		require.Equal(t, 200, answer.StatusCode, body)
		require.NoError(t, json.Unmarshal([]byte(body), &ended))
		return ended.Status != "processing"
	}, time.Minute, 5*time.Millisecond)
	return ended
}

func accepted(t *testing.T, answer *http.Response, body string) (id string) {
	t.Helper()
	require.Equal(t, 201, answer.StatusCode, body)
	var made shown
	require.NoError(t, json.Unmarshal([]byte(body), &made))
	return made.ID
}

const unknown, poor = "22222222-2222-4333-8444-555555555555", "33333333-2222-4333-8444-555555555555"

func TestTransfersEndAsTheBankSays(t *testing.T) {
	c := newCounter(t)
	c.migrate()
	c.desk.RegisterCommands(t)
	c.desk.Refuse(unknown, "ACCOUNT_NOT_FOUND")
	c.desk.Refuse(poor, "INSUFFICIENT_FUNDS")
	p := c.start()
	who, wallet := p.signIn(t)
	for to, want := range map[string]string{nobodys: "completed", unknown: "to_account_not_found", poor: "not_enough_funds"} {
		answer, body := p.transfer(t, who, to, bodyOf("7", wallet, to))
		id := accepted(t, answer, body)
		ended := awaitEnd(t, p, who, id)
		if want == "completed" {
			require.Equal(t, "completed", ended.Status)
			require.Nil(t, ended.Error)
			results, _, _ := c.desk.Decided()
			require.EqualValues(t, results[id].AmountMinor, 7)
			_, body := p.send(t, who, "GET", "/q/transfers/"+id, "")
			require.Contains(t, body, `"transaction_id":"`+results[id].TransactionID+`","sequence":`)
		} else {
			require.Equal(t, "cancelled", ended.Status)
			require.Equal(t, want, *ended.Error)
		}
		again, repeated := p.transfer(t, who, to, bodyOf("7", wallet, to))
		require.Equal(t, body, repeated, "a repeat is answered as it was accepted")
		require.Equal(t, 201, again.StatusCode)
	}
	_, list := p.send(t, who, "GET", "/q/transfers?status=cancelled", "")
	require.Equal(t, 2, strings.Count(list, `"cancelled"`))
	_, _, forged := c.desk.Decided()
	require.Zero(t, forged)
	_, metrics := p.send(t, "", "GET", "/metrics", "")
	for _, line := range []string{
		"codebank_gateway_transfers_processing 0", "codebank_gateway_oldest_transfer_seconds 0", "codebank_gateway_commands_sent_total 3",
		`codebank_gateway_transfers_ended_total{status="cancelled"} 2`, `codebank_gateway_transfers_ended_total{status="completed"} 1`,
		"codebank_gateway_relay_away 0",
	} {
		require.Contains(t, metrics, line)
	}
	p.Interrupt(t)
}

// The broker is away, then results are lost and the program is killed.
func TestEveryTransferEndsWhateverWasAwayAndLost(t *testing.T) {
	c := newClosedCounter(t)
	c.migrate()
	c.desk.RegisterCommands(t)
	c.desk.Silence(true)
	p := c.start()
	who, wallet := p.signIn(t)
	var ids []string
	for i := range 20 {
		answer, body := p.transfer(t, who, fmt.Sprint(i), bodyOf("1", wallet, nobodys))
		ids = append(ids, accepted(t, answer, body))
	}
	_, metrics := p.send(t, "", "GET", "/metrics", "")
	require.Contains(t, metrics, "codebank_gateway_transfers_processing 20")
	c.desk.Open(t)
	var results map[string]command.Result
	await.Until(t, func() bool {
		results, _, _ = c.desk.Decided()
		return len(results) == len(ids)
	}, time.Minute, 5*time.Millisecond)
	p.Kill(t)

	p = c.start()
	c.desk.Silence(false)
	c.hasten()
	for _, id := range ids {
		require.Equal(t, "completed", awaitEnd(t, p, who, id).Status)
	}
	requireOneTransactionEach(c, ids)
}

// requireOneTransactionEach compares the transfers with what the bank has decided.
func requireOneTransactionEach(c *counter, ids []string) {
	c.Helper()
	results, arrivals, forged := c.desk.Decided()
	require.Zero(c, forged)
	require.Len(c, results, len(ids), "one transfer is one transaction")
	for _, id := range ids {
		require.Equal(c, command.Completed, results[id].Status)
		require.Positive(c, arrivals[id])
		status, _ := c.status(id)
		require.Equal(c, "completed", status)
	}
	var left int
	require.NoError(c, c.admin.QueryRow(c.Context(), "SELECT count(*) FROM outbox").Scan(&left))
	require.Zero(c, left)
}

func TestATransferThatIsProcessingIsCancelled(t *testing.T) {
	c := newCounter(t)
	c.migrate()
	c.desk.RegisterCommands(t)
	c.desk.Pause(true)
	p := c.start()
	who, wallet := p.signIn(t)
	answer, body := p.transfer(t, who, "one", bodyOf("1", wallet, nobodys))
	id := accepted(t, answer, body)
	cancel := func() (*http.Response, string) {
		return p.send(t, who, "POST", "/cmd/transfers/"+id+"/cancel", "", "Idempotency-Key", "c")
	}
	answer, body = cancel()
	require.Equal(t, 200, answer.StatusCode, body)
	require.Contains(t, body, `"error":"cancelled_by_customer"`)
	again, repeated := cancel()
	require.Equal(t, 200, again.StatusCode)
	require.Equal(t, body, repeated)
	without, _ := p.send(t, who, "POST", "/cmd/transfers/"+id+"/cancel", "")
	require.Equal(t, 400, without.StatusCode)

	c.desk.Pause(false)
	answer, body = p.transfer(t, who, "two", bodyOf("1", wallet, nobodys))
	id = accepted(t, answer, body)
	require.Equal(t, "completed", awaitEnd(t, p, who, id).Status)
	answer, body = cancel()
	require.Equal(t, 422, answer.StatusCode, body)
	require.Contains(t, body, "NOT_PENDING")

	// The bank has decided, and the gateway does not know it yet.
	c.desk.Silence(true)
	answer, body = p.transfer(t, who, "three", bodyOf("1", wallet, nobodys))
	id = accepted(t, answer, body)
	await.Until(t, func() bool { results, _, _ := c.desk.Decided(); return results[id].Status != "" }, time.Minute, 5*time.Millisecond)
	answer, body = cancel()
	require.Equal(t, 422, answer.StatusCode, body)
	require.Contains(t, body, "NOT_PENDING")
	c.desk.Silence(false)
	c.hasten()
	require.Equal(t, "completed", awaitEnd(t, p, who, id).Status)
}

// Whatever the program was at when it died, every transfer that was accepted ends, and each is one transaction.
func TestKilledAtAnyFailpointNoTransferIsLost(t *testing.T) {
	for _, point := range failpoints.All() {
		t.Run(string(point), func(t *testing.T) {
			t.Parallel()
			c := newCounter(t)
			ids := c.dieAt(string(point))
			p := c.start()
			who, wallet := p.signIn(t)
			answer, body := p.transfer(t, who, "after", bodyOf("1", wallet, nobodys))
			ids = append(ids, accepted(t, answer, body))
			c.hasten()
			for _, id := range ids {
				awaitEnd(t, p, who, id)
			}
			p.Interrupt(t)
			if point != failpoints.CancelDecided {
				requireOneTransactionEach(c, ids)
			}
		})
	}
}

// dieAt runs the program until it is killed at a point, and returns the transfers that are in the database then.
func (c *counter) dieAt(point string) (ids []string) {
	c.Helper()
	if point == string(failpoints.GatewayMigrated) {
		dying, _ := c.launch(c.url, "--migrate", "--failpoint="+point)
		dying.AwaitKilledAt(c.T, point)
		c.migrate()
		c.desk.RegisterCommands(c.T)
		return nil
	}
	c.migrate()
	if point != string(failpoints.CommandsReleased) {
		c.desk.RegisterCommands(c.T)
	}
	c.desk.Pause(point == string(failpoints.CancelDecided))
	dying := c.start("--failpoint=" + point)
	c.ask(dying, point == string(failpoints.CancelDecided))
	dying.AwaitKilledAt(c.T, point)
	c.desk.Pause(false)
	if point == string(failpoints.CommandsReleased) {
		c.desk.RegisterCommands(c.T)
	}
	rows, err := c.admin.Query(c.Context(), "SELECT id::text FROM transfers")
	require.NoError(c, err)
	ids, err = pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(c, err)
	return ids
}

// ask sends what makes the program do all that it does, and takes no notice of a program that dies.
func (c *counter) ask(p *process, cancels bool) {
	who, wallet := p.signIn(c.T)
	answer, body, err := p.try(c.Context(), who, "POST", "/cmd/transfer", bodyOf("1", wallet, nobodys), "Idempotency-Key", "one")
	if err == nil && answer.StatusCode == 201 && cancels {
		_, _, _ = p.try(c.Context(), who, "POST", "/cmd/transfers/"+accepted(c.T, answer, body)+"/cancel", "", "Idempotency-Key", "two")
	}
}

// try sends a request to a program that may die.
func (p *process) try(ctx context.Context, who as, method, path, body string, headers ...string) (*http.Response, string, error) {
	request, err := http.NewRequestWithContext(ctx, method, "https://"+p.address+path, strings.NewReader(body))
	if err != nil {
		return nil, "", err
	}
	request.Header.Set("Authorization", "Bearer "+string(who))
	if body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	answer, err := p.client.Do(request)
	if err != nil {
		return nil, "", err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	return answer, string(text), err
}
