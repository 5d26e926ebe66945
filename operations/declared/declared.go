// Package declared returns what the files of the repository declare: the topics and
// schemas of package schemas, and the indices and connectors of package connectors. It
// returns them in the form in which the clients of the services apply them.
package declared

import (
	"strconv"

	"codebank.dev/connectors"
	"codebank.dev/operations/elasticsearch"
	"codebank.dev/operations/kafkaconnect"
	"codebank.dev/operations/schemaregistry"
	"codebank.dev/operations/topics"
	"codebank.dev/schemas"
)

// Topics returns the topics of the bank with this code.
func Topics(bankCode string) ([]topics.Topic, error) {
	declared, err := schemas.Topics(bankCode)
	if err != nil {
		return nil, err
	}
	wanted := make([]topics.Topic, len(declared))
	for i, topic := range declared {
		wanted[i] = topics.Topic{Name: topic.Name, Partitions: topic.Partitions, Config: map[string]string{
			"cleanup.policy": topic.Cleanup,
			"retention.ms":   strconv.FormatInt(topic.RetentionMillis, 10),
		}}
	}
	return wanted, nil
}

// Subjects returns the subjects of the bank's topics that have schemas, with all versions.
func Subjects(bankCode string) ([]schemaregistry.Subject, error) {
	declared, err := schemas.Topics(bankCode)
	if err != nil {
		return nil, err
	}
	var wanted []schemaregistry.Subject
	for _, topic := range declared {
		folder, ok := topic.SchemaFolder()
		if !ok {
			continue
		}
		versions, err := schemas.Schemas(folder)
		if err != nil {
			return nil, err
		}
		subject := schemaregistry.Subject{Name: schemas.Subject(topic.Name)}
		for _, version := range versions {
			subject.Versions = append(subject.Versions, version.Schema)
		}
		wanted = append(wanted, subject)
	}
	return wanted, nil
}

// Templates returns the index templates.
func Templates() ([]elasticsearch.Template, error) {
	declared, err := connectors.Indices()
	if err != nil {
		return nil, err
	}
	wanted := make([]elasticsearch.Template, len(declared))
	for i, index := range declared {
		wanted[i] = elasticsearch.Template{
			Name: index.Name, Body: index.Template, Patterns: index.Patterns,
			Mappings: index.Mappings, Aliases: index.Aliases,
		}
	}
	return wanted, nil
}

// Connectors returns the connectors of a bank, and those that serve all banks. secrets is the
// worker's folder of secrets.
func Connectors(bankCode, secrets string) ([]kafkaconnect.Connector, error) {
	sinks, err := connectors.Sinks(bankCode, secrets)
	if err != nil {
		return nil, err
	}
	wanted := make([]kafkaconnect.Connector, len(sinks))
	for i, sink := range sinks {
		wanted[i] = kafkaconnect.Connector{Name: sink.Name, Config: sink.Config}
	}
	return wanted, nil
}
