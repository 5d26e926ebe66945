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
	// Action is Unchanged when what Kibana has is what is wanted.
	Action provision.Action `json:"action"`
	// Differences are where it is not, by path; none for a new object.
	Differences []provision.Difference `json:"differences,omitempty"`
}

// Key returns the name of the object.
func (p Plan) Key() Key { return Key{p.Type, p.ID} }

// Plan compares the wanted objects with those that Kibana has and changes nothing.
// Names are unique among the wanted.
func (c *Client) Plan(ctx context.Context, wanted []Object) ([]Plan, error) {
	plans, _, err := c.plan(ctx, wanted)
	return plans, err
}

func (c *Client) plan(ctx context.Context, wanted []Object) ([]Plan, record, error) {
	if err := c.Await(ctx); err != nil {
		return nil, nil, err
	}
	if err := distinct(wanted); err != nil {
		return nil, nil, err
	}
	names := []Key{recordKey}
	for _, object := range wanted {
		names = append(names, object.Key())
	}
	found, err := c.Export(ctx, names, false)
	if err != nil {
		return nil, nil, err
	}
	known := readRecord(found)
	plans := make([]Plan, 0, len(wanted))
	for _, object := range inOrder(wanted) {
		plan, err := judge(object, found, known)
		if err != nil {
			return nil, nil, fmt.Errorf("kibana: %s: %w", object.Key(), err)
		}
		plans = append(plans, plan)
	}
	return plans, known, nil
}

func distinct(wanted []Object) error {
	seen := map[Key]bool{recordKey: true}
	for _, object := range wanted {
		if seen[object.Key()] {
			return fmt.Errorf("kibana: %s is wanted twice, or is bankctl's own", object.Key())
		}
		seen[object.Key()] = true
	}
	return nil
}

// judge compares one object with what was found.
func judge(object Object, found map[Key]Object, known record) (Plan, error) {
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
	sent, kept := digest(should), digest(is)
	if sent == kept || known[object.Key().String()] == (lifted{Sent: sent, Kept: kept}) {
		return plan, nil
	}
	plan.Action = provision.Updated
	plan.Differences = differences(is, should)
	return plan, nil
}

// Apply imports the objects that are not as wanted and reports each; when all are,
// it imports nothing. Objects that are not wanted stay. The errors are those of
// Import, and only what Kibana took is reported.
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
	taken, failure := c.send(ctx, changed)
	if failure == nil { // Some answers do not list what was taken.
		taken = keysOf(changed)
	}
	changed = slices.DeleteFunc(changed, func(object Object) bool { return !taken[object.Key()] })
	if len(changed) > 0 {
		if err := c.remember(ctx, known, changed); err != nil {
			failure = errors.Join(failure, fmt.Errorf("imported, and what Kibana made of it is not known: %w", err))
		}
	}
	for _, plan := range plans {
		if plan.Action == provision.Unchanged || taken[plan.Key()] {
			report(provision.Result{Kind: plan.Type, Name: plan.ID, Action: plan.Action, Detail: plan.Detail()})
		}
	}
	return failure
}

func keysOf(objects []Object) map[Key]bool {
	keys := make(map[Key]bool, len(objects))
	for _, object := range objects {
		keys[object.Key()] = true
	}
	return keys
}

// maxTold is how many differences a line names.
const maxTold = 3

// Detail names the first places at which an object differs.
func (p Plan) Detail() string {
	var keys []string
	for i, difference := range p.Differences {
		if i == maxTold {
			keys = append(keys, fmt.Sprintf("and %d more", len(p.Differences)-i))
			break
		}
		keys = append(keys, strings.TrimPrefix(difference.Key, "attributes."))
	}
	return strings.Join(keys, ", ")
}
