package serve //nolint:testpackage // The cost of the edge alone, without a network.

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
)

func BenchmarkEdgeOfAUnaryCall(b *testing.B) {
	config := Config{Logger: slog.New(slog.DiscardHandler)}.withDefaults()
	e := newEdge(config, prometheus.NewRegistry())
	info := &grpc.UnaryServerInfo{FullMethod: "/bank.v1.PurchaseService/AuthorizePurchase"}
	ctx := metadata.NewIncomingContext(context.Background(), metadata.Pairs(CallerKey, "checkout"))
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	handle := func(context.Context, any) (any, error) { return nil, nil }
	b.ReportAllocs()
	for b.Loop() {
		if _, err := e.unary(ctx, nil, info, handle); err != nil {
			b.Fatal(err)
		}
	}
}
