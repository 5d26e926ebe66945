package directory

import (
	"slices"
	"time"

	"codebank.dev/platform/id"
)

// ClaimRule is when something is done, and how long a donor may answer.
type ClaimRule struct {
	Now    time.Time
	Period time.Duration
}

// Claim asks for the key for an account. A claim of the account's that waits for its code is answered again. Errors:
// ErrNoKey, ErrOwned, ErrClaimed, ErrTooManyCodes.
func (r *Record) Claim(made id.ID, account Account, rule ClaimRule) (Claim, error) {
	switch {
	case r.Active == nil:
		return Claim{}, ErrNoKey
	case r.Active.Account.Party == account.Party:
		return Claim{}, ErrOwned
	case r.open() != nil:
		return Claim{}, ErrClaimed
	}
	if known := r.claimOf(account.Party, ClaimPending); known != nil {
		known.Claimer, known.Donor = account, r.Active.Account
		return *known, r.sendUnlessSent(account.Party, rule.Now)
	}
	// What the account has not proved yet is the claim from now on.
	if pending := r.pending(account.Party); pending >= 0 {
		r.Pending = slices.Delete(r.Pending, pending, pending+1)
	}
	claim := Claim{ID: made, Key: r.Key, Claimer: account, Donor: r.Active.Account, CreatedAt: rule.Now}.asMade(rule.Period)
	r.Claims = append(r.Claims, claim)
	if r.Key.Kind.Proved() {
		return claim, r.sendUnlessSent(account.Party, rule.Now)
	}
	return claim, nil
}

// openClaim opens a claim whose claimer has proved the key. If nobody has the key by now, he gets it. Error:
// ErrClaimed.
func (r *Record) openClaim(claim *Claim, rule ClaimRule) error {
	switch {
	case r.Active == nil:
		r.give(claim, rule.Now)
	case r.open() != nil:
		return ErrClaimed
	default:
		claim.State, claim.Donor, claim.ResolveAt = ClaimOpen, r.Active.Account, rule.Now.Add(rule.Period)
	}
	return nil
}

// EndClaim does what a bank asks for to a claim. The same end again is no error. Errors: ErrNoClaim, ErrPart,
// ErrEnded, ErrNotProved, ErrNotDue, ErrDonorNotProved.
func (r *Record) EndClaim(claimID id.ID, bankCode string, end End, now time.Time) (Claim, error) {
	claim := r.claimWith(claimID)
	if claim == nil || !claim.Has(bankCode) {
		return Claim{}, ErrNoClaim
	}
	claims, donates := claim.Claimer.BankCode == bankCode, claim.Donor.BankCode == bankCode
	switch {
	case end == Consent && !donates, end == Complete && !claims:
		return Claim{}, ErrPart
	case claim.State == ClaimCompleted && end != Cancel, claim.State == ClaimCancelled && end == Cancel:
		return *claim, nil
	case claim.State >= ClaimCompleted:
		return Claim{}, ErrEnded
	case end == Cancel && !claims && r.Key.Kind.Proved() && !claim.DonorProved:
		return Claim{}, ErrDonorNotProved
	case end == Cancel:
		claim.State = ClaimCancelled
		r.forget(claim.Claimer.Party)
		return *claim, nil
	case claim.State == ClaimPending:
		return Claim{}, ErrNotProved
	case end == Complete && now.Before(claim.ResolveAt):
		return Claim{}, ErrNotDue
	}
	r.give(claim, now)
	return *claim, nil
}

// give gives the key to who claims it.
func (r *Record) give(claim *Claim, now time.Time) {
	claim.State = ClaimCompleted
	r.Pending = slices.DeleteFunc(r.Pending, func(e Entry) bool { return e.Account.Party == claim.Claimer.Party })
	r.Active = &Entry{Key: r.Key, State: Active, Account: claim.Claimer, CreatedAt: now}
}
