package checkouttest

import (
	"fmt"
	"testing"
	"time"

	"codebank.dev/checkout"
	"codebank.dev/checkout/inmem"
	"codebank.dev/checkout/merchant"
	"codebank.dev/platform/fault"
	"codebank.dev/platform/id"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// TestMerchantRuns shows that a store answers random sequences of acts and reads, by whomever, as the one in memory
// does. open returns an empty store.
func TestMerchantRuns(t *testing.T, open func(testing.TB) Store) {
	run := 0
	rapid.Check(t, func(r *rapid.T) {
		run++
		m := &merchantRun{T: r, test: t, number: run, stores: [2]Store{open(t), inmem.NewStore()}, now: Start()}
		for _, store := range m.stores {
			require.NoError(r, store.Seed(t.Context(), Seeds(), Start()))
		}
		for range rapid.IntRange(1, 40).Draw(r, "steps") {
			m.now = m.now.Add(time.Duration(rapid.IntRange(0, 2).Draw(r, "hours")) * 9 * time.Hour)
			m.step()
		}
		m.compareCatalogues()
	})
}

// merchantRun is one sequence.
type merchantRun struct {
	*rapid.T
	test    *testing.T
	number  int
	stores  [2]Store
	now     time.Time
	secrets []merchant.Secret
}

// user returns one of three users.
func (m *merchantRun) user() id.ID {
	return id.Derive(id.ID{2}, fmt.Sprint(rapid.IntRange(0, 2).Draw(m.T, "user")))
}

func (m *merchantRun) actor() checkout.Actor {
	return rapid.SampledFrom([]checkout.Actor{
		Operator(), Operator(), {Merchant: "paper"}, {Merchant: "beans"}, {User: m.user()}, {User: m.user()}, {},
	}).Draw(m.T, "actor")
}

func (m *merchantRun) merchant() string {
	return rapid.SampledFrom([]string{"paper", "beans", "wood"}).Draw(m.T, "merchant")
}

// act returns an act whose request id is perhaps that of another.
func (m *merchantRun) act(what string) checkout.Act {
	act := Act(m.actor(), fmt.Sprint("r", rapid.IntRange(0, 30).Draw(m.T, "request")))
	act.Fingerprint = checkout.ActFingerprint(act.Fingerprint[:], []byte(what))
	act.Record.At = m.now
	return act
}

// both does something in both stores, and requires that they answer the same.
func both[T any](m *merchantRun, what string, do func(Store) (T, error)) T {
	got, err := do(m.stores[0])
	want, wantErr := do(m.stores[1])
	if wantErr != nil {
		require.Error(m, err, what)
		require.Equal(m, fault.Of(wantErr).Reason, fault.Of(err).Reason, what)
		return want
	}
	require.NoError(m, err, what)
	require.Equal(m, want, got, what)
	return want
}

func (m *merchantRun) step() {
	ctx := m.test.Context()
	slug, product := m.merchant(), rapid.SampledFrom([]string{"atlas", "novel", "espresso", "globe"}).Draw(m.T, "product")
	version, price := int64(rapid.IntRange(0, 3).Draw(m.T, "version")), int64(rapid.IntRange(1, 3).Draw(m.T, "price"))
	switch op := rapid.IntRange(0, 11).Draw(m.T, "op"); op {
	case 0:
		act := m.act("create " + slug)
		made := checkout.Merchant{Slug: slug, Name: slug, Version: 1, CreatedAt: m.now, UpdatedAt: m.now}
		both(m, "create merchant", func(s Store) (checkout.Merchant, error) { return s.CreateMerchant(ctx, act, made) })
	case 1:
		name := fmt.Sprint("Name ", price)
		act, change := m.act(fmt.Sprint("change ", slug, name, version)), checkout.MerchantChange{Name: &name, Version: version}
		both(m, "change merchant", func(s Store) (checkout.Merchant, error) {
			return s.ChangeMerchant(ctx, act, slug, func(c checkout.Merchant) (checkout.Merchant, error) { return c.Changed(change, act.Record.At) })
		})
	case 2:
		user := m.user()
		act := m.act("add " + slug + user.String())
		both(m, "add member", func(s Store) (merchant.Member, error) { return s.AddMember(ctx, act, slug, user) })
	case 3:
		user := m.user()
		act := m.act("remove " + slug + user.String())
		both(m, "remove member", func(s Store) (bool, error) { return true, s.RemoveMember(ctx, act, slug, user) })
	case 4:
		act := m.act("store " + slug)
		opened := checkout.Store{Slug: "new-" + slug, Name: slug, CategoryCode: "5942", City: "Recife", Country: "BR"}
		both(m, "create store", func(s Store) (checkout.Store, error) { return s.CreateStore(ctx, act, slug, opened) })
	case 5:
		store := rapid.SampledFrom([]string{"books", "coffee", "new-wood", "nothing"}).Draw(m.T, "store")
		act := m.act("product " + store + product)
		made := checkout.Product{
			ID: id.Derive(id.ID{3}, fmt.Sprint(m.number, act.Caller, act.RequestID, store, product)), Slug: product, Name: product, Description: "X.",
			Price: Reais(price), Store: checkout.Store{Slug: store},
		}
		both(m, "create product", func(s Store) (checkout.Product, error) { return s.CreateProduct(ctx, act, made) })
	case 6, 7:
		act := m.act(fmt.Sprint("price ", product, price, version))
		change := checkout.ProductChange{PriceMinor: &price, Version: version}
		both(m, "change product", func(s Store) (checkout.Product, error) {
			return s.ChangeProduct(ctx, act, product, func(p checkout.Product) (checkout.Product, error) { return p.Changed(change) })
		})
	case 8:
		act := m.act(fmt.Sprint("retire ", product, version))
		both(m, "retire product", func(s Store) (checkout.Product, error) {
			return s.ChangeProduct(ctx, act, product, func(p checkout.Product) (checkout.Product, error) { return p.Retire(version) })
		})
	default:
		m.secretStep(op, slug)
	}
	by := m.actor()
	both(m, "merchants", func(s Store) ([]checkout.Merchant, error) { return s.Merchants(ctx, by, "", 10) })
	both(m, "members", func(s Store) ([]merchant.Member, error) { return s.Members(ctx, by, slug, merchant.Page{Limit: 10}) })
	both(m, "secrets", func(s Store) ([]merchant.Secret, error) { return s.Secrets(ctx, by, slug) })
}

// secretStep makes, revokes or uses a secret. The text of a secret is its id.
func (m *merchantRun) secretStep(op int, slug string) {
	ctx := m.test.Context()
	if op == 9 || len(m.secrets) == 0 {
		mode := merchant.Mode(rapid.IntRange(1, 2).Draw(m.T, "mode"))
		act := m.act(fmt.Sprint("secret ", slug, mode))
		made := merchant.Secret{
			ID: id.Derive(id.ID{4}, fmt.Sprint(m.number, len(m.secrets), act.Caller, act.RequestID)), Merchant: slug, Mode: mode, Last4: "abcd", CreatedAt: m.now,
		}
		hash := merchant.HashOf(made.ID.String())
		both(m, "create secret", func(s Store) (merchant.Secret, error) { return s.CreateSecret(ctx, act, made, hash) })
		m.secrets = append(m.secrets, made)
		return
	}
	chosen := rapid.SampledFrom(m.secrets).Draw(m.T, "secret")
	if op == 10 {
		act := m.act("revoke " + slug + chosen.ID.String())
		both(m, "revoke secret", func(s Store) (merchant.Secret, error) { return s.RevokeSecret(ctx, act, slug, chosen.ID) })
		return
	}
	both(m, "find secret", func(s Store) (merchant.Secret, error) {
		found, hash, err := s.FindSecret(ctx, merchant.HashOf(chosen.ID.String()), m.now)
		require.True(m, err != nil || hash == merchant.HashOf(chosen.ID.String()))
		return found, err
	})
}

// compareCatalogues requires that both stores sell the same.
func (m *merchantRun) compareCatalogues() {
	both(m, "catalogue", func(s Store) ([]checkout.Product, error) {
		products, _, err := s.Load(m.test.Context())
		return products, err
	})
}
