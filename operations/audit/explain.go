package audit

import (
	"context"
	"fmt"
	"slices"

	"codebank.dev/schemas/event"
)

// explain reads the events of the first suspects again and names what differs. If a place
// cannot be read again, the finding says so. Only the end of ctx is an error.
func (c *comparison) explain(ctx context.Context) ([]Finding, error) {
	e := &explainer{comparison: c}
	e.pair(ctx)
	findings := []Finding{}
	for i := range c.suspects {
		if len(findings) >= c.audit.maxFindings() {
			break
		}
		findings = append(findings, e.findings(ctx, &c.suspects[i])...)
	}
	if len(findings) > c.audit.maxFindings() {
		findings = findings[:c.audit.maxFindings()]
	}
	return findings, ctx.Err()
}

type explainer struct{ *comparison }

// findings returns the finding of a suspect, or one finding for each place that is blamed.
func (e *explainer) findings(ctx context.Context, s *suspect) []Finding {
	plain := Finding{Kind: s.kind, Store: s.store, EventID: e.eventID(s), Detail: s.detail}
	switch s.kind {
	case Altered:
		return e.altered(ctx, s)
	case Missing:
		return []Finding{e.missing(ctx, s, plain)}
	case Broken:
		plain.Fields = []Field{{Name: s.field}}
	case Foreign:
		if s.key.class == ofAccount || s.key.class == ofRefusal {
			plain.Detail = "the ledger has no such event"
		} else {
			plain.Detail = "no event of the bank has an id of this form"
		}
	}
	return []Finding{plain}
}

// eventID returns the id of a suspect's event.
func (e *explainer) eventID(s *suspect) string {
	if s.key.class != stray {
		return s.key.String()
	}
	if id, known := e.read[s.store].strays[s.key]; known {
		return id
	}
	return "(an id of no known form)"
}

// find reads a suspect's copies in a place again.
func (e *explainer) find(ctx context.Context, s *suspect, store Store, wanted Wanted) ([]Copy, error) {
	if wanted.EventID == "" {
		wanted.EventID = s.key.String()
	}
	wanted.Positions = s.positions[store]
	if store == InLedger {
		return e.audit.Ledger.Find(ctx, wanted)
	}
	return e.audit.source(store).Find(ctx, wanted)
}

// altered compares the copies of an event field by field.
func (e *explainer) altered(ctx context.Context, s *suspect) []Finding {
	var copies [stores][]Copy
	var failed [stores]error
	for store := range stores {
		if !s.held[store] {
			continue
		}
		wanted := Wanted{}
		if s.blamed[store] && s.store == store {
			wanted.EventID = s.detail // of a pair: the id of the foreign event
		}
		copies[store], failed[store] = e.find(ctx, s, store, wanted)
	}
	right := -1
	for _, store := range []Store{InLedger, InTopic, InIndex, InOutbox, InStatement} {
		if right < 0 && len(copies[store]) > 0 && !s.blamed[store] {
			right = int(store)
		}
	}
	var findings []Finding
	for store := range stores {
		if !s.blamed[store] {
			continue
		}
		f := Finding{Kind: Altered, Store: store, EventID: s.key.String()}
		switch {
		case failed[store] != nil:
			f.Detail = fmt.Sprintf("could not be read again: %v", failed[store])
		case len(copies[store]) == 0:
			f.Detail = "not there any more when it was to be read again"
		case right < 0:
			f.Detail = "no copy to compare it with could be read again"
		default:
			f.Fields = differing(copies, Store(right), store)
			if len(f.Fields) == 0 {
				f.Detail = "changed again since it was read"
			}
		}
		findings = append(findings, f)
	}
	return findings
}

// differing returns the fields in which a place's copies differ from the right one, with
// the values of all places.
func differing(copies [stores][]Copy, right, wrong Store) []Field {
	var fields []Field
	for i := range copies[wrong] {
		odd := &copies[wrong][i]
		for _, name := range oddFields(&copies[right][0], odd) {
			known := slices.ContainsFunc(fields, func(f Field) bool { return f.Name == name })
			if known || !right.keeps(name) || !wrong.keeps(name) {
				continue
			}
			values := map[Store]any{}
			for store := range stores {
				if len(copies[store]) > 0 && store.keeps(name) {
					values[store] = valueIn(&copies[store][0], name)
				}
			}
			values[wrong] = valueIn(odd, name)
			fields = append(fields, Field{Name: name, Values: values})
		}
	}
	return fields
}

// oddFields returns the names of the fields in which a copy differs from the right copy.
func oddFields(right, odd *Copy) []string {
	var names []string
	for _, difference := range event.Diff(&right.Event, &odd.Event) {
		names = append(names, difference.Field)
	}
	for _, problem := range odd.Problems {
		names = append(names, problem.Field)
	}
	return names
}

func valueIn(c *Copy, name string) any {
	for _, problem := range c.Problems {
		if problem.Field == name {
			return problem.Stored
		}
	}
	value, err := c.Event.Get(name)
	switch {
	case err != nil || value.Type == 0:
		return nil
	case value.Type == event.Integer:
		return value.Integer
	default:
		return value.Text
	}
}

// missing searches once more for an event that was not found. The event may have arrived
// since, or it may be there under another id.
func (e *explainer) missing(ctx context.Context, s *suspect, plain Finding) Finding {
	if s.events > 0 || s.detail != "" {
		return plain
	}
	witness, copy := e.witness(ctx, s)
	if copy == nil {
		return plain
	}
	found, err := e.find(ctx, s, s.store, Wanted{TransactionID: copy.Event.TransactionID})
	found = slices.DeleteFunc(found, func(c Copy) bool { return otherLeg(&c.Event, &copy.Event) })
	if err != nil || len(found) == 0 {
		return plain
	}
	var copies [stores][]Copy
	copies[witness], copies[s.store] = []Copy{*copy}, found
	if fields := differing(copies, witness, s.store); len(fields) > 0 {
		plain.Kind, plain.Fields = Altered, fields
		e.tally(Missing, s.store, -1)
		e.tally(Altered, s.store, 1)
		return plain
	}
	if s.store != InLedger {
		plain.Detail = "there by now: it was still on its way"
	}
	return plain
}

// otherLeg reports whether two events of a transaction are its two legs, and not one event under two ids.
func otherLeg(a, b *event.Transaction) bool { return a.Kind != b.Kind || a.Direction != b.Direction }

// witness returns a copy of a suspect's event from the first place that has it; the ledger
// comes before all others. It returns nil if no place has one.
func (e *explainer) witness(ctx context.Context, s *suspect) (Store, *Copy) {
	for store := range stores {
		if !s.held[store] {
			continue
		}
		if copies, err := e.find(ctx, s, store, Wanted{}); err == nil && len(copies) > 0 {
			return store, &copies[0]
		}
	}
	return stores, nil
}

// pair joins a foreign event with an event that is missing from the same place if its
// content says that it is the missing event under another id. Then one thing is wrong and
// not two.
func (e *explainer) pair(ctx context.Context) {
	tried := 0
	for i := 0; i < len(e.suspects) && tried < e.audit.maxFindings(); i++ {
		s := e.suspects[i]
		if s.kind != Foreign || !e.anyMissing(s.store) {
			continue
		}
		tried++
		id := e.eventID(&s)
		copies, err := e.find(ctx, &s, s.store, Wanted{EventID: id})
		if err != nil || len(copies) == 0 {
			continue
		}
		partner := e.partner(s.store, &copies[0])
		if partner < 0 || partner == i {
			continue
		}
		missing := &e.suspects[partner]
		missing.kind, missing.detail = Altered, id
		missing.held[s.store], missing.blamed[s.store] = true, true
		missing.positions[s.store] = s.positions[s.store]
		e.suspects = slices.Delete(e.suspects, i, i+1)
		e.tally(Foreign, s.store, -1)
		e.tally(Missing, s.store, -1)
		e.tally(Altered, s.store, 1)
		i--
	}
}

func (e *explainer) anyMissing(store Store) bool {
	return slices.ContainsFunc(e.suspects, func(s suspect) bool { return s.kind == Missing && s.store == store })
}

// partner returns the index of the missing event that a copy's content names, or -1.
func (e *explainer) partner(store Store, c *Copy) int {
	said := key{class: stray}
	if c.Event.Sequence.Present {
		said = keyOf(event.ID(c.Event.AccountID, c.Event.Sequence.Value))
	} else if c.Event.AccountID == "" {
		said = keyOf(c.Event.TransactionID)
	}
	return slices.IndexFunc(e.suspects, func(s suspect) bool {
		return s.kind == Missing && s.store == store && s.key == said
	})
}
