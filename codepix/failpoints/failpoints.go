// Package failpoints lists the points at which a test can kill the hub between banks. Each lies between two durable steps.
// Package failpoint describes how it works.
package failpoints

import "codebank.dev/platform/failpoint"

// The points of payments.
const (
	// HubMigrated: a migration is committed, or the rights of the role are.
	HubMigrated failpoint.Point = "hub-migrated"
	// HubSecretStored: a key that all replicas share is committed.
	HubSecretStored failpoint.Point = "hub-secret-stored"
	// PixApplied: what messages of banks have changed is committed; their offsets are not.
	PixApplied failpoint.Point = "pix-applied"
	// PixLettersPublished: records that change nothing are in the dead-letter topic; their offsets are not stored.
	PixLettersPublished failpoint.Point = "pix-letters-published"
	// PixOffsetsStored: the offsets of messages are committed.
	PixOffsetsStored failpoint.Point = "pix-offsets-stored"
	// PixRecordsClaimed: messages to banks are claimed; none is sent.
	PixRecordsClaimed failpoint.Point = "pix-records-claimed"
	// PixRecordsSent: it is committed that messages were sent.
	PixRecordsSent failpoint.Point = "pix-records-sent"
	// PixRecordsReleased: messages that were not sent are due again.
	PixRecordsReleased failpoint.Point = "pix-records-released"
)

// The points of the directory.
const (
	// KeyChanged: a change of a key is committed; the caller has no answer.
	KeyChanged failpoint.Point = "key-changed"
	// TalliesRecounted: the digests over a bank's keys are made with another secret.
	TalliesRecounted failpoint.Point = "tallies-recounted"
	// CodeClaimed: a code is to be sent by this program; it is not made.
	CodeClaimed failpoint.Point = "code-claimed"
	// CodeStored: the hash of a code is committed; the code is not sent.
	CodeStored failpoint.Point = "code-stored"
	// CodeMarked: a code is sent, and that is committed.
	CodeMarked failpoint.Point = "code-marked"
	// TokensSpent: the tokens of look-ups are committed.
	TokensSpent failpoint.Point = "tokens-spent"
	// DirectoryPruned: what is too old in the directory is deleted.
	DirectoryPruned failpoint.Point = "directory-pruned"
)

// Payments returns the points of payments and of the program.
func Payments() []failpoint.Point {
	return []failpoint.Point{HubMigrated, HubSecretStored, PixApplied, PixLettersPublished, PixOffsetsStored, PixRecordsClaimed, PixRecordsSent, PixRecordsReleased}
}

// Directory returns the points of the directory.
func Directory() []failpoint.Point {
	return []failpoint.Point{KeyChanged, TalliesRecounted, CodeClaimed, CodeStored, CodeMarked, TokensSpent, DirectoryPruned}
}

// All returns the points of the hub.
func All() []failpoint.Point { return append(Payments(), Directory()...) }
