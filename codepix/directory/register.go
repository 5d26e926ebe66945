package directory

import (
	"context"
	"crypto/rand"
	"errors"

	"codebank.dev/codepix/key"
	"codebank.dev/platform/fault"
)

// Registration asks for a key for an account.
type Registration struct {
	RequestID string
	Kind      key.Kind
	// Text is the key; empty for a random one.
	Text    string
	Account Holder
}

// CreateKey registers a key. Who is told that another account has it, or that it waits for a code because nobody has
// it, knows as much as after a look-up, so it costs as much as a miss.
// Errors: InvalidArgument request_id, kind, key, account; ErrReused; ErrOwned; ErrTaken; ErrTooMany; ErrTooManyCodes;
// ErrNoTokens.
func (s *Service) CreateKey(ctx context.Context, bankCode string, request *Registration) (Entry, error) {
	owner, err := account(bankCode, &request.Account)
	if err != nil {
		return Entry{}, err
	}
	wanted, err := wantedKey(request, &owner)
	if err != nil {
		return Entry{}, err
	}
	parts := []string{request.Kind.String(), wanted.Text, owner.HolderName, owner.HolderDocument}
	if request.Kind == key.Random {
		parts[1] = "" // It is another one in each try.
	}
	c, err := s.newChange(Change{Key: wanted, Party: owner.Party, RequestID: request.RequestID}, "create", parts...)
	if err != nil {
		return Entry{}, err
	}
	var outcome Request
	err = s.guard.asking(ctx, owner.Party, func() (said bool, err error) {
		waits := false
		outcome, err = s.once(ctx, c, func(r *Record) (Request, error) {
			entry, err := r.Register(owner, s.now())
			waits = entry.State == Pending // So nobody has it. Of a repeat this was paid before.
			return Request{Key: entry.Key, State: entry.State, CreatedAt: entry.CreatedAt}, err
		})
		return waits || errors.Is(err, ErrTaken), err
	})
	if err != nil {
		return Entry{}, err
	}
	s.wake()
	return Entry{Key: outcome.Key, State: outcome.State, Account: owner, CreatedAt: outcome.CreatedAt}, nil
}

// wantedKey returns the key that a registration is about.
func wantedKey(request *Registration, owner *Account) (key.Key, error) {
	switch {
	case request.Kind == 0 || request.Kind.String() == "":
		return key.Key{}, fault.Invalid("kind", "There is no such kind of key.")
	case request.Kind == key.Random && request.Text != "":
		return key.Key{}, fault.Invalid("key", "A random key is made for you. Leave it out.")
	case request.Kind == key.Random:
		return key.NewRandom(rand.Reader)
	}
	wanted, err := key.Parse("key", request.Kind, request.Text)
	if err != nil {
		return key.Key{}, err
	}
	return wanted, ownCPF(wanted, owner)
}

// ownCPF refuses a CPF that is not the holder's.
func ownCPF(wanted key.Key, owner *Account) error {
	if wanted.Kind == key.CPF && wanted.Text != owner.HolderDocument {
		return fault.Invalid("key", "A CPF must be the holder's own.")
	}
	return nil
}

// Confirmation proves a key.
type Confirmation struct {
	Kind            key.Kind
	Text, AccountID string
	// Code is empty to have a new one sent.
	Code string
}

// ConfirmKey proves a key or a claim by its code, or sends a new one. It returns the entry of the account that has
// the key; without a code, the caller's own or else that of the account that has it. Errors: InvalidArgument kind,
// key, account_id, code; ErrNoKey; ErrNothingToConfirm; ErrNoCode; ErrWrongCode; ErrTaken; ErrClaimed;
// ErrTooManyCodes.
func (s *Service) ConfirmKey(ctx context.Context, bankCode string, request *Confirmation) (entry Entry, err error) {
	of, err := party("account_id", bankCode, request.AccountID)
	if err != nil {
		return Entry{}, err
	}
	wanted, err := parseKey(request.Kind, request.Text)
	if err != nil {
		return Entry{}, err
	}
	change := Change{Key: wanted, Party: of}
	if request.Code == "" {
		err = s.change(ctx, change, func(r *Record) error {
			if at := r.pending(of); at >= 0 {
				entry = r.Pending[at]
			} else if r.Active != nil {
				entry = *r.Active
			}
			return r.SendCode(of, s.now())
		})
		s.wake()
		return entry, err
	}
	code, err := ParseCode("code", request.Code)
	if err != nil {
		return Entry{}, err
	}
	// An attempt is committed though it is refused.
	var refusal error
	err = s.change(ctx, change, func(r *Record) error {
		entry, refusal = r.Confirm(of, codeHash(s.config.Secret, wanted, of, code), s.rule())
		return nil
	})
	if err == nil {
		err = refusal
	}
	return entry, err
}

// parseKey is key.Parse, which finds out the kind if none is given.
func parseKey(kind key.Kind, text string) (key.Key, error) {
	if kind == 0 {
		return key.Detect("key", text)
	}
	if kind.String() == "" {
		return key.Key{}, fault.Invalid("kind", "There is no such kind of key.")
	}
	return key.Parse("key", kind, text)
}

// Deletion asks for the end of a key.
type Deletion struct {
	RequestID       string
	Kind            key.Kind
	Text, AccountID string
}

// DeleteKey ends a key. Errors: InvalidArgument request_id, kind, key, account_id; ErrReused; ErrNoKey.
func (s *Service) DeleteKey(ctx context.Context, bankCode string, request *Deletion) error {
	of, err := party("account_id", bankCode, request.AccountID)
	if err != nil {
		return err
	}
	wanted, err := parseKey(request.Kind, request.Text)
	if err != nil {
		return err
	}
	c, err := s.newChange(Change{Key: wanted, Party: of, RequestID: request.RequestID}, "delete", wanted.Kind.String(), wanted.Text)
	if err != nil {
		return err
	}
	_, err = s.once(ctx, c, func(r *Record) (Request, error) { return Request{Key: wanted}, r.Delete(of, s.now()) })
	return err
}
