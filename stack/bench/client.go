package bench

import (
	"context"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	bankv1 "codebank.dev/schemas/gen/bank/v1"
	"codebank.dev/stack/launch"
	"google.golang.org/grpc"
	"google.golang.org/grpc/health/grpc_health_v1"
)

const (
	// connections is how many HTTP/2 connections the unary callers share.
	connections = 2
	// streamWindow is the flow-control window. A message of the stream is larger than the
	// default window of HTTP/2.
	streamWindow = 4 << 20
)

// client buys at a bank, as the checkout. Its request ids are unique over all clients of a run.
type client struct {
	connections []*grpc.ClientConn
	// desk are connections of the bank's cashier.
	desk     []*grpc.ClientConn
	cards    []card
	requests []*request
	payments []*payment
	run      string
	bank     int // process id of the bank
}

// card is an issued card: its name, the name of its account, and its encoded card data.
type card struct {
	name, account string
	data          []byte
}

// numbers makes the request ids of all clients unique.
var numbers atomic.Int64

func newClient(dial dialer, cards []card, callers int) (*client, error) {
	c := &client{cards: cards, run: "b" + strconv.FormatInt(time.Now().UnixNano(), 36)}
	for range connections {
		for as, to := range map[string]*[]*grpc.ClientConn{launch.Checkout: &c.connections, cashier: &c.desk} {
			connection, err := dial(as)
			if err != nil {
				c.close()
				return nil, err
			}
			*to = append(*to, connection)
		}
	}
	for range callers {
		r, err := newRequest(newPurchase())
		if err != nil {
			c.close()
			return nil, err
		}
		p, err := newPayment()
		if err != nil {
			c.close()
			return nil, err
		}
		c.requests, c.payments = append(c.requests, r), append(c.payments, p)
	}
	return c, nil
}

// cashier is the program that moves money between wallets.
const cashier = "cashier"

// dialer opens a connection to one program, as another.
type dialer func(as string) (*grpc.ClientConn, error)

// dialer returns the dialer of a program at an address: with TLS, or in plain text, where everybody is whom the
// program takes everybody for.
func (w *workbench) dialer(program, address string, plain bool) dialer {
	options := []grpc.DialOption{grpc.WithInitialWindowSize(streamWindow), grpc.WithInitialConnWindowSize(streamWindow)}
	return func(as string) (*grpc.ClientConn, error) {
		if plain {
			return launch.DialPlain(address, options...)
		}
		return w.stack.Dial(program, address, as, options...)
	}
}

// fill gives the purchases of a request new ids and the cards that pick returns.
func (c *client) fill(r *request, pick func() card) {
	c.number(r)
	for i := range r.cards {
		copy(r.cards[i], pick().name)
	}
}

// number gives the purchases of a request new ids.
func (c *client) number(r *request) {
	last := numbers.Add(int64(len(r.ids)))
	for i, id := range r.ids {
		copy(id, c.run)
		number := last - int64(i)
		for at := idLength - 1; at > len(c.run); at-- {
			id[at] = "0123456789abcdefghijklmnopqrstuvwxyz"[number%36]
			number /= 36
		}
		id[len(c.run)] = '-'
	}
}

func (c *client) anyCard() card { return c.cards[rand.IntN(len(c.cards))] }
func (c *client) oneCard() card { return c.cards[0] }

// send sends one purchase and fails unless it is approved.
func (c *client) send(ctx context.Context, caller int, pick func() card) error {
	r := c.requests[caller]
	c.fill(r, pick)
	return c.invoke(ctx, caller, bankv1.PurchaseService_AuthorizePurchase_FullMethodName, r, &answer{request: r})
}

// uniform buys once with a random card.
func (c *client) uniform(ctx context.Context, caller int) error {
	return c.send(ctx, caller, c.anyCard)
}

// hot buys once with always the same card.
func (c *client) hot(ctx context.Context, caller int) error { return c.send(ctx, caller, c.oneCard) }

// emptyCall makes a call to the same server that does nothing: gRPC's health check.
func (c *client) emptyCall(ctx context.Context, caller int) error {
	_, err := grpc_health_v1.NewHealthClient(c.connections[caller%connections]).Check(ctx, &grpc_health_v1.HealthCheckRequest{})
	return err
}

// stream buys over one stream until the counter is stopped, with several messages in flight.
// One goroutine sends and receives. This cannot block, because the bank accepts 16 messages in
// flight and there are fewer.
func (c *client) stream(ctx context.Context, messages int, count *counter, pick func() card) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := c.connections[0].NewStream(ctx, &bankv1.PurchaseService_ServiceDesc.Streams[0],
		bankv1.PurchaseService_AuthorizePurchases_FullMethodName, grpc.ForceCodecV2(codec{}))
	if err != nil {
		return err
	}
	open := make(map[string]*request, messages)
	send := func(r *request) error {
		c.fill(r, pick)
		open[string(r.ids[0])] = r
		return stream.SendMsg(r)
	}
	bulk := &bankv1.AuthorizePurchasesRequest{}
	for range perMessage {
		bulk.Purchases = append(bulk.Purchases, newPurchase())
	}
	for range messages {
		r, err := newRequest(bulk)
		if err != nil {
			return err
		}
		if err := send(r); err != nil {
			return streamError(stream, err)
		}
	}
	for len(open) > 0 {
		a := &answer{stream: true, find: func(id []byte) *request { return open[string(id)] }}
		if err := stream.RecvMsg(a); err != nil {
			return err
		}
		delete(open, string(a.request.ids[0]))
		count.add(perMessage)
		if count.stopped() {
			continue
		}
		if err := send(a.request); err != nil {
			return streamError(stream, err)
		}
	}
	return stream.CloseSend()
}

// streamError returns the reason why a stream ended. An error of sending does not contain it.
func streamError(stream grpc.ClientStream, err error) error {
	if answered := stream.RecvMsg(&answer{stream: true, find: func([]byte) *request { return nil }}); answered != nil {
		return answered
	}
	return err
}

func (c *client) close() {
	for _, connection := range slices.Concat(c.connections, c.desk) {
		_ = connection.Close()
	}
}
