// Package auditlog is the language of the audit log that every service keeps of the acts that somebody
// may have to answer for: sign-ins, and everything that an operator does. The log is a chain: each row
// holds the hash of the row before, so a row that is changed, removed or put in shows.
//
//	auditlog.go         Record, Row, Head: an act, its row, and the last row
//	chain.go            what a row's hash is made of
//	checker.go          Checker: whether rows are one chain, which leads to the heads that were published
//	table/              the table, in Postgres, and how to append to it within the transaction of the act
//	heads/              the topic on which a service publishes its head
//
// # How to append
//
// A record is committed together with its act, or neither is. It is the last that a transaction
// writes: appending locks the head of the log until the commit, and the lock of the head comes last
// in the order of all locks.
//
// Within a transaction of pgx:
//
//	err := table.Append(ctx, tx, records...)
//
// Within a batch of platform/database/wire the hashes need one more round trip, so a batch without
// records must not take these steps:
//
//	session.PrepareStatements(ctx, table.Statements...)
//	var head auditlog.Head
//	b.Add(begin, nil)                     // and the writes of the acts
//	table.AddLock(&b, &head)              // the last statement of this round trip
//	b.Run(ctx)                            // the locks are held, nothing is committed
//	table.AddRows(&b2, head, records)     // the next round trip
//	b2.Add(commit, nil)
//	b2.Run(ctx)
//
// No text of a record is a secret, a card number or an e-mail address: the log is never deleted.
package auditlog

import "time"

// Act names a kind of act, in upper case, such as CARD_BLOCKED.
type Act string

// ResultOK is the result of an act that was done.
const ResultOK = "OK"

// Record is an act, as it is appended to the log.
type Record struct {
	// At is when it happened. The log keeps whole microseconds.
	At time.Time
	// Act is what happened.
	Act Act
	// WhoKind is the kind of principal who did it, as events name it: USER, SERVICE, MERCHANT, OPERATOR
	// or NOBODY. It is required.
	WhoKind string
	// Who is the principal's name.
	Who string
	// What is the resource that it was done to, by its name, such as cards/….
	What string
	// Address and Trace say where it came from: the network address and the id of the trace. Both
	// may be empty.
	Address, Trace string
	// Result is ResultOK, or why it was refused.
	Result string
}

// Row is a record in the log.
type Row struct {
	// Sequence counts from 1 without a gap.
	Sequence int64
	Record
	// Previous is the hash of the row before; zero for the first row.
	Previous Hash
	Hash     Hash
}

// Head is the last row of a log. The zero Head is that of an empty log.
type Head struct {
	Sequence int64
	Hash     Hash
}
