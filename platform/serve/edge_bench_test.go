package serve //nolint:testpackage // The cost of the edge alone, without a network.

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"codebank.dev/platform/permission"
	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
)

func BenchmarkEdgeOfAUnaryCall(b *testing.B) {
	for name, sent := range map[string]metadata.MD{
		"without a trace": metadata.MD{},
		"in a trace":      metadata.Pairs(TraceKey, "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
	} {
		b.Run(name, func(b *testing.B) {
			const method = "/bank.v1.PurchaseService/AuthorizePurchase"
			config := Config{
				Logger: slog.New(slog.DiscardHandler), Walls: &Walls{},
				Permissions: permission.Table{method: {Anybody: true}},
			}.withDefaults()
			started := &start{}
			started.done.Store(true)
			e := newEdge(config, prometheus.NewRegistry(), started)
			info := &grpc.UnaryServerInfo{FullMethod: method}
			ctx, cancel := context.WithTimeout(metadata.NewIncomingContext(context.Background(), sent), 20*time.Second)
			defer cancel()
			handle := func(ctx context.Context, _ any) (any, error) { return TraceID(ctx), nil }
			b.ReportAllocs()
			for b.Loop() {
				if _, err := e.unary(ctx, nil, info, handle); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
