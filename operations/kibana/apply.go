package kibana

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"codebank.dev/operations/provision"
)

// Plan is what Apply would do to one object or rule.
type Plan struct {
	Type string `json:"type"`
	ID   string `json:"id"`
	// Action is Unchanged when Kibana has the object as wanted.
	Action provision.Action `json:"action"`
	// Differences are the differences by path. A new object has none.
	Differences []provision.Difference `json:"differences,omitempty"`
	// Refusal is set if Action is Refused: the object cannot be compared.
	Refusal *provision.Refusal `json:"refusal,omitempty"`
}

// Key returns the name of the object.
func (p Plan) Key() Key { return Key{p.Type, p.ID} }

// refuse makes a plan that of a refused object.
func (p *Plan) refuse(failure *ObjectError) {
	p.Action, p.Differences, p.Refusal = provision.Refused, nil, failure.Refusal()
}

// result returns what was done to the object of a plan that was carried out.
func (p Plan) result() provision.Result {
	return provision.Result{Kind: p.Type, Name: p.ID, Action: p.Action, Detail: p.Detail(), Refusal: p.Refusal}
}

// Plan compares the wanted objects with those that Kibana has and changes nothing. The
// wanted objects must have different names. The errors are *ObjectError, joined, for objects
// that Kibana refuses to show; their plans are Refused. After any other error there are no plans.
func (c *Client) Plan(ctx context.Context, wanted []Object) ([]Plan, error) {
	compared, err := c.compare(ctx, wanted)
	return compared.plans, err
}

// comparison is what a Kibana has, compared with the wanted objects.
type comparison struct {
	plans []Plan
	known record
	// unrecorded is the error of the record, if Kibana refuses to show it.
	unrecorded error
}

func (c *Client) compare(ctx context.Context, wanted []Object) (comparison, error) {
	if len(wanted) == 0 {
		return comparison{}, nil
	}
	if err := c.Await(ctx); err != nil {
		return comparison{}, err
	}
	if err := c.distinct(wanted); err != nil {
		return comparison{}, err
	}
	known, unrecorded := c.fetchRecord(ctx)
	if _, fatal := Refusals(unrecorded); fatal != nil {
		return comparison{}, unrecorded
	}
	places := make([]Key, len(wanted))
	for i, object := range wanted {
		places[i] = known.place(object.Key())
	}
	found, refused := c.exportNamed(ctx, places, false, known.names())
	if _, fatal := Refusals(refused); fatal != nil {
		return comparison{}, refused
	}
	unreadable := firstRefusals(refused)
	plans := make([]Plan, 0, len(wanted))
	for _, object := range inOrder(wanted) {
		plan, err := planObject(object, found, known)
		if err != nil {
			return comparison{}, fmt.Errorf("kibana: %s: %w", object.Key(), err)
		}
		if failure := unreadable[object.Key()]; failure != nil {
			plan.refuse(failure)
		}
		plans = append(plans, plan)
	}
	return comparison{plans, known, unrecorded}, errors.Join(unrecorded, refused)
}

func (c *Client) distinct(wanted []Object) error {
	seen := map[Key]bool{c.recordKey(): true}
	for _, object := range wanted {
		if seen[object.Key()] {
			return fmt.Errorf("kibana: %s is wanted twice, or bankctl uses the name itself", object.Key())
		}
		seen[object.Key()] = true
	}
	return nil
}

// planObject compares one object with what Kibana has.
func planObject(object Object, found map[Key]Object, known record) (Plan, error) {
	plan := Plan{Type: object.Type, ID: object.ID, Action: provision.Created}
	should, err := meaning(object.Body)
	if err != nil {
		return plan, err
	}
	there, ok := found[object.Key()]
	if !ok {
		return plan, nil
	}
	is, err := meaning(there.Body)
	if err != nil {
		return plan, err
	}
	plan.Action = provision.Unchanged
	of := known[object.Key().String()]
	if sent, has := digest(should), digest(is); sent == has || of.Sent == sent && of.Kept == has {
		return plan, nil
	}
	plan.Action = provision.Updated
	plan.Differences = differences(is, should)
	return plan, nil
}

// Apply imports the objects that are not as wanted, and reports each object. If all are
// as wanted, it imports nothing. Other objects of Kibana stay as they are. It reads every
// imported object back. The errors are *ObjectError, joined, for objects that Kibana refuses,
// or that cannot be read back; they are reported as Refused, and the others are applied. Any
// other error ends the work, and an object whose outcome is not known is not reported.
func (c *Client) Apply(ctx context.Context, wanted []Object, report provision.Report) error {
	compared, failure := c.compare(ctx, wanted)
	if _, fatal := Refusals(failure); fatal != nil {
		return failure
	}
	var changed []Object
	for i, object := range inOrder(wanted) {
		if action := compared.plans[i].Action; action == provision.Created || action == provision.Updated {
			changed = append(changed, object)
		}
	}
	taken, refused := c.send(ctx, changed, compared.known.places())
	changed = slices.DeleteFunc(changed, func(object Object) bool { return taken[object.Key()] == Key{} })
	there := map[Key]bool{}
	if len(changed) > 0 {
		var lost error
		there, lost = c.updateRecord(ctx, compared, changed, taken)
		refused = errors.Join(refused, lost)
	}
	failed := firstRefusals(refused)
	for _, plan := range compared.plans {
		one := failed[plan.Key()]
		switch {
		case plan.Action == provision.Unchanged || plan.Action == provision.Refused || there[plan.Key()]:
		case one != nil:
			plan.refuse(one)
		default:
			continue
		}
		report(plan.result())
	}
	return errors.Join(failure, refused)
}

// maxNamed is how many differences a Detail names.
const maxNamed = 3

// Detail names the first members that differ.
func (p Plan) Detail() string {
	var keys []string
	for i, difference := range p.Differences {
		if i == maxNamed {
			keys = append(keys, fmt.Sprintf("and %d more", len(p.Differences)-i))
			break
		}
		keys = append(keys, strings.TrimPrefix(difference.Key, "attributes."))
	}
	return strings.Join(keys, ", ")
}
