package postgres

import (
	"context"
	"io"

	"codebank.dev/codepix/failpoints"
)

// secretBytes is the length of a secret that the store makes up.
const secretBytes = 32

// Secret returns the 32 secret bytes of that name, which all replicas share. The first to ask makes them up from random.
func (s *Store) Secret(ctx context.Context, name string, random io.Reader) ([]byte, error) {
	proposal := make([]byte, secretBytes)
	if _, err := io.ReadFull(random, proposal); err != nil {
		return nil, err
	}
	if _, err := s.pool.Exec(ctx, "INSERT INTO secrets (name, value) VALUES ($1, $2) ON CONFLICT DO NOTHING", name, proposal); err != nil {
		return nil, translate(err)
	}
	s.failpoint.At(failpoints.HubSecretStored)
	var value []byte
	err := s.pool.QueryRow(ctx, "SELECT value FROM secrets WHERE name = $1", name).Scan(&value)
	return value, translate(err)
}
