package expected

import (
	"slices"

	"codebank.dev/schemas/event"
)

func kind(kinds ...event.Kind) test {
	return func(d *Document) bool { return slices.Contains(kinds, d.Kind) }
}

// transferred reports whether the document is the half of a transfer that pays. A transfer that is
// declined has this half alone.
func transferred(d *Document) bool {
	return d.Kind == event.KindTransfer && d.Direction == event.DirectionDebit
}

// releasing reports whether the document is a void that only releases a hold, or the rest of one.
func releasing(d *Document) bool {
	return d.Kind == event.KindVoid && d.Direction == event.DirectionNone
}

func wallets() map[string]Figure {
	moved := func(which test) Figure {
		return func(q Input) []Row {
			of := func(q Input) set { return q.events().where(which, approved, reais) }
			volume := func(q Input) *float64 { return of(q).money() }
			return q.changed(Values{"volume": volume(q), "number": number(len(of(q)))}, grown, volume)
		}
	}
	holds := func(which test) Figure {
		return func(q Input) []Row {
			of := func(q Input) *float64 { return number(len(q.events().where(which, approved))) }
			return q.changed(Values{"holds": of(q), "volume": q.events().where(which, approved, reais).money()}, grown, of)
		}
	}
	placed, captured, expired := kind(event.KindHold), kind(event.KindCapture), kind(event.KindExpiry)
	ended := func(d *Document) bool {
		return captured(d) || expired(d) || releasing(d) || d.Kind == event.KindPixOut
	}
	return map[string]Figure{
		"transferred": moved(transferred),
		"deposited":   moved(kind(event.KindDeposit)),
		"withdrawn":   moved(kind(event.KindWithdrawal)),
		"placed":      holds(placed),
		"captured":    holds(captured),
		"expired":     holds(expired),
		"held": func(q Input) []Row {
			set := q.events().where(placed, approved)
			return one(Values{"volume": less(set.where(reais).money(), q.events().where(ended, approved, reais).money()), "holds": number(len(set))})
		},
		"transfers-by-status": func(q Input) []Row {
			return q.each(q.events().where(transferred).firstAndOther(5, status), counted("transfers"))
		},
		"holds-over-time": func(q Input) []Row {
			all := q.events().where(approved, func(d *Document) bool { return placed(d) || ended(d) })
			return q.over(all, func(s set) Values {
				return Values{
					"placed": number(len(s.where(placed))), "captured": number(len(s.where(captured))),
					"released": number(len(s.where(releasing))), "expired": number(len(s.where(expired))),
				}
			})
		},
	}
}
