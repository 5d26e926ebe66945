package chaos

import (
	"context"
	"fmt"

	statementv1 "codebank.dev/schemas/gen/statement/v1"
	"codebank.dev/stack/launch"
	"codebank.dev/stack/pipes"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/twmb/franz-go/pkg/kgo"
)

// commandCheck compares the entries that the gateway asked for with the transfers of its customers.
type commandCheck struct {
	load *load
	// entries are the entries of each request id.
	entries map[uuid.UUID][]entryRow
	// completed and cancelled are how many transfers ended so.
	completed, cancelled int64
}

func newCommandCheck(l *load) *commandCheck {
	return &commandCheck{load: l, entries: make(map[uuid.UUID][]entryRow)}
}

// add reads an entry of the gateway.
func (c *commandCheck) add(e *entryRow) {
	name, err := uuid.Parse(e.request)
	if err != nil {
		c.load.observed.report("I4", "entry %s of the gateway has the request %s", uuid.UUID(e.transaction), e.request)
		return
	}
	c.entries[name] = append(c.entries[name], *e)
}

// checkEnds compares what the customers know with what the gateway shows, and that with the ledger.
func (c *commandCheck) checkEnds() {
	known := make(map[uuid.UUID]bool)
	for _, a := range c.load.commands.transfers() {
		if a.accepted == nil {
			continue // resolveCommands has reported it.
		}
		known[a.id] = true
		shown, there := c.load.commands.ends[a.id]
		if !there || !a.isShown(&shown) {
			c.load.observed.report(acceptedKept, "%s of %d was accepted as %s, and the gateway shows %+v", a.key, a.amount, a.id, shown)
			continue
		}
		c.load.observed.reportIf(a.end(shown.transferEnd), commandsEnd)
		c.load.observed.reportIf(a.checkEnd(&shown), commandsEnd)
		c.load.observed.reportIf(c.compare(a, &shown), commandsEnd)
		delete(c.entries, a.id)
	}
	for name := range c.load.commands.ends {
		if !known[name] {
			c.load.observed.report("I4", "the gateway shows the transfer %s, for which nobody asked", name)
		}
	}
	for name := range c.entries {
		c.load.observed.report("I4", "the ledger has entries of the gateway's request %s, for which nobody asked", name)
	}
}

// The errors of transfers that the load provokes.
const (
	notEnoughFunds  = "not_enough_funds"
	noDestination   = "to_account_not_found"
	cancelledByUser = "cancelled_by_customer"
)

// checkEnd returns what is wrong with how a transfer ended, by what its customer knows.
func (a *asked) checkEnd(shown *shownTransfer) string {
	why := ""
	if shown.Error != nil {
		why = *shown.Error
	}
	isRight := false
	switch shown.Status {
	case completed:
		isRight = !a.toNobody && why == ""
	case cancelled:
		isRight = !a.tooLate && (why == notEnoughFunds && !a.toNobody || why == noDestination && a.toNobody || why == cancelledByUser && a.cancelWanted)
	}
	if isRight {
		return ""
	}
	return fmt.Sprintf("%s of %d (to nobody: %v, cancel wanted: %v, told that it is completed: %v) ended %s",
		a.key, a.amount, a.toNobody, a.cancelWanted, a.tooLate, shown.String())
}

// compare counts a transfer that has ended, and returns how the ledger differs. A completed one is there once, on
// either account. A cancelled one has moved nothing, and its id has ended there, so that nothing moves later.
func (c *commandCheck) compare(a *asked, shown *shownTransfer) string {
	var legs [2]int
	refused := 0
	for _, e := range c.entries[a.id] {
		switch {
		case e.status != statusApproved:
			refused++
		case e.kind != kindTransfer || e.amount != a.amount || e.account == nil || *e.account != [2]uuid.UUID{a.from, a.to}[e.leg&1]:
			return fmt.Sprintf("%s of %d from %s to %s has the entry %+v", a.key, a.amount, a.from, a.to, e)
		case shown.TransactionID == nil || *shown.TransactionID != e.transaction:
			return fmt.Sprintf("%s has the transaction %s, and the gateway shows %v", a.key, uuid.UUID(e.transaction), shown.TransactionID)
		default:
			legs[e.leg&1]++
		}
	}
	want, wantRefused := [2]int{1, 1}, 0
	if shown.Status == completed {
		c.completed++
	} else {
		c.cancelled++
		want, wantRefused = [2]int{}, 1
	}
	if legs != want || refused != wantRefused {
		return fmt.Sprintf("%s is %s, and the ledger has %v approved legs and %d refusals of it", a.key, shown.String(), legs, refused)
	}
	return ""
}

// commandsDeadLetters is the topic of the records that the bank could not take as commands.
const commandsDeadLetters = "dlq.bank-" + launch.BankCode + ".commands"

// checkCommands compares the transfers by command with the ledger, and the balances of their wallets in the
// ledger, at the gateway and on the statement with what was transferred.
func (r *run) checkCommands(ctx context.Context, b *commandCheck, ledger *pgx.Conn) error {
	b.checkEnds()
	expected := r.load.commands.balances()
	if err := r.checkCommandSum(ctx, ledger); err != nil {
		return err
	}
	for account, want := range expected {
		var stored int64
		if err := ledger.QueryRow(ctx, "SELECT balance FROM accounts WHERE id = $1", account).Scan(&stored); err != nil {
			return err
		}
		answer, err := r.load.clients.statements.GetStatement(ctx, &statementv1.GetStatementRequest{Name: "accounts/" + account.String() + "/statement"})
		if err != nil {
			return fmt.Errorf("the statement of %s: %w", account, err)
		}
		if shown := answer.GetStatement().GetBalanceMinor(); stored != want || shown != want {
			r.load.observed.report(commandSums, "account %s must have %d, by the transfers of its customers; the ledger has %d, the statement %d", account, want, stored, shown)
		}
	}
	return pipes.ReadAll(ctx, r.system.stack.Addresses().Kafka(), func(record *kgo.Record) {
		r.load.observed.report(commandsEnd, "the bank put %d/%d on %s: %.200s", record.Partition, record.Offset, commandsDeadLetters, record.Value)
	}, commandsDeadLetters)
}

// accounts returns the ids of the wallets of the customers.
func (c *commands) accounts() (ids [][16]byte) {
	for _, one := range c.customers {
		for _, w := range one.wallets {
			ids = append(ids, idOf(w.account))
		}
	}
	return ids
}

// balances returns what the wallets of the customers must have, by the transfers that the gateway shows.
func (c *commands) balances() map[uuid.UUID]int64 {
	balances := make(map[uuid.UUID]int64)
	for _, one := range c.customers {
		for _, w := range one.wallets {
			balances[idOf(w.account)] = customerDeposit
		}
	}
	for _, shown := range c.ends {
		if shown.Status == completed {
			balances[shown.From] -= shown.Amount
			balances[shown.To] += shown.Amount
		}
	}
	return balances
}

// commandResults are the results on transfers by command.
func (r *run) commandResults(b *commandCheck) []Result {
	c := &r.load.commands
	ended := b.completed + b.cancelled
	accounts := gatewayCustomers * walletsOfCustomer
	return []Result{
		{ID: acceptedKept, Name: "a transfer that was accepted is never lost", Count: c.accepted.Load(), Checked: fmt.Sprintf(
			"%d transfers accepted by the gateway, each shown to its customer in the end; %d repeats of their keys, each answered word for word; %d other requests under a used key refused; %d sign-ins",
			c.accepted.Load(), c.repeats.Load(), c.reuses.Load(), c.signIns.Load())},
		{ID: commandsEnd, Name: "transfers by command end once", Count: ended, Checked: fmt.Sprintf(
			"%d completed, each once in the ledger with its amount; %d cancelled, of which nothing moved; %d were cancelled by their customers; %d reads of single transfers; no command is a dead letter",
			b.completed, b.cancelled, c.cancels.Load(), c.reads.Load())},
		{ID: commandSums, Name: "transfers by command conserve money", Count: c.sums.Load(), Checked: fmt.Sprintf(
			"the sum of %d wallets, %d times under load; in the end each of them in the ledger, on the statement, and by the transfers of its customer", accounts, c.sums.Load())},
	}
}
