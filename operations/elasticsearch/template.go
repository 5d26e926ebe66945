package elasticsearch

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"reflect"
	"slices"
	"strings"

	"github.com/elastic/go-elasticsearch/v8/esapi"

	"codebank.dev/operations/failpoints"
	"codebank.dev/operations/provision"
	"codebank.dev/platform/failpoint"
)

// Template is a wanted composable index template, with the mappings and aliases that
// existing indices get too.
type Template struct {
	Name string
	// Body is the body of PUT /_index_template/{name}.
	Body json.RawMessage
	// Patterns are the names of the template's indices.
	Patterns []string
	// Mappings is the body of PUT /{index}/_mapping; nil for none.
	Mappings json.RawMessage
	// Aliases are the names under which all indices of the template are read.
	Aliases []string
}

// Apply puts each template, then its mapping and aliases on every open index that its
// patterns match, and reports each template and index. A server ignores a request that
// changes nothing. Apply reads before and after a request to find out whether something
// changed, so it need not know how a server writes a mapping. Whether a field is
// indexed and has doc values is fixed when an index is made: an existing index keeps
// these parameters, and the next one gets those of the template. If the server refuses
// any other change, such as that of a field's type, Apply returns the server's error;
// the change needs a new index. Apply waits for a server that is starting, until ctx
// ends.
func (c *Client) Apply(ctx context.Context, wanted []Template, report provision.Report) error {
	if err := c.Await(ctx); err != nil {
		return err
	}
	var failures []error
	for _, template := range wanted {
		result, err := c.putTemplate(ctx, template)
		if err != nil {
			failures = append(failures, fmt.Errorf("template %s: %w", template.Name, err))
			continue
		}
		report(result)
		failures = append(failures, c.applyToIndices(ctx, template, report))
	}
	return errors.Join(failures...)
}

func (c *Client) putTemplate(ctx context.Context, template Template) (provision.Result, error) {
	result := provision.Result{
		Kind: "template", Name: template.Name, Action: provision.Unchanged,
		Detail: strings.Join(template.Patterns, " "),
	}
	name := url.PathEscape(template.Name)
	get := func() esapi.Request { return esapi.IndicesGetIndexTemplateRequest{Name: name} }
	put := func() esapi.Request {
		return esapi.IndicesPutIndexTemplateRequest{Name: name, Body: bytes.NewReader(template.Body)}
	}
	var before, after any
	err := c.call(ctx, get, &before)
	if errors.Is(err, ErrNotFound) {
		result.Action, err = provision.Created, nil
	}
	if err == nil {
		err = c.call(ctx, put, nil)
		failpoint.From(ctx).After(err, failpoints.TemplatePut)
	}
	if err == nil {
		err = c.call(ctx, get, &after)
	}
	if result.Action != provision.Created && !reflect.DeepEqual(before, after) {
		result.Action = provision.Updated
	}
	return result, err
}

// index is the part of an index that Apply reads.
type index struct {
	Mappings map[string]any `json:"mappings"`
	Aliases  map[string]any `json:"aliases"`
}

// forExisting returns the wanted mappings for an existing index, whose fields keep
// their index and doc_values parameters.
func forExisting(wanted json.RawMessage, existing map[string]any) (json.RawMessage, error) {
	var mappings map[string]any
	if err := json.Unmarshal(wanted, &mappings); err != nil {
		return nil, fmt.Errorf("mappings: %w", err)
	}
	fields, _ := mappings["properties"].(map[string]any)
	made, _ := existing["properties"].(map[string]any)
	for name, is := range made {
		was, _ := is.(map[string]any)
		field, there := fields[name].(map[string]any)
		if !there {
			continue
		}
		for _, parameter := range []string{"index", "doc_values"} {
			if value, set := was[parameter]; set {
				field[parameter] = value
			} else {
				delete(field, parameter)
			}
		}
	}
	return json.Marshal(mappings)
}

func (c *Client) applyToIndices(ctx context.Context, template Template, report provision.Report) error {
	existing, err := c.indices(ctx, template.Patterns)
	if err != nil {
		return fmt.Errorf("indices of template %s: %w", template.Name, err)
	}
	var failures []error
	for _, name := range slices.Sorted(maps.Keys(existing)) {
		result, err := c.applyToIndex(ctx, name, existing[name], template)
		if err != nil {
			failures = append(failures, fmt.Errorf("index %s: %w", name, err))
			continue
		}
		report(result)
	}
	return errors.Join(failures...)
}

// indices returns the open indices that match.
func (c *Client) indices(ctx context.Context, patterns []string) (map[string]index, error) {
	if len(patterns) == 0 {
		return nil, nil // an empty list would mean every index
	}
	var found map[string]index
	err := c.call(ctx, func() esapi.Request {
		return esapi.IndicesGetRequest{
			Index: escaped(patterns...), ExpandWildcards: "open", Features: "mappings,aliases",
			IgnoreUnavailable: esapi.BoolPtr(true), AllowNoIndices: esapi.BoolPtr(true),
		}
	}, &found)
	return found, err
}

func (c *Client) applyToIndex(ctx context.Context, name string, before index, template Template) (provision.Result, error) {
	result := provision.Result{Kind: "index", Name: name, Action: provision.Unchanged}
	var told []string
	if template.Mappings != nil {
		mappings, err := forExisting(template.Mappings, before.Mappings)
		if err == nil {
			err = c.call(ctx, func() esapi.Request {
				return esapi.IndicesPutMappingRequest{Index: escaped(name), Body: bytes.NewReader(mappings)}
			}, nil)
		}
		if err != nil {
			return result, err
		}
		failpoint.From(ctx).At(failpoints.MappingPut)
		after, err := c.indices(ctx, []string{name})
		if err != nil {
			return result, err
		}
		if !reflect.DeepEqual(before.Mappings, after[name].Mappings) {
			told = append(told, "mapping")
		}
	}
	for _, alias := range template.Aliases {
		if _, there := before.Aliases[alias]; there {
			continue
		}
		err := c.call(ctx, func() esapi.Request {
			return esapi.IndicesPutAliasRequest{Index: escaped(name), Name: url.PathEscape(alias)}
		}, nil)
		if err != nil {
			return result, err
		}
		failpoint.From(ctx).At(failpoints.AliasPut)
		told = append(told, "alias "+alias)
	}
	if len(told) > 0 {
		result.Action, result.Detail = provision.Updated, strings.Join(told, ", ")
	}
	return result, nil
}
