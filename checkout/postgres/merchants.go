package postgres

import (
	"context"
	"errors"

	"codebank.dev/checkout"
	"codebank.dev/checkout/merchant"
	"codebank.dev/platform/id"
	"github.com/jackc/pgx/v5"
)

const (
	merchantColumns = `m.slug, m.name, m.settlement_account, m.version, m.created_at, m.updated_at`
	insertMerchant  = `INSERT INTO merchants (slug, name, settlement_account, version, created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $5)`
	updateMerchant  = `UPDATE merchants SET name = $2, settlement_account = $3, version = $4, updated_at = $5 WHERE slug = $1`
	oneMerchant     = `SELECT ` + merchantColumns + ` FROM merchants m WHERE m.slug = $4 AND ` + actsFor
	lockedMerchant  = oneMerchant + ` FOR NO KEY UPDATE`
	listMerchants   = `SELECT ` + merchantColumns + ` FROM merchants m WHERE m.slug > $4 AND ` + actsFor + ` ORDER BY m.slug LIMIT $5`

	insertMember = `INSERT INTO merchant_members (merchant, user_id, added_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`
	oneMember    = `SELECT merchant, user_id, added_at FROM merchant_members WHERE merchant = $1 AND user_id = $2`
	deleteMember = `DELETE FROM merchant_members WHERE merchant = $1 AND user_id = $2`
	listMembers  = `SELECT merchant, user_id, added_at FROM merchant_members WHERE merchant = $1 AND user_id > $2 ORDER BY user_id LIMIT $3`
)

// CreateMerchant implements merchant.Merchants.
func (s *Store) CreateMerchant(ctx context.Context, a checkout.Act, m checkout.Merchant) (checkout.Merchant, error) {
	return act(ctx, s, a, func(tx pgx.Tx) (checkout.Merchant, error) {
		_, err := tx.Exec(ctx, insertMerchant, m.Slug, m.Name, m.SettlementAccount, m.Version, m.CreatedAt)
		return m, taken(err)
	})
}

// ChangeMerchant implements merchant.Merchants.
func (s *Store) ChangeMerchant(ctx context.Context, a checkout.Act, slug string, change func(checkout.Merchant) (checkout.Merchant, error)) (checkout.Merchant, error) {
	return act(ctx, s, a, func(tx pgx.Tx) (checkout.Merchant, error) {
		m, err := merchantFor(ctx, tx, a.By, slug)
		if err != nil {
			return m, err
		}
		if m, err = change(m); err != nil {
			return m, err
		}
		_, err = tx.Exec(ctx, updateMerchant, m.Slug, m.Name, m.SettlementAccount, m.Version, m.UpdatedAt)
		return m, err
	})
}

// Merchant implements merchant.Merchants.
func (s *Store) Merchant(ctx context.Context, by checkout.Actor, slug string) (checkout.Merchant, error) {
	rows, err := s.pool.Query(ctx, oneMerchant, actor(by, slug)...)
	if err != nil {
		return checkout.Merchant{}, translate(err)
	}
	m, err := onlyMerchant(rows)
	return m, translate(err)
}

// Merchants implements merchant.Merchants.
func (s *Store) Merchants(ctx context.Context, by checkout.Actor, after string, limit int) ([]checkout.Merchant, error) {
	return collect(ctx, s, scanMerchant, listMerchants, actor(by, after, limit)...)
}

// maxStores bounds the stores of StoresFor.
const maxStores = 1000

// storesFor are the stores of the merchants that an actor acts for.
const storesFor = `SELECT s.slug FROM stores s JOIN merchants m ON m.slug = s.merchant WHERE ` + actsFor + ` ORDER BY s.slug LIMIT $4`

// StoresFor implements merchant.Stores.
func (s *Store) StoresFor(ctx context.Context, by checkout.Actor) ([]string, error) {
	return collect(ctx, s, pgx.RowTo[string], storesFor, actor(by, maxStores)...)
}

// merchantFor locks a merchant that an actor acts for; checkout.ErrNoMerchant when there is none.
func merchantFor(ctx context.Context, tx pgx.Tx, by checkout.Actor, slug string) (checkout.Merchant, error) {
	rows, err := tx.Query(ctx, lockedMerchant, actor(by, slug)...)
	if err != nil {
		return checkout.Merchant{}, err
	}
	return onlyMerchant(rows)
}

func onlyMerchant(rows pgx.Rows) (checkout.Merchant, error) {
	m, err := pgx.CollectExactlyOneRow(rows, scanMerchant)
	if errors.Is(err, pgx.ErrNoRows) {
		return m, checkout.ErrNoMerchant
	}
	return m, err
}

func scanMerchant(row pgx.CollectableRow) (checkout.Merchant, error) {
	var m checkout.Merchant
	err := row.Scan(&m.Slug, &m.Name, &m.SettlementAccount, &m.Version, &m.CreatedAt, &m.UpdatedAt)
	m.CreatedAt, m.UpdatedAt = m.CreatedAt.UTC(), m.UpdatedAt.UTC()
	return m, err
}

// AddMember implements merchant.Members.
func (s *Store) AddMember(ctx context.Context, a checkout.Act, slug string, user id.ID) (merchant.Member, error) {
	return act(ctx, s, a, func(tx pgx.Tx) (merchant.Member, error) {
		if _, err := merchantFor(ctx, tx, a.By, slug); err != nil {
			return merchant.Member{}, err
		}
		if _, err := tx.Exec(ctx, insertMember, slug, [16]byte(user), a.Record.At); err != nil {
			return merchant.Member{}, err
		}
		rows, err := tx.Query(ctx, oneMember, slug, [16]byte(user))
		if err != nil {
			return merchant.Member{}, err
		}
		return pgx.CollectExactlyOneRow(rows, scanMember)
	})
}

// RemoveMember implements merchant.Members.
func (s *Store) RemoveMember(ctx context.Context, a checkout.Act, slug string, user id.ID) error {
	_, err := act(ctx, s, a, func(tx pgx.Tx) (bool, error) {
		if _, err := merchantFor(ctx, tx, a.By, slug); err != nil {
			return false, err
		}
		_, err := tx.Exec(ctx, deleteMember, slug, [16]byte(user))
		return true, err
	})
	return err
}

// Members implements merchant.Members.
func (s *Store) Members(ctx context.Context, by checkout.Actor, slug string, page merchant.Page) ([]merchant.Member, error) {
	if _, err := s.Merchant(ctx, by, slug); err != nil {
		return nil, err
	}
	return collect(ctx, s, scanMember, listMembers, slug, [16]byte(page.After), page.Limit)
}

func scanMember(row pgx.CollectableRow) (merchant.Member, error) {
	var m merchant.Member
	var user [16]byte
	err := row.Scan(&m.Merchant, &user, &m.AddedAt)
	m.User, m.AddedAt = user, m.AddedAt.UTC()
	return m, err
}
