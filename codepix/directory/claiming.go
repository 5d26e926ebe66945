package directory

import (
	"context"
	"errors"

	"codebank.dev/codepix/key"
	"codebank.dev/platform/fault"
	"codebank.dev/platform/field"
)

// CreateClaim asks for a key that another account has. Whether somebody has it is as good as a look-up, so who claims
// a key that nobody has pays for it. Errors: InvalidArgument request_id, kind, key, account; ErrReused; ErrNoKey;
// ErrOwned; ErrClaimed; ErrTooManyCodes; ErrNoTokens.
func (s *Service) CreateClaim(ctx context.Context, bankCode string, request *Registration) (Claim, error) {
	claimer, err := account(bankCode, &request.Account)
	if err != nil {
		return Claim{}, err
	}
	wanted, err := parseKey(request.Kind, request.Text)
	if err != nil {
		return Claim{}, err
	}
	if wanted.Kind == key.Random {
		return Claim{}, fault.Invalid("kind", "A random key cannot be claimed. Create a new one.")
	}
	if err := ownCPF(wanted, &claimer); err != nil {
		return Claim{}, err
	}
	c, err := s.newChange(Change{Key: wanted, Party: claimer.Party, RequestID: request.RequestID}, "claim",
		wanted.Kind.String(), wanted.Text, claimer.HolderName, claimer.HolderDocument)
	if err != nil {
		return Claim{}, err
	}
	made, err := newID()
	if err != nil {
		return Claim{}, err
	}
	var outcome Request
	err = s.guard.asking(ctx, claimer.Party, func() (said bool, err error) {
		outcome, err = s.once(ctx, c, func(r *Record) (Request, error) {
			claim, err := r.Claim(made, claimer, s.rule())
			return Request{Key: wanted, CreatedAt: claim.CreatedAt, Claim: claim.ID}, err
		})
		return errors.Is(err, ErrNoKey), err
	})
	if err != nil {
		return Claim{}, err
	}
	s.wake()
	claim, err := s.config.Store.Claim(ctx, outcome.Claim)
	return claim.asMade(s.config.ClaimPeriod), err
}

// EndClaim consents to a claim, completes it or cancels it. Errors: InvalidArgument name, end; ErrNoClaim; ErrPart;
// ErrEnded; ErrNotProved; ErrNotDue; ErrDonorNotProved.
func (s *Service) EndClaim(ctx context.Context, bankCode, name string, end End) (claim Claim, err error) {
	claimID, err := field.ID("name", ClaimPrefix, name)
	if err != nil {
		return Claim{}, err
	}
	if end < Consent || end > Cancel {
		return Claim{}, fault.Invalid("end", "Say what shall become of the claim.")
	}
	known, err := s.config.Store.Claim(ctx, claimID)
	if err != nil {
		return Claim{}, err
	}
	if !known.Has(bankCode) {
		return Claim{}, ErrNoClaim
	}
	change := Change{Key: known.Key, Party: Party{BankCode: bankCode}, Claim: claimID}
	err = s.change(ctx, change, func(r *Record) (err error) {
		claim, err = r.EndClaim(claimID, bankCode, end, s.now())
		return err
	})
	return claim, err
}
