package inmem

import (
	"cmp"
	"context"
	"slices"
	"time"

	"codebank.dev/bank"
)

// CreatePixCode implements bank.PixCodes.
func (s *Store) CreatePixCode(ctx context.Context, code bank.PixCode, most int) (bank.PixCode, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if err := contextFault(ctx); err != nil {
		return bank.PixCode{}, err
	}
	active := 0
	for _, other := range s.pixCodes {
		if other.RequestID == code.RequestID {
			return other, nil
		}
		if other.Account == code.Account && other.StateAt(code.CreatedAt) == bank.PixCodeActive {
			active++
		}
	}
	if other, ok := s.pixCodes[code.ID]; ok {
		return other, nil
	}
	if active >= most {
		return bank.PixCode{}, rejected("an account has a bounded number of active codes")
	}
	code.CreatedAt, code.ExpiresAt, code.Position = stored(code.CreatedAt), stored(code.ExpiresAt), int64(len(s.pixCodes)+1)
	s.pixCodes[code.ID] = code
	return code, nil
}

// PixCodeByID implements bank.PixCodes.
func (s *Store) PixCodeByID(ctx context.Context, code bank.ID) (bank.PixCode, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return lookUp(ctx, s.pixCodes, code)
}

// PixCodesOf implements bank.PixCodes.
func (s *Store) PixCodesOf(ctx context.Context, account bank.ID, before int64, limit int) ([]bank.PixCode, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if err := contextFault(ctx); err != nil {
		return nil, err
	}
	var codes []bank.PixCode
	for _, code := range s.pixCodes {
		if code.Account == account && (before == 0 || code.Position < before) {
			codes = append(codes, code)
		}
	}
	slices.SortFunc(codes, func(a, b bank.PixCode) int { return cmp.Compare(b.Position, a.Position) })
	return codes[:min(limit, len(codes))], nil
}

// CancelPixCode implements bank.PixCodes.
func (s *Store) CancelPixCode(ctx context.Context, id bank.ID, at time.Time) (bank.PixCode, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	code, err := lookUp(ctx, s.pixCodes, id)
	if err == nil && code.StateAt(at) == bank.PixCodeActive {
		code.State, code.EndedAt = bank.PixCodeCancelled, stored(at)
		s.pixCodes[id] = code
	}
	return code, err
}

// checkPaidCodes refuses a batch that pays a code which is not active.
func (s *Store) checkPaidCodes(paid []bank.PixCodePayment) error {
	for i := range paid {
		switch code, ok := s.pixCodes[paid[i].Code]; {
		case !ok || code.State != bank.PixCodeActive:
			return conflict("the end of a code")
		case !code.Once:
			return rejected("only a code that is paid once is ever paid for good")
		}
	}
	return nil
}

func (s *Store) applyPaidCodes(paid []bank.PixCodePayment) {
	for i := range paid {
		code := s.pixCodes[paid[i].Code]
		code.State, code.PaidBy, code.EndedAt = bank.PixCodePaid, paid[i].EndToEndID, stored(paid[i].At)
		s.pixCodes[code.ID] = code
	}
}
