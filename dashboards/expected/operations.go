package expected

import (
	"strconv"

	"codebank.dev/schemas/event"
)

func risk() map[string]Figure {
	flagged := func(which test) Figure {
		return func(q Input) []Row {
			found := func(q Input) set { return q.payments().where(which) }
			return q.changed(Values{"payments": number(len(found(q))), "approved": number(len(found(q).where(approved)))}, grown,
				func(q Input) *float64 { return number(len(found(q))) })
		}
	}
	rule := func(name event.RiskRule) test { return func(d *Document) bool { return d.RiskRule == name } }
	back := func(q Input) set { return q.events().where(givenBack) }
	paid := func(q Input) set { return q.events().where(sale) }
	return map[string]Figure{
		"high-scores":  flagged(func(d *Document) bool { return d.RiskScore.Present && d.RiskScore.Value >= 60 }),
		"card-testing": flagged(rule(event.RiskRuleCardTesting)),
		"velocity":     flagged(rule(event.RiskRuleVelocity)),
		"guarded": func(q Input) []Row {
			stopped := func(q Input) set { return q.payments().where(guards) }
			return q.changed(Values{"payments": number(len(stopped(q))), "share": ratio(stopped(q), q.payments())}, grown,
				func(q Input) *float64 { return number(len(stopped(q))) })
		},
		"reversals": func(q Input) []Row {
			number := func(q Input) *float64 { return number(len(back(q))) }
			return q.changed(Values{"reversals": number(q)}, grown, number)
		},
		"reversed-volume": reversedVolume,
		"reversal-rate": func(q Input) []Row {
			rate := func(q Input) *float64 { return ratio(back(q), paid(q)) }
			return q.changed(Values{"rate": rate(q)}, less, rate)
		},
		"reversal-rate-by-volume": func(q Input) []Row {
			rate := func(q Input) *float64 {
				return share(float64(back(q).where(reais).cents()), float64(paid(q).where(reais).cents()))
			}
			return q.changed(Values{"rate": rate(q)}, less, rate)
		},
		"reversals-over-time": func(q Input) []Row {
			return q.each(back(q).firstAndOther(2, func(d *Document) string { return string(d.Kind) }), counted("reversals"))
		},
		"declines-per-minute": declinesPerMinute,
		"small-declines": func(q Input) []Row {
			small := q.inReais().where(declined, func(d *Document) bool { return d.AmountMinor <= 500 })
			return q.each(small.first(5, bin), counted("declines"))
		},
		"scores": func(q Input) []Row {
			return within(q.payments().firstAndOther(5, status), func(s set) []group { return s.first(unlimited, score) }, counted("payments"))
		},
		"rules": func(q Input) []Row {
			ruled := q.payments().where(func(d *Document) bool { return d.RiskRule != event.RiskRuleNone })
			return within(ruled.firstAndOther(5, status), func(s set) []group {
				return s.first(5, func(d *Document) string { return string(d.RiskRule) })
			}, counted("payments"))
		},
		"busy-cards": func(q Input) []Row {
			return by(q.payments().first(20, card), func(s set) Values {
				scored := s.where(func(d *Document) bool { return d.RiskScore.Present })
				return Values{
					"payments": number(len(s)), "declined": number(len(s.where(declined))), "amount": s.where(reais).money(),
					"score": scored.largest(func(d *Document) int64 { return int64(d.RiskScore.Value) }),
				}
			})
		},
	}
}

// declinesPerMinute shows each interval and the mean of the six intervals before it.
// The first interval has no mean.
func declinesPerMinute(q Input) []Row {
	var rows []Row
	var before []int
	for _, g := range q.intervals(q.payments().where(declined)) {
		sum := 0
		for _, n := range before {
			sum += n
		}
		rows = append(rows, Row{[]string{g.key}, Values{
			"declines": number(len(g.set)), "usual": share(float64(sum), float64(len(before))),
		}})
		before = append(before, len(g.set))
		before = before[max(0, len(before)-6):]
	}
	return rows
}

// score returns the name of a score's range.
func score(d *Document) string {
	switch n := d.RiskScore.Value; {
	case !d.RiskScore.Present, n == 0:
		return ""
	case n < 20:
		return "1 to 19"
	case n < 40:
		return "20 to 39"
	case n < 60:
		return "40 to 59"
	case n < 80:
		return "60 to 79"
	}
	return "80 to 100"
}

func micros(d *Document) int64 { return d.DecisionMicros.Value }

func millis(d *Document) int64 { return d.PipelineMillis }

func serviceLevel() map[string]Figure {
	decided := func(q Input) set {
		return q.payments().where(func(d *Document) bool { return d.DecisionMicros.Present })
	}
	return map[string]Figure{
		"latency": func(q Input) []Row {
			p95 := func(q Input) *float64 { return q.quantile(decided(q), 95, micros) }
			return q.changed(Values{"p95": p95(q), "p99": q.quantile(decided(q), 99, micros)}, grown, p95)
		},
		"in-time": func(q Input) []Row {
			part := func(q Input) *float64 {
				return ratio(decided(q).where(func(d *Document) bool { return micros(d) <= 300_000 }), decided(q))
			}
			return q.changed(Values{"share": part(q)}, less, part)
		},
		"technical-rate": func(q Input) []Row {
			rate := func(q Input) *float64 { return ratio(q.payments().where(technical), q.payments()) }
			return q.changed(Values{"rate": rate(q), "declines": number(len(q.payments().where(technical)))}, less, rate)
		},
		"rate": func(q Input) []Row {
			return q.changed(Values{"per-second": q.payments().perSecond(q.To.Sub(q.From)), "payments": number(len(q.payments()))}, grown, paymentCount)
		},
		"latency-over-time": func(q Input) []Row {
			return q.over(decided(q), func(s set) Values {
				return Values{"p50": q.quantile(s, 50, micros), "p95": q.quantile(s, 95, micros), "p99": q.quantile(s, 99, micros)}
			})
		},
		"latency-by-channel": func(q Input) []Row {
			return by(decided(q).first(7, func(d *Document) string { return string(d.Channel) }),
				func(s set) Values { return Values{"p95": q.quantile(s, 95, micros)} })
		},
		"payments-over-time": func(q Input) []Row {
			return q.each(q.payments().firstAndOther(5, status), func(s set) Values { return Values{"per-second": s.perSecond(q.Interval)} })
		},
	}
}

func pipeline() map[string]Figure {
	newest := func(d *Document) int64 { return d.OccurredAtMillis }
	taken := func(q Input) set {
		return q.events().where(func(d *Document) bool { return d.PipelineMillis <= 30*60*1000 })
	}
	return map[string]Figure{
		"newest": func(q Input) []Row { return one(Values{"newest": q.events().largest(newest)}) },
		"lag": func(q Input) []Row {
			p95 := func(q Input) *float64 { return q.quantile(taken(q), 95, millis) }
			return q.changed(Values{"p95": p95(q), "slowest": taken(q).largest(millis)}, grown, p95)
		},
		"events": func(q Input) []Row {
			return q.changed(Values{"events": number(len(q.events())), "per-second": q.events().perSecond(q.To.Sub(q.From))}, grown,
				func(q Input) *float64 { return number(len(q.events())) })
		},
		"future": func(q Input) []Row { return one(Values{"events": number(len(q.events()))}) },
		"lag-over-time": func(q Input) []Row {
			return q.over(taken(q), func(s set) Values {
				return Values{"p50": q.quantile(s, 50, millis), "p95": q.quantile(s, 95, millis), "slowest": s.largest(millis)}
			})
		},
		"partitions": func(q Input) []Row {
			offset := func(d *Document) int64 { return d.Offset }
			return within(q.events().first(10, func(d *Document) string { return d.Topic }), func(s set) []group {
				return s.first(50, func(d *Document) string { return strconv.Itoa(int(d.Partition)) })
			}, func(s set) Values {
				first, last := s.smallest(offset), s.largest(offset)
				return Values{
					"events": number(len(s)), "first": first, "last": last, "newest": s.largest(newest),
					"absent": number(max(0, int64(*last)-int64(*first)+1-int64(len(s)))),
				}
			})
		},
		"missing": missing,
		"producers": func(q Input) []Row {
			return by(q.events().first(8, func(d *Document) string { return d.ProducerVersion }), counted("events"))
		},
		"kinds": func(q Input) []Row {
			return q.each(q.events().firstAndOther(6, func(d *Document) string { return string(d.Kind) }), counted("events"))
		},
	}
}

func missing(q Input) []Row {
	events, payments := q.events(), q.payments()
	byCard := payments.where(func(d *Document) bool { return d.AccountKind != event.AccountKindWallet })
	unknown := func(d *Document) bool {
		return d.Kind == event.KindUnknown || d.Direction == event.DirectionUnknown || d.Status == event.StatusUnknown ||
			d.DeclineReason == event.DeclineUnknown || d.CardBrand == event.CardBrandUnknown || d.Channel == event.ChannelUnknown && d.Kind != event.KindOpening && d.Kind != event.KindLimitChange && d.Kind != event.KindClosing ||
			d.CardUse == event.CardUseUnknown || d.RiskRule == event.RiskRuleUnknown ||
			d.Relation == event.RelationUnknown || d.AccountKind == event.AccountKindUnknown || d.PrincipalKind == event.PrincipalKindUnknown || d.Mode == event.ModeUnknown
	}
	return by([]group{
		{"Payment without store", payments.where(func(d *Document) bool { return d.MerchantID == "" })},
		{"Payment without card", byCard.where(func(d *Document) bool { return d.CardID == "" })},
		{"Payment without decision time", payments.where(func(d *Document) bool { return !d.DecisionMicros.Present })},
		{"Payment without risk score", byCard.where(func(d *Document) bool { return !d.RiskScore.Present })},
		{"Decline without reason", events.where(declined, func(d *Document) bool { return d.DeclineReason == "" })},
		{"Event without trace", events.where(func(d *Document) bool { return d.TraceID == "" })},
		{"Event without lag", nil}, // Every Document has one.
		{"Value not known to a reader", events.where(unknown)},
	}, counted("events"))
}
