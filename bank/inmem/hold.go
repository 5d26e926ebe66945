package inmem

import (
	"bytes"
	"cmp"
	"context"
	"slices"
	"time"

	"codebank.dev/bank"
)

// holds is what the store keeps of holds beside their entries.
type holds struct {
	// open are the open holds that have an expiry, and endings the transactions that ended a hold.
	open    map[bank.ID]bank.DueHold
	endings map[bank.ID]bank.ID
}

func newHolds() holds {
	return holds{open: make(map[bank.ID]bank.DueHold), endings: make(map[bank.ID]bank.ID)}
}

// insert notes an entry that was just written.
func (h *holds) insert(e *bank.Entry) {
	switch {
	case e.EndsHold():
		h.endings[e.OriginalID] = e.TransactionID
		delete(h.open, e.OriginalID)
	case e.OpensHold():
		h.open[e.TransactionID] = bank.DueHold{HoldID: e.TransactionID, AccountID: e.AccountID, ExpiresAt: e.HoldExpiresAt}
	}
}

// Due implements bank.Holds.
func (s *Store) Due(ctx context.Context, now time.Time, after bank.DueHold, limit int) ([]bank.DueHold, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if err := contextFault(ctx); err != nil {
		return nil, err
	}
	var due []bank.DueHold
	for _, hold := range s.holds.open {
		if !hold.ExpiresAt.After(now) && compareDue(hold, after) > 0 {
			due = append(due, hold)
		}
	}
	slices.SortFunc(due, compareDue)
	return due[:min(limit, len(due))], nil
}

// compareDue orders holds by their expiry.
func compareDue(a, b bank.DueHold) int {
	return cmp.Or(a.ExpiresAt.Compare(b.ExpiresAt), bytes.Compare(a.HoldID[:], b.HoldID[:]))
}

// Hold implements bank.Holds.
func (s *Store) Hold(ctx context.Context, hold bank.ID) (bank.HoldState, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	entry, err := lookUp(ctx, s.entries, leg{transaction: hold})
	if err != nil {
		return bank.HoldState{}, err
	}
	if entry.Kind != bank.KindHold {
		return bank.HoldState{}, bank.ErrNotFound
	}
	state := bank.HoldState{
		Hold:     *entry,
		Captured: s.sums[bank.Sum{Original: hold, Relation: bank.Captured}],
		Released: s.sums[bank.Sum{Original: hold, Relation: bank.Released}],
	}
	if end, ended := s.holds.endings[hold]; ended {
		state.EndID, state.EndedBy = end, s.entries[leg{transaction: end}].Kind
		state.GivenBack = s.sums[bank.Sum{Original: end, Relation: bank.GivenBack}]
	}
	return state, nil
}

// captureOf returns the transaction that captured a hold; zero for none. The caller holds the mutex.
func (s *Store) captureOf(hold bank.ID) bank.ID {
	end, ended := s.holds.endings[hold]
	if !ended || s.entries[leg{transaction: end}].Relation() != bank.Captured {
		return bank.ID{}
	}
	return end
}

// checkEnds refuses what ends a hold, unless it captures and releases all of it, on the hold's account.
func (s *Store) checkEnds(entries []*bank.Entry) error {
	for _, e := range entries {
		if !isEnd(e) {
			continue
		}
		var sum int64
		whole := false
		for number := range uint8(maxLegs) {
			if part := s.entryOf(entries, leg{e.TransactionID, number}); part != nil && part.OriginalID == e.HoldID {
				whole = whole || number == 0
				sum += part.Amount
			}
		}
		hold := s.entryOf(entries, leg{transaction: e.HoldID})
		if hold == nil || hold.Kind != bank.KindHold || hold.Status != bank.Approved || hold.AccountID != e.AccountID || !whole || sum != hold.Amount {
			return rejected("what ends a hold ends all of it")
		}
	}
	return nil
}

// entryOf returns an entry of a batch or an earlier one; nil when there is none.
func (s *Store) entryOf(batch []*bank.Entry, key leg) *bank.Entry {
	for _, e := range batch {
		if e.TransactionID == key.transaction && e.Leg == key.number {
			return e
		}
	}
	return s.entries[key]
}

// isEnd reports whether an entry captures or releases a hold, or a part of it.
func isEnd(e *bank.Entry) bool {
	if e.Status != bank.Approved {
		return false
	}
	switch e.Kind {
	case bank.KindCapture, bank.KindPixOut, bank.KindExpiry:
		return true
	case bank.KindVoid:
		return !e.Moves()
	}
	return false
}

func movesAsHold(e *bank.Entry) bool {
	if e.Status != bank.Approved {
		return true
	}
	switch e.Kind {
	case bank.KindHold:
		return e.Direction == bank.Debit && !e.Moves()
	case bank.KindExpiry:
		return !e.Moves()
	case bank.KindCapture, bank.KindPixOut:
		return e.Direction == bank.Debit && e.Moves() && e.DebitAccount == e.AccountID
	}
	return true
}
