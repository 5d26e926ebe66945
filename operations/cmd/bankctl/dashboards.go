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
)

// kibanaSettings are the flags that the commands for Kibana share.
type kibanaSettings struct {
	*application
	url, apiKey, space string
	folder             string
}

func newDashboards(app *application) *cobra.Command {
	k := &kibanaSettings{application: app}
	command := group("dashboards", "The dashboards: in Kibana, in a terminal, and as pages",
		newDashboardsPlan(k), newDashboardsApply(k), newDashboardsExport(k), newDashboardsShow(app), newDashboardsServe(app))
	flags := command.PersistentFlags()
	flags.StringVar(&k.url, "kibana-url", "http://127.0.0.1:17028", "`URL` of Kibana, with name and password if it requires them")
	flags.StringVar(&k.apiKey, "kibana-api-key", "", "API `key` for Kibana, encoded; better from BANKCTL_KIBANA_API_KEY_FILE")
	flags.StringVar(&k.space, "kibana-space", "", "`space` of Kibana; the default one if empty")
	flags.StringVar(&k.folder, "folder", "", "read the objects from this `folder` instead of those in the program")
	_ = command.MarkPersistentFlagDirname("folder")
	return command
}

// withKibana returns the work of a command that compares a Kibana with files. A wrong
// setting or file is an error before it sends anything.
func (k *kibanaSettings) withKibana(
	do func(ctx context.Context, client *kibana.Client, wanted *files.Files, args []string) error,
) func(*cobra.Command, []string) error {
	return work(func(ctx context.Context, args []string) error {
		ctx, cancel := k.limited(ctx)
		defer cancel()
		client, err := kibana.New(kibana.Config{Address: k.url, Space: k.space, APIKey: k.apiKey})
		if err != nil {
			return misused("kibana-url", err)
		}
		wanted, err := k.files()
		if err != nil {
			return err
		}
		return do(ctx, client, wanted, args)
	})
}

func (k *kibanaSettings) files() (*files.Files, error) {
	if k.folder == "" {
		return files.Embedded()
	}
	wanted, err := files.Read(k.folder)
	if err != nil {
		return nil, misused("folder", err)
	}
	return wanted, nil
}

func newDashboardsPlan(k *kibanaSettings) *cobra.Command {
	return &cobra.Command{
		Use:   "plan",
		Short: "Show where Kibana differs from the files; status 1 if it does",
		Args:  cobra.NoArgs,
		RunE: k.withKibana(func(ctx context.Context, client *kibana.Client, wanted *files.Files, _ []string) error {
			plans, err := client.Plan(ctx, wanted.Objects)
			if err != nil {
				return err
			}
			ofRules, err := client.PlanRules(ctx, wanted.Rules)
			return errors.Join(k.showKibanaPlans(append(plans, ofRules...)), err)
		}),
	}
}

func (a *application) showKibanaPlans(plans []kibana.Plan) error {
	heading := []string{"OBJECT", "PLAN", "KEY", "KIBANA", "WANTED"}
	if err := output.List(a.printer(), plans, heading, kibanaPlanRows); err != nil {
		return err
	}
	return allUnchanged(plans, "objects", func(plan kibana.Plan) provision.Action { return plan.Action })
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

The command waits for a Kibana that is starting. When Kibana refuses an object,
the command says which and why, and ends with status 1.`,
		Args: cobra.NoArgs,
		RunE: k.withKibana(func(ctx context.Context, client *kibana.Client, wanted *files.Files, _ []string) error {
			refused := client.Apply(ctx, wanted.Objects, k.printer().Result)
			if refused != nil && !errors.As(refused, new(*kibana.ObjectError)) {
				return refused
			}
			// The rules are applied although an object was refused.
			return errors.Join(refused, client.ApplyRules(ctx, wanted.Rules, k.printer().Result))
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
is written as the file is. Nothing is removed.`,
		RunE: k.withKibana(func(ctx context.Context, client *kibana.Client, wanted *files.Files, names []string) error {
			exporter := &files.Exporter{Client: client, Folder: out, Report: k.printer().Result}
			return exporter.Export(ctx, wanted, names)
		}),
	}
	command.Flags().StringVar(&out, "out", "", "`folder` to write into")
	_ = command.MarkFlagRequired("out")
	_ = command.MarkFlagDirname("out")
	return command
}
