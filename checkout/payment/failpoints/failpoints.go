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
	// PayoutAccepted: a payout, its amount and its record are committed; the merchant has no answer.
	PayoutAccepted failpoint.Point = "payout-accepted"
	// ChargeRecordsClaimed: records are claimed; none is sent.
	ChargeRecordsClaimed failpoint.Point = "charge-records-claimed"
	// ChargeRecordsSent: it is committed that records were sent.
	ChargeRecordsSent failpoint.Point = "charge-records-sent"
	// ChargeRecordsReleased: records that were not sent are due again.
	ChargeRecordsReleased failpoint.Point = "charge-records-released"
	// ChargeResultsApplied: answers are committed; their offsets are not.
	ChargeResultsApplied failpoint.Point = "charge-results-applied"
	// ExpiriesAsked: records that ask after authorizations whose time is over are committed; none is sent.
	ExpiriesAsked failpoint.Point = "expiries-asked"
	// ChargeOffsetsStored: the offsets of charges or of answers are committed.
	ChargeOffsetsStored failpoint.Point = "charge-offsets-stored"
	// ChargeEventsClaimed: events are claimed; none is published.
	ChargeEventsClaimed failpoint.Point = "charge-events-claimed"
	// ChargeEventsAnnounced: it is committed how far events were published.
	ChargeEventsAnnounced failpoint.Point = "charge-events-announced"
)

// The points of the processor.
const (
	// ChargeAuthorized: the bank has decided a charge; the answer is not on its topic.
	ChargeAuthorized failpoint.Point = "charge-authorized"
	// ChargeVoided: the bank has ended a charge that it refused; the rejection is not on its topic.
	ChargeVoided failpoint.Point = "charge-voided"
	// OperationDone: the bank has captured, voided or refunded a charge; the answer is not on its topic.
	OperationDone failpoint.Point = "operation-done"
	// PayoutDone: the bank has paid or declined a payout; the answer is not on its topic.
	PayoutDone failpoint.Point = "payout-done"
	// PayoutEnded: the bank has ended a payout that it refused; the rejection is not on its topic.
	PayoutEnded failpoint.Point = "payout-ended"
	// ChargesAnswered: answers are on their topic; the offsets of the charges are not stored.
	ChargesAnswered failpoint.Point = "charges-answered"
	// ChargeLettersPublished: records that are no charges are in the dead-letter topic; their offsets are not stored.
	ChargeLettersPublished failpoint.Point = "charge-letters-published"
)

// All returns the points of the payment gateway and its processor.
func All() []failpoint.Point {
	return []failpoint.Point{
		ChargeAccepted, OperationAccepted, ChargeRecordsClaimed, ChargeRecordsSent, ChargeRecordsReleased, ChargeResultsApplied, ExpiriesAsked,
		ChargeOffsetsStored, ChargeEventsClaimed, ChargeEventsAnnounced, ChargeAuthorized, ChargeVoided, OperationDone, ChargesAnswered,
		ChargeLettersPublished, PayoutAccepted, PayoutDone, PayoutEnded,
	}
}
