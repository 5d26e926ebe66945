package kibana

import (
	"bytes"
	"cmp"
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
// comes back under the id that it was applied with, and so do the references to it. The
// errors are *ObjectError, joined, for objects that Kibana refuses to export; it returns the
// others.
func (c *Client) Export(ctx context.Context, names []Key, deep bool) (map[Key]Object, error) {
	known, unknown := c.fetchRecord(ctx)
	if _, fatal := Refusals(unknown); fatal != nil {
		return nil, unknown
	}
	places := make([]Key, len(names))
	for i, name := range names {
		places[i] = known.place(name)
	}
	found, err := c.exportNamed(ctx, places, deep, known.names())
	return found, errors.Join(unknown, err)
}

// exportNamed returns the objects at places of the space, under the names of the files. The
// errors are those of exportAll.
func (c *Client) exportNamed(ctx context.Context, places []Key, deep bool, names map[Key]Key) (map[Key]Object, error) {
	found, err := c.exportAll(ctx, places, deep)
	if _, fatal := Refusals(err); fatal != nil {
		return nil, err
	}
	objects := make(map[Key]Object, len(found))
	for _, object := range found {
		object, wrong := renamed(object, names)
		if wrong != nil {
			return nil, wrong
		}
		objects[object.Key()] = object
	}
	return objects, renameErrors(err, names)
}

// exportAll returns the objects at places of the space, as they are in the space. The errors are
// *ObjectError, joined, for objects that Kibana refuses to export. After any other error it
// returns no object.
func (c *Client) exportAll(ctx context.Context, names []Key, deep bool) (map[Key]Object, error) {
	asked := exportRequest{Objects: slices.Clone(names), Deep: deep, Bare: true}
	var failures []error
	// Kibana refuses the whole export if one object does not exist.
	for range 2 {
		if len(asked.Objects) == 0 {
			return map[Key]Object{}, errors.Join(failures...)
		}
		answer, err := c.export(ctx, asked)
		if err == nil {
			found, err := readExport(answer)
			return found, errors.Join(append(failures, err)...)
		}
		absent, ok := readAbsent(answer, err)
		if !ok && !ofObject(err) {
			return nil, err
		}
		before := len(asked.Objects)
		asked.Objects = slices.DeleteFunc(asked.Objects, func(name Key) bool {
			failure, is := absent[name]
			if failure != nil {
				failures = append(failures, failure)
			}
			return is
		})
		if len(asked.Objects) == before {
			break
		}
	}
	found, err := c.exportEach(ctx, asked)
	return found, errors.Join(append(failures, err)...)
}

// exportEach exports one object after the other, so that a refusal can only mean that object.
func (c *Client) exportEach(ctx context.Context, asked exportRequest) (map[Key]Object, error) {
	found := make(map[Key]Object)
	var failures []error
	for _, name := range asked.Objects {
		answer, err := c.export(ctx, exportRequest{Objects: []Key{name}, Deep: asked.Deep, Bare: true})
		if err == nil {
			some, err := readExport(answer)
			if err != nil {
				return nil, err
			}
			maps.Copy(found, some)
			continue
		}
		absent, missing := readAbsent(answer, err)
		failure := absent[name]
		switch {
		case failure != nil:
			failures = append(failures, failure)
		case missing:
		case ofObject(err):
			failures = append(failures, refusalOf(ctx, name, err))
		default:
			return nil, err
		}
	}
	return found, errors.Join(failures...)
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

// readAbsent reports whether an export was refused because objects cannot be fetched. It returns
// the objects that the answer names: nil for one that does not exist, and the error of one that
// exists, but that these credentials may not read.
func readAbsent(answer []byte, err error) (map[Key]*ObjectError, bool) {
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
					StatusCode int    `json:"statusCode"`
					Message    string `json:"message"`
				} `json:"error"`
			} `json:"objects"`
		} `json:"attributes"`
	}
	absent := make(map[Key]*ObjectError)
	if json.Unmarshal(answer, &body) != nil {
		return absent, true
	}
	for _, object := range body.Attributes.Objects {
		absent[object.Key] = nil
		if status := object.Error.StatusCode; status != 0 && status != http.StatusNotFound {
			absent[object.Key] = &ObjectError{
				Object: object.Key, Kind: kindOf(status, object.Error.Message), Status: status,
				Message: shortened(cmp.Or(object.Error.Message, http.StatusText(status), refused.Message)),
			}
		}
	}
	return absent, true
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
