// Package failpoints lists the points at which a test can kill the program identity. Each lies
// between two durable steps. Package failpoint describes how it works.
package failpoints

import "codebank.dev/platform/failpoint"

// The points of the program identity.
const (
	// IdentityMigrated: a migration is committed, and the next one has not begun.
	IdentityMigrated failpoint.Point = "identity-migrated"
	// ActCommitted: a security act and its row of the audit log are committed; the caller has no
	// answer.
	ActCommitted failpoint.Point = "act-committed"
	// TokenRefreshed: a refresh token is exchanged; the caller has no answer.
	TokenRefreshed failpoint.Point = "token-refreshed"
	// AttemptCounted: an attempt is counted; no password is checked.
	AttemptCounted failpoint.Point = "attempt-counted"
	// AttemptGivenBack: an attempt is taken back; the caller has no answer, and a hash that was made is not
	// stored.
	AttemptGivenBack failpoint.Point = "attempt-given-back"
	// MailClaimed: an e-mail is claimed; no token is made.
	MailClaimed failpoint.Point = "mail-claimed"
	// MailTokenStored: the token of an e-mail is stored; nothing is sent.
	MailTokenStored failpoint.Point = "mail-token-stored"
	// MailDone: an e-mail is sent and marked as sent.
	MailDone failpoint.Point = "mail-done"
	// IdentitiesPruned: what is too old is deleted.
	IdentitiesPruned failpoint.Point = "identities-pruned"
	// SigningKeysWritten: the file of the signing keys is written under a temporary name.
	SigningKeysWritten failpoint.Point = "signing-keys-written"
	// SigningKeysPublished: the file of the signing keys has its name; the folder is not flushed.
	SigningKeysPublished failpoint.Point = "signing-keys-published"
)

// All returns the points of the program identity.
func All() []failpoint.Point {
	return []failpoint.Point{
		IdentityMigrated, ActCommitted, TokenRefreshed, AttemptCounted, AttemptGivenBack, MailClaimed,
		MailTokenStored, MailDone, IdentitiesPruned, SigningKeysWritten, SigningKeysPublished,
	}
}
