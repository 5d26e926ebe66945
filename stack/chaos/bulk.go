package chaos

import (
	"context"
	"math/rand/v2"
	"time"

	bankv1 "codebank.dev/schemas/gen/bank/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/status"
)

// bulkSize is the most purchases of one message.
const bulkSize = 64

type purchaseStream = grpc.BidiStreamingClient[bankv1.AuthorizePurchasesRequest, bankv1.AuthorizePurchasesResponse]

// bulk sends messages full of purchases over a stream, and what was not answered
// again over the next one.
func (l *load) bulk(ctx context.Context, worker int, random *rand.Rand) {
	b := &bulk{load: l, clients: l.clients, worker: worker}
	defer b.hangUp()
	for !l.over(ctx) {
		size := 1 + random.IntN(bulkSize)
		l.pace.wait(ctx, size)
		open := make([]uint32, 0, size)
		for range size {
			op := l.draw(random)
			if op.variant == byToken {
				op.variant = byName
			}
			open = append(open, l.history.begin(op))
		}
		b.settle(ctx, open)
	}
}

// bulk is one worker's stream; it is opened anew when it breaks.
type bulk struct {
	load    *load
	clients *clients
	worker  int
	try     int
	stream  purchaseStream
	cancel  context.CancelFunc
}

func (b *bulk) hangUp() {
	if b.cancel != nil {
		b.cancel()
	}
	b.stream, b.cancel = nil, nil
}

// settle sends purchases until all are answered, for a few tries.
func (b *bulk) settle(ctx context.Context, open []uint32) {
	for try := 0; len(open) > 0 && try < tries; try++ {
		if try > 0 && !rest(ctx, pause<<min(try, 3)) {
			break
		}
		open = b.exchange(ctx, open)
	}
	for _, n := range open {
		b.load.history.refuse(n) // unless it was lost before
	}
}

// exchange sends one message and takes its answer; it returns what is still open.
func (b *bulk) exchange(ctx context.Context, open []uint32) []uint32 {
	message := &bankv1.AuthorizePurchasesRequest{}
	asked := make([]operation, len(open))
	for i, n := range open {
		asked[i] = b.load.history.get(n)
		message.Purchases = append(message.Purchases, b.load.purchaseRequest(n, asked[i]))
	}
	answer, err := b.roundTrip(ctx, message)
	if b.load.seen.classify("AuthorizePurchases", err) != fine {
		b.hangUp()
		b.try++
		for _, n := range open {
			b.load.history.lose(n)
		}
		return open
	}
	if len(answer.GetResults()) != len(open) {
		b.load.seen.report("I5", "%d purchases of a stream were answered with %d results", len(open), len(answer.GetResults()))
		return nil
	}
	var left []uint32
	for i, result := range answer.GetResults() {
		if bought := result.GetPurchase(); bought != nil {
			b.load.decided(open[i], asked[i], bought)
			continue
		}
		left = append(left, open[i])
		if b.load.seen.classify("AuthorizePurchases", status.FromProto(result.GetError()).Err()) == busy {
			b.load.refusedBusy.Add(1)
		} else {
			b.load.history.lose(open[i])
		}
	}
	return left
}

// roundTrip sends a message and waits for its answer; a stream has no deadline of its own.
func (b *bulk) roundTrip(ctx context.Context, message *bankv1.AuthorizePurchasesRequest) (*bankv1.AuthorizePurchasesResponse, error) {
	if b.stream == nil {
		var life context.Context
		life, b.cancel = context.WithCancel(asCaller(context.WithoutCancel(ctx)))
		stream, err := b.clients.bank(b.worker, b.try).purchases.AuthorizePurchases(life)
		if err != nil {
			return nil, err
		}
		b.stream = stream
	}
	late := time.AfterFunc(deadline, b.cancel)
	defer late.Stop()
	if err := b.stream.Send(message); err != nil {
		_, err = b.stream.Recv()
		return nil, err
	}
	return b.stream.Recv()
}
