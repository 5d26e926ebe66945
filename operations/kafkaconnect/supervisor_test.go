package kafkaconnect

import (
	"log/slog"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

func TestRestartsBackOffUntilAConnectorStaysWell(t *testing.T) {
	s := &Supervisor{Log: slog.New(slog.DiscardHandler), FirstDelay: 5 * time.Second, MostDelay: 20 * time.Second}
	failing := make(map[string]*failingConnector)
	start := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	steps := []struct {
		second       int
		failed, want bool
		rule         string
	}{
		{0, false, false, "what is well is left alone"},
		{1, true, true, "a first failure is restarted at once"},
		{2, true, false, "then not before the first delay"},
		{6, true, true, "but at its end"},
		{15, true, false, "the delay has doubled"},
		{16, true, true, "to ten seconds"},
		{36, true, true, "then twenty"},
		{55, true, false, "and no more"},
		{56, true, true, "than that"},
		{57, false, false, "well again"},
		{60, true, false, "but not for as long as the delay, so it still holds"},
		{76, true, true, "to its end"},
		{77, false, false, "well again"},
		{97, false, false, "for as long as the delay"},
		{98, true, true, "so it starts anew"},
		{103, true, true, "with the first delay"},
	}
	for _, step := range steps {
		at := start.Add(time.Duration(step.second) * time.Second)
		require.Equal(t, step.want, s.due(failing, "x", step.failed, at), "second %d: %s", step.second, step.rule)
	}
}

func TestReasonsOfATrace(t *testing.T) {
	const trace = "org.A: outer\n\tat org.A.b(A.java:1)\nCaused by: org.B: middle\n\tat org.B.c(B.java:2)\n" +
		"\t... 3 more\nCaused by: org.C: inner\n\tat org.C.d(C.java:3)\n"
	require.Equal(t, "org.C: inner", Reason(trace))
	require.Equal(t, "org.A: outer\n  Caused by: org.B: middle\n  Caused by: org.C: inner", Reasons(trace))
	require.Equal(t, "org.A: alone", Reason("org.A: alone\n\tat x"))
	require.Empty(t, Reason(""))
	long := Reason("org.A: " + strings.Repeat("é", 1000))
	require.LessOrEqual(t, len(long), reasonWidth+len("…"))
	require.True(t, utf8.ValidString(long))
}
