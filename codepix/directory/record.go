package directory

import (
	"errors"
	"slices"
	"time"

	"codebank.dev/codepix/key"
	"codebank.dev/platform/id"
)

// Record is all that is known of one key. A store loads it, lets a use case change it, and commits the difference.
// The rules are here; what they return as a refusal, the store commits only if the use case says so.
type Record struct {
	Key key.Key
	// Active is the entry of the account that has the key; nil if nobody has it.
	Active *Entry
	// Pending are the entries of accounts that have not proved the key yet, at most one for each.
	Pending []Entry
	// Claims are those that have not ended, and the one that the Change names.
	Claims []Claim
	// Proofs are the codes that were asked for, at most one for each account.
	Proofs []Proof
	Sends  Sends
	// Request is what became of the Change's request id before; nil if it is new. A use case sets it.
	Request *Request
	// OfParty is how many keys the Change's party has.
	OfParty int
}

// Register gives the key to an account, or lets it prove the key first. Errors: ErrOwned, ErrTaken, ErrTooMany,
// ErrTooManyCodes.
func (r *Record) Register(account Account, now time.Time) (Entry, error) {
	entry := Entry{Key: r.Key, State: Active, Account: account, CreatedAt: now}
	known := r.pending(account.Party)
	switch {
	case r.Active != nil && r.Active.Account.Party == account.Party:
		return Entry{}, ErrOwned
	case r.Active != nil:
		return Entry{}, ErrTaken
	case r.OfParty >= MaxKeys && known < 0:
		return Entry{}, ErrTooMany
	case !r.Key.Kind.Proved():
		r.Active = &entry
		return entry, nil
	}
	entry.State = Pending
	if known < 0 {
		r.Pending = append(r.Pending, entry)
	} else {
		entry.CreatedAt = r.Pending[known].CreatedAt
		r.Pending[known] = entry
	}
	return entry, r.sendUnlessSent(account.Party, now)
}

// Confirm proves the key, or the claim of it, by a code. An attempt counts even if it is refused, so the record must
// be committed then too. The entry is the one of the account that has the key now. Errors: ErrNoKey,
// ErrNothingToConfirm, ErrNoCode, ErrWrongCode, ErrTaken, ErrClaimed.
func (r *Record) Confirm(of Party, hash Hash, rule ClaimRule) (Entry, error) {
	at := slices.IndexFunc(r.Proofs, func(p Proof) bool { return p.Party == of })
	if err := r.awaits(of); err != nil {
		// Who has proved it repeats his call.
		if errors.Is(err, ErrNothingToConfirm) && at >= 0 && r.Proofs[at].Used && r.Proofs[at].check(hash, rule.Now) == nil {
			return *r.Active, nil
		}
		return Entry{}, err
	}
	if at < 0 {
		return Entry{}, ErrNoCode
	}
	if err := r.Proofs[at].check(hash, rule.Now); err != nil {
		return Entry{}, err
	}
	if err := r.proved(of, rule); err != nil {
		return Entry{}, err
	}
	r.Proofs[at].Used = true
	return *r.Active, nil
}

// SendCode asks for a new code to the key. Errors: ErrNoKey, ErrNothingToConfirm, ErrTooManyCodes.
func (r *Record) SendCode(of Party, now time.Time) error {
	if err := r.awaits(of); err != nil {
		return err
	}
	return r.send(of, now)
}

// Delete ends the account's entry. Who deletes a key that is claimed has consented. Error: ErrNoKey.
func (r *Record) Delete(of Party, now time.Time) error {
	pending := r.pending(of)
	switch {
	case r.Active != nil && r.Active.Account.Party == of:
		r.Active = nil
		if open := r.open(); open != nil {
			r.give(open, now)
		}
	case pending >= 0:
		r.Pending = slices.Delete(r.Pending, pending, pending+1)
	default:
		return ErrNoKey
	}
	r.forget(of)
	return nil
}

// awaits returns nil if an account has something to prove: an entry, a claim, or that it keeps the key that is
// claimed.
func (r *Record) awaits(of Party) error {
	owned := r.Active != nil && r.Active.Account.Party == of
	open := r.open()
	switch {
	case r.pending(of) >= 0, r.claimOf(of, ClaimPending) != nil:
		return nil
	case owned && open != nil && !open.DonorProved && r.Key.Kind.Proved():
		return nil
	case owned, r.claimOf(of, ClaimOpen) != nil:
		return ErrNothingToConfirm
	}
	return ErrNoKey
}

// proved does what an account has proved.
func (r *Record) proved(of Party, rule ClaimRule) error {
	claim, pending, open := r.claimOf(of, ClaimPending), r.pending(of), r.open()
	switch {
	case claim != nil:
		return r.openClaim(claim, rule)
	case pending < 0:
		open.DonorProved = true
	case r.Active != nil:
		return ErrTaken
	default:
		entry := r.Pending[pending]
		entry.State = Active
		r.Active = &entry
		r.Pending = slices.Delete(r.Pending, pending, pending+1)
	}
	return nil
}

// send asks for a code. Error: ErrTooManyCodes.
func (r *Record) send(of Party, now time.Time) error {
	at := slices.IndexFunc(r.Proofs, func(p Proof) bool { return p.Party == of })
	if at >= 0 && now.Sub(r.Proofs[at].RequestedAt) < CodePause {
		return ErrTooManyCodes.After(r.Proofs[at].RequestedAt.Add(CodePause).Sub(now))
	}
	if err := r.Sends.add(now); err != nil {
		return err
	}
	proof := Proof{Party: of, RequestedAt: now}
	if at < 0 {
		r.Proofs = append(r.Proofs, proof)
	} else {
		r.Proofs[at] = proof
	}
	return nil
}

// sendUnlessSent is send that does nothing if a code was sent a moment ago.
func (r *Record) sendUnlessSent(of Party, now time.Time) error {
	for _, proof := range r.Proofs {
		if proof.Party == of && !proof.Used && now.Sub(proof.RequestedAt) < CodePause {
			return nil
		}
	}
	return r.send(of, now)
}

// forget takes the account's code away, unless one was asked for a moment ago: its time bounds the next one.
func (r *Record) forget(of Party) {
	for i := range r.Proofs {
		if r.Proofs[i].Party == of {
			r.Proofs[i].Hash, r.Proofs[i].Used = Hash{}, true
		}
	}
}

// pending returns the index of an account's pending entry, or -1.
func (r *Record) pending(of Party) int {
	return slices.IndexFunc(r.Pending, func(e Entry) bool { return e.Account.Party == of })
}

// claimOf returns an account's claim in a state, or nil.
func (r *Record) claimOf(of Party, state ClaimState) *Claim {
	return r.claim(func(c *Claim) bool { return c.Claimer.Party == of && c.State == state })
}

// open returns the claim that is open, or nil.
func (r *Record) open() *Claim { return r.claim(func(c *Claim) bool { return c.State == ClaimOpen }) }

// claimWith returns the claim with an id, or nil.
func (r *Record) claimWith(claim id.ID) *Claim {
	return r.claim(func(c *Claim) bool { return c.ID == claim })
}

func (r *Record) claim(is func(*Claim) bool) *Claim {
	for i := range r.Claims {
		if is(&r.Claims[i]) {
			return &r.Claims[i]
		}
	}
	return nil
}

// Clone returns a copy that shares nothing with r.
func (r *Record) Clone() *Record {
	clone := *r
	if r.Active != nil {
		active := *r.Active
		clone.Active = &active
	}
	if r.Request != nil {
		request := *r.Request
		clone.Request = &request
	}
	clone.Pending, clone.Claims, clone.Proofs = slices.Clone(r.Pending), slices.Clone(r.Claims), slices.Clone(r.Proofs)
	return &clone
}
