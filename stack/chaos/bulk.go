package chaos

import (
	"context"
	"math/rand/v2"
	"time"

	bankv1 "codebank.dev/schemas/gen/bank/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/status"
)

// bulkSize is the largest number of purchases in one message.
const bulkSize = 64

type purchaseStream = grpc.BidiStreamingClient[bankv1.AuthorizePurchasesRequest, bankv1.AuthorizePurchasesResponse]

// runBulk sends messages full of purchases over a stream. It sends unanswered purchases again
// over the next stream.
func (l *load) runBulk(ctx context.Context, worker int, random *rand.Rand) {
	b := &bulk{load: l, clients: l.clients, worker: worker}
	defer b.close()
	for !l.over(ctx) {
		size := 1 + random.IntN(bulkSize)
		l.pace.wait(ctx, size)
		open := make([]uint32, 0, size)
		for range size {
			op := l.drawPurchase(random)
			if op.variant == byToken {
				op.variant = byName
			}
			open = append(open, l.history.begin(op))
		}
		b.sendAll(ctx, open)
	}
}

// bulk is the stream of one worker. It is opened again when it breaks.
type bulk struct {
	load    *load
	clients *clients
	worker  int
	try     int
	stream  purchaseStream
	cancel  context.CancelFunc
}

func (b *bulk) close() {
	if b.cancel != nil {
		b.cancel()
	}
	b.stream, b.cancel = nil, nil
}

// sendAll sends purchases until all are answered, a few times at most.
func (b *bulk) sendAll(ctx context.Context, open []uint32) {
	for try := 0; len(open) > 0 && try < maxTries; try++ {
		if try > 0 && !sleep(ctx, retryDelay<<min(try, 3)) {
			break
		}
		open = b.sendOnce(ctx, open)
	}
	for _, n := range open {
		b.load.history.markRefused(n) // has no effect on one that is unknown
	}
}

// sendOnce sends one message and reads its answer. It returns the purchases that are still
// open.
func (b *bulk) sendOnce(ctx context.Context, open []uint32) []uint32 {
	message := &bankv1.AuthorizePurchasesRequest{}
	asked := make([]operation, len(open))
	for i, n := range open {
		asked[i] = b.load.history.get(n)
		message.Purchases = append(message.Purchases, b.load.purchaseRequest(n, asked[i]))
	}
	answer, err := b.roundTrip(ctx, message)
	if b.load.observed.classify("AuthorizePurchases", err) != classOK {
		b.close()
		b.try++
		for _, n := range open {
			b.load.history.markUnknown(n)
		}
		return open
	}
	if len(answer.GetResults()) != len(open) {
		b.load.observed.report("I5", "%d purchases of a stream were answered with %d results", len(open), len(answer.GetResults()))
		return nil
	}
	var left []uint32
	for i, result := range answer.GetResults() {
		if bought := result.GetPurchase(); bought != nil {
			b.load.checkAnswer(open[i], asked[i], bought)
			continue
		}
		left = append(left, open[i])
		if b.load.observed.classify("AuthorizePurchases", status.FromProto(result.GetError()).Err()) == classRetryable {
			b.load.refusedBusy.Add(1)
		} else {
			b.load.history.markUnknown(open[i])
		}
	}
	return left
}

// roundTrip sends a message and waits for its answer. It enforces the deadline, because a
// stream has none of its own.
func (b *bulk) roundTrip(ctx context.Context, message *bankv1.AuthorizePurchasesRequest) (*bankv1.AuthorizePurchasesResponse, error) {
	if b.stream == nil {
		var life context.Context
		life, b.cancel = context.WithCancel(context.WithoutCancel(ctx))
		stream, err := b.clients.bank(b.worker, b.try).purchases.AuthorizePurchases(life)
		if err != nil {
			return nil, err
		}
		b.stream = stream
	}
	late := time.AfterFunc(callTimeout, b.cancel)
	defer late.Stop()
	if err := b.stream.Send(message); err != nil {
		_, err = b.stream.Recv()
		return nil, err
	}
	return b.stream.Recv()
}
