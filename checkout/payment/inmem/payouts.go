package inmem

import (
	"bytes"
	"cmp"
	"context"
	"slices"

	"codebank.dev/checkout/payment"
	"codebank.dev/platform/id"
)

// SetAccount says which account of the bank a merchant is paid to; empty for none.
func (s *Store) SetAccount(merchant, account string) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.accounts[merchant] = account
}

// AcceptPayout implements payment.Payouts.
func (s *Store) AcceptPayout(_ context.Context, request *payment.PayoutRequest) (payment.Payout, bool, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if known, err := s.known(request.ID, id.ID{}, request.Fingerprint); known || err != nil {
		return s.payouts[request.ID], known, err
	}
	balance := s.balancesOf(request.Owner)[request.Currency]
	payout, err := payment.NewPayout(request, &balance, s.accounts[request.Merchant])
	if err != nil {
		return payment.Payout{}, false, err
	}
	row, err := request.Record(payout)
	if err != nil {
		return payment.Payout{}, false, err
	}
	s.payouts[payout.ID] = payout
	s.requests[payout.ID] = accepted{fingerprint: request.Fingerprint}
	s.add(row)
	return payout, false, nil
}

// endPayout applies an answer, and reports whether it changed something.
func (s *Store) endPayout(result *payment.Result) bool {
	payout, known := s.payouts[result.Payout]
	if !known {
		return false
	}
	s.forget(result.Payout)
	ended, err := payout.End(result)
	if err != nil {
		return false // It is answered.
	}
	s.payouts[result.Payout] = ended
	return true
}

// Payout implements payment.Payouts.
func (s *Store) Payout(_ context.Context, owner payment.Owner, payout id.ID) (payment.Payout, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	found, there := s.payouts[payout]
	if !there || found.Owner != owner {
		return payment.Payout{}, payment.ErrNoPayout
	}
	return found, nil
}

// Payouts implements payment.Payouts.
func (s *Store) Payouts(_ context.Context, owner payment.Owner, page payment.Page) (found []payment.Payout, _ error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	for _, p := range s.payouts {
		if p.Owner == owner && isBehindPlace(p.CreatedAt, p.ID, page.Behind()) && !p.CreatedAt.Before(page.From) {
			found = append(found, p)
		}
	}
	slices.SortFunc(found, func(a, b payment.Payout) int {
		return cmp.Or(b.CreatedAt.Compare(a.CreatedAt), bytes.Compare(b.ID[:], a.ID[:]))
	})
	return found[:min(page.Size, len(found))], nil
}

// balancesOf counts the events and the payouts of an owner anew.
func (s *Store) balancesOf(owner payment.Owner) payment.Balanced {
	balances := payment.Balanced{}
	for i := range s.events[owner] {
		change := s.changeOf(&s.events[owner][i])
		balances.Add(&change)
	}
	for _, p := range s.payouts {
		if p.Owner != owner {
			continue
		}
		accepted := p.AsAccepted()
		if balances.AddPayout(&accepted); p.State != payment.PayoutPending {
			balances.AddPayout(&p)
		}
	}
	return balances
}
