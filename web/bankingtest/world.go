// Package bankingtest has a small bank for the pages of the internet banking: identity, accounts, Pix, statements and
// files in one process, over real gRPC. It keeps what it is told, so that a transfer moves money and its line appears on
// both sides. Its rules are those of the contracts, as far as pages can see them.
package bankingtest

import (
	"context"
	"crypto/rand"
	"net"
	"strings"
	"sync"
	"time"

	"codebank.dev/platform/fault"
	"codebank.dev/platform/id"
	"codebank.dev/platform/serve"
	bankv1 "codebank.dev/schemas/gen/bank/v1"
	identityv1 "codebank.dev/schemas/gen/identity/v1"
	statementv1 "codebank.dev/schemas/gen/statement/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"
)

// World is the bank. It is safe for concurrent use.
type World struct {
	mutex sync.Mutex
	// now is the clock.
	now      func() time.Time
	users    map[string]*user    // by e-mail address
	sessions map[string]*session // by id
	mailed   map[string]string   // e-mail address by the token that was sent to it
	ended    int

	accounts     []*bankv1.Account
	transactions map[string]*bankv1.Transaction
	lines        map[string][]*statementv1.Line // by account, oldest first
	holds        map[string][]*statementv1.PendingHold
	outcomes     map[string]outcome // by request id
	keys         []*bankv1.PixKey
	codes        []*bankv1.PixCode
	payments     map[string]*bankv1.Pix
	files        []*statementv1.File
	// away are the services that do not answer, and lost those that act and do not answer.
	away, lost map[string]bool
	asked      []string
	moved      int
}

type user struct{ id, email, password string }

// outcome is the answer to a request id, with the request.
type outcome struct{ request, answer proto.Message }

// NewWorld returns an empty bank with a clock; nil is the true one.
func NewWorld(now func() time.Time) *World {
	if now == nil {
		now = time.Now
	}
	return &World{
		now: now, users: map[string]*user{}, sessions: map[string]*session{}, mailed: map[string]string{},
		transactions: map[string]*bankv1.Transaction{}, lines: map[string][]*statementv1.Line{}, holds: map[string][]*statementv1.PendingHold{},
		outcomes: map[string]outcome{}, payments: map[string]*bankv1.Pix{}, away: map[string]bool{}, lost: map[string]bool{},
	}
}

// Serve serves the services on a listener until stop is called.
func (w *World) Serve(listener net.Listener) (stop func()) {
	server := grpc.NewServer(
		grpc.UnaryInterceptor(w.unary),
		grpc.StreamInterceptor(func(service any, stream grpc.ServerStream, _ *grpc.StreamServerInfo, handle grpc.StreamHandler) error {
			return refusal(handle(service, stream))
		}))
	identityv1.RegisterIdentityServiceServer(server, &identity{World: w})
	bankv1.RegisterWalletServiceServer(server, &wallets{World: w})
	bankv1.RegisterPixServiceServer(server, &pix{World: w})
	statementv1.RegisterStatementServiceServer(server, &statements{World: w})
	statementv1.RegisterFileServiceServer(server, &files{World: w})
	go func() { _ = server.Serve(listener) }()
	return server.Stop
}

// unary answers as the edge of a program does.
func (w *World) unary(ctx context.Context, request any, info *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (any, error) {
	service := info.FullMethod[1:strings.LastIndexByte(info.FullMethod, '/')]
	w.mutex.Lock()
	away, lost := w.away[service], w.lost[service]
	w.asked = append(w.asked, metadata.ValueFromIncomingContext(ctx, "x-forwarded-for")...)
	w.mutex.Unlock()
	if away {
		return nil, refusal(fault.New(fault.Unavailable, "AWAY", "The service is away."))
	}
	answer, err := handle(ctx, request)
	if lost {
		return nil, refusal(fault.New(fault.Unavailable, "AWAY", "The answer was lost."))
	}
	return answer, refusal(err)
}

func refusal(err error) error {
	if err == nil {
		return nil
	}
	return serve.ToStatus(err).Err()
}

// The services, by their names for Leave and Lose.
const (
	Identity  = "identity.v1.IdentityService"
	Wallets   = "bank.v1.WalletService"
	Pix       = "bank.v1.PixService"
	Statement = "statement.v1.StatementService"
)

// Leave makes a service answer nothing, or answer again.
func (w *World) Leave(service string, away bool) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	w.away[service] = away
}

// Lose makes a service do what it is asked, and lose its answers; or answer again.
func (w *World) Lose(service string, lost bool) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	w.lost[service] = lost
}

// Addresses returns the network addresses that calls were made for.
func (w *World) Addresses() []string {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	return append([]string(nil), w.asked...)
}

// Moves returns how often money has moved.
func (w *World) Moves() int {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	return w.moved
}

func newID() string {
	made, _ := id.New(rand.Reader) // It does not fail: see crypto/rand.
	return made.String()
}

var errReused = fault.New(fault.Aborted, "REQUEST_ID_REUSED", "The request id was used before, with another request.")

// once answers a request id: the first outcome, or a new one. The caller holds the mutex.
func once[T proto.Message](w *World, requestID string, request proto.Message, decide func() (T, error)) (T, error) {
	var none T
	if requestID == "" {
		return none, fault.Invalid("request_id", "This field is required.")
	}
	if known, found := w.outcomes[requestID]; found {
		if !proto.Equal(known.request, request) {
			return none, errReused
		}
		return proto.Clone(known.answer).(T), nil
	}
	answer, err := decide()
	if err == nil {
		w.outcomes[requestID] = outcome{request: proto.Clone(request), answer: proto.Clone(answer)}
	}
	return answer, err
}
