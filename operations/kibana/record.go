package kibana

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
)

// A newer Kibana lifts what it imports: it adds defaults and moves members. Read
// back, such an object is not what was sent, though nobody touched it. So when, and
// only when, an object comes back otherwise than it went, both are remembered: while
// the file is still the one sent and Kibana still has what it then made of it,
// nothing has changed. The memory is in the description of a tag, which every Kibana
// keeps as it is, in the same space and the same backup as the objects.
var recordKey = Key{Type: "tag", ID: "bankctl-applied"}

// lifted is what was sent and what Kibana made of it, both as digests.
type lifted struct {
	Sent string `json:"sent"`
	Kept string `json:"kept"`
}

// record is the memory, by type/id.
type record map[string]lifted

// recordName and recordColour are how the tag looks in Kibana's list of tags.
const (
	recordName   = "kept as code"
	recordColour = "#98A2B3"
)

// maxRecorded bounds how many objects are remembered.
const maxRecorded = 10_000

// readRecord returns what is remembered; nothing when the object is not there or not
// ours to read: then what was lifted is imported once more.
func readRecord(found map[Key]Object) record {
	object, ok := found[recordKey]
	if !ok {
		return record{}
	}
	var tag struct {
		Attributes struct {
			Description string `json:"description"`
		} `json:"attributes"`
	}
	var kept record
	if json.Unmarshal(object.Body, &tag) != nil || json.Unmarshal([]byte(tag.Attributes.Description), &kept) != nil ||
		len(kept) > maxRecorded || kept == nil {
		return record{}
	}
	return kept
}

// object returns the tag that holds the record.
func (r record) object() (Object, error) {
	description, err := json.Marshal(r)
	if err != nil {
		return Object{}, fmt.Errorf("kibana: %w", err)
	}
	body, err := json.Marshal(map[string]any{
		"type": recordKey.Type, "id": recordKey.ID, "references": []any{},
		"attributes": map[string]string{
			"name": recordName, "color": recordColour, "description": string(description),
		},
		"coreMigrationVersion": "8.8.0", "typeMigrationVersion": "8.0.0",
	})
	return Object{Type: recordKey.Type, ID: recordKey.ID, Body: body}, err
}

// remember reads back what was just imported and keeps what Kibana made of it, if it
// made something of it.
func (c *Client) remember(ctx context.Context, before record, sent []Object) error {
	names := make([]Key, len(sent))
	for i, object := range sent {
		names[i] = object.Key()
	}
	found, err := c.Export(ctx, names, false)
	if err != nil {
		return err
	}
	after := maps.Clone(before)
	for _, object := range sent {
		back, there := found[object.Key()]
		if !there {
			return fmt.Errorf("kibana: %s was imported and is not there", object.Key())
		}
		should, err := meaning(object.Body)
		if err != nil {
			return fmt.Errorf("kibana: %s: %w", object.Key(), err)
		}
		is, err := meaning(back.Body)
		if err != nil {
			return fmt.Errorf("kibana: %s: %w", object.Key(), err)
		}
		name := object.Key().String()
		delete(after, name)
		if pair := (lifted{Sent: digest(should), Kept: digest(is)}); pair.Sent != pair.Kept {
			after[name] = pair
		}
	}
	if maps.Equal(before, after) {
		return nil
	}
	tag, err := after.object()
	if err != nil {
		return err
	}
	return c.Import(ctx, []Object{tag})
}
