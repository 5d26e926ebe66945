// Package directory knows which account a Pix key belongs to. It has the rules by which keys change hands, the use
// cases, and the ports of what they need; it knows no database and no protocol. A map of the package:
//
//	directory.go  accounts, entries, and why something is refused
//	proof.go      codes that are sent to a key, and what they prove
//	claim.go      claims
//	record.go     Record: all that is known of one key, and how it changes
//	digest.go     the digest over a bank's keys
//	bucket.go     the tokens that look-ups cost
//	store.go      the ports
//	service.go    Service: the use cases
//	register.go   create, confirm and delete a key
//	claiming.go   make and end a claim
//	lookup.go     look a key up
//	guard.go      Guard: takes the tokens, and gives them back
//	list.go       keys, claims and digests of a bank
//	sending.go    sends the codes that are due
//
// Nothing here logs a key, a code or a holder.
package directory

import (
	"time"

	"codebank.dev/codepix/key"
	"codebank.dev/platform/fault"
	"codebank.dev/platform/id"
)

// Party is an account of a bank, as whose a key or a claim is.
type Party struct {
	// BankCode is three digits.
	BankCode string
	// AccountID is the account at the bank.
	AccountID id.ID
}

// Account is a Party with its holder, as its bank says.
type Account struct {
	Party
	HolderName string
	// HolderDocument is the holder's CPF in its one form.
	HolderDocument string
}

// State says whether a key can be paid to. The numbers are stored and sent: append only.
type State uint8

// The states of a key.
const (
	// Pending says that the code that was sent to the key was not given back. Nobody has the key meanwhile.
	Pending State = iota + 1
	// Active says that the key is the account's. One account has it, anywhere.
	Active
)

// Entry is a key with the account that it stands for.
type Entry struct {
	Key       key.Key
	State     State
	Account   Account
	CreatedAt time.Time
}

// MaxKeys is how many keys an account may have.
const MaxKeys = 20

// Why something is refused.
var (
	ErrNoKey   = fault.New(fault.NotFound, "KEY_NOT_FOUND", "There is no such key.")
	ErrNoClaim = fault.New(fault.NotFound, "CLAIM_NOT_FOUND", "There is no such claim.")
	// ErrNoBank says that a bank does not take part.
	ErrNoBank = fault.New(fault.NotFound, "BANK_NOT_FOUND", "There is no such bank.")
	// ErrReused refuses a request id that was used before with another request.
	ErrReused = fault.New(fault.Aborted, "REQUEST_ID_REUSED", "This request id was used before with another request.")
	// ErrTaken says that another account has the key.
	ErrTaken = fault.New(fault.FailedPrecondition, "KEY_TAKEN", "The key belongs to another account. It may be claimed there.").In("key")
	// ErrOwned says that the account has the key already.
	ErrOwned = fault.New(fault.FailedPrecondition, "KEY_OWNED", "The key belongs to this account already.").In("key")
	// ErrTooMany says that the account has MaxKeys keys.
	ErrTooMany = fault.New(fault.FailedPrecondition, "TOO_MANY_KEYS", "An account has at most 20 keys.")
	// ErrNothingToConfirm says that no code is wanted.
	ErrNothingToConfirm = fault.New(fault.FailedPrecondition, "NOTHING_TO_CONFIRM", "The key needs no code.")
	// ErrWrongCode says that a code is not the one that was sent.
	ErrWrongCode = fault.New(fault.FailedPrecondition, "CODE_WRONG", "The code is wrong.").In("code")
	// ErrNoCode says that no code counts any more.
	ErrNoCode = fault.New(fault.FailedPrecondition, "CODE_EXPIRED", "The code is too old, or was wrong too often. Ask for a new one.").In("code")
	// ErrTooManyCodes says that a code was sent a moment ago, or too many of them today.
	ErrTooManyCodes = fault.New(fault.ResourceExhausted, "CODE_TOO_OFTEN", "A code was sent to this key already. Please wait before you ask for another one.")
	// ErrNoTokens says that a customer, or his bank, looks up too many keys.
	ErrNoTokens = fault.New(fault.ResourceExhausted, "LOOKUPS_EXHAUSTED", "Too many keys were looked up. Please wait and try again.")
	// ErrClaimed says that somebody claims the key already.
	ErrClaimed = fault.New(fault.FailedPrecondition, "KEY_CLAIMED", "The key is claimed already.").In("key")
	// ErrNotProved says that the code that was sent to the claimed key was not given back.
	ErrNotProved = fault.New(fault.FailedPrecondition, "CLAIM_NOT_PROVED", "The claimer did not prove the key by its code.")
	// ErrNotDue says that the donor may still answer.
	ErrNotDue = fault.New(fault.FailedPrecondition, "CLAIM_NOT_DUE", "The other account may still answer. The claim can be completed at its resolve time.")
	// ErrEnded says that a claim has ended in another way.
	ErrEnded = fault.New(fault.FailedPrecondition, "CLAIM_ENDED", "The claim has ended.")
	// ErrDonorNotProved says that the donor must prove that the key is still his.
	ErrDonorNotProved = fault.New(fault.FailedPrecondition, "DONOR_NOT_PROVED", "To keep the key, confirm it by a new code first.")
	// ErrPart says that the caller's part in a claim does not allow what he asks for.
	ErrPart = fault.New(fault.FailedPrecondition, "CLAIM_PART", "Only the account that has the key consents, and only the one that claims it completes the claim.").In("end")
)
