// Package sender sends the requests of a synthetic load to a running bank over gRPC and
// waits for every decision. It issues the cards and opens the wallets first, then sends the
// purchases in messages of up to 256 over several streams, what follows them beside them, and
// the requests on wallets meanwhile. The requests of one account are decided in the order of
// their times. A request whose outcome is unknown
// is sent again with the same request id, so sending a load twice changes nothing.
package sender

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"codebank.dev/operations/synthetic"
	"codebank.dev/platform/fault"
	"codebank.dev/platform/mtls"
	"codebank.dev/platform/serve"
	bankv1 "codebank.dev/schemas/gen/bank/v1"
)

// Program is the program that a bank takes a history from. Its name keeps the request ids apart from those of
// a shop.
const Program = "history"

const (
	// MaxShares is how many messages can be on their way at once. The bank's queue has no
	// room for more.
	MaxShares = 64
	// issuers is how many cards are issued at once.
	issuers = 64
	// window is how many bytes of an answer can be on their way before it is read. HTTP/2's
	// own window is smaller than one answer of the stream.
	window = 4 << 20
	// progressEvery is the time between two calls of Options.Progress.
	progressEvery = 2 * time.Second
)

// Sender has a connection to a bank.
type Sender struct{ connection *grpc.ClientConn }

// Dial returns a sender to the bank whose gRPC is at address, host:port. files proves to the bank that it is
// the Program; nil dials a bank with --insecure history. It does not wait for the bank; an error means that
// the address cannot be read. The caller closes the sender.
func Dial(address string, files *mtls.Files) (*Sender, error) {
	secure := grpc.WithTransportCredentials(insecure.NewCredentials())
	if files != nil {
		secure = grpc.WithTransportCredentials(files.Client("bank"))
	}
	connection, err := serve.Dial(address,
		serve.WithRetry("bank.v1.CardService", "bank.v1.WalletService", "bank.v1.PurchaseService/ReversePurchase",
			"bank.v1.PurchaseService/CapturePurchase", "bank.v1.PurchaseService/VoidPurchase"),
		serve.WithGRPC(secure, grpc.WithInitialWindowSize(window), grpc.WithInitialConnWindowSize(window)))
	if err != nil {
		return nil, err
	}
	return &Sender{connection}, nil
}

// Close closes the connection.
func (s *Sender) Close() error { return s.connection.Close() }

// Options say how to send a load. All are required.
type Options struct {
	// Shares is the number of parts into which the cards are divided, 1 to MaxShares. Each
	// part has a stream with one message on its way.
	Shares int
	// Patience is how long the bank may leave all requests of a message without an outcome.
	Patience time.Duration
	// Progress is called by one goroutine, every two seconds, while purchases are sent.
	Progress func(Progress)
}

// Progress says how much of a load is sent.
type Progress struct {
	// At is the time of the latest request that was decided.
	At time.Time
	// Sent is how many purchases are decided, and PerSecond how many were decided in a
	// second.
	Sent, PerSecond int64
}

// Result is what the bank decided, including the decisions of an earlier sending of the
// same load.
type Result struct {
	Seed      uint64 `json:"seed"`
	Days      int    `json:"days"`
	Cards     int    `json:"cards"`
	Purchases int    `json:"purchases"`
	Approved  int    `json:"approved"`
	// Declined is how many purchases were declined, by reason.
	Declined map[string]int `json:"declined"`
	// Holds is how many purchases and holds on wallets set an amount aside. Captures and Voids are how many
	// of them were ended, and Reversals how many purchases, captures and transfers were given back, in whole
	// or in part.
	Holds     int `json:"holds"`
	Captures  int `json:"captures"`
	Voids     int `json:"voids"`
	Reversals int `json:"reversals"`
	// Wallets is how many wallets there are. What follows is how much was approved on them, and how much
	// was declined.
	Wallets         int `json:"wallets"`
	Deposits        int `json:"deposits"`
	Withdrawals     int `json:"withdrawals"`
	Payments        int `json:"payments"`
	Transfers       int `json:"transfers"`
	WalletsDeclined int `json:"wallets_declined"`
	// Events is how many events the bank has made for the load.
	Events int `json:"events"`
	// Millis is how long the purchases took.
	Millis    int64 `json:"milliseconds"`
	PerSecond int64 `json:"purchases_per_second"`
}

// Send lets the bank issue the cards of a load, open its wallets and decide all of its
// requests. It returns when everything is decided, or with the first error after which
// another try is of no use. Then a second call with the same load goes on where the first
// one ended.
func (s *Sender) Send(ctx context.Context, load *synthetic.Load, options Options) (*Result, error) {
	w := newSending(s.connection, load, options)
	if err := w.issueCards(ctx); err != nil {
		return nil, explained(err)
	}
	if err := w.openWallets(ctx); err != nil {
		return nil, explained(err)
	}
	began := time.Now()
	watched := make(chan struct{})
	watching, stop := context.WithCancel(ctx)
	go func() {
		defer close(watched)
		w.tellProgress(watching, began)
	}()
	err := w.sendAll(ctx)
	stop()
	<-watched
	if err != nil {
		return nil, explained(err)
	}
	return w.result(time.Since(began)), nil
}

// explained adds to a refusal what an operator can do about it.
func explained(err error) error {
	switch refused := fault.Of(err); {
	case refused.Field == "request_time":
		return fmt.Errorf("%w (start the bank with --history, and end the history before today)", err)
	case refused.Code == fault.PermissionDenied || refused.Code == fault.Unauthenticated:
		return fmt.Errorf("%w (start the bank with --history, and show it a certificate of the program %s)", err, Program)
	case refused.Reason == "EVENT_VERSION_TOO_OLD":
		return fmt.Errorf("%w (start the bank without --event-version)", err)
	case refused.Reason == "REQUEST_ID_REUSED":
		return fmt.Errorf("%w (this bank was seeded by another version of bankctl: take another --seed)", err)
	}
	return err
}

// sending is one call of Send.
type sending struct {
	connection *grpc.ClientConn
	load       *synthetic.Load
	options    Options
	cards      []*bankv1.IssueCardResponse
	// accounts are the names of the wallets.
	accounts []string
	counts   counts

	sent   atomic.Int64 // purchases decided
	latest atomic.Int64 // Unix milliseconds of the latest request decided
}

func newSending(connection *grpc.ClientConn, load *synthetic.Load, options Options) *sending {
	return &sending{
		connection: connection, load: load, options: options,
		cards: make([]*bankv1.IssueCardResponse, len(load.Cards())), accounts: make([]string, len(load.Wallets())),
		counts: counts{tally: newTally()},
	}
}

// noteDecided notes that a share's requests are decided up to a time. Another share may
// be ahead.
func (w *sending) noteDecided(at time.Time) {
	for {
		before := w.latest.Load()
		if at.UnixMilli() <= before || w.latest.CompareAndSwap(before, at.UnixMilli()) {
			return
		}
	}
}

// tellProgress calls Options.Progress until ctx ends.
func (w *sending) tellProgress(ctx context.Context, began time.Time) {
	tick := time.NewTicker(progressEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		sent := w.sent.Load()
		w.options.Progress(Progress{
			At: time.UnixMilli(w.latest.Load()), Sent: sent, PerSecond: sent * 1000 / max(time.Since(began).Milliseconds(), 1),
		})
	}
}
