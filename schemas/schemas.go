// Package schemas holds the contracts between the programs. It describes every byte that
// crosses a process boundary. It imports no other module of the project.
//
//   - proto and gen: the calls, as protos and as the Go code generated from them
//   - avro and event: the events, as Avro schemas and as Go types with their encoding
//   - bounds: the longest text and the range of each field of an event
//   - topics.yaml: the topics that carry the events
//
// New contracts are added. Released ones never change; see README.md.
package schemas

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"path"
)

//go:embed avro/*/*.avsc bounds/*.json gen/openapi/*.json reasons.yaml topics.yaml
var contracts embed.FS

// Version is one version of the Avro schema of a subject.
type Version struct {
	// Number counts from 1; the file is v<Number>.avsc.
	Number int
	// Schema is the Avro schema as JSON, as it is registered.
	Schema string
}

// Schemas returns every version of the Avro schema in a folder of avro, such as
// "transactions", oldest first. It is an error if the folder does not exist, or if it
// holds anything except v1.avsc, v2.avsc and so on without a gap.
func Schemas(subjectFolder string) ([]Version, error) {
	dir := path.Join("avro", subjectFolder)
	entries, err := contracts.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) || path.Dir(dir) != "avro" {
		return nil, fmt.Errorf("schemas: no folder avro/%s", subjectFolder)
	}
	if err != nil {
		return nil, fmt.Errorf("schemas: %w", err)
	}
	versions := make([]Version, 0, len(entries))
	for number := 1; number <= len(entries); number++ {
		body, err := contracts.ReadFile(path.Join(dir, fmt.Sprintf("v%d.avsc", number)))
		if err != nil {
			return nil, fmt.Errorf("schemas: %s has %d files, but one is missing: %w", dir, len(entries), err)
		}
		versions = append(versions, Version{Number: number, Schema: string(body)})
	}
	return versions, nil
}

// Subject returns the registry's subject for the values of a topic.
func Subject(topic string) string { return topic + "-value" }

// OpenAPI returns the OpenAPI 3.1 document of a proto package such as "bank.v1", as
// JSON. It is an error if the package does not exist.
func OpenAPI(protoPackage string) ([]byte, error) {
	body, err := contracts.ReadFile(path.Join("gen/openapi", protoPackage+".json"))
	if err != nil {
		return nil, fmt.Errorf("schemas: no OpenAPI document for the package %q", protoPackage)
	}
	return body, nil
}
