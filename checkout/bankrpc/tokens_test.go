package bankrpc //nolint:testpackage // What waits for a call is not exported.

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"sync"
	"testing"
	"time"

	"codebank.dev/checkout"
	"codebank.dev/checkout/checkouttest"
	"codebank.dev/checkout/clock"
	"codebank.dev/checkout/inmem"
	"codebank.dev/native/await"
	"codebank.dev/platform/fault"
	"codebank.dev/platform/pan"
	"codebank.dev/platform/serve"
	bankv1 "codebank.dev/schemas/gen/bank/v1"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// never is so slow that no call is.
const never = time.Hour

type batchAnswer = bankv1.BatchCreateCardTokensResponse

// openTokens returns an acquirer and its bank. A call for tokens that lasts longer than slow no longer
// keeps others waiting.
func openTokens(t *testing.T, slow time.Duration) (*Acquirer, *checkouttest.Peer) {
	t.Helper()
	peer := checkouttest.NewPeer(t, inmem.NewAcquirer(checkouttest.NewClock()))
	return newTokensAcquirer(t, peer.Kit.Dial(t, peer.Address, "checkout"), slow), peer
}

// dialTokens returns an acquirer whose bank does not prove who it is.
func dialTokens(t *testing.T, address string, slow time.Duration) *Acquirer {
	t.Helper()
	conn, err := serve.Dial(address)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	return newTokensAcquirer(t, conn, slow)
}

func newTokensAcquirer(t *testing.T, conn *grpc.ClientConn, slow time.Duration) *Acquirer {
	t.Helper()
	acquirer := New(conn)
	acquirer.tokens.slow = slow
	t.Cleanup(acquirer.Close)
	return acquirer
}

// gate makes every call for tokens wait until it is opened, or until the call is given up.
func gate(peer *checkouttest.Peer) (open func()) {
	gate := make(chan struct{})
	peer.OnBatch(func(ctx context.Context, answer *batchAnswer) (*batchAnswer, error) {
		select {
		case <-gate:
			return answer, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	})
	return sync.OnceFunc(func() { close(gate) })
}

// wanted is a token that somebody waits for.
type wanted struct {
	token checkout.CardToken
	err   error
	done  chan struct{}
}

func (a *Acquirer) want(ctx context.Context, card pan.CardData) *wanted {
	w := &wanted{done: make(chan struct{})}
	go func() {
		defer close(w.done)
		w.token, w.err = a.CreateToken(ctx, card)
	}()
	return w
}

func (t *tokens) waiting() int {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	return len(t.queue)
}

// occupy begins so many calls, of one token each.
func occupy(t *testing.T, a *Acquirer, peer *checkouttest.Peer, calls int) (begun []*wanted) {
	t.Helper()
	before := len(peer.Sent().Batches)
	for range calls {
		begun = append(begun, a.want(t.Context(), checkouttest.Card(t, checkouttest.VisaNumber)))
		await.Until(t, func() bool { return len(peer.Sent().Batches) == before+len(begun) }, time.Minute, time.Millisecond)
	}
	return begun
}

// hold begins as many calls as may be under way, and has so many callers wait behind them.
func hold(t *testing.T, a *Acquirer, peer *checkouttest.Peer, callers int) (begun, waiting []*wanted) {
	t.Helper()
	begun = occupy(t, a, peer, maxTokenCalls)
	for range callers {
		waiting = append(waiting, a.want(t.Context(), checkouttest.Card(t, checkouttest.VisaNumber)))
	}
	await.Until(t, func() bool { return a.tokens.waiting() == callers }, time.Minute, time.Millisecond)
	return begun, waiting
}

func TestTokensThatAreWantedDuringACallShareTheNext(t *testing.T) {
	acquirer, peer := openTokens(t, never)
	open := gate(peer)
	begun, others := hold(t, acquirer, peer, 300)
	open()
	made := map[string]bool{}
	for _, w := range append(others, begun...) {
		<-w.done
		require.NoError(t, w.err)
		made[w.token.Token.Reveal()] = true
	}
	require.Len(t, made, 302, "everyone has a token of his own")
	require.ElementsMatch(t, []int{1, 1, 256, 44}, peer.Sent().Batches)
	require.Zero(t, peer.Sent().Single)
}

func TestACallerThatLeavesIsAnsweredAlone(t *testing.T) {
	acquirer, peer := openTokens(t, never)
	open := gate(peer)
	card := checkouttest.Card(t, checkouttest.VisaNumber)
	begun := occupy(t, acquirer, peer, maxTokenCalls-1)
	sending, leaveSending := context.WithCancel(t.Context())
	sent := acquirer.want(sending, card)
	await.Until(t, func() bool { return len(peer.Sent().Batches) == maxTokenCalls }, time.Minute, time.Millisecond)
	waiting, leaveWaiting := context.WithCancel(t.Context())
	queued := acquirer.want(waiting, card)
	await.Until(t, func() bool { return acquirer.tokens.waiting() == 1 }, time.Minute, time.Millisecond)
	stays := acquirer.want(t.Context(), card)
	await.Until(t, func() bool { return acquirer.tokens.waiting() == 2 }, time.Minute, time.Millisecond)

	leaveSending()
	leaveWaiting()
	for _, left := range []*wanted{sent, queued} {
		<-left.done
		require.Equal(t, fault.DeadlineExceeded, fault.CodeOf(left.err))
	}
	require.Equal(t, 1, acquirer.tokens.waiting(), "card data that nobody waits for is not sent")
	open()
	for _, answered := range append(begun, stays) {
		<-answered.done
		require.NoError(t, answered.err)
	}
	require.Equal(t, []int{1, 1, 1}, peer.Sent().Batches)
}

func TestACallLastsAsLongAsSomebodyWaits(t *testing.T) {
	acquirer, peer := openTokens(t, never)
	open := gate(peer)
	begun, _ := hold(t, acquirer, peer, 0)
	card := checkouttest.Card(t, checkouttest.VisaNumber)
	soon, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	late, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	hasty, patient := acquirer.want(soon, card), acquirer.want(late, card)
	await.Until(t, func() bool { return acquirer.tokens.waiting() == 2 }, time.Minute, time.Millisecond)
	openSecond := gate(peer)
	open()
	for _, first := range begun {
		<-first.done
		require.NoError(t, first.err)
	}
	<-hasty.done
	require.Equal(t, fault.DeadlineExceeded, fault.CodeOf(hasty.err))
	openSecond()
	<-patient.done
	require.NoError(t, patient.err)
	require.Equal(t, []int{1, 1, 2}, peer.Sent().Batches)
}

func TestACallEndsWhenNobodyWaitsAnyMore(t *testing.T) {
	acquirer, peer := openTokens(t, never)
	defer gate(peer)()
	card := checkouttest.Card(t, checkouttest.VisaNumber)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := acquirer.CreateToken(ctx, card)
	require.Equal(t, fault.DeadlineExceeded, fault.CodeOf(err))
	peer.OnBatch(nil)
	_, err = acquirer.CreateToken(t.Context(), card)
	require.NoError(t, err)
}

// The calls that are under way never end. What waits behind them is sent nevertheless: with the next
// caller if the calls are slow by then, and otherwise by itself.
func TestSlowCallsDoNotKeepOthersWaiting(t *testing.T) {
	for name, slow := range map[string]time.Duration{"slow already": 0, "slow soon": 50 * time.Millisecond} {
		t.Run(name, func(t *testing.T) {
			acquirer, peer := openTokens(t, slow)
			defer gate(peer)()
			frozen := occupy(t, acquirer, peer, maxTokenCalls)
			peer.OnBatch(nil)
			_, err := acquirer.CreateToken(t.Context(), checkouttest.Card(t, checkouttest.VisaNumber))
			require.NoError(t, err)
			for _, first := range frozen {
				select {
				case <-first.done:
					require.Fail(t, "the first calls were answered")
				default:
				}
			}
		})
	}
}

func TestABankThatDoesNotKnowTheCallIsCalledForEachToken(t *testing.T) {
	acquirer, peer := openTokens(t, never)
	answer := make(chan struct{})
	peer.OnBatch(func(context.Context, *batchAnswer) (*batchAnswer, error) {
		<-answer
		return nil, status.Error(codes.Unimplemented, "unknown method BatchCreateCardTokens")
	})
	begun, others := hold(t, acquirer, peer, 300)
	close(answer)
	for _, w := range append(others, begun...) {
		<-w.done
		require.NoError(t, w.err)
	}
	require.Equal(t, 302, peer.Sent().Single)
	card := checkouttest.Card(t, checkouttest.VisaNumber)
	refused := card
	refused.HolderName = "REFUSED"
	_, err := acquirer.CreateToken(t.Context(), refused)
	require.Equal(t, "card.holder_name", fault.Of(err).Field)
	require.Equal(t, []int{1, 1}, peer.Sent().Batches, "the bank is not asked again for a while")

	peer.OnBatch(nil)
	acquirer.tokens.mutex.Lock()
	acquirer.tokens.oneByOne = time.Now()
	acquirer.tokens.mutex.Unlock()
	_, err = acquirer.CreateToken(t.Context(), card)
	require.NoError(t, err)
	require.Equal(t, []int{1, 1, 1}, peer.Sent().Batches, "an updated bank is found")
}

// The previous version of the bank has no such method at all.
func TestABankOfThePreviousVersion(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	bank := &previousCards{bank: inmem.NewAcquirer(checkouttest.NewClock())}
	description := bankv1.CardService_ServiceDesc
	description.Methods = nil
	for _, method := range bankv1.CardService_ServiceDesc.Methods {
		if method.MethodName != "BatchCreateCardTokens" {
			description.Methods = append(description.Methods, method)
		}
	}
	require.Len(t, description.Methods, len(bankv1.CardService_ServiceDesc.Methods)-1)
	server := grpc.NewServer()
	server.RegisterService(&description, bank)
	var serving sync.WaitGroup
	serving.Go(func() { _ = server.Serve(listener) })
	t.Cleanup(func() {
		server.Stop()
		serving.Wait()
	})
	acquirer := dialTokens(t, listener.Addr().String(), never)
	for range 3 {
		token, err := acquirer.CreateToken(t.Context(), checkouttest.Card(t, checkouttest.VisaNumber))
		require.NoError(t, err)
		require.Equal(t, "1111", token.Last4)
	}
}

type previousCards struct {
	bankv1.UnimplementedCardServiceServer
	bank *inmem.Acquirer
}

func (p *previousCards) CreateCardToken(ctx context.Context, in *bankv1.CreateCardTokenRequest) (*bankv1.CreateCardTokenResponse, error) {
	return (&checkouttest.Peer{Bank: p.bank}).CreateCardToken(ctx, in)
}

func TestABankThatDiesDuringACall(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	server := grpc.NewServer()
	bankv1.RegisterCardServiceServer(server, &dyingCards{server: server})
	var serving sync.WaitGroup
	serving.Go(func() { _ = server.Serve(listener) })
	t.Cleanup(serving.Wait)
	acquirer := dialTokens(t, listener.Addr().String(), never)
	card := checkouttest.Card(t, checkouttest.VisaNumber)
	for range 2 {
		_, err := acquirer.CreateToken(t.Context(), card)
		require.Equal(t, fault.Unavailable, fault.CodeOf(err))
		requireMasked(t, err, card)
	}
}

// dyingCards is a bank whose process ends while it makes tokens.
type dyingCards struct {
	bankv1.UnimplementedCardServiceServer
	server *grpc.Server
}

func (d *dyingCards) BatchCreateCardTokens(ctx context.Context, _ *bankv1.BatchCreateCardTokensRequest) (*batchAnswer, error) {
	go d.server.Stop()
	<-ctx.Done()
	return nil, ctx.Err()
}

func requireMasked(t *testing.T, err error, card pan.CardData) {
	t.Helper()
	for _, shown := range []string{err.Error(), fmt.Sprintf("%+v", err), fmt.Sprintf("%#v", err)} {
		require.NotContains(t, shown, card.Number.Reveal())
	}
}

// What answers a whole call wrongly answers everyone with an error, none of whom is to blame.
func TestAWholeCallThatFailsFailsForEveryone(t *testing.T) {
	for name, rule := range map[string]struct {
		answer func(*batchAnswer) (*batchAnswer, error)
		code   fault.Code
	}{
		"too few": {func(a *batchAnswer) (*batchAnswer, error) {
			a.Results = a.GetResults()[1:]
			return a, nil
		}, fault.Internal},
		"too many": {func(a *batchAnswer) (*batchAnswer, error) {
			a.Results = append(a.Results, a.GetResults()[0])
			return a, nil
		}, fault.Internal},
		"none":      {func(*batchAnswer) (*batchAnswer, error) { return &batchAnswer{}, nil }, fault.Internal},
		"a refusal": {func(*batchAnswer) (*batchAnswer, error) { return nil, fault.Invalid("requests", "No.") }, fault.Internal},
		"not found": {func(*batchAnswer) (*batchAnswer, error) { return nil, fault.New(fault.NotFound, "X", "No.") }, fault.Internal},
		"away":      {func(*batchAnswer) (*batchAnswer, error) { return nil, fault.New(fault.Unavailable, "X", "No.") }, fault.Unavailable},
	} {
		t.Run(name, func(t *testing.T) {
			acquirer, peer := openTokens(t, never)
			held := make(chan struct{})
			peer.OnBatch(func(_ context.Context, answer *batchAnswer) (*batchAnswer, error) {
				<-held
				return rule.answer(answer)
			})
			begun, others := hold(t, acquirer, peer, 5)
			close(held)
			for _, w := range append(others, begun...) {
				<-w.done
				require.Equal(t, rule.code, fault.CodeOf(w.err))
				require.Empty(t, fault.Of(w.err).Field)
				requireMasked(t, w.err, checkouttest.Card(t, checkouttest.VisaNumber))
			}
			require.Equal(t, []int{1, 1, 5}, peer.Sent().Batches)
			requireNothingStored(t, acquirer)
		})
	}
}

func requireNothingStored(t *testing.T, acquirer *Acquirer) {
	t.Helper()
	store := inmem.NewStore()
	require.NoError(t, store.Seed(t.Context(), checkouttest.Seeds(), checkouttest.Start()))
	shop := checkouttest.NewShop(t, checkouttest.Setting{Store: store, Bank: acquirer, Clock: clock.System{}})
	_, err := shop.Orders.Place(t.Context(), checkouttest.Request(t, "r1", checkouttest.VisaNumber))
	require.Equal(t, "BANK_UNAVAILABLE", fault.Of(err).Reason)
	_, err = store.ByRequest(t.Context(), "shop", "r1")
	require.ErrorIs(t, err, checkout.ErrNoOrder)
}

func TestAResultThatCannotBeTrustedIsOneCallersError(t *testing.T) {
	for name, spoil := range map[string]func(*bankv1.CreateCardTokenResult){
		"empty":         func(r *bankv1.CreateCardTokenResult) { r.Result = nil },
		"no text":       func(r *bankv1.CreateCardTokenResult) { r.GetToken().CardToken = "" },
		"no expiry":     func(r *bankv1.CreateCardTokenResult) { r.GetToken().ExpireTime = nil },
		"no last four":  func(r *bankv1.CreateCardTokenResult) { r.GetToken().Last4 = "" },
		"an error's OK": func(r *bankv1.CreateCardTokenResult) { r.Result = &bankv1.CreateCardTokenResult_Error{} },
	} {
		t.Run(name, func(t *testing.T) {
			acquirer, peer := openTokens(t, never)
			held := make(chan struct{})
			peer.OnBatch(func(_ context.Context, answer *batchAnswer) (*batchAnswer, error) {
				<-held
				if len(answer.GetResults()) > 1 {
					spoil(answer.GetResults()[1])
				}
				return answer, nil
			})
			_, others := hold(t, acquirer, peer, 5)
			close(held)
			failed := 0
			for _, w := range others {
				<-w.done
				if w.err != nil {
					require.Equal(t, fault.Internal, fault.CodeOf(w.err))
					failed++
				}
			}
			require.Equal(t, 1, failed)
		})
	}
}

func TestATokenAloneGoesOnWithItsCallersTrace(t *testing.T) {
	acquirer, peer := openTokens(t, never)
	const trace = "4bf92f3577b34da6a3ce929d0e0e4736"
	_, err := acquirer.CreateToken(serve.ContextWithIdentity(t.Context(), "shop", trace), checkouttest.Card(t, checkouttest.VisaNumber))
	require.NoError(t, err)
	require.Equal(t, []string{trace}, peer.Sent().Traces)
	require.Equal(t, []string{"checkout"}, peer.Sent().Callers)
}

func TestClosingAnswersThoseWhoWaitForATokenAndThoseWhoCome(t *testing.T) {
	acquirer, peer := openTokens(t, never)
	defer gate(peer)()
	begun, others := hold(t, acquirer, peer, 3)
	acquirer.Close()
	for _, w := range append(others, begun...) {
		<-w.done
		require.Contains(t, []fault.Code{fault.Unavailable, fault.DeadlineExceeded}, fault.CodeOf(w.err))
	}
	_, err := acquirer.CreateToken(t.Context(), checkouttest.Card(t, checkouttest.VisaNumber))
	require.Equal(t, fault.Unavailable, fault.CodeOf(err))
}

// Callers come and leave at random: whoever is answered has a token of his own card.
func TestEveryTokenIsOfItsCallersCard(t *testing.T) {
	acquirer, _ := openTokens(t, time.Millisecond)
	cards := []pan.CardData{checkouttest.Card(t, checkouttest.VisaNumber), checkouttest.Card(t, checkouttest.AmexNumber)}
	var buying sync.WaitGroup
	for caller := range 32 {
		buying.Go(func() {
			for i := range 50 {
				card := cards[(caller+i)%len(cards)]
				ctx, cancel := context.WithTimeout(t.Context(), time.Duration(1+(caller*7+i*3)%40)*time.Millisecond)
				token, err := acquirer.CreateToken(ctx, card)
				cancel()
				if err == nil && token.Last4 != card.Number.Last4() {
					t.Error("call " + strconv.Itoa(i) + " was answered with the token of another card")
				}
			}
		})
	}
	buying.Wait()
	require.Zero(t, acquirer.tokens.waiting())
}
