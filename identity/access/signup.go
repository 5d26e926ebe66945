package access

import (
	"context"
	"crypto/rand"

	"codebank.dev/identity"
	"codebank.dev/identity/hashing"
	"codebank.dev/platform/id"
)

// SignUp asks for an e-mail to an address. The store does not look whether the address has an account:
// the Mailer does, later, so that neither the answer nor its time tells. Errors: InvalidArgument email;
// ErrAttempts.
func (s *Service) SignUp(ctx context.Context, from identity.Origin, address string) error {
	email, err := identity.ParseEmail("email", address)
	if err != nil {
		return err
	}
	now := s.now()
	if err := s.countMail(ctx, from, now); err != nil {
		return err
	}
	mail := identity.Mail{Email: email, Kind: identity.MailSignUp, RequestedAt: now}
	return s.Store.RequestMail(ctx, mail, from.Act(now, identity.ActSignUpRequested, identity.Nobody, addressName(email)))
}

// ConfirmSignUp opens the account of the address that the token proves. Errors: InvalidArgument token
// or password; ErrMailToken; ErrAttempts; hashing.ErrBusy.
func (s *Service) ConfirmSignUp(ctx context.Context, from identity.Origin, mailToken, newPassword string) (identity.User, error) {
	secret, err := identity.ParseSecret("token", mailToken)
	if err != nil {
		return identity.User{}, err
	}
	now, digest := s.now(), secret.Digest()
	email, err := s.Store.MailToken(ctx, identity.MailSignUp, digest, now)
	if err != nil {
		return identity.User{}, err
	}
	password, err := identity.ParsePassword("password", newPassword, email)
	if err != nil {
		return identity.User{}, err
	}
	hash, err := s.countedHash(ctx, from, password)
	if err != nil {
		return identity.User{}, err
	}
	user, err := s.newUser(email, hash)
	if err != nil {
		return identity.User{}, err
	}
	return user, s.Store.CreateUser(ctx, user, &digest, from.Act(now, identity.ActUserCreated, user.Who(), user.Name()))
}

// newUser returns a customer with the hash of a password.
func (s *Service) newUser(email identity.Email, hash string) (identity.User, error) {
	made, err := id.New(rand.Reader)
	return identity.User{ID: made, Email: email, PasswordHash: hash, Roles: []identity.Role{identity.Customer}, CreatedAt: s.now()}, err
}

// countedHash returns the hash of a new password of a caller who has proved an address. The call is counted
// for the address that it comes from, and taken back when the hash is made. Errors: ErrAttempts;
// hashing.ErrBusy.
func (s *Service) countedHash(ctx context.Context, from identity.Origin, password string) (string, error) {
	counters := []identity.Counter{identity.AddressCounter(from.Address)}
	wait, _, err := s.Store.Take(ctx, s.now(), counters)
	if err != nil {
		return "", err
	}
	if wait > 0 {
		return "", identity.ErrAttempts.After(wait)
	}
	slot, err := s.slot(ctx, hashing.Caller{Network: from.Network(), Known: true}, counters)
	if err != nil {
		return "", err
	}
	hash, err := newHash(slot, password)
	if err != nil {
		return "", err
	}
	return hash, s.Store.GiveBack(ctx, counters)
}

// newHash returns the hash of a new password and releases the slot.
func newHash(slot hashing.Slot, password string) (string, error) {
	defer slot.Release()
	return slot.Hash(password)
}

// AddOperator gives a user the role of an operator, and opens the account with a password first if the
// address has none. It is an operator's command, not a call. It returns whether it opened an account.
func (s *Service) AddOperator(ctx context.Context, from identity.Origin, address, newPassword string) (created bool, err error) {
	email, err := identity.ParseEmail("email", address)
	if err != nil {
		return false, err
	}
	_, known, _, err := s.Store.Candidate(ctx, email, nil)
	if err != nil {
		return false, err
	}
	if known {
		_, err = s.ChangeRoles(ctx, from, address, identity.RoleChange{Add: []identity.Role{identity.Operator}})
		return false, err
	}
	password, err := identity.ParsePassword("password", newPassword, email)
	if err != nil {
		return false, err
	}
	slot, err := s.Hasher.Acquire(ctx, hashing.Caller{Network: from.Network(), Known: true})
	if err != nil {
		return false, err
	}
	hash, err := newHash(slot, password)
	if err != nil {
		return false, err
	}
	user, err := s.newUser(email, hash)
	if err != nil {
		return false, err
	}
	user.Roles = []identity.Role{identity.Operator}
	act := from.Act(s.now(), identity.ActUserCreated, identity.Command, user.Name())
	act.Result = "OK operator"
	return true, s.Store.CreateUser(ctx, user, nil, act)
}

// ChangeRoles gives and takes roles of the user with an address. It is an operator's command, not a
// call. Errors: InvalidArgument email; ErrNoUser.
func (s *Service) ChangeRoles(ctx context.Context, from identity.Origin, address string, change identity.RoleChange) (identity.User, error) {
	email, err := identity.ParseEmail("email", address)
	if err != nil {
		return identity.User{}, err
	}
	act := from.Act(s.now(), identity.ActRolesChanged, identity.Command, addressName(email))
	for _, role := range change.Add {
		act.Result += " +" + string(role)
	}
	for _, role := range change.Take {
		act.Result += " -" + string(role)
	}
	return s.Store.ChangeRoles(ctx, email, change, act)
}
