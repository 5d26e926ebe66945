package schemas

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"
)

// UnlimitedRetention is the RetentionMillis of a topic that keeps its records forever.
const UnlimitedRetention = -1

// Topic is one topic in topics.yaml.
type Topic struct {
	// Name is the name of the topic, with the bank's code filled in.
	Name string `yaml:"name"`
	// Owner is the folder of the programs that write the topic.
	Owner string `yaml:"owner"`
	// Key describes the key of a record, in words.
	Key string `yaml:"key"`
	// Value is avro/<folder> for records with a schema. Otherwise it describes the value, in
	// words.
	Value string `yaml:"value"`
	// Partitions is the number of partitions. It never changes in place.
	Partitions int `yaml:"partitions"`
	// Cleanup is Kafka's cleanup.policy.
	Cleanup string `yaml:"cleanup"`
	// RetentionMillis is Kafka's retention.ms: milliseconds, or UnlimitedRetention.
	RetentionMillis int64 `yaml:"retention_ms"`
}

// SchemaFolder returns the folder, as Schemas takes it, that describes the topic's
// values. The result is false if the values have no schema.
func (t Topic) SchemaFolder() (string, bool) { return strings.CutPrefix(t.Value, "avro/") }

var (
	bankCodePattern  = regexp.MustCompile(`^[0-9]{3}$`)
	topicNamePattern = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{0,248}$`)
)

// firstBank is the code of the bank that was the only one at first. Some of its names lack the code.
const firstBank = "001"

// OfBank returns a text with a bank's code in the place of {bank}. In the place of {-bank} is the code after a dash,
// or nothing for bank 001.
func OfBank(text, bankCode string) string {
	suffix := "-" + bankCode
	if bankCode == firstBank {
		suffix = ""
	}
	return strings.NewReplacer("{bank}", bankCode, "{-bank}", suffix).Replace(text)
}

// Topics returns the topics of a bank by its code of three digits, in the order of
// topics.yaml. Topics that all banks share are included. It is an error if the code is
// malformed, or if topics.yaml breaks a rule. A test proves that it breaks none.
func Topics(bankCode string) ([]Topic, error) {
	if !bankCodePattern.MatchString(bankCode) {
		return nil, fmt.Errorf("schemas: bank code %q is not three digits", bankCode)
	}
	body, err := contracts.ReadFile("topics.yaml")
	if err != nil {
		return nil, fmt.Errorf("schemas: %w", err)
	}
	topics, err := parseTopics(body, bankCode)
	if err != nil {
		return nil, fmt.Errorf("schemas: topics.yaml: %w", err)
	}
	return topics, nil
}

// parseTopics reads one document and refuses unknown keys.
func parseTopics(body []byte, bankCode string) ([]Topic, error) {
	var list struct {
		Topics []Topic `yaml:"topics"`
	}
	decoder := yaml.NewDecoder(bytes.NewReader(body))
	decoder.KnownFields(true)
	if err := decoder.Decode(&list); err != nil {
		return nil, err
	}
	if err := decoder.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return nil, errors.New("more than one document")
	}
	seen := map[string]bool{}
	for i := range list.Topics {
		topic := &list.Topics[i]
		topic.Name = OfBank(topic.Name, bankCode)
		if err := topic.check(); err != nil {
			return nil, fmt.Errorf("topic %q: %w", topic.Name, err)
		}
		if seen[topic.Name] {
			return nil, fmt.Errorf("topic %q is listed twice", topic.Name)
		}
		seen[topic.Name] = true
	}
	return list.Topics, nil
}

func (t Topic) check() error {
	switch {
	case !topicNamePattern.MatchString(t.Name):
		return errors.New("name is not lower-case letters, digits, dots and dashes")
	case t.Owner == "":
		return errors.New("owner is missing")
	case t.Key == "":
		return errors.New("key is missing")
	case t.Value == "":
		return errors.New("value is missing")
	case t.Partitions < 1:
		return errors.New("partitions is missing")
	case t.Cleanup != "delete" && t.Cleanup != "compact":
		return errors.New("cleanup is neither delete nor compact")
	case t.RetentionMillis != UnlimitedRetention && t.RetentionMillis < 1:
		return errors.New("retention_ms is neither -1 nor positive")
	}
	if folder, ok := t.SchemaFolder(); ok {
		_, err := Schemas(folder)
		return err
	}
	return nil
}
