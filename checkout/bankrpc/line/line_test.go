package line //nolint:testpackage // A line with an age of its own is not exported.

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"codebank.dev/native/await"
	"codebank.dev/platform/fault"
	"codebank.dev/platform/permission"
	"codebank.dev/platform/rpctest"
	"codebank.dev/platform/serve"
	"codebank.dev/platform/wallstest"
	bankv1 "codebank.dev/schemas/gen/bank/v1"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/peer"
)

type serverStream = grpc.BidiStreamingServer[bankv1.AuthorizePurchasesRequest, bankv1.AuthorizePurchasesResponse]

// scripted is a bank whose streams are what a test makes of them.
type scripted struct {
	bankv1.UnimplementedPurchaseServiceServer
	serve   func(number int64, stream serverStream) error
	streams atomic.Int64
}

func (s *scripted) AuthorizePurchases(stream serverStream) error {
	return s.serve(s.streams.Add(1), stream)
}

// newScripted returns a line to a bank. number counts the streams from 1.
func newScripted(t *testing.T, age time.Duration, handle func(number int64, stream serverStream) error) (*Line, *scripted) {
	t.Helper()
	return newScriptedOf(t, age, serve.Config{}, handle)
}

// newScriptedOf is newScripted for a bank with limits of its own.
func newScriptedOf(t *testing.T, age time.Duration, limits serve.Config, handle func(number int64, stream serverStream) error) (*Line, *scripted) {
	t.Helper()
	bank, kit := &scripted{serve: handle}, wallstest.New(t)
	limits.Name, limits.GRPCAddress, limits.HTTPAddress = "bank", "127.0.0.1:0", "127.0.0.1:0"
	limits.Logger, limits.DrainTimeout = slog.New(slog.DiscardHandler), time.Second
	limits.Walls, limits.Groups = kit.Walls(t, "bank", nil), permission.Groups{"acquirers": {"checkout"}}
	limits.Permissions = make(permission.Table)
	for _, method := range rpctest.Unary(bankv1.PurchaseService_ServiceDesc) {
		limits.Permissions[method] = permission.Rule{}
	}
	limits.Permissions[bankv1.PurchaseService_AuthorizePurchases_FullMethodName] = permission.Rule{Services: "acquirers"}
	server, err := serve.Listen(limits)
	require.NoError(t, err)
	bankv1.RegisterPurchaseServiceServer(server, bank)
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { _ = server.Run(ctx) })
	l := newLine(bankv1.NewPurchaseServiceClient(kit.Dial(t, server.GRPCAddress(), "checkout")), age)
	t.Cleanup(func() {
		l.Close()
		stop()
		running.Wait()
	})
	return l, bank
}

func (l *Line) buy(ctx context.Context, requestID string) (*bankv1.Purchase, error) {
	return l.Send(ctx, &bankv1.AuthorizePurchaseRequest{RequestId: requestID})
}

// approved is an approval whose name says which stream gave it to which purchase.
func approved(stream int64, requestID string) *bankv1.AuthorizePurchaseResult {
	return &bankv1.AuthorizePurchaseResult{RequestId: requestID, Result: &bankv1.AuthorizePurchaseResult_Purchase{Purchase: &bankv1.Purchase{
		Name: "purchases/" + strconv.FormatInt(stream, 10) + "/" + requestID, RequestId: requestID, Status: bankv1.PurchaseStatus_PURCHASE_STATUS_APPROVED,
	}}}
}

func refused(requestID string) *bankv1.AuthorizePurchaseResult {
	err := fault.Invalid("card_token", "Used before.")
	return &bankv1.AuthorizePurchaseResult{RequestId: requestID, Result: &bankv1.AuthorizePurchaseResult_Error{Error: serve.ToStatus(err).Proto()}}
}

// answering approves every purchase, but for those that end in 3, which it refuses.
func answering(number int64, stream serverStream) error {
	for {
		in, err := stream.Recv()
		if err != nil {
			return nil
		}
		if err := stream.Send(answersTo(number, in)); err != nil {
			return err
		}
	}
}

func answersTo(number int64, in *bankv1.AuthorizePurchasesRequest) *bankv1.AuthorizePurchasesResponse {
	out := &bankv1.AuthorizePurchasesResponse{}
	for _, one := range in.GetPurchases() {
		if id := one.GetRequestId(); id[len(id)-1] == '3' {
			out.Results = append(out.Results, refused(id))
		} else {
			out.Results = append(out.Results, approved(number, id))
		}
	}
	return out
}

// Messages are answered in any order and late, streams break and age, callers leave: whatever a
// caller is answered is about its own purchase.
func TestEveryAnswerIsAboutItsOwnPurchase(t *testing.T) {
	l, bank := newScripted(t, 30*time.Millisecond, func(number int64, stream serverStream) error {
		var sending sync.Mutex
		var working sync.WaitGroup
		defer working.Wait()
		for {
			in, err := stream.Recv()
			if err != nil {
				return nil
			}
			if rand.IntN(20) == 0 {
				return fault.New(fault.Unavailable, "AWAY", "Away.")
			}
			working.Go(func() {
				time.Sleep(rand.N(3 * time.Millisecond))
				out := answersTo(number, in)
				rand.Shuffle(len(out.Results), func(i, j int) { out.Results[i], out.Results[j] = out.Results[j], out.Results[i] })
				out.Results = append(out.Results, approved(number, "nobody-sent-this"))
				sending.Lock()
				defer sending.Unlock()
				_ = stream.Send(out)
			})
		}
	})
	const callers, each = 64, 40
	var decided, unknown atomic.Int64
	var buying sync.WaitGroup
	for caller := range callers {
		buying.Go(func() {
			for i := range each {
				id := "r" + strconv.Itoa(caller) + "-" + strconv.Itoa(i)
				ctx, cancel := context.WithTimeout(t.Context(), time.Duration(1+rand.IntN(100))*10*time.Millisecond)
				decision, err := l.buy(ctx, id)
				cancel()
				switch {
				case err == nil:
					decided.Add(1)
					if !endsWith(decision.GetName(), "/"+id) || id[len(id)-1] == '3' {
						t.Errorf("%s was answered %s", id, decision.GetName())
					}
				case fault.CodeOf(err) == fault.InvalidArgument:
					decided.Add(1)
					if id[len(id)-1] != '3' {
						t.Errorf("%s was answered the refusal of another one", id)
					}
				case fault.CodeOf(err) == fault.Unavailable || fault.CodeOf(err) == fault.DeadlineExceeded:
					unknown.Add(1)
				default:
					t.Error(err)
				}
			}
		})
	}
	buying.Wait()
	require.EqualValues(t, callers*each, decided.Load()+unknown.Load())
	require.Positive(t, decided.Load())
	require.Greater(t, bank.streams.Load(), int64(1))
	l.mutex.Lock()
	defer l.mutex.Unlock()
	require.Empty(t, l.queue)
}

func endsWith(text, end string) bool {
	return len(text) >= len(end) && text[len(text)-len(end):] == end
}

func TestAStreamThatBreaksLeavesEveryOutcomeUnknownWhateverTheReason(t *testing.T) {
	for name, reason := range map[string]error{
		"the end":             nil,
		"INVALID_ARGUMENT":    fault.Invalid("purchases", "No."),
		"NOT_FOUND":           fault.New(fault.NotFound, "NOT_FOUND", "No."),
		"ABORTED":             fault.New(fault.Aborted, "ABORTED", "No."),
		"FAILED_PRECONDITION": fault.New(fault.FailedPrecondition, "NO", "No."),
		"INTERNAL":            errors.New("broken"),
		"UNAVAILABLE":         fault.New(fault.Unavailable, "AWAY", "Away.").After(time.Second),
	} {
		t.Run(name, func(t *testing.T) {
			l, _ := newScripted(t, streamAge, func(number int64, stream serverStream) error {
				if number > 1 {
					return answering(number, stream)
				}
				for range 2 {
					if _, err := stream.Recv(); err != nil {
						return err
					}
				}
				return reason
			})
			first := make(chan error, 1)
			go func() {
				_, err := l.buy(t.Context(), "first")
				first <- err
			}()
			await.Until(t, func() bool { return l.underWay() == 1 }, time.Minute, time.Millisecond)
			_, err := l.buy(t.Context(), "second")
			require.Equal(t, fault.Unavailable, fault.CodeOf(err))
			require.Equal(t, fault.Unavailable, fault.CodeOf(<-first))
			decision, err := l.buy(t.Context(), "first")
			require.NoError(t, err)
			require.Equal(t, "purchases/2/first", decision.GetName())
		})
	}
}

func (l *Line) underWay() int {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	if l.session == nil {
		return 0
	}
	return len(l.session.waiting)
}

func TestTheAnswerOfAnEarlierStreamIsTakenForNoOther(t *testing.T) {
	sent, late := make(chan string), make(chan struct{})
	l, _ := newScripted(t, 0, func(number int64, stream serverStream) error { // Each message has a stream of its own.
		in, err := stream.Recv()
		if err != nil {
			return err
		}
		id := in.GetPurchases()[0].GetRequestId()
		sent <- id
		if id == "old" {
			<-late
			return stream.Send(&bankv1.AuthorizePurchasesResponse{Results: []*bankv1.AuthorizePurchaseResult{approved(number, "new"), approved(number, "old")}})
		}
		<-stream.Context().Done()
		return nil
	})
	old := make(chan *bankv1.Purchase, 1)
	go func() {
		decision, _ := l.buy(t.Context(), "old")
		old <- decision
	}()
	require.Equal(t, "old", <-sent)
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	answered := make(chan error, 1)
	go func() {
		_, err := l.buy(ctx, "new")
		answered <- err
	}()
	require.Equal(t, "new", <-sent)
	close(late)
	require.Equal(t, "purchases/1/old", (<-old).GetName(), "what was sent over the earlier stream is still answered")
	require.Equal(t, fault.DeadlineExceeded, fault.CodeOf(<-answered))
}

// A replica of the bank that hangs answers nothing and breaks nothing. Others are asked then.
func TestAReplicaThatHangsHoldsUpNobodyForLong(t *testing.T) {
	for name, hanging := range map[string]int{"a purchase": 1, "as many messages as may be under way": maxMessages} {
		t.Run(name, func(t *testing.T) {
			got := make(chan struct{}, maxMessages)
			l, _ := newScripted(t, streamAge, func(number int64, stream serverStream) error {
				if number > 1 {
					return answering(number, stream)
				}
				for {
					if _, err := stream.Recv(); err != nil {
						<-stream.Context().Done()
						return nil
					}
					got <- struct{}{}
				}
			})
			l.stallAfter(time.Hour)
			ctx, leave := context.WithCancel(t.Context())
			defer leave()
			var waiting sync.WaitGroup
			for i := range hanging {
				waiting.Go(func() { _, _ = l.buy(ctx, "hangs"+strconv.Itoa(i)) })
				<-got
			}
			l.stallAfter(50 * time.Millisecond)
			if hanging < maxMessages { // Otherwise the next purchase waits until it is over.
				time.Sleep(50 * time.Millisecond)
			}
			decision, err := l.buy(t.Context(), "other")
			require.NoError(t, err)
			require.Equal(t, "purchases/2/other", decision.GetName())
			leave()
			waiting.Wait()
		})
	}
}

func (l *Line) stallAfter(silence time.Duration) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.stall = silence
}

func TestADeadlineIsTheOrdersOwn(t *testing.T) {
	l, _ := newScripted(t, streamAge, func(number int64, stream serverStream) error {
		for {
			in, err := stream.Recv()
			if err != nil {
				return nil
			}
			if in.GetPurchases()[0].GetRequestId() == "hangs" {
				continue
			}
			_ = stream.Send(answersTo(number, in))
		}
	})
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := l.buy(ctx, "hangs")
	require.Equal(t, fault.DeadlineExceeded, fault.CodeOf(err))
	require.Zero(t, l.underWay(), "it is forgotten")
	decision, err := l.buy(t.Context(), "other")
	require.NoError(t, err)
	require.Equal(t, "purchases/1/other", decision.GetName())
}

func TestWhatWaitsSharesAMessageAndFewAreUnderWay(t *testing.T) {
	var mutex sync.Mutex
	unanswered, most, messages, purchases := 0, 0, 0, 0
	gate := make(chan struct{})
	l, _ := newScripted(t, streamAge, func(number int64, stream serverStream) error {
		var sending sync.Mutex
		for {
			in, err := stream.Recv()
			if err != nil {
				return nil
			}
			mutex.Lock()
			unanswered++
			messages++
			purchases += len(in.GetPurchases())
			most = max(most, unanswered)
			mutex.Unlock()
			go func() {
				<-gate
				mutex.Lock()
				unanswered--
				mutex.Unlock()
				sending.Lock()
				defer sending.Unlock()
				_ = stream.Send(answersTo(number, in))
			}()
		}
	})
	const all = 1000
	var buying sync.WaitGroup
	for i := range all {
		buying.Go(func() {
			if _, err := l.buy(t.Context(), "r"+strconv.Itoa(i)+"x"); err != nil {
				t.Error(err)
			}
		})
	}
	await.Until(t, func() bool {
		mutex.Lock()
		defer mutex.Unlock()
		return unanswered == maxMessages || purchases == all
	}, time.Minute, time.Millisecond)
	close(gate)
	buying.Wait()
	require.LessOrEqual(t, most, maxMessages)
	require.Less(t, messages, all/2)
	require.Equal(t, all, purchases)
}

// A bank ends connections that have become too old. Their streams go on for a while, and no new purchase is
// sent over them that long: every purchase is answered.
func TestConnectionsThatEndLeaveNoOutcomeUnknown(t *testing.T) {
	var mutex sync.Mutex
	connections := make(map[string]bool)
	l, _ := newScriptedOf(t, 50*time.Millisecond, serve.Config{ConnectionAge: 200 * time.Millisecond}, func(number int64, stream serverStream) error {
		other, _ := peer.FromContext(stream.Context())
		mutex.Lock()
		connections[other.Addr.String()] = true
		mutex.Unlock()
		return answering(number, stream)
	})
	enough := func() bool {
		mutex.Lock()
		defer mutex.Unlock()
		return len(connections) >= 5
	}
	var buying sync.WaitGroup
	for caller := range 32 {
		buying.Go(func() {
			for i := 0; !enough(); i++ {
				id := "r" + strconv.Itoa(caller) + "-" + strconv.Itoa(i) + "x"
				decision, err := l.buy(t.Context(), id)
				if err != nil || !endsWith(decision.GetName(), "/"+id) {
					t.Errorf("%s was answered %q, %v", id, decision.GetName(), err)
					return
				}
			}
		})
	}
	buying.Wait()
	require.True(t, enough())
}

func TestAStreamThatBreaksAtOnceIsNotOpenedWithoutAPause(t *testing.T) {
	l, bank := newScripted(t, streamAge, func(int64, serverStream) error {
		return fault.New(fault.Unavailable, "STARTING", "Starting.")
	})
	until := time.Now().Add(500 * time.Millisecond)
	for time.Now().Before(until) {
		_, err := l.buy(t.Context(), "r")
		require.Equal(t, fault.Unavailable, fault.CodeOf(err))
	}
	require.Less(t, bank.streams.Load(), int64(10))
}

func TestClosingAnswersWhatIsUnderWay(t *testing.T) {
	l, _ := newScripted(t, streamAge, func(_ int64, stream serverStream) error {
		<-stream.Context().Done()
		return nil
	})
	answered := make(chan error, 1)
	go func() {
		_, err := l.buy(t.Context(), "r")
		answered <- err
	}()
	await.Until(t, func() bool { return l.underWay() == 1 }, time.Minute, time.Millisecond)
	l.Close()
	require.Equal(t, fault.Unavailable, fault.CodeOf(<-answered))
}
