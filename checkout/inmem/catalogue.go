package inmem

import (
	"context"
	"crypto/rand"
	"maps"
	"slices"
	"time"

	"codebank.dev/checkout"
	"codebank.dev/platform/id"
)

// storeOf is a store with the slug of its merchant.
type storeOf struct {
	checkout.Store
	merchant string
}

// act is an act that was done, with its answer.
type act struct {
	fingerprint [32]byte
	answer      any
}

// once does something once. The caller holds the mutex. What fails must change nothing.
func once[T any](s *Store, a *checkout.Act, do func() (T, error)) (T, error) {
	key := request{a.Caller, a.RequestID}
	if done, repeated := s.acts[key]; repeated {
		if done.fingerprint != a.Fingerprint {
			var none T
			return none, checkout.ErrActReused
		}
		return done.answer.(T), nil
	}
	answer, err := do()
	if err != nil {
		var none T
		return none, err
	}
	s.acts[key] = &act{fingerprint: a.Fingerprint, answer: answer}
	return answer, nil
}

// Seed implements checkout.CatalogueStore.
func (s *Store) Seed(_ context.Context, seeds checkout.Seeds, now time.Time) error {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	for _, m := range seeds.Merchants {
		if _, there := s.merchants[m.Slug]; !there {
			s.merchants[m.Slug] = checkout.Merchant{Slug: m.Slug, Name: m.Name, Version: 1, CreatedAt: now, UpdatedAt: now}
		}
	}
	changed := false
	for _, p := range seeds.Products {
		if _, there := s.stores[p.Store.Slug]; !there {
			s.stores[p.Store.Slug] = storeOf{p.Store, p.Merchant}
			changed = true
		}
		if _, there := s.catalogue[p.Slug]; there {
			continue
		}
		if p.ID.IsZero() {
			var err error
			if p.ID, err = id.New(rand.Reader); err != nil {
				return err
			}
		}
		p.Version, p.Retired = 1, false
		s.put(p)
	}
	if changed {
		s.version++
	}
	return nil
}

// put stores a product, with its store as it is.
func (s *Store) put(p checkout.Product) checkout.Product {
	store := s.stores[p.Store.Slug]
	p.Store, p.Merchant = store.Store, store.merchant
	s.catalogue[p.Slug] = p
	s.version++
	return p
}

// Version implements checkout.CatalogueStore.
func (s *Store) Version(context.Context) (int64, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.version, nil
}

// Load implements checkout.CatalogueStore.
func (s *Store) Load(context.Context) ([]checkout.Product, int64, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	var products []checkout.Product
	for _, slug := range slices.Sorted(maps.Keys(s.catalogue)) {
		if p := s.catalogue[slug]; !p.Retired {
			products = append(products, p)
		}
	}
	return products, s.version, nil
}

// CreateStore implements checkout.CatalogueEditor.
func (s *Store) CreateStore(_ context.Context, a checkout.Act, owner string, store checkout.Store) (checkout.Store, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return once(s, &a, func() (checkout.Store, error) {
		if _, err := s.merchantFor(a.By, owner); err != nil {
			return store, err
		}
		if _, there := s.stores[store.Slug]; there {
			return store, checkout.ErrSlugTaken
		}
		s.stores[store.Slug] = storeOf{store, owner}
		s.version++
		return store, nil
	})
}

// CreateProduct implements checkout.CatalogueEditor.
func (s *Store) CreateProduct(_ context.Context, a checkout.Act, p checkout.Product) (checkout.Product, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return once(s, &a, func() (checkout.Product, error) {
		store, there := s.stores[p.Store.Slug]
		if !there || !s.actsFor(a.By, store.merchant) {
			return p, checkout.ErrNoStore
		}
		if _, there := s.catalogue[p.Slug]; there {
			return p, checkout.ErrSlugTaken
		}
		p.Version = 1
		return s.put(p), nil
	})
}

// ChangeProduct implements checkout.CatalogueEditor.
func (s *Store) ChangeProduct(_ context.Context, a checkout.Act, slug string, change func(checkout.Product) (checkout.Product, error)) (checkout.Product, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return once(s, &a, func() (checkout.Product, error) {
		p, there := s.catalogue[slug]
		if !there || !s.actsFor(a.By, p.Merchant) {
			return p, checkout.ErrNoProduct
		}
		changed, err := change(p)
		if err != nil || changed == p {
			return changed, err
		}
		return s.put(changed), nil
	})
}

// ProductSlug implements checkout.CatalogueEditor.
func (s *Store) ProductSlug(_ context.Context, by checkout.Actor, id checkout.ID) (string, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	for slug, p := range s.catalogue {
		if p.ID == id && s.actsFor(by, p.Merchant) {
			return slug, nil
		}
	}
	return "", checkout.ErrNoProduct
}
