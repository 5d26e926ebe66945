package postgres

import (
	"context"
	"embed"
	"io"

	"codebank.dev/checkout/failpoints"
)

//go:embed migrations/*.sql
var migrations embed.FS

// secretBytes is the length of a secret that the store makes up.
const secretBytes = 32

// Migrated is the failpoint of Migrate, which bankctl runs too: a migration is committed, or the rights
// of the role are.
const Migrated = failpoints.OrdersMigrated

// Migrate brings the schema up to this program's version and gives the role its rights. The user must
// own the database. It may be repeated, and several processes may call it at once: one works, the
// others wait up to five minutes. It never undoes a migration.
func (s *Store) Migrate(ctx context.Context) error {
	return s.pool.Migrate(ctx, Schema(), func() { s.failpoint.At(failpoints.OrdersMigrated) })
}

// Migrate migrates the database that the configuration names, as Store.Migrate does.
func Migrate(ctx context.Context, config Config) error {
	store, err := Open(ctx, config)
	if err != nil {
		return err
	}
	defer store.Close()
	return store.Migrate(ctx)
}

// Migrated returns nil once the database has had the migrations that this program needs. Until then
// the error says what is missing, and Prepare waits.
func (s *Store) Migrated(ctx context.Context) error { return s.pool.Migrated(ctx, Schema()) }

// Secret returns the 32 secret bytes of that name, which all replicas share. The
// first to ask makes them up from random.
func (s *Store) Secret(ctx context.Context, name string, random io.Reader) ([]byte, error) {
	proposal := make([]byte, secretBytes)
	if _, err := io.ReadFull(random, proposal); err != nil {
		return nil, err
	}
	if _, err := s.pool.Exec(ctx, "INSERT INTO "+s.secrets+" (name, value) VALUES ($1, $2) ON CONFLICT DO NOTHING", name, proposal); err != nil {
		return nil, translate(err)
	}
	s.failpoint.At(failpoints.SecretStored)
	var value []byte
	err := s.pool.QueryRow(ctx, "SELECT value FROM "+s.secrets+" WHERE name = $1", name).Scan(&value)
	return value, translate(err)
}
