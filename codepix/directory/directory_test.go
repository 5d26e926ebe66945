package directory_test

import (
	"fmt"
	"testing"
	"time"

	"codebank.dev/codepix/directory"
	"codebank.dev/platform/fault"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

var noon = time.Date(2030, time.January, 2, 12, 0, 0, 0, time.UTC)

func TestABucketFillsAsItsRateSays(t *testing.T) {
	rate := directory.Rate{Most: 100, PerMinute: 2}
	bucket := rate.Taken(rate.Full(noon), 40*directory.Token, noon)
	require.EqualValues(t, 60*directory.Token, bucket.Level)
	require.EqualValues(t, 61*directory.Token, rate.Refilled(bucket, noon.Add(30*time.Second)).Level)
	require.Equal(t, noon.Add(20*time.Minute), rate.FullAt(bucket))
	require.EqualValues(t, 100*directory.Token, rate.Refilled(bucket, noon.Add(20*time.Minute)).Level)
	require.EqualValues(t, 100*directory.Token, rate.Refilled(bucket, noon.Add(200*365*24*time.Hour)).Level, "no overflow")
	require.Equal(t, bucket, rate.Refilled(bucket, noon.Add(-time.Hour)), "a clock that is behind")
	require.EqualValues(t, 100*directory.Token, rate.Taken(bucket, -50*directory.Token, noon).Level, "never more than full")
	require.EqualValues(t, -20*directory.Token, rate.Taken(bucket, 80*directory.Token, noon).Level, "the rest is owed")
}

// However often a bucket is read and written, it has as many tokens as one that is not touched, but for a millionth
// for each time.
func TestABucketLosesNothingByBeingTouched(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rate := directory.Rate{Most: rapid.Int64Range(20, 1_000_000).Draw(t, "most"), PerMinute: rapid.Int64Range(1, 1_000_000).Draw(t, "per minute")}
		start := rate.Taken(rate.Full(noon), rate.Most*directory.Token, noon)
		touched, now, times := start, noon, int64(0)
		for range rapid.IntRange(1, 50).Draw(t, "times") {
			now = now.Add(time.Duration(rapid.Int64Range(0, int64(time.Minute)).Draw(t, "later"))).Truncate(time.Microsecond)
			touched = rate.Refilled(touched, now)
			times++
		}
		left := rate.Refilled(start, now)
		require.LessOrEqual(t, touched.Level, left.Level)
		require.LessOrEqual(t, left.Level-touched.Level, times)
	})
}

func TestACodePrintsAsNothing(t *testing.T) {
	code, err := directory.ParseCode("code", "739461")
	require.NoError(t, err)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		require.NotContains(t, fmt.Sprintf(verb, code), "739", verb)
	}
	require.Equal(t, "code", code.LogValue().String())
	made := map[string]bool{}
	for range 100 {
		code, err := directory.NewCode()
		require.NoError(t, err)
		again, err := directory.ParseCode("code", code.Reveal())
		require.NoError(t, err)
		require.Equal(t, code, again)
		made[code.Reveal()] = true
	}
	require.Greater(t, len(made), 90)
}

func TestAServiceNeedsWhatItIsConfiguredWith(t *testing.T) {
	_, err := directory.New(directory.Config{})
	require.Error(t, err)
}

// FuzzParseCode: a text is six digits, or refused without being repeated.
func FuzzParseCode(f *testing.F) {
	f.Add("123456")
	f.Add("12345x")
	f.Fuzz(func(t *testing.T, text string) {
		code, err := directory.ParseCode("code", text)
		switch {
		case err == nil && code.Reveal() != text:
			t.Fatalf("%q is another code", text)
		case err != nil && fault.CodeOf(err) != fault.InvalidArgument:
			t.Fatal(err)
		}
	})
}
