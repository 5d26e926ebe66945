package risk_test

import (
	"encoding/binary"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"codebank.dev/bank"
	"codebank.dev/bank/risk"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func id(n int) (id bank.ID) {
	binary.BigEndian.PutUint64(id[8:], uint64(n)+1)
	return id
}

// attempt is the n-th attempt, with a card of its own, half a second after the one before.
func attempt(n int, status risk.CardStatus) *risk.Attempt {
	a := &risk.Attempt{
		Transaction: id(n), Card: bank.CardSnapshot{ID: id(n), BIN: "411111", Last4: "1111"}, Merchant: "postcards",
		AmountMinor: 100, CardStatus: status, At: noon.Add(time.Duration(n) * 500 * time.Millisecond),
	}
	if status == risk.Wrong { // An unknown card has no id; its digits tell it apart.
		a.Card.ID, a.Card.Last4 = bank.ID{}, string([]byte{byte('0' + n/1000%10), byte('0' + n/100%10), byte('0' + n/10%10), byte('0' + n%10)})
	}
	return a
}

func none() bank.Risk          { return bank.Risk{Rule: bank.RiskNone} }
func probing(n int) bank.Risk  { return bank.Risk{Score: uint8(n), Rule: bank.RiskCardTesting} }
func velocity(n int) bank.Risk { return bank.Risk{Score: uint8(n), Rule: bank.RiskVelocity} }
func of(n int) time.Duration   { return time.Duration(n) * time.Second }

func TestTheExampleOfThePackageComment(t *testing.T) {
	scorer := risk.NewScorer()
	var got []bank.Risk
	for n := range 4 {
		a := attempt(n, risk.Wrong)
		a.At = noon.Add(of(3 * n))
		got = append(got, scorer.Assess(a))
	}
	hit := attempt(4, risk.Proven)
	hit.At = noon.Add(of(12))
	got = append(got, scorer.Assess(hit))
	require.Equal(t, []bank.Risk{none(), none(), none(), probing(20), probing(25)}, got)
}

func TestTheFifthAttemptOfACardInAMinuteIsTooQuick(t *testing.T) {
	scorer := risk.NewScorer()
	var got []bank.Risk
	for n := range 11 {
		a := attempt(n, risk.Proven)
		a.Card.ID, a.AmountMinor = id(1), 90_000
		got = append(got, scorer.Assess(a))
	}
	require.Equal(t, []bank.Risk{none(), none(), none(), none(), velocity(20), velocity(40), velocity(60), velocity(80),
		velocity(100), velocity(100), velocity(100)}, got)
}

func TestOneTransactionCountsAsOneAttempt(t *testing.T) {
	scorer := risk.NewScorer()
	for range 50 {
		require.Equal(t, none(), scorer.Assess(attempt(1, risk.New)))
	}
}

func TestAttemptsAWindowApartDoNotCount(t *testing.T) {
	for name, apart := range map[string]time.Duration{"a minute later": time.Minute, "years earlier": -20_000 * time.Hour} {
		t.Run(name, func(t *testing.T) {
			scorer := risk.NewScorer()
			for n := range 40 {
				a := attempt(n, risk.Proven)
				a.Card.ID, a.AmountMinor = id(1), 90_000
				a.At = noon.Add(time.Duration(n/4) * apart)
				require.Equal(t, none(), scorer.Assess(a), n)
			}
		})
	}
}

// Several lanes decide at the same time, and a history may come in any order.
func TestAttemptsCountInAnyOrder(t *testing.T) {
	scorer := risk.NewScorer()
	for n := range 4 {
		a := attempt(n, risk.Proven)
		a.Card.ID, a.At = id(1), noon.Add(-of(n))
		require.Equal(t, none(), scorer.Assess(a))
	}
	a := attempt(9, risk.Proven)
	a.Card.ID, a.At = id(1), noon.Add(-of(50))
	require.Equal(t, velocity(20), scorer.Assess(a))
}

func TestOnlySmallAmountsTestACard(t *testing.T) {
	scorer := risk.NewScorer()
	for n := range 20 {
		a := attempt(n, risk.Wrong)
		a.AmountMinor = risk.SmallMinor + 1
		require.Equal(t, none(), scorer.Assess(a))
	}
	a := attempt(20, risk.Wrong)
	a.AmountMinor = risk.SmallMinor
	require.Equal(t, none(), scorer.Assess(a), "those before were not counted")
}

func TestOtherBINsAndOtherMerchantsDoNotCount(t *testing.T) {
	for name, change := range map[string]func(*risk.Attempt, int){
		"BIN":      func(a *risk.Attempt, n int) { a.Card.BIN = string([]byte{'4', '0', '0', '0', '0', byte('0' + n)}) },
		"merchant": func(a *risk.Attempt, n int) { a.Merchant += string(rune('a' + n)) },
	} {
		t.Run(name, func(t *testing.T) {
			scorer := risk.NewScorer()
			for n := range 10 {
				a := attempt(n, risk.New)
				change(a, n)
				require.Equal(t, none(), scorer.Assess(a))
			}
		})
	}
}

func TestWrongCardsOfABINCountAcrossMerchants(t *testing.T) {
	scorer := risk.NewScorer()
	elsewhere := func(n int, status risk.CardStatus) bank.Risk {
		a := attempt(n, status)
		a.Merchant += string(rune('a' + n))
		return scorer.Assess(a)
	}
	for n := range 4 {
		require.Equal(t, none(), elsewhere(n, risk.Wrong))
	}
	require.Equal(t, probing(20), elsewhere(4, risk.Wrong))
	require.Equal(t, probing(20), elsewhere(5, risk.New), "a card that was never used may be a hit")
	require.Equal(t, none(), elsewhere(6, risk.Proven), "the other customers go on paying")
	require.Equal(t, probing(40), elsewhere(7, risk.Wrong))
}

func TestABakerWithSmallAmountsAllDayScoresLittle(t *testing.T) {
	scorer := risk.NewScorer()
	highest := uint8(0)
	for n := range 2000 {
		highest = max(highest, scorer.Assess(attempt(n, risk.Proven)).Score)
	}
	require.EqualValues(t, 20, highest)
}

func TestACardCountsOnceByItsWorstAttempt(t *testing.T) {
	scorer := risk.NewScorer()
	try := func(n, card int, status risk.CardStatus) bank.Risk {
		a := attempt(n, status)
		a.Card.ID, a.At = id(card), noon.Add(of(20*n))
		return scorer.Assess(a)
	}
	for n := range 3 {
		require.Equal(t, none(), try(n, n, risk.Wrong))
	}
	for n := 3; n < 6; n++ {
		require.Equal(t, none(), try(n, n-3, risk.Proven), "the same three cards: 12 points")
	}
	require.Equal(t, probing(5), try(6, 9, risk.Proven))
}

func TestAnAttemptWithoutACardHasNoScore(t *testing.T) {
	scorer := risk.NewScorer()
	for n := range 20 {
		a := attempt(n, risk.Wrong)
		a.Card = bank.CardSnapshot{}
		require.Equal(t, none(), scorer.Assess(a))
	}
}

func TestTheHigherScoreWins(t *testing.T) {
	scorer := risk.NewScorer()
	for n := range 6 {
		scorer.Assess(attempt(n, risk.Wrong)) // 24 points: 60 at the sixth
	}
	var got []bank.Risk
	for n := range 9 {
		a := attempt(10+n, risk.New)
		a.Card.ID = id(77)
		got = append(got, scorer.Assess(a)) // 26 points: 70
	}
	require.Equal(t, []bank.Risk{probing(70), probing(70), probing(70), probing(70), probing(70), probing(70),
		probing(70), velocity(80), velocity(100)}, got)
}

// More attempts never lower a score.
func TestScoresAreMonotone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		scorer, last := risk.NewScorer(), uint8(0)
		status := risk.CardStatus(rapid.IntRange(int(risk.Proven), int(risk.Wrong)).Draw(t, "status"))
		same := rapid.Bool().Draw(t, "one card")
		for n := range rapid.IntRange(1, 40).Draw(t, "attempts") {
			a := attempt(n, status)
			if same {
				a.Card.ID = id(1)
			}
			got := scorer.Assess(a)
			if got.Score < last || got.Score > bank.MaxRiskScore || (got.Score == 0) != (got.Rule == bank.RiskNone) {
				t.Fatalf("attempt %d: %+v after %d", n, got, last)
			}
			last = got.Score
		}
	})
}

// Two scorers with the same attempts give the same scores, so decisions can be rehearsed.
func TestEqualAttemptsHaveEqualScores(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		first, second := risk.NewScorer(), risk.NewScorer()
		for range rapid.IntRange(1, 200).Draw(t, "attempts") {
			a := attempt(rapid.IntRange(0, 60).Draw(t, "n"), risk.CardStatus(rapid.IntRange(0, 2).Draw(t, "status")))
			a.Card.ID = id(rapid.IntRange(0, 12).Draw(t, "card"))
			a.At = noon.Add(time.Duration(rapid.IntRange(-1000, 1000).Draw(t, "at")) * time.Second)
			if one, other := first.Assess(a), second.Assess(a); one != other {
				t.Fatalf("%+v and %+v", one, other)
			}
		}
	})
}

func TestAScorerIsBoundedAndDropsTheLeastRecentlyUsed(t *testing.T) {
	scorer := risk.NewScorer()
	hot := func(n int) bank.Risk {
		a := attempt(n, risk.Proven)
		a.Card.ID, a.AmountMinor, a.At = id(-5), 90_000, noon
		return scorer.Assess(a)
	}
	for n := range 200_000 {
		a := attempt(n, risk.Proven)
		a.At = noon
		scorer.Assess(a)
		if n%10_000 == 0 {
			hot(1_000_000 + n)
		}
	}
	require.Equal(t, bank.RiskVelocity, hot(3_000_000).Rule, "a card that is tried is kept during a flood of other cards")
}

func TestConcurrentAssessmentsLoseNothing(t *testing.T) {
	scorer := risk.NewScorer()
	var group sync.WaitGroup
	for lane := range 4 {
		group.Go(func() {
			for n := range 2000 {
				a := attempt(n, risk.Wrong)
				a.Transaction = id(lane*2000 + n)
				a.Card.ID = id(n % 7)
				scorer.Assess(a)
			}
		})
	}
	group.Wait()
	a := attempt(2000, risk.Wrong)
	a.Card.ID = id(3)
	require.EqualValues(t, bank.MaxRiskScore, scorer.Assess(a).Score)
}

func TestAssessingAllocatesNothing(t *testing.T) {
	scorer, n := risk.NewScorer(), 0
	a := attempt(1, risk.New)
	require.Zero(t, testing.AllocsPerRun(1000, func() {
		n++
		a.Transaction, a.Card.ID = id(n), id(n%100)
		scorer.Assess(a)
	}))
}

func BenchmarkAssess(b *testing.B) {
	for name, of := range map[string]struct {
		cards  int
		amount int64
		status risk.CardStatus
	}{
		"large": {10_000, 12_990, risk.Proven}, "small": {10_000, 100, risk.Proven},
		"attack": {10_000, 100, risk.Wrong}, "hot card": {1, 12_990, risk.Proven},
	} {
		b.Run(name, func(b *testing.B) {
			scorer, a, n := risk.NewScorer(), attempt(1, of.status), 0
			a.AmountMinor = of.amount
			b.ReportAllocs()
			for b.Loop() {
				n++
				a.Transaction, a.Card.ID = id(n), id(n*7919%of.cards)
				a.At = noon.Add(time.Duration(n) * 100 * time.Microsecond)
				scorer.Assess(a)
			}
		})
	}
}
