package access

import (
	"context"

	"codebank.dev/identity"
)

// PasswordChange is how a caller changes the password.
type PasswordChange struct{ Current, New string }

// ChangePassword replaces the caller's password and ends all other sessions. Wrong current passwords
// are counted for the caller's session, so that nobody else can keep him from it. Errors: InvalidArgument; identity.ErrCredentials; identity.ErrAttempts;
// hashing.ErrBusy.
func (s *Service) ChangePassword(ctx context.Context, from identity.Origin, caller Caller, change PasswordChange) error {
	password, err := identity.ParsePassword("new_password", change.New, caller.User.Email)
	if err != nil {
		return err
	}
	found, err := s.check(ctx, guess{
		email: caller.User.Email, password: change.Current, session: caller.Session, from: from, replacement: password,
	})
	if err != nil {
		return err
	}
	return s.Store.SetPassword(ctx, identity.PasswordChange{
		User: caller.User.ID, Email: caller.User.Email, Hash: found.rehash, Verified: found.user.PasswordHash,
		Keep: caller.Session, Reason: identity.PasswordChanged, Forgive: found.forgive,
	}, from.Act(s.now(), identity.ActPasswordChanged, caller.User.Who(), caller.User.Name()))
}

// RequestPasswordReset asks for an e-mail to an address. As with SignUp, nothing tells whether the
// address has an account. Errors: InvalidArgument email; identity.ErrAttempts.
func (s *Service) RequestPasswordReset(ctx context.Context, from identity.Origin, address string) error {
	email, err := identity.ParseEmail("email", address)
	if err != nil {
		return err
	}
	now := s.now()
	if err := s.countMail(ctx, from, now); err != nil {
		return err
	}
	mail := identity.Mail{Email: email, Kind: identity.MailPasswordReset, RequestedAt: now}
	return s.Store.RequestMail(ctx, mail, from.Act(now, identity.ActResetRequested, identity.Nobody, addressName(email)))
}

// ResetPassword replaces the password of the address that the token proves, and ends all its sessions.
// Errors: InvalidArgument token or new_password; identity.ErrMailToken; identity.ErrAttempts;
// hashing.ErrBusy.
func (s *Service) ResetPassword(ctx context.Context, from identity.Origin, mailToken, newPassword string) error {
	secret, err := identity.ParseSecret("token", mailToken)
	if err != nil {
		return err
	}
	now, digest := s.now(), secret.Digest()
	email, err := s.Store.MailToken(ctx, identity.MailPasswordReset, digest, now)
	if err != nil {
		return err
	}
	user, known, _, err := s.Store.Candidate(ctx, email, nil)
	if err != nil {
		return err
	}
	if !known {
		return identity.ErrMailToken
	}
	password, err := identity.ParsePassword("new_password", newPassword, email)
	if err != nil {
		return err
	}
	hash, err := s.countedHash(ctx, from, password)
	if err != nil {
		return err
	}
	return s.Store.SetPassword(ctx, identity.PasswordChange{
		User: user.ID, Email: email, Hash: hash, Token: &digest, Reason: identity.PasswordReset,
		Forgive: identity.PasswordCounters(email, from.Address, nil),
	}, from.Act(s.now(), identity.ActPasswordReset, user.Who(), user.Name()))
}
