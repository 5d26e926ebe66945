package chaos

import (
	"errors"
	"testing"

	"codebank.dev/schemas/event"
	"github.com/stretchr/testify/require"
)

const testBank, testAccount = "001", "0190a000-0000-7000-8000-000000000001"

func testMark(partition int32, offset, to int64) event.Watermark {
	return event.Watermark{BankCode: testBank, Partition: partition, Offset: offset, CompleteToMillis: to, PublishedAtMillis: to}
}

func testEvent(sequence, at int64) *event.Transaction {
	return &event.Transaction{
		EventID: "an event", AccountID: testAccount, Sequence: event.Some(sequence), TransactionID: testAccount, OccurredAtMillis: at,
	}
}

// Each case builds a topic that keeps its promise, changes one thing, and expects a finding.
func TestAWatermarkThatIsNotTrueIsFound(t *testing.T) {
	type record struct {
		offset int64
		event  *event.Transaction
	}
	build := func() ([]event.Watermark, []record) {
		return []event.Watermark{testMark(0, 0, 50), testMark(0, 2, 150), testMark(0, 2, 200), testMark(0, 5, 500)}, []record{
			// The third event occurred exactly at the time of the watermark, so it may come
			// later.
			{0, testEvent(1, 100)}, {1, testEvent(2, 140)}, {2, testEvent(3, 200)},
			{3, testEvent(1, 100)}, // again; the promise does not cover repeats
			{4, testEvent(4, 300)},
		}
	}
	check := func(marks []event.Watermark, records []record) *problem {
		p := newWatermarkCheck(newObservations(), testBank, 2)
		for _, mark := range marks {
			p.addWatermark(0, mark)
		}
		p.addWatermark(1, testMark(1, 0, 500))
		p.sort()
		for _, r := range records {
			p.addEvent(0, r.offset, r.event)
		}
		p.finish()
		return p.observed.problemOf(watermarks)
	}
	marks, records := build()
	require.Nil(t, check(marks, records))
	require.Nil(t, check(append(marks, testMark(0, 2, 150)), records), "a watermark that is sent late is still true")

	for name, spoil := range map[string]func(*[]event.Watermark, *[]record){
		"an event comes after it was complete": func(_ *[]event.Watermark, r *[]record) { (*r)[2].event.OccurredAtMillis = 199 },
		"a decline of no account comes late": func(_ *[]event.Watermark, r *[]record) {
			(*r)[4].event = &event.Transaction{EventID: "late", TransactionID: testAccount[:35] + "7", OccurredAtMillis: 20}
		},
		"the offset is too low":          func(m *[]event.Watermark, _ *[]record) { (*m)[1].Offset = 1; (*m)[1].CompleteToMillis = 141 },
		"a late watermark is not true":   func(m *[]event.Watermark, _ *[]record) { *m = append(*m, testMark(0, 2, 201)) },
		"it speaks of another partition": func(m *[]event.Watermark, _ *[]record) { (*m)[1].Partition = 1 },
		"it names another bank":          func(m *[]event.Watermark, _ *[]record) { (*m)[1].BankCode = "002" },
		"the last event is not covered":  func(m *[]event.Watermark, _ *[]record) { (*m)[3].CompleteToMillis = 300 },
		"the last one ends too early":    func(m *[]event.Watermark, _ *[]record) { (*m)[3].Offset = 4 },
		"there is none after the events": func(m *[]event.Watermark, _ *[]record) { *m = (*m)[:3] },
		"there is no watermark":          func(m *[]event.Watermark, _ *[]record) { *m = nil },
	} {
		t.Run(name, func(t *testing.T) {
			marks, records := build()
			spoil(&marks, &records)
			require.NotNil(t, check(marks, records))
		})
	}
}

func TestWatermarksCoverATimeWhenEveryPartitionHasOne(t *testing.T) {
	p := newWatermarkCheck(newObservations(), testBank, 2)
	p.addWatermark(0, testMark(0, 0, 500))
	require.False(t, p.covers(400))
	p.addWatermark(1, testMark(1, 0, 400))
	require.False(t, p.covers(400), "a watermark says nothing of events at its own time")
	p.addWatermark(1, testMark(1, 0, 401))
	require.True(t, p.covers(400))
}

func TestAFalseIndexSampleIsFound(t *testing.T) {
	stored := map[int64]int64{100: 5, 200: 9, 300: 9}
	check := func(all ...indexSample) *problem {
		observed := newObservations()
		checkIndexSamples(observed, all, func(millis int64) (int64, error) {
			if count, ok := stored[millis]; ok {
				return count, nil
			}
			return 0, errors.New("down")
		})
		return observed.problemOf(watermarks)
	}
	require.Nil(t, check(indexSample{100, 5}, indexSample{200, 9}, indexSample{200, 9}, indexSample{300, 9}))
	require.NotNil(t, check(indexSample{100, 5}, indexSample{200, 8}), "one document came too late")
	require.NotNil(t, check(indexSample{100, 6}), "one document is gone")
	require.NotNil(t, check(indexSample{200, 9}, indexSample{100, 5}), "a later sample says less")
	require.NotNil(t, check(indexSample{101, 5}), "the documents cannot be counted")
}

func TestMergedViolationsAreAddedUp(t *testing.T) {
	here, there := newObservations(), newObservations()
	here.report("I1", "first")
	there.report("I1", "second")
	there.report("I2", "third")
	here.merge(there)
	require.Equal(t, &problem{count: 2, first: "first"}, here.problemOf("I1"))
	require.Equal(t, &problem{count: 1, first: "third"}, here.problemOf("I2"))
}
