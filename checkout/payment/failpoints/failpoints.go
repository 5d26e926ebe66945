// Package failpoints lists the points at which a test can kill the payment gateway and its processor. Each lies
// between two durable steps. Package failpoint describes how it works.
package failpoints

import "codebank.dev/platform/failpoint"

// The points of the payment gateway's store.
const (
	// ChargeAccepted: a charge and its record are committed; the merchant has no answer.
	ChargeAccepted failpoint.Point = "charge-accepted"
	// OperationAccepted: an operation and its record are committed; the merchant has no answer.
	OperationAccepted failpoint.Point = "operation-accepted"
	// ChargeRecordsClaimed: records are claimed; none is sent.
	ChargeRecordsClaimed failpoint.Point = "charge-records-claimed"
	// ChargeRecordsSent: it is committed that records were sent.
	ChargeRecordsSent failpoint.Point = "charge-records-sent"
	// ChargeRecordsReleased: records that were not sent are due again.
	ChargeRecordsReleased failpoint.Point = "charge-records-released"
	// ChargeResultsApplied: answers are committed; their offsets are not.
	ChargeResultsApplied failpoint.Point = "charge-results-applied"
	// ChargeOffsetsStored: the offsets of charges or of answers are committed.
	ChargeOffsetsStored failpoint.Point = "charge-offsets-stored"
)

// ChargesAnswered is the point of the processor: answers are on their topic; the offsets of the charges are not stored.
const ChargesAnswered failpoint.Point = "charges-answered"

// All returns the points of the payment gateway and its processor.
func All() []failpoint.Point {
	return []failpoint.Point{
		ChargeAccepted, OperationAccepted, ChargeRecordsClaimed, ChargeRecordsSent, ChargeRecordsReleased, ChargeResultsApplied, ChargeOffsetsStored,
		ChargesAnswered,
	}
}
