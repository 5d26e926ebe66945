package kibana

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"mime/multipart"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"codebank.dev/operations/failpoints"
	"codebank.dev/operations/httpclient"
	"codebank.dev/platform/failpoint"
)

// Object is a saved object in Kibana's form. Members that Kibana keeps as a text of JSON are
// such texts in Body.
type Object struct {
	Type string
	ID   string
	Body json.RawMessage
}

// Key names an object. Ids are unique within a type.
type Key struct {
	Type string `json:"type"`
	ID   string `json:"id"`
}

// Key returns the object's name.
func (o Object) Key() Key { return Key{o.Type, o.ID} }

// String returns type/id.
func (k Key) String() string { return k.Type + "/" + k.ID }

// importAnswer is Kibana's answer to an import.
type importAnswer struct {
	Success      bool          `json:"success"`
	SuccessCount int           `json:"successCount"`
	Taken        []takenObject `json:"successResults"`
	Errors       []importError `json:"errors"`
}

// takenObject is an object that was imported. DestinationID is the id that Kibana gave it, if
// it is not the id that it was sent with.
type takenObject struct {
	Key
	DestinationID string `json:"destinationId"`
}

type importError struct {
	Key
	Error struct {
		Type       string `json:"type"`
		StatusCode int    `json:"statusCode"`
		Message    string `json:"message"`
		References []Key  `json:"references"`
		// Destinations are the objects that Kibana cannot choose among.
		Destinations []struct {
			ID string `json:"id"`
		} `json:"destinations"`
	} `json:"error"`
}

// order is the order in which types are imported: an object comes after the objects that it
// refers to. The order is for people who read the file; Kibana accepts any order.
var order = []string{"tag", "index-pattern", "search", "visualization", "lens", "map", "dashboard"}

// inOrder returns the objects in the order in which they are sent.
func inOrder(objects []Object) []Object {
	rank := func(o Object) int {
		if at := slices.Index(order, o.Type); at >= 0 {
			return at
		}
		return len(order)
	}
	sorted := slices.Clone(objects)
	slices.SortStableFunc(sorted, func(a, b Object) int { return rank(a) - rank(b) })
	return sorted
}

// Import creates the objects or replaces those that exist. The errors are *ObjectError,
// joined, one for each object that Kibana refused; Kibana may have taken the others. Doing
// it again is harmless.
func (c *Client) Import(ctx context.Context, objects []Object) error {
	_, err := c.send(ctx, objects, nil)
	return err
}

// send does what Import does. places has the names of objects that have another name in the
// space. It returns, for each object that Kibana imported, its name in the space. If Kibana
// refuses the whole file because of some objects, send imports each object alone.
func (c *Client) send(ctx context.Context, objects []Object, places map[Key]Key) (map[Key]Key, error) {
	if len(objects) == 0 {
		return nil, nil
	}
	placed := make([]Object, len(objects))
	names := make(map[Key]Key, len(objects)) // of the files, by those in the space
	for i, object := range objects {
		var err error
		if placed[i], err = renamed(object, places); err != nil {
			return nil, err
		}
		names[placed[i].Key()] = object.Key()
	}
	placed = inOrder(placed)
	got, err := c.sendFile(ctx, placed)
	if refused := ofObject(err); refused && len(placed) > 1 {
		got, err = c.sendEach(ctx, placed)
	} else if refused {
		err = wholeImport(err, placed[0])
	}
	taken := make(map[Key]Key, len(got))
	for name, place := range got {
		taken[names[name]] = place
	}
	return taken, renameErrors(err, names)
}

// sendEach imports one object after the other, so that a refusal can only mean that object.
func (c *Client) sendEach(ctx context.Context, placed []Object) (map[Key]Key, error) {
	taken := make(map[Key]Key, len(placed))
	var failures []error
	for _, object := range placed {
		got, err := c.sendFile(ctx, []Object{object})
		maps.Copy(taken, got)
		if ofObject(err) {
			err = wholeImport(err, object)
		}
		failures = append(failures, err)
		if _, fatal := Refusals(err); fatal != nil {
			break
		}
	}
	return taken, errors.Join(failures...)
}

// sendFile imports objects as one file, and returns the names of the imported objects by those
// under which they were sent.
func (c *Client) sendFile(ctx context.Context, placed []Object) (map[Key]Key, error) {
	kind, body, err := form(placed)
	if err != nil {
		return nil, err
	}
	answer, err := c.call(ctx, httpclient.Request{
		Method: http.MethodPost, Path: "/api/saved_objects/_import?overwrite=true", ContentType: kind, Body: body,
	})
	if err != nil {
		return nil, err
	}
	failpoint.From(ctx).At(failpoints.ObjectsImported)
	got, err := readImport(answer, len(placed))
	taken := make(map[Key]Key, len(placed))
	for _, object := range placed {
		place, listed := got[object.Key()]
		if !listed && err == nil { // Some answers do not list the objects that were taken.
			place = object.Key()
		}
		if place != (Key{}) {
			taken[object.Key()] = place
		}
	}
	return taken, err
}

// form returns objects as a form with one file, in their order, and the form's media type.
// Kibana requires the ending of the file's name.
func form(objects []Object) (kind string, body []byte, err error) {
	var written bytes.Buffer
	form := multipart.NewWriter(&written)
	file, err := form.CreateFormFile("file", "objects.ndjson")
	if err != nil {
		return "", nil, fmt.Errorf("kibana: %w", err)
	}
	for _, object := range objects {
		var line bytes.Buffer
		if err := json.Compact(&line, object.Body); err != nil {
			return "", nil, fmt.Errorf("kibana: %s: %w", object.Key(), err)
		}
		line.WriteByte('\n')
		if _, err := file.Write(line.Bytes()); err != nil {
			return "", nil, fmt.Errorf("kibana: %w", err)
		}
	}
	if err := form.Close(); err != nil {
		return "", nil, fmt.Errorf("kibana: %w", err)
	}
	return form.FormDataContentType(), written.Bytes(), nil
}

// readImport reads an answer with status 200. It returns the names of the imported objects
// and the errors of the others.
func readImport(answer []byte, sent int) (map[Key]Key, error) {
	var said importAnswer
	if err := json.Unmarshal(answer, &said); err != nil {
		return nil, fmt.Errorf("kibana: not the answer to an import: %w", err)
	}
	taken := make(map[Key]Key, len(said.Taken))
	for _, object := range said.Taken {
		taken[object.Key] = Key{object.Type, cmp.Or(object.DestinationID, object.ID)}
	}
	var failures []error
	for _, failure := range said.Errors {
		failures = append(failures, failure.objectErrors()...)
	}
	switch {
	case len(failures) > 0:
		return taken, errors.Join(failures...)
	case !said.Success:
		return taken, errors.New("kibana: the import failed, and the answer does not say why")
	case said.SuccessCount != sent:
		return taken, fmt.Errorf("kibana: %d objects were imported of %d", said.SuccessCount, sent)
	}
	return taken, nil
}

// field matches the member that a message of Kibana's schemas is about: [attributes.bogus]: …
var field = regexp.MustCompile(`\[([A-Za-z_][\w.-]{0,200})\]:\s*`)

// objectErrors returns the error as *ObjectErrors: one for each missing reference, or else
// one.
func (e importError) objectErrors() []error {
	failure := ObjectError{Object: e.Key, Kind: e.Error.Type}
	switch e.Error.Type {
	case Conflict:
		failure.Message = "it is there already"
	case AmbiguousConflict:
		ids := make([]string, len(e.Error.Destinations))
		for i, copied := range e.Error.Destinations {
			ids[i] = copied.ID
		}
		failure.Message = shortened("the space has several copies of it, " + strings.Join(ids, ", ") + "; delete all but one")
	case UnsupportedType:
		failure.Message = "this Kibana has no objects of this type to import"
	case MissingReferences:
		var failures []error
		for _, missing := range e.Error.References {
			one := failure
			one.Field, one.Message = "references", missing.String()+" is not there"
			failures = append(failures, &one)
		}
		if len(failures) > 0 {
			return failures
		}
		failure.Message = "it refers to what is not there"
	default:
		failure.Message = shortened(e.Error.Message)
		if failure.Kind == "" || failure.Kind == "unknown" {
			failure.Kind = kindOf(e.Error.StatusCode, e.Error.Message)
		}
		if failure.Message == "" {
			failure.Message = http.StatusText(e.Error.StatusCode)
		}
		if at := field.FindStringSubmatchIndex(failure.Message); at != nil {
			failure.Field = failure.Message[at[2]:at[3]]
			failure.Message = strings.TrimSpace(failure.Message[:at[0]] + failure.Message[at[1]:])
		}
	}
	return []error{&failure}
}
