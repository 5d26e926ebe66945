package main

import (
	"context"
	"fmt"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"codebank.dev/schemas/command"
	bankv1 "codebank.dev/schemas/gen/bank/v1"
)

// What commandSteps leave: so many events of each of their two wallets.
const (
	senderEvents   = 4
	receiverEvents = 2
)

// commandStep is a step that sends a command by the topic and waits for its result. It fails when the bank
// does not answer calls.
func commandStep(name string, asked func(*shopper) command.Command, first ...func(*shopper) error) step {
	return step{name, func(ctx context.Context, conn grpc.ClientConnInterface, c *shopper) (proto.Message, error) {
		for _, act := range first {
			if err := act(c); err != nil {
				return nil, err
			}
		}
		before := c.desk.count(name)
		if err := c.desk.send(ctx, c.desk.record(teller, asked(c))); err != nil {
			return nil, err
		}
		for c.desk.count(name) == before {
			if _, err := bankv1.NewWalletServiceClient(conn).GetBalance(ctx, &bankv1.GetBalanceRequest{Name: c.account("sender")}); err != nil {
				return nil, err
			}
			time.Sleep(5 * time.Millisecond)
		}
		c.desk.mutex.Lock()
		defer c.desk.mutex.Unlock()
		last := c.desk.results[name][len(c.desk.results[name])-1]
		return wrapperspb.String(fmt.Sprintf("%+v", last)), nil
	}}
}

// forged puts a record on the topic that nobody has signed.
func forged(c *shopper) error {
	record := c.desk.record(teller, transferCommand("forged", "", c.account("sender"), c.account("receiver"), 1))
	record.Headers[1].Value = []byte("AAAA")
	return c.desk.send(context.Background(), record)
}

func byTopic(name string, amount int64) step {
	return commandStep(name, func(c *shopper) command.Command {
		return transferCommand(name, "", c.account("sender"), c.account("receiver"), amount)
	})
}

// commandSteps end with 7500 on the sender's account and 2500 on the receiver's, one request id that was
// ended without a decision, and dead letters.
func commandSteps() []step {
	return []step{
		openStep("sender", 10_000),
		openStep("receiver", 0),
		byTopic("command", 2_500),
		byTopic("command-too-much", 1_000_000),
		commandStep("command-to-nobody", func(c *shopper) command.Command {
			return transferCommand("command-to-nobody", "", c.account("sender"), account, 1)
		}),
		commandStep("command-behind-forged", func(c *shopper) command.Command {
			return transferCommand("command-behind-forged", "", c.account("sender"), account, 1)
		}, forged),
	}
}

// verifyCommands compares the wallets and the results with what was asked for.
func (w *world) verifyCommands(p *process, c *shopper) {
	w.Helper()
	require.Equal(w, []int64{7_500, 2_500}, balances(w.T, p.conn, c.account("sender"), c.account("receiver")))
	for name, want := range map[string][3]string{
		"command": {command.Completed}, "command-too-much": {command.Cancelled, "INSUFFICIENT_FUNDS"},
		"command-to-nobody": {command.Cancelled, "ACCOUNT_NOT_FOUND", "destination"},
	} {
		got := w.desk.await(w, name, 0)
		require.Equal(w, want, [3]string{got.Status, got.Reason, got.Field}, name)
	}
}
