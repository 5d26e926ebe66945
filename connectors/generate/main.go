// Command generate writes what the connectors repeat of the schemas: the fields that the statement's
// sink stores, the mappings of the index templates, and the contracts in the plug-in's jar. With
// --check it writes nothing. It fails and names the files if any file differs from what it would
// write.
//
//	go run ./connectors/generate [--check]
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"codebank.dev/schemas"
)

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1)
	}
}

func run(args []string, out io.Writer) error {
	flags := flag.NewFlagSet("generate", flag.ContinueOnError)
	check := flags.Bool("check", false, "write nothing; fail if a file differs")
	if err := flags.Parse(args); err != nil {
		return err
	}
	found, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "codebank.dev/connectors").Output()
	if err != nil {
		return fmt.Errorf("find the module: %w", err)
	}
	root := strings.TrimSpace(string(found))
	wanted, err := files(root)
	if err != nil {
		return err
	}
	changes := differing(root, wanted)
	if *check {
		if len(changes) > 0 {
			return fmt.Errorf("go run ./connectors/generate would change %s", strings.Join(changes, ", "))
		}
		return nil
	}
	for _, name := range changes {
		path := filepath.Join(root, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, wanted[name], 0o644); err != nil {
			return err
		}
		fmt.Fprintln(out, name)
	}
	return nil
}

// differing returns the names of files that are missing or differ, sorted.
func differing(root string, wanted map[string][]byte) []string {
	var names []string
	for name, content := range wanted {
		have, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(name)))
		if err != nil || !bytes.Equal(have, content) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// subjects are the folders of schemas that the plug-in knows, with the names of their index templates.
var subjects = map[string]string{"transactions": "transactions", "watermarks": "watermarks", "charge-events": "charges", "pix-payments": "pix-payments"}

const (
	statementSink = "sinks/statement-postgres.json"
	resources     = "plugin/src/main/resources/dev/codebank/connect"
)

// files returns the content of every file that is made from the schemas, by its path below root.
func files(root string) (map[string][]byte, error) {
	wanted := make(map[string][]byte)
	for subject, index := range subjects {
		fields, err := schemas.Fields(subject)
		if err != nil {
			return nil, err
		}
		template := "indices/" + index + ".json"
		if wanted[template], err = edited(root, template, func(text string) (string, error) { return withMappings(text, fields) }); err != nil {
			return nil, err
		}
		if err := addContracts(wanted, root, subject); err != nil {
			return nil, err
		}
		if subject == "transactions" {
			wanted[statementSink], err = edited(root, statementSink, func(text string) (string, error) { return withFields(text, fields) })
			if err != nil {
				return nil, err
			}
		}
	}
	return wanted, nil
}

func edited(root, name string, edit func(string) (string, error)) ([]byte, error) {
	text, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(name)))
	if err != nil {
		return nil, err
	}
	changed, err := edit(string(text))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return []byte(changed), nil
}

// addContracts adds the copies of a subject's schemas and bounds.
func addContracts(wanted map[string][]byte, root, subject string) error {
	folder := filepath.Join(root, "..", "schemas")
	contracts, err := filepath.Glob(filepath.Join(folder, "avro", subject, "*.avsc"))
	if err != nil {
		return err
	}
	for _, contract := range append(contracts, filepath.Join(folder, "bounds", subject+".json")) {
		content, err := os.ReadFile(contract)
		if err != nil {
			return err
		}
		name := filepath.Base(contract)
		if name == subject+".json" {
			name = "bounds.json"
		}
		wanted[resources+"/"+subject+"/"+name] = content
	}
	return nil
}

var includeList = regexp.MustCompile(`("field\.include\.list": ")[^"]*"`)

// withFields returns the settings of the statement's sink with the fields that a statement stores.
func withFields(settings string, fields []schemas.Field) (string, error) {
	var stored []string
	for _, f := range fields {
		if !f.Bound.Internal {
			stored = append(stored, f.Name)
		}
	}
	if !includeList.MatchString(settings) {
		return "", errors.New("no field.include.list")
	}
	return includeList.ReplaceAllString(settings, `${1}`+strings.Join(stored, ",")+`"`), nil
}

// withMappings returns an index template with the mappings of the fields of its events, one on each
// line, before the mappings of the fields that the sink adds.
func withMappings(template string, fields []schemas.Field) (string, error) {
	const begin = "      \"properties\": {\n"
	before, after, found := strings.Cut(template, begin)
	if !found {
		return "", errors.New("no properties")
	}
	var lines strings.Builder
	known := make(map[string]bool)
	for _, f := range fields {
		line, err := mapping(f)
		if err != nil {
			return "", err
		}
		fmt.Fprintf(&lines, "        %q: %s,\n", f.Name, line)
		known[f.Name] = true
	}
	for line := range strings.Lines(after) {
		if name, _, property := strings.Cut(strings.TrimPrefix(line, `        "`), `": {"type"`); property && known[name] {
			continue
		}
		lines.WriteString(line)
	}
	return before + begin + lines.String(), nil
}

// longKeyword is the length from which a text gets a limit of its own in the index: Lucene refuses a
// document with a longer keyword than 32,766 bytes.
const longKeyword = 256

// mapping returns how Elasticsearch stores a field: a number for a field that is counted or summed, a
// date for a time, an exact word for any other field.
func mapping(f schemas.Field) (string, error) {
	var m struct {
		Type        string `json:"type"`
		Format      string `json:"format,omitempty"`
		IgnoreAbove int    `json:"ignore_above,omitempty"`
		Index       *bool  `json:"index,omitempty"`
		DocValues   *bool  `json:"doc_values,omitempty"`
	}
	no := false
	switch {
	case f.Time:
		m.Type, m.Format = "date", "strict_date_optional_time||epoch_millis"
	case f.Type == "long":
		m.Type = "long"
	case f.Type == "int":
		m.Type = "integer"
	case f.Type == "string", f.Type == "enum":
		m.Type = "keyword"
		if f.Bound.Longest > longKeyword {
			m.IgnoreAbove = f.Bound.Longest
		}
	default:
		return "", fmt.Errorf("no rule for field %s of type %s", f.Name, f.Type)
	}
	switch f.Bound.Index {
	case schemas.Shown:
		m.Index = &no
	case schemas.Found:
		m.DocValues = &no
	}
	line, err := json.Marshal(m)
	return strings.ReplaceAll(strings.ReplaceAll(string(line), `":`, `": `), `,"`, `, "`), err
}
