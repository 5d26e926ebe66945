package expected

import (
	"strconv"

	"codebank.dev/schemas/event"
)

func risk() map[string]Figure {
	flagged := func(which test) Figure {
		return func(q Input) []Row {
			found := q.payments().where(which)
			return one(Values{"payments": number(len(found)), "approved": number(len(found.where(approved)))})
		}
	}
	rule := func(name event.RiskRule) test { return func(d *Document) bool { return d.RiskRule == name } }
	back := func(q Input) set { return q.events().where(givenBack, approved) }
	paid := func(q Input) set { return q.payments().where(approved) }
	return map[string]Figure{
		"high-scores":  flagged(func(d *Document) bool { return d.RiskScore.Present && d.RiskScore.Value >= 60 }),
		"card-testing": flagged(rule(event.RiskRuleCardTesting)),
		"velocity":     flagged(rule(event.RiskRuleVelocity)),
		"guarded": func(q Input) []Row {
			stopped := q.payments().where(guards)
			return one(Values{"payments": number(len(stopped)), "share": ratio(stopped, q.payments())})
		},
		"reversals":       func(q Input) []Row { return one(Values{"reversals": number(len(back(q)))}) },
		"reversed-volume": func(q Input) []Row { return one(Values{"volume": back(q).where(reais).money()}) },
		"reversal-rate":   func(q Input) []Row { return one(Values{"rate": ratio(back(q), paid(q))}) },
		"reversal-rate-by-volume": func(q Input) []Row {
			return one(Values{"rate": share(float64(back(q).where(reais).cents()), float64(paid(q).where(reais).cents()))})
		},
		"reversals-over-time": func(q Input) []Row {
			return q.each(back(q).first(2, func(d *Document) string { return string(d.Kind) }), counted("reversals"))
		},
		"declines-per-minute": declinesPerMinute,
		"small-declines": func(q Input) []Row {
			small := q.inReais().where(declined, func(d *Document) bool { return d.AmountMinor <= 500 })
			return q.each(small.first(5, bin), counted("declines"))
		},
		"scores": func(q Input) []Row {
			return within(q.payments().first(5, status), func(s set) []group { return s.first(unlimited, score) }, counted("payments"))
		},
		"rules": func(q Input) []Row {
			return within(q.payments().first(5, status), func(s set) []group {
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
	case !d.RiskScore.Present:
		return ""
	case n == 0:
		return "0"
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
			return one(Values{"p95": q.quantile(decided(q), 95, micros), "p99": q.quantile(decided(q), 99, micros)})
		},
		"in-time": func(q Input) []Row {
			return one(Values{"share": ratio(decided(q).where(func(d *Document) bool { return micros(d) <= 300_000 }), decided(q))})
		},
		"technical-rate": func(q Input) []Row {
			found := q.payments().where(technical)
			return one(Values{"rate": ratio(found, q.payments()), "declines": number(len(found))})
		},
		"rate": func(q Input) []Row {
			return one(Values{"per-second": q.payments().perSecond(q.To.Sub(q.From)), "payments": number(len(q.payments()))})
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
			return q.each(q.payments().first(5, status), func(s set) Values { return Values{"per-second": s.perSecond(q.Interval)} })
		},
	}
}

func pipeline() map[string]Figure {
	newest := func(d *Document) int64 { return d.OccurredAtMillis }
	taken := func(q Input) set {
		return q.events().where(func(d *Document) bool { return d.PipelineMillis <= 24*60*60*1000 })
	}
	return map[string]Figure{
		"newest": func(q Input) []Row { return one(Values{"newest": q.events().largest(newest)}) },
		"lag": func(q Input) []Row {
			return one(Values{"p95": q.quantile(taken(q), 95, millis), "slowest": taken(q).largest(millis)})
		},
		"events": func(q Input) []Row {
			return one(Values{"events": number(len(q.events())), "per-second": q.events().perSecond(q.To.Sub(q.From))})
		},
		"duplicates": func(q Input) []Row {
			distinct := q.events().distinct(func(d *Document) string { return d.EventID })
			return one(Values{"duplicates": number(len(q.events()) - int(*distinct))})
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
					"absent": number(int64(*last) - int64(*first) + 1 - int64(len(s))),
				}
			})
		},
		"missing": missing,
		"producers": func(q Input) []Row {
			return by(q.events().first(8, func(d *Document) string { return d.ProducerVersion }), counted("events"))
		},
		"kinds": func(q Input) []Row {
			return q.each(q.events().first(15, func(d *Document) string { return string(d.Kind) }), counted("events"))
		},
	}
}

func missing(q Input) []Row {
	events, payments := q.events(), q.payments()
	unknown := func(d *Document) bool {
		return d.Kind == event.KindUnknown || d.Direction == event.DirectionUnknown || d.Status == event.StatusUnknown ||
			d.DeclineReason == event.DeclineUnknown || d.CardBrand == event.CardBrandUnknown || d.Channel == event.ChannelUnknown ||
			d.CardUse == event.CardUseUnknown || d.RiskRule == event.RiskRuleUnknown
	}
	return by([]group{
		{"Payment without store", payments.where(func(d *Document) bool { return d.MerchantID == "" })},
		{"Payment without card", payments.where(func(d *Document) bool { return d.CardID == "" })},
		{"Payment without decision time", payments.where(func(d *Document) bool { return !d.DecisionMicros.Present })},
		{"Payment without risk score", payments.where(func(d *Document) bool { return !d.RiskScore.Present })},
		{"Decline without reason", events.where(declined, func(d *Document) bool { return d.DeclineReason == "" })},
		{"Event without trace", events.where(func(d *Document) bool { return d.TraceID == "" })},
		{"Event without lag", nil}, // Every Document has one.
		{"Value not known to a reader", events.where(unknown)},
	}, counted("events"))
}
