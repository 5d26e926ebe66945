package kibana

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"time"

	"codebank.dev/operations/failpoints"
	"codebank.dev/operations/httpclient"
	"codebank.dev/operations/provision"
	"codebank.dev/platform/failpoint"
)

// RuleKind is the kind of alert rules in reports.
const RuleKind = "rule"

// Rule is a wanted alert rule. Rules have an interface of their own, because a rule that is
// imported as a saved object has no key to run with and never runs.
type Rule struct {
	ID string
	// Body is the body that creates the rule.
	Body json.RawMessage
}

// fixed are the members of a rule that cannot be changed after its creation.
var fixed = []string{"rule_type_id", "consumer"}

// enabled is the member that says whether a rule is switched on. Operators decide that after the
// rule's creation.
const enabled = "enabled"

// PlanRules compares the wanted rules with those that Kibana has. It does not compare members
// that the file does not have, because Kibana adds defaults for them. The errors are
// *ObjectError, joined, for rules that Kibana refuses to show, or that apply could not change;
// their plans are Refused. Any other error ends the work, and the rules after it have no plan.
func (c *Client) PlanRules(ctx context.Context, wanted []Rule) ([]Plan, error) {
	plans := make([]Plan, 0, len(wanted))
	err := c.eachRule(ctx, wanted, func(ctx context.Context, rule Rule) error {
		plan, err := c.planRule(ctx, rule)
		plans = append(plans, plan)
		return err
	}, func(failure *ObjectError) { plans[len(plans)-1].refuse(failure) })
	if _, fatal := Refusals(err); fatal != nil && len(plans) > 0 {
		plans = plans[:len(plans)-1]
	}
	return plans, err
}

// eachRule calls do for every rule, and refused after those for which it returns the refusal of
// that rule. It returns the refusals, joined. Any other error ends the work.
//
// While Kibana is not ready, do waits. A rule for which Kibana is never ready gets its part of
// the time that is left, so that the rules after it have time too.
func (c *Client) eachRule(
	ctx context.Context, rules []Rule, do func(context.Context, Rule) error, refused func(*ObjectError),
) error {
	if len(rules) == 0 {
		return nil
	}
	if err := c.Await(ctx); err != nil {
		return err
	}
	var failures []error
	for i, rule := range rules {
		part, cancel := partOf(ctx, len(rules)-i)
		err := refusalOf(ctx, Key{RuleKind, rule.ID}, do(part, rule))
		cancel()
		if err == nil {
			continue
		}
		failures = append(failures, err)
		failure := new(ObjectError)
		if !errors.As(err, &failure) {
			break
		}
		refused(failure)
	}
	return errors.Join(failures...)
}

// partOf returns a context with an equal part of the time that ctx has left.
func partOf(ctx context.Context, parts int) (context.Context, context.CancelFunc) {
	deadline, bounded := ctx.Deadline()
	if !bounded {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, time.Until(deadline)/time.Duration(parts))
}

func (c *Client) planRule(ctx context.Context, rule Rule) (Plan, error) {
	plan := Plan{Type: RuleKind, ID: rule.ID, Action: provision.Created}
	should, err := decodeObject(rule.Body)
	if err != nil {
		return plan, err
	}
	is, err := c.getRule(ctx, rule.ID)
	if is == nil || err != nil {
		return plan, err
	}
	plan.Action = provision.Unchanged
	delete(should, enabled)
	wanted, _ := unfold(should, 0).(map[string]any)
	running := within(unfold(is, 0), wanted)
	if reflect.DeepEqual(running, any(wanted)) {
		return plan, nil
	}
	plan.Action = provision.Updated
	plan.Differences = differences(running.(map[string]any), wanted)
	for _, difference := range plan.Differences {
		if slices.Contains(fixed, difference.Key) {
			return plan, &ObjectError{Object: plan.Key(), Kind: FixedMember, Field: difference.Key, Message: fmt.Sprintf(
				"it is %s, wanted %s, and cannot be changed", side(difference.Running), side(difference.Wanted))}
		}
	}
	return plan, nil
}

// getRule returns a rule of Kibana, or nil if there is none.
func (c *Client) getRule(ctx context.Context, id string) (map[string]any, error) {
	var answer json.RawMessage
	err := c.callRule(ctx, http.MethodGet, id, nil, &answer)
	if errors.Is(err, ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return decodeObject(answer)
}

func side(value *string) string {
	if value == nil {
		return "nothing"
	}
	return *value
}

// within returns a copy of is without the members that wanted does not have, at any depth.
func within(is, wanted any) any {
	left, isObject := is.(map[string]any)
	right, wantsObject := wanted.(map[string]any)
	if !isObject || !wantsObject {
		return is
	}
	part := make(map[string]any, len(right))
	for key := range right {
		if member, there := left[key]; there {
			part[key] = within(member, right[key])
		}
	}
	return part
}

// ExportRules returns the wanted rules that Kibana has, by id. They have only the members that
// the wanted rules have. The errors are *ObjectError, joined, for rules that Kibana refuses to
// show; it returns the others.
func (c *Client) ExportRules(ctx context.Context, wanted []Rule) (map[string]Rule, error) {
	found := make(map[string]Rule)
	err := c.eachRule(ctx, wanted, func(ctx context.Context, rule Rule) error {
		should, err := decodeObject(rule.Body)
		if err != nil {
			return err
		}
		is, err := c.getRule(ctx, rule.ID)
		if is == nil || err != nil {
			return err
		}
		body, err := encode(within(is, should))
		if err == nil {
			found[rule.ID] = Rule{ID: rule.ID, Body: body}
		}
		return err
	}, func(*ObjectError) {})
	return found, err
}

// ApplyRules creates the rules that do not exist, changes those that differ, reads each changed
// rule back, and reports each. A rule that is switched off stays off. The errors are
// *ObjectError, joined, for rules that Kibana refuses; they are reported as Refused, and the
// others are applied. Any other error ends the work.
func (c *Client) ApplyRules(ctx context.Context, wanted []Rule, report provision.Report) error {
	var plan Plan
	return c.eachRule(ctx, wanted, func(ctx context.Context, rule Rule) error {
		var err error
		if plan, err = c.applyRule(ctx, rule); err == nil {
			report(plan.result())
		}
		return err
	}, func(failure *ObjectError) {
		plan.refuse(failure)
		report(plan.result())
	})
}

func (c *Client) applyRule(ctx context.Context, rule Rule) (Plan, error) {
	plan, err := c.planRule(ctx, rule)
	if err != nil || plan.Action == provision.Unchanged {
		return plan, err
	}
	if plan.Action == provision.Created {
		err = c.createRule(ctx, rule)
	} else {
		err = c.updateRule(ctx, rule)
	}
	if err != nil {
		return plan, err
	}
	back, err := c.planRule(ctx, rule)
	if err == nil && back.Action != provision.Unchanged {
		err = &ObjectError{Object: plan.Key(), Kind: NotKept,
			Message: "Kibana accepted it, and does not have it as it was sent: " + cmp.Or(back.Detail(), "it is not there")}
	}
	return plan, err
}

func (c *Client) createRule(ctx context.Context, rule Rule) error {
	err := c.callRule(ctx, http.MethodPost, rule.ID, rule.Body, nil)
	refused := new(httpclient.RefusedError)
	if errors.As(err, &refused) && refused.StatusCode == http.StatusConflict {
		return c.conflictingRule(ctx, rule)
	}
	failpoint.From(ctx).After(err, failpoints.RuleCreated)
	return err
}

// conflictingRule handles the answer that a rule exists. An earlier try whose answer was lost
// may have created it. Then the rule is in this space, and is as wanted or was changed since.
func (c *Client) conflictingRule(ctx context.Context, rule Rule) error {
	plan, err := c.planRule(ctx, rule)
	switch {
	case err != nil:
		return err
	case plan.Action == provision.Created:
		return &ObjectError{Object: plan.Key(), Kind: OtherSpace, Message: "another space of this Kibana has a rule with this id, " +
			"and ids of rules are unique over all spaces"}
	case plan.Action == provision.Updated:
		return c.updateRule(ctx, rule)
	}
	return nil
}

func (c *Client) updateRule(ctx context.Context, rule Rule) error {
	body, err := decodeObject(rule.Body)
	if err != nil {
		return err
	}
	maps.DeleteFunc(body, func(key string, _ any) bool { return key == enabled || slices.Contains(fixed, key) })
	err = c.callRule(ctx, http.MethodPut, rule.ID, body, nil)
	failpoint.From(ctx).After(err, failpoints.RuleUpdated)
	return err
}
