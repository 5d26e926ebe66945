package serve //nolint:testpackage // The parser of traceparent has no exported face.

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestOnlyAWellFormedTraceparentIsContinued(t *testing.T) {
	const trace, parent = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
	for header, want := range map[string]string{
		"00-" + trace + "-" + parent + "-01":                    trace,
		"00-" + trace + "-" + parent + "-00":                    trace,
		"cc-" + trace + "-" + parent + "-01-what-comes-later":   trace,
		"00-" + trace + "-" + parent + "-01-more":               "",
		"cc-" + trace + "-" + parent + "-01.more":               "",
		"ff-" + trace + "-" + parent + "-01":                    "",
		"00-00000000000000000000000000000000-" + parent + "-01": "",
		"00-" + trace + "-0000000000000000-01":                  "",
		"00-4BF92F3577B34DA6A3CE929D0E0E4736-" + parent + "-01": "",
		"00-" + trace + "-" + parent + "-0":                     "",
		"00_" + trace + "_" + parent + "_01":                    "",
		"":                                                      "",
	} {
		require.Equal(t, want, parseTraceparent(header), header)
	}
	fresh := newTraceID()
	require.Equal(t, fresh, parseTraceparent(newTraceparent(fresh)))
	require.NotEqual(t, fresh, newTraceID())
}

func FuzzParseTraceparent(f *testing.F) {
	f.Add("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
	f.Fuzz(func(t *testing.T, header string) {
		if trace := parseTraceparent(header); trace != "" {
			require.Regexp(t, "^[0-9a-f]{32}$", trace)
		}
	})
}
