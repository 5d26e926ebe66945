package audit_test

import (
	"context"
	"encoding/json"
	"errors"
	"iter"
	"math"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"codebank.dev/operations/audit"
	"codebank.dev/schemas/event"
)

var downstream = []audit.Store{audit.InTopic, audit.InStatement, audit.InIndex}

func (w *world) memory(store audit.Store) *memory {
	return map[audit.Store]*memory{
		audit.InOutbox: &w.outbox, audit.InTopic: &w.topic, audit.InStatement: &w.statement, audit.InIndex: &w.index}[store]
}

// one is an event in the middle of an account; id is its id.
func one() (event.Transaction, string) {
	e := eventOf(1, 5)
	return e, e.EventID
}

func TestEqualPlacesAreEqual(t *testing.T) {
	report := newWorld(t, 5, 23, 3).run()
	require.True(t, report.Equal, table(t, report))
	require.EqualValues(t, 5, report.Accounts)
	require.EqualValues(t, 3, report.Refusals)
	require.EqualValues(t, 5*23+3, report.Events)
	for _, place := range report.Places {
		if place.Store == audit.InOutbox {
			require.Zero(t, place.Events)
			continue
		}
		require.EqualValues(t, 5*23+3, place.Events)
		require.EqualValues(t, 3, place.Refusals)
		require.Equal(t, report.Places[0].Digest, place.Digest)
		require.Equal(t, report.Places[0].Sums, place.Sums)
	}
	sum := report.Places[0].Sums[0]
	require.Equal(t, "BRL", sum.Currency)
	require.Equal(t, strconv.Itoa(5*(8+8+2)*price), sum.Debits.String())
	require.Equal(t, strconv.Itoa(5*2*price), sum.Credits.String())
}

func TestNothingAtAllIsEqual(t *testing.T) {
	report := newWorld(t, 0, 0, 0).run()
	require.True(t, report.Equal)
	require.Contains(t, table(t, report), "audit: equal\n")
}

func TestTheTableShowsThePlacesSideBySide(t *testing.T) {
	w := newWorld(t, 2, 11, 1)
	w.produce(eventOf(1, 3))
	w.topic.copies = append(w.topic.copies, &audit.Copy{Unreadable: "no frame"})
	report := w.run()
	report.DeadLetters = []audit.DeadLetters{{Topic: "dlq.statement-postgres", Records: 1, Waiting: 1},
		{Topic: "dlq.transactions-elasticsearch", Records: 5, Waiting: 2, Discarded: 1}}
	digest := report.Places[0].Digest[:12]
	require.Equal(t, strings.Join([]string{
		"bank 001: 23 events of 2 accounts and 1 refusal",
		"",
		"                         ledger         outbox          topic      statement          index",
		"events                       23              0             23             23             23",
		"of them refusals              1              0              1              1              1",
		"BRL debits               206.40           0.00         206.40         206.40         206.40",
		"BRL credits               25.80           0.00          25.80          25.80          25.80",
		"digest             " + digest + "   000000000000   " + digest + "   " + digest + "   " + digest,
		"repeats                       -              0              1              -              -",
		"unreadable                    -              -              1              -              -",
		"",
		"1 dead letter in dlq.statement-postgres",
		"5 dead letters in dlq.transactions-elasticsearch: 2 waiting, 1 discarded",
		"audit: equal",
		"",
	}, "\n"), table(t, report))
}

func TestAnEventMissingFromAPlaceIsFound(t *testing.T) {
	for _, e := range []event.Transaction{eventOf(0, 1), eventOf(1, 5), eventOf(2, 12), refusalOf(0), refusalOf(2)} {
		for _, store := range downstream {
			t.Run(e.EventID+" "+store.String(), func(t *testing.T) {
				w := newWorld(t, 3, 12, 3)
				w.memory(store).lose(e.EventID)
				finding := only(t, w.run())
				require.Equal(t, audit.Finding{Kind: audit.Missing, Store: store, EventID: e.EventID}, finding)
			})
		}
	}
}

func TestAnEventMissingFromTheLedgerIsFound(t *testing.T) {
	for _, e := range []event.Transaction{eventOf(0, 1), eventOf(1, 5), eventOf(2, 12), refusalOf(1)} {
		w := newWorld(t, 3, 12, 3)
		ledger := memory{copies: w.ledger}
		ledger.lose(e.EventID)
		w.ledger = ledger.copies
		finding := only(t, w.run())
		require.Equal(t, audit.Finding{Kind: audit.Missing, Store: audit.InLedger, EventID: e.EventID}, finding)
	}
}

func TestASequenceThatIsNowhereIsFound(t *testing.T) {
	for _, sequences := range [][]int{{1}, {4}, {4, 5, 6}, {11, 12}, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}} {
		w := newWorld(t, 3, 12, 0)
		ledger := memory{copies: w.ledger}
		for _, sequence := range sequences {
			id := eventOf(1, sequence).EventID
			ledger.lose(id)
			for _, store := range downstream {
				w.memory(store).lose(id)
			}
		}
		w.ledger = ledger.copies
		report := w.run()
		require.EqualValues(t, len(sequences), report.FindingCount)
		require.Len(t, report.Findings, 1)
		require.Equal(t, eventOf(1, sequences[0]).EventID, report.Findings[0].EventID)
		require.Contains(t, report.Findings[0].Detail, "in none of the five places")
		require.Len(t, report.DifferingAccounts, 1)
	}
}

func TestARefusalThatIsNowhereIsFound(t *testing.T) {
	w := newWorld(t, 1, 2, 2)
	w.refused = append(w.refused, idOf(5, 7))
	finding := only(t, w.run())
	require.Equal(t, audit.Missing, finding.Kind)
	require.Equal(t, refusalOf(7).EventID, finding.EventID)
}

func TestAnEventTwiceInStatementOrIndexIsFound(t *testing.T) {
	for _, store := range []audit.Store{audit.InStatement, audit.InIndex} {
		for _, id := range []string{eventOf(1, 5).EventID, refusalOf(1).EventID} {
			w := newWorld(t, 3, 12, 3)
			place := w.memory(store)
			place.copies = append(place.copies, w.copyIn(store, id))
			finding := only(t, w.run())
			require.Equal(t, audit.Doubled, finding.Kind)
			require.Equal(t, store, finding.Store)
			require.Equal(t, id, finding.EventID)
		}
	}
}

func TestEqualRepeatsOnTheTopicAreCounted(t *testing.T) {
	w := newWorld(t, 3, 12, 3)
	for range 3 {
		w.produce(eventOf(1, 5))
	}
	w.produce(refusalOf(1))
	report := w.run()
	require.True(t, report.Equal, table(t, report))
	require.EqualValues(t, 4, report.Places[audit.InTopic].Repeats)
	require.Equal(t, report.Places[audit.InLedger].Digest, report.Places[audit.InTopic].Digest)
}

func TestARepeatWithOtherContentIsFound(t *testing.T) {
	for _, position := range []int{0, 1, 2} {
		w := newWorld(t, 3, 12, 3)
		for i := range 3 {
			e, _ := one()
			if i == position {
				e.Description = "other"
			}
			w.produce(e)
		}
		finding := only(t, w.run())
		require.Equal(t, audit.Altered, finding.Kind)
		require.Equal(t, audit.InTopic, finding.Store)
		require.Equal(t, []audit.Field{{Name: "description", Values: map[audit.Store]any{
			audit.InLedger: "pão", audit.InTopic: "other", audit.InStatement: "pão", audit.InIndex: "pão"}}}, finding.Fields)
	}
}

func TestWhatWaitsInTheOutboxIsItsShare(t *testing.T) {
	w := newWorld(t, 3, 12, 3)
	for _, e := range []event.Transaction{eventOf(1, 11), eventOf(1, 12), refusalOf(2)} {
		for _, store := range downstream {
			w.memory(store).lose(e.EventID)
		}
		w.enqueue(e)
	}
	// Published while the audit read: in the outbox and on the topic.
	w.enqueue(eventOf(2, 12))
	report := w.run()
	require.True(t, report.Equal, table(t, report))
	require.EqualValues(t, 3, report.Places[audit.InOutbox].Events)
	require.EqualValues(t, 36, report.Places[audit.InTopic].Events)
	require.EqualValues(t, 39, report.Places[audit.InLedger].Events)
}

// An event that is held back, or that nobody publishes, waits in the outbox.
func TestAnEventThatWaitsForLongIsFound(t *testing.T) {
	w := newWorld(t, 3, 12, 3)
	held, refused := eventOf(1, 12), refusalOf(2)
	for _, e := range []event.Transaction{held, refused} {
		for _, store := range downstream {
			w.memory(store).lose(e.EventID)
		}
		w.enqueue(e).Waited = audit.MaxWait
	}
	require.True(t, w.run().Equal, "a minute is not long")

	w.copyIn(audit.InOutbox, held.EventID).Waited = audit.MaxWait + 5*time.Second
	found := only(t, w.run())
	require.Equal(t, "waiting in the outbox: "+held.EventID+": for 1m5s; the bank's log says why it is not published; "+
		"if the event is held back, run: bankctl republish --account "+held.AccountID, found.String())
	w.copyIn(audit.InOutbox, refused.EventID).Waited = math.MaxInt64
	require.EqualValues(t, 2, w.run().FindingCount)

	rounds := 0
	w.wait = func(context.Context, int64) (bool, error) {
		if rounds++; rounds == 3 {
			for _, e := range []event.Transaction{held, refused} {
				w.outbox.lose(e.EventID)
				w.publish(e)
			}
		}
		return rounds < 5, nil
	}
	require.True(t, w.run().Equal, "it is published in time")
	require.Equal(t, 3, rounds)
}

// A republished event waits in the outbox although it is on the topic. It holds up the watermark.
func TestARepeatThatWaitsForLongIsFound(t *testing.T) {
	w := newWorld(t, 3, 12, 0)
	w.enqueue(eventOf(2, 12)).Waited = time.Hour
	require.Equal(t, audit.Waiting, only(t, w.run()).Kind)
}

// changed returns the value with which one field of an event is altered.
func changed(value event.Value, field event.Field) event.Value {
	if field.Type == event.Integer {
		return event.IntegerValue(value.Integer + 1)
	}
	return event.TextValue(value.Text + "x")
}

func TestASingleChangedFieldIsFoundAndNamed(t *testing.T) {
	for _, original := range []event.Transaction{eventOf(1, 5), refusalOf(1)} {
		for _, store := range []audit.Store{audit.InLedger, audit.InOutbox, audit.InTopic, audit.InStatement, audit.InIndex} {
			fields := event.Fields()
			if store == audit.InStatement {
				fields = audit.StatementFields()
			}
			for _, field := range fields {
				if field.Name == "event_id" {
					continue // a test of its own
				}
				t.Run(store.String()+" "+field.Name+" "+original.EventID[:8], func(t *testing.T) {
					w := newWorld(t, 3, 12, 3)
					w.enqueue(original)
					copied := w.copyIn(store, original.EventID)
					was, err := original.Get(field.Name)
					require.NoError(t, err)
					require.NoError(t, copied.Event.Set(field.Name, changed(was, field)))
					report := w.run()
					finding := only(t, report)
					require.Equal(t, audit.Altered, finding.Kind)
					require.Equal(t, store, finding.Store)
					require.Equal(t, original.EventID, finding.EventID)
					require.Len(t, finding.Fields, 1)
					require.Equal(t, field.Name, finding.Fields[0].Name)
					require.NotEqual(t, finding.Fields[0].Values[store], finding.Fields[0].Values[other(store)])
					require.Contains(t, table(t, report), "\naudit: DIFFERENT (1 finding)\n")
				})
			}
		}
	}
}

// other is a place whose copy has every field and was left alone.
func other(store audit.Store) audit.Store {
	if store == audit.InTopic {
		return audit.InLedger
	}
	return audit.InTopic
}

func TestAChangedEventIDIsOneFinding(t *testing.T) {
	for _, original := range []event.Transaction{eventOf(1, 5), refusalOf(1)} {
		for _, other := range []string{
			"no id at all", strings.ToUpper(original.EventID), original.EventID + "0", idOf(9, 9).String(), event.ID(idOf(9, 9).String(), 4),
		} {
			for _, store := range downstream {
				if other == original.EventID {
					continue
				}
				w := newWorld(t, 3, 12, 3)
				copied := w.copyIn(store, original.EventID)
				copied.ID, copied.Event.EventID = other, other
				finding := only(t, w.run())
				require.Equal(t, audit.Altered, finding.Kind, other)
				require.Equal(t, store, finding.Store)
				require.Equal(t, original.EventID, finding.EventID)
				require.Equal(t, "event_id", finding.Fields[0].Name)
				require.Equal(t, other, finding.Fields[0].Values[store])
			}
		}
	}
}

func TestAnEntryMovedWithinTheLedgerIsNamed(t *testing.T) {
	w := newWorld(t, 3, 12, 0)
	e, id := one()
	copied := w.copyIn(audit.InLedger, id)
	copied.Event.Sequence = event.Some[int64](500)
	copied.Event.EventID = event.ID(e.AccountID, 500)
	copied.ID = copied.Event.EventID
	finding := only(t, w.run())
	require.Equal(t, audit.Altered, finding.Kind)
	require.Equal(t, audit.InLedger, finding.Store)
	require.Equal(t, id, finding.EventID)
	require.Equal(t, []string{"event_id", "sequence"}, []string{finding.Fields[0].Name, finding.Fields[1].Name})
}

func TestADocumentOfAnotherBankIsNamed(t *testing.T) {
	w := newWorld(t, 3, 12, 0)
	e, id := one()
	w.index.lose(id)
	e.BankCode = "002"
	w.index.hidden = append(w.index.hidden, copyOf(e))
	finding := only(t, w.run())
	require.Equal(t, audit.Altered, finding.Kind)
	require.Equal(t, "bank_code: ledger \"001\", index \"002\"", finding.Fields[0].String())
}

func TestAValueThatIsNoneOfItsFieldIsFound(t *testing.T) {
	w := newWorld(t, 3, 12, 0)
	_, id := one()
	w.copyIn(audit.InStatement, id).Problems = []audit.Problem{{Field: "occurred_at", Stored: "2026-01-01T00:00:00.000001Z"}}
	finding := only(t, w.run())
	require.Equal(t, audit.Altered, finding.Kind)
	require.Equal(t, "2026-01-01T00:00:00.000001Z", finding.Fields[0].Values[audit.InStatement])
}

func TestAnEventThatNobodyDecidedIsFound(t *testing.T) {
	for name, e := range map[string]event.Transaction{
		"of an account, above its sequence": eventOf(1, 13),
		"of an account far above":           eventOf(1, 1<<30),
		"of no account of the bank":         eventOf(77, 1),
		"a refusal":                         refusalOf(9),
		"no event id":                       {EventID: "x", TransactionID: "x", Sequence: event.Some[int64](1)},
		"sequence zero":                     {EventID: event.ID(eventOf(1, 1).AccountID, 0), TransactionID: "x"},
	} {
		for _, store := range downstream {
			t.Run(name+" "+store.String(), func(t *testing.T) {
				w := newWorld(t, 3, 12, 3)
				place := w.memory(store)
				place.copies = append(place.copies, copyOf(e))
				finding := only(t, w.run())
				require.Equal(t, audit.Foreign, finding.Kind)
				require.Equal(t, store, finding.Store)
				require.Equal(t, e.EventID, finding.EventID)
			})
		}
	}
}

func TestEventsAfterTheCutAreIgnoredEverywhere(t *testing.T) {
	w := newWorld(t, 3, 12, 3)
	w.decide = func() {
		for _, later := range []event.Transaction{eventOf(1, 13), eventOf(1, 14), eventOf(50, 1), eventOf(50, 2), refusalOf(8)} {
			w.ledger = append(w.ledger, copyOf(later))
			w.publish(later)
		}
		// One is in the index only, in another form: it is not compared.
		late := eventOf(0, 13)
		w.ledger = append(w.ledger, copyOf(late))
		late.Description = "not yet comparable"
		w.index.copies = append(w.index.copies, copyOf(late))
	}
	report := w.run()
	require.True(t, report.Equal, table(t, report))
	require.EqualValues(t, 39, report.Places[audit.InIndex].Events)
	require.EqualValues(t, 6, report.Places[audit.InIndex].Later)
	require.EqualValues(t, 5, report.Places[audit.InStatement].Later)
}

func TestFirstOccurrencesOutOfOrderAreFound(t *testing.T) {
	swap := func(w *world, a, b event.Transaction) {
		first, second := w.copyIn(audit.InTopic, a.EventID), w.copyIn(audit.InTopic, b.EventID)
		first.Position, second.Position = second.Position, first.Position
	}
	t.Run("two changed places", func(t *testing.T) {
		w := newWorld(t, 3, 12, 0)
		swap(w, eventOf(1, 5), eventOf(1, 6))
		finding := only(t, w.run())
		require.Equal(t, audit.OutOfOrder, finding.Kind)
		require.Equal(t, eventOf(1, 6).EventID, finding.EventID)
	})
	t.Run("in two partitions", func(t *testing.T) {
		w := newWorld(t, 3, 12, 0)
		w.copyIn(audit.InTopic, eventOf(1, 12).EventID).Position.Partition++
		require.Equal(t, audit.OutOfOrder, only(t, w.run()).Kind)
	})
	t.Run("one overtaken in the outbox", func(t *testing.T) {
		w := newWorld(t, 3, 12, 0)
		for _, store := range downstream {
			w.memory(store).lose(eventOf(1, 5).EventID)
		}
		w.enqueue(eventOf(1, 5))
		finding := only(t, w.run())
		require.Equal(t, audit.OutOfOrder, finding.Kind)
		require.Equal(t, eventOf(1, 6).EventID, finding.EventID)
	})
	t.Run("a repeat may come late", func(t *testing.T) {
		w := newWorld(t, 3, 12, 0)
		w.produce(eventOf(1, 5))
		require.True(t, w.run().Equal)
	})
}

func TestFiguresThatDoNotFollowAreFound(t *testing.T) {
	everywhere := func(w *world, id string, change func(*event.Transaction)) {
		for _, store := range append([]audit.Store{audit.InLedger}, downstream...) {
			change(&w.copyIn(store, id).Event)
		}
	}
	_, id := one()
	for name, change := range map[string]func(*event.Transaction){
		"available_after_minor": func(e *event.Transaction) { e.AvailableAfterMinor.Value++ },
		"occurred_at":           func(e *event.Transaction) { e.OccurredAtMillis -= 100_000 },
	} {
		w := newWorld(t, 3, 12, 0)
		everywhere(w, id, change)
		finding := only(t, w.run())
		require.Equal(t, audit.Broken, finding.Kind)
		require.Equal(t, id, finding.EventID)
		require.Equal(t, name, finding.Fields[0].Name)
	}
	t.Run("the account stands elsewhere", func(t *testing.T) {
		w := newWorld(t, 3, 12, 0)
		w.accounts[1].Balance++
		finding := only(t, w.run())
		require.Equal(t, audit.Broken, finding.Kind)
		require.Equal(t, eventOf(1, 12).EventID, finding.EventID)
	})
	t.Run("an amount that moved more", func(t *testing.T) {
		w := newWorld(t, 3, 12, 0)
		everywhere(w, id, func(e *event.Transaction) { e.AmountMinor++ })
		require.Equal(t, "balance_after_minor", only(t, w.run()).Fields[0].Name)
	})
}

func TestFindingsAreCountedBeyondThoseTold(t *testing.T) {
	w := newWorld(t, 10, 30, 0)
	w.statement.copies = nil
	report := w.run()
	require.EqualValues(t, 300, report.FindingCount)
	require.Len(t, report.Findings, 20)
	require.Contains(t, table(t, report), "… and 280 more; in all:\n300 missing from the statement\naudit: DIFFERENT (300 findings)\n")
	require.Equal(t, "there by now: it was still on its way", arrived(w).Detail)
}

// arrived runs an audit of one event that arrives just after the place was read.
func arrived(w *world) audit.Finding {
	w = newWorld(w.t, 1, 1, 0)
	w.index.hidden, w.index.copies = w.index.copies, nil
	return w.run().Findings[0]
}

func TestWaitingIsForWhatIsOnItsWay(t *testing.T) {
	w := newWorld(t, 3, 12, 0)
	e, id := one()
	w.statement.lose(id)
	rounds := 0
	w.wait = func(_ context.Context, events int64) (bool, error) {
		require.EqualValues(t, 36, events)
		if rounds++; rounds == 3 {
			w.statement.copies = append(w.statement.copies, statementCopy(e))
		}
		return rounds < 5, nil
	}
	require.True(t, w.run().Equal)
	require.Equal(t, 3, rounds)

	w.statement.lose(id)
	rounds = 3
	require.False(t, w.run().Equal)
	require.Equal(t, 5, rounds, "until the time is over")

	rounds = 0
	w.copyIn(audit.InIndex, eventOf(0, 1).EventID).Event.Description = "altered"
	require.False(t, w.run().Equal)
	require.Equal(t, 1, rounds, "what is altered does not get better")
}

func TestAPlaceThatIsAwayIsNamed(t *testing.T) {
	broken := errors.New("no route")
	for _, store := range []audit.Store{audit.InOutbox, audit.InTopic, audit.InStatement, audit.InIndex} {
		w := newWorld(t, 1, 3, 0)
		w.memory(store).away = broken
		_, err := w.audit().Run(t.Context())
		var away *audit.AwayError
		require.ErrorAs(t, err, &away)
		require.Equal(t, store, away.Store)
		require.ErrorIs(t, err, broken)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	w := newWorld(t, 1, 3, 0)
	w.topic.away = context.Canceled
	_, err := w.audit().Run(ctx)
	require.ErrorIs(t, err, context.Canceled)
	require.False(t, errors.As(err, new(*audit.AwayError)), "the one who stops it is no place")
}

func TestAFullDiskIsNoPlaces(t *testing.T) {
	a := newWorld(t, 5, 100, 0).audit()
	a.TempDir += "/none"
	_, err := a.Run(t.Context())
	require.ErrorIs(t, err, os.ErrNotExist)
	require.False(t, errors.As(err, new(*audit.AwayError)))
}

func TestAnEndInTheMiddleIsNoFinding(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	w := newWorld(t, 5, 1000, 0)
	a := w.audit()
	a.Ledger = ending{w, cancel}
	report, err := a.Run(ctx)
	require.ErrorIs(t, err, context.Canceled)
	require.False(t, errors.As(err, new(*audit.AwayError)))
	require.Nil(t, report)
}

// ending is a ledger during whose reading the audit is stopped.
type ending struct {
	*world
	stop context.CancelFunc
}

func (e ending) Events(ctx context.Context) iter.Seq2[*audit.Copy, error] {
	return func(yield func(*audit.Copy, error) bool) {
		n := 0
		for c := range e.world.Events(ctx) {
			if n++; n == 700 {
				e.stop()
			}
			if !yield(c, ctx.Err()) {
				return
			}
		}
	}
}

func TestASequenceAlteredToAnythingIsCountedWithoutRunningOver(t *testing.T) {
	w := newWorld(t, 5, 2, 0)
	for i := range w.accounts {
		w.accounts[i].Sequence = math.MaxInt64
	}
	report := w.run()
	require.EqualValues(t, math.MaxInt64, report.FindingCount)
	require.Len(t, report.Findings, 5)
}

func TestTheReportAsJSON(t *testing.T) {
	w := newWorld(t, 1, 2, 0)
	w.copyIn(audit.InStatement, eventOf(0, 2).EventID).Event.AmountMinor = 7
	report := w.run()
	require.Equal(t, []audit.Tally{{Kind: audit.Altered, Store: audit.InStatement, Findings: 1}}, report.Tallies)
	text, err := json.Marshal(report)
	require.NoError(t, err)
	id := eventOf(0, 2).EventID
	for _, part := range []string{
		`{"bank_code":"001","equal":false,"accounts":1,"refusals":0,"events":2,"places":[{"store":"ledger","events":2,"sums":[{"currency":"BRL","debits_minor":1290,"credits_minor":0}],"digest":"`,
		`"finding_count":1,"findings":[{"kind":"altered","store":"statement","event_id":"` + id + `","fields":[{"field":"amount_minor","values":{"index":1290,"ledger":1290,"statement":7,"topic":1290}}]}]`,
		`"tallies":[{"kind":"altered","store":"statement","findings":1}]`,
		`"differing_accounts":[{"account_id":"` + id[:36] + `","sequence":2,"places":[{"store":"ledger"`,
	} {
		require.Contains(t, string(text), part)
	}
}

func TestALedgerOutOfItsOrderIsRefused(t *testing.T) {
	w := newWorld(t, 2, 3, 1)
	a := w.audit()
	a.Ledger = disordered{w}
	_, err := a.Run(t.Context())
	require.ErrorContains(t, err, "audit: ledger: its events are not in the order of their ids")
}

// disordered shows every event of the ledger twice.
type disordered struct{ *world }

func (d disordered) Events(ctx context.Context) iter.Seq2[*audit.Copy, error] {
	return func(yield func(*audit.Copy, error) bool) {
		for c, err := range d.world.Events(ctx) {
			if !yield(c, err) || !yield(c, err) {
				return
			}
		}
	}
}

func TestNoTemporaryFileIsLeft(t *testing.T) {
	w := newWorld(t, 5, 100, 5)
	a := w.audit()
	_, err := a.Run(t.Context())
	require.NoError(t, err)
	left, err := os.ReadDir(a.TempDir)
	require.NoError(t, err)
	require.Empty(t, left)
}

func TestSumsDoNotOverflow(t *testing.T) {
	var sum audit.Sum
	for range 4 {
		sum.Add(1<<63 - 1)
	}
	require.Equal(t, "36893488147419103228", sum.String())
	require.Equal(t, "36893488147419103228", sum.Format("BRL"))
	for range 4 {
		sum.Add(-(1<<63 - 1))
	}
	sum.Add(-5)
	require.Equal(t, "-0.05", sum.Format("BRL"))
	require.Equal(t, "-5", sum.Format("???"))
	require.Equal(t, "-5", sum.Format("JPY"))
}
