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
	"codebank.dev/bank/ledger"
	"codebank.dev/bank/purchase"
	"codebank.dev/bank/risk"
	"codebank.dev/bank/vault"
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
	s.purchases = &purchase.Service{Code: "001", Ledger: s, Directory: directory, Reader: store, Vault: keys, Tokens: keys, Scorer: risk.NewScorer()}
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

// model computes what the entries must add up to, independently of the code that makes them.
type model struct {
	accounts map[bank.ID]*accountModel
	// internal is the sum of the movements to internal accounts.
	internal  int64
	entries   map[bank.ID]bank.Entry
	givenBack map[bank.ID]int64
	events    []string
	// used are the cards that have an approved purchase.
	used map[bank.ID]bool
}

type accountModel struct {
	balance, limit, sequence int64
	lastAt                   time.Time
}

func newModel() *model {
	return &model{
		accounts: map[bank.ID]*accountModel{}, entries: map[bank.ID]bank.Entry{}, givenBack: map[bank.ID]int64{},
		used: map[bank.ID]bool{},
	}
}

// apply adds an entry that was just committed, or says which invariant it breaks.
func (m *model) apply(e *bank.Entry) error {
	if _, exists := m.entries[e.TransactionID]; exists {
		return fmt.Errorf("I5: transaction %v has a second entry", e.TransactionID)
	}
	if err := m.checkMovement(e); err != nil {
		return fmt.Errorf("%w: %+v", err, *e)
	}
	if err := m.checkGiveBack(e); err != nil {
		return fmt.Errorf("%w: %+v", err, *e)
	}
	if err := m.checkRisk(e); err != nil {
		return fmt.Errorf("%w: %+v", err, *e)
	}
	m.entries[e.TransactionID] = *e
	if e.Status != bank.Voided {
		m.events = append(m.events, e.EventID())
	}
	return m.checkTrialBalance()
}

// checkRisk checks the card use and the risk of an entry.
func (m *model) checkRisk(e *bank.Entry) error {
	purchase := e.Kind == bank.KindPurchase && e.Status != bank.Voided
	want := bank.CardUse(0)
	if purchase && !e.IsRefusal() {
		want = bank.FirstUse
		if m.used[e.Card.ID] {
			want = bank.LaterUse
		}
		m.used[e.Card.ID] = m.used[e.Card.ID] || e.Status == bank.Approved
	}
	switch {
	case e.CardUse != want:
		return fmt.Errorf("I7: the use of the card is %q, not %q", e.CardUse, want)
	case purchase != (e.Risk.Rule != 0):
		return errors.New("I7: purchases are assessed, and nothing else is")
	case (e.Risk.Score == 0) != (e.Risk.Rule <= bank.RiskNone) || e.Risk.Score > bank.MaxRiskScore:
		return errors.New("I7: a score above 0 has a rule")
	}
	coverage.add("risk " + e.Risk.Rule.String())
	return nil
}

// checkMovement applies the movement of an entry and checks the figures after it.
func (m *model) checkMovement(e *bank.Entry) error {
	moves := !e.DebitAccount.IsZero() || !e.CreditAccount.IsZero()
	switch {
	case moves && (e.DebitAccount.IsZero() || e.CreditAccount.IsZero() || e.DebitAccount == e.CreditAccount || e.Amount <= 0):
		return errors.New("I1: a movement has two ends and an amount")
	case moves != (e.Status == bank.Approved):
		return errors.New("I4: what is approved moves money, and nothing else does")
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
	var change int64
	switch {
	case moves && e.DebitAccount == e.AccountID:
		change = -e.Amount
	case moves && e.CreditAccount == e.AccountID:
		change = e.Amount
	case moves:
		return errors.New("I1: the movement is not the account's")
	}
	m.internal -= change
	limited := e.Kind == bank.KindOpening || e.Kind == bank.KindLimitChange
	switch {
	case e.Sequence != account.sequence+1:
		return fmt.Errorf("I6: sequence %d follows %d", e.Sequence, account.sequence)
	case e.OccurredAt.Before(account.lastAt):
		return errors.New("I7: time runs against the sequence")
	case e.BalanceAfter != account.balance+change:
		return fmt.Errorf("I8: the balance after is not %d%+d", account.balance, change)
	case e.HeldAfter != 0:
		return errors.New("I8: nothing here holds")
	case !limited && e.CreditLimitAfter != account.limit:
		return errors.New("I8: the limit changed without a limit change")
	case e.Status == bank.Approved && e.Direction == bank.Debit && e.BalanceAfter-e.HeldAfter+e.CreditLimitAfter < 0:
		return errors.New("I2: a debit beyond what is available")
	}
	account.balance, account.limit, account.sequence, account.lastAt = e.BalanceAfter, e.CreditLimitAfter, e.Sequence, e.OccurredAt
	return nil
}

// checkGiveBack is I11: an approved purchase is given back in full or in parts, by void or by reversal,
// and never more of it than was paid.
func (m *model) checkGiveBack(e *bank.Entry) error {
	switch e.Kind {
	case bank.KindReversal, bank.KindVoid:
	default:
		if !e.OriginalID.IsZero() {
			return errors.New("I11: refers to another transaction")
		}
		return nil
	}
	original, ok := m.entries[e.OriginalID]
	switch {
	case !ok || original.Kind != bank.KindPurchase || original.Status != bank.Approved:
		return errors.New("I11: gives back what was no approved purchase")
	case e.AccountID != original.AccountID || e.DebitAccount != original.CreditAccount || e.CreditAccount != original.DebitAccount:
		return errors.New("I11: gives back to somebody else")
	case m.givenBack[e.OriginalID]+e.Amount > original.Amount:
		return errors.New("I11: more is given back than was paid")
	}
	m.givenBack[e.OriginalID] += e.Amount
	switch sum := m.givenBack[e.OriginalID]; {
	case e.Kind == bank.KindVoid && sum < original.Amount:
		return errors.New("I11: a void leaves something")
	case sum < original.Amount:
		coverage.add("part given back")
	case e.Kind == bank.KindVoid && sum > e.Amount:
		coverage.add("rest given back by a void")
	case sum > e.Amount:
		coverage.add("last part given back")
	}
	return nil
}

// checkTrialBalance is I1: the balances of customers and internal accounts sum to zero.
func (m *model) checkTrialBalance() error {
	sum := m.internal
	for _, account := range m.accounts {
		sum += account.balance
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
	got := accountModel{account.Balance, account.CreditLimit, account.Sequence, account.LastAt}
	if got != *want || account.Held != 0 {
		return fmt.Errorf("I8: the account stands at %+v, its last entry at %+v", *account, *want)
	}
	return nil
}
