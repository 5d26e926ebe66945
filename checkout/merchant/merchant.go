// Package merchant is the use case of merchants: who they are, which users act for them, and the secrets with which
// their programs prove who they are.
//
//	merchant.go  Service: merchants, their members and their secrets
//	secret.go    Secret: what is kept of a secret, and the form of its text
//	verify.go    Verifier: whose a secret is
//	port.go      what a store promises
package merchant

import (
	"context"
	"io"
	"time"

	"codebank.dev/checkout"
	"codebank.dev/platform/fault"
	"codebank.dev/platform/field"
	"codebank.dev/platform/id"
)

// The bounds of a page.
const (
	DefaultPageSize = 50
	MaxPageSize     = 200
)

// Member is a user who acts for a merchant.
type Member struct {
	Merchant string // slug
	User     id.ID
	AddedAt  time.Time
}

// Service is merchants, for who may act for them. All fields are required; it is safe for concurrent use. Its
// errors are those of its store, and fault.InvalidArgument.
type Service struct {
	Store Store
	// Random makes ids and secrets.
	Random io.Reader
}

// Create stores a new merchant. checkout.ErrSlugTaken.
func (s *Service) Create(ctx context.Context, act checkout.Act, merchant checkout.Merchant) (checkout.Merchant, error) {
	if err := checkAct(&act); err != nil {
		return checkout.Merchant{}, err
	}
	if err := merchant.Check(""); err != nil {
		return checkout.Merchant{}, err
	}
	if err := checkout.CheckNewSlug("slug", merchant.Slug); err != nil {
		return checkout.Merchant{}, err
	}
	merchant.Version, merchant.CreatedAt, merchant.UpdatedAt = 1, act.Record.At, act.Record.At
	return s.Store.CreateMerchant(ctx, act, merchant)
}

// Update changes a merchant. checkout.ErrNoMerchant; checkout.ErrChanged.
func (s *Service) Update(ctx context.Context, act checkout.Act, slug string, change checkout.MerchantChange) (checkout.Merchant, error) {
	if err := checkAct(&act); err != nil {
		return checkout.Merchant{}, err
	}
	return s.Store.ChangeMerchant(ctx, act, slug, func(m checkout.Merchant) (checkout.Merchant, error) {
		return m.Changed(change, act.Record.At)
	})
}

// List returns a page of the merchants that the actor acts for, in the order of their slugs, behind the slug in
// after. next is where the following page begins, "" when there is none.
func (s *Service) List(ctx context.Context, by checkout.Actor, after string, size int32) (page []checkout.Merchant, next string, err error) {
	limit, err := field.PageSize("page_size", size, DefaultPageSize, MaxPageSize)
	if err != nil {
		return nil, "", err
	}
	page, err = s.Store.Merchants(ctx, by, after, limit+1)
	if err == nil && len(page) > limit {
		page = page[:limit]
		next = page[limit-1].Slug
	}
	return page, next, err
}

// AddMember makes a user a member. It is no error if he is one. checkout.ErrNoMerchant.
func (s *Service) AddMember(ctx context.Context, act checkout.Act, slug string, user id.ID) (Member, error) {
	if err := checkAct(&act); err != nil {
		return Member{}, err
	}
	return s.Store.AddMember(ctx, act, slug, user)
}

// RemoveMember makes a user a member no more. It is no error if he is none. checkout.ErrNoMerchant.
func (s *Service) RemoveMember(ctx context.Context, act checkout.Act, slug string, user id.ID) error {
	if err := checkAct(&act); err != nil {
		return err
	}
	return s.Store.RemoveMember(ctx, act, slug, user)
}

// Members returns a page of the members, in the order of their ids, behind the one in after. next is where the
// following page begins, zero when there is none. checkout.ErrNoMerchant.
//
// tidy:parameters who asks, for what, and which page
func (s *Service) Members(ctx context.Context, by checkout.Actor, slug string, after id.ID, size int32) (page []Member, next id.ID, err error) {
	limit, err := field.PageSize("page_size", size, DefaultPageSize, MaxPageSize)
	if err != nil {
		return nil, id.ID{}, err
	}
	page, err = s.Store.Members(ctx, by, slug, Page{After: after, Limit: limit + 1})
	if err == nil && len(page) > limit {
		page = page[:limit]
		next = page[limit-1].User
	}
	return page, next, err
}

// CreateSecret makes a secret. text is shown once; it is empty in the answer to a repeat, because nobody can tell
// it any more. checkout.ErrNoMerchant; ErrTwoSecrets.
func (s *Service) CreateSecret(ctx context.Context, act checkout.Act, slug string, mode Mode) (secret Secret, text string, err error) {
	if err := checkAct(&act); err != nil {
		return Secret{}, "", err
	}
	if mode != Test && mode != Live {
		return Secret{}, "", fault.Invalid("mode", "A secret is for test or for live.")
	}
	made, text, err := NewSecret(slug, mode, act.Record.At, s.Random)
	if err != nil {
		return Secret{}, "", err
	}
	stored, err := s.Store.CreateSecret(ctx, act, made, HashOf(text))
	if err != nil || stored.ID != made.ID {
		return stored, "", err
	}
	return stored, text, nil
}

// RevokeSecret ends a secret for good. It is no error if it has ended. checkout.ErrNoMerchant; ErrNoSecret.
func (s *Service) RevokeSecret(ctx context.Context, act checkout.Act, slug string, secret id.ID) (Secret, error) {
	if err := checkAct(&act); err != nil {
		return Secret{}, err
	}
	return s.Store.RevokeSecret(ctx, act, slug, secret)
}

func checkAct(act *checkout.Act) error { return field.Word("request_id", act.RequestID) }
