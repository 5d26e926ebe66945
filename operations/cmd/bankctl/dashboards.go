package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"codebank.dev/dashboards"
	"codebank.dev/operations/kibana"
	"codebank.dev/operations/provision"
)

// views are the settings that the commands for dashboards share.
type views struct {
	*application
	url, apiKey, space string
	folder             string
}

func newDashboards(app *application) *cobra.Command {
	v := &views{application: app}
	command := group("dashboards", "The dashboards and alert rules of Kibana",
		newDashboardsPlan(v), newDashboardsApply(v), newDashboardsExport(v), newDashboardsShow(app))
	flags := command.PersistentFlags()
	flags.StringVar(&v.url, "kibana-url", "http://127.0.0.1:17028", "`URL` of Kibana, with name and password if it wants them")
	flags.StringVar(&v.apiKey, "kibana-api-key", "", "API `key` for Kibana, encoded; better from BANKCTL_KIBANA_API_KEY_FILE")
	flags.StringVar(&v.space, "kibana-space", "", "`space` of Kibana; the default one if empty")
	flags.StringVar(&v.folder, "folder", "", "read the objects from this `folder` instead of those in the program")
	_ = command.MarkPersistentFlagDirname("folder")
	return command
}

// client returns a client of Kibana.
func (v *views) client() (*kibana.Client, error) {
	client, err := kibana.New(kibana.Config{Address: v.url, Space: v.space, APIKey: v.apiKey})
	if err != nil {
		return nil, misused("kibana-url", err)
	}
	return client, nil
}

// files returns the objects and rules that are wanted, as their files have them.
func (v *views) files() ([]dashboards.Object, error) {
	if v.folder == "" {
		return dashboards.Objects()
	}
	found, err := dashboards.Read(os.DirFS(v.folder))
	if err != nil {
		return nil, misused("folder", err)
	}
	return found, nil
}

// wanted returns them as Kibana takes them.
func (v *views) wanted() ([]kibana.Object, []kibana.Rule, error) {
	found, err := v.files()
	if err != nil {
		return nil, nil, err
	}
	var objects []kibana.Object
	var rules []kibana.Rule
	for _, file := range found {
		if file.Type == dashboards.Rule {
			rules = append(rules, kibana.Rule{ID: file.ID, Body: file.Body})
			continue
		}
		folded, err := dashboards.Fold(file)
		if err != nil {
			return nil, nil, err
		}
		objects = append(objects, kibana.Object{Type: folded.Type, ID: folded.ID, Body: folded.Body})
	}
	return objects, rules, nil
}

// withKibana makes a command of do, which holds a Kibana against what is wanted. A wrong
// setting or file is told before anything is sent.
func (v *views) withKibana(
	do func(context.Context, *kibana.Client, []kibana.Object, []kibana.Rule) error,
) func(*cobra.Command, []string) error {
	return work(func(ctx context.Context, _ []string) error {
		ctx, cancel := v.patiently(ctx)
		defer cancel()
		client, err := v.client()
		if err != nil {
			return err
		}
		objects, rules, err := v.wanted()
		if err != nil {
			return err
		}
		return do(ctx, client, objects, rules)
	})
}

func newDashboardsPlan(v *views) *cobra.Command {
	return &cobra.Command{
		Use:   "plan",
		Short: "Tell where Kibana differs from the files; 1 if it does",
		Args:  cobra.NoArgs,
		RunE: v.withKibana(func(ctx context.Context, client *kibana.Client, objects []kibana.Object, rules []kibana.Rule) error {
			plans, err := client.Plan(ctx, objects)
			if err != nil {
				return err
			}
			more, err := client.PlanRules(ctx, rules)
			return errors.Join(v.showViewPlans(append(plans, more...)), err)
		}),
	}
}

func (v *views) showViewPlans(plans []kibana.Plan) error {
	differing := 0
	var rows [][]string
	for _, plan := range plans {
		if plan.Action != provision.Unchanged {
			differing++
		}
		if v.json() {
			if err := v.object(plan); err != nil {
				return err
			}
			continue
		}
		rows = append(rows, viewPlanRows(plan)...)
	}
	if !v.json() {
		if err := v.table([]string{"OBJECT", "PLAN", "KEY", "KIBANA", "WANTED"}, rows); err != nil {
			return err
		}
	}
	if differing > 0 {
		return fmt.Errorf("%d of %d objects are not as wanted", differing, len(plans))
	}
	return nil
}

// maxDifferences is how many lines a table spends on one object; JSON has them all.
const maxDifferences = 10

func viewPlanRows(plan kibana.Plan) [][]string {
	name := plan.Key().String()
	switch {
	case plan.Action == provision.Unchanged:
		return [][]string{{name, "unchanged"}}
	case plan.Action == provision.Created:
		return [][]string{{name, "create"}}
	}
	var rows [][]string
	for i, difference := range plan.Differences {
		if i == maxDifferences {
			rows = append(rows, []string{name, "update", fmt.Sprintf("and %d more", len(plan.Differences)-i)})
			break
		}
		rows = append(rows, []string{name, "update", difference.Key, side(difference.Running), side(difference.Wanted)})
	}
	return rows
}

func newDashboardsApply(v *views) *cobra.Command {
	return &cobra.Command{
		Use:   "apply",
		Short: "Bring Kibana's dashboards and alert rules into the state that the files describe",
		Long: `Import the dashboards with all they refer to, and make or change the alert
rules, as the files describe them, and print a line for each: created, updated
or unchanged. What is as wanted is not imported again; doing it again changes
nothing. Nothing is removed. A rule that someone switched off stays off.

A Kibana that is starting is waited for. What it refuses is told object by
object, and ends the command with 1.`,
		Args: cobra.NoArgs,
		RunE: v.withKibana(func(ctx context.Context, client *kibana.Client, objects []kibana.Object, rules []kibana.Rule) error {
			refused := client.Apply(ctx, objects, v.result)
			if refused != nil && !errors.As(refused, new(*kibana.ObjectError)) {
				return refused
			}
			// An object that is refused does not keep the alerts.
			return errors.Join(refused, client.ApplyRules(ctx, rules, v.result))
		}),
	}
}
