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
}

// Key returns the name of the object.
func (p Plan) Key() Key { return Key{p.Type, p.ID} }

// Plan compares the wanted objects with those that Kibana has and changes nothing. The
// wanted objects must have different names.
func (c *Client) Plan(ctx context.Context, wanted []Object) ([]Plan, error) {
	plans, _, err := c.plan(ctx, wanted)
	return plans, err
}

func (c *Client) plan(ctx context.Context, wanted []Object) ([]Plan, record, error) {
	if err := c.Await(ctx); err != nil {
		return nil, nil, err
	}
	if err := c.distinct(wanted); err != nil {
		return nil, nil, err
	}
	known, err := c.fetchRecord(ctx)
	if err != nil {
		return nil, nil, err
	}
	places := make([]Key, len(wanted))
	for i, object := range wanted {
		places[i] = known.place(object.Key())
	}
	found, err := c.exportNamed(ctx, places, false, known.names())
	if err != nil {
		return nil, nil, err
	}
	plans := make([]Plan, 0, len(wanted))
	for _, object := range inOrder(wanted) {
		plan, err := planObject(object, found, known)
		if err != nil {
			return nil, nil, fmt.Errorf("kibana: %s: %w", object.Key(), err)
		}
		plans = append(plans, plan)
	}
	return plans, known, nil
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
// as wanted, it imports nothing. Other objects of Kibana stay as they are. The errors
// are those of Import. An object that Kibana refused, or that cannot be read back, is
// not reported.
func (c *Client) Apply(ctx context.Context, wanted []Object, report provision.Report) error {
	plans, known, err := c.plan(ctx, wanted)
	if err != nil {
		return err
	}
	var changed []Object
	for i, object := range inOrder(wanted) {
		if plans[i].Action != provision.Unchanged {
			changed = append(changed, object)
		}
	}
	taken, failure := c.send(ctx, changed, known.places())
	changed = slices.DeleteFunc(changed, func(object Object) bool { return taken[object.Key()] == Key{} })
	there := map[Key]bool{}
	if len(changed) > 0 {
		if there, err = c.updateRecord(ctx, known, changed, taken); err != nil {
			failure = errors.Join(failure, err)
		}
	}
	for _, plan := range plans {
		if plan.Action == provision.Unchanged || there[plan.Key()] {
			report(provision.Result{Kind: plan.Type, Name: plan.ID, Action: plan.Action, Detail: plan.Detail()})
		}
	}
	return failure
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
