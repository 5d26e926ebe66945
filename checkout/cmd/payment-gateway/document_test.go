package main

import (
	"encoding/json"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"codebank.dev/checkout/payment/accept"
	"codebank.dev/checkout/payment/rest"
	hooks "codebank.dev/checkout/webhook/rest"
	"codebank.dev/schemas"
)

// documentedOperation is an operation of the document.
type documentedOperation struct {
	Parameters  []parameter
	RequestBody reference
	Responses   map[string]reference
}

// parameter is one of an operation, or a reference to one.
type parameter struct {
	Ref      string `json:"$ref"`
	Name, In string
	Example  any
}

// reference is a part with content, or a reference to one.
type reference struct {
	Ref     string `json:"$ref"`
	Content map[string]struct {
		Example json.RawMessage
		Schema  schema
	}
}

// schema is what is checked of a schema.
type schema struct {
	Ref        string `json:"$ref"`
	Required   []string
	Properties map[string]schema
}

// apiDocument is what is checked of the document.
type apiDocument struct {
	Paths      map[string]map[string]documentedOperation
	Components struct {
		Parameters    map[string]parameter
		RequestBodies map[string]reference
		Responses     map[string]reference
		Schemas       map[string]schema
	}
}

func readDocument(t *testing.T) *apiDocument {
	t.Helper()
	body, err := schemas.PaymentsAPI()
	require.NoError(t, err)
	read := &apiDocument{}
	require.NoError(t, json.Unmarshal(body, read))
	return read
}

// operations returns the operations by their names in the table of permissions.
func (d *apiDocument) operations() map[string]documentedOperation {
	found := make(map[string]documentedOperation)
	for path, item := range d.Paths {
		for method, one := range item {
			found[strings.ToUpper(method)+" "+path] = one
		}
	}
	return found
}

// at returns what a reference of the document names, or the part itself if it is none.
func at[T any](named map[string]T, reference string, part T) T {
	if reference == "" {
		return part
	}
	return named[reference[strings.LastIndexByte(reference, '/')+1:]]
}

// A route that the document does not have is not served, and the document has none that is not served: the table of
// permissions has exactly the routes (see serve.Server.Route).
func TestTheDocumentHasExactlyTheRoutes(t *testing.T) {
	served := slices.Collect(maps.Keys(allPermissions()))
	require.ElementsMatch(t, served, slices.Collect(maps.Keys(readDocument(t).operations())))
}

// snake is a name of the contract. traceId is that of problem details, which are the same in every program.
var snake = regexp.MustCompile(`^([a-z][a-z0-9]*(_[a-z0-9]+)*|traceId)$`)

// Every member and parameter has words in small letters with underscores between them.
func TestTheNamesOfTheDocumentAreOfOneForm(t *testing.T) {
	document := readDocument(t)
	for name, of := range document.Components.Schemas {
		requireSnake(t, name, of)
	}
	for name, one := range document.operations() {
		for _, given := range one.Parameters {
			if shown := at(document.Components.Parameters, given.Ref, given); shown.In != "header" {
				require.Regexp(t, snake, shown.Name, name)
			}
		}
		for _, answer := range one.Responses {
			for _, content := range at(document.Components.Responses, answer.Ref, answer).Content {
				requireSnake(t, name, content.Schema)
			}
		}
	}
}

func requireSnake(t *testing.T, name string, of schema) {
	t.Helper()
	for member, below := range of.Properties {
		require.Regexp(t, snake, member, name)
		requireSnake(t, name, below)
	}
}

// The failures that every operation may have are documented.
func TestTheDocumentHasTheFailures(t *testing.T) {
	for name, one := range readDocument(t).operations() {
		wanted := []string{"400", "401", "403", "429", "503", "default"}
		if !strings.HasPrefix(name, "GET ") {
			wanted = append(wanted, "413", "415", "422")
		}
		if strings.HasPrefix(name, "POST /v1/charges") || strings.HasPrefix(name, "POST /v1/payouts") {
			wanted = append(wanted, "409")
		}
		if strings.Contains(name, "{") {
			wanted = append(wanted, "404")
		}
		require.Subset(t, slices.Collect(maps.Keys(one.Responses)), wanted, name)
	}
}

// variables returns what the variables in the path of an operation stand for: something that is there.
func (p *process) variables(t *testing.T, c *counter, name string, has planted) *strings.Replacer {
	t.Helper()
	secret := c.secrets[cafe]
	switch {
	case name == hooks.DeleteEndpoint:
		has.endpoint = p.endpoint(t, secret, "to-delete", "https://shop.example")
	case name == rest.CaptureCharge || name == rest.VoidCharge:
		has.charge = p.charge(t, secret, "to-"+name[len("POST /v1/charges/{id}/"):], chargeOf(goodCard, false)).ID
		p.await(t, secret, has.charge, isDecided)
	}
	if strings.Contains(name, "webhook") {
		return strings.NewReplacer("{id}", has.endpoint, "{delivery}", has.delivery)
	}
	if strings.Contains(name, "payouts") {
		return strings.NewReplacer("{id}", has.payout)
	}
	return strings.NewReplacer("{id}", has.charge)
}

// aTime is any member of JSON, or field of CSV, that begins as a time does.
var aTime = regexp.MustCompile(`[",](\d{4}-\d\d-\d\dT[^",]*)`)

// The examples of the document run as they stand, on charges that are there, and each answer has the members that
// the document says.
func TestTheExamplesOfTheDocumentRun(t *testing.T) {
	t.Parallel()
	c := newCounter(t)
	c.broker.Open(t, accept.Topic)
	c.processor()
	e := newEar(t)
	p := c.start(e.flags(t)...)
	document, has := readDocument(t), p.plant(t, c, e)
	for name, one := range document.operations() {
		method, path, _ := strings.Cut(name, " ")
		path = p.variables(t, c, name, has).Replace(path)
		query, key := url.Values{}, ""
		for _, given := range one.Parameters {
			shown := at(document.Components.Parameters, given.Ref, given)
			text, _ := shown.Example.(string)
			switch {
			case shown.In == "query" && text != "":
				query.Set(shown.Name, text)
			case shown.Name == "Idempotency-Key":
				key = text
			}
		}
		if len(query) > 0 {
			path += "?" + query.Encode()
		}
		body := at(document.Components.RequestBodies, one.RequestBody.Ref, one.RequestBody)
		content, takesBody := body.Content["application/json"]
		require.Equal(t, takesBody, len(content.Example) > 0, "%s has no example", name)
		answer, text := p.send(t, c.secrets[cafe], method, path, key, string(content.Example))
		require.NotNil(t, answer, text)
		require.Contains(t, []int{200, 201, 202, 204}, answer.StatusCode, "%s: %s", name, text)
		document.requireAnswer(t, one.Responses[answer.Status[:3]], answer, text)
		for _, found := range aTime.FindAllStringSubmatch(text, -1) {
			require.Regexp(t, `^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$`, found[1], name)
		}
	}
}

// requireAnswer fails unless an answer is one that the document says: of a media type that it has, and an object with
// no other members than its schema has, and all that it requires.
func (d *apiDocument) requireAnswer(t *testing.T, said reference, answer *http.Response, text string) {
	t.Helper()
	if answer.StatusCode == http.StatusNoContent {
		require.Empty(t, text)
		return
	}
	mediaType, _, err := mime.ParseMediaType(answer.Header.Get("Content-Type"))
	require.NoError(t, err)
	content, documented := at(d.Components.Responses, said.Ref, said).Content[mediaType]
	require.True(t, documented, "%s: %s", answer.Request.URL, mediaType)
	of := at(d.Components.Schemas, content.Schema.Ref, content.Schema)
	if len(of.Properties) == 0 {
		return
	}
	var object map[string]json.RawMessage
	require.NoError(t, json.Unmarshal([]byte(text), &object), text)
	members := slices.Collect(maps.Keys(object))
	require.Subset(t, members, of.Required, text)
	require.Subset(t, slices.Collect(maps.Keys(of.Properties)), members, text)
}
