package banktest_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"time"

	"codebank.dev/bank"
	"codebank.dev/bank/banktest"
	"codebank.dev/bank/card"
	"codebank.dev/bank/hold"
	"codebank.dev/bank/ledger"
	"codebank.dev/bank/purchase"
	"codebank.dev/bank/risk"
	"codebank.dev/bank/vault"
	"codebank.dev/bank/wallet"
	"codebank.dev/platform/fault"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func newVault(t *rapid.T) *vault.Vault {
	keys, err := vault.Generate()
	require.NoError(t, err)
	return keys
}

// side is one of the two banks: its use cases on its ledger, with a submitter that decides at once,
// or holds commands to decide them in one batch.
type side struct {
	store     banktest.Ledger
	clock     *banktest.Clock
	cards     *card.Service
	purchases *purchase.Service
	holds     *hold.Service
	wallets   *wallet.Service

	holding bool
	held    []bank.Command
	// The decisions since reset.
	commands []bank.Command
	outcomes []bank.Outcome
	posted   []bank.Entry
}

func newSide(store banktest.Ledger, clock *banktest.Clock, keys *vault.Vault, seed [32]byte) *side {
	s := &side{store: store, clock: clock}
	directory := ledger.NewCachedDirectory(store)
	var random io.Reader = rand.NewChaCha8(seed)
	s.cards = &card.Service{
		Code: "001", Ledger: s, Directory: directory, Reader: store, Vault: keys, Tokens: keys, Random: random, Now: clock.Now,
	}
	s.purchases = &purchase.Service{Code: "001", Ledger: s, Directory: directory, Reader: store, Holds: store, Vault: keys, Tokens: keys, Scorer: risk.NewScorer()}
	s.holds = &hold.Service{Code: "001", Ledger: s, Directory: directory, Holds: store, Vault: keys}
	s.wallets = &wallet.Service{Code: "001", Ledger: s, Directory: directory, Reader: store, Accounts: store, Vault: keys, Holds: s.holds}
	return s
}

func (s *side) reset() { s.held, s.commands, s.outcomes, s.posted = nil, nil, nil, nil }

// errHeld answers for a command that is decided later.
var errHeld = fault.New(fault.Unavailable, "HELD", "The command is decided with others.")

// SubmitAll implements bank.Submitter.
func (s *side) SubmitAll(ctx context.Context, commands []bank.Command) []bank.Result {
	results := make([]bank.Result, len(commands))
	for i, command := range commands {
		results[i].Outcome, results[i].Err = s.Submit(ctx, command)
	}
	return results
}

// Submit implements bank.Submitter.
func (s *side) Submit(ctx context.Context, command bank.Command) (bank.Outcome, error) {
	if s.holding {
		s.held = append(s.held, command)
		return bank.Outcome{}, errHeld
	}
	outcomes := s.decide(ctx, []bank.Command{command})
	// A command that is resolved again replaces the one before.
	s.commands, s.outcomes = []bank.Command{command}, outcomes
	return outcomes[0], outcomes[0].Err
}

func (s *side) decideHeld(ctx context.Context) {
	if len(s.held) > 0 {
		s.commands, s.outcomes = s.held, s.decide(ctx, s.held)
	}
}

// decide decides and commits a batch as the executor does: again after a conflict, in halves after
// a refusal of its data.
func (s *side) decide(ctx context.Context, commands []bank.Command) []bank.Outcome {
	var keys bank.Keys
	for _, command := range commands {
		keys.Add(command.Keys())
	}
	keys.Sort()
	var err error
	for range 3 {
		var outcomes []bank.Outcome
		var posted []bank.Entry
		err = s.store.Execute(ctx, keys, func(book *bank.Book) error {
			outcomes, posted = s.decideOn(book, commands)
			return nil
		})
		if err == nil {
			s.posted = append(s.posted, posted...)
			return outcomes
		}
		if !errors.Is(err, bank.ErrRetry) {
			break
		}
	}
	if len(commands) > 1 && (errors.Is(err, bank.ErrRetry) || errors.Is(err, bank.ErrRejected)) {
		half := len(commands) / 2
		return append(s.decide(ctx, commands[:half]), s.decide(ctx, commands[half:])...)
	}
	outcomes := make([]bank.Outcome, len(commands))
	for i := range outcomes {
		outcomes[i].Err = err
	}
	return outcomes
}

func (s *side) decideOn(book *bank.Book, commands []bank.Command) ([]bank.Outcome, []bank.Entry) {
	outcomes := make([]bank.Outcome, len(commands))
	for i, command := range commands {
		outcomes[i] = command.Decide(book, s.clock.Now().Truncate(time.Millisecond))
	}
	var posted []bank.Entry
	for _, entry := range book.Posted() {
		entry.ProducerVersion = "test"
		posted = append(posted, *entry)
		if entry.Status != bank.Voided {
			book.Emit(banktest.EventOf(entry))
		}
	}
	return outcomes, posted
}

// legOf is the key of an entry.
type legOf struct {
	transaction bank.ID
	leg         uint8
}

// model computes what the entries must add up to, independently of the code that makes them.
type model struct {
	accounts map[bank.ID]*accountModel
	// moved is what the movements, each counted once, add up to for every account, also the internal ones.
	moved   map[bank.ID]int64
	entries map[legOf]bank.Entry
	sums    map[bank.Sum]int64
	events  []string
	// used are the cards that have an approved purchase.
	used map[bank.ID]bool
	// approved are the approved transactions by kind, in the order of their decisions.
	approved map[bank.Kind][]bank.ID
}

type accountModel struct {
	balance, held, limit, sequence int64
	lastAt                         time.Time
	closed                         bool
}

func newModel() *model {
	return &model{
		accounts: map[bank.ID]*accountModel{}, moved: map[bank.ID]int64{}, entries: map[legOf]bank.Entry{}, sums: map[bank.Sum]int64{},
		used: map[bank.ID]bool{}, approved: map[bank.Kind][]bank.ID{},
	}
}

// apply adds an entry that was just committed, or says which invariant it breaks.
func (m *model) apply(e *bank.Entry) error {
	key := legOf{e.TransactionID, e.Leg}
	if _, exists := m.entries[key]; exists {
		return fmt.Errorf("I5: transaction %v has a second entry on leg %d", e.TransactionID, e.Leg)
	}
	for _, check := range []func(*bank.Entry) error{m.checkMovement, m.checkReference, m.checkRisk} {
		if err := check(e); err != nil {
			return fmt.Errorf("%w: %+v", err, *e)
		}
	}
	m.entries[key] = *e
	if e.Status == bank.Approved && e.Leg == 0 {
		m.approved[e.Kind] = append(m.approved[e.Kind], e.TransactionID)
	}
	if e.Status != bank.Voided {
		m.events = append(m.events, e.EventID())
	}
	return nil
}

// checkRisk checks the card use and the risk of an entry.
func (m *model) checkRisk(e *bank.Entry) error {
	byCard := (e.Kind == bank.KindPurchase || e.Kind == bank.KindHold) && e.Status != bank.Voided &&
		(e.IsRefusal() || !e.Card.ID.IsZero())
	want := bank.CardUse(0)
	if byCard && !e.IsRefusal() {
		want = bank.FirstUse
		if m.used[e.Card.ID] {
			want = bank.LaterUse
		}
		m.used[e.Card.ID] = m.used[e.Card.ID] || e.Status == bank.Approved
	}
	switch {
	case e.CardUse != want:
		return fmt.Errorf("I7: the use of the card is %q, not %q", e.CardUse, want)
	case byCard != (e.Risk.Rule != 0):
		return errors.New("I7: payments by card are assessed, and nothing else is")
	case (e.Risk.Score == 0) != (e.Risk.Rule <= bank.RiskNone) || e.Risk.Score > bank.MaxRiskScore:
		return errors.New("I7: a score above 0 has a rule")
	}
	coverage.add("risk " + e.Risk.Rule.String())
	return nil
}

// releases reports whether an entry sets free what a hold has set aside, and moves nothing.
func (m *model) releases(e *bank.Entry) bool {
	return e.Kind == bank.KindExpiry || e.Kind == bank.KindVoid && m.entries[legOf{transaction: e.OriginalID}].Kind == bank.KindHold
}

// checkMovement applies the movement of an entry and checks the figures after it.
func (m *model) checkMovement(e *bank.Entry) error {
	moves := !e.DebitAccount.IsZero() || !e.CreditAccount.IsZero()
	switch {
	case moves && (e.DebitAccount.IsZero() || e.CreditAccount.IsZero() || e.DebitAccount == e.CreditAccount || e.Amount <= 0):
		return errors.New("I1: a movement has two ends and an amount")
	case moves != (e.Status == bank.Approved && e.Kind != bank.KindHold && !m.releases(e)):
		return errors.New("I4: what is approved moves money, unless it sets aside or releases, and nothing else does")
	case e.IsRefusal():
		if e.Sequence != 0 {
			return errors.New("I6: a refusal has a sequence")
		}
		return nil
	}
	account := m.accounts[e.AccountID]
	if account == nil {
		if e.Kind != bank.KindOpening {
			return errors.New("I4: an account begins with its opening")
		}
		account = new(accountModel)
		m.accounts[e.AccountID] = account
	}
	change, held, err := m.changes(e, moves)
	if err != nil {
		return err
	}
	if moves && e.Leg == 0 {
		m.moved[e.DebitAccount] -= e.Amount
		m.moved[e.CreditAccount] += e.Amount
	}
	return account.follow(e, change, held)
}

// changes returns what an entry does to the balance of its account and to what is held of it.
func (m *model) changes(e *bank.Entry, moves bool) (change, held int64, err error) {
	switch {
	case moves && e.DebitAccount == e.AccountID:
		change = -e.Amount
	case moves && e.CreditAccount == e.AccountID:
		change = e.Amount
	case moves:
		return 0, 0, errors.New("I1: the movement is not the account's")
	}
	if e.Status != bank.Approved {
		return change, 0, nil
	}
	switch {
	case e.Kind == bank.KindHold:
		held = e.Amount
	case e.Kind == bank.KindCapture, m.releases(e):
		held = -e.Amount
	}
	return change, held, nil
}

// follow checks that the figures of an entry follow from those before it.
func (a *accountModel) follow(e *bank.Entry, change, held int64) error {
	limited := e.Kind == bank.KindOpening || e.Kind == bank.KindLimitChange
	available := e.BalanceAfter - e.HeldAfter + e.CreditLimitAfter
	asks := e.Direction == bank.Debit && e.Kind != bank.KindCapture
	switch {
	case e.Sequence != a.sequence+1:
		return fmt.Errorf("I6: sequence %d follows %d", e.Sequence, a.sequence)
	case e.OccurredAt.Before(a.lastAt):
		return errors.New("I7: time runs against the sequence")
	case e.BalanceAfter != a.balance+change:
		return fmt.Errorf("I8: the balance after is not %d%+d", a.balance, change)
	case e.HeldAfter != a.held+held || e.HeldAfter < 0:
		return fmt.Errorf("I8: what is held after is not %d%+d", a.held, held)
	case !limited && e.CreditLimitAfter != a.limit:
		return errors.New("I8: the limit changed without a limit change")
	case e.Status == bank.Approved && asks && available < 0:
		return errors.New("I2: a debit beyond what is available")
	case e.AccountKind == bank.AccountWallet && (e.CreditLimitAfter != 0 || available < 0):
		return errors.New("I2: a wallet is below zero")
	case a.closed && e.Status != bank.Declined && (e.Direction != bank.Credit || e.Relation() != bank.GivenBack):
		return errors.New("I12: a closed account takes only declines and what is given back to it")
	case e.Kind == bank.KindClosing && (a.balance != 0 || a.held != 0):
		return errors.New("I12: an account with money or holds was closed")
	}
	a.closed = a.closed || e.Kind == bank.KindClosing
	a.balance, a.held, a.limit, a.sequence, a.lastAt = e.BalanceAfter, e.HeldAfter, e.CreditLimitAfter, e.Sequence, e.OccurredAt
	return nil
}

// checkReference is I11: what was paid is given back in full or in parts, by void or by reversal, and never
// more of it than was paid; a hold is captured or released, and never more of it than was set aside.
func (m *model) checkReference(e *bank.Entry) error {
	if e.OriginalID.IsZero() {
		return nil
	}
	original, ok := m.entries[legOf{transaction: e.OriginalID}]
	switch {
	case !ok || original.Status != bank.Approved:
		return errors.New("I11: refers to what was not approved")
	case e.Status != bank.Approved:
		return nil
	case e.Kind == bank.KindCapture, m.releases(e):
		return m.checkEndOfHold(e, &original)
	case e.Kind == bank.KindReversal, e.Kind == bank.KindVoid:
		return m.checkGiveBack(e, &original)
	}
	return errors.New("I11: refers to another transaction")
}

func (m *model) checkEndOfHold(e, hold *bank.Entry) error {
	relation := bank.Released
	if e.Kind == bank.KindCapture {
		relation = bank.Captured
	}
	m.sums[bank.Sum{Original: e.OriginalID, Relation: relation}] += e.Amount
	ended := m.sums[bank.Sum{Original: e.OriginalID, Relation: bank.Captured}] + m.sums[bank.Sum{Original: e.OriginalID, Relation: bank.Released}]
	switch {
	case hold.Kind != bank.KindHold || e.AccountID != hold.AccountID || e.HoldID != hold.TransactionID:
		return errors.New("I11: ends what is no hold of the account")
	case ended > hold.Amount:
		return errors.New("I11: more of a hold is ended than was set aside")
	case e.Leg == 1:
		coverage.add("rest released by a capture")
	}
	return nil
}

func (m *model) checkGiveBack(e, original *bank.Entry) error {
	account := original.AccountID
	if e.Leg == 1 {
		account = m.entries[legOf{e.OriginalID, 1}].AccountID
	}
	switch {
	case original.Kind != bank.KindPurchase && original.Kind != bank.KindCapture && original.Kind != bank.KindTransfer:
		return errors.New("I11: gives back what was not paid")
	case e.AccountID != account || e.DebitAccount != original.CreditAccount || e.CreditAccount != original.DebitAccount:
		return errors.New("I11: gives back to somebody else")
	case e.Leg == 1:
		return nil
	}
	sum := bank.Sum{Original: e.OriginalID, Relation: bank.GivenBack}
	m.sums[sum] += e.Amount
	switch given := m.sums[sum]; {
	case given > original.Amount:
		return errors.New("I11: more is given back than was paid")
	case e.Kind == bank.KindVoid && given < original.Amount:
		return errors.New("I11: a void leaves something")
	case given < original.Amount:
		coverage.add("part given back")
	case e.Kind == bank.KindVoid && given > e.Amount:
		coverage.add("rest given back by a void")
	case given > e.Amount:
		coverage.add("last part given back")
	}
	coverage.add("given back of " + original.Kind.String())
	return nil
}

// checkTrialBalance is I1: the movements, each counted once, explain the balance of every customer account,
// and all accounts together have nothing.
func (m *model) checkTrialBalance() error {
	sum := int64(0)
	for id, moved := range m.moved {
		sum += moved
		if account := m.accounts[id]; account != nil && account.balance != moved {
			return fmt.Errorf("I1: the movements of account %v add up to %d, its balance is %d", id, moved, account.balance)
		}
	}
	if sum != 0 {
		return fmt.Errorf("I1: the trial balance is %d", sum)
	}
	return nil
}

// checkAccount compares an account, as it was read, with the last of its entries.
func (m *model) checkAccount(account *bank.Account) error {
	want := m.accounts[account.ID]
	if want == nil {
		return errors.New("I4: an account that nobody opened")
	}
	got := accountModel{account.Balance, account.Held, account.CreditLimit, account.Sequence, account.LastAt, account.IsClosed()}
	if got != *want {
		return fmt.Errorf("I8: the account stands at %+v, its last entry at %+v", *account, *want)
	}
	return nil
}
