package consumer_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"codebank.dev/platform/consumer"
)

// tries fails a message several times and returns whether it was given up each time.
func tries(s *consumer.Suspects, message string, times int) (givenUp []bool) {
	for range times {
		givenUp = append(givenUp, s.Failed(message))
	}
	return givenUp
}

func TestAMessageIsGivenUpWhenOthersAreDealtWith(t *testing.T) {
	s := consumer.Suspects{Now: func() time.Time { return time.Unix(0, 0) }}
	s.Dealt("before")
	require.Equal(t, []bool{false, false, false}, tries(&s, "bad", 3))
	s.Dealt("good")
	require.Equal(t, []bool{false, true, true}, tries(&s, "bad", 3))
	require.False(t, s.Failed("another"), "each message has its own tries")
	require.True(t, s.Failed("bad"), "a repeat is tried once")
	s.Dealt("bad")
	require.False(t, s.Failed("bad"), "what was dealt with is no suspect")
}

func TestWhileNobodyIsDealtWithAMessageIsTriedForMinutes(t *testing.T) {
	now := time.Unix(0, 0)
	s := consumer.Suspects{Now: func() time.Time { return now }}
	s.Dealt("before")
	require.NotContains(t, tries(&s, "bad", 100), true)
	now = now.Add(2*time.Minute - time.Millisecond)
	require.False(t, s.Failed("bad"))
	now = now.Add(time.Millisecond)
	require.True(t, s.Failed("bad"))
	require.False(t, s.Failed("later"))
}

func TestSuspectsAreBounded(t *testing.T) {
	now := time.Unix(0, 0)
	s := consumer.Suspects{Now: func() time.Time { return now }}
	tries(&s, "bad", 5)
	now = now.Add(time.Hour)
	require.True(t, s.Failed("bad"))
	for i := range 10_000 {
		s.Failed(fmt.Sprint(i))
	}
	require.False(t, s.Failed("bad"), "counting has begun again")
}
