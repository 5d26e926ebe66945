package deadletter_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"codebank.dev/operations/deadletter"
)

// ada is who acts in these tests.
var ada = deadletter.Operator{By: "ada@bank", Reason: "made by a test tool"}

func place(offset int64) deadletter.Place { return deadletter.Place{Topic: dead, Offset: offset} }

// states returns the letters of the topic and their states, oldest first.
func states(t *testing.T, letters *deadletter.Client) []deadletter.State {
	t.Helper()
	var all []deadletter.State
	require.NoError(t, letters.List(within(t), dead, deadletter.Selection{All: true}, func(l deadletter.Letter) error {
		all = append(all, l.State)
		return nil
	}))
	return all
}

func TestADiscardedLetterIsNeverSentAndIsCounted(t *testing.T) {
	client, letters := cluster(t)
	put(t, client, letter("a", value("1"), 0), letter("b", value("2"), 0), letter("c", value("3"), 0))
	require.NoError(t, letters.Discard(within(t), place(1), ada))
	require.Equal(t, deadletter.Count{Topic: dead, Total: 3, Waiting: 2, Discarded: 1}, count(t, letters))
	require.Equal(t, []deadletter.State{deadletter.Waiting, deadletter.Discarded, deadletter.Waiting}, states(t, letters))
	var waiting []string
	require.NoError(t, letters.List(within(t), dead, deadletter.Selection{}, func(l deadletter.Letter) error {
		waiting = append(waiting, l.Key)
		return nil
	}))
	require.Equal(t, []string{"a", "c"}, waiting)

	require.Len(t, outcomes(t, letters, deadletter.Redrive{Send: true, Operator: ada}), 2)
	require.Empty(t, outcomes(t, letters, deadletter.Redrive{Send: true, Selection: deadletter.Selection{Limit: 9}}))
	require.Len(t, arrived(t, client), 2)
	require.Equal(t, deadletter.Count{Topic: dead, Total: 3, Sent: 2, Discarded: 1}, count(t, letters))
	require.Len(t, outcomes(t, letters, deadletter.Redrive{Send: true, Selection: deadletter.Selection{All: true}}), 2,
		"sent again are those that were sent")

	require.NoError(t, letters.Discard(within(t), place(1), ada), "a second time changes nothing")
	require.Equal(t, deadletter.Count{Topic: dead, Total: 3, Sent: 2, Discarded: 1}, count(t, letters))
	require.ErrorContains(t, letters.Discard(within(t), place(3), ada), "dlq.statement-postgres/0/3")
	require.ErrorContains(t, letters.Discard(within(t), deadletter.Place{Topic: events}, ada), "no dead-letter topic")
}

// The index knows a letter by the place of the first record, however often it was redriven.
func TestAnActionNamesThePlaceOfTheFirstRecord(t *testing.T) {
	client, letters := cluster(t)
	again := letter("b", value("2"), 0)
	again.Headers = append(again.Headers, kgo.RecordHeader{Key: "codebank.redrive.origin", Value: []byte(events + "/2/7")})
	homeless := letter("c", value("3"), 0)
	homeless.Headers = nil
	// What anybody may write into a header must not make an action too large for its topic.
	forged := letter("d", value("4"), 0)
	forged.Headers = append(forged.Headers, kgo.RecordHeader{Key: "codebank.redrive.origin", Value: make([]byte, 300_000)})
	put(t, client, letter("a", value("1"), 1), again, homeless, forged)
	for offset, first := range []string{events + "/1/97", events + "/2/7", "", events + "/0/100"} {
		require.NoError(t, letters.Discard(within(t), place(int64(offset)), ada))
		shown, err := letters.Show(within(t), place(int64(offset)), ada)
		require.NoError(t, err)
		require.Len(t, shown.Actions, 1)
		require.Equal(t, first, shown.Actions[0].Origin)
	}
}

func TestOneLetterIsSentAloneAndTheOthersWait(t *testing.T) {
	client, letters := cluster(t)
	put(t, client, letter("a", value("1"), 0), letter("b", value("2"), 0), letter("c", value("3"), 0))
	one := place(1)
	alone := deadletter.Redrive{Send: true, Selection: deadletter.Selection{Only: &one}}
	require.Equal(t, []deadletter.Outcome{deadletter.Sent}, outcomes(t, letters, alone))
	require.Empty(t, outcomes(t, letters, alone), "it was sent")
	require.Equal(t, deadletter.Count{Topic: dead, Total: 3, Waiting: 2, Sent: 1}, count(t, letters))
	require.Equal(t, []deadletter.State{deadletter.Waiting, deadletter.WasSent, deadletter.Waiting}, states(t, letters))
	require.Len(t, outcomes(t, letters, deadletter.Redrive{Send: true}), 2)
	require.Len(t, arrived(t, client), 3)

	require.NoError(t, letters.Discard(within(t), place(2), ada))
	last := place(2)
	named := deadletter.Redrive{Send: true, Selection: deadletter.Selection{All: true, Only: &last}}
	require.Equal(t, []deadletter.Outcome{deadletter.Sent}, outcomes(t, letters, named), "a letter that is named is sent even then")
	require.Equal(t, deadletter.WasSent, states(t, letters)[2])
}

func TestOneLetterIsShownWholeAndThatIsRecorded(t *testing.T) {
	client, letters := cluster(t)
	put(t, client, letter("a", value("1"), 0), letter("b", "paid with 4111111111111111\x1b[2J", 0))
	before := time.Now().Add(-time.Second)
	shown, err := letters.Show(within(t), place(1), ada)
	require.NoError(t, err)
	require.Equal(t, "b", shown.Letter.Key)
	require.Equal(t, deadletter.Waiting, shown.Letter.State)
	require.Equal(t, "kept", shown.Headers["of.the.producer"])
	require.Equal(t, "at x.Y", shown.Headers["__connect.errors.exception.stacktrace"])
	require.Equal(t, 29+1, shown.ValueBytes)
	require.Equal(t, "paid with [number]\uFFFD[2J", shown.Value)
	require.Empty(t, shown.Actions)

	require.NoError(t, letters.Discard(within(t), place(1), ada))
	again, err := letters.Show(within(t), place(1), deadletter.Operator{By: "bob@bank"})
	require.NoError(t, err)
	require.Equal(t, deadletter.Discarded, again.Letter.State)
	require.Len(t, again.Actions, 2)
	require.Equal(t, deadletter.ActionShown, again.Actions[0].Action)
	require.Equal(t, deadletter.ActionDiscarded, again.Actions[1].Action)
	require.Equal(t, "ada@bank", again.Actions[1].By)
	require.Equal(t, "made by a test tool", again.Actions[1].Reason)
	require.WithinRange(t, again.Actions[1].At, before, time.Now().Add(time.Second))
	_, err = letters.Show(within(t), place(2), ada)
	require.ErrorContains(t, err, "there is no letter dlq.statement-postgres/0/2")
}

func TestActionsOnATopicThatWasMadeAgainCountNoMore(t *testing.T) {
	client, letters := cluster(t)
	put(t, client, letter("a", value("1"), 0))
	require.NoError(t, letters.Discard(within(t), place(0), ada))
	admin := kadm.NewClient(client)
	_, err := admin.DeleteTopic(t.Context(), dead)
	require.NoError(t, err)
	_, err = admin.CreateTopic(t.Context(), 1, 1, nil, dead)
	require.NoError(t, err)
	client.PurgeTopicsFromClient(dead)
	put(t, client, letter("b", value("2"), 0))
	require.Equal(t, deadletter.Count{Topic: dead, Total: 1, Waiting: 1}, count(t, letters))
}

func TestWithoutTheTopicOfActionsLettersAreListedAndNothingIsDone(t *testing.T) {
	client, letters := cluster(t)
	put(t, client, letter("a", value("1"), 0))
	_, err := kadm.NewClient(client).DeleteTopic(t.Context(), deadletter.ActionsTopic)
	require.NoError(t, err)
	require.Equal(t, []deadletter.State{deadletter.Waiting}, states(t, letters))
	for _, err := range []error{
		letters.Discard(within(t), place(0), ada),
		letters.Redrive(within(t), []string{dead}, deadletter.Redrive{Send: true}, func(deadletter.Letter, deadletter.Outcome) {}),
	} {
		require.ErrorContains(t, err, "bankctl apply topics")
	}
	require.Empty(t, arrived(t, client))
}

func TestRecordsOfTheActionsTopicThatAreNoneAreSkipped(t *testing.T) {
	client, letters := cluster(t)
	put(t, client, letter("a", value("1"), 0))
	for _, text := range []string{"", "{", "[]", `{"letter":{"topic":"dlq.empty"},"action":"burnt"}`} {
		put(t, client, &kgo.Record{Topic: deadletter.ActionsTopic, Value: []byte(text)})
	}
	require.Equal(t, []deadletter.State{deadletter.Waiting}, states(t, letters))
}
