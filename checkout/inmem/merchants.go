package inmem

import (
	"bytes"
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"codebank.dev/checkout"
	"codebank.dev/checkout/merchant"
	"codebank.dev/platform/id"
)

type member struct {
	merchant string
	user     id.ID
}

type secret struct {
	merchant.Secret
	hash merchant.Hash
}

// actsFor reports whether an actor acts for a merchant.
func (s *Store) actsFor(by checkout.Actor, slug string) bool {
	_, isMember := s.members[member{slug, by.User}]
	return by.Operator || by.Merchant == slug || isMember
}

// merchantFor returns a merchant that an actor acts for.
func (s *Store) merchantFor(by checkout.Actor, slug string) (checkout.Merchant, error) {
	m, there := s.merchants[slug]
	if !there || !s.actsFor(by, slug) {
		return checkout.Merchant{}, checkout.ErrNoMerchant
	}
	return m, nil
}

// CreateMerchant implements merchant.Merchants.
func (s *Store) CreateMerchant(_ context.Context, a checkout.Act, m checkout.Merchant) (checkout.Merchant, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return once(s, &a, func() (checkout.Merchant, error) {
		if _, there := s.merchants[m.Slug]; there {
			return m, checkout.ErrSlugTaken
		}
		s.merchants[m.Slug] = m
		return m, nil
	})
}

// ChangeMerchant implements merchant.Merchants.
func (s *Store) ChangeMerchant(_ context.Context, a checkout.Act, slug string, change func(checkout.Merchant) (checkout.Merchant, error)) (checkout.Merchant, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return once(s, &a, func() (checkout.Merchant, error) {
		m, err := s.merchantFor(a.By, slug)
		if err != nil {
			return m, err
		}
		if m, err = change(m); err == nil {
			s.merchants[slug] = m
		}
		return m, err
	})
}

// Merchant implements merchant.Merchants.
func (s *Store) Merchant(_ context.Context, by checkout.Actor, slug string) (checkout.Merchant, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.merchantFor(by, slug)
}

// Merchants implements merchant.Merchants.
func (s *Store) Merchants(_ context.Context, by checkout.Actor, after string, limit int) ([]checkout.Merchant, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	found := []checkout.Merchant{}
	for _, slug := range slices.Sorted(maps.Keys(s.merchants)) {
		if slug > after && s.actsFor(by, slug) && len(found) < limit {
			found = append(found, s.merchants[slug])
		}
	}
	return found, nil
}

// StoresFor implements merchant.Stores.
func (s *Store) StoresFor(_ context.Context, by checkout.Actor) ([]string, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	found := []string{}
	for _, slug := range slices.Sorted(maps.Keys(s.stores)) {
		if s.actsFor(by, s.stores[slug].merchant) {
			found = append(found, slug)
		}
	}
	return found, nil
}

// AddMember implements merchant.Members.
func (s *Store) AddMember(_ context.Context, a checkout.Act, slug string, user id.ID) (merchant.Member, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return once(s, &a, func() (merchant.Member, error) {
		if _, err := s.merchantFor(a.By, slug); err != nil {
			return merchant.Member{}, err
		}
		key := member{slug, user}
		if _, there := s.members[key]; !there {
			s.members[key] = a.Record.At
		}
		return merchant.Member{Merchant: slug, User: user, AddedAt: s.members[key]}, nil
	})
}

// RemoveMember implements merchant.Members.
func (s *Store) RemoveMember(_ context.Context, a checkout.Act, slug string, user id.ID) error {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	_, err := once(s, &a, func() (bool, error) {
		if _, err := s.merchantFor(a.By, slug); err != nil {
			return false, err
		}
		delete(s.members, member{slug, user})
		return true, nil
	})
	return err
}

// Members implements merchant.Members.
func (s *Store) Members(_ context.Context, by checkout.Actor, slug string, page merchant.Page) ([]merchant.Member, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if _, err := s.merchantFor(by, slug); err != nil {
		return nil, err
	}
	found := []merchant.Member{}
	for key, added := range s.members {
		if key.merchant == slug && bytes.Compare(key.user[:], page.After[:]) > 0 {
			found = append(found, merchant.Member{Merchant: slug, User: key.user, AddedAt: added})
		}
	}
	slices.SortFunc(found, func(a, b merchant.Member) int { return bytes.Compare(a.User[:], b.User[:]) })
	return found[:min(page.Limit, len(found))], nil
}

// CreateSecret implements merchant.Secrets.
func (s *Store) CreateSecret(_ context.Context, a checkout.Act, made merchant.Secret, hash merchant.Hash) (merchant.Secret, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return once(s, &a, func() (merchant.Secret, error) {
		if _, err := s.merchantFor(a.By, made.Merchant); err != nil {
			return made, err
		}
		live := 0
		for _, other := range s.secrets {
			if other.Merchant == made.Merchant && other.Mode == made.Mode && other.RevokedAt.IsZero() {
				live++
			}
		}
		if live >= merchant.MaxLive {
			return made, merchant.ErrTwoSecrets
		}
		s.secrets[made.ID] = &secret{made, hash}
		return made, nil
	})
}

// RevokeSecret implements merchant.Secrets.
func (s *Store) RevokeSecret(_ context.Context, a checkout.Act, slug string, id id.ID) (merchant.Secret, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return once(s, &a, func() (merchant.Secret, error) {
		if _, err := s.merchantFor(a.By, slug); err != nil {
			return merchant.Secret{}, err
		}
		found, there := s.secrets[id]
		if !there || found.Merchant != slug {
			return merchant.Secret{}, merchant.ErrNoSecret
		}
		if found.RevokedAt.IsZero() {
			found.RevokedAt = a.Record.At
		}
		return found.Secret, nil
	})
}

// Secrets implements merchant.Secrets.
func (s *Store) Secrets(_ context.Context, by checkout.Actor, slug string) ([]merchant.Secret, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if _, err := s.merchantFor(by, slug); err != nil {
		return nil, err
	}
	found := []merchant.Secret{}
	for _, one := range s.secrets {
		if one.Merchant == slug {
			found = append(found, one.Secret)
		}
	}
	slices.SortFunc(found, func(a, b merchant.Secret) int {
		return cmp.Or(b.CreatedAt.Compare(a.CreatedAt), strings.Compare(a.ID.String(), b.ID.String()))
	})
	return found[:min(merchant.MaxListed, len(found))], nil
}

// FindSecret implements merchant.Secrets.
func (s *Store) FindSecret(_ context.Context, hash merchant.Hash, now time.Time) (merchant.Secret, merchant.Hash, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	for _, one := range s.secrets {
		if one.hash == hash && one.RevokedAt.IsZero() {
			if day := now.UTC().Truncate(24 * time.Hour); one.LastUsedOn.Before(day) {
				one.LastUsedOn = day
			}
			return one.Secret, one.hash, nil
		}
	}
	return merchant.Secret{}, merchant.Hash{}, merchant.ErrNoSecret
}
