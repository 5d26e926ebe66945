package codepixtest

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"codebank.dev/codepix/payment"
	"codebank.dev/codepix/record"
	"codebank.dev/platform/id"
	"codebank.dev/platform/outbox"
	"codebank.dev/platform/outbox/outboxtest"
	"codebank.dev/schemas/command"
)

// Payments is a store of payments with its outbox.
type Payments interface {
	payment.Store
	outbox.Store
}

// TestPayments checks the promises of payment.Store, and of its outbox, on stores that newStore makes without payments.
func TestPayments(t *testing.T, newStore func(t *testing.T) Payments) {
	for promise, check := range map[string]func(*testing.T, Payments){
		"a payment is stored with what is sent about it":              checkStored,
		"a payment goes through its states, each with one event":      checkStates,
		"what the receiver rejects is sent to the sender once":        checkRejected,
		"what came before changes nothing, and the outcome is told":   checkRepeats,
		"a message that is sent waits for its answer, and is delayed": checkWaiting,
		"letters change nothing, beside messages that do":             checkLetters,
		"returns wait for the end, and never exceed the original":     checkReturns,
		"a return is released and confirmed in one batch":             checkReleased,
		"messages of one batch build on each other":                   checkBatch,
		"the same payment at two processes at once is one":            checkAtOnce,
		"processes at once never wait for each other in a circle":     checkCrowd,
		"pages show the payments of a bank, the newest first":         checkPages,
		"figures count what has no end":                               checkFigures,
		"there is no payment without its message":                     checkNone,
	} {
		t.Run(promise, func(t *testing.T) {
			t.Parallel()
			check(t, newStore(t))
		})
	}
	t.Run("outbox", func(t *testing.T) {
		outboxtest.TestStore(t, func(t *testing.T) outboxtest.Subject {
			store := newStore(t)
			return outboxtest.Subject{Store: store, Add: func(t *testing.T, n int) []outbox.Row { return addRows(t, store, n) }}
		})
	})
}

// addRows adds rows that wait for no answer, and returns them in their order: the events of rejected payments, and what
// their senders are told.
func addRows(t *testing.T, store Payments, n int) (rows []outbox.Row) {
	t.Helper()
	for i := 0; len(rows) < n; i++ {
		received := From(SenderBank, Payment(i))[0]
		received.ReceiverKnown = false
		outcomes, err := store.Apply(t.Context(), []payment.Received{received})
		require.NoError(t, err)
		told, err := record.Row(&outcomes[0].Sends[0])
		require.NoError(t, err)
		event, err := record.EventRow(&outcomes[0].Events[0])
		require.NoError(t, err)
		rows = append(rows, told, event)
	}
	if len(rows) > n { // An odd number: the last event goes at once.
		require.NoError(t, store.Sent(t.Context(), []id.ID{rows[n].ID}))
		rows = rows[:n]
	}
	return rows
}

// apply applies messages of a bank and returns their outcomes.
func apply(t *testing.T, store payment.Store, bank string, messages ...payment.Message) []payment.Outcome {
	t.Helper()
	outcomes, err := store.Apply(t.Context(), From(bank, messages...))
	require.NoError(t, err)
	require.Len(t, outcomes, len(messages))
	return outcomes
}

// stored returns a payment that is there.
func stored(t *testing.T, store payment.Store, name payment.ID) payment.Payment {
	t.Helper()
	found, _, err := store.Payment(t.Context(), name)
	require.NoError(t, err)
	return found
}

// due returns the rows that are due, claimed for long.
func due(t *testing.T, store outbox.Store) []outbox.Row {
	t.Helper()
	rows, err := store.Claim(t.Context(), 1000, time.Hour)
	require.NoError(t, err)
	return rows
}

// topicsOf returns the topics of the rows that are due, and says that they were sent.
func topicsOf(t *testing.T, store outbox.Store) (topics []string) {
	t.Helper()
	var sent []id.ID
	for _, row := range due(t, store) {
		topics, sent = append(topics, row.Topic), append(sent, row.ID)
	}
	require.NoError(t, store.Sent(t.Context(), sent))
	return topics
}

var toSender, toReceiver, events = command.PixToBank(SenderBank), command.PixToBank(ReceiverBank), command.PixPaymentTopic

func checkStored(t *testing.T, store Payments) {
	message := Payment(1)
	outcomes := apply(t, store, SenderBank, message)
	found := stored(t, store, message.ID)
	require.Equal(t, outcomes[0].Changed[0], found)
	require.Equal(t, message.Terms, found.Terms)
	require.Equal(t, Noon.Add(time.Second), found.AcceptedAt)
	rows := due(t, store)
	require.Len(t, rows, 2)
	require.Equal(t, toReceiver, rows[0].Topic)
	require.Equal(t, []byte(message.ID), rows[0].Key)
	forwarded, err := record.Parse(rows[0].Body)
	require.NoError(t, err)
	require.Equal(t, message, forwarded, "the receiver reads what the sender has said")
	require.Equal(t, events, rows[1].Topic)
}

func checkStates(t *testing.T, store Payments) {
	message := Payment(1)
	apply(t, store, SenderBank, message)
	require.Equal(t, []string{toReceiver, events}, topicsOf(t, store))
	apply(t, store, ReceiverBank, Answer(message, payment.Confirm))
	require.Equal(t, []string{toSender, events}, topicsOf(t, store))
	confirmed := stored(t, store, message.ID)
	require.Equal(t, payment.Confirmed, confirmed.State)
	require.Equal(t, AnsweredAt, confirmed.DecidedAt)
	apply(t, store, SenderBank, Answer(message, payment.Complete))
	require.Equal(t, []string{events}, topicsOf(t, store))
	completed := stored(t, store, message.ID)
	require.Equal(t, payment.Completed, completed.State)
	require.EqualValues(t, 3, completed.Version)
	require.Equal(t, Noon.Add(time.Second), completed.EndedAt)
	require.Empty(t, due(t, store))
}

func checkRejected(t *testing.T, store Payments) {
	message := Payment(1)
	apply(t, store, SenderBank, message)
	topicsOf(t, store)
	apply(t, store, ReceiverBank, Answer(message, payment.Reject))
	require.Equal(t, []string{toSender, events}, topicsOf(t, store))
	rejected := stored(t, store, message.ID)
	require.Equal(t, payment.Rejected, rejected.State)
	require.Equal(t, "ACCOUNT_CLOSED", rejected.Reason)
	require.Zero(t, rejected.Waits())
}

func checkRepeats(t *testing.T, store Payments) {
	message := Payment(1)
	for range 2 {
		apply(t, store, SenderBank, message)
	}
	require.Equal(t, []string{toReceiver, events}, topicsOf(t, store))
	for range 2 {
		apply(t, store, ReceiverBank, Answer(message, payment.Confirm))
	}
	require.Equal(t, []string{toSender, events}, topicsOf(t, store))
	for range 2 {
		apply(t, store, SenderBank, Answer(message, payment.Complete))
	}
	require.Equal(t, []string{events}, topicsOf(t, store))
	before := stored(t, store, message.ID)
	apply(t, store, SenderBank, message, message)
	require.Equal(t, []string{toSender}, topicsOf(t, store), "who asks again is told again, once")
	require.Equal(t, before, stored(t, store, message.ID))
	require.Empty(t, due(t, store))
}

func checkWaiting(t *testing.T, store Payments) {
	message := Payment(1)
	apply(t, store, SenderBank, message)
	topicsOf(t, store)
	_, waiting, err := store.Payment(t.Context(), message.ID)
	require.NoError(t, err)
	require.Zero(t, waiting.Attempts)
	require.WithinDuration(t, time.Now().Add(record.ShortestRepeat), waiting.Next, record.ShortestRepeat)
	require.NoError(t, store.Again(t.Context(), []id.ID{record.RowID(message.ID, payment.Initiate)}, 0))
	require.Equal(t, []string{toReceiver}, topicsOf(t, store), "the message, and not its event")
	_, waiting, err = store.Payment(t.Context(), message.ID)
	require.NoError(t, err)
	require.Equal(t, 1, waiting.Attempts)
	apply(t, store, ReceiverBank, Answer(message, payment.Confirm))
	require.NoError(t, store.Again(t.Context(), []id.ID{record.RowID(message.ID, payment.Initiate)}, 0))
	require.Equal(t, []string{toSender, events}, topicsOf(t, store), "what is answered is sent no more")
}

func checkLetters(t *testing.T, store Payments) {
	first, other := Payment(1), Payment(2)
	contradiction := first
	contradiction.Terms.Amount.Minor++
	outcomes := apply(t, store, SenderBank, first, contradiction, Answer(other, payment.Complete), Answer(first, payment.Confirm))
	require.Nil(t, outcomes[0].Letter)
	require.Equal(t, payment.Contradiction, outcomes[1].Letter)
	require.Equal(t, payment.NotFound, outcomes[2].Letter)
	require.Equal(t, payment.NotAuthor, outcomes[3].Letter)
	require.Equal(t, first.Terms, stored(t, store, first.ID).Terms)
	require.Equal(t, []string{toReceiver, events}, topicsOf(t, store))
}

func checkReturns(t *testing.T, store Payments) {
	message := Payment(1)
	back, tooMuch := Return(1, &message, 600), Return(2, &message, 401)
	apply(t, store, SenderBank, message)
	apply(t, store, ReceiverBank, Answer(message, payment.Confirm), back)
	topicsOf(t, store)
	require.True(t, stored(t, store, back.ID).Held)
	apply(t, store, SenderBank, Answer(message, payment.Complete))
	require.ElementsMatch(t, []string{toSender, events}, topicsOf(t, store), "the return goes on with the end")
	forwarded := stored(t, store, back.ID)
	require.False(t, forwarded.Held)
	require.EqualValues(t, 1, forwarded.Version, "which is no new state")
	require.EqualValues(t, 600, stored(t, store, message.ID).Returned)
	apply(t, store, ReceiverBank, tooMuch)
	require.Equal(t, payment.ReturnExceeds, stored(t, store, tooMuch.ID).Reason)
	require.Equal(t, []string{toReceiver, events}, topicsOf(t, store))
	apply(t, store, SenderBank, Answer(back, payment.Confirm))
	apply(t, store, ReceiverBank, Answer(back, payment.Complete))
	require.Equal(t, payment.Completed, stored(t, store, back.ID).State)
	require.EqualValues(t, 600, stored(t, store, message.ID).Returned)
}

func checkBatch(t *testing.T, store Payments) {
	var all []payment.Message
	for i := range 20 {
		all = append(all, Payment(i))
	}
	apply(t, store, SenderBank, append(all, all...)...)
	var answers []payment.Message
	for i, message := range all {
		answers = append(answers, Answer(message, []payment.Step{payment.Confirm, payment.Reject}[i%2]))
	}
	apply(t, store, ReceiverBank, append(answers, answers...)...)
	require.Len(t, topicsOf(t, store), 20+40, "what was answered at once is not forwarded; it has two events")
	for i, message := range all {
		require.Equal(t, []payment.State{payment.Confirmed, payment.Rejected}[i%2], stored(t, store, message.ID).State)
	}
	outcomes, err := store.Apply(t.Context(), nil)
	require.NoError(t, err)
	require.Empty(t, outcomes)
}

func checkAtOnce(t *testing.T, store Payments) {
	const processes, payments = 4, 8
	var all []payment.Message
	for i := range payments {
		all = append(all, Payment(i))
	}
	failed := make(chan error)
	for range processes {
		go func() {
			_, err := store.Apply(t.Context(), From(SenderBank, all...))
			failed <- err
		}()
	}
	for range processes {
		require.NoError(t, <-failed)
	}
	require.Len(t, topicsOf(t, store), 2*payments)
}

// checkCrowd lets processes bring the same payments and their returns to an end at once, each in its own batches.
// checkReleased is a hub that was restored while a return was held: it reads together what came one after the other.
func checkReleased(t *testing.T, store Payments) {
	message := Payment(1)
	back := Return(1, &message, 600)
	apply(t, store, SenderBank, message)
	apply(t, store, ReceiverBank, Answer(message, payment.Confirm), back)
	require.True(t, stored(t, store, back.ID).Held)
	apply(t, store, SenderBank, Answer(message, payment.Complete), Answer(back, payment.Confirm))
	confirmed := stored(t, store, back.ID)
	require.False(t, confirmed.Held)
	require.Equal(t, payment.Confirmed, confirmed.State)
	require.EqualValues(t, 600, stored(t, store, message.ID).Returned)
}

func checkCrowd(t *testing.T, store Payments) {
	const processes, payments, rounds = 4, 6, 5
	var first, back []payment.Message
	for i := range payments {
		first = append(first, Payment(i))
		back = append(back, Return(i, &first[i], 1000))
	}
	answers := func(to []payment.Message, step payment.Step) (all []payment.Message) {
		for _, message := range to {
			all = append(all, Answer(message, step))
		}
		return all
	}
	ofSender := slices.Concat(first, answers(first, payment.Complete), answers(back, payment.Confirm))
	ofReceiver := slices.Concat(answers(first, payment.Confirm), back, answers(back, payment.Complete))
	failed := make(chan error)
	for process := range processes {
		go func() {
			var err error
			for round := range 2 * rounds {
				bank, messages := SenderBank, slices.Clone(ofSender)
				if (round+process)%2 == 1 {
					bank, messages = ReceiverBank, slices.Clone(ofReceiver)
				}
				if process >= processes/2 {
					slices.Reverse(messages)
				}
				_, problem := store.Apply(t.Context(), From(bank, messages...))
				err = errors.Join(err, problem)
			}
			failed <- err
		}()
	}
	for range processes {
		require.NoError(t, <-failed)
	}
	for i := range payments {
		require.Equal(t, payment.Completed, stored(t, store, back[i].ID).State)
		require.EqualValues(t, 1000, stored(t, store, first[i].ID).Returned)
	}
}

func checkPages(t *testing.T, store Payments) {
	var want []payment.ID
	for i := range 7 {
		received := From(SenderBank, Payment(i))
		received[0].At = Noon.Add(time.Duration(i/2) * time.Minute)
		_, err := store.Apply(t.Context(), received)
		require.NoError(t, err)
		want = append([]payment.ID{Payment(i).ID}, want...)
	}
	apply(t, store, ReceiverBank, Answer(Payment(3), payment.Reject))
	for _, bank := range []string{"", SenderBank, ReceiverBank} {
		require.Equal(t, want, listed(t, store, payment.Page{Bank: bank, Size: 3}))
		require.Equal(t, append(append([]payment.ID{}, want[:3]...), want[4:]...), listed(t, store, payment.Page{Bank: bank, Size: 2, OpenOnly: true}))
	}
	require.Empty(t, listed(t, store, payment.Page{Bank: "003", Size: 3}))
}

// listed reads all pages.
func listed(t *testing.T, store payment.Store, page payment.Page) (names []payment.ID) {
	t.Helper()
	for {
		found, err := store.Payments(t.Context(), page)
		require.NoError(t, err)
		require.LessOrEqual(t, len(found), page.Size)
		for i := range found {
			names = append(names, found[i].ID)
		}
		if len(found) < page.Size {
			return names
		}
		place := found[len(found)-1].Place()
		page.After = &place
	}
}

func checkFigures(t *testing.T, store Payments) {
	none, err := store.Figures(t.Context())
	require.NoError(t, err)
	require.Zero(t, none)
	message := Payment(1)
	apply(t, store, SenderBank, message, Payment(2), Payment(3), Payment(4))
	apply(t, store, ReceiverBank, Answer(message, payment.Confirm), Return(1, &message, 1), Answer(Payment(2), payment.Reject))
	figures, err := store.Figures(t.Context())
	require.NoError(t, err)
	require.Equal(t, payment.Figures{Pending: 3, Held: 1, Confirmed: 1, Oldest: Noon.Add(time.Second)}, figures)
}

func checkNone(t *testing.T, store Payments) {
	_, _, err := store.Payment(t.Context(), Payment(1).ID)
	require.ErrorIs(t, err, payment.ErrNotFound)
	found, err := store.Payments(t.Context(), payment.Page{Size: 10})
	require.NoError(t, err)
	require.Empty(t, found)
}
