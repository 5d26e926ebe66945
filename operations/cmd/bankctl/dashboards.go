package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"codebank.dev/operations/kibana"
	"codebank.dev/operations/kibana/files"
	"codebank.dev/operations/output"
	"codebank.dev/operations/provision"
	"codebank.dev/platform/clientauth"
)

// kibanaSettings are the flags that the commands for Kibana share.
type kibanaSettings struct {
	*application
	url, apiKey, space string
	trust              *clientauth.Settings
	folder             string
	rules              bool
}

func newDashboards(app *application) *cobra.Command {
	k := &kibanaSettings{application: app, trust: clientauth.Kibana()}
	command := group("dashboards", "The dashboards: in Kibana, in a terminal, and as pages",
		newDashboardsPlan(k), newDashboardsApply(k), newDashboardsExport(k), newDashboardsShow(app), newDashboardsServe(app))
	flags := command.PersistentFlags()
	flags.StringVar(&k.url, "kibana-url", "http://127.0.0.1:17028", "`URL` of Kibana, with name and password if it requires them")
	flags.StringVar(&k.apiKey, "kibana-api-key", "", "API `key` for Kibana, encoded; better from BANKCTL_KIBANA_API_KEY_FILE")
	k.trust.Bind(flags)
	flags.StringVar(&k.space, "kibana-space", "", "`space` of Kibana; the default one if empty")
	flags.StringVar(&k.folder, "folder", "", "read the objects from this `folder` instead of those in the program")
	flags.BoolVar(&k.rules, "rules", true, "plan, apply and export the alert rules too; --rules=false leaves them out")
	_ = command.MarkPersistentFlagDirname("folder")
	return command
}

// withKibana returns the work of a command that compares a Kibana with files. A wrong
// setting or file is an error before it sends anything. do reports what it did or would do to
// each object; at the end the command prints how many there were.
func (k *kibanaSettings) withKibana(
	do func(ctx context.Context, client *kibana.Client, wanted *files.Files, args []string, count *tally) error,
) func(*cobra.Command, []string) error {
	return work(func(ctx context.Context, args []string) error {
		ctx, cancel := k.limited(ctx)
		defer cancel()
		client, err := opened(k.trust, "kibana-url", func(auth *clientauth.Client) (*kibana.Client, error) {
			return kibana.New(kibana.Config{Address: k.url, Space: k.space, APIKey: k.apiKey, Auth: auth})
		})
		if err != nil {
			return err
		}
		wanted, err := k.files()
		if err != nil {
			return err
		}
		count := newTally(k.printer(), len(args) == 0, len(wanted.Objects)+len(wanted.Rules))
		err = do(ctx, client, wanted, args, count)
		if errors.Is(err, kibana.ErrNotKibana) {
			err = fmt.Errorf("%w; name the address of Kibana with --kibana-url", err)
		}
		return errors.Join(err, count.finish())
	})
}

func (k *kibanaSettings) files() (wanted *files.Files, err error) {
	if k.folder == "" {
		wanted, err = files.Embedded()
	} else if wanted, err = files.Read(k.folder); err != nil {
		err = misused("folder", err)
	}
	if err == nil && !k.rules {
		wanted = wanted.WithoutRules()
	}
	return wanted, err
}

func newDashboardsPlan(k *kibanaSettings) *cobra.Command {
	return &cobra.Command{
		Use:   "plan",
		Short: "Show where Kibana differs from the files; status 1 if it does",
		Long: `Compare the dashboards and alert rules of Kibana with the files, and print what
apply would do to each. Nothing is changed. An object that Kibana refuses to
show is refused, with the cause; the others are compared. The last line has the
numbers. The status is 1 if an object differs or was refused.`,
		Args: cobra.NoArgs,
		RunE: k.withKibana(func(ctx context.Context, client *kibana.Client, wanted *files.Files, _ []string, count *tally) error {
			count.planned = true
			plans, err := client.Plan(ctx, wanted.Objects)
			if _, fatal := kibana.Refusals(err); fatal != nil {
				return err
			}
			ofRules, refused := client.PlanRules(ctx, wanted.Rules)
			return errors.Join(k.showKibanaPlans(append(plans, ofRules...), count), err, refused)
		}),
	}
}

func (a *application) showKibanaPlans(plans []kibana.Plan, count *tally) error {
	heading := []string{"OBJECT", "PLAN", "KEY", "KIBANA", "WANTED"}
	if err := output.List(a.printer(), plans, heading, kibanaPlanRows); err != nil {
		return err
	}
	for _, plan := range plans {
		count.add(plan.Type, plan.Action)
	}
	return allUnchanged(plans, "objects", func(plan kibana.Plan) provision.Action {
		if plan.Action == provision.Refused {
			return provision.Unchanged // Refused objects have an error of their own.
		}
		return plan.Action
	})
}

// maxDifferences is how many differences of one object a table shows; JSON has all.
const maxDifferences = 10

func kibanaPlanRows(plan kibana.Plan) [][]string {
	name := plan.Key().String()
	switch plan.Action {
	case provision.Unchanged:
		return [][]string{{name, "unchanged"}}
	case provision.Created:
		return [][]string{{name, "create"}}
	case provision.Refused:
		return [][]string{{name, "refused", plan.Refusal.Cause, plan.Refusal.Message}}
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

func newDashboardsApply(k *kibanaSettings) *cobra.Command {
	return &cobra.Command{
		Use:   "apply",
		Short: "Bring Kibana's dashboards and alert rules into the state that the files describe",
		Long: `Import the dashboards and the objects that they refer to, create or change the
alert rules as the files describe them, and print a line for each: created,
updated or unchanged. An object that is as wanted is not imported again; doing it
again changes nothing. Nothing is removed. A rule that is switched off stays off.

The command waits for a Kibana that is starting. What Kibana refuses stays as it
is: the command names the object, the cause and the answer of Kibana, and applies
the others. It reads every changed object back. The last line has the numbers. The
status is 1 if an object was refused. --rules=false leaves the alert rules out.`,
		Args: cobra.NoArgs,
		RunE: k.withKibana(func(ctx context.Context, client *kibana.Client, wanted *files.Files, _ []string, count *tally) error {
			err := client.Apply(ctx, wanted.Objects, count.report)
			if _, fatal := kibana.Refusals(err); fatal != nil {
				return err
			}
			// The rules are applied although an object was refused.
			return errors.Join(err, client.ApplyRules(ctx, wanted.Rules, count.report))
		}),
	}
}

func newDashboardsExport(k *kibanaSettings) *cobra.Command {
	var out string
	command := &cobra.Command{
		Use:   "export --out FOLDER [DASHBOARD...]",
		Short: "Write dashboards as they are in Kibana into files, one for each object",
		Long: `Write what Kibana has into FOLDER/<type>/<id>.json, in the form of the files of
the repository, so that a change that was made in Kibana comes back as a
difference. Without names it is everything that the files describe; with names,
those dashboards and all that they refer to. An object that is as its file says
is written as the file is. Nothing is removed. An object that Kibana refuses is
named with the cause, and the others are written; the status is then 1.`,
		RunE: k.withKibana(func(ctx context.Context, client *kibana.Client, wanted *files.Files, names []string, count *tally) error {
			exporter := &files.Exporter{Client: client, Folder: out, Report: count.report}
			return exporter.Export(ctx, wanted, names)
		}),
	}
	command.Flags().StringVar(&out, "out", "", "`folder` to write into")
	_ = command.MarkFlagRequired("out")
	_ = command.MarkFlagDirname("out")
	return command
}
