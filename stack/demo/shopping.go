package demo

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	bankv1 "codebank.dev/schemas/gen/bank/v1"
	checkoutv1 "codebank.dev/schemas/gen/checkout/v1"
)

const (
	// orderCount is how many orders are placed while shopping.
	orderCount = 520
	// shoppers is how many customers shop at a time.
	shoppers = 8
	// orderInterval limits the rate of each shopper. This is a demonstration, not a benchmark.
	orderInterval = 100 * time.Millisecond
	// seed makes every demonstration place the same orders.
	seed = 2026
)

// names are the customers of the bank. Each has one card.
var names = []string{
	"Ana Beatriz Moura", "Bruno Cavalcanti", "Carla Figueiredo", "Diego Sampaio", "Elisa Nogueira", "Felipe Arruda",
	"Gabriela Pacheco", "Heitor Valadares", "Isabel Queiroz", "João Vitor Prado", "Karina Lacerda", "Lucas Brandão",
	"Mariana Teles", "Nicolas Furtado", "Olívia Santana", "Paulo Henrique Dias", "Quitéria Ramos", "Rafael Bittencourt",
	"Sofia Montenegro", "Tiago Varella", "Úrsula Camargo", "Vinícius Leal", "Wanda Siqueira", "Yasmin Duarte",
}

// signedUp is how many customers sign up at identity: those who move money by themselves.
const signedUp = 2

// issueCards issues a card to every customer, with limits from low to high.
func (d *demonstration) issueCards(ctx context.Context) error {
	for i, name := range names {
		who, request := &customer{}, &bankv1.IssueCardRequest{
			RequestId: fmt.Sprintf("demo-card-%d", i), HolderName: name,
			Brand:    bankv1.CardBrand(1 + i%8),
			Currency: "BRL", CreditLimitMinor: int64(1_000_000 + 500_000*(i%5)),
		}
		if i < signedUp {
			var err error
			if who.person, err = d.stack.SignUp(ctx, fmt.Sprintf("customer-%d@example.com", i+1)); err != nil {
				return fmt.Errorf("sign %s up: %w", name, err)
			}
			request.CustomerId = who.person.User.String()
		}
		issued, err := d.cards.IssueCard(ctx, request)
		if err != nil {
			return err
		}
		who.card, who.data = issued.GetCard(), issued.GetCardData()
		d.customers = append(d.customers, who)
	}
	d.printf("  %d customers sign up by e-mail, and in\n", signedUp)
	d.printf("  %d cards of 8 brands, limits from BRL 10000.00 to BRL 30000.00\n", len(d.customers))
	return nil
}

// loadStores reads the catalogue.
func (d *demonstration) loadStores(ctx context.Context) error {
	for token := ""; ; {
		page, err := d.checkout.ListProducts(ctx, &checkoutv1.ListProductsRequest{PageSize: 100, PageToken: token})
		if err != nil {
			return err
		}
		for _, product := range page.GetProducts() {
			store := product.GetStore().GetName()
			d.stores[store] = append(d.stores[store], product)
		}
		if token = page.GetNextPageToken(); token == "" {
			return nil
		}
	}
}

// shop places orders at all stores.
func (d *demonstration) shop(ctx context.Context) error {
	if err := d.loadStores(ctx); err != nil {
		return err
	}
	carts := d.plan()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stopFreshness := d.freshness.start(ctx)
	defer stopFreshness()
	queue := make(chan plannedOrder)
	var working sync.WaitGroup
	for range shoppers {
		working.Go(func() {
			for next := range queue {
				began := time.Now()
				if _, err := d.buy(ctx, next.who, next.cart); err != nil {
					cancel(err)
					return
				}
				if sleep(ctx, orderInterval-time.Since(began)) != nil {
					return
				}
			}
		})
	}
	for _, cart := range carts {
		select {
		case queue <- cart:
		case <-ctx.Done():
		}
	}
	close(queue)
	working.Wait()
	if err := context.Cause(ctx); err != nil {
		return err
	}
	d.printf("  %d orders at %d stores in %d cities: %d approved, %d declined\n",
		d.orders, len(d.stores), len(d.cities()), d.approved, d.orders-d.approved)
	return d.freshness.await(ctx, auditTimeout)
}

type plannedOrder struct {
	who  *customer
	cart *checkoutv1.PlaceOrderRequest
}

// plan returns the orders. They are the same every time.
func (d *demonstration) plan() []plannedOrder {
	random := rand.New(rand.NewPCG(seed, seed))
	var stores []string
	for store := range d.stores {
		stores = append(stores, store)
	}
	slices.Sort(stores)
	carts := make([]plannedOrder, orderCount)
	for i := range carts {
		who := d.customers[random.IntN(len(d.customers))]
		shelf := d.stores[stores[random.IntN(len(stores))]]
		cart := &checkoutv1.PlaceOrderRequest{Card: who.cardInput(), Attempt: 1}
		for _, at := range random.Perm(len(shelf))[:1+random.IntN(2)] {
			cart.Items = append(cart.Items, &checkoutv1.PlaceOrderItem{
				Product: shelf[at].GetName(), Quantity: int32(1 + random.IntN(3)),
			})
		}
		carts[i] = plannedOrder{who, cart}
	}
	return carts
}

func (d *demonstration) cities() map[string]bool {
	cities := map[string]bool{}
	for _, shelf := range d.stores {
		cities[shelf[0].GetStore().GetCity()] = true
	}
	return cities
}

// reverse reverses the last three approved purchases.
func (d *demonstration) reverse(ctx context.Context) error {
	d.mutex.Lock()
	last := slices.Clone(d.approvedPurchases[max(0, len(d.approvedPurchases)-3):])
	d.mutex.Unlock()
	for i, purchase := range last {
		answer, err := d.acquirer.ReversePurchase(ctx, &bankv1.ReversePurchaseRequest{
			RequestId: fmt.Sprintf("demo-reversal-%d", i), Name: purchase.order.GetPurchase(), Description: "Returned within seven days",
		})
		if err != nil {
			return err
		}
		d.printf("  %s gets %s back\n", purchase.customer.data.GetHolderName(), formatReais(answer.GetReversal().GetAmountMinor()))
	}
	return nil
}

// formatReais formats an amount in centavos.
func formatReais(minor int64) string {
	sign := ""
	if minor < 0 {
		sign, minor = "-", -minor
	}
	return fmt.Sprintf("BRL %s%d.%02d", sign, minor/100, minor%100)
}

// pad cuts or pads a text to a width.
func pad(text string, width int) string {
	runes := []rune(text)
	if len(runes) > width {
		return string(runes[:width])
	}
	return text + strings.Repeat(" ", width-len(runes))
}
