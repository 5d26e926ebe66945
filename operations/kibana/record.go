package kibana

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strings"
)

// A record lists the objects of a space that Kibana migrated or renamed. It is kept in the
// description of a tag of that space (recordKey).
//
// A newer Kibana migrates the objects that it imports: it adds defaults and moves members. Such
// an object, read back, differs from what was sent although nobody changed it. So for an object
// that comes back changed, the record holds the digests of what was sent and of what came back.
// As long as the file has the first digest and Kibana's object has the second, nobody has
// changed anything.
//
// An id is unique over all spaces of a Kibana. When another space has an object with the
// id of an imported one, Kibana imports it under a new id and answers with that id. The
// record holds the new id.
//
// Every Kibana keeps the description of a tag as it is, and the tag is in the same space
// and the same backup as the objects.

// kept is what the record holds of an object. Sent and Kept are the digests of the object as it
// was sent and as Kibana has it. Both are empty if they do not differ. ID is the id that the
// object has in the space; it is empty if that is its own id.
type kept struct {
	Sent string `json:"sent,omitempty"`
	Kept string `json:"kept,omitempty"`
	ID   string `json:"id,omitempty"`
}

// record holds the migrated and renamed objects, by type/id.
type record map[string]kept

// place returns the name that a wanted object has in the space.
func (r record) place(key Key) Key {
	if id := r[key.String()].ID; id != "" {
		return Key{key.Type, id}
	}
	return key
}

// places returns the names in the space of those wanted objects that have another name there.
func (r record) places() map[Key]Key {
	places := make(map[Key]Key)
	for name, of := range r {
		if kind, id, ok := strings.Cut(name, "/"); ok && of.ID != "" {
			places[Key{kind, id}] = Key{kind, of.ID}
		}
	}
	return places
}

// names returns the names of the files by the names in the space, for objects that have another
// name there.
func (r record) names() map[Key]Key {
	names := make(map[Key]Key)
	for name, place := range r.places() {
		names[place] = name
	}
	return names
}

// renamed returns an object, and its references to others, under other names. If no name
// changes, it returns the object itself.
func renamed(object Object, names map[Key]Key) (Object, error) {
	if len(names) == 0 {
		return object, nil
	}
	body, err := decodeObject(object.Body)
	if err != nil {
		return Object{}, fmt.Errorf("kibana: %s: %w", object.Key(), err)
	}
	rename(body, names)
	references, _ := body["references"].([]any)
	for _, reference := range references {
		if to, ok := reference.(map[string]any); ok {
			rename(to, names)
		}
	}
	if name, ok := names[object.Key()]; ok {
		object.ID = name.ID
	}
	object.Body, err = encode(body)
	return object, err
}

func rename(named map[string]any, names map[Key]Key) {
	kind, _ := named["type"].(string)
	id, _ := named["id"].(string)
	if name, ok := names[Key{kind, id}]; ok {
		named["id"] = name.ID
	}
}

// recordName and recordColour are how the tag looks in Kibana's list of tags.
const (
	recordName   = "kept as code"
	recordColour = "#98A2B3"
)

// maxRecorded bounds how many objects a record has.
const maxRecorded = 10_000

// fetchRecord returns the record of the client's space. It returns an empty record if the tag
// does not exist or cannot be read. Then objects that Kibana migrated or renamed are imported
// once more. If Kibana refuses to show the tag, the error is an *ObjectError.
func (c *Client) fetchRecord(ctx context.Context) (record, error) {
	found, err := c.exportAll(ctx, []Key{c.recordKey()}, false)
	return parseRecord(found[c.recordKey()]), err
}

func parseRecord(object Object) record {
	var tag struct {
		Attributes struct {
			Description string `json:"description"`
		} `json:"attributes"`
	}
	var said record
	if json.Unmarshal(object.Body, &tag) != nil || json.Unmarshal([]byte(tag.Attributes.Description), &said) != nil ||
		len(said) > maxRecorded || said == nil {
		return record{}
	}
	return said
}

// object returns the tag that holds the record.
func (r record) object(key Key) (Object, error) {
	description, err := json.Marshal(r)
	if err != nil {
		return Object{}, fmt.Errorf("kibana: %w", err)
	}
	body, err := json.Marshal(map[string]any{
		"type": key.Type, "id": key.ID, "references": []any{},
		"attributes": map[string]string{
			"name": recordName, "color": recordColour, "description": string(description),
		},
		"coreMigrationVersion": "8.8.0", "typeMigrationVersion": "8.0.0",
	})
	return Object{Type: key.Type, ID: key.ID, Body: body}, err
}

// notReadBack returns the error for an object that Kibana imported but does not have under the
// name in its answer.
func notReadBack(key Key) error {
	return &ObjectError{Object: key, Kind: NotKept, Message: "it was imported and cannot be read back: another space may have " +
		"an object with this id, and Kibana did not say which id it gave to this one; look for it in Kibana's list of saved objects"}
}

// updateRecord reads back the objects that were just imported, and records those that Kibana
// migrated or renamed. taken has the name of each imported object. It returns the objects that
// Kibana has. If before could not be read, it records nothing, because that would drop entries.
func (c *Client) updateRecord(ctx context.Context, before comparison, sent []Object, taken map[Key]Key) (map[Key]bool, error) {
	after := maps.Clone(before.known)
	places := make([]Key, len(sent))
	for i, object := range sent {
		places[i] = taken[object.Key()]
		after[object.Key().String()] = kept{ID: places[i].ID}
		if places[i] == object.Key() {
			delete(after, object.Key().String())
		}
	}
	found, refused := c.exportNamed(ctx, places, false, after.names())
	if _, fatal := Refusals(refused); fatal != nil {
		return nil, refused
	}
	unreadable := firstRefusals(refused)
	there := make(map[Key]bool)
	failures := []error{refused}
	for _, object := range sent {
		back, ok := found[object.Key()]
		if !ok {
			delete(after, object.Key().String())
			if unreadable[object.Key()] == nil {
				failures = append(failures, notReadBack(object.Key()))
			}
			continue
		}
		there[object.Key()] = true
		if err := after.note(object, back); err != nil {
			return nil, err
		}
	}
	if before.unrecorded == nil && !maps.Equal(before.known, after) {
		tag, err := after.object(c.recordKey())
		if err == nil {
			err = c.Import(ctx, []Object{tag})
		}
		failures = append(failures, err)
	}
	return there, errors.Join(failures...)
}

// note records an object that came back changed or renamed.
func (r record) note(sent, back Object) error {
	should, err := meaning(sent.Body)
	if err != nil {
		return fmt.Errorf("kibana: %s: %w", sent.Key(), err)
	}
	is, err := meaning(back.Body)
	if err != nil {
		return fmt.Errorf("kibana: %s: %w", sent.Key(), err)
	}
	of := kept{ID: r[sent.Key().String()].ID}
	if first, second := digest(should), digest(is); first != second {
		of.Sent, of.Kept = first, second
	}
	if of != (kept{}) {
		r[sent.Key().String()] = of
	}
	return nil
}
