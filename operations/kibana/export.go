package kibana

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"codebank.dev/operations/httpclient"
)

// exportRequest asks for objects by name.
type exportRequest struct {
	Objects []Key `json:"objects"`
	Deep    bool  `json:"includeReferencesDeep"`
	// Bare leaves out the line with the number of objects.
	Bare bool `json:"excludeExportDetails"`
}

// Export returns the named objects that Kibana has, by name. With deep it also returns
// the objects that they refer to. The objects are as Kibana has them, without the members
// that belong to one Kibana only (Clean). An object that the space has under another id
// comes back under the id that it was applied with, and so do the references to it.
func (c *Client) Export(ctx context.Context, names []Key, deep bool) (map[Key]Object, error) {
	known, err := c.fetchRecord(ctx)
	if err != nil {
		return nil, err
	}
	places := make([]Key, len(names))
	for i, name := range names {
		places[i] = known.place(name)
	}
	return c.exportNamed(ctx, places, deep, known.names())
}

// exportNamed returns the objects at places of the space, under the names of the files.
func (c *Client) exportNamed(ctx context.Context, places []Key, deep bool, names map[Key]Key) (map[Key]Object, error) {
	found, err := c.exportAll(ctx, places, deep)
	if err != nil {
		return nil, err
	}
	objects := make(map[Key]Object, len(found))
	for _, object := range found {
		if object, err = renamed(object, names); err != nil {
			return nil, err
		}
		objects[object.Key()] = object
	}
	return objects, nil
}

// exportAll returns the objects at places of the space, as they are in the space.
func (c *Client) exportAll(ctx context.Context, names []Key, deep bool) (map[Key]Object, error) {
	asked := exportRequest{Objects: slices.Clone(names), Deep: deep, Bare: true}
	// Kibana refuses the whole export if one object does not exist.
	for range 2 {
		if len(asked.Objects) == 0 {
			return map[Key]Object{}, nil
		}
		answer, err := c.export(ctx, asked)
		if err == nil {
			return readExport(answer)
		}
		missing, ok := readMissing(answer, err)
		if !ok {
			return nil, err
		}
		before := len(asked.Objects)
		asked.Objects = slices.DeleteFunc(asked.Objects, func(name Key) bool { return missing[name] })
		if len(asked.Objects) == before {
			break
		}
	}
	return c.exportEach(ctx, asked)
}

// exportEach exports one object after the other, so that a refusal because of a missing
// object can only mean that object.
func (c *Client) exportEach(ctx context.Context, asked exportRequest) (map[Key]Object, error) {
	found := make(map[Key]Object)
	for _, name := range asked.Objects {
		answer, err := c.export(ctx, exportRequest{Objects: []Key{name}, Deep: asked.Deep, Bare: true})
		if err != nil {
			if _, missing := readMissing(answer, err); missing {
				continue
			}
			return nil, err
		}
		some, err := readExport(answer)
		if err != nil {
			return nil, err
		}
		maps.Copy(found, some)
	}
	return found, nil
}

// export returns Kibana's answer. If the answer is an error, it returns both.
func (c *Client) export(ctx context.Context, asked exportRequest) ([]byte, error) {
	body, err := json.Marshal(asked)
	if err != nil {
		return nil, fmt.Errorf("kibana: %w", err)
	}
	return c.call(ctx, httpclient.Request{
		Method: http.MethodPost, Path: "/api/saved_objects/_export", ContentType: "application/json", Body: body,
	})
}

// readMissing reports whether an export was refused because objects do not exist, and
// returns the objects that the answer names.
func readMissing(answer []byte, err error) (map[Key]bool, bool) {
	refused := new(httpclient.RefusedError)
	if !errors.As(err, &refused) || refused.StatusCode != http.StatusBadRequest ||
		!strings.Contains(strings.ToLower(refused.Message), "fetching objects") {
		return nil, false
	}
	var body struct {
		Attributes struct {
			Objects []struct {
				Key
				Error struct {
					StatusCode int `json:"statusCode"`
				} `json:"error"`
			} `json:"objects"`
		} `json:"attributes"`
	}
	missing := make(map[Key]bool)
	if json.Unmarshal(answer, &body) != nil {
		return missing, true
	}
	for _, object := range body.Attributes.Objects {
		if status := object.Error.StatusCode; status != 0 && status != http.StatusNotFound {
			return nil, false // The object exists, but these credentials may not read it.
		}
		missing[object.Key] = true
	}
	return missing, true
}

// readExport returns the objects of an export by name, after Clean.
func readExport(answer []byte) (map[Key]Object, error) {
	found := make(map[Key]Object)
	number := 0
	for line := range bytes.Lines(answer) {
		number++
		if line = bytes.TrimSpace(line); len(line) == 0 {
			continue
		}
		var name struct {
			Key
			Exported *int `json:"exportedCount"`
		}
		if err := json.Unmarshal(line, &name); err != nil {
			return nil, fmt.Errorf("kibana: line %d of an export: %w", number, err)
		}
		if name.Exported != nil {
			continue
		}
		if name.Type == "" || name.ID == "" {
			return nil, fmt.Errorf("kibana: line %d of an export is no object: it has no type or no id", number)
		}
		body, err := Clean(line)
		if err != nil {
			return nil, fmt.Errorf("kibana: line %d of an export, %s: %w", number, name.Key, err)
		}
		found[name.Key] = Object{Type: name.Type, ID: name.ID, Body: body}
	}
	return found, nil
}
