package checkouttest

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"codebank.dev/checkout"
	"codebank.dev/checkout/merchant"
	"codebank.dev/platform/id"
	"github.com/stretchr/testify/require"
)

// testMerchants holds a store to the ports of merchants and of what they sell.
func testMerchants(t *testing.T, open func(testing.TB) Store) {
	for _, rule := range []struct {
		name string
		show func(*testing.T, Store)
	}{
		{"a merchant is there for operators, its members and its secrets", merchantIsItsOwn},
		{"an act is done once, and a refused one leaves nothing", actIsDoneOnce},
		{"acts at once under one request id are one", actsAtOnceAreOne},
		{"merchants are read in pages without gaps or repeats", merchantsArePaged},
		{"members come and go", membersComeAndGo},
		{"two secrets of a mode are live, and a revoked one is none", secretsAreTwo},
		{"secrets made at once are two", secretsAtOnceAreTwo},
		{"a merchant changes his own catalogue", catalogueIsChanged},
		{"a change from an old version is refused", oldVersionIsRefused},
	} {
		t.Run(rule.name, func(t *testing.T) {
			store := open(t)
			require.NoError(t, store.Seed(t.Context(), Seeds(), Start()))
			rule.show(t, store)
		})
	}
}

// named returns a change of the name.
func named(name string) func(checkout.Merchant) (checkout.Merchant, error) {
	return func(m checkout.Merchant) (checkout.Merchant, error) {
		return m.Changed(checkout.MerchantChange{Name: &name}, Start().Add(time.Hour))
	}
}

// addMember makes a new user a member, and returns him.
func addMember(t testing.TB, store Store, slug string) checkout.Actor {
	t.Helper()
	user := NewID(t)
	_, err := store.AddMember(t.Context(), Act(Operator(), rand.Text()), slug, user)
	require.NoError(t, err)
	return checkout.Actor{User: user}
}

func merchantIsItsOwn(t *testing.T, store Store) {
	ctx := t.Context()
	member := addMember(t, store, "paper")
	for name, actor := range map[string]checkout.Actor{"operator": Operator(), "member": member, "secret": {Merchant: "paper"}} {
		found, err := store.Merchant(ctx, actor, "paper")
		require.NoError(t, err, name)
		require.Equal(t, "Papelaria", found.Name)
		changed, err := store.ChangeMerchant(ctx, Act(actor, "r1"), "paper", named(name))
		require.NoError(t, err, name)
		require.Equal(t, name, changed.Name)
		found, err = store.Merchant(ctx, actor, "paper")
		require.NoError(t, err)
		require.Equal(t, changed, found)
		_, err = store.ChangeMerchant(ctx, Act(actor, "r2"), "paper", named("Papelaria"))
		require.NoError(t, err)
	}
	for name, actor := range map[string]checkout.Actor{
		"nobody": {}, "another's member": addMember(t, store, "beans"), "another's secret": {Merchant: "beans"},
	} {
		_, err := store.Merchant(ctx, actor, "paper")
		require.ErrorIs(t, err, checkout.ErrNoMerchant, name)
		_, err = store.ChangeMerchant(ctx, Act(actor, "r1"), "paper", named("Mine"))
		require.ErrorIs(t, err, checkout.ErrNoMerchant, name)
		_, err = store.AddMember(ctx, Act(actor, "r2"), "paper", NewID(t))
		require.ErrorIs(t, err, checkout.ErrNoMerchant, name)
		require.ErrorIs(t, store.RemoveMember(ctx, Act(actor, "r3"), "paper", member.User), checkout.ErrNoMerchant, name)
		_, err = store.Members(ctx, actor, "paper", merchant.Page{Limit: 10})
		require.ErrorIs(t, err, checkout.ErrNoMerchant, name)
		secret, text, err := merchant.NewSecret("paper", merchant.Live, Start(), rand.Reader)
		require.NoError(t, err)
		_, err = store.CreateSecret(ctx, Act(actor, "r4"), secret, merchant.HashOf(text))
		require.ErrorIs(t, err, checkout.ErrNoMerchant, name)
		_, err = store.Secrets(ctx, actor, "paper")
		require.ErrorIs(t, err, checkout.ErrNoMerchant, name)
		_, err = store.RevokeSecret(ctx, Act(actor, "r5"), "paper", secret.ID)
		require.ErrorIs(t, err, checkout.ErrNoMerchant, name)
		_, err = store.CreateStore(ctx, Act(actor, "r6"), "paper", Products()[0].Store)
		require.ErrorIs(t, err, checkout.ErrNoMerchant, name)
		_, err = store.CreateProduct(ctx, Act(actor, "r7"), Products()[0])
		require.ErrorIs(t, err, checkout.ErrNoStore, name)
		_, err = store.ChangeProduct(ctx, Act(actor, "r8"), "atlas", func(p checkout.Product) (checkout.Product, error) { return p.Retire(0) })
		require.ErrorIs(t, err, checkout.ErrNoProduct, name)
		_, err = store.ProductSlug(ctx, actor, Products()[0].ID)
		require.ErrorIs(t, err, checkout.ErrNoProduct, name)
	}
	_, err := store.Merchant(ctx, Operator(), "nothing")
	require.ErrorIs(t, err, checkout.ErrNoMerchant)
}

func actIsDoneOnce(t *testing.T, store Store) {
	ctx := t.Context()
	act := Act(Operator(), "r1")
	made := checkout.Merchant{Slug: "wood", Name: "Marcenaria", Version: 1, CreatedAt: Start(), UpdatedAt: Start()}
	first, err := store.CreateMerchant(ctx, act, made)
	require.NoError(t, err)
	require.Equal(t, made, first)
	_, err = store.ChangeMerchant(ctx, Act(Operator(), "r2"), "wood", named("Outra"))
	require.NoError(t, err)
	again, err := store.CreateMerchant(ctx, act, made)
	require.NoError(t, err)
	require.Equal(t, first, again, "the first answer")
	other := act
	other.Fingerprint[0]++
	_, err = store.CreateMerchant(ctx, other, made)
	require.ErrorIs(t, err, checkout.ErrActReused)
	_, err = store.CreateMerchant(ctx, Act(Operator(), "r3"), made)
	require.ErrorIs(t, err, checkout.ErrSlugTaken)
	made.Slug = "iron"
	_, err = store.CreateMerchant(ctx, Act(Operator(), "r3"), made)
	require.NoError(t, err, "the request id of a refused act is free")

	price := int64(4190)
	change := func(p checkout.Product) (checkout.Product, error) {
		return p.Changed(checkout.ProductChange{PriceMinor: &price})
	}
	sold, err := store.ChangeProduct(ctx, Act(Operator(), "r4"), "novel", change)
	require.NoError(t, err)
	Reprice(t, store, "novel", 1)
	repeated, err := store.ChangeProduct(ctx, Act(Operator(), "r4"), "novel", change)
	require.NoError(t, err)
	require.Equal(t, sold, repeated)
}

func actsAtOnceAreOne(t *testing.T, store Store) {
	var working sync.WaitGroup
	var mutex sync.Mutex
	versions := make(map[int64]int)
	for i := range 8 {
		working.Go(func() {
			changed, err := store.ChangeMerchant(t.Context(), Act(Operator(), "r1"), "paper", named(fmt.Sprint("Name ", i)))
			if err != nil {
				t.Error(err)
			}
			mutex.Lock()
			defer mutex.Unlock()
			versions[changed.Version]++
		})
	}
	working.Wait()
	require.Equal(t, map[int64]int{2: 8}, versions)
}

func merchantsArePaged(t *testing.T, store Store) {
	member := addMember(t, store, "paper")
	for actor, want := range map[checkout.Actor][]string{
		Operator(): {"beans", "paper"}, member: {"paper"}, {Merchant: "beans"}: {"beans"}, {}: nil,
	} {
		var slugs []string
		for after := ""; ; {
			page, err := store.Merchants(t.Context(), actor, after, 1)
			require.NoError(t, err)
			if len(page) == 0 {
				break
			}
			require.Len(t, page, 1)
			after = page[0].Slug
			slugs = append(slugs, after)
		}
		require.Equal(t, want, slugs)
	}
}

func membersComeAndGo(t *testing.T, store Store) {
	ctx := t.Context()
	first := addMember(t, store, "paper")
	users := []id.ID{first.User}
	for i := range 3 { // A member adds others.
		user := NewID(t)
		added, err := store.AddMember(ctx, Act(first, fmt.Sprint("r", i)), "paper", user)
		require.NoError(t, err)
		require.Equal(t, merchant.Member{Merchant: "paper", User: user, AddedAt: Start()}, added)
		users = append(users, user)
	}
	slices.SortFunc(users, func(a, b id.ID) int { return bytes.Compare(a[:], b[:]) })
	var listed []id.ID
	for {
		page := merchant.Page{Limit: 3}
		if len(listed) > 0 {
			page.After = listed[len(listed)-1]
		}
		found, err := store.Members(ctx, first, "paper", page)
		require.NoError(t, err)
		if len(found) == 0 {
			break
		}
		for _, m := range found {
			listed = append(listed, m.User)
		}
	}
	require.Equal(t, users, listed)
	later := Act(Operator(), "later")
	later.Record.At = Start().Add(time.Hour)
	again, err := store.AddMember(ctx, later, "paper", first.User)
	require.NoError(t, err)
	require.Equal(t, Start(), again.AddedAt, "he is one already")
	for i := range 2 {
		require.NoError(t, store.RemoveMember(ctx, Act(Operator(), fmt.Sprint("out", i)), "paper", first.User))
	}
	_, err = store.Merchant(ctx, first, "paper")
	require.ErrorIs(t, err, checkout.ErrNoMerchant)
}

// createSecret stores a secret of a merchant, and returns its text.
func createSecret(t testing.TB, store Store, slug string, mode merchant.Mode) (merchant.Secret, string, error) {
	t.Helper()
	secret, text, err := merchant.NewSecret(slug, mode, Start(), rand.Reader)
	require.NoError(t, err)
	stored, err := store.CreateSecret(t.Context(), Act(Operator(), rand.Text()), secret, merchant.HashOf(text))
	return stored, text, err
}

func secretsAreTwo(t *testing.T, store Store) {
	ctx := t.Context()
	var made []merchant.Secret
	texts := make(map[id.ID]string)
	for _, mode := range []merchant.Mode{merchant.Test, merchant.Live} {
		for range merchant.MaxLive {
			secret, text, err := createSecret(t, store, "paper", mode)
			require.NoError(t, err)
			require.Equal(t, text[len(text)-4:], secret.Last4)
			made = append(made, secret)
			texts[secret.ID] = text
		}
		_, _, err := createSecret(t, store, "paper", mode)
		require.ErrorIs(t, err, merchant.ErrTwoSecrets)
	}
	_, _, err := createSecret(t, store, "beans", merchant.Live)
	require.NoError(t, err, "another merchant has two of his own")
	listed, err := store.Secrets(ctx, Operator(), "paper")
	require.NoError(t, err)
	require.ElementsMatch(t, made, listed)

	noon := Start().Add(36 * time.Hour)
	for range 2 {
		found, hash, err := store.FindSecret(ctx, merchant.HashOf(texts[made[0].ID]), noon)
		require.NoError(t, err)
		require.Equal(t, merchant.HashOf(texts[made[0].ID]), hash)
		require.Equal(t, made[0].ID, found.ID)
		require.Equal(t, noon.Truncate(24*time.Hour), found.LastUsedOn)
	}
	_, _, err = store.FindSecret(ctx, merchant.HashOf("sk_live_x"), noon)
	require.ErrorIs(t, err, merchant.ErrNoSecret)

	_, err = store.RevokeSecret(ctx, Act(Operator(), "wrong"), "beans", made[0].ID)
	require.ErrorIs(t, err, merchant.ErrNoSecret, "another merchant's")
	for i := range 2 {
		revoked, err := store.RevokeSecret(ctx, Act(Operator(), fmt.Sprint("r", i)), "paper", made[0].ID)
		require.NoError(t, err)
		require.Equal(t, Start(), revoked.RevokedAt)
	}
	_, _, err = store.FindSecret(ctx, merchant.HashOf(texts[made[0].ID]), noon)
	require.ErrorIs(t, err, merchant.ErrNoSecret)
	_, _, err = store.FindSecret(ctx, merchant.HashOf(texts[made[1].ID]), noon)
	require.NoError(t, err)
	_, _, err = createSecret(t, store, "paper", merchant.Test)
	require.NoError(t, err, "its place is free")
}

func secretsAtOnceAreTwo(t *testing.T, store Store) {
	var working sync.WaitGroup
	var mutex sync.Mutex
	live := 0
	for range 8 {
		working.Go(func() {
			_, _, err := createSecret(t, store, "paper", merchant.Live)
			mutex.Lock()
			defer mutex.Unlock()
			if err == nil {
				live++
			}
		})
	}
	working.Wait()
	require.Equal(t, merchant.MaxLive, live)
}

func catalogueIsChanged(t *testing.T, store Store) {
	ctx := t.Context()
	member := addMember(t, store, "paper")
	shop := checkout.Store{Slug: "maps", Name: "Mapas", CategoryCode: "5942", City: "Recife", Country: "BR"}
	opened, err := store.CreateStore(ctx, Act(member, "r1"), "paper", shop)
	require.NoError(t, err)
	require.Equal(t, shop, opened)
	_, err = store.CreateStore(ctx, Act(Operator(), "r1"), "beans", shop)
	require.ErrorIs(t, err, checkout.ErrSlugTaken)

	globe := checkout.Product{
		ID: NewID(t), Slug: "globe", Name: "Globo", Description: "Redondo.", Price: Reais(9900), PictureURL: "https://example.com/globe.png",
		Store: checkout.Store{Slug: "maps"},
	}
	created, err := store.CreateProduct(ctx, Act(checkout.Actor{Merchant: "paper"}, "r1"), globe)
	require.NoError(t, err)
	globe.Store, globe.Merchant, globe.Version = shop, "paper", 1
	require.Equal(t, globe, created)
	_, err = store.CreateProduct(ctx, Act(member, "r2"), globe)
	require.ErrorIs(t, err, checkout.ErrSlugTaken)
	slug, err := store.ProductSlug(ctx, member, globe.ID)
	require.NoError(t, err)
	require.Equal(t, "globe", slug)

	name, price := "Globo terrestre", int64(8900)
	changed, err := store.ChangeProduct(ctx, Act(member, "r3"), "globe", func(p checkout.Product) (checkout.Product, error) {
		return p.Changed(checkout.ProductChange{Name: &name, PriceMinor: &price, Version: 1})
	})
	require.NoError(t, err)
	globe.Name, globe.Price, globe.Version = name, Reais(price), 2
	require.Equal(t, globe, changed)
	products, _, err := store.Load(ctx)
	require.NoError(t, err)
	require.Contains(t, products, globe)

	Retire(t, store, "globe")
	products, _, err = store.Load(ctx)
	require.NoError(t, err)
	require.Equal(t, Products(), products)
	_, err = store.CreateProduct(ctx, Act(member, "r4"), globe)
	require.ErrorIs(t, err, checkout.ErrSlugTaken, "the slug of a retired product stays taken")
}

func oldVersionIsRefused(t *testing.T, store Store) {
	ctx := t.Context()
	retire := func(version int64) func(checkout.Product) (checkout.Product, error) {
		return func(p checkout.Product) (checkout.Product, error) { return p.Retire(version) }
	}
	Reprice(t, store, "novel", 1)
	_, err := store.ChangeProduct(ctx, Act(Operator(), "r1"), "novel", retire(1))
	require.ErrorIs(t, err, checkout.ErrChanged)
	retired, err := store.ChangeProduct(ctx, Act(Operator(), "r1"), "novel", retire(2))
	require.NoError(t, err)
	require.True(t, retired.Retired)
	require.EqualValues(t, 3, retired.Version)
	_, err = store.ChangeProduct(ctx, Act(Operator(), "r2"), "novel", retire(0))
	require.ErrorIs(t, err, checkout.ErrRetired)
	other := "Outra"
	_, err = store.ChangeMerchant(ctx, Act(Operator(), "r3"), "paper", func(m checkout.Merchant) (checkout.Merchant, error) {
		return m.Changed(checkout.MerchantChange{Name: &other, Version: 7}, Start())
	})
	require.ErrorIs(t, err, checkout.ErrChanged)
}
