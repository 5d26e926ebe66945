// Package failpoints lists the points at which a test can kill the statement service. Each lies
// between two durable steps. Package failpoint describes how it works.
package failpoints

import (
	"slices"

	"codebank.dev/platform/failpoint"
)

// The points of the statement service.
const (
	// StatementMigrated: a migration of the statement is committed, and the next one has not
	// begun.
	StatementMigrated failpoint.Point = "statement-migrated"
	// StatementClaimed: the code of the bank is stored in the database; nothing is served yet.
	StatementClaimed failpoint.Point = "statement-claimed"
	// AdvanceFound: the events of an account are read up to the first gap; nothing is stored.
	AdvanceFound failpoint.Point = "advance-found"
	// AdvanceStored: an account's complete_to is moved up; the caller has no answer.
	AdvanceStored failpoint.Point = "advance-stored"
	// GapsFound: a stretch of time is examined for gaps; nothing is committed.
	GapsFound failpoint.Point = "gaps-found"
	// GapsStored: the gaps of a stretch are committed; no alarm is raised.
	GapsStored failpoint.Point = "gaps-stored"
	// CustomerLinked: the owner of a customer is stored; the caller has no answer.
	CustomerLinked failpoint.Point = "customer-linked"
	// FileRequested: a file and its job are stored; the caller has no answer, and nobody has begun.
	FileRequested failpoint.Point = "file-requested"
	// FileClaimed: a worker has the claim on a file and has made nothing.
	FileClaimed failpoint.Point = "file-claimed"
	// FilePartStored: a part of a file is committed, and more follows.
	FilePartStored failpoint.Point = "file-part-stored"
	// FileEnded: a file is ready or has failed; its job is not done, and the caller has no answer.
	FileEnded failpoint.Point = "file-ended"
	// FileAnnounced: the e-mail of a file is sent; its job is not done.
	FileAnnounced failpoint.Point = "file-announced"
	// FilesExpired: the content of some files is deleted, and others may follow.
	FilesExpired failpoint.Point = "files-expired"
	// FileAdmitted: a request that had to wait counts among the files of its owner; nothing of its file is made.
	FileAdmitted failpoint.Point = "file-admitted"
	// RequestLettersPublished: requests that nobody can fulfil are in the dead-letter topic; their offset is not
	// stored.
	RequestLettersPublished failpoint.Point = "request-letters-published"
	// RequestOffsetStored: the offset behind a batch of requests is stored; the next batch is not begun.
	RequestOffsetStored failpoint.Point = "request-offset-stored"
)

// All returns the points of the statement service.
func All() []failpoint.Point {
	return slices.Concat([]failpoint.Point{StatementMigrated, StatementClaimed, AdvanceFound, AdvanceStored, GapsFound, GapsStored, CustomerLinked},
		Files(), Requests())
}

// Files returns those of them that lie between the steps of files.
func Files() []failpoint.Point {
	return []failpoint.Point{FileRequested, FileClaimed, FilePartStored, FileEnded, FileAnnounced, FilesExpired}
}

// Requests returns those of them that lie between the steps of requests by the topic.
func Requests() []failpoint.Point {
	return []failpoint.Point{FileAdmitted, RequestLettersPublished, RequestOffsetStored}
}
