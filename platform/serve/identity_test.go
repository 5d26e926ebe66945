package serve //nolint:testpackage // The parser of traceparent is not exported.

import (
	"context"
	"testing"

	"codebank.dev/platform/id"
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
		ctx, err := identifyClaimed(metadata.NewIncomingContext(t.Context(), metadata.Pairs(TraceKey, header)))
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

// A call that names its customer in another way than it should is refused, and not made for nobody.
func TestACallIsMadeForOneCustomerOrForNone(t *testing.T) {
	const customer = "5d1f4a1e-0c1a-4f0a-9a55-3f8f7b0f2a10"
	ctx, err := identifyClaimed(metadata.NewIncomingContext(t.Context(), metadata.Pairs(CallerKey, "app", CustomerKey, "customers/"+customer)))
	require.NoError(t, err)
	require.Equal(t, customer, Customer(ctx).String())
	require.Equal(t, "app", Caller(ctx))
	ctx, err = identifyClaimed(metadata.NewIncomingContext(t.Context(), metadata.Pairs(CallerKey, "app")))
	require.NoError(t, err)
	require.Zero(t, Customer(ctx))
	for _, wrong := range [][]string{
		{""}, {customer}, {"customers/"}, {"customers/1"}, {"customers/5D1F4A1E-0C1A-4F0A-9A55-3F8F7B0F2A10"}, {"accounts/" + customer},
		{"customers/00000000-0000-0000-0000-000000000000"}, {"customers/" + customer, "customers/" + customer},
	} {
		pairs := metadata.MD{CustomerKey: wrong}
		_, err := identifyClaimed(metadata.NewIncomingContext(t.Context(), pairs))
		require.ErrorIs(t, err, errCustomer, wrong)
	}
	known, err := identifyClaimed(metadata.NewIncomingContext(t.Context(), metadata.Pairs(CallerKey, "app")))
	require.NoError(t, err)
	require.Equal(t, Customer(ContextWithCustomer(known, id.ID{1})), id.ID{1})
	require.Equal(t, "app", Caller(ContextWithCustomer(known, id.ID{1})))
}

func FuzzParseCustomer(f *testing.F) {
	f.Add("customers/5d1f4a1e-0c1a-4f0a-9a55-3f8f7b0f2a10")
	f.Fuzz(func(t *testing.T, header string) {
		customer, ok := parseCustomer([]string{header})
		require.Equal(t, ok, !customer.IsZero())
		if ok {
			require.Equal(t, header, customerPrefix+customer.String())
		}
	})
}

func FuzzParseTraceparent(f *testing.F) {
	f.Add("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
	f.Fuzz(func(t *testing.T, header string) {
		if trace := parseTraceparent(header); trace.IsValid() {
			require.Equal(t, header[3:35], trace.String())
		}
	})
}

func identifyClaimed(ctx context.Context) (context.Context, error) {
	return newEdge(Config{}, prometheus.NewRegistry(), &start{}).identify(ctx)
}
