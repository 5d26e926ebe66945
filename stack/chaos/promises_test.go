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

// Each test tells of a topic that is as it was promised, spoils one thing, and must
// hear of it.
func TestAWatermarkThatIsNotTrueIsFound(t *testing.T) {
	type record struct {
		offset int64
		event  *event.Transaction
	}
	build := func() ([]event.Watermark, []record) {
		return []event.Watermark{testMark(0, 0, 50), testMark(0, 2, 150), testMark(0, 2, 200), testMark(0, 5, 500)}, []record{
			// The third occurred at the very time that was said, so it may come later.
			{0, testEvent(1, 100)}, {1, testEvent(2, 140)}, {2, testEvent(3, 200)},
			{3, testEvent(1, 100)}, // once more, which was promised to nobody
			{4, testEvent(4, 300)},
		}
	}
	judge := func(marks []event.Watermark, records []record) *problem {
		p := newPromises(newObservations(), testBank, 2)
		for _, mark := range marks {
			p.say(0, mark)
		}
		p.say(1, testMark(1, 0, 500))
		p.sort()
		for _, r := range records {
			p.occur(0, r.offset, r.event)
		}
		p.close()
		return p.seen.problemOf(watermarks)
	}
	marks, records := build()
	require.Nil(t, judge(marks, records))
	require.Nil(t, judge(append(marks, testMark(0, 2, 150)), records), "one that is sent late is as true as it was")

	for name, spoil := range map[string]func(*[]event.Watermark, *[]record){
		"an event comes after it was complete": func(_ *[]event.Watermark, r *[]record) { (*r)[2].event.OccurredAtMillis = 199 },
		"a decline of no account comes late": func(_ *[]event.Watermark, r *[]record) {
			(*r)[4].event = &event.Transaction{EventID: "late", TransactionID: testAccount[:35] + "7", OccurredAtMillis: 20}
		},
		"the offset is too low":          func(m *[]event.Watermark, _ *[]record) { (*m)[1].Offset = 1; (*m)[1].CompleteToMillis = 141 },
		"what is said late is not true":  func(m *[]event.Watermark, _ *[]record) { *m = append(*m, testMark(0, 2, 201)) },
		"it speaks of another partition": func(m *[]event.Watermark, _ *[]record) { (*m)[1].Partition = 1 },
		"it is another bank's":           func(m *[]event.Watermark, _ *[]record) { (*m)[1].BankCode = "002" },
		"the last event is not covered":  func(m *[]event.Watermark, _ *[]record) { (*m)[3].CompleteToMillis = 300 },
		"the last one ends too early":    func(m *[]event.Watermark, _ *[]record) { (*m)[3].Offset = 4 },
		"there is none after the events": func(m *[]event.Watermark, _ *[]record) { *m = (*m)[:3] },
		"nothing was ever said":          func(m *[]event.Watermark, _ *[]record) { *m = nil },
	} {
		t.Run(name, func(t *testing.T) {
			marks, records := build()
			spoil(&marks, &records)
			require.NotNil(t, judge(marks, records))
		})
	}
}

func TestWatermarksCoverATimeWhenEveryPartitionHasOne(t *testing.T) {
	p := newPromises(newObservations(), testBank, 2)
	p.say(0, testMark(0, 0, 500))
	require.False(t, p.covers(400))
	p.say(1, testMark(1, 0, 400))
	require.False(t, p.covers(400), "complete to a moment says nothing of what occurs at it")
	p.say(1, testMark(1, 0, 401))
	require.True(t, p.covers(400))
}

func TestAnIndexThatSpokeTooSoonIsFound(t *testing.T) {
	stored := map[int64]int64{100: 5, 200: 9, 300: 9}
	judge := func(all ...glimpse) *problem {
		seen := newObservations()
		judgeGlimpses(seen, all, func(millis int64) (int64, error) {
			if count, ok := stored[millis]; ok {
				return count, nil
			}
			return 0, errors.New("away")
		})
		return seen.problemOf(watermarks)
	}
	require.Nil(t, judge(glimpse{100, 5}, glimpse{200, 9}, glimpse{200, 9}, glimpse{300, 9}))
	require.NotNil(t, judge(glimpse{100, 5}, glimpse{200, 8}), "one came later than it said")
	require.NotNil(t, judge(glimpse{100, 6}), "one is gone")
	require.NotNil(t, judge(glimpse{200, 9}, glimpse{100, 5}), "it took back what it had said")
	require.NotNil(t, judge(glimpse{101, 5}), "it cannot be counted")
}

func TestWhatWasReportedElsewhereCountsToo(t *testing.T) {
	here, there := newObservations(), newObservations()
	here.report("I1", "first")
	there.report("I1", "second")
	there.report("I2", "third")
	here.join(there)
	require.Equal(t, &problem{count: 2, first: "first"}, here.problemOf("I1"))
	require.Equal(t, &problem{count: 1, first: "third"}, here.problemOf("I2"))
}
