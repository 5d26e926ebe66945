// Package failpoints lists the points at which a test can kill the bank. Each lies between two
// durable steps. Package failpoint describes how it works.
package failpoints

import "codebank.dev/platform/failpoint"

// The failpoints of the bank, in the order in which an event passes them.
const (
	// LedgerMigrated: a migration of the ledger is committed, or the rights of its roles are, and the next step is
	// not begun.
	LedgerMigrated failpoint.Point = "ledger-migrated"
	// LedgerClaimed: the bank's code is written into the ledger, nothing is served.
	LedgerClaimed failpoint.Point = "ledger-claimed"
	// CardSealed: a card's number is drawn and sealed, nothing is stored.
	CardSealed failpoint.Point = "card-sealed"
	// BatchLocked: a batch has locked and read its rows, nothing is decided.
	BatchLocked failpoint.Point = "batch-locked"
	// BatchDecided: a batch is decided, its writes and its commit are not sent.
	BatchDecided failpoint.Point = "batch-decided"
	// BatchCommitted: a batch is committed, no caller has an answer.
	BatchCommitted failpoint.Point = "batch-committed"
	// CardIssued: a card is committed, its number is not read back.
	CardIssued failpoint.Point = "card-issued"
	// LinkStored: the link of a customer to a user is stored, nobody has an answer.
	LinkStored failpoint.Point = "link-stored"
	// CommandRefused: the reason is stored why a command of the topic ends, its request id is not ended.
	CommandRefused failpoint.Point = "command-refused"
	// CommandResultsPublished: the broker has the results of a batch of commands, their offset is not stored.
	CommandResultsPublished failpoint.Point = "command-results-published"
	// CommandLettersPublished: the broker has the dead letters of a batch, their offset is not stored.
	CommandLettersPublished failpoint.Point = "command-letters-published"
	// CommandOffsetStored: the offset of a batch of commands is stored, and its reader does not know it yet.
	CommandOffsetStored failpoint.Point = "command-offset-stored"
	// HolderStored: who a customer is, is stored, nobody has an answer.
	HolderStored failpoint.Point = "holder-stored"
	// PixKeyStored: the hub has changed a key and the bank's copy has it, nobody has an answer.
	PixKeyStored failpoint.Point = "pix-key-stored"
	// PixKeyDropped: the hub has ended a key and the bank's copy has not it any more, nobody has an answer.
	PixKeyDropped failpoint.Point = "pix-key-dropped"
	// PixKeyChanged: the hub has changed a key, the bank's copy has not.
	PixKeyChanged failpoint.Point = "pix-key-changed"
	// PixCodeStored: a code is stored, nobody has an answer.
	PixCodeStored failpoint.Point = "pix-code-stored"
	// PixCodeCancelled: a code is cancelled, nobody has an answer.
	PixCodeCancelled failpoint.Point = "pix-code-cancelled"
	// PixMessagesClaimed: messages to the hub are claimed, none of them is sent.
	PixMessagesClaimed failpoint.Point = "pix-messages-claimed"
	// PixMessagesSent: the broker has messages to the hub, the ledger knows it, and the relay does not know that yet.
	PixMessagesSent failpoint.Point = "pix-messages-sent"
	// PixMessagesReleased: messages that could not be sent are due again, and the relay does not know it yet.
	PixMessagesReleased failpoint.Point = "pix-messages-released"
	// TokensSwept: uses of expired tokens are deleted, perhaps not all.
	TokensSwept failpoint.Point = "tokens-swept"
	// LeaseWritten: the relay's lease is taken, renewed or released, and the relay does not know it
	// yet.
	LeaseWritten failpoint.Point = "lease-written"
	// RelayFetched: events are fetched, none of them is sent to the broker.
	RelayFetched failpoint.Point = "relay-fetched"
	// RelayPublished: the broker has answered for a whole group, and the publisher has not counted
	// the answers.
	RelayPublished failpoint.Point = "relay-published"
	// RelayAcknowledged: events are acknowledged, their rows are not deleted.
	RelayAcknowledged failpoint.Point = "relay-acknowledged"
	// RelayDeleted: their rows are deleted, and the relay does not know it yet.
	RelayDeleted failpoint.Point = "relay-deleted"
	// FloorMoved: the stored floor, the lowest id that fetches read, is higher than before.
	FloorMoved failpoint.Point = "floor-moved"
	// WatermarkMarked: the time of a mark is stored, no watermark is published for it.
	WatermarkMarked failpoint.Point = "watermark-marked"
	// WatermarkPublished: the broker has a watermark of every partition.
	WatermarkPublished failpoint.Point = "watermark-published"
)

// All returns the failpoints of the bank, in the order in which an event passes them.
func All() []failpoint.Point {
	return []failpoint.Point{
		LedgerMigrated, LedgerClaimed, CardSealed, BatchLocked, BatchDecided, BatchCommitted, CardIssued, LinkStored,
		CommandRefused, CommandResultsPublished, CommandLettersPublished, CommandOffsetStored,
		HolderStored, PixKeyStored, PixKeyDropped, PixKeyChanged, PixCodeStored, PixCodeCancelled,
		PixMessagesClaimed, PixMessagesSent, PixMessagesReleased,
		TokensSwept, LeaseWritten, RelayFetched, RelayPublished, RelayAcknowledged, RelayDeleted, FloorMoved, WatermarkMarked,
		WatermarkPublished,
	}
}
