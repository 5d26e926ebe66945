// Package failpoints lists the points at which a test can kill the program gateway. Each lies between two durable
// steps. Package failpoint describes how it works.
package failpoints

import (
	"codebank.dev/platform/failpoint"
	"codebank.dev/platform/outbox/kafka"
)

// The points of the program gateway.
const (
	// GatewayMigrated: a migration is committed, and the next one has not begun.
	GatewayMigrated failpoint.Point = "gateway-migrated"
	// TransferAccepted: a transfer and its command are committed; the caller has no answer.
	TransferAccepted failpoint.Point = "transfer-accepted"
	// CommandsClaimed: commands are claimed; none is sent.
	CommandsClaimed failpoint.Point = "commands-claimed"
	// CommandsSent: it is committed that commands were sent.
	CommandsSent failpoint.Point = "commands-sent"
	// CommandsReleased: commands that were not sent are due again.
	CommandsReleased failpoint.Point = "commands-released"
	// CancelDecided: the bank has ended a transfer for its owner; the gateway has not recorded it.
	CancelDecided failpoint.Point = "cancel-decided"
	// TransfersEnded: results are committed; their offsets are not.
	TransfersEnded failpoint.Point = "transfers-ended"
	// ResultsPassed: the offsets of results are committed.
	ResultsPassed failpoint.Point = "results-passed"
)

// All returns the points of the program gateway.
func All() []failpoint.Point {
	return []failpoint.Point{
		GatewayMigrated, TransferAccepted, CommandsClaimed, kafka.RowsPublished, CommandsSent, CommandsReleased, CancelDecided,
		TransfersEnded, ResultsPassed,
	}
}
