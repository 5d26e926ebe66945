package expected

import (
	"cmp"
	"time"

	"codebank.dev/schemas/event"
)

func overview() map[string]Figure {
	return map[string]Figure{
		"approval-rate": func(q Input) []Row {
			rate := func(q Input) *float64 { return q.payments().approvalRate() }
			return q.changed(Values{"rate": rate(q)}, less, rate)
		},
		"approved-volume": func(q Input) []Row {
			volume := func(q Input) *float64 { return q.inReais().where(approved).money() }
			return q.changed(Values{"volume": volume(q)}, grown, volume)
		},
		"net-volume": func(q Input) []Row {
			net := func(q Input) *float64 {
				return less(q.events().where(sale, reais).money(), q.events().where(givenBack, reais).money())
			}
			return q.changed(Values{"volume": net(q)}, grown, net)
		},
		"reversed-volume": reversedVolume,
		"payments": func(q Input) []Row {
			return q.changed(Values{"payments": number(len(q.payments())), "per-second": q.payments().perSecond(q.To.Sub(q.From))}, grown, paymentCount)
		},
		"average-ticket": func(q Input) []Row {
			ticket := func(q Input) *float64 { return q.inReais().averageTicket() }
			return q.changed(Values{"average-ticket": ticket(q)}, grown, ticket)
		},
		"payments-by-status": func(q Input) []Row { return q.each(q.payments().firstAndOther(5, status), counted("payments")) },
		"approval-rate-over-time": func(q Input) []Row {
			return q.against(q.payments(), q.dayBefore().payments(), func(today, before set) Values {
				return Values{"today": today.approvalRate(), "day-before": before.approvalRate()}
			})
		},
		"volume-today": func(q Input) []Row {
			var today, yesterday set
			return q.against(q.inReais().where(approved), q.dayBefore().inReais().where(approved), func(now, before set) Values {
				today, yesterday = append(today, now...), append(yesterday, before...)
				return Values{"today": today.money(), "yesterday": yesterday.money()}
			})
		},
		"amounts": func(q Input) []Row { return by(q.inReais().first(unlimited, band), counted("payments")) },
		"top-stores": func(q Input) []Row {
			all := len(q.inReais())
			return by(q.inReais().firstAndOther(9, store), func(s set) Values {
				return Values{
					"payments": number(len(s)), "volume": s.where(approved).money(), "rate": s.approvalRate(), "ticket": s.averageTicket(),
					"share": share(float64(len(s)), float64(all)),
				}
			})
		},
		"currencies": func(q Input) []Row {
			return by(q.payments().first(10, func(d *Document) string { return d.Currency }), func(s set) Values {
				return Values{"payments": number(len(s)), "volume": s.where(approved).ownMoney(), "rate": s.approvalRate()}
			})
		},
	}
}

// minorUnits are how many minor units the major one has, for currencies that do not have 100.
var minorUnits = map[string]float64{
	"BIF": 1, "CLP": 1, "DJF": 1, "GNF": 1, "ISK": 1, "JPY": 1, "KMF": 1, "KRW": 1, "PYG": 1, "RWF": 1, "UGX": 1, "VND": 1, "VUV": 1, "XAF": 1, "XOF": 1,
	"XPF": 1, "BHD": 1000, "IQD": 1000, "JOD": 1000, "KWD": 1000, "LYD": 1000, "OMR": 1000, "TND": 1000,
}

// ownMoney is the sum of amounts that all have the same currency, in its major unit.
func (s set) ownMoney() *float64 {
	if len(s) == 0 {
		return s.money()
	}
	return share(float64(s.cents()), cmp.Or(minorUnits[s[0].Currency], 100))
}

func paymentCount(q Input) *float64 { return number(len(q.payments())) }

func reversedVolume(q Input) []Row {
	back := func(q Input) *float64 { return q.events().where(givenBack, reais).money() }
	return q.changed(Values{"volume": back(q)}, grown, back)
}

// against makes a row for each interval, with the documents of the day and of the day
// before. Rows without documents are included.
func (q Input) against(today, before set, values func(today, before set) Values) []Row {
	earlier := q.moved(before, 24*time.Hour)
	var rows []Row
	for i, g := range q.intervals(today) {
		rows = append(rows, Row{[]string{g.key}, values(g.set, earlier[i].set)})
	}
	return rows
}

var (
	soft = declinedFor(event.DeclineInsufficientFunds, event.DeclineOverPurchaseLimit, event.DeclineTooFrequent, event.DeclineLocked)
	hard = declinedFor(event.DeclineUnknownCard, event.DeclineNameMismatch, event.DeclineExpiryMismatch, event.DeclineCVVMismatch, event.DeclineExpired,
		event.DeclineBlocked, event.DeclineAccountClosed)
	technical = declinedFor(event.DeclineAmountBelowMinimum, event.DeclineUnknown)
	guards    = declinedFor(event.DeclineLocked, event.DeclineTooFrequent)
)

func approvals() map[string]Figure {
	refused := func(q Input) set { return q.payments().where(declined) }
	some := func(which test) Figure {
		return func(q Input) []Row {
			found := func(q Input) set { return q.payments().where(which) }
			return q.changed(Values{"declines": number(len(found(q))), "share": ratio(found(q), q.payments())}, grown,
				func(q Input) *float64 { return number(len(found(q))) })
		}
	}
	rate := func(of func(Input) *float64) Figure {
		return func(q Input) []Row { return q.changed(Values{"rate": of(q)}, less, of) }
	}
	approvedOf := func(q Input, by set) *float64 { return ratio(q.payments().where(approved), by) }
	return map[string]Figure{
		"acceptance-rate":    rate(func(q Input) *float64 { return approvedOf(q, q.payments()) }),
		"authorization-rate": rate(func(q Input) *float64 { return approvedOf(q, q.payments().where(not(guards))) }),
		"rate-of-purchases":  rate(func(q Input) *float64 { return approvedOf(q, q.payments().where(not(retry))) }),
		"rate-by-volume": rate(func(q Input) *float64 {
			return share(float64(q.inReais().where(approved).cents()), float64(q.inReais().cents()))
		}),
		"soft-declines": some(soft), "hard-declines": some(hard), "technical-declines": some(technical),
		"recovered": func(q Input) []Row {
			again := func(q Input) set { return q.payments().where(approved, retry) }
			return q.changed(Values{"payments": number(len(again(q))), "volume": again(q).where(reais).money()}, grown,
				func(q Input) *float64 { return number(len(again(q))) })
		},
		"decline-reasons": func(q Input) []Row { return by(refused(q).first(12, reason), counted("declines")) },
		"decline-mix":     func(q Input) []Row { return q.each(refused(q).firstAndOther(6, reason), counted("declines")) },
		"rate-by-brand": func(q Input) []Row {
			return q.each(q.payments().firstAndOther(6, func(d *Document) string { return string(d.CardBrand) }), rated)
		},
		"rate-by-amount": func(q Input) []Row { return by(q.inReais().first(unlimited, band), rated) },
		"lost-volume": func(q Input) []Row {
			return by(refused(q).where(reais).first(unlimited, reason), func(s set) Values { return Values{"volume": s.money()} })
		},
		"steps": steps,
		"bins": func(q Input) []Row {
			return by(q.payments().first(20, bin), func(s set) Values {
				return Values{
					"payments": number(len(s)), "rate": s.approvalRate(), "soft": number(len(s.where(soft))), "hard": number(len(s.where(hard))),
				}
			})
		},
		"bin-reasons": func(q Input) []Row {
			return within(refused(q).first(20, bin), func(s set) []group { return s.first(1, reason) }, counted("declines"))
		},
	}
}

func rated(s set) Values { return Values{"rate": s.approvalRate()} }

func steps(q Input) []Row {
	card := declinedFor(event.DeclineLocked, event.DeclineBlocked, event.DeclineUnknownCard, event.DeclineNameMismatch, event.DeclineExpiryMismatch,
		event.DeclineCVVMismatch, event.DeclineExpired, event.DeclineAccountClosed)
	amount := declinedFor(event.DeclineAmountBelowMinimum, event.DeclineOverPurchaseLimit)
	funds := declinedFor(event.DeclineInsufficientFunds)
	received := q.payments()
	return by([]group{
		{"Received", received},
		{"Card accepted", received.where(not(card))},
		{"Amount allowed", received.where(not(card), not(amount))},
		{"Covered by credit", received.where(not(card), not(amount), not(funds))},
		{"Approved", received.where(approved)},
	}, counted("payments"))
}

func stores() map[string]Figure {
	customers := func(field func(*Document) string) Figure {
		return func(q Input) []Row {
			all := func(q Input) *float64 { return q.payments().distinct(field) }
			return q.changed(Values{"number": all(q), "approved": q.payments().where(approved).distinct(field)}, grown, all)
		}
	}
	week := func(values func(set) Values) Figure {
		return func(q Input) []Row {
			return within(q.payments().first(7, weekday), func(s set) []group { return s.first(24, hour) }, values)
		}
	}
	return map[string]Figure{
		"active-cards":     customers(card),
		"active-customers": customers(func(d *Document) string { return d.CustomerID }),
		"active-stores":    customers(func(d *Document) string { return d.MerchantID }),
		"approved-volume":  overview()["approved-volume"],
		"volume-by-store": func(q Input) []Row {
			paid := q.inReais().where(approved)
			return q.each(paid.andOther(paid.richest(6, store), store), func(s set) Values { return Values{"volume": s.money()} })
		},
		"hours": week(counted("payments")), "hours-rate": week(rated),
		"active-cards-over-time": func(q Input) []Row {
			return q.over(q.payments(), func(s set) Values { return Values{"cards": s.distinct(card)} })
		},
		"new-and-returning": func(q Input) []Row {
			use := func(d *Document) string {
				return cmp.Or(map[event.CardUse]string{event.CardUseFirst: "New", event.CardUseLater: "Returning"}[d.CardUse], "Other")
			}
			return q.each(q.payments().where(approved).first(3, use), counted("payments"))
		},
		"countries": func(q Input) []Row {
			return by(q.payments().first(10, func(d *Document) string { return d.MerchantCountry }), counted("payments"))
		},
		"categories": func(q Input) []Row {
			return by(q.inReais().where(approved).richest(10, func(d *Document) string { return d.MerchantCategoryCode }),
				func(s set) Values { return Values{"volume": s.money()} })
		},
		"stores": func(q Input) []Row {
			return by(q.inReais().first(50, store), func(s set) Values {
				return Values{
					"payments": number(len(s)), "volume": s.where(approved).money(), "rate": s.approvalRate(), "ticket": s.averageTicket(),
					"cards": s.distinct(card),
				}
			})
		},
	}
}
