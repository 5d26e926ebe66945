package access

import (
	"context"
	"crypto/rand"
	"time"

	"codebank.dev/identity"
	"codebank.dev/identity/hashing"
	"codebank.dev/platform/fault"
	"codebank.dev/platform/field"
	"codebank.dev/platform/id"
)

// Credentials are what a person signs in with.
type Credentials struct {
	Email, Password string
	// Device is what the person calls the device. DeviceToken is from an earlier sign-in; "" for none.
	Device, DeviceToken string
}

// SignIn opens a session. The second result is what the device keeps to be known from then on. An
// address without an account is answered like a wrong password, after the same work. Errors:
// InvalidArgument; identity.ErrCredentials; identity.ErrAttempts; hashing.ErrBusy.
func (s *Service) SignIn(ctx context.Context, from identity.Origin, given Credentials) (Tokens, identity.Secret, error) {
	none := identity.Secret{}
	email, err := identity.ParseEmail("email", given.Email)
	if err != nil {
		return Tokens{}, none, err
	}
	if err := field.OptionalText("device", given.Device, identity.MaxDevice); err != nil {
		return Tokens{}, none, err
	}
	device := identity.NewSecret()
	var digest *identity.Digest
	if given.DeviceToken != "" {
		if device, err = identity.ParseSecret("device_token", given.DeviceToken); err != nil {
			return Tokens{}, none, err
		}
		known := device.Digest()
		digest = &known
	}
	right, err := s.check(ctx, guess{email: email, password: given.Password, device: digest, from: from})
	if err != nil {
		return Tokens{}, none, err
	}
	if !right.knowsDevice {
		device = identity.NewSecret() // A token that the account does not know is not let in.
	}
	tokens, err := s.open(ctx, right, from, opening{given.Device, device.Digest()})
	return tokens, device, err
}

// guess is an attempt to know a password.
type guess struct {
	email    identity.Email
	password string
	device   *identity.Digest
	// session is that of a caller who has signed in; zero for none.
	session id.ID
	from    identity.Origin
	// replacement is the password that follows a right one; "" for none.
	replacement string
}

// right is a guess that was right.
type right struct {
	user        identity.User
	knowsDevice bool
	// rehash is the hash of the replacement, or else a hash with the present parameters if the stored one
	// has others.
	rehash  string
	forgive []identity.Counter
}

// check counts a guess and then verifies it. Until it is verified nobody knows whether it is right, so
// guesses at the same moment do not escape the count. A guess that must wait takes no slot for a hash.
func (s *Service) check(ctx context.Context, g guess) (right, error) {
	user, known, knowsDevice, err := s.Store.Candidate(ctx, g.email, g.device)
	if err != nil {
		return right{}, err
	}
	if !known {
		user = identity.User{}
	}
	if !knowsDevice {
		g.device = nil
	}
	now := s.now()
	counters := identity.PasswordCounters(g.email, g.from.Address, g.device)
	if !g.session.IsZero() {
		counters = []identity.Counter{identity.SessionCounter(g.session)}
	}
	wait, last, err := s.Store.Take(ctx, now, counters)
	if err != nil {
		return right{}, err
	}
	if wait > 0 {
		return right{}, identity.ErrAttempts.After(wait)
	}
	caller := hashing.Caller{Network: g.from.Network(), Known: knowsDevice || !g.session.IsZero()}
	slot, err := s.slot(ctx, caller, counters)
	if err != nil {
		return right{}, err
	}
	match, rehash, err := verify(slot, g, user.PasswordHash)
	if err != nil {
		return right{}, err
	}
	if !match {
		return right{}, s.refuse(ctx, g, now, last)
	}
	return right{user: user, knowsDevice: knowsDevice, rehash: rehash, forgive: counters}, nil
}

// slot returns a slot for an attempt that was counted. One that gets none stays counted for its address
// only: so nobody whose password was not checked comes nearer to a lock of his account.
func (s *Service) slot(ctx context.Context, caller hashing.Caller, counted []identity.Counter) (hashing.Slot, error) {
	slot, err := s.Hasher.Acquire(ctx, caller)
	if err == nil {
		return slot, nil
	}
	if back := identity.NotChecked(counted); len(back) > 0 {
		if err := s.Store.GiveBack(ctx, back); err != nil {
			return slot, err
		}
	}
	return slot, err
}

// verify reports whether a guess is right, and returns right.rehash. It releases the slot: what follows needs
// the database only.
func verify(slot hashing.Slot, g guess, hash string) (match bool, rehash string, err error) {
	defer slot.Release()
	password, err := identity.GivenPassword("password", g.password)
	allowed := err == nil
	match, outdated, err := slot.Verify(password, hash)
	if err != nil || !match || !allowed {
		return false, "", err
	}
	if g.replacement != "" {
		rehash, err = slot.Hash(g.replacement)
	} else if outdated {
		rehash, err = slot.Hash(password)
	}
	return true, rehash, err
}

// refuse records a wrong guess. last says that there is no free one left.
func (s *Service) refuse(ctx context.Context, g guess, now time.Time, last bool) error {
	name := identity.ActSignInFailed
	if last {
		name = identity.ActSignInLocked
	}
	act := g.from.Act(now, name, identity.Nobody, addressName(g.email))
	act.Result = fault.Of(identity.ErrCredentials).Reason
	if err := s.Store.Record(ctx, act); err != nil {
		return err
	}
	return identity.ErrCredentials
}

// opening is the device of a session that opens.
type opening struct {
	name   string
	digest identity.Digest
}

// open opens a session.
func (s *Service) open(ctx context.Context, who right, from identity.Origin, device opening) (Tokens, error) {
	made, err := id.New(rand.Reader)
	if err != nil {
		return Tokens{}, err
	}
	now, refresh := s.now(), identity.NewSecret()
	session := identity.Session{
		ID: made, User: who.user.ID, Device: device.name, CreatedAt: now, UsedAt: now, ExpiresAt: identity.Expiry(now, now),
	}
	if from.Address.IsValid() {
		session.Address = from.Address.String()
	}
	// The token is signed first: what cannot be answered is not opened.
	tokens, err := s.tokens(who.user, session, refresh)
	if err != nil {
		return Tokens{}, err
	}
	return tokens, s.Store.OpenSession(ctx, identity.Opening{
		Session: session, Refresh: refresh.Digest(), Verified: who.user.PasswordHash, Rehash: who.rehash,
		Device: device.digest, Forgive: who.forgive,
	}, from.Act(now, identity.ActSignedIn, who.user.Who(), session.Name()))
}
