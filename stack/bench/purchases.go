package bench

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	bankv1 "codebank.dev/schemas/gen/bank/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

// Target is what the measurements run against.
type Target struct {
	// BankAddress is the bank's gRPC address.
	BankAddress string
	// YardstickURL is an empty database on the same Postgres server as the bank's ledger.
	YardstickURL string
}

// connections is how many HTTP/2 connections the callers share, as a handful of
// checkout replicas would.
const connections = 8

// client buys with cards that it had issued.
type client struct {
	connections []*grpc.ClientConn
	purchases   []bankv1.PurchaseServiceClient
	cards       []string
	run         string
	next        atomic.Int64
}

func newClient(ctx context.Context, address string, cards int) (*client, error) {
	c := &client{cards: make([]string, cards), run: strconv.FormatInt(time.Now().UnixNano(), 36)}
	for range connections {
		connection, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
		if err != nil {
			return nil, err
		}
		c.connections = append(c.connections, connection)
		c.purchases = append(c.purchases, bankv1.NewPurchaseServiceClient(connection))
	}
	return c, c.issue(ctx)
}

// issuers is how many cards are being issued at any moment.
const issuers = 256

// issue has every card issued, with a limit that no run reaches and no rule that declines.
func (c *client) issue(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var working sync.WaitGroup
	var next atomic.Int64
	for issuer := range issuers {
		service := bankv1.NewCardServiceClient(c.connections[issuer%connections])
		working.Go(func() {
			for i := int(next.Add(1)) - 1; i < len(c.cards) && ctx.Err() == nil; i = int(next.Add(1)) - 1 {
				issued, err := service.IssueCard(ctx, &bankv1.IssueCardRequest{
					RequestId: c.run + "-card-" + strconv.Itoa(i), HolderName: "BENCH " + strconv.Itoa(i),
					Currency: "BRL", CreditLimitMinor: 999_999_999_999,
				})
				if err != nil {
					cancel(err)
					return
				}
				c.cards[i] = issued.GetCard().GetName()
			}
		})
	}
	working.Wait()
	return context.Cause(ctx)
}

// purchase asks for one approved purchase on a random card.
func (c *client) purchase(ctx context.Context, caller int) error {
	answer, err := c.purchases[caller%connections].AuthorizePurchase(ctx, &bankv1.AuthorizePurchaseRequest{
		RequestId:   c.run + "-" + strconv.FormatInt(c.next.Add(1), 36),
		CardSource:  &bankv1.AuthorizePurchaseRequest_Card{Card: c.cards[rand.IntN(len(c.cards))]},
		AmountMinor: 100,
		Currency:    "BRL",
		Merchant:    &bankv1.Merchant{Id: "books-by-the-river", Name: "Books by the River", CategoryCode: "5942", City: "Recife", Country: "BR"},
		Description: "Order of three paperbacks",
		Channel:     bankv1.Channel_CHANNEL_ECOMMERCE,
	})
	if err != nil {
		return err
	}
	if status := answer.GetPurchase().GetStatus(); status != bankv1.PurchaseStatus_PURCHASE_STATUS_APPROVED {
		return fmt.Errorf("a purchase ended %s", status)
	}
	return nil
}

func (c *client) close() {
	for _, connection := range c.connections {
		connection.Close()
	}
}

// purchasesMustReach is the least that sharing commits has to bring.
const purchasesMustReach = 2

// Purchases measures unary gRPC purchases against one SQL transaction per purchase
// on the same Postgres, both with durable commits, and prints the ratios to out.
func Purchases(ctx context.Context, target Target, options Options, out io.Writer) ([]Ratio, error) {
	fmt.Fprintf(out, "issuing %d cards\n", options.Cards)
	client, err := newClient(ctx, target.BankAddress, options.Cards)
	if err != nil {
		return nil, fmt.Errorf("issuing cards: %w", err)
	}
	defer client.close()
	yardstick, err := newYardstick(ctx, target.YardstickURL, options.Callers, options.Cards)
	if err != nil {
		return nil, fmt.Errorf("yardstick: %w", err)
	}
	defer yardstick.close()
	fmt.Fprintf(out, "measuring %d rounds of 2 × %s, %d in flight\n", options.Rounds, options.Window, options.Callers)
	return client.against(ctx, yardstick, options, out)
}

// against measures the bank against both forms of the yardstick and prints the ratios.
func (c *client) against(ctx context.Context, y *yardstick, options Options, out io.Writer) ([]Ratio, error) {
	bank := term{"unary gRPC purchases, commits shared", c.purchase}
	setting := fmt.Sprintf("%d in flight, %d cards, fsync and synchronous_commit on", options.Callers, options.Cards)
	var ratios []Ratio
	for _, form := range []struct {
		name      string
		mustReach float64
		term      term
	}{
		{"Purchases", purchasesMustReach, term{"one SQL transaction per purchase, plainly", y.plain}},
		{"PurchasesPipelined", 0, term{"the same in two round trips", y.pipelined}},
	} {
		ratio, err := measure(ctx, options, bank, form.term)
		if err != nil {
			return nil, err
		}
		ratio.Name, ratio.MustReach, ratio.Setting = form.name, form.mustReach, setting
		if err := ratio.Print(out); err != nil {
			return nil, err
		}
		ratios = append(ratios, ratio)
	}
	return ratios, nil
}
