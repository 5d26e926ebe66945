package banktest

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"codebank.dev/bank"
	"codebank.dev/native/await"
	"codebank.dev/platform/outbox"
	"codebank.dev/platform/outbox/outboxtest"
	"github.com/stretchr/testify/require"
)

var errAbandoned = errors.New("the batch is not to be written")

// TestMessages proves that the messages of a ledger keep the contract of outbox.Store.
func TestMessages(t *testing.T, open Open) {
	outboxtest.TestStore(t, func(t *testing.T) outboxtest.Subject {
		ledger := open(t)
		store := &uncounted{Store: ledger.Messages(), found: make(map[bank.ID]int)}
		return outboxtest.Subject{Store: store, Add: func(t *testing.T, n int) []outbox.Row {
			sent := make([]bank.Message, n)
			for i := range sent {
				sent[i] = Message("CONFIRMED")
				send(t, ledger, sent[i])
			}
			return store.find(t, sent)
		}}
	})
}

// uncounted does not count the claims by which a test finds the ids of rows.
type uncounted struct {
	outbox.Store
	found map[bank.ID]int
}

// Claim implements outbox.Store.
func (u *uncounted) Claim(ctx context.Context, limit int, lease time.Duration) ([]outbox.Row, error) {
	rows, err := u.Store.Claim(ctx, limit, lease)
	for i := range rows {
		rows[i].Claims -= u.found[rows[i].ID]
	}
	return rows, err
}

// find returns the rows of messages that are due, in the order of the messages.
func (u *uncounted) find(t *testing.T, sent []bank.Message) []outbox.Row {
	t.Helper()
	claimed, err := u.Store.Claim(t.Context(), 1000, time.Hour)
	require.NoError(t, err)
	require.Len(t, claimed, len(sent))
	rows := make([]outbox.Row, len(sent))
	for i, row := range claimed {
		require.Equal(t, sent[i].Body, row.Body)
		u.found[row.ID] = row.Claims
		row.Claims = 0
		rows[i] = row
		require.NoError(t, u.Again(t.Context(), []bank.ID{row.ID}, 0))
	}
	return rows
}

// Message returns a message with an identity of its own.
func Message(step string) bank.Message {
	own := strings.ReplaceAll(NewID().String(), "-", "")
	return bank.Message{MessageID: bank.MessageID{EndToEndID: own, Step: step}, Key: own, SchemaVersion: 1, Body: []byte("body " + own)}
}

func send(t *testing.T, ledger Ledger, messages ...bank.Message) {
	t.Helper()
	Commit(t, ledger, bank.Keys{}, func(book *bank.Book) error {
		for _, message := range messages {
			book.Send(message)
		}
		return nil
	})
}

func answered(t *testing.T, ledger Ledger, messages ...bank.Message) {
	t.Helper()
	Commit(t, ledger, bank.Keys{}, func(book *bank.Book) error {
		for _, message := range messages {
			book.Answered(message.EndToEndID, message.Step)
		}
		return nil
	})
}

func claim(t *testing.T, ledger Ledger, limit int, lease time.Duration) []outbox.Row {
	t.Helper()
	rows, err := ledger.Messages().Claim(t.Context(), limit, lease)
	require.NoError(t, err)
	return rows
}

func waits(t *testing.T, ledger Ledger, message bank.Message) bool {
	t.Helper()
	waits, err := ledger.Waits(t.Context(), message.MessageID)
	require.NoError(t, err)
	return waits
}

func sendsMessages(t *testing.T, ledger Ledger) {
	waiting, oldest, err := ledger.MessageBacklog(t.Context())
	require.NoError(t, err)
	require.Zero(t, waiting)
	require.True(t, oldest.IsZero())

	alone, beside := Message("REJECTED"), Message("INITIATED")
	send(t, ledger, alone)
	customer := OpenCustomer(t, ledger, 1000)
	Commit(t, ledger, KeysOf(customer), func(book *bank.Book) error {
		entry, err := book.Post(Purchase(customer, NewID(), 1), bank.Effect{Balance: -1}, Start)
		if err == nil {
			book.Emit(EventOf(entry))
		}
		book.Answered(beside.EndToEndID, beside.Step)
		book.Send(beside) // The last word counts.
		return err
	})
	require.Error(t, Try(t.Context(), ledger, bank.Keys{}, func(book *bank.Book) error {
		book.Send(Message("COMPLETED"))
		return errAbandoned
	}))
	require.True(t, waits(t, ledger, alone) && waits(t, ledger, beside))
	waiting, oldest, err = ledger.MessageBacklog(t.Context())
	require.NoError(t, err)
	require.EqualValues(t, 2, waiting)
	require.False(t, oldest.IsZero())
	rows := claim(t, ledger, 10, time.Hour)
	require.Len(t, rows, 2)
	for i, want := range []bank.Message{alone, beside} {
		require.Equal(t, outbox.Row{ID: rows[i].ID, Key: []byte(want.Key), Version: 1, Body: want.Body, Claims: 1}, rows[i])
	}
	answered(t, ledger, alone, beside, Message("INITIATED"))
	require.False(t, waits(t, ledger, alone) || waits(t, ledger, beside))
}

func sendsAgain(t *testing.T, ledger Ledger) {
	message := Message("CONFIRMED")
	send(t, ledger, message)
	first := claim(t, ledger, 10, time.Hour)
	require.Len(t, first, 1)
	send(t, ledger, message)
	again := claim(t, ledger, 10, time.Hour)
	require.Len(t, again, 1)
	require.Equal(t, first[0].Body, again[0].Body)
	require.NoError(t, ledger.Messages().Sent(t.Context(), []bank.ID{first[0].ID}))
	require.True(t, waits(t, ledger, message))
	require.NoError(t, ledger.Messages().Sent(t.Context(), []bank.ID{again[0].ID}))
	require.False(t, waits(t, ledger, message))
}

func sendsUntilAnswered(t *testing.T, ledger Ledger) {
	message := Message("INITIATED")
	message.UntilAnswered = true
	send(t, ledger, message)
	rows := claim(t, ledger, 10, time.Hour)
	require.Len(t, rows, 1)
	require.NoError(t, ledger.Messages().Sent(t.Context(), []bank.ID{rows[0].ID}))
	require.True(t, waits(t, ledger, message))
	require.Empty(t, claim(t, ledger, 10, time.Hour))
	var again []outbox.Row
	await.Until(t, func() bool { // after a second, and some of a spread
		var err error
		again, err = ledger.Messages().Claim(t.Context(), 10, time.Hour)
		require.NoError(t, err)
		return len(again) > 0
	}, 20*time.Second, 20*time.Millisecond)
	require.Len(t, again, 1)
	require.Equal(t, rows[0].ID, again[0].ID)
	answered(t, ledger, message)
	require.False(t, waits(t, ledger, message))
}

func refusesBadMessages(t *testing.T, ledger Ledger) {
	for what, change := range map[string]func(*bank.Message){
		"no end-to-end id": func(m *bank.Message) { m.EndToEndID = "E1" },
		"no step":          func(m *bank.Message) { m.Step = "LOST" },
		"no version":       func(m *bank.Message) { m.SchemaVersion = 0 },
		"no text":          func(m *bank.Message) { m.Key = "\xff" },
	} {
		good, bad := Message("CONFIRMED"), Message("CONFIRMED")
		change(&bad)
		err := Try(t.Context(), ledger, bank.Keys{}, func(book *bank.Book) error {
			book.Send(good)
			book.Send(bad)
			return nil
		})
		require.ErrorIs(t, err, bank.ErrRejected, what)
		require.False(t, waits(t, ledger, good), what)
	}
}
