package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"codebank.dev/dashboards"
	"codebank.dev/operations/failpoints"
	"codebank.dev/operations/kibana"
	"codebank.dev/operations/provision"
	"codebank.dev/platform/failpoint"
)

func newDashboardsExport(v *views) *cobra.Command {
	var out string
	command := &cobra.Command{
		Use:   "export --out FOLDER [DASHBOARD...]",
		Short: "Write dashboards as they are in Kibana into files, one for each object",
		Long: `Write what Kibana has into FOLDER/<type>/<id>.json, in the form of the files of
the repository, so that a change that somebody made in Kibana comes back as a
difference. Without names it is everything that the files describe; with names,
those dashboards and all they refer to. What is as its file says is written as
the file is. Nothing is removed.`,
		RunE: work(func(ctx context.Context, names []string) error {
			ctx, cancel := v.patiently(ctx)
			defer cancel()
			return v.export(ctx, out, names)
		}),
	}
	command.Flags().StringVar(&out, "out", "", "`folder` to write into")
	_ = command.MarkFlagRequired("out")
	_ = command.MarkFlagDirname("out")
	return command
}

func (v *views) export(ctx context.Context, out string, names []string) error {
	client, err := v.client()
	if err != nil {
		return err
	}
	files, err := v.files()
	if err != nil {
		return err
	}
	unchanged, err := v.unchanged(ctx, client, files)
	if err != nil {
		return err
	}
	var asked []kibana.Key
	var rules []kibana.Rule
	for _, name := range names {
		asked = append(asked, kibana.Key{Type: "dashboard", ID: name})
	}
	if len(names) == 0 {
		for _, file := range files {
			if file.Type == dashboards.Rule {
				rules = append(rules, kibana.Rule{ID: file.ID, Body: file.Body})
				continue
			}
			asked = append(asked, kibana.Key{Type: file.Type, ID: file.ID})
		}
	}
	found, err := client.Export(ctx, asked, len(names) > 0)
	if err != nil {
		return err
	}
	kept, err := client.ExportRules(ctx, rules)
	if err != nil {
		return err
	}
	for _, rule := range rules {
		key := kibana.Key{Type: dashboards.Rule, ID: rule.ID}
		asked = append(asked, key)
		if is, there := kept[rule.ID]; there {
			found[key] = kibana.Object{Type: key.Type, ID: key.ID, Body: is.Body}
		}
	}
	failures := v.writeAll(ctx, out, slices.SortedFunc(maps.Values(found), func(a, b kibana.Object) int {
		return cmp.Or(strings.Compare(a.Type, b.Type), strings.Compare(a.ID, b.ID))
	}), unchanged)
	for _, key := range asked {
		if _, there := found[key]; !there {
			failures = errors.Join(failures, fmt.Errorf("%s is not in Kibana", key))
		}
	}
	return failures
}

// unchanged returns the files of the objects that Kibana has as the files say.
func (v *views) unchanged(ctx context.Context, client *kibana.Client, files []dashboards.Object) (map[kibana.Key][]byte, error) {
	objects, rules, err := v.wanted()
	if err != nil {
		return nil, err
	}
	plans, err := client.Plan(ctx, objects)
	if err != nil {
		return nil, err
	}
	of, err := client.PlanRules(ctx, rules)
	if err != nil {
		return nil, err
	}
	plans = append(plans, of...)
	same := make(map[kibana.Key][]byte)
	for _, plan := range plans {
		if plan.Action == provision.Unchanged {
			same[plan.Key()] = nil
		}
	}
	for _, file := range files {
		key := kibana.Key{Type: file.Type, ID: file.ID}
		if _, is := same[key]; is {
			same[key] = file.Body
		}
	}
	return same, nil
}

// writeAll writes each object into its file and reports it.
func (v *views) writeAll(ctx context.Context, out string, objects []kibana.Object, unchanged map[kibana.Key][]byte) error {
	var failures error
	for _, object := range objects {
		body, same := unchanged[object.Key()]
		if !same {
			var err error
			if body, err = asFile(object); err != nil {
				failures = errors.Join(failures, err)
				continue
			}
		}
		action, err := writeObject(ctx, out, object.Key(), body)
		if err != nil {
			failures = errors.Join(failures, fmt.Errorf("%s: %w", object.Key(), err))
			continue
		}
		v.result(provision.Result{Kind: object.Type, Name: object.ID, Action: action, Detail: fileName(object.Key())})
	}
	return failures
}

func fileName(key kibana.Key) string { return filepath.Join(key.Type, key.ID+".json") }

// writeObject makes a file whole or leaves it as it was. A name that would lead out of
// the folder is refused: it comes from Kibana.
func writeObject(ctx context.Context, out string, key kibana.Key, body []byte) (provision.Action, error) {
	for _, part := range []string{key.Type, key.ID} {
		if !filepath.IsLocal(part) || strings.ContainsAny(part, `/\`) || strings.HasPrefix(part, ".") {
			return "", errors.New("cannot be the name of a file")
		}
	}
	path := filepath.Join(out, fileName(key))
	before, err := os.ReadFile(path)
	action := provision.Updated
	switch {
	case errors.Is(err, fs.ErrNotExist):
		action = provision.Created
	case err != nil:
		return "", err
	case bytes.Equal(before, body):
		return provision.Unchanged, nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return "", err
	}
	err = os.WriteFile(path+".new", body, 0o644)
	failpoint.From(ctx).After(err, failpoints.ExportWritten)
	if err == nil {
		err = os.Rename(path+".new", path)
		failpoint.From(ctx).After(err, failpoints.ExportPublished)
	}
	return action, err
}

// asFile returns an object as its file has it.
func asFile(object kibana.Object) ([]byte, error) {
	if object.Type == dashboards.Rule {
		var written bytes.Buffer
		if err := json.Indent(&written, object.Body, "", " "); err != nil {
			return nil, err
		}
		written.WriteByte('\n')
		return written.Bytes(), nil
	}
	file, err := dashboards.Unfold(dashboards.Object{Type: object.Type, ID: object.ID, Body: object.Body})
	return file.Body, err
}
