package chaos

import (
	"context"
	"strconv"
	"strings"

	bankv1 "codebank.dev/schemas/gen/bank/v1"
	checkoutv1 "codebank.dev/schemas/gen/checkout/v1"
	"codebank.dev/stack/launch"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// The numbers that the ledger stores for kinds and statuses of entries.
const (
	kindOpening     = 1
	kindLimitChange = 2
	kindPurchase    = 3
	kindReversal    = 4
	kindDeposit     = 5
	kindTransfer    = 7
	kindHold        = 8
	kindCapture     = 9
	kindVoid        = 10
	kindExpiry      = 11
	kindPixOut      = 12
	kindPixIn       = 13
	kindPixReturn   = 14

	statusApproved = 1
	statusDeclined = 2
	statusVoided   = 4
)

// checkoutCaller is the name under which the checkout calls the bank.
const checkoutCaller = "checkout"

// entryRow is an entry of the ledger.
type entryRow struct {
	transaction                  [16]byte
	account, debit, credit       *[16]byte
	original                     *[16]byte
	sequence                     *int64
	leg, kind, status, decline   int16
	amount, balance, held, limit int64
	caller, request, endToEnd    string
}

const ledgerQuery = `SELECT transaction_id, account_id, debit_account, credit_account, original_transaction_id, sequence,
	leg, kind, status, decline, amount, balance_after, held_after, credit_limit_after, caller, request_id, end_to_end_id
	FROM entries ORDER BY account_id, sequence`

// ledgerCheck computes balances and totals again from the entries of the ledger and compares
// them.
type ledgerCheck struct {
	load *load

	// These belong to the account whose entries are being read.
	account                    [16]byte
	begun                      bool
	balance, held, limit, last int64

	rows, refusals, accounts int64
	debits, credits          int64
	matched                  map[uint32]bool // requests that have an entry: purchases, reversals, limit changes, issues
	voids                    map[uint32]bool // purchases that have a void entry
	orderPurchases           map[[16]byte]entryRow
	accountRows              map[[16]byte]accountState
	wallets                  *walletCheck
	commands                 *commandCheck
	charges                  *chargeCheck
	pix                      *pixCheck
}

// accountState holds the columns of an account's row.
type accountState struct{ balance, held, limit, sequence int64 }

// readLedger reads every entry in the order of the accounts. It compares each entry with the
// one before it and with the history.
func (l *load) readLedger(ctx context.Context, ledger *pgx.Conn) (*ledgerCheck, error) {
	b := newLedgerCheck(l)
	if err := b.readAccounts(ctx, ledger); err != nil {
		return nil, err
	}
	rows, err := ledger.Query(ctx, ledgerQuery)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var e entryRow
		if err := rows.Scan(&e.transaction, &e.account, &e.debit, &e.credit, &e.original, &e.sequence,
			&e.leg, &e.kind, &e.status, &e.decline, &e.amount, &e.balance, &e.held, &e.limit, &e.caller, &e.request, &e.endToEnd); err != nil {
			return nil, err
		}
		b.addEntry(&e)
	}
	b.finishAccount()
	return b, rows.Err()
}

func newLedgerCheck(l *load) *ledgerCheck {
	return &ledgerCheck{load: l, wallets: newWalletCheck(l), commands: newCommandCheck(l), charges: newChargeCheck(l), pix: &pixCheck{load: l, begun: make(map[string]string)}, matched: make(map[uint32]bool), voids: make(map[uint32]bool), orderPurchases: make(map[[16]byte]entryRow), accountRows: make(map[[16]byte]accountState)}
}

// addEntry reads one entry.
func (b *ledgerCheck) addEntry(e *entryRow) {
	b.rows++
	b.checkEntry(e)
	b.matchRequest(e)
}

func (b *ledgerCheck) readAccounts(ctx context.Context, connection *pgx.Conn) error {
	rows, err := connection.Query(ctx, "SELECT id, balance, held, credit_limit, sequence FROM accounts")
	if err != nil {
		return err
	}
	var id [16]byte
	var s accountState
	_, err = pgx.ForEachRow(rows, []any{&id, &s.balance, &s.held, &s.limit, &s.sequence}, func() error {
		b.accountRows[id] = s
		return nil
	})
	return err
}

// finishAccount compares the computed state of the current account with the account's row.
func (b *ledgerCheck) finishAccount() {
	if !b.begun {
		return
	}
	if got := (accountState{b.balance, b.held, b.limit, b.last}); got != b.accountRows[b.account] {
		b.load.observed.report("I8", "account %s has the state %+v, its entries add up to %+v", uuid.UUID(b.account), b.accountRows[b.account], got)
	}
	delete(b.accountRows, b.account)
}

// checkEntry compares an entry with the one before it of the same account.
func (b *ledgerCheck) checkEntry(e *entryRow) {
	report := b.load.observed.report
	if e.account == nil {
		b.refusals++
		if e.debit != nil || e.credit != nil || e.status != statusDeclined && e.status != statusVoided {
			report("I4", "%s belongs to no account and is not a refusal", uuid.UUID(e.transaction))
		}
		return
	}
	if !b.begun || *e.account != b.account {
		b.finishAccount()
		b.account, b.begun, b.balance, b.held, b.limit, b.last = *e.account, true, 0, 0, 0, 0
		b.accounts++
	}
	if *e.sequence != b.last+1 {
		report("I6", "account %s goes from sequence %d to %d", uuid.UUID(b.account), b.last, *e.sequence)
	}
	if (b.last == 0) != (e.kind == kindOpening) {
		report("I11", "account %s has kind %d at sequence %d", uuid.UUID(b.account), e.kind, *e.sequence)
	}
	b.last = *e.sequence
	available := b.balance - b.held + b.limit
	b.applyMovement(e)
	if e.balance != b.balance || e.held != b.held {
		report("I8", "account %s at %d has balance %d and held %d, and must have %d and %d", uuid.UUID(b.account), b.last, e.balance, e.held, b.balance, b.held)
		b.balance, b.held = e.balance, e.held
	}
	if e.kind != kindOpening && e.kind != kindLimitChange && e.limit != b.limit {
		report("I8", "account %s at %d has another limit, without a limit change", uuid.UUID(b.account), b.last)
	}
	b.limit = e.limit
	if e.asksLimit() && e.status == statusApproved && available < e.amount {
		report("I2", "account %s at %d: %d approved with %d available", uuid.UUID(b.account), b.last, e.amount, available)
	}
	// The return of a transfer asks its recipient, and is declined on the account of its payer.
	if e.kind != kindReversal && e.decline == int16(bankv1.DeclineReason_DECLINE_REASON_INSUFFICIENT_FUNDS) && available >= e.amount {
		report("expectations", "account %s at %d: %d declined for insufficient funds with %d available", uuid.UUID(b.account), b.last, e.amount, available)
	}
}

// asksLimit reports whether an approval must have been within what was available.
func (e *entryRow) asksLimit() bool {
	switch e.kind {
	case kindPurchase, kindHold:
		return true
	case kindTransfer:
		return e.leg == 0
	case kindPixReturn:
		return e.debit != nil && *e.debit == *e.account
	case kindReversal:
		return e.leg == 1
	}
	return false
}

// holdsOnly reports whether an approved entry changes what is held and moves no money.
func (e *entryRow) holdsOnly() bool {
	return e.kind == kindHold || e.kind == kindExpiry || e.kind == kindVoid && e.debit == nil
}

// applyMovement applies an entry to the balance and to what is held, and checks the two sides of
// its movement.
func (b *ledgerCheck) applyMovement(e *entryRow) {
	report := b.load.observed.report
	moves := e.status == statusApproved && !e.holdsOnly()
	if moves != (e.debit != nil) || moves != (e.credit != nil) {
		report("I4", "entry %s has status %d and debit %v, credit %v", uuid.UUID(e.transaction), e.status, e.debit, e.credit)
		return
	}
	switch {
	case e.status != statusApproved:
		return
	case e.kind == kindHold:
		b.held += e.amount
	case e.holdsOnly(), e.kind == kindCapture, e.kind == kindPixOut:
		b.held -= e.amount
	}
	if !moves {
		return
	}
	side := e.debit
	switch e.kind {
	case kindReversal, kindVoid, kindDeposit, kindTransfer:
		// A transfer is credited on leg 1, and its return on leg 0.
		if (e.kind == kindTransfer) == (e.leg == 1) {
			side = e.credit
		}
	case kindPixIn:
		side = e.credit
	case kindPixReturn:
		if *e.credit == b.account {
			side = e.credit
		}
	case kindPurchase, kindCapture, kindPixOut:
	default:
		report("I11", "entry %s moves money and is of kind %d", uuid.UUID(e.transaction), e.kind)
	}
	if side == e.credit {
		b.balance += e.amount
		b.credits += e.amount
	} else {
		b.balance -= e.amount
		b.debits += e.amount
	}
	if *side != b.account || *e.debit == *e.credit {
		report("I1", "entry %s of account %s moves money from %s to %s", uuid.UUID(e.transaction), uuid.UUID(b.account), uuid.UUID(*e.debit), uuid.UUID(*e.credit))
	}
}

// matchRequest finds the request that an entry belongs to.
func (b *ledgerCheck) matchRequest(e *entryRow) {
	report := b.load.observed.report
	if e.caller == checkoutCaller {
		if e.kind == kindPurchase {
			b.orderPurchases[e.transaction] = *e
		}
		return
	}
	if e.caller == launch.Gateway {
		b.commands.add(e)
		return
	}
	if e.caller == launch.Processor {
		b.charges.add(e)
		return
	}
	if e.kind == kindOpening && e.account != nil && b.load.charges.paidTo[*e.account] {
		return // Opened by [launch.Stack.PayTo], before the history began.
	}
	if b.pix.add(e) || b.wallets.endsHold(e) {
		return
	}
	number, err := strconv.ParseUint(strings.TrimPrefix(e.request, requestPrefix), 10, 32)
	if e.caller != caller || err != nil || uint32(number) >= b.load.history.len() {
		report("I4", "entry %s has no request: %s of %s", uuid.UUID(e.transaction), e.request, e.caller)
		return
	}
	n := uint32(number)
	op := b.load.history.get(n)
	if op.kind >= opening {
		b.matched[n] = b.wallets.match(e, n, op) || b.matched[n]
		return
	}
	if e.kind == kindVoid || e.status == statusVoided {
		if op.kind != purchase || !op.voided {
			report("I4", "purchase %s was voided without a request", e.request)
		}
		b.voids[n] = true
	}
	if e.kind == kindVoid {
		if e.original == nil || *e.original != op.id && op.state == answered {
			report("I11", "the void of %s gives back another purchase", e.request)
		}
		return
	}
	wanted := map[int16]kind{kindOpening: issue, kindLimitChange: limitChange, kindPurchase: purchase, kindReversal: reversal}[e.kind]
	if op.kind != wanted || b.matched[n] {
		report("I5", "entry %s of kind %d belongs to request %s, a %s, which has another entry or is of another kind", uuid.UUID(e.transaction), e.kind, e.request, kindNames[op.kind])
	}
	b.matched[n] = true
	b.compareWithAnswer(e, n, op)
}

// compareWithAnswer compares an entry with the answer that the client got.
func (b *ledgerCheck) compareWithAnswer(e *entryRow, n uint32, op operation) {
	report := b.load.observed.report
	if op.state == refused && e.status == statusVoided {
		return // The purchase was refused; its id had been voided before.
	}
	if op.state == refused || op.state == failed {
		report("I4", "%s %s was refused, and the ledger has it", kindNames[op.kind], requestID(n))
		return
	}
	if op.state != answered {
		report("I5", "%s %s is in the ledger, and its client has no answer", kindNames[op.kind], requestID(n))
		return
	}
	switch op.kind {
	case purchase:
		status := map[int16]bankv1.PurchaseStatus{statusApproved: 1, statusDeclined: 2, statusVoided: 3}[e.status]
		if e.transaction != op.id || uint8(status) != op.status || e.decline != int16(op.reason) {
			report("I3", "purchase %s was answered status %d reason %d, the ledger has status %d reason %d", requestID(n), op.status, op.reason, e.status, e.decline)
		}
		if e.status != statusVoided && e.amount != op.amount {
			report("I3", "purchase %s of %d is in the ledger with %d", requestID(n), op.amount, e.amount)
		}
	case reversal:
		target := b.load.history.get(op.target)
		if e.transaction != op.id || e.original == nil || *e.original != target.id || e.amount != op.amount {
			report("I11", "reversal %s of %s is in the ledger with %d, of another purchase or amount", requestID(n), requestID(op.target), e.amount)
		}
	case limitChange:
		if e.limit != op.amount {
			report("I3", "limit change %s to %d is in the ledger with %d", requestID(n), op.amount, e.limit)
		}
	case issue:
		if *e.account != op.id {
			report("I3", "issue %s is in the ledger with another account", requestID(n))
		}
	}
}

// checkMissing reports answered operations that are not in the ledger.
func (b *ledgerCheck) checkMissing() {
	b.pix.checkMissing()
	report := b.load.observed.report
	for n := range b.load.history.len() {
		op := b.load.history.get(n)
		switch {
		case op.kind == void && op.state == answered:
			target := b.load.history.get(op.target)
			declined := target.status == uint8(bankv1.PurchaseStatus_PURCHASE_STATUS_DECLINED)
			if !b.voids[op.target] && !declined {
				report("I3", "the void of %s was answered and is not in the ledger", requestID(op.target))
			}
		case op.kind == release:
			// The entry that ends a hold belongs to the hold.
		case op.state == answered && !b.matched[n]:
			report("I3", "%s %s was answered and is not in the ledger", kindNames[op.kind], requestID(n))
		}
	}
	for id := range b.accountRows {
		report("I4", "account %s has no entries", uuid.UUID(id))
	}
	b.wallets.checkMissing()
	b.checkOrders()
}

// checkOrders compares the orders with the purchases that the checkout made.
func (b *ledgerCheck) checkOrders() {
	report := b.load.observed.report
	for _, order := range b.load.orders.all {
		if order.purchase == "" {
			continue
		}
		id := idOf(order.purchase)
		e, there := b.orderPurchases[id]
		approved := order.state == checkoutv1.OrderState_ORDER_STATE_APPROVED
		switch {
		case !there:
			report("I3", "order %s is %s, and its purchase is not in the ledger", order.id, order.state)
		case approved && (e.status != statusApproved || e.amount != order.total):
			report("I3", "order %s of %d was approved, its purchase has status %d and amount %d", order.id, order.total, e.status, e.amount)
		}
		delete(b.orderPurchases, id)
	}
	for id, e := range b.orderPurchases {
		if e.status == statusApproved {
			report("I4", "the checkout's purchase %s is approved and belongs to no order", uuid.UUID(id))
		}
	}
}
