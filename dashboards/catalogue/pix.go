package catalogue

import (
	"codebank.dev/dashboards/kql"
	"codebank.dev/dashboards/view"
)

// Queries that choose changes of payments between banks. Each payment has one document for each of its states.
var (
	paidByPix   = kql.Is{Field: "kind", Value: "PAYMENT"}
	pixReturns  = kql.Is{Field: "kind", Value: "RETURN"}
	pixPending  = kql.Is{Field: "status", Value: "PENDING"}
	pixComplete = kql.Is{Field: "status", Value: "COMPLETED"}
	pixRejected = kql.Is{Field: "status", Value: "REJECTED"}
	pixEnded    = kql.Or{pixComplete, pixRejected}
	// pixAnswered are ends of payments that were pending before. What the hub refuses at once was never pending.
	pixAnswered = kql.And{pixEnded, kql.Compare{Field: "version", Operator: kql.Greater, Value: "1"}}
)

// pixObjective is the time in which all but one of a hundred payments are to be completed.
const pixObjective = 1_000

// pixTime is the time from the sending bank's hold to the end of a payment.
var pixTime = view.Format{Kind: view.Duration, Unit: view.Milliseconds, As: view.Milliseconds}

// pixPayments is the source of payments between banks.
func pixPayments() view.DataView {
	milliseconds := view.FieldFormat{ID: "duration", Params: map[string]any{
		"inputFormat": view.Milliseconds, "outputFormat": "asMilliseconds", "outputPrecision": 0, "includeSpaceWithSuffix": true,
	}}
	return view.DataView{
		Source: view.PixPayments, Name: "Pix payments", Pattern: "codepix-payments-*", TimeField: occurredAt,
		Formats: map[string]view.FieldFormat{
			"amount_minor":     {ID: "number", Params: map[string]any{"pattern": "0,0"}},
			"elapsed_millis":   milliseconds,
			"occurred_at":      {ID: "date", Params: map[string]any{"pattern": "D MMM, HH:mm:ss"}},
			"sender_bank_code": {ID: "string", Params: map[string]any{"transform": false}}, "receiver_bank_code": {ID: "string", Params: map[string]any{"transform": false}},
		},
		Labels: map[string]string{
			"occurred_at": "Time", "event_id": "Event", "end_to_end_id": "End-to-end id", "version": "Version", "kind": "Kind", "status": "Status",
			"original_end_to_end_id": "Gives back", "sender_bank_code": "From bank", "receiver_bank_code": "To bank", "amount_minor": "Amount", "currency": "Currency",
			"key_kind": "Kind of key", "reason": "Reason", "initiated_at": "Sent", "elapsed_millis": "Time since it was sent", "kafka_topic": "Topic",
			"kafka_partition": "Partition", "kafka_offset": "Offset", "pipeline_millis": "Lag",
		},
		Words: view.Words{
			"kind":     {"PAYMENT": "Payment", "RETURN": "Return", "UNKNOWN": "Unknown"},
			"status":   {"PENDING": "Pending", "CONFIRMED": "Confirmed", "COMPLETED": "Completed", "REJECTED": "Rejected", "UNKNOWN": "Unknown"},
			"key_kind": {"NONE": "No key", "EMAIL": "E-mail", "CPF": "CPF", "PHONE": "Telephone", "RANDOM": "Random", "UNKNOWN": "Unknown"},
			"reason":   pixReasonWords(),
		},
		Colours: map[string]map[string]view.Colour{"status": {
			"COMPLETED": view.Good, "REJECTED": view.Bad, "PENDING": view.Quiet, "CONFIRMED": view.Quiet, "UNKNOWN": view.Quiet,
		}},
		Amounts: []string{"amount_minor"}, Decimals: Decimals(),
	}
}

// pixReasonWords are words for the reasons of the banks and of the hub. A reason without words is shown as it is.
func pixReasonWords() map[string]string {
	return map[string]string{
		"ACCOUNT_CLOSED": "Account closed", "ACCOUNT_UNKNOWN": "Unknown account", "OTHER_CURRENCY": "Other currency", "UNKNOWN_BANK": "Unknown bank",
		"SAME_BANK": "Same bank", "RESOLVED": "Resolved by an operator", "ORIGINAL_REJECTED": "Original rejected", "RETURN_MISMATCH": "Not what is given back",
		"RETURN_EXCEEDS_ORIGINAL": "More than the original", "CODE_PAID": "Code paid already", "CODE_EXPIRED": "Code expired", "CODE_MISMATCH": "Not what the code says",
	}
}

func pix() view.Dashboard {
	return board(Pix, "now-24h",
		row{figures, []view.Panel{
			wide(quarter, showing(
				ofPix(view.Metric, "pix-completed", "Completed", "Payments that were completed in the range. Volume: the sum of their amounts, in "+Currency+" only."),
				value("payments", "Completed", count(paidByPix, pixComplete), wholeNumber),
				change(count(paidByPix, pixComplete), view.Neither),
				value("volume", "volume", volume(paidByPix, pixComplete, inCurrency), money))),
			wide(quarter, showing(
				ofPix(view.Metric, "pix-rejected", "Rejected", "Payments that were rejected in the range, divided by those that were completed or rejected. A rejected payment moved no money."),
				value("rate", "Rejected", view.Ratio(count(paidByPix, pixRejected), count(paidByPix, pixEnded)), percent),
				changeOfRate(view.Ratio(count(paidByPix, pixRejected), count(paidByPix, pixEnded)), view.Falling),
				value("payments", "payments", count(paidByPix, pixRejected), wholeNumber))),
			wide(quarter, pixInDoubt()),
			wide(quarter, showing(
				ofPix(view.Metric, "pix-returns", "Returned", "Returns that were completed in the range. Volume: the sum of what they gave back, in "+Currency+" only."),
				value("returns", "Returned", count(pixReturns, pixComplete), wholeNumber),
				change(count(pixReturns, pixComplete), view.Neither),
				value("volume", "volume", volume(pixReturns, pixComplete, inCurrency), money))),
		}},
		row{charts, []view.Panel{wide(half, pixTimes()), wide(half, pixEnds())}},
		row{tables, []view.Panel{wide(half, pixSenders()), wide(half, pixReceivers())}},
		row{tables, []view.Panel{wide(half, pixReasons()), wide(half, pixInDoubtByBanks())}},
	)
}

// ofPix returns a panel about payments between banks. The controls of a dashboard are about events of accounts, so
// they do not filter it.
func ofPix(chart view.Chart, id, title, definition string) view.Panel {
	return view.Panel{
		ID: id, Title: title, Chart: chart, Source: view.PixPayments, Unfiltered: true,
		Definition: "Covers payments between banks and their returns, as the hub saw them; each of their states counts at its own time. " + definition,
	}
}

// notEnded is how many payments and returns have no end. A document never changes, so the figure is a difference of two
// counts and not the number of documents that say so.
// The end of a payment may be in the index before its beginning, so the difference is held at zero.
func notEnded() view.AtLeast {
	return view.AtLeast{Of: view.Difference(count(pixPending), count(pixAnswered))}
}

// pixInDoubt has all of time, because a payment may have been pending since before the range.
func pixInDoubt() view.Panel {
	p := showing(
		ofPix(view.Metric, "pix-in-doubt", "In doubt", "Payments and returns that are neither completed nor rejected: those that became pending, minus those that ended. "+
			"The sending bank holds their amounts. A payment that is on its way is in doubt for a moment; bankctl pix list names those that stay. The panel always shows the whole index."),
		value("payments", "In doubt", notEnded(), wholeNumber),
		value("pending", "sent in all", count(pixPending), wholeNumber))
	p.From, p.To = "now-50y", "now+1y"
	return p
}

func pixInDoubtByBanks() view.Panel {
	p := by(showing(
		ofPix(view.Table, "pix-in-doubt-by-bank", "In doubt by banks", "Payments and returns that are neither completed nor rejected, for each pair of banks. Sent: those that became pending. "+
			"The panel always shows the whole index."),
		value("pending", "Sent", count(pixPending), wholeNumber),
		value("payments", "In doubt", notEnded(), wholeNumber)),
		topValues("From bank", "sender_bank_code", 20), topValues("To bank", "receiver_bank_code", 20))
	p.From, p.To = "now-50y", "now+1y"
	return p
}

// pixTimeAt is a percentile of the time to completion.
func pixTimeAt(rank int) view.Aggregate {
	a := percentile("elapsed_millis", rank)
	a.Filter = filter([]kql.Query{paidByPix, pixComplete})
	return a
}

const aboutPixTime = "From the sending bank's hold until the payment was completed (elapsed_millis), for payments that were completed in the range. " +
	"p50, p95, p99: half, 95 and 99 of 100 are faster. "

func pixTimes() view.Panel {
	p := by(showing(
		ofPix(view.Line, "pix-times", "Time to completion against the objective", aboutPixTime+"The line is the objective, one second."),
		in(view.First, value("p50", "p50", pixTimeAt(50), pixTime)),
		in(view.Second, value("p95", "p95", pixTimeAt(95), pixTime)),
		in(view.Third, value("p99", "p99", pixTimeAt(99), pixTime))), overTime())
	p.References = []view.Reference{{Label: "Objective", Value: pixObjective, Format: pixTime}}
	return measuring(approximate(p, byDigest), "Time to completion (ms)")
}

func pixEnds() view.Panel {
	p := ofPix(view.BarStacked, "pix-ends", "Payments by outcome over time", "Payments that were completed or rejected, stacked.")
	p.Query = kql.And{paidByPix, pixEnded}
	return by(showing(p, value("payments", "Payments", count(), wholeNumber)), andOther(topValues("Status", "status", 3)), overTime())
}

func pixSenders() view.Panel {
	return approximate(by(showing(
		ofPix(view.Table, "pix-senders", "Sent by bank", oneMoney+"For each sending bank. Sent: payments that were completed in the range, with the sum of their amounts. "+aboutPixTime),
		value("sent", "Sent", count(paidByPix, pixComplete), wholeNumber),
		value("volume", "Volume", volume(paidByPix, pixComplete, inCurrency), money),
		value("rejected", "Rejected", count(paidByPix, pixRejected), wholeNumber),
		value("p50", "p50", pixTimeAt(50), pixTime),
		value("p95", "p95", pixTimeAt(95), pixTime),
		value("p99", "p99", pixTimeAt(99), pixTime)), topValues("Bank", "sender_bank_code", 20)), byDigest)
}

func pixReceivers() view.Panel {
	return by(showing(
		ofPix(view.Table, "pix-receivers", "Received by bank", oneMoney+"For each receiving bank. Received: payments that were completed in the range, with the sum of their amounts. Rejected: those that it, or the hub, refused. "+
			"Returned: what came back to it of payments that it had sent."),
		value("received", "Received", count(paidByPix, pixComplete), wholeNumber),
		value("volume", "Volume", volume(paidByPix, pixComplete, inCurrency), money),
		value("rejected", "Rejected", count(paidByPix, pixRejected), wholeNumber),
		value("returned", "Returned", volume(pixReturns, pixComplete, inCurrency), money)), topValues("Bank", "receiver_bank_code", 20))
}

func pixReasons() view.Panel {
	p := ofPix(view.Table, "pix-reasons", "Rejected by reason", "Payments and returns that were rejected in the range, by the bank that was to receive them and the reason.")
	p.Query = pixRejected
	return by(showing(p, value("payments", "Rejected", count(), wholeNumber)), topValues("To bank", "receiver_bank_code", 20), topValues("Reason", "reason", 20))
}
