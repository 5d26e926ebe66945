package kibana

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"reflect"
	"slices"

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

// errDiffers says that a member differs from the wanted one and cannot be changed.
var errDiffers = errors.New("cannot be changed; delete the rule in Kibana, and apply creates it again")

// PlanRules compares the wanted rules with those that Kibana has. It does not compare members
// that the file does not have, because Kibana adds defaults for them.
func (c *Client) PlanRules(ctx context.Context, wanted []Rule) ([]Plan, error) {
	if len(wanted) == 0 {
		return nil, nil
	}
	if err := c.Await(ctx); err != nil {
		return nil, err
	}
	plans := make([]Plan, 0, len(wanted))
	for _, rule := range wanted {
		plan, err := c.planRule(ctx, rule)
		if err != nil {
			return nil, fmt.Errorf("rule %s: %w", rule.ID, err)
		}
		plans = append(plans, plan)
	}
	return plans, nil
}

func (c *Client) planRule(ctx context.Context, rule Rule) (Plan, error) {
	plan := Plan{Type: RuleKind, ID: rule.ID, Action: provision.Created}
	should, err := decodeObject(rule.Body)
	if err != nil {
		return plan, err
	}
	var answer json.RawMessage
	err = c.callJSON(ctx, http.MethodGet, rulePath(rule.ID), nil, &answer)
	if errors.Is(err, ErrNotFound) {
		return plan, nil
	}
	if err != nil {
		return plan, err
	}
	is, err := decodeObject(answer)
	if err != nil {
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
			return plan, fmt.Errorf("%s is %s, wanted %s: %w", difference.Key, side(difference.Running), side(difference.Wanted), errDiffers)
		}
	}
	return plan, nil
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
// the wanted rules have.
func (c *Client) ExportRules(ctx context.Context, wanted []Rule) (map[string]Rule, error) {
	found := make(map[string]Rule)
	for _, rule := range wanted {
		should, err := decodeObject(rule.Body)
		if err != nil {
			return nil, fmt.Errorf("rule %s: %w", rule.ID, err)
		}
		var answer json.RawMessage
		err = c.callJSON(ctx, http.MethodGet, rulePath(rule.ID), nil, &answer)
		if errors.Is(err, ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("rule %s: %w", rule.ID, err)
		}
		is, err := decodeObject(answer)
		if err != nil {
			return nil, fmt.Errorf("rule %s: %w", rule.ID, err)
		}
		body, err := encode(within(is, should))
		if err != nil {
			return nil, fmt.Errorf("rule %s: %w", rule.ID, err)
		}
		found[rule.ID] = Rule{ID: rule.ID, Body: body}
	}
	return found, nil
}

// ApplyRules creates the rules that do not exist, changes those that differ, and reports each. A
// rule that is switched off stays off. If one rule fails, it still applies the others.
func (c *Client) ApplyRules(ctx context.Context, wanted []Rule, report provision.Report) error {
	if len(wanted) == 0 {
		return nil
	}
	if err := c.Await(ctx); err != nil {
		return err
	}
	var failures []error
	for _, rule := range wanted {
		plan, err := c.planRule(ctx, rule)
		switch {
		case err != nil:
		case plan.Action == provision.Created:
			err = c.createRule(ctx, rule)
		case plan.Action == provision.Updated:
			err = c.updateRule(ctx, rule)
		}
		if err != nil {
			failures = append(failures, fmt.Errorf("rule %s: %w", rule.ID, err))
			continue
		}
		report(provision.Result{Kind: RuleKind, Name: rule.ID, Action: plan.Action, Detail: plan.Detail()})
	}
	return errors.Join(failures...)
}

// errElsewhere says why a rule can be neither created nor read.
var errElsewhere = errors.New("another space of this Kibana has a rule with this id, and ids of rules are unique over all spaces; " +
	"delete that rule, or keep the rules in its space")

func (c *Client) createRule(ctx context.Context, rule Rule) error {
	err := c.callJSON(ctx, http.MethodPost, rulePath(rule.ID), rule.Body, nil)
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
		return errElsewhere
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
	err = c.callJSON(ctx, http.MethodPut, rulePath(rule.ID), body, nil)
	failpoint.From(ctx).After(err, failpoints.RuleUpdated)
	return err
}

func rulePath(id string) string { return "/api/alerting/rule/" + url.PathEscape(id) }
