package audit_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"fmt"
	"iter"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"codebank.dev/operations/audit"
	"codebank.dev/platform/id"
	"codebank.dev/schemas/event"
)

// credit is every account's limit; price is what every purchase costs. Minor units.
const (
	credit = 1_000_000_000
	price  = 1290
)

func idOf(space byte, n int) id.ID {
	id := id.ID{6: 0x40, 8: 0x80, 15: space}
	// Numbers that follow each other are not to be ids that do.
	binary.BigEndian.PutUint32(id[:], uint32(n)*2_654_435_761)
	return id
}

// eventOf makes an event of an account: an opening, then purchases of which every
// tenth is declined and every ninth is given back by the event after it.
func eventOf(account, sequence int) event.Transaction {
	id := idOf(1, account)
	t := event.Transaction{
		EventID:           event.ID(id.String(), int64(sequence)),
		TransactionID:     idOf(2, account*100_000+sequence).String(),
		AccountID:         id.String(),
		CustomerID:        idOf(3, account).String(),
		BankCode:          "001",
		Sequence:          event.Some(int64(sequence)),
		Kind:              event.KindPurchase,
		Direction:         event.DirectionDebit,
		Status:            event.StatusApproved,
		AmountMinor:       price,
		Currency:          "BRL",
		HeldAfterMinor:    event.Some[int64](0),
		CreditLimitMinor:  event.Some[int64](credit),
		Channel:           event.ChannelEcommerce,
		DecisionMicros:    event.Some(int64(700 + sequence)),
		OccurredAtMillis:  1_767_225_600_000 + int64(sequence)*1000 + int64(account%1000),
		ProducerVersion:   "bank/000000000000",
		BalanceAfterMinor: event.Some(balanceAfter(sequence)),
	}
	t.AvailableAfterMinor = event.Some(t.BalanceAfterMinor.Value + credit)
	switch step := (sequence - 1) % 10; {
	case sequence == 1:
		t.Kind, t.Direction, t.Status, t.AmountMinor = event.KindOpening, event.DirectionNone, event.StatusApplied, 0
		t.Channel = event.ChannelUnknown
		return t
	case step == 0:
		t.Status, t.DeclineCode, t.DeclineReason = event.StatusDeclined, "51", event.DeclineInsufficientFunds
	case step == 9:
		t.Kind, t.Direction = event.KindReversal, event.DirectionCredit
		t.OriginalTransactionID = idOf(2, account*100_000+sequence-1).String()
	}
	t.CardID, t.CardBrand, t.CardLast4, t.CardBIN = idOf(4, account).String(), event.CardBrandVisa, "1111", "411111"
	t.MerchantID, t.MerchantName, t.MerchantCategoryCode = "padaria", "Padaria do Bairro", "5462"
	t.MerchantCity, t.MerchantCountry, t.Description = "São Paulo", "BR", "pão"
	t.Attempt, t.TraceID = event.Some[int32](1), "4bf92f3577b34da6a3ce929d0e0e4736"
	if account%2 == 0 { // The others are of the time before version 2.
		t.CardUse, t.RiskScore, t.RiskRule = event.CardUseLater, event.Some(int32(sequence%101)), event.RiskRuleVelocity
	}
	return t
}

func balanceAfter(sequence int) int64 {
	tens, step := (sequence-1)/10, (sequence-1)%10
	debits, credits := tens*8+min(step, 8), tens
	if step == 9 {
		credits++
	}
	return int64(credits-debits) * price
}

// refusalOf makes the event of a decline without an account.
func refusalOf(n int) event.Transaction {
	id := idOf(5, n).String()
	return event.Transaction{
		EventID: id, TransactionID: id, BankCode: "001",
		Kind: event.KindPurchase, Direction: event.DirectionDebit, Status: event.StatusDeclined,
		DeclineCode: "14", DeclineReason: event.DeclineUnknownCard, AmountMinor: 500, Currency: "USD",
		CardBrand: event.CardBrandVisa, CardLast4: "1111", CardBIN: "411111",
		Channel: event.ChannelPointOfSale, DecisionMicros: event.Some[int64](90),
		OccurredAtMillis: 1_767_225_600_500, ProducerVersion: "bank/000000000000",
	}
}

func copyOf(t event.Transaction) *audit.Copy { return &audit.Copy{ID: t.EventID, Event: t} }

// world is a ledger and the four other places in memory.
type world struct {
	t         testing.TB
	accounts  []audit.Account
	refused   []id.ID
	ledger    []*audit.Copy
	outbox    memory
	topic     memory
	statement memory
	index     memory
	wait      func(context.Context, int64) (bool, error)
	// decide runs after the cut was taken: the bank goes on.
	decide func()
}

// newWorld has a number of accounts, with as many events each, and refusals, all of
// them everywhere but in the outbox.
func newWorld(t testing.TB, accounts, events, refusals int) *world {
	w := &world{t: t}
	for account := range accounts {
		for sequence := 1; sequence <= events; sequence++ {
			w.ledger = append(w.ledger, copyOf(eventOf(account, sequence)))
		}
		w.accounts = append(w.accounts, accountOf(account, events))
	}
	for n := range refusals {
		w.ledger = append(w.ledger, copyOf(refusalOf(n)))
		w.refused = append(w.refused, idOf(5, n))
	}
	for _, c := range w.ledger {
		w.publish(c.Event)
	}
	return w
}

func accountOf(account, sequence int) audit.Account {
	return audit.Account{
		ID: idOf(1, account), Sequence: int64(sequence),
		Balance: balanceAfter(sequence), CreditLimit: credit,
	}
}

// publish puts an event onto the topic and into statement and index.
func (w *world) publish(t event.Transaction) {
	w.produce(t)
	w.statement.copies = append(w.statement.copies, statementCopy(t))
	w.index.copies = append(w.index.copies, copyOf(t))
}

// statementCopy is without what a statement does not keep.
func statementCopy(t event.Transaction) *audit.Copy {
	t.Attempt, t.DecisionMicros, t.TraceID, t.ProducerVersion = event.Optional[int32]{}, event.Optional[int64]{}, "", ""
	t.RiskScore, t.RiskRule = event.Optional[int32]{}, ""
	return copyOf(t)
}

// produce appends an event to its partition.
func (w *world) produce(t event.Transaction) *audit.Copy {
	c := copyOf(t)
	c.Position = audit.Position{Partition: int32(t.Key()[0]) % 3, Offset: int64(len(w.topic.copies))}
	w.topic.copies = append(w.topic.copies, c)
	return c
}

// enqueue puts an event into the outbox.
func (w *world) enqueue(t event.Transaction) *audit.Copy {
	c := copyOf(t)
	c.Position = audit.Position{Offset: int64(len(w.outbox.copies) + 1)}
	w.outbox.copies = append(w.outbox.copies, c)
	return c
}

func (w *world) run() *audit.Report {
	w.t.Helper()
	report, err := w.audit().Run(w.t.Context())
	require.NoError(w.t, err)
	require.Equal(w.t, report.FindingCount == 0, report.Equal)
	return report
}

func (w *world) audit() *audit.Audit {
	return &audit.Audit{
		BankCode: "001", Ledger: w, Outbox: &w.outbox, Topic: &w.topic, Statement: &w.statement, Index: &w.index,
		TempDir: w.t.TempDir(), Records: 7, Wait: w.wait,
	}
}

// Cut implements audit.Ledger.
func (w *world) Cut(_ context.Context, cut audit.Cut) error {
	for _, account := range w.accounts {
		if err := cut.Account(account); err != nil {
			return err
		}
	}
	for _, id := range w.refused {
		if err := cut.Refused(id); err != nil {
			return err
		}
	}
	if w.decide != nil {
		w.decide()
	}
	return nil
}

// Events implements audit.Ledger.
func (w *world) Events(context.Context) iter.Seq2[*audit.Copy, error] {
	return w.part(func(c *audit.Copy) bool { return len(c.ID) > 36 })
}

// Refusals implements audit.Ledger.
func (w *world) Refusals(context.Context) iter.Seq2[*audit.Copy, error] {
	return w.part(func(c *audit.Copy) bool { return len(c.ID) == 36 })
}

func (w *world) part(is func(*audit.Copy) bool) iter.Seq2[*audit.Copy, error] {
	sorted := slices.Clone(w.ledger)
	slices.SortStableFunc(sorted, func(a, b *audit.Copy) int {
		return cmp.Or(cmp.Compare(a.ID[:36], b.ID[:36]), cmp.Compare(a.Event.Sequence.Value, b.Event.Sequence.Value))
	})
	return func(yield func(*audit.Copy, error) bool) {
		for _, c := range sorted {
			if is(c) && !yield(c, nil) {
				return
			}
		}
	}
}

// Find implements audit.Ledger.
func (w *world) Find(_ context.Context, wanted audit.Wanted) ([]audit.Copy, error) {
	found := find(w.ledger, func(c *audit.Copy) bool { return c.ID == wanted.EventID })
	if len(found) == 0 {
		found = find(w.ledger, func(c *audit.Copy) bool { return c.Event.TransactionID == wanted.TransactionID })
	}
	return found, nil
}

// memory is a place in memory.
type memory struct {
	copies []*audit.Copy
	away   error
	// hidden are found but not read, like documents of another bank.
	hidden []*audit.Copy
}

// Read implements audit.Source.
func (m *memory) Read(_ context.Context, each func(*audit.Copy) error) error {
	for _, c := range m.copies {
		if err := each(c); err != nil {
			return err
		}
	}
	return m.away
}

// Find implements audit.Source.
func (m *memory) Find(_ context.Context, wanted audit.Wanted) ([]audit.Copy, error) {
	all := append(slices.Clone(m.copies), m.hidden...)
	return find(all, func(c *audit.Copy) bool {
		if len(wanted.Positions) > 0 && wanted.Positions[0] != (audit.Position{}) {
			return slices.Contains(wanted.Positions, c.Position)
		}
		return c.ID == wanted.EventID
	}), nil
}

func find(copies []*audit.Copy, is func(*audit.Copy) bool) []audit.Copy {
	var found []audit.Copy
	for _, c := range copies {
		if is(c) {
			found = append(found, *c)
		}
	}
	return found
}

// copyIn returns a place's own copy of an event, to be changed.
func (w *world) copyIn(store audit.Store, id string) *audit.Copy {
	w.t.Helper()
	copies := map[audit.Store][]*audit.Copy{
		audit.InLedger: w.ledger, audit.InOutbox: w.outbox.copies, audit.InTopic: w.topic.copies,
		audit.InStatement: w.statement.copies, audit.InIndex: w.index.copies,
	}[store]
	i := slices.IndexFunc(copies, func(c *audit.Copy) bool { return c.ID == id })
	require.GreaterOrEqual(w.t, i, 0, "%s has no %s", store, id)
	copied := *copies[i]
	copies[i] = &copied
	return copies[i]
}

// lose removes an event from a place.
func (m *memory) lose(id string) {
	m.copies = slices.DeleteFunc(m.copies, func(c *audit.Copy) bool { return c.ID == id })
}

// table returns the report as people see it.
func table(t testing.TB, r *audit.Report) string {
	t.Helper()
	var out bytes.Buffer
	require.NoError(t, r.WriteTable(&out))
	return out.String()
}

// only returns the one finding there is, as text.
func only(t testing.TB, r *audit.Report) audit.Finding {
	t.Helper()
	require.EqualValues(t, 1, r.FindingCount, "%s", table(t, r))
	require.Len(t, r.Findings, 1, "%s", table(t, r))
	return r.Findings[0]
}

func TestTheFixturesBalances(t *testing.T) {
	var balance int64
	for sequence := 1; sequence <= 45; sequence++ {
		e := eventOf(1, sequence)
		if e.Status == event.StatusApproved {
			balance += map[event.Direction]int64{event.DirectionDebit: -1, event.DirectionCredit: 1}[e.Direction] * e.AmountMinor
		}
		require.Equal(t, balance, e.BalanceAfterMinor.Value, fmt.Sprint(sequence))
	}
}
