package identity

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"net/netip"
	"time"
)

// Act is a security act, as the audit log records it. None of its texts is a secret or an e-mail
// address.
type Act struct {
	// At is when it happened, in whole microseconds.
	At time.Time
	// Name is what happened.
	Name ActName
	// Who did it: a user, "nobody", or "command" for a command of an operator.
	Who string
	// What it was done to: a user, a session, or the key of an address.
	What string
	// Address and Trace say where it came from.
	Address, Trace string
	// Result is OK, or why it was refused.
	Result string
}

// ActName names a kind of act.
type ActName string

// The acts.
const (
	ActSignUpRequested ActName = "SIGN_UP_REQUESTED"
	ActUserCreated     ActName = "USER_CREATED"
	ActSignedIn        ActName = "SIGNED_IN"
	ActSignInFailed    ActName = "SIGN_IN_FAILED"
	ActSignInLocked    ActName = "SIGN_IN_LOCKED"
	ActSessionEnded    ActName = "SESSION_ENDED"
	ActRefreshReused   ActName = "REFRESH_TOKEN_REUSED"
	ActPasswordChanged ActName = "PASSWORD_CHANGED"
	ActResetRequested  ActName = "PASSWORD_RESET_REQUESTED"
	ActPasswordReset   ActName = "PASSWORD_RESET"
	ActRolesChanged    ActName = "ROLES_CHANGED"
)

// ResultOK is the result of an act that was done.
const ResultOK = "OK"

// Origin is where a call comes from.
type Origin struct {
	Address netip.Addr
	Trace   string
}

// Act returns an act that was done, by a caller of this origin.
func (o Origin) Act(at time.Time, name ActName, who, what string) Act {
	act := Act{At: at, Name: name, Who: who, What: what, Trace: o.Trace, Result: ResultOK}
	if o.Address.IsValid() {
		act.Address = o.Address.String()
	}
	return act
}

// Hash is the hash of a row of the audit log.
type Hash [sha256.Size]byte

// AuditRow is one act in the audit log.
type AuditRow struct {
	// Sequence counts from 1 without a gap.
	Sequence int64
	Act      Act
	// Previous is the hash of the row before; zero for the first row.
	Previous Hash
	Hash     Hash
}

// Chain returns the row of an act behind the row with a sequence and a hash.
func Chain(sequence int64, previous Hash, act Act) AuditRow {
	row := AuditRow{Sequence: sequence + 1, Act: act, Previous: previous}
	row.Act.At = act.At.UTC().Truncate(time.Microsecond)
	row.Hash = row.hash()
	return row
}

// hash returns the SHA-256 of everything in the row, each text behind its length, so that no
// two rows have the same bytes.
func (r AuditRow) hash() Hash {
	var b bytes.Buffer
	b.WriteString("codebank identity audit 1\n")
	b.Write(r.Previous[:])
	number := func(n int64) { b.Write(binary.BigEndian.AppendUint64(nil, uint64(n))) }
	number(r.Sequence)
	number(r.Act.At.UnixMicro())
	for _, text := range []string{string(r.Act.Name), r.Act.Who, r.Act.What, r.Act.Address, r.Act.Trace, r.Act.Result} {
		number(int64(len(text)))
		b.WriteString(text)
	}
	return sha256.Sum256(b.Bytes())
}

// AuditChecker checks rows of the audit log, one after another from the first.
type AuditChecker struct {
	// Sequence and Head are those of the last row that was right.
	Sequence int64
	Head     Hash
}

// Check checks the next row. The error names the row and says how it breaks the chain.
func (c *AuditChecker) Check(row AuditRow) error {
	switch {
	case row.Sequence != c.Sequence+1:
		return fmt.Errorf("row %d is missing: row %d follows row %d", c.Sequence+1, row.Sequence, c.Sequence)
	case row.Previous != c.Head:
		return fmt.Errorf("row %d does not follow row %d: the hash of the row before differs", row.Sequence, c.Sequence)
	case row.hash() != row.Hash:
		return fmt.Errorf("row %d was changed: its hash is not that of its content", row.Sequence)
	}
	c.Sequence, c.Head = row.Sequence, row.Hash
	return nil
}

// CheckEnd checks that the last row is the one that the store calls the head.
func (c *AuditChecker) CheckEnd(sequence int64, head Hash) error {
	switch {
	case c.Sequence < sequence:
		return fmt.Errorf("row %d is missing: the log ends with row %d", c.Sequence+1, c.Sequence)
	case c.Sequence > sequence || c.Head != head:
		return fmt.Errorf("row %d is not the head of the log: it was written around the program", c.Sequence)
	}
	return nil
}
