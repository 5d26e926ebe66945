package dev.codebank.connect;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.ServiceLoader;
import org.apache.kafka.connect.sink.SinkConnector;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ElasticsearchSinkConnectorTest {
    /** Settings of a connector whose Elasticsearch is down: no server listens on port 1. */
    private final Map<String, String> settings = new HashMap<>(Map.of(
        "connection.url", "http://127.0.0.1:1", "connection.timeout.ms", "500",
        "index.name.format", "bank-transactions-${timestamp}", "index.timestamp.field", "occurred_at",
        "document.id.field", "event_id"));

    @Test
    void goodSettingsPassAlthoughElasticsearchIsDown() {
        assertEquals(List.of(), problems());
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '"', value = {
        "connection.url                  | \"\"                       | connection.url: name at least one node",
        "connection.url                  | localhost:9200             | connection.url: not of the form http(s)://host:port",
        "connection.url                  | http://a b                 | connection.url: not an address",
        "connection.url                  | http://u:p@h:1             | connection.url: credentials belong in a setting of their own",
        "connection.url                  | http://h:1/?q=1            | connection.url: an address has no query",
        "connection.username             | sink                       | connection.password: is missing",
        "connection.password             | secret                     | connection.username: is missing",
        "batch.size                      | 0                          | batch.size",
        "max.retries                     | many                       | max.retries",
        "write.method                    | UPSERT                     | write.method: only 'insert' is possible",
        "behavior.on.null.values         | DELETE                     | behavior.on.null.values: only 'fail' is possible",
        "drop.invalid.message            | true                       | drop.invalid.message: only 'false' is possible",
        "behavior.on.malformed.documents | IGNORE                     | behavior.on.malformed.documents",
        "index.timestamp.format          | yyyy.MM.dd.HH              | index.name.format: the finest period of an index is a day",
        "index.timestamp.format          | '{'                        | index.name.format",
        "index.name.format               | Transactions               | index.name.format: not a valid name for an index",
        "index.timestamp.field           | \"\"                       | index.timestamp.field: is missing",
        "watermark.topic.suffix          | .watermarks.v1             | watermark.events.topic.suffix: is not set together with the others",
        "watermark.events.topic.suffix   | .transactions.v1           | watermark.events.topic.suffix: is not set together with the others",
        "watermark.interval.ms           | -1                         | watermark.interval.ms",
    })
    void anInvalidSettingIsNamed(String key, String value, String message) {
        settings.put(key, value);

        List<String> problems = problems();

        assertTrue(problems.stream().anyMatch(problem -> problem.contains(message)), problems::toString);
        assertFalse(problems.stream().anyMatch(problem -> problem.contains("u:p")), "no message may show a password");
    }

    @ParameterizedTest
    @CsvSource({
        "watermark.events.topic.suffix, .watermarks.v1",
        "watermark.events.topic.suffix, rks.v1",
        "watermark.index.name.format,   Watermarks",
    })
    void anInvalidSettingOfWatermarksIsNamed(String key, String value) {
        settings.put("watermark.topic.suffix", ".watermarks.v1");
        settings.put("watermark.events.topic.suffix", ".transactions.v1");
        settings.put("watermark.index.name.format", "bank-watermarks-${timestamp}");
        assertEquals(List.of(), problems());

        settings.put(key, value);

        assertTrue(problems().stream().anyMatch(problem -> problem.startsWith(key + ": ")), problems()::toString);
    }

    @Test
    void credentialsThatElasticsearchDoesNotAcceptAreNamed() throws Exception {
        try (ElasticsearchStub elasticsearch = new ElasticsearchStub()) {
            settings.put("connection.url", elasticsearch.url());
            settings.put("connection.username", "sink");
            settings.put("connection.password", "wrong");
            assertEquals(List.of(), problems());

            elasticsearch.rootStatus = 401;

            assertEquals(List.of("connection.username, connection.password: " + elasticsearch.url()
                + " does not accept this user and password"), problems());
        }
    }

    @Test
    void everyTaskGetsAllSettings() {
        ElasticsearchSinkConnector connector = new ElasticsearchSinkConnector();
        connector.start(settings);
        assertEquals(List.of(settings, settings), connector.taskConfigs(2));
        assertEquals(ElasticsearchSinkTask.class, connector.taskClass());
    }

    @Test
    void connectFindsThePluginsWithoutScanningTheJar() {
        assertEquals(List.of(ElasticsearchSinkConnector.class.getName(), PostgresSinkConnector.class.getName()),
            found(SinkConnector.class));
    }

    private static List<String> found(Class<?> plugin) {
        return ServiceLoader.load(plugin).stream().map(provider -> provider.type().getName())
            .filter(name -> name.startsWith("dev.codebank.connect.")).toList();
    }

    private List<String> problems() {
        return new ElasticsearchSinkConnector().validate(settings).configValues().stream()
            .flatMap(value -> value.errorMessages().stream()).toList();
    }
}
