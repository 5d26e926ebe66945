package files

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

	"codebank.dev/dashboards"
	"codebank.dev/operations/failpoints"
	"codebank.dev/operations/kibana"
	"codebank.dev/operations/provision"
	"codebank.dev/platform/failpoint"
)

// Exporter writes the objects of a Kibana into the files <type>/<id>.json of a folder.
type Exporter struct {
	Client *kibana.Client
	Folder string
	// Report gets a result for each file.
	Report provision.Report
}

// Export writes the dashboards with these names and all objects that they refer to.
// Without names it writes everything that f describes. If Kibana's object is as f
// describes it, Export writes the file of f. A file is either written whole or left as it
// was, and no file is removed. An error names the objects that could not be written, that
// Kibana refused or that it does not have. The others are written.
func (e *Exporter) Export(ctx context.Context, f *Files, names []string) error {
	var asked []kibana.Key
	var rules []kibana.Rule
	for _, name := range names {
		asked = append(asked, kibana.Key{Type: "dashboard", ID: name})
	}
	if len(names) == 0 {
		rules = f.Rules
		for _, object := range f.Objects {
			asked = append(asked, object.Key())
		}
	}
	unchanged, err := e.unchanged(ctx, f, rules)
	if err != nil {
		return err
	}
	found, failures := e.Client.Export(ctx, asked, len(names) > 0)
	if _, fatal := kibana.Refusals(failures); fatal != nil {
		return failures
	}
	kept, refused := e.Client.ExportRules(ctx, rules)
	failures = errors.Join(failures, refused)
	for _, rule := range rules {
		key := kibana.Key{Type: dashboards.Rule, ID: rule.ID}
		asked = append(asked, key)
		if is, there := kept[rule.ID]; there {
			found[key] = kibana.Object{Type: key.Type, ID: key.ID, Body: is.Body}
		}
	}
	written := e.writeAll(ctx, slices.SortedFunc(maps.Values(found), func(a, b kibana.Object) int {
		return cmp.Or(strings.Compare(a.Type, b.Type), strings.Compare(a.ID, b.ID))
	}), unchanged)
	return errors.Join(failures, written, e.absent(asked, found, failures))
}

// absent reports the asked objects that Kibana refused, and returns an error for each of those
// that it does not have. After a failure that ended the work nobody knows which those are.
func (e *Exporter) absent(asked []kibana.Key, found map[kibana.Key]kibana.Object, failures error) error {
	refused, fatal := kibana.Refusals(failures)
	causes := make(map[kibana.Key]*kibana.ObjectError)
	for _, one := range refused {
		causes[one.Object] = one
	}
	var absent error
	for _, key := range asked {
		_, there := found[key]
		switch cause := causes[key]; {
		case there:
		case cause != nil:
			e.Report(provision.Result{Kind: key.Type, Name: key.ID, Action: provision.Refused, Refusal: cause.Refusal()})
		case fatal == nil:
			absent = errors.Join(absent, fmt.Errorf("%s is not in Kibana", key))
		}
	}
	return absent
}

// unchanged returns the files of those objects and rules that Kibana has as the files describe
// them. An object that Kibana refuses to show is not among them.
func (e *Exporter) unchanged(ctx context.Context, f *Files, rules []kibana.Rule) (map[kibana.Key][]byte, error) {
	plans, err := e.Client.Plan(ctx, f.Objects)
	if _, fatal := kibana.Refusals(err); fatal != nil {
		return nil, err
	}
	ofRules, err := e.Client.PlanRules(ctx, rules)
	if _, fatal := kibana.Refusals(err); fatal != nil {
		return nil, err
	}
	same := make(map[kibana.Key]bool)
	for _, plan := range append(plans, ofRules...) {
		same[plan.Key()] = plan.Action == provision.Unchanged
	}
	files := make(map[kibana.Key][]byte)
	for _, file := range f.All {
		if key := (kibana.Key{Type: file.Type, ID: file.ID}); same[key] {
			files[key] = file.Body
		}
	}
	return files, nil
}

// writeAll writes each object into its file and reports it.
func (e *Exporter) writeAll(ctx context.Context, objects []kibana.Object, unchanged map[kibana.Key][]byte) error {
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
		action, err := write(ctx, e.Folder, object.Key(), body)
		if err != nil {
			failures = errors.Join(failures, fmt.Errorf("%s: %w", object.Key(), err))
			continue
		}
		e.Report(provision.Result{Kind: object.Type, Name: object.ID, Action: action, Detail: fileName(object.Key())})
	}
	return failures
}

func fileName(key kibana.Key) string { return filepath.Join(key.Type, key.ID+".json") }

// write writes a file whole or leaves it as it was. It refuses a name that leads out of
// the folder, because the name comes from Kibana.
func write(ctx context.Context, folder string, key kibana.Key, body []byte) (provision.Action, error) {
	for _, part := range []string{key.Type, key.ID} {
		if !filepath.IsLocal(part) || strings.ContainsAny(part, `/\`) || strings.HasPrefix(part, ".") {
			return "", errors.New("cannot be the name of a file")
		}
	}
	path := filepath.Join(folder, fileName(key))
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
