package purchase

import (
	"context"
	"errors"

	"codebank.dev/bank"
	"codebank.dev/platform/principal"
)

// requireSeen returns bank.ErrNotFound for an account that the principal may not see.
func (s *Service) requireSeen(ctx context.Context, subject *bank.Subject, account bank.ID) error {
	if subject.Kind != principal.User {
		return nil
	}
	facts, err := s.Directory.AccountByID(ctx, account)
	if err == nil && !subject.MaySee(facts.CustomerID) {
		return bank.ErrNotFound
	}
	return err
}

// mayRead says who may read a purchase.
func mayRead(caller string, subject *bank.Subject, entry *bank.Entry) bool {
	switch subject.Kind {
	case principal.Operator:
		return true
	case principal.User:
		return subject.Is(entry.CustomerID)
	}
	return entry.Request.Caller == caller
}

// CheckOwner returns the answer of a purchase that does not exist when a transaction is on an account that
// the principal may not see.
func (s *Service) CheckOwner(ctx context.Context, subject *bank.Subject, transaction bank.ID) error {
	if subject.Kind != principal.User {
		return nil
	}
	parties, err := s.Directory.Parties(ctx, transaction)
	if errors.Is(err, bank.ErrNotFound) || err == nil && parties.AccountID.IsZero() {
		return nil
	}
	if err == nil {
		err = s.requireSeen(ctx, subject, parties.AccountID)
	}
	if errors.Is(err, bank.ErrNotFound) {
		return errNoPurchase
	}
	return err
}
