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
	// orders is how many are placed while shopping.
	orders = 520
	// shoppers is how many people stand at a checkout at any moment.
	shoppers = 8
	// orderEvery paces each of them: a shop, not a benchmark.
	orderEvery = 100 * time.Millisecond
	// seed makes every demonstration buy the same.
	seed = 2026
)

// names are the customers of the bank, one card each.
var names = []string{
	"Ana Beatriz Moura", "Bruno Cavalcanti", "Carla Figueiredo", "Diego Sampaio", "Elisa Nogueira", "Felipe Arruda",
	"Gabriela Pacheco", "Heitor Valadares", "Isabel Queiroz", "João Vitor Prado", "Karina Lacerda", "Lucas Brandão",
	"Mariana Teles", "Nicolas Furtado", "Olívia Santana", "Paulo Henrique Dias", "Quitéria Ramos", "Rafael Bittencourt",
	"Sofia Montenegro", "Tiago Varella", "Úrsula Camargo", "Vinícius Leal", "Wanda Siqueira", "Yasmin Duarte",
}

// issueCards gives everybody a card, with limits from modest to generous.
func (t *town) issueCards(ctx context.Context) error {
	for i, name := range names {
		issued, err := t.cards.IssueCard(ctx, &bankv1.IssueCardRequest{
			RequestId: fmt.Sprintf("demo-card-%d", i), HolderName: name,
			Brand:    bankv1.CardBrand(1 + i%8),
			Currency: "BRL", CreditLimitMinor: int64(1_000_000 + 500_000*(i%5)),
		})
		if err != nil {
			return err
		}
		t.people = append(t.people, &person{issued.GetCard(), issued.GetCardData()})
	}
	t.printf("  %d cards of 8 brands, limits from BRL 10000.00 to BRL 30000.00\n", len(t.people))
	return nil
}

// loadStores reads the catalogue.
func (t *town) loadStores(ctx context.Context) error {
	for token := ""; ; {
		page, err := t.checkout.ListProducts(ctx, &checkoutv1.ListProductsRequest{PageSize: 100, PageToken: token})
		if err != nil {
			return err
		}
		for _, product := range page.GetProducts() {
			store := product.GetStore().GetName()
			t.stores[store] = append(t.stores[store], product)
		}
		if token = page.GetNextPageToken(); token == "" {
			return nil
		}
	}
}

// shop has everybody place orders at all the stores.
func (t *town) shop(ctx context.Context) error {
	if err := t.loadStores(ctx); err != nil {
		return err
	}
	carts := t.plan()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	watching := t.freshness.watch(ctx)
	defer watching()
	queue := make(chan planned)
	var working sync.WaitGroup
	for range shoppers {
		working.Go(func() {
			for next := range queue {
				began := time.Now()
				if _, err := t.buy(ctx, next.who, next.cart); err != nil {
					cancel(err)
					return
				}
				if pause(ctx, orderEvery-time.Since(began)) != nil {
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
	t.printf("  %d orders at %d stores in %d cities: %d approved, %d declined\n",
		t.orders, len(t.stores), len(t.cities()), t.approved, t.orders-t.approved)
	return t.freshness.settle(ctx, settleBound)
}

type planned struct {
	who  *person
	cart *checkoutv1.PlaceOrderRequest
}

// plan decides who buys what, the same every time.
func (t *town) plan() []planned {
	random := rand.New(rand.NewPCG(seed, seed))
	var stores []string
	for store := range t.stores {
		stores = append(stores, store)
	}
	slices.Sort(stores)
	carts := make([]planned, orders)
	for i := range carts {
		who := t.people[random.IntN(len(t.people))]
		shelf := t.stores[stores[random.IntN(len(stores))]]
		cart := &checkoutv1.PlaceOrderRequest{Card: who.typed(), Attempt: 1}
		for _, at := range random.Perm(len(shelf))[:1+random.IntN(2)] {
			cart.Items = append(cart.Items, &checkoutv1.PlaceOrderItem{
				Product: shelf[at].GetName(), Quantity: int32(1 + random.IntN(3)),
			})
		}
		carts[i] = planned{who, cart}
	}
	return carts
}

func (t *town) cities() map[string]bool {
	cities := map[string]bool{}
	for _, shelf := range t.stores {
		cities[shelf[0].GetStore().GetCity()] = true
	}
	return cities
}

// giveBack reverses the last purchase of three customers.
func (t *town) giveBack(ctx context.Context) error {
	t.mutex.Lock()
	last := slices.Clone(t.bought[max(0, len(t.bought)-3):])
	t.mutex.Unlock()
	for i, purchase := range last {
		answer, err := t.purchases.ReversePurchase(asCaller(ctx, shopper), &bankv1.ReversePurchaseRequest{
			RequestId: fmt.Sprintf("demo-reversal-%d", i), Name: purchase.order.GetPurchase(), Description: "Returned within seven days",
		})
		if err != nil {
			return err
		}
		t.printf("  %s gets %s back\n", purchase.person.data.GetHolderName(), reais(answer.GetReversal().GetAmountMinor()))
	}
	return nil
}

// reais writes centavos as an amount.
func reais(minor int64) string {
	sign := ""
	if minor < 0 {
		sign, minor = "-", -minor
	}
	return fmt.Sprintf("BRL %s%d.%02d", sign, minor/100, minor%100)
}

// left returns text cut or filled to a width.
func left(text string, width int) string {
	runes := []rune(text)
	if len(runes) > width {
		return string(runes[:width])
	}
	return text + strings.Repeat(" ", width-len(runes))
}
