package kibana

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
)

// recordKey names the tag whose description holds the record. A newer Kibana migrates the
// objects that it imports: it adds defaults and moves members. Such an object, read back,
// differs from what was sent although nobody changed it. The record therefore holds the
// digests of both, for the objects that come back changed. As long as the file has the one
// digest and Kibana's object the other, nothing has changed. Every Kibana keeps the
// description of a tag as it is, and the tag is in the same space and the same backup as
// the objects.
var recordKey = Key{Type: "tag", ID: "bankctl-applied"}

// migrated are the digests of an object as it was sent and as Kibana has it.
type migrated struct {
	Sent string `json:"sent"`
	Kept string `json:"kept"`
}

// record are the objects that Kibana migrated, by type/id.
type record map[string]migrated

// recordName and recordColour are how the tag looks in Kibana's list of tags.
const (
	recordName   = "kept as code"
	recordColour = "#98A2B3"
)

// maxRecorded bounds how many objects a record has.
const maxRecorded = 10_000

// readRecord returns the record; an empty one when its tag is not there or cannot be read.
// Objects that Kibana migrated are then imported once more.
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

// updateRecord reads back the objects that were just imported, and records those that
// Kibana migrated.
func (c *Client) updateRecord(ctx context.Context, before record, sent []Object) error {
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
		if pair := (migrated{Sent: digest(should), Kept: digest(is)}); pair.Sent != pair.Kept {
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
