package payment_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"codebank.dev/codepix/codepixtest"
	"codebank.dev/codepix/payment"
)

const (
	sender   = codepixtest.SenderBank
	receiver = codepixtest.ReceiverBank
)

// decided returns the outcome of the last of some messages, and the payments as they are after all of them.
func decided(t *testing.T, messages ...payment.Received) (payment.Outcome, *payment.Book) {
	t.Helper()
	book := payment.NewBook()
	var out payment.Outcome
	for i := range messages {
		out = book.Decide(&messages[i])
	}
	return out, book
}

// stateOf returns a payment of a book that has only new ones.
func stateOf(t *testing.T, book *payment.Book, name payment.ID) payment.Payment {
	t.Helper()
	changes := book.Changes()
	for _, p := range changes.New {
		if p.ID == name {
			return p
		}
	}
	require.Fail(t, "no such payment", name)
	return payment.Payment{}
}

func TestEachStepByRule(t *testing.T) {
	first := codepixtest.Payment(1)
	by := func(bank string, message payment.Message) payment.Received { return codepixtest.From(bank, message)[0] }
	initiated := by(sender, first)
	confirmed, rejected := by(receiver, codepixtest.Answer(first, payment.Confirm)), by(receiver, codepixtest.Answer(first, payment.Reject))
	completed := by(sender, codepixtest.Answer(first, payment.Complete))
	altered := func(m payment.Received, change func(*payment.Received)) payment.Received {
		change(&m)
		return m
	}
	otherAmount := func(m *payment.Received) { m.Terms.Amount.Minor++ }
	type sent struct {
		to   string
		step payment.Step
	}
	for rule, tt := range map[string]struct {
		messages []payment.Received
		state    payment.State
		reason   string
		sends    []sent
		letter   *payment.Letter
	}{
		"a new payment is forwarded":                   {[]payment.Received{initiated}, payment.Pending, "", []sent{{receiver, payment.Initiate}}, nil},
		"what comes twice changes nothing":             {[]payment.Received{initiated, initiated}, payment.Pending, "", nil, nil},
		"the receiver confirms":                        {[]payment.Received{initiated, confirmed}, payment.Confirmed, "", []sent{{sender, payment.Confirm}}, nil},
		"a confirmation comes twice":                   {[]payment.Received{initiated, confirmed, confirmed}, payment.Confirmed, "", nil, nil},
		"the receiver rejects":                         {[]payment.Received{initiated, rejected}, payment.Rejected, "ACCOUNT_CLOSED", []sent{{sender, payment.Reject}}, nil},
		"a rejection comes twice":                      {[]payment.Received{initiated, rejected, rejected}, payment.Rejected, "ACCOUNT_CLOSED", nil, nil},
		"the sender completes":                         {[]payment.Received{initiated, confirmed, completed}, payment.Completed, "", nil, nil},
		"the end comes twice":                          {[]payment.Received{initiated, confirmed, completed, completed}, payment.Completed, "", nil, nil},
		"a late confirmation of what is completed":     {[]payment.Received{initiated, confirmed, completed, confirmed}, payment.Completed, "", nil, nil},
		"who asks again is told that it was confirmed": {[]payment.Received{initiated, confirmed, completed, initiated}, payment.Completed, "", []sent{{sender, payment.Confirm}}, nil},
		"who asks again is told that it was rejected":  {[]payment.Received{initiated, rejected, initiated}, payment.Rejected, "ACCOUNT_CLOSED", []sent{{sender, payment.Reject}}, nil},
		"who asks while it is confirmed waits":         {[]payment.Received{initiated, confirmed, initiated}, payment.Confirmed, "", nil, nil},
		"the receiver's bank is unknown":               {[]payment.Received{altered(initiated, func(m *payment.Received) { m.ReceiverKnown = false })}, payment.Rejected, payment.UnknownBank, []sent{{sender, payment.Reject}}, nil},
		"within one bank": {[]payment.Received{altered(initiated, func(m *payment.Received) { m.Terms.Receiver.Bank = sender })}, payment.Rejected, payment.SameBank,
			[]sent{{sender, payment.Reject}}, nil},

		"another bank initiates for the sender":      {[]payment.Received{altered(initiated, func(m *payment.Received) { m.Author = receiver })}, 0, "", nil, payment.NotAuthor},
		"the id is another bank's":                   {[]payment.Received{altered(initiated, func(m *payment.Received) { m.ID = codepixtest.ID(receiver, 1) })}, 0, "", nil, payment.NotAuthor},
		"the sender confirms for the receiver":       {[]payment.Received{initiated, altered(confirmed, func(m *payment.Received) { m.Author = sender })}, payment.Pending, "", nil, payment.NotAuthor},
		"the sender rejects for the receiver":        {[]payment.Received{initiated, altered(rejected, func(m *payment.Received) { m.Author = sender })}, payment.Pending, "", nil, payment.NotAuthor},
		"a third bank confirms":                      {[]payment.Received{initiated, altered(confirmed, func(m *payment.Received) { m.Author = "003" })}, payment.Pending, "", nil, payment.NotAuthor},
		"the receiver completes for the sender":      {[]payment.Received{initiated, confirmed, altered(completed, func(m *payment.Received) { m.Author = receiver })}, payment.Confirmed, "", nil, payment.NotAuthor},
		"another amount is initiated":                {[]payment.Received{initiated, altered(initiated, otherAmount)}, payment.Pending, "", nil, payment.Contradiction},
		"another amount is confirmed":                {[]payment.Received{initiated, altered(confirmed, otherAmount)}, payment.Pending, "", nil, payment.Contradiction},
		"another account is confirmed":               {[]payment.Received{initiated, altered(confirmed, func(m *payment.Received) { m.Terms.Receiver.Account[3]++ })}, payment.Pending, "", nil, payment.Contradiction},
		"a confirmation after the rejection":         {[]payment.Received{initiated, rejected, confirmed}, payment.Rejected, "ACCOUNT_CLOSED", nil, payment.WrongState},
		"a rejection after the confirmation":         {[]payment.Received{initiated, confirmed, rejected}, payment.Confirmed, "", nil, payment.WrongState},
		"completed before it was confirmed":          {[]payment.Received{initiated, completed}, payment.Pending, "", nil, payment.WrongState},
		"completed after it was rejected":            {[]payment.Received{initiated, rejected, completed}, payment.Rejected, "ACCOUNT_CLOSED", nil, payment.WrongState},
		"confirmed and never initiated":              {[]payment.Received{confirmed}, 0, "", nil, payment.NotFound},
		"names and texts of later messages are free": {[]payment.Received{initiated, altered(confirmed, func(m *payment.Received) { m.Terms.Description = "" })}, payment.Confirmed, "", []sent{{sender, payment.Confirm}}, nil},
	} {
		t.Run(rule, func(t *testing.T) {
			out, book := decided(t, tt.messages...)
			require.Equal(t, tt.letter, out.Letter)
			var sends []sent
			for _, send := range out.Sends {
				sends = append(sends, sent{send.To, send.Step})
				require.Equal(t, first.Terms.Description, send.Terms.Description, "the hub says what the sender has said")
			}
			require.Equal(t, tt.sends, sends)
			if tt.letter != nil {
				require.Empty(t, out.Changed)
			}
			if tt.state == 0 {
				changes := book.Changes()
				require.True(t, changes.IsEmpty())
				return
			}
			p := stateOf(t, book, first.ID)
			require.Equal(t, tt.state, p.State)
			require.Equal(t, tt.reason, p.Reason)
			require.Equal(t, p.State.IsFinal(), !p.EndedAt.IsZero())
		})
	}
}

func TestReturnsByRule(t *testing.T) {
	first := codepixtest.Payment(1)
	lifted := func(messages ...[]payment.Received) (all []payment.Received) {
		for _, some := range messages {
			all = append(all, some...)
		}
		return all
	}
	initiated := codepixtest.From(sender, first)
	confirmed := codepixtest.From(receiver, codepixtest.Answer(first, payment.Confirm))
	completed := codepixtest.From(sender, codepixtest.Answer(first, payment.Complete))
	rejected := codepixtest.From(receiver, codepixtest.Answer(first, payment.Reject))
	back := codepixtest.Return(1, &first, 600)
	returned := codepixtest.From(receiver, back)
	rest, tooMuch := codepixtest.From(receiver, codepixtest.Return(2, &first, 400)), codepixtest.From(receiver, codepixtest.Return(3, &first, 401))
	astray := codepixtest.Return(4, &first, 100)
	astray.Terms.Receiver.Account[3]++
	for rule, tt := range map[string]struct {
		messages []payment.Received
		name     payment.ID
		state    payment.State
		held     bool
		reason   string
		sends    int
		letter   *payment.Letter
	}{
		"of what is completed it goes on":     {lifted(initiated, confirmed, completed, returned), back.ID, payment.Pending, false, "", 1, nil},
		"before the end it is held":           {lifted(initiated, confirmed, returned), back.ID, payment.Pending, true, "", 0, nil},
		"of an unknown payment it is held":    {returned, back.ID, payment.Pending, true, "", 0, nil},
		"what is held goes on with the end":   {lifted(initiated, confirmed, returned, completed), back.ID, payment.Pending, false, "", 1, nil},
		"what is held and comes again waits":  {lifted(initiated, confirmed, returned, returned), back.ID, payment.Pending, true, "", 0, nil},
		"of what was rejected it is rejected": {lifted(initiated, rejected, returned), back.ID, payment.Rejected, false, payment.OriginalRejected, 1, nil},
		"what is held ends with a rejection":  {lifted(initiated, returned, rejected), back.ID, payment.Rejected, false, payment.OriginalRejected, 2, nil},
		"parts add up to the whole":           {lifted(initiated, confirmed, completed, returned, rest), rest[0].ID, payment.Pending, false, "", 1, nil},
		"more than the whole is rejected":     {lifted(initiated, confirmed, completed, returned, tooMuch), tooMuch[0].ID, payment.Rejected, false, payment.ReturnExceeds, 1, nil},
		"to another account it is rejected":   {lifted(initiated, confirmed, completed, codepixtest.From(receiver, astray)), astray.ID, payment.Rejected, false, payment.ReturnMismatch, 1, nil},
		"its receiver confirms it": {lifted(initiated, confirmed, completed, returned, codepixtest.From(sender, codepixtest.Answer(back, payment.Confirm))),
			back.ID, payment.Confirmed, false, "", 1, nil},
		"its receiver cannot reject it": {lifted(initiated, confirmed, completed, returned, codepixtest.From(sender, codepixtest.Answer(back, payment.Reject))),
			back.ID, payment.Pending, false, "", 0, payment.FinalReturn},
		"what is held cannot be confirmed": {lifted(initiated, confirmed, returned, codepixtest.From(sender, codepixtest.Answer(back, payment.Confirm))),
			back.ID, payment.Pending, true, "", 0, payment.WrongState},
	} {
		t.Run(rule, func(t *testing.T) {
			out, book := decided(t, tt.messages...)
			require.Equal(t, tt.letter, out.Letter)
			require.Len(t, out.Sends, tt.sends)
			p := stateOf(t, book, tt.name)
			require.Equal(t, tt.state, p.State)
			require.Equal(t, tt.held, p.Held)
			require.Equal(t, tt.reason, p.Reason)
			require.Equal(t, !tt.held && tt.state == payment.Pending, p.Waits() == payment.Initiate)
		})
	}
	_, book := decided(t, lifted(initiated, confirmed, completed, returned, tooMuch, rest)...)
	require.EqualValues(t, 1000, stateOf(t, book, first.ID).Returned)
}

func TestTheBookWritesEachStateAndEndsWhatIsAnswered(t *testing.T) {
	first := codepixtest.Payment(1)
	stored := stateOf(t, second(decided(t, codepixtest.From(sender, first)...)), first.ID)
	book := payment.NewBook([]payment.Payment{stored})
	at := codepixtest.Noon.Add(-time.Hour) // The clock of this process is behind.
	confirmed := codepixtest.From(receiver, codepixtest.Answer(first, payment.Confirm))[0]
	confirmed.At = at
	out := book.Decide(&confirmed)
	require.Nil(t, out.Letter)
	changes := book.Changes()
	require.Len(t, changes.Changed, 1)
	require.Empty(t, changes.New)
	require.Equal(t, stored.ChangedAt, changes.Changed[0].ConfirmedAt, "time does not go back")
	require.Len(t, changes.Events, 1)
	require.EqualValues(t, 2, changes.Events[0].Version)
	require.Len(t, changes.Ended, 1)
	require.Equal(t, payment.Initiate, changes.Ended[0].Step)
	require.Len(t, changes.Sends, 1)
	require.True(t, book.Awaits(&changes.Sends[0]))
	require.Equal(t, codepixtest.AnsweredAt, changes.Sends[0].DecidedAt)
}

func second[A, B any](_ A, b B) B { return b }
