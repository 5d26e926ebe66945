// Package failpoints lists the points at which a test can kill the statement service. Each lies
// between two durable steps. Package failpoint describes how it works.
package failpoints

import "codebank.dev/platform/failpoint"

// The points of the statement service.
const (
	// StatementMigrated: a migration of the statement is committed, the next is not begun.
	StatementMigrated failpoint.Point = "statement-migrated"
	// StatementClaimed: whose statement it is, is written down; nothing is served.
	StatementClaimed failpoint.Point = "statement-claimed"
	// AdvanceFound: it is known how far an account's events follow on, not stored.
	AdvanceFound failpoint.Point = "advance-found"
	// AdvanceStored: an account's complete_to is moved up, nobody is answered.
	AdvanceStored failpoint.Point = "advance-stored"
	// GapsFound: a stretch of time is examined for gaps, not committed.
	GapsFound failpoint.Point = "gaps-found"
	// GapsStored: the gaps of a stretch are committed, nobody is told.
	GapsStored failpoint.Point = "gaps-stored"
)

// All returns the points of the statement service.
func All() []failpoint.Point {
	return []failpoint.Point{StatementMigrated, StatementClaimed, AdvanceFound, AdvanceStored, GapsFound, GapsStored}
}
