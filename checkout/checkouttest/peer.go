package checkouttest

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"sync"
	"testing"

	"codebank.dev/checkout"
	"codebank.dev/checkout/inmem"
	"codebank.dev/platform/fault"
	"codebank.dev/platform/field"
	"codebank.dev/platform/money"
	"codebank.dev/platform/pan"
	"codebank.dev/platform/permission"
	"codebank.dev/platform/serve"
	"codebank.dev/platform/wallstest"
	bankv1 "codebank.dev/schemas/gen/bank/v1"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/peer"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// Peer speaks bank.v1 on a real connection for a bank in memory, and records what
// it was sent. Card data whose holder is REFUSED is refused.
type Peer struct {
	bankv1.UnimplementedCardServiceServer
	bankv1.UnimplementedPurchaseServiceServer
	// Bank decides. Its clock is the caller's to choose.
	Bank *inmem.Acquirer
	// Kit has the authority of the Peer and of its callers.
	Kit *wallstest.Kit
	// Address is where the Peer listens.
	Address string

	end      func()
	mutex    sync.Mutex
	sent     Sent
	change   func(*bankv1.Purchase) *bankv1.Purchase
	batch    func(context.Context, *bankv1.BatchCreateCardTokensResponse) (*bankv1.BatchCreateCardTokensResponse, error)
	breaking error
	streams  int
	clients  map[string]bool
}

// Sent is what a Peer was sent.
type Sent struct {
	Card       *bankv1.CardData                 // the last
	Authorized *bankv1.AuthorizePurchaseRequest // the last
	Callers    []string                         // of every call
	Traces     []string                         // of every call, and of every purchase of a stream
	Messages   int                              // of streams
	Batches    []int                            // how many cards each call for many tokens had
	Single     int                              // calls for one token
}

// NewPeer serves a bank over TLS until the test ends. Only the program checkout may call it.
func NewPeer(t testing.TB, bank *inmem.Acquirer) *Peer {
	t.Helper()
	p := &Peer{Bank: bank, Kit: wallstest.New(t), Address: "127.0.0.1:0"}
	p.Serve(t, serve.Config{})
	t.Cleanup(func() { p.End() })
	return p
}

// Serve begins to serve, at the address of before if the Peer has served before. Of config only limits
// and walls count.
func (p *Peer) Serve(t testing.TB, config serve.Config) {
	t.Helper()
	config.Name, config.GRPCAddress, config.HTTPAddress = "bank", p.Address, "127.0.0.1:0"
	config.Logger = slog.New(slog.DiscardHandler)
	if config.Walls == nil {
		config.Walls = p.Kit.Walls(t, "bank", nil)
	}
	config.Groups = permission.Groups{"acquirers": {"checkout"}}
	config.Permissions = make(permission.Table)
	for _, service := range []grpc.ServiceDesc{bankv1.CardService_ServiceDesc, bankv1.PurchaseService_ServiceDesc} {
		for _, method := range service.Methods {
			config.Permissions["/"+service.ServiceName+"/"+method.MethodName] = permission.Rule{Services: "acquirers"}
		}
		for _, stream := range service.Streams {
			config.Permissions["/"+service.ServiceName+"/"+stream.StreamName] = permission.Rule{Services: "acquirers"}
		}
	}
	server, err := serve.Listen(config)
	require.NoError(t, err)
	p.Address = server.GRPCAddress()
	bankv1.RegisterCardServiceServer(server, p)
	bankv1.RegisterPurchaseServiceServer(server, p)
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { assert.NoError(t, server.Run(ctx)) })
	p.end = sync.OnceFunc(func() {
		stop()
		running.Wait()
	})
}

// End drains the Peer's calls and ends it.
func (p *Peer) End() { p.end() }

// Sent returns what the Peer was sent so far.
func (p *Peer) Sent() Sent {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	return p.sent
}

// Falsify changes every later answer about a purchase.
func (p *Peer) Falsify(change func(*bankv1.Purchase) *bankv1.Purchase) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.change = change
}

// OnBatch makes every later call for many tokens answer what answer makes of the Peer's answer; nil
// answers that. It runs within the call, so it may wait.
func (p *Peer) OnBatch(answer func(context.Context, *bankv1.BatchCreateCardTokensResponse) (*bankv1.BatchCreateCardTokensResponse, error)) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.batch = answer
}

// Break makes every stream end with err at its next message, whose purchases are not decided;
// nil lets them go on.
func (p *Peer) Break(err error) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.breaking = err
}

// Streams returns how many streams were opened.
func (p *Peer) Streams() int {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	return p.streams
}

// Connections returns over how many connections streams were opened.
func (p *Peer) Connections() int {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	return len(p.clients)
}

func (p *Peer) note(ctx context.Context, what func(*Sent)) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.sent.Callers = append(p.sent.Callers, serve.Caller(ctx))
	p.sent.Traces = append(p.sent.Traces, serve.TraceID(ctx))
	what(&p.sent)
}

// ReadCard returns card data that travels to or from the bank, when it is well formed.
func ReadCard(data *bankv1.CardData) (pan.CardData, error) {
	return field.RawCardData{
		Number: data.GetNumber(), HolderName: data.GetHolderName(), CVV: data.GetCvv(),
		ExpiryMonth: int(data.GetExpiryMonth()), ExpiryYear: int(data.GetExpiryYear()),
	}.CheckWithBrand("card_data")
}

// CreateCardToken implements bankv1.CardServiceServer.
func (p *Peer) CreateCardToken(ctx context.Context, in *bankv1.CreateCardTokenRequest) (*bankv1.CreateCardTokenResponse, error) {
	p.note(ctx, func(sent *Sent) { sent.Single++ })
	return p.token(ctx, in)
}

// BatchCreateCardTokens implements bankv1.CardServiceServer.
func (p *Peer) BatchCreateCardTokens(ctx context.Context, in *bankv1.BatchCreateCardTokensRequest) (*bankv1.BatchCreateCardTokensResponse, error) {
	p.note(ctx, func(sent *Sent) { sent.Batches = append(sent.Batches, len(in.GetRequests())) })
	p.mutex.Lock()
	change := p.batch
	p.mutex.Unlock()
	out := &bankv1.BatchCreateCardTokensResponse{}
	for _, one := range in.GetRequests() {
		result := &bankv1.CreateCardTokenResult{}
		if token, err := p.token(ctx, one); err != nil {
			result.Result = &bankv1.CreateCardTokenResult_Error{Error: serve.ToStatus(err).Proto()}
		} else {
			result.Result = &bankv1.CreateCardTokenResult_Token{Token: token}
		}
		out.Results = append(out.Results, result)
	}
	if change != nil {
		return change(ctx, out)
	}
	return out, nil
}

func (p *Peer) token(ctx context.Context, in *bankv1.CreateCardTokenRequest) (*bankv1.CreateCardTokenResponse, error) {
	data := in.GetCardData()
	p.mutex.Lock()
	p.sent.Card = data
	p.mutex.Unlock()
	if data.GetHolderName() == "REFUSED" {
		return nil, fault.Invalid("card_data.holder_name", "Not this one.")
	}
	card, err := ReadCard(data)
	if err != nil {
		return nil, err
	}
	token, err := p.Bank.CreateToken(ctx, card)
	if err != nil {
		return nil, err
	}
	return &bankv1.CreateCardTokenResponse{
		CardToken: token.Token.Reveal(), Brand: bankv1.CardBrand_CARD_BRAND_VISA,
		Last4: token.Last4, ExpireTime: timestamppb.New(token.ExpiresAt),
	}, nil
}

// AuthorizePurchases implements bankv1.PurchaseServiceServer. Messages are answered in any order.
func (p *Peer) AuthorizePurchases(stream grpc.BidiStreamingServer[bankv1.AuthorizePurchasesRequest, bankv1.AuthorizePurchasesResponse]) error {
	p.mutex.Lock()
	p.streams++
	if other, ok := peer.FromContext(stream.Context()); ok {
		if p.clients == nil {
			p.clients = make(map[string]bool)
		}
		p.clients[other.Addr.String()] = true
	}
	p.mutex.Unlock()
	var sending sync.Mutex
	var working sync.WaitGroup
	defer working.Wait()
	for {
		in, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		p.mutex.Lock()
		p.sent.Messages++
		breaking := p.breaking
		p.mutex.Unlock()
		if breaking != nil {
			return breaking
		}
		working.Go(func() {
			out := &bankv1.AuthorizePurchasesResponse{}
			for _, one := range in.GetPurchases() {
				out.Results = append(out.Results, p.result(stream.Context(), one))
			}
			sending.Lock()
			defer sending.Unlock()
			_ = stream.Send(out)
		})
	}
}

func (p *Peer) result(ctx context.Context, in *bankv1.AuthorizePurchaseRequest) *bankv1.AuthorizePurchaseResult {
	purchase, err := p.authorize(serve.ContextWithIdentity(ctx, serve.Caller(ctx), in.GetTraceId()), in)
	result := &bankv1.AuthorizePurchaseResult{RequestId: in.GetRequestId()}
	if err != nil {
		result.Result = &bankv1.AuthorizePurchaseResult_Error{Error: serve.ToStatus(err).Proto()}
	} else {
		result.Result = &bankv1.AuthorizePurchaseResult_Purchase{Purchase: purchase}
	}
	return result
}

func (p *Peer) authorize(ctx context.Context, in *bankv1.AuthorizePurchaseRequest) (*bankv1.Purchase, error) {
	p.note(ctx, func(sent *Sent) { sent.Authorized = in })
	currency, err := money.ParseCurrency(in.GetCurrency())
	if err != nil {
		return nil, fault.Invalid("currency", "No currency.")
	}
	decision, err := p.Bank.Authorize(ctx, checkout.Authorization{
		RequestID: in.GetRequestId(), Token: checkout.NewToken(in.GetCardToken()),
		Amount:   money.Amount{Minor: in.GetAmountMinor(), Currency: currency},
		Merchant: checkout.Store{Slug: in.GetMerchant().GetId()}, Description: in.GetDescription(),
	})
	if err != nil {
		return nil, err
	}
	return p.purchase(in.GetRequestId(), decision), nil
}

// VoidPurchase implements bankv1.PurchaseServiceServer.
func (p *Peer) VoidPurchase(ctx context.Context, in *bankv1.VoidPurchaseRequest) (*bankv1.VoidPurchaseResponse, error) {
	p.note(ctx, func(*Sent) {})
	decision, err := p.Bank.Void(ctx, in.GetRequestId(), "")
	if err != nil {
		return nil, err
	}
	return &bankv1.VoidPurchaseResponse{Purchase: p.purchase(in.GetRequestId(), decision)}, nil
}

// ReversePurchase implements bankv1.PurchaseServiceServer.
func (p *Peer) ReversePurchase(ctx context.Context, in *bankv1.ReversePurchaseRequest) (*bankv1.ReversePurchaseResponse, error) {
	p.note(ctx, func(*Sent) {})
	name, err := p.Bank.Refund(ctx, checkout.Reversal{
		RequestID: in.GetRequestId(), Purchase: in.GetName(), AmountMinor: in.GetAmountMinor(), Description: in.GetDescription(),
	})
	if err != nil {
		return nil, err
	}
	return &bankv1.ReversePurchaseResponse{Reversal: &bankv1.Reversal{
		Name: name, Purchase: in.GetName(), AmountMinor: in.GetAmountMinor(), Currency: "BRL",
	}}, nil
}

func (p *Peer) purchase(requestID string, decision checkout.Decision) *bankv1.Purchase {
	purchase := &bankv1.Purchase{Name: decision.Purchase, RequestId: requestID}
	switch decision.Outcome {
	case checkout.OutcomeApproved:
		purchase.Status = bankv1.PurchaseStatus_PURCHASE_STATUS_APPROVED
	case checkout.OutcomeVoided:
		purchase.Status = bankv1.PurchaseStatus_PURCHASE_STATUS_VOIDED
	case checkout.OutcomeDeclined:
		purchase.Status = bankv1.PurchaseStatus_PURCHASE_STATUS_DECLINED
		purchase.Decline = &bankv1.Decline{
			Code:    decision.Decline.Code,
			Reason:  bankv1.DeclineReason(bankv1.DeclineReason_value["DECLINE_REASON_"+decision.Decline.Reason]),
			Message: decision.Decline.Message,
		}
	}
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if p.change != nil {
		return p.change(purchase)
	}
	return purchase
}
