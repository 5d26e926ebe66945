package catalogue

import (
	"codebank.dev/dashboards/kql"
	"codebank.dev/dashboards/view"
)

// Queries that choose events of merchants' charges.
var (
	// decided is one event for each charge that was approved, authorized or rejected.
	decided = kql.Is{Field: "kind", Value: "CHARGE_DECIDED"}
	// accepted are charges that the acquirer agreed to.
	accepted = kql.OneOf{Field: "status", Values: []string{"APPROVED", "AUTHORIZED"}}
	// refunded is one event for each refund that was done.
	refunded = kql.And{
		kql.Is{Field: "kind", Value: "OPERATION_ENDED"}, kql.Is{Field: "operation_kind", Value: "REFUND"}, kql.Is{Field: "operation_status", Value: "DONE"},
	}
	liveMode = kql.Is{Field: "mode", Value: "LIVE"}
	testMode = kql.Is{Field: "mode", Value: "TEST"}
)

// apart is what every definition about charges says of test mode.
const apart = "Live and test mode are never added: no money moves in test mode. "

// charges is the source of what merchants charge through the payment gateway.
func charges() view.DataView {
	minor := view.FieldFormat{ID: "number", Params: map[string]any{"pattern": "0,0"}}
	return view.DataView{
		Source: view.Charges, Name: "Charges", Pattern: "checkout-charges-*", TimeField: occurredAt,
		Formats: map[string]view.FieldFormat{
			"amount_minor": minor, "captured_minor": minor, "refunded_minor": minor, "operation_amount_minor": minor,
			"decision_millis": {ID: "duration", Params: map[string]any{
				"inputFormat": view.Milliseconds, "outputFormat": "asMilliseconds", "outputPrecision": 0, "includeSpaceWithSuffix": true,
			}},
			"merchant_id": {ID: "string", Params: map[string]any{"transform": false}}, // A slug is shown as it is.
			"occurred_at": {ID: "date", Params: map[string]any{"pattern": "D MMM, HH:mm:ss"}},
		},
		Labels: map[string]string{
			"occurred_at": "Time", "event_id": "Event", "merchant_id": "Merchant", "mode": "Live or test", "sequence": "Place with the merchant", "kind": "Kind",
			"charge_id": "Charge", "version": "Version", "status": "Status", "amount_minor": "Amount", "currency": "Currency", "captured_minor": "Captured",
			"refunded_minor": "Refunded", "card_brand": "Brand", "card_last4": "Last four", "operation_id": "Operation", "operation_kind": "What is done",
			"operation_status": "How it ended", "operation_amount_minor": "Amount of it", "code": "Code", "reason": "Reason", "accepted_at": "Accepted",
			"decided_at": "Decided", "decision_millis": "Decision time", "kafka_topic": "Topic", "kafka_partition": "Partition", "kafka_offset": "Offset",
			"pipeline_millis": "Lag",
		},
		Words: view.Words{
			"mode": {"LIVE": "Live", "TEST": "Test", "UNKNOWN": "Unknown"},
			"kind": {
				"CHARGE_ACCEPTED": "Charge accepted", "CHARGE_DECIDED": "Charge decided", "OPERATION_ACCEPTED": "Operation accepted",
				"OPERATION_ENDED": "Operation ended", "CHARGE_EXPIRED": "Charge expired", "UNKNOWN": "Unknown",
			},
			"status": {
				"PENDING": "Pending", "REJECTED": "Rejected", "AUTHORIZED": "Authorized", "APPROVED": "Approved", "VOIDED": "Voided", "EXPIRED": "Expired",
				"UNKNOWN": "Unknown",
			},
			"operation_kind":   {"NONE": "The charge itself", "CAPTURE": "Capture", "VOID": "Void", "REFUND": "Refund", "UNKNOWN": "Unknown"},
			"operation_status": {"NONE": "–", "PENDING": "Pending", "DONE": "Done", "REFUSED": "Refused", "UNKNOWN": "Unknown"},
			"card_brand":       words()["card_brand"],
			"reason":           reasonWords(),
		},
		Colours: map[string]map[string]view.Colour{"mode": {"LIVE": view.First, "TEST": view.Quiet, "UNKNOWN": view.Quiet}},
		Amounts: []string{"amount_minor", "captured_minor", "refunded_minor", "operation_amount_minor"}, Decimals: Decimals(),
	}
}

// ofCharges returns a panel about charges. The controls of a dashboard are about payments, so they do not filter it.
func ofCharges(chart view.Chart, id, title, definition string) view.Panel {
	return view.Panel{
		ID: id, Title: title, Definition: "Covers what merchants charge through the payment gateway, apart from the bank's own figures. " + apart + definition,
		Chart: chart, Source: view.Charges, Unfiltered: true,
	}
}

func chargesByMerchant() view.Panel {
	p := ofCharges(view.Table, "charges-by-merchant", "Charges by merchant and mode", oneMoney+
		"Charges: those that were decided in the range. Volume: the amounts of those that were approved or authorized. Refunded: what refunds that were done in the range gave back.")
	p.Query = kql.And{kql.Or{decided, refunded}, inCurrency}
	return by(showing(p,
		value("charges", "Charges", count(decided), wholeNumber),
		value("rate", "Accepted", view.Ratio(count(decided, accepted), count(decided)), percent),
		value("volume", "Volume", volume(decided, accepted), money),
		value("refunded", "Refunded", view.Major(sum("operation_amount_minor", refunded)), money)),
		topValues("Merchant", "merchant_id", 20), topValues("Mode", "mode", 3))
}

func decisionTimeOfCharges() view.Panel {
	p := ofCharges(view.Line, "charges-decision-time", "Time from accepted to decided",
		"From the acceptance of a charge until its decision (decision_millis), for charges that were decided in the interval. p50, p95: half and 95 of 100 are faster.")
	p.Query = kql.And{decided, kql.Exists{Field: "decision_millis"}}
	of := func(rank int, mode kql.Query) view.Aggregate {
		a := percentile("decision_millis", rank)
		a.Filter = mode
		return a
	}
	return measuring(approximate(by(showing(p,
		in(view.First, value("live-p50", "Live p50", of(50, liveMode), decisionOfCharge)),
		in(view.Second, value("live-p95", "Live p95", of(95, liveMode), decisionOfCharge)),
		in(view.Third, value("test-p50", "Test p50", of(50, testMode), decisionOfCharge)),
		in(view.Fourth, value("test-p95", "Test p95", of(95, testMode), decisionOfCharge))), overTime()), byDigest), "Decision time (ms)")
}

// decisionOfCharge is the time from the acceptance of a charge to its decision.
var decisionOfCharge = view.Format{Kind: view.Duration, Unit: view.Milliseconds, As: view.Milliseconds}
