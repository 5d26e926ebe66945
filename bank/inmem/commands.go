package inmem

import (
	"context"
	"maps"

	"codebank.dev/bank"
)

// commands is what the bank remembers of the commands that came by the topic.
type commands struct {
	outcomes map[bank.ID]bank.CommandOutcome
	offsets  map[bank.ID]map[int32]int64
}

// StoreOutcome implements bank.CommandStore.
func (s *Store) StoreOutcome(ctx context.Context, outcome bank.CommandOutcome) (bank.CommandOutcome, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if err := contextFault(ctx); err != nil {
		return bank.CommandOutcome{}, err
	}
	if first, ok := s.commands.outcomes[outcome.TransactionID]; ok {
		return first, nil
	}
	s.commands.outcomes[outcome.TransactionID] = outcome
	return outcome, nil
}

// LoadOffsets implements bank.CommandStore.
func (s *Store) LoadOffsets(ctx context.Context, topic bank.ID) (map[int32]int64, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if err := contextFault(ctx); err != nil {
		return nil, err
	}
	offsets := make(map[int32]int64)
	maps.Copy(offsets, s.commands.offsets[topic])
	return offsets, nil
}

// StoreOffset implements bank.CommandStore.
func (s *Store) StoreOffset(ctx context.Context, topic bank.ID, partition int32, from, next int64) (bool, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if err := contextFault(ctx); err != nil {
		return false, err
	}
	stored := s.commands.offsets[topic]
	if stored == nil {
		stored = make(map[int32]int64)
		s.commands.offsets[topic] = stored
	}
	if stored[partition] < from {
		return false, nil
	}
	stored[partition] = max(stored[partition], next)
	return true, nil
}
