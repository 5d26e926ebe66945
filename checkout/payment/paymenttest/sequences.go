package paymenttest

import (
	"context"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"codebank.dev/checkout/payment"
	"codebank.dev/platform/id"
)

// round counts the runs of a process, so that each has keys of its own in a store that is not emptied.
var rounds int

// sequences runs random acceptances, answers and repeats, and compares all views with a model: package payment itself.
func sequences(t *testing.T, s *Subject) {
	rapid.Check(t, func(rt *rapid.T) {
		rounds++
		w := walk{Subject: s, ctx: t.Context(), t: rt, owner: payment.Owner{Merchant: "m" + strconv.Itoa(rounds), Mode: payment.Test},
			charges: map[id.ID]payment.Charge{}, operations: map[id.ID]payment.Operation{}, owed: map[id.ID]bool{}, askedAt: map[id.ID]time.Time{}}
		s.NewMerchant(rt, w.owner.Merchant)
		for range rapid.IntRange(1, 25).Draw(rt, "steps") {
			w.step()
		}
		w.compare()
	})
}

// walk is one random sequence, with the model that it is compared with.
type walk struct {
	*Subject
	ctx   context.Context
	t     *rapid.T
	owner payment.Owner

	ids        []id.ID // of charges
	asked      []*payment.OperationRequest
	charges    map[id.ID]payment.Charge
	operations map[id.ID]payment.Operation
	owed       map[id.ID]bool // what is not answered
	history    []payment.Change
	askedAt    map[id.ID]time.Time
	last       payment.Result
	at         time.Duration
}

func (w *walk) step() {
	w.at += time.Second
	switch rapid.IntRange(0, 6).Draw(w.t, "step") {
	case 0:
		w.charge()
	case 1, 2:
		w.operation()
	case 3, 4:
		w.answer()
	case 5:
		w.repeat()
	case 6:
		w.expire()
	}
}

func (w *walk) charge() {
	key := rapid.IntRange(0, 4).Draw(w.t, "key")
	a := Acceptance(w.t, w.owner, "c"+strconv.Itoa(key), key%2 == 0)
	stored, known, err := w.Store.AcceptCharge(w.ctx, a)
	require.NoError(w.t, err)
	before, made := w.charges[a.Charge.ID]
	require.Equal(w.t, made, known)
	if made {
		require.Equal(w.t, before, stored)
		return
	}
	w.ids = append(w.ids, stored.ID)
	w.charges[stored.ID], w.owed[stored.ID] = a.Charge, true
	w.happened(payment.Change{Charge: a.Charge, Event: payment.EventOf(payment.ChargeAccepted, &a.Charge, id.ID{})})
}

func (w *walk) operation() {
	if len(w.ids) == 0 {
		return
	}
	charge := w.charges[rapid.SampledFrom(w.ids).Draw(w.t, "charge")]
	key := "o" + strconv.Itoa(len(w.history)) + "-" + strconv.Itoa(len(w.asked))
	kind := payment.Kind(rapid.IntRange(1, 3).Draw(w.t, "kind"))
	request := Operation(w.t, &charge, key, Ask{kind, rapid.SampledFrom([]int64{0, 0, 1, 200, 500, 501}).Draw(w.t, "amount")})
	request.At = Start.Add(w.at)
	after, want, refusal := charge.AcceptAt(request)
	stored, known, err := w.Store.AcceptOperation(w.ctx, request)
	require.False(w.t, known)
	if refusal != nil {
		require.ErrorIs(w.t, err, refusal)
		return
	}
	require.NoError(w.t, err)
	require.Equal(w.t, want, stored)
	w.charges[charge.ID], w.operations[want.ID], w.owed[want.ID] = after, want, true
	w.asked = append(w.asked, request)
	w.happened(payment.Change{Charge: after, Operation: want, Event: payment.EventOf(payment.OperationAccepted, &after, want.ID)})
}

// happened notes a change of the model.
func (w *walk) happened(change payment.Change) {
	change.Event.Sequence = int64(len(w.history)) + 1
	w.history = append(w.history, change)
}

// answer answers one charge or operation, decided or not.
func (w *walk) answer() {
	if len(w.ids) == 0 {
		return
	}
	charge := rapid.SampledFrom(w.ids).Draw(w.t, "charge")
	operation := id.ID{}
	if len(w.asked) > 0 && rapid.Bool().Draw(w.t, "about an operation") {
		asked := rapid.SampledFrom(w.asked).Draw(w.t, "operation")
		charge, operation = asked.Charge, asked.ID
	}
	result := Approval(charge, operation)
	if rapid.Bool().Draw(w.t, "refused") {
		result = Refusal(charge, operation)
		result.Decision.Lapsed = !operation.IsZero() && rapid.Bool().Draw(w.t, "too late")
	}
	result.At = Start.Add(w.at - time.Minute)
	w.apply1(result)
}

// expire asks after all authorizations, or answers such a question, asked or not.
func (w *walk) expire() {
	if len(w.ids) == 0 {
		return
	}
	if rapid.Bool().Draw(w.t, "answer") {
		w.apply1(Lapse(rapid.SampledFrom(w.ids).Draw(w.t, "expiring"), rapid.Bool().Draw(w.t, "lapsed")))
		return
	}
	now := Start.Add(time.Hour + w.at)
	asked := w.ask(w.ctx, w.t, now)
	for charge, c := range w.charges {
		before, again := w.askedAt[charge]
		isDue := c.State == payment.Authorized && c.Ending == payment.NoOperation && (!again || now.Sub(before) >= payment.ExpiryRepeat)
		require.Equal(w.t, isDue, slices.Contains(asked, charge))
		if isDue {
			w.askedAt[charge], w.owed[payment.ExpiryID(charge)] = now, true
		}
	}
}

// repeat sends what was sent before.
func (w *walk) repeat() {
	if len(w.asked) > 0 {
		request := rapid.SampledFrom(w.asked).Draw(w.t, "request")
		stored, known, err := w.Store.AcceptOperation(w.ctx, request)
		require.NoError(w.t, err)
		require.True(w.t, known)
		require.Equal(w.t, w.operations[request.ID], stored)
	}
	if !w.last.Charge.IsZero() {
		w.apply1(w.last)
	}
}

func (w *walk) apply1(result payment.Result) {
	changes, refusal := w.charges[result.Charge].Apply(w.operations[result.Operation], &result)
	w.apply(w.ctx, w.t, refusal == nil, result)
	w.last = result
	delete(w.owed, result.Request())
	for i := range changes {
		w.charges[result.Charge] = changes[i].Charge
		if ended := changes[i].Operation; !ended.ID.IsZero() {
			w.operations[ended.ID] = ended
		}
		w.happened(changes[i])
	}
}

// compare compares everything that can be read with the model.
func (w *walk) compare() {
	for charge, want := range w.charges {
		read, operations, err := w.Store.Charge(w.ctx, w.owner, charge)
		require.NoError(w.t, err)
		require.Equal(w.t, want, read)
		for _, operation := range operations {
			require.Equal(w.t, w.operations[operation.ID], operation)
		}
		require.Equal(w.t, want.State == payment.Pending, KeyOf(w.ctx, w.t, w.Keys, charge) != nil)
	}
	const all = 1_000
	events, err := EventsOf(w.Feed.Changes(w.ctx, w.owner, 0, all))
	require.NoError(w.t, err)
	require.Len(w.t, events, len(w.history))
	versions := map[id.ID]int64{}
	for i := range events {
		e := &events[i]
		versions[e.Charge]++
		require.Equal(w.t, int64(i)+1, e.Sequence)
		require.Equal(w.t, versions[e.Charge], e.Version)
		if c := w.charges[e.Charge]; e.Version == c.Version {
			require.Equal(w.t, payment.EventOf(e.Kind, &c, e.Operation).State, e.State)
			require.Equal(w.t, c.ChangedAt, e.At)
		}
	}
	w.compareFigures()
	waiting := w.waiting(w.ctx, w.t)
	for owed := range w.owed {
		require.Contains(w.t, waiting, owed)
	}
	for _, id := range slices.Concat(w.ids, w.ended(), w.questions()) {
		if !w.owed[id] {
			require.NotContains(w.t, waiting, id)
		}
	}
}

// ended returns the operations that are answered.
func (w *walk) ended() (ended []id.ID) {
	for operation, o := range w.operations {
		if o.Outcome != payment.Open {
			ended = append(ended, operation)
		}
	}
	return ended
}

// questions returns the questions after the charges.
func (w *walk) questions() (questions []id.ID) {
	for charge := range w.charges {
		questions = append(questions, payment.ExpiryID(charge))
	}
	return questions
}
