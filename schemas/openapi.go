package schemas

import (
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"go.yaml.in/yaml/v3"
)

//go:embed openapi/gateway.v1.yaml openapi/payment-gateway.v1.yaml
var written embed.FS

// CustomersAPI returns the OpenAPI 3.1 document of the customers' gateway, as JSON: the routes of
// openapi/gateway.v1.yaml, which is written by hand, and those operations of the programs behind the gateway
// that it names, as their own documents have them.
func CustomersAPI() ([]byte, error) {
	document, err := writtenDocument("openapi/gateway.v1.yaml")
	if err != nil {
		return nil, err
	}
	forwarded, ok := document.members["x-forwarded"].(map[string]any)
	if !ok {
		return nil, errors.New("schemas: openapi/gateway.v1.yaml: no x-forwarded")
	}
	delete(document.members, "x-forwarded")
	for protoPackage, operations := range forwarded {
		if err := document.include(protoPackage, operations); err != nil {
			return nil, fmt.Errorf("schemas: openapi/gateway.v1.yaml: %w", err)
		}
	}
	return json.MarshalIndent(document.members, "", "  ")
}

// PaymentsAPI returns the OpenAPI 3.1 document of the merchants' payment gateway, as JSON.
func PaymentsAPI() ([]byte, error) {
	document, err := writtenDocument("openapi/payment-gateway.v1.yaml")
	if err != nil {
		return nil, err
	}
	return json.MarshalIndent(document.members, "", "  ")
}

// writtenDocument reads a document that is written by hand.
func writtenDocument(name string) (document openAPIDocument, err error) {
	body, err := written.ReadFile(name)
	if err != nil {
		return document, fmt.Errorf("schemas: %w", err)
	}
	if err := yaml.Unmarshal(body, &document.members); err != nil {
		return document, fmt.Errorf("schemas: %s: %w", name, err)
	}
	return document, nil
}

// openAPIDocument is a document whose operations and schemas are copied without a look inside.
type openAPIDocument struct{ members map[string]any }

// part returns an object at a path of names, which it makes if it is missing.
func (d *openAPIDocument) part(names ...string) map[string]any {
	at := d.members
	for _, name := range names {
		next, ok := at[name].(map[string]any)
		if !ok {
			next = make(map[string]any)
			at[name] = next
		}
		at = next
	}
	return at
}

// include copies operations of a generated document, and all of its schemas.
func (d *openAPIDocument) include(protoPackage string, operations any) error {
	body, err := OpenAPI(protoPackage)
	if err != nil {
		return err
	}
	var from openAPIDocument
	if err := json.Unmarshal(body, &from.members); err != nil {
		return err
	}
	var wanted []string
	list, _ := operations.([]any)
	for _, name := range list {
		wanted = append(wanted, fmt.Sprint(name))
	}
	for path, item := range from.part("paths") {
		methods, _ := item.(map[string]any)
		for method, operation := range methods {
			fields, _ := operation.(map[string]any)
			at := slices.Index(wanted, fmt.Sprint(fields["operationId"]))
			if at < 0 {
				continue
			}
			wanted = slices.Delete(wanted, at, at+1)
			d.part("paths", path)[method] = operation
		}
	}
	if len(wanted) > 0 {
		return fmt.Errorf("%s has no operations %v", protoPackage, wanted)
	}
	for name, schema := range from.part("components", "schemas") {
		d.part("components", "schemas")[name] = schema
	}
	return nil
}
