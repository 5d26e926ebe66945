package directory

import (
	"time"

	"codebank.dev/codepix/key"
	"codebank.dev/platform/id"
)

// DefaultClaimPeriod is how long a donor may answer a claim.
const DefaultClaimPeriod = 7 * day

// ClaimState is how far a claim has come. The numbers are stored and sent: append only.
type ClaimState uint8

// The states of a claim.
const (
	// ClaimPending says that the code that was sent to the key was not given back.
	ClaimPending ClaimState = iota + 1
	// ClaimOpen says that the donor may answer. A key has at most one open claim.
	ClaimOpen
	// ClaimCompleted says that the claimer got the key.
	ClaimCompleted
	ClaimCancelled
)

// Claim is a request for a key that another account has.
type Claim struct {
	ID    id.ID
	Key   key.Key
	State ClaimState
	// Claimer asks for the key, and Donor has it.
	Claimer, Donor Account
	// DonorProved says that the donor has proved, since the claim is open, that he reads what is sent to the key.
	DonorProved bool
	CreatedAt   time.Time
	// ResolveAt is when the claimer may take the key; zero until the claim is open.
	ResolveAt time.Time
}

// Name returns the name of the claim as a resource.
func (c *Claim) Name() string { return ClaimPrefix + c.ID.String() }

// ClaimPrefix begins the names of claims.
const ClaimPrefix = "claims/"

// Has reports whether a bank takes part in the claim.
func (c *Claim) Has(bankCode string) bool {
	return c.Claimer.BankCode == bankCode || c.Donor.BankCode == bankCode
}

// asMade returns the claim as it was when it was made.
func (c Claim) asMade(period time.Duration) Claim {
	c.State, c.DonorProved, c.ResolveAt = ClaimPending, false, time.Time{}
	if !c.Key.Kind.Proved() {
		c.State, c.ResolveAt = ClaimOpen, c.CreatedAt.Add(period)
	}
	return c
}

// End is what a bank does to a claim. The numbers are sent: append only.
type End uint8

// The ends.
const (
	// Consent: the donor gives the key away.
	Consent End = iota + 1
	// Complete: the claimer takes the key, because the donor did not answer in time.
	Complete
	// Cancel: the claimer gives up, or the donor keeps the key.
	Cancel
)

// String returns the name of the state, or "" for one that does not exist.
func (s ClaimState) String() string {
	names := [...]string{"", "PENDING", "OPEN", "COMPLETED", "CANCELLED"}
	if int(s) >= len(names) {
		return ""
	}
	return names[s]
}
