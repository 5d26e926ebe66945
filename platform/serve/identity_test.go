package serve //nolint:testpackage // The parser of traceparent is not exported.

import (
	"context"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/metadata"
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
		ctx, err := identifyCall(metadata.NewIncomingContext(t.Context(), metadata.Pairs(TraceKey, header)))
		require.NoError(t, err)
		if want == "" {
			require.False(t, parseTraceparent(header).IsValid(), header)
			require.NotContains(t, header, TraceID(ctx), "a new trace begins")
			continue
		}
		require.Equal(t, want, parseTraceparent(header).String(), header)
		require.Equal(t, want, TraceID(ctx), header)
	}
	fresh := newTraceID()
	sent := newTraceparent(fresh)
	require.Regexp(t, "^00-"+fresh.String()+"-[0-9a-f]{16}-01$", sent)
	require.Equal(t, fresh, parseTraceparent(sent))
	require.NotEqual(t, fresh, newTraceID())
	require.NotEqual(t, sent, newTraceparent(fresh), "each call is a span of its own")
}

func TestAnIdentityHasOnlyAValidTrace(t *testing.T) {
	require.Empty(t, TraceID(t.Context()))
	require.Empty(t, TraceID(ContextWithIdentity(t.Context(), "shop", "")))
	require.Empty(t, TraceID(ContextWithIdentity(t.Context(), "shop", "no-trace")))
	const trace = "4bf92f3577b34da6a3ce929d0e0e4736"
	require.Equal(t, trace, TraceID(ContextWithIdentity(t.Context(), "", trace)))
}

func FuzzParseTraceparent(f *testing.F) {
	f.Add("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
	f.Fuzz(func(t *testing.T, header string) {
		if trace := parseTraceparent(header); trace.IsValid() {
			require.Equal(t, header[3:35], trace.String())
		}
	})
}

func identifyCall(ctx context.Context) (context.Context, error) {
	return newEdge(Config{Walls: &Walls{}}, prometheus.NewRegistry(), &start{}).identify(ctx, false)
}
