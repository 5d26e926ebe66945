package main

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"codebank.dev/native/await"
	bankv1 "codebank.dev/schemas/gen/bank/v1"
)

// request is one call. Sent again it is a repeat.
type request func(context.Context, grpc.ClientConnInterface) (proto.Message, error)

// replicas are two banks on one database, which callers use by turns.
type replicas struct {
	*world
	mutex    sync.Mutex
	running  [2]*process
	requests map[string]request
	answers  map[string]proto.Message
	wallets  []string
}

func (r *replicas) conn(i int) grpc.ClientConnInterface {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	return r.running[i%2].conn
}

// crash kills a bank and starts it again.
func (r *replicas) crash(i int) {
	r.running[i].Kill(r.T)
	restarted := r.start("--relay=false")
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.running[i] = restarted
}

// send sends a request until one of the banks answers it, and notes the answer. A refusal is no answer: it
// stores nothing, so a later repeat may succeed.
func (r *replicas) send(id string, first int, ask request) proto.Message {
	for i := first; ; i++ {
		ctx, stop := context.WithTimeout(context.Background(), 10*time.Second)
		answer, err := ask(ctx, r.conn(i))
		stop()
		switch status.Code(err) {
		case codes.OK:
			if id != "" {
				r.mutex.Lock()
				r.requests[id], r.answers[id] = ask, answer
				r.mutex.Unlock()
			}
			return answer
		case codes.Unavailable, codes.DeadlineExceeded, codes.Canceled:
		case codes.NotFound, codes.FailedPrecondition, codes.Aborted:
			return nil
		default:
			r.Errorf("%s: %v", id, err)
			return nil
		}
	}
}

func (r *replicas) open(id string, deposit int64) string {
	answer := r.send(id, 0, func(ctx context.Context, conn grpc.ClientConnInterface) (proto.Message, error) {
		return bankv1.NewWalletServiceClient(conn).OpenAccount(ctx, &bankv1.OpenAccountRequest{RequestId: id, Currency: "BRL", OpeningDepositMinor: deposit})
	})
	return answer.(*bankv1.OpenAccountResponse).GetAccount().GetName()
}

func transferring(id, from, to string, amount int64) request {
	return func(ctx context.Context, conn grpc.ClientConnInterface) (proto.Message, error) {
		return bankv1.NewWalletServiceClient(conn).Transfer(ctx, &bankv1.TransferRequest{RequestId: id, Source: from, Destination: to, AmountMinor: amount, Currency: "BRL"})
	}
}

func reversing(id, name string, amount int64) request {
	return func(ctx context.Context, conn grpc.ClientConnInterface) (proto.Message, error) {
		return bankv1.NewWalletServiceClient(conn).Reverse(ctx, &bankv1.ReverseRequest{RequestId: id, Name: name, AmountMinor: amount})
	}
}

func canceling(id string) request {
	return func(ctx context.Context, conn grpc.ClientConnInterface) (proto.Message, error) {
		return bankv1.NewWalletServiceClient(conn).Cancel(ctx, &bankv1.CancelRequest{RequestId: id})
	}
}

func voiding(id string) request {
	return func(ctx context.Context, conn grpc.ClientConnInterface) (proto.Message, error) {
		return bankv1.NewPurchaseServiceClient(conn).VoidPurchase(ctx, &bankv1.VoidPurchaseRequest{RequestId: id})
	}
}

func paying(id, account string, amount int64) request {
	return func(ctx context.Context, conn grpc.ClientConnInterface) (proto.Message, error) {
		return bankv1.NewWalletServiceClient(conn).Purchase(ctx, &bankv1.PurchaseRequest{
			RequestId: id, Account: account, AmountMinor: amount, Currency: "BRL", Merchant: &bankv1.Merchant{Id: "m1", Name: "Books"},
		})
	}
}

func holding(id, account string, amount int64, ends time.Time) request {
	expires := timestamppb.New(ends.Truncate(time.Millisecond))
	return func(ctx context.Context, conn grpc.ClientConnInterface) (proto.Message, error) {
		return bankv1.NewWalletServiceClient(conn).PlaceHold(ctx, &bankv1.PlaceHoldRequest{
			RequestId: id, Account: account, AmountMinor: amount, Currency: "BRL", ExpireTime: expires, Merchant: &bankv1.Merchant{Id: "m1", Name: "Books"},
		})
	}
}

// place places a hold that ends soon. A bank that answers late, or only after a crash, refuses a time that
// lies less than a second ahead. Then a hold with another id lives twice as long.
func (r *replicas) place(id, account string, amount int64) *bankv1.PlaceHoldResponse {
	for life := 1100 * time.Millisecond; ; life *= 2 {
		id := fmt.Sprint(id, "-", life)
		ask, tooNear := holding(id, account, amount, time.Now().Add(life)), false
		placed, ok := r.send(id, 0, func(ctx context.Context, conn grpc.ClientConnInterface) (proto.Message, error) {
			answer, err := ask(ctx, conn)
			if tooNear = status.Code(err) == codes.InvalidArgument && life < time.Minute; tooNear {
				err = status.Error(codes.FailedPrecondition, err.Error())
			}
			return answer, err
		}).(*bankv1.PlaceHoldResponse)
		if ok {
			return placed
		}
		if !tooNear {
			return nil
		}
	}
}

func capturing(id, hold string, amount int64) request {
	return func(ctx context.Context, conn grpc.ClientConnInterface) (proto.Message, error) {
		return bankv1.NewWalletServiceClient(conn).CaptureHold(ctx, &bankv1.CaptureHoldRequest{RequestId: id, Name: hold, AmountMinor: amount})
	}
}

func closing(id, account string) request {
	return func(ctx context.Context, conn grpc.ClientConnInterface) (proto.Message, error) {
		return bankv1.NewWalletServiceClient(conn).CloseAccount(ctx, &bankv1.CloseAccountRequest{RequestId: id, Name: account})
	}
}

func depositing(id, account string, amount int64) request {
	return func(ctx context.Context, conn grpc.ClientConnInterface) (proto.Message, error) {
		return bankv1.NewWalletServiceClient(conn).Deposit(ctx, &bankv1.DepositRequest{RequestId: id, Account: account, AmountMinor: amount, Currency: "BRL"})
	}
}

// race sends requests at once, by turns to the two banks. Those with an id must be answered alike for ever.
func (r *replicas) race(asks ...struct {
	id  string
	ask request
}) {
	var group sync.WaitGroup
	for i, one := range asks {
		group.Go(func() { r.send(one.id, i, one.ask) })
	}
	group.Wait()
}

// round is one step of a client: requests that exclude each other, at once.
func (r *replicas) round(random *rand.Rand, id string) {
	type ask = struct {
		id  string
		ask request
	}
	from := random.IntN(len(r.wallets))
	a, b := r.wallets[from], r.wallets[(from+1+random.IntN(len(r.wallets)-1))%len(r.wallets)]
	amount := 1 + random.Int64N(400)
	switch random.IntN(5) {
	case 0: // Two transfers against each other, and one that is sent twice.
		r.race(ask{id + "a", transferring(id+"a", a, b, amount)}, ask{id + "b", transferring(id+"b", b, a, amount)}, ask{id + "a", transferring(id+"a", a, b, amount)})
	case 1: // A transfer is given back twice while its recipient spends it.
		if moved, ok := r.send(id, 0, transferring(id, a, b, amount)).(*bankv1.TransferResponse); ok {
			name := moved.GetTransaction().GetName()
			r.race(ask{id + "r", reversing(id+"r", name, 0)}, ask{id + "s", reversing(id+"s", name, amount/2+1)}, ask{id + "p", paying(id+"p", b, amount)})
		}
	case 2: // One request id is used by three services.
		r.race(ask{"", transferring(id, a, b, amount)}, ask{"", canceling(id)}, ask{"", voiding(id)}, ask{"", paying(id, a, amount)})
	case 3: // A hold is captured twice, canceled, and expires.
		placed := r.place(id, a, amount)
		if placed == nil || random.IntN(3) == 0 {
			return
		}
		name := placed.GetTransaction().GetName()
		asks := []ask{{id + "c", capturing(id+"c", name, amount/2)}, {id + "d", capturing(id+"d", name, 0)}, {"", canceling(id)}}
		if random.IntN(2) == 0 {
			expires := placed.GetTransaction().GetExpireTime().AsTime()
			timer := time.NewTimer(time.Until(expires.Add(-20 * time.Millisecond)))
			<-timer.C
		}
		r.race(asks[random.IntN(2):]...)
		r.race(ask{id + "r", reversing(id+"r", name, 0)}, ask{"", canceling(id)})
	case 4: // An account is closed while money arrives.
		account := r.open(id+"o", 0)
		r.race(ask{id + "c", closing(id+"c", account)}, ask{id + "d", depositing(id+"d", account, amount)}, ask{id + "t", transferring(id+"t", a, account, 1)})
		r.send(id+"u", 0, transferring(id+"u", account, b, amount))
	}
}

// Two banks on one database get requests that exclude each other, and are killed meanwhile.
func TestReplicasThatRaceAndAreKilledKeepEveryPromise(t *testing.T) {
	r := &replicas{world: newWorld(t), requests: make(map[string]request), answers: make(map[string]proto.Message)}
	r.running = [2]*process{r.start("--relay=false"), r.start("--relay=false")}
	for i := range 3 {
		r.wallets = append(r.wallets, r.open(fmt.Sprint("wallet-", i), 1000))
	}
	var clients sync.WaitGroup
	for client := range 4 {
		clients.Go(func() {
			random := rand.New(rand.NewPCG(uint64(client), 1))
			for round := range 15 {
				r.round(random, fmt.Sprintf("%d-%d", client, round))
			}
		})
	}
	for i := range 4 {
		r.crash(i % 2)
	}
	clients.Wait()
	await.Until(t, func() bool { return r.count(`SELECT count(*) FROM open_holds`) == 0 }, time.Minute, 50*time.Millisecond, "holds end")
	for _, id := range slices.Sorted(maps.Keys(r.answers)) {
		for i := range 2 {
			again, err := r.requests[id](t.Context(), r.conn(i))
			require.NoError(t, err, id)
			require.Equal(t, fmt.Sprint(r.answers[id]), fmt.Sprint(again), "%s: a repeat gets the first answer", id)
		}
	}
	for rule, query := range brokenRules {
		require.Zero(t, r.count(query), rule)
	}
	require.NotZero(t, r.count(`SELECT count(*) FROM entries WHERE kind = 11`), "some holds expire")
	require.Greater(t, len(r.answers), 60)
}

func (r *replicas) count(query string) (n int) {
	r.Helper()
	require.NoError(r, r.database.QueryRow(r.Context(), query).Scan(&n))
	return n
}

// brokenRules are queries that count what breaks a promise.
var brokenRules = map[string]string{
	"a wallet is never below zero": `SELECT count(*) FROM entries e JOIN accounts a ON a.id = e.account_id WHERE a.kind = 2 AND e.balance_after - e.held_after < 0`,
	"a balance is the sum of what moved": `SELECT count(*) FROM accounts a WHERE a.balance <> (SELECT coalesce(sum(CASE direction WHEN 1 THEN -amount ELSE amount END), 0)
		FROM entries WHERE account_id = a.id AND debit_account IS NOT NULL)`,
	"nothing is held when no hold is open": `SELECT count(*) FROM accounts WHERE held <> 0`,
	"a hold ends once, as a whole": `SELECT count(*) FROM entries h WHERE kind = 8 AND status = 1 AND amount <> (SELECT coalesce(sum(amount), 0) FROM entries
		WHERE original_transaction_id = h.transaction_id AND status = 1 AND (kind IN (9, 11) OR kind = 10 AND debit_account IS NULL))`,
	"no more is given back than was paid": `SELECT count(*) FROM entries o WHERE leg = 0 AND kind IN (3, 7, 9) AND status = 1 AND amount < (SELECT coalesce(sum(amount), 0) FROM entries
		WHERE original_transaction_id = o.transaction_id AND status = 1 AND leg = 0 AND debit_account IS NOT NULL AND kind IN (4, 10))`,
	"a transfer has both legs": `SELECT count(*) FROM entries l WHERE kind = 7 AND status = 1 AND NOT EXISTS (SELECT FROM entries
		WHERE transaction_id = l.transaction_id AND leg = 1 - l.leg AND amount = l.amount AND occurred_at = l.occurred_at)`,
	"sequences have no gap":         `SELECT count(*) FROM accounts a WHERE sequence <> (SELECT count(*) FROM entries WHERE account_id = a.id) OR sequence <> (SELECT max(sequence) FROM entries WHERE account_id = a.id)`,
	"every entry has one event":     `SELECT (SELECT count(*) FROM entries WHERE status <> 4) - (SELECT count(*) FROM outbox)`,
	"an account with money is open": `SELECT count(*) FROM entries WHERE kind = 15 AND (balance_after <> 0 OR held_after <> 0)`,
}
