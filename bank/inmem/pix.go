package inmem

import (
	"cmp"
	"context"
	"slices"

	"codebank.dev/bank"
	"codebank.dev/platform/auditlog"
)

// PixOf implements bank.PixPayments.
func (s *Store) PixOf(ctx context.Context, account bank.ID, before int64, limit int) ([]bank.Entry, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if err := contextFault(ctx); err != nil {
		return nil, err
	}
	var entries []bank.Entry
	for _, e := range s.entries {
		begins := e.Kind == bank.KindHold || e.Kind == bank.KindPixIn || e.Kind == bank.KindPixReturn
		if e.AccountID == account && begins && e.EndToEndID != "" && (before == 0 || e.Sequence < before) {
			entries = append(entries, *e)
		}
	}
	slices.SortFunc(entries, func(a, b bank.Entry) int { return cmp.Compare(b.Sequence, a.Sequence) })
	return entries[:min(limit, len(entries))], nil
}

// pixKeyName is the identity of a key.
type pixKeyName struct{ kind, key string }

// RegisterHolder implements bank.Holders.
func (s *Store) RegisterHolder(ctx context.Context, holder bank.SealedHolder, _ auditlog.Record) (bank.SealedHolder, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if err := contextFault(ctx); err != nil {
		return bank.SealedHolder{}, err
	}
	if first, ok := s.holders[holder.CustomerID]; ok {
		return first, nil
	}
	for _, other := range s.holders {
		if other.DocumentLookup == holder.DocumentLookup {
			return bank.SealedHolder{}, rejected("a document is one customer's")
		}
	}
	s.holders[holder.CustomerID] = holder
	return holder, nil
}

// HolderOf implements bank.Holders.
func (s *Store) HolderOf(ctx context.Context, customer bank.ID) (bank.SealedHolder, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return lookUp(ctx, s.holders, customer)
}

// PutPixKey implements bank.PixKeys.
func (s *Store) PutPixKey(ctx context.Context, key bank.PixKey) error {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if err := contextFault(ctx); err != nil {
		return err
	}
	key.CreatedAt, key.Digest = stored(key.CreatedAt), slices.Clone(key.Digest)
	s.pixKeys[pixKeyName{key.Kind, key.Key}] = key
	return nil
}

// DropPixKey implements bank.PixKeys.
func (s *Store) DropPixKey(ctx context.Context, kind, key string) error {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	delete(s.pixKeys, pixKeyName{kind, key})
	return contextFault(ctx)
}

// PixKeysOf implements bank.PixKeys.
func (s *Store) PixKeysOf(ctx context.Context, account bank.ID) ([]bank.PixKey, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if err := contextFault(ctx); err != nil {
		return nil, err
	}
	var keys []bank.PixKey
	for _, key := range s.pixKeys {
		if account.IsZero() || key.Account == account {
			keys = append(keys, key)
		}
	}
	slices.SortFunc(keys, func(a, b bank.PixKey) int { return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Key, b.Key)) })
	return keys, nil
}
