package connectors_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"codebank.dev/connectors"
	"codebank.dev/schemas"
)

// notOnStatement are the fields of the event that no statement stores. They describe
// the work of the bank's programs or the bank's assessment of a payer, not what
// happened to the account.
var notOnStatement = []string{
	"attempt", "decision_micros", "trace_id", "producer_version", "risk_score", "risk_rule",
	"leg", "relation", "principal_kind", "mode",
}

// addedBySink are the fields that a document has and its event does not have.
var addedBySink = map[string]string{
	"hour": "byte", "weekday": "byte",
	"kafka_topic": "keyword", "kafka_partition": "integer", "kafka_offset": "long",
	"pipeline_millis": "long",
}

// addedToCharges are the fields that the indices of charges and of payments between banks have and their events do not.
var addedToCharges = map[string]string{
	"kafka_topic": "keyword", "kafka_partition": "integer", "kafka_offset": "long", "pipeline_millis": "long",
}

// addedToWatermarks are the fields that the index of the watermarks has and a watermark
// does not have: what a watermark says of dead letters, and the document of a letter.
var addedToWatermarks = map[string]string{
	"dead_letters": "long", "letter": "keyword", "topic": "keyword", "reported_at": "date",
}

func TestEveryFileIsAConnectorOrATemplate(t *testing.T) {
	require.Equal(t, []string{"charges-elasticsearch", "pix-elasticsearch", "statement-postgres", "transactions-elasticsearch"}, names(t))

	indices, err := connectors.Indices()
	require.NoError(t, err)
	patterns := map[string]string{}
	for _, index := range indices {
		require.Equal(t, []string{index.Name}, index.Aliases)
		require.Len(t, index.Patterns, 1)
		patterns[index.Name] = index.Patterns[0]
	}
	require.Equal(t, map[string]string{
		"charges": "checkout-charges-*", "pix-payments": "codepix-payments-*", "transactions": "bank-transactions-*", "watermarks": "bank-watermarks-*",
	}, patterns)
}

// Another bank has a connector of its own where a file names the bank. Nothing of it is the first bank's.
func TestABankHasItsOwnSinks(t *testing.T) {
	own := map[string]connectors.Sink{}
	for _, code := range []string{"001", "002"} {
		sinks := sinksOf(t, code)
		require.Len(t, sinks, 4)
		for _, sink := range sinks {
			if strings.HasPrefix(sink.Name, "statement-postgres") {
				own[code] = sink
				continue
			}
			require.Equal(t, sinkOf(t, "001", sink.Name), sink, "it serves all banks")
		}
	}
	require.Equal(t, "statement-postgres", own["001"].Name)
	require.Equal(t, "statement-postgres-002", own["002"].Name)
	for key, value := range map[string]string{
		"topics": "bank-002.transactions.v1", "errors.deadletterqueue.topic.name": "dlq.statement-postgres-002",
		"connection.url": "${dir:/secrets:statement-002.url}", "connection.username": "${dir:/secrets:statement-002.user}",
		"connection.password": "${dir:/secrets:statement-002.password}",
	} {
		require.Equal(t, value, own["002"].Config[key])
		require.NotEqual(t, value, own["001"].Config[key])
		delete(own["001"].Config, key)
		delete(own["002"].Config, key)
	}
	require.Equal(t, own["001"].Config, own["002"].Config)
}

func TestEverySinkFollowsTheCommonRules(t *testing.T) {
	for _, sink := range sinks(t) {
		t.Run(sink.Name, func(t *testing.T) {
			config := sink.Config
			require.NotContains(t, config, "name", "the file's name is the connector's")
			require.Equal(t, "dlq."+sink.Name, sink.DeadLetterTopic())
			for key, value := range map[string]string{
				"errors.tolerance": "all",
				"errors.deadletterqueue.context.headers.enable": "true",
				"errors.log.enable":                             "true",
				"errors.log.include.messages":                   "false",
				"consumer.override.auto.offset.reset":           "earliest",
				// The sinks read the registry's frame themselves.
				"key.converter":    "org.apache.kafka.connect.converters.ByteArrayConverter",
				"value.converter":  "org.apache.kafka.connect.converters.ByteArrayConverter",
				"header.converter": "org.apache.kafka.connect.converters.ByteArrayConverter",
			} {
				require.Equal(t, value, config[key], key)
			}
			require.NotContains(t, config, "transforms", "a transformation would see bytes")
		})
	}
}

func TestNoAddressAndNoSecretIsWrittenIntoASink(t *testing.T) {
	private := regexp.MustCompile(`(?i)url|user|password|secret|token|credential`)
	for _, sink := range sinks(t) {
		for key, value := range sink.Config {
			require.NotRegexp(t, `^[a-z:]*//`, value, "%s: %s", sink.Name, key)
			if private.MatchString(key) {
				require.Regexp(t, `^\$\{(env:CODEBANK_[A-Z_]+|dir:/secrets:[a-z0-9.-]+)\}$`, value, "%s: %s", sink.Name, key)
			}
		}
	}
}

func TestASinkNamesTheVariablesItNeeds(t *testing.T) {
	needed := map[string][]string{}
	for _, sink := range sinks(t) {
		needed[sink.Name] = append(sink.Variables(), sink.Secrets()...)
	}
	require.Equal(t, map[string][]string{
		"charges-elasticsearch": {"CODEBANK_ELASTICSEARCH_URL", "CODEBANK_REGISTRY_URL"},
		"pix-elasticsearch":     {"CODEBANK_ELASTICSEARCH_URL", "CODEBANK_REGISTRY_URL"},
		"statement-postgres": {
			"CODEBANK_REGISTRY_URL", "statement-001.password", "statement-001.url", "statement-001.user",
		},
		"transactions-elasticsearch": {"CODEBANK_ELASTICSEARCH_URL", "CODEBANK_REGISTRY_URL"},
	}, needed)
}

func TestASinksTopicsAreDeclared(t *testing.T) {
	for _, code := range []string{"001", "002"} {
		requireTopics(t, code)
	}
}

func requireTopics(t *testing.T, code string) {
	t.Helper()
	topics, err := schemas.Topics(code)
	require.NoError(t, err)
	declared := map[string]schemas.Topic{}
	for _, topic := range topics {
		declared[topic.Name] = topic
	}
	for _, sink := range sinksOf(t, code) {
		deadLetters, ok := declared[sink.DeadLetterTopic()]
		require.True(t, ok, "%s is not in topics.yaml", sink.DeadLetterTopic())
		require.EqualValues(t, schemas.UnlimitedRetention, deadLetters.RetentionMillis)

		read := list(sink.Config["topics"])
		if pattern := sink.Config["topics.regex"]; pattern != "" {
			for name := range declared {
				if regexp.MustCompile(`^(?:` + pattern + `)$`).MatchString(name) {
					read = append(read, name)
				}
			}
		}
		want := []string{"bank-" + code + ".transactions.v1"}
		if sink.Config["events.subject"] == "charge-events" {
			want = []string{"checkout.charge-events.v1"}
		}
		if sink.Config["events.subject"] == "pix-payments" {
			want = []string{"codepix.payments.v1"}
		}
		if sink.Config["watermark.topic.suffix"] != "" {
			want = append(want, "bank-"+code+".watermarks.v1", sink.Config["watermark.dead.letters.actions.topic"])
		}
		require.ElementsMatch(t, want, read, sink.Name)
	}
}

func TestEveryFieldOfTheEventIsOnTheStatementOrLeftOutOnPurpose(t *testing.T) {
	config := sink(t, "statement-postgres").Config
	stored := list(config["field.include.list"])

	require.Equal(t, len(stored), len(slices.Compact(slices.Sorted(slices.Values(stored)))), "a field is named twice")
	for _, field := range notOnStatement {
		require.NotContains(t, stored, field)
	}
	var all []string
	for _, field := range eventFields(t) {
		all = append(all, field.Name)
	}
	require.ElementsMatch(t, all, append(stored, notOnStatement...))
	require.Contains(t, stored, config["primary.key.fields"])
}

func TestEveryFieldOfTheEventIsMappedByItsType(t *testing.T) {
	requireMapped(t, "transactions", "transactions", addedBySink)
	requireMapped(t, "watermarks", "watermarks", addedToWatermarks)
	requireMapped(t, "charges", "charge-events", addedToCharges)
	requireMapped(t, "pix-payments", "pix-payments", addedToCharges)
}

// requireMapped compares a template with the newest schema of a folder, plus the fields
// that the sink adds.
func requireMapped(t *testing.T, name, folder string, added map[string]string) {
	t.Helper()
	var mappings struct {
		Dynamic    string `json:"dynamic"`
		Properties map[string]struct {
			Type string `json:"type"`
		} `json:"properties"`
	}
	require.NoError(t, json.Unmarshal(index(t, name).Mappings, &mappings))
	require.Equal(t, "strict", mappings.Dynamic)

	mapped := map[string]string{}
	for name, property := range mappings.Properties {
		mapped[name] = property.Type
	}
	want := map[string]string{}
	for name, kind := range added {
		want[name] = kind
	}
	for _, field := range fieldsOf(t, folder) {
		want[field.Name] = field.indexType(t)
	}
	require.Equal(t, want, mapped)
}

// One task must have the same partition of the watermarks and of the events. So both
// topics have the same number of partitions, and the assignor assigns each topic by the
// same rule.
func TestOneTaskReadsAPartitionsEventsAndItsWatermarks(t *testing.T) {
	config := sink(t, "transactions-elasticsearch").Config
	require.Equal(t, "org.apache.kafka.clients.consumer.RangeAssignor", config["consumer.override.partition.assignment.strategy"])
	topics, err := schemas.Topics("001")
	require.NoError(t, err)
	partitions := map[string]int{}
	for _, topic := range topics {
		partitions[topic.Name] = topic.Partitions
	}
	events, marks := "bank-001"+config["watermark.events.topic.suffix"], "bank-001"+config["watermark.topic.suffix"]
	require.NotZero(t, partitions[events])
	require.Equal(t, partitions[events], partitions[marks])

	template := index(t, config["watermark.index.template.name"])
	matched, err := path.Match(template.Patterns[0], strings.ReplaceAll(config["watermark.index.name.format"], "${timestamp}", "2026.11"))
	require.NoError(t, err)
	require.True(t, matched)
}

func TestTheSinksWriteIntoIndicesOfTheirTemplates(t *testing.T) {
	requireIndices(t, "transactions-elasticsearch", "transactions", addedBySink)
	requireIndices(t, "charges-elasticsearch", "charge-events", addedToCharges)
	requireIndices(t, "pix-elasticsearch", "pix-payments", addedToCharges)
}

// requireIndices checks that a sink's indices are of its template, and that the fields in its settings are there.
func requireIndices(t *testing.T, name, folder string, addedFields map[string]string) {
	t.Helper()
	config := sink(t, name).Config
	template := index(t, config["index.template.name"])
	made := strings.ReplaceAll(config["index.name.format"], "${timestamp}", "2026.11")
	matched, err := path.Match(template.Patterns[0], made)
	require.NoError(t, err)
	require.True(t, matched, "%s is not of %s", made, template.Patterns[0])

	var added []string
	for _, key := range []string{
		"hour.field", "weekday.field", "topic.field", "partition.field", "offset.field", "pipeline.millis.field",
	} {
		if config[key] != "" {
			added = append(added, config[key])
		}
	}
	for name := range addedFields {
		require.Contains(t, added, name)
	}
	require.Len(t, added, len(addedFields))

	fields := map[string]string{}
	for _, field := range fieldsOf(t, folder) {
		fields[field.Name] = field.indexType(t)
	}
	require.Equal(t, "keyword", fields[config["document.id.field"]])
	require.Equal(t, "date", fields[config["index.timestamp.field"]])
}

func TestThePlugInHasTheClassesThatTheSinksName(t *testing.T) {
	var provided []string
	names, err := os.ReadFile("plugin/src/main/resources/META-INF/services/org.apache.kafka.connect.sink.SinkConnector")
	require.NoError(t, err)
	provided = append(provided, strings.Fields(string(names))...)

	var used []string
	for _, sink := range sinks(t) {
		for _, value := range sink.Config {
			if strings.HasPrefix(value, "dev.codebank.connect.") {
				used = append(used, value)
			}
		}
	}
	slices.Sort(used)
	require.ElementsMatch(t, provided, slices.Compact(used))
}

func TestTheReadmeExplainsEveryFile(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	require.NoError(t, err)
	for _, name := range names(t) {
		require.Contains(t, string(readme), "sinks/"+name+".json")
	}
	require.Contains(t, string(readme), "indices/transactions.json")
	require.Contains(t, string(readme), "indices/watermarks.json")
	require.Contains(t, string(readme), "indices/charges.json")
	require.Contains(t, string(readme), "indices/pix-payments.json")
	for _, sink := range sinks(t) {
		for _, name := range append(sink.Variables(), sink.Secrets()...) {
			require.Contains(t, string(readme), name)
		}
	}
}

// eventField is a field of the newest version of the event.
type eventField struct {
	Name string          `json:"name"`
	Type json.RawMessage `json:"type"`
}

// indexType returns the type that Elasticsearch should store the field in: a number for
// a field that is counted or summed, a date for a time, an exact word for any other
// field.
func (f eventField) indexType(t *testing.T) string {
	t.Helper()
	raw := f.Type
	var union []json.RawMessage
	if json.Unmarshal(raw, &union) == nil {
		require.Len(t, union, 2, f.Name)
		require.JSONEq(t, `"null"`, string(union[0]), f.Name)
		raw = union[1]
	}
	var complex struct {
		Type        string `json:"type"`
		LogicalType string `json:"logicalType"`
	}
	if err := json.Unmarshal(raw, &complex); err != nil {
		require.NoError(t, json.Unmarshal(raw, &complex.Type), f.Name)
	}
	switch kind := complex.Type + "/" + complex.LogicalType; kind {
	case "long/timestamp-millis":
		return "date"
	case "long/":
		return "long"
	case "int/":
		return "integer"
	case "string/", "enum/":
		return "keyword"
	default:
		require.Fail(t, fmt.Sprintf("%s: no rule for %s", f.Name, kind))
		return ""
	}
}

func eventFields(t *testing.T) []eventField {
	t.Helper()
	return fieldsOf(t, "transactions")
}

func fieldsOf(t *testing.T, folder string) []eventField {
	t.Helper()
	versions, err := schemas.Schemas(folder)
	require.NoError(t, err)
	var newest struct {
		Fields []eventField `json:"fields"`
	}
	require.NoError(t, json.Unmarshal([]byte(versions[len(versions)-1].Schema), &newest))
	require.NotEmpty(t, newest.Fields)
	return newest.Fields
}

// folder is the worker's folder of secrets.
const folder = "/secrets"

func sinks(t *testing.T) []connectors.Sink {
	t.Helper()
	return sinksOf(t, "001")
}

func sinksOf(t *testing.T, bankCode string) []connectors.Sink {
	t.Helper()
	sinks, err := connectors.Sinks(bankCode, folder)
	require.NoError(t, err)
	return sinks
}

func sink(t *testing.T, name string) connectors.Sink {
	t.Helper()
	return sinkOf(t, "001", name)
}

func sinkOf(t *testing.T, bankCode, name string) connectors.Sink {
	t.Helper()
	all := sinksOf(t, bankCode)
	i := slices.IndexFunc(all, func(s connectors.Sink) bool { return s.Name == name })
	require.GreaterOrEqual(t, i, 0, "no sink %s", name)
	return all[i]
}

func index(t *testing.T, name string) connectors.Index {
	t.Helper()
	indices, err := connectors.Indices()
	require.NoError(t, err)
	i := slices.IndexFunc(indices, func(index connectors.Index) bool { return index.Name == name })
	require.GreaterOrEqual(t, i, 0, "no index %s", name)
	return indices[i]
}

func names(t *testing.T) []string {
	t.Helper()
	var names []string
	for _, sink := range sinks(t) {
		names = append(names, sink.Name)
	}
	return names
}

// list splits a comma-separated value. An empty value has no elements.
func list(value string) []string {
	if value == "" {
		return nil
	}
	return strings.Split(value, ",")
}
