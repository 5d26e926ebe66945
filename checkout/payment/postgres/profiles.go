package postgres

import (
	"context"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"codebank.dev/checkout/payment"
)

// selectProfile reads a merchant and the first of his stores, by slug. A merchant may have none.
const selectProfile = `SELECT m.name, coalesce(s.category_code, ''), coalesce(s.city, ''), coalesce(s.country, '')
	FROM merchants m LEFT JOIN stores s ON s.merchant = m.slug WHERE m.slug = $1 ORDER BY s.slug LIMIT 1`

// profileAge is how long a profile is used without being read again. A payer may see a merchant's former name as long.
const profileAge = time.Minute

// Profiles knows how merchants are shown to payers. Make one with Profiles. It is safe for concurrent use.
type Profiles struct {
	store *Store
	now   func() time.Time

	mutex sync.Mutex
	known map[string]profile // as many as there are merchants with live charges
}

type profile struct {
	payment.Profile
	readAt time.Time
}

// Profiles returns the profiles of the merchants in the database.
func (s *Store) Profiles(now func() time.Time) *Profiles {
	return &Profiles{store: s, now: now, known: make(map[string]profile)}
}

// Of returns a merchant's profile: his name, and place and category of the first of his stores. An unknown merchant is
// shown by his slug. Error: fault.Unavailable.
func (p *Profiles) Of(ctx context.Context, merchant string) (payment.Profile, error) {
	p.mutex.Lock()
	found, known := p.known[merchant]
	p.mutex.Unlock()
	if known && p.now().Sub(found.readAt) < profileAge {
		return found.Profile, nil
	}
	rows, err := p.store.pool.Query(ctx, selectProfile, merchant)
	if err != nil {
		return payment.Profile{}, translate(err)
	}
	read, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (r payment.Profile, err error) {
		return r, row.Scan(&r.Name, &r.CategoryCode, &r.City, &r.Country)
	})
	switch {
	case err != nil:
		return payment.Profile{}, translate(err)
	case len(read) == 0:
		return payment.Profile{Name: merchant}, nil
	}
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.known[merchant] = profile{read[0], p.now()}
	return read[0], nil
}
