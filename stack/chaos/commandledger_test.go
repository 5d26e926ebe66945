package chaos

import (
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

// Each case builds transfers that ended well, changes one thing, and expects a finding.
func TestTransfersByCommandThatDifferFromTheLedgerAreFound(t *testing.T) {
	one, two := uuid.UUID{1}, uuid.UUID{2}
	type world struct {
		load                 *load
		moved, short, nobody *asked
		rows                 []entryRow
	}
	build := func() *world {
		w := &world{load: &load{observed: newObservations()}}
		c := &w.load.commands
		c.ends = make(map[uuid.UUID]shownTransfer)
		accept := func(id byte, to uuid.UUID, status, why string) *asked {
			a := &asked{key: "k", from: one, to: to, amount: 30, toNobody: to != two, accepted: []byte("{}"), id: uuid.UUID{id}}
			c.all = append(c.all, a)
			shown := shownTransfer{ID: a.id, Amount: 30, From: one, To: to, transferEnd: transferEnd{Status: status}}
			if why != "" {
				shown.Error = &why
			}
			c.ends[a.id] = shown
			return a
		}
		w.moved, w.short, w.nobody = accept(11, two, completed, ""), accept(12, two, cancelled, notEnoughFunds), accept(13, uuid.UUID{9}, cancelled, noDestination)
		transaction := uuid.UUID{21}
		shown := c.ends[w.moved.id]
		shown.TransactionID = &transaction
		c.ends[w.moved.id] = shown
		row := func(a *asked, account *[16]byte, leg, status int16) entryRow {
			return entryRow{transaction: transaction, account: account, leg: leg, kind: kindTransfer, status: status, amount: 30, caller: "gateway", request: a.id.String()}
		}
		w.rows = []entryRow{
			row(w.moved, (*[16]byte)(&one), 0, statusApproved), row(w.moved, (*[16]byte)(&two), 1, statusApproved),
			row(w.short, (*[16]byte)(&one), 0, statusDeclined), row(w.nobody, nil, 0, statusVoided),
		}
		return w
	}
	check := func(w *world) *observations {
		b := newCommandCheck(w.load)
		for i := range w.rows {
			b.add(&w.rows[i])
		}
		b.checkEnds()
		return w.load.observed
	}
	show := func(change func(w *world, of *shownTransfer)) func(*world) {
		return func(w *world) {
			shown := w.load.commands.ends[w.moved.id]
			change(w, &shown)
			w.load.commands.ends[w.moved.id] = shown
		}
	}
	require.Empty(t, check(build()).problems)
	for name, spoilt := range map[string]struct {
		invariant string
		spoil     func(*world)
	}{
		"an accepted transfer is gone":            {acceptedKept, func(w *world) { delete(w.load.commands.ends, w.moved.id) }},
		"an accepted transfer has another amount": {acceptedKept, show(func(_ *world, of *shownTransfer) { of.Amount = 31 })},
		"one is still processing":                 {commandsEnd, show(func(_ *world, of *shownTransfer) { of.Status = processing })},
		"its end has changed":                     {commandsEnd, func(w *world) { w.moved.ended = transferEnd{Status: cancelled} }},
		"another transaction is shown":            {commandsEnd, show(func(_ *world, of *shownTransfer) { of.TransactionID = &uuid.UUID{22} })},
		"a completed one has one side":            {commandsEnd, func(w *world) { w.rows = w.rows[1:] }},
		"a completed one is there twice":          {commandsEnd, func(w *world) { w.rows = append(w.rows, w.rows[0]) }},
		"it moved another amount":                 {commandsEnd, func(w *world) { w.rows[1].amount = 29 }},
		"it moved to another account":             {commandsEnd, func(w *world) { w.rows[1].account = (*[16]byte)(&one) }},
		"a cancelled one has moved money":         {commandsEnd, func(w *world) { w.rows[2].status = statusApproved }},
		"a cancelled one may move money later":    {commandsEnd, func(w *world) { w.rows = w.rows[:3] }},
		"cancelled, and nobody has asked for it": {commandsEnd, func(w *world) {
			why := cancelledByUser
			shown := w.load.commands.ends[w.short.id]
			shown.Error = &why
			w.load.commands.ends[w.short.id] = shown
		}},
		"cancelled after it was said to be completed": {commandsEnd, func(w *world) { w.short.tooLate = true }},
		"a transfer that nobody has asked for":        {"I4", func(w *world) { w.load.commands.ends[uuid.UUID{14}] = shownTransfer{} }},
		"an entry of no transfer":                     {"I4", func(w *world) { w.rows[3].request = uuid.NewString() }},
		"an entry of another form":                    {"I4", func(w *world) { w.rows[3].request = "chaos-1" }},
	} {
		t.Run(name, func(t *testing.T) {
			w := build()
			spoilt.spoil(w)
			require.NotNil(t, check(w).problemOf(spoilt.invariant), "%v", w.load.observed.problems)
		})
	}
}

func TestARepeatOfAKeyIsTheFirstAnswer(t *testing.T) {
	var counts commands
	a := &asked{key: "k", from: uuid.UUID{1}, to: uuid.UUID{2}, amount: 30}
	first := []byte(`{"id": "` + uuid.UUID{7}.String() + `", "status": "processing", "error": null, "amount": 30, "from_account_id": "` +
		a.from.String() + `", "to_account_id": "` + a.to.String() + `"}`)
	require.NotEmpty(t, (&asked{amount: 31}).accept(&deskAnswer{status: 201, body: first}, &commands{}), "another amount")
	require.NotEmpty(t, (&asked{}).accept(&deskAnswer{status: 200, body: first}, &commands{}), "another status")
	require.Empty(t, a.accept(&deskAnswer{status: 201, body: first, replayed: true}, &counts), "the first answer was lost, or comes behind")
	require.Empty(t, a.accept(&deskAnswer{status: 201, body: first}, &counts))
	require.Empty(t, a.accept(&deskAnswer{status: 201, body: first, replayed: true}, &counts))
	require.NotEmpty(t, a.accept(&deskAnswer{status: 201, body: first}, &counts), "accepted twice")
	require.NotEmpty(t, a.accept(&deskAnswer{status: 201, body: append([]byte(" "), first...), replayed: true}, &counts))
	require.Equal(t, int64(1), counts.accepted.Load())
	require.Equal(t, int64(4), counts.repeats.Load())
}

func TestAMinuteWithoutABrokerInWhichNothingIsTakenIsFound(t *testing.T) {
	for name, tt := range map[string]struct {
		minute absenceMinute
		found  bool
	}{
		"all": {absenceMinute{1, 1, 1}, false}, "no card": {absenceMinute{0, 1, 1}, true}, "no transfer": {absenceMinute{1, 0, 1}, true},
		"no charge": {absenceMinute{1, 1, 0}, true},
	} {
		t.Run(name, func(t *testing.T) {
			r := &run{load: &load{observed: newObservations()}}
			require.Equal(t, NotApplicable, r.brokerAbsenceResult().Status)
			r.brokerAbsences = []brokerAbsence{{minutes: []absenceMinute{{2, 2, 2}, tt.minute}}}
			r.checkBrokerAbsences()
			require.Equal(t, tt.found, r.load.observed.problemOf(noBrokerForLong) != nil)
			require.Equal(t, int64(2), r.brokerAbsenceResult().Count)
		})
	}
}
