// Package connectors holds the pipelines as data: the connectors that Kafka Connect
// runs, and the index templates of their documents. They are embedded in the programs
// that register them.
//
// A sink is a file in sinks/, with the name of its connector. Its content is the body
// of PUT /connectors/{name}/config, once the bank and the folder of secrets are filled
// in: {bank} and {-bank} are those of schemas/topics.yaml, and {secrets} is the folder.
// A file that names the bank is a connector for each bank. The others serve all banks.
// An index template is a file in indices/, with the
// name of the template. Its content is the body of PUT /_index_template/{name}. Both
// sinks run in the Java plug-in, which Maven builds from plugin/.
package connectors

import (
	"bytes"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"

	"codebank.dev/schemas"
)

//go:embed sinks/*.json indices/*.json
var files embed.FS

// Sink is one connector of Kafka Connect.
type Sink struct {
	// Name is the name of the connector: that of its file without the extension, and for a
	// connector of another bank than 001 the code after a dash.
	Name string
	// Config is the connector's configuration. It holds no secrets and no addresses.
	// The worker fills them in, see Variables and Secrets.
	Config map[string]string
}

// SecretsFolder is the folder of the worker from which the sinks take addresses and
// passwords of one bank, unless another is chosen.
const SecretsFolder = "/etc/codebank/connectors"

// Sinks returns the connectors of a bank and those that serve all banks, ordered by name.
// secrets is the folder of the worker with the files that Secrets names, as an absolute
// path. The caller may change the result.
func Sinks(bankCode, secrets string) ([]Sink, error) {
	documents, err := read("sinks")
	if err != nil {
		return nil, err
	}
	sinks := make([]Sink, 0, len(documents))
	for _, document := range documents {
		sink, err := parseSink(document, bankCode, secrets)
		if err != nil {
			return nil, fmt.Errorf("connectors: sinks/%s.json: %w", document.name, err)
		}
		sinks = append(sinks, sink)
	}
	return sinks, nil
}

func parseSink(document document, bankCode, secrets string) (Sink, error) {
	sink := Sink{Name: document.name}
	if err := strictly(document.content, &sink.Config); err != nil {
		return sink, err
	}
	ofBank := false
	for key, value := range sink.Config {
		ofBank = ofBank || strings.Contains(value, "{bank}")
		sink.Config[key] = strings.ReplaceAll(schemas.OfBank(value, bankCode), "{secrets}", secrets)
	}
	if ofBank {
		sink.Name = schemas.OfBank(document.name+"{-bank}", bankCode)
	}
	return sink, nil
}

// DeadLetterTopic returns the topic for the records that the sink cannot write. It is
// empty if the sink names no such topic.
func (s Sink) DeadLetterTopic() string {
	return s.Config["errors.deadletterqueue.topic.name"]
}

// variable matches a reference to the worker's environment, and secret one to a file of its folder of secrets.
var (
	variable = regexp.MustCompile(`\$\{env:([A-Za-z0-9_]+)\}`)
	secret   = regexp.MustCompile(`\$\{dir:[^:}]+:([A-Za-z0-9_.-]+)\}`)
)

// Variables returns the names of the environment variables that the worker needs to run
// the sink, sorted, each once. If a variable is unset, Connect reports no error: it
// gives the sink the reference itself.
func (s Sink) Variables() []string { return s.named(variable) }

// Secrets returns the names of the files that the worker needs in its folder of secrets to
// run the sink, sorted, each once. The whole content of a file is the value, also the end
// of a line. The worker reads a file when it starts a task, so a bank may be added while it
// runs.
func (s Sink) Secrets() []string { return s.named(secret) }

func (s Sink) named(reference *regexp.Regexp) []string {
	var names []string
	for _, value := range s.Config {
		for _, match := range reference.FindAllStringSubmatch(value, -1) {
			names = append(names, match[1])
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// Index is one composable index template of Elasticsearch.
type Index struct {
	// Name is the name of the template and, without the extension, of its file.
	Name string
	// Template is the whole template, as the request body.
	Template json.RawMessage
	// Patterns match the names of the template's indices. A pattern can stand in a
	// request path: that is how a new mapping reaches existing indices.
	Patterns []string
	// Mappings is the mapping of the template alone, as the request body for an
	// existing index.
	Mappings json.RawMessage
	// Aliases are the names under which all indices of the template are read.
	Aliases []string
}

// Indices returns all index templates, ordered by name. The caller may change the
// result.
func Indices() ([]Index, error) {
	documents, err := read("indices")
	if err != nil {
		return nil, err
	}
	indices := make([]Index, 0, len(documents))
	for _, document := range documents {
		index, err := parseIndex(document)
		if err != nil {
			return nil, fmt.Errorf("connectors: indices/%s.json: %w", document.name, err)
		}
		indices = append(indices, index)
	}
	return indices, nil
}

func parseIndex(document document) (Index, error) {
	var content struct {
		Patterns []string `json:"index_patterns"`
		Template struct {
			Settings json.RawMessage            `json:"settings"`
			Mappings json.RawMessage            `json:"mappings"`
			Aliases  map[string]json.RawMessage `json:"aliases"`
		} `json:"template"`
		Priority int             `json:"priority"`
		Version  int             `json:"version"`
		Meta     json.RawMessage `json:"_meta"`
	}
	if err := strictly(document.content, &content); err != nil {
		return Index{}, err
	}
	index := Index{
		Name:     document.name,
		Template: document.content,
		Patterns: content.Patterns,
		Mappings: content.Template.Mappings,
	}
	for alias := range content.Template.Aliases {
		index.Aliases = append(index.Aliases, alias)
	}
	slices.Sort(index.Aliases)
	return index, nil
}

// document is one embedded file.
type document struct {
	name    string
	content []byte
}

// read returns the files of a folder, ordered by name.
func read(folder string) ([]document, error) {
	entries, err := fs.ReadDir(files, folder)
	if err != nil {
		return nil, fmt.Errorf("connectors: %w", err)
	}
	documents := make([]document, 0, len(entries))
	for _, entry := range entries {
		content, err := files.ReadFile(path.Join(folder, entry.Name()))
		if err != nil {
			return nil, fmt.Errorf("connectors: %w", err)
		}
		documents = append(documents, document{strings.TrimSuffix(entry.Name(), ".json"), content})
	}
	return documents, nil
}

// strictly reads a document and refuses unknown keys. Kafka Connect and Elasticsearch
// would ignore a misspelt key silently.
func strictly(content []byte, into any) error {
	decoder := json.NewDecoder(bytes.NewReader(content))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		return err
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return errors.New("something follows the document")
	}
	return nil
}
