package access

import (
	"context"

	"codebank.dev/identity"
	"codebank.dev/platform/field"
	"codebank.dev/platform/token"
)

// Refresh exchanges a refresh token for its successor and an access token. A repeat within
// identity.RefreshGrace gets the same successor; a later one ends the session, and so does a repeat after
// the successor was exchanged. Errors:
// InvalidArgument refresh_token; identity.ErrRefresh.
func (s *Service) Refresh(ctx context.Context, from identity.Origin, refreshToken string) (Tokens, error) {
	secret, err := identity.ParseSecret("refresh_token", refreshToken)
	if err != nil {
		return Tokens{}, err
	}
	now, nonce := s.now(), identity.NewNonce()
	act := from.Act(now, identity.ActRefreshReused, identity.Nobody, "")
	refreshed, err := s.Store.Refresh(ctx, identity.Presented{
		Token: secret.Digest(), At: now, Nonce: nonce, Successor: secret.Successor(nonce).Digest(),
	}, act)
	if err != nil {
		return Tokens{}, err
	}
	switch refreshed.Outcome {
	case identity.RefreshRotated, identity.RefreshRepeated:
		refreshed.Session.UsedAt = now
		return s.tokens(refreshed.User, refreshed.Session, secret.Successor(refreshed.Nonce))
	default:
		return Tokens{}, identity.ErrRefresh
	}
}

// SignOut ends the session of a refresh token or, if it is "", of the caller. caller is nil if the
// call has no access token that is valid. A session that has ended is no error. Errors:
// InvalidArgument refresh_token; token.ErrMissing.
func (s *Service) SignOut(ctx context.Context, from identity.Origin, caller *Caller, refreshToken string) error {
	end := identity.SessionEnd{Reason: identity.SignedOut}
	who := identity.Nobody
	switch {
	case refreshToken != "":
		secret, err := identity.ParseSecret("refresh_token", refreshToken)
		if err != nil {
			return err
		}
		digest := secret.Digest()
		end.Token = &digest
	case caller == nil:
		return token.ErrMissing
	default:
		end.Session, end.User, who = caller.Session, caller.User.ID, caller.User.Who()
	}
	return s.Store.EndSession(ctx, end, from.Act(s.now(), identity.ActSessionEnded, who, ""))
}

// EndSession ends one of the caller's sessions. Errors: InvalidArgument name; identity.ErrNoSession.
func (s *Service) EndSession(ctx context.Context, from identity.Origin, caller Caller, name string) error {
	session, err := field.ID("name", "sessions/", name)
	if err != nil {
		return err
	}
	end := identity.SessionEnd{Session: session, User: caller.User.ID, Reason: identity.EndedByUser}
	return s.Store.EndSession(ctx, end, from.Act(s.now(), identity.ActSessionEnded, caller.User.Who(), name))
}

// ListSessions returns the caller's sessions, the last used first.
func (s *Service) ListSessions(ctx context.Context, caller Caller) ([]identity.Session, error) {
	return s.Store.ListSessions(ctx, caller.User.ID, s.now())
}

// EndsAfter returns the sessions that have ended, behind a sequence.
func (s *Service) EndsAfter(ctx context.Context, sequence int64) ([]identity.EndedSession, error) {
	return s.Store.EndsAfter(ctx, sequence, s.now())
}
