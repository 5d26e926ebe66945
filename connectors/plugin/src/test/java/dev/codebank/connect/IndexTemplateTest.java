package dev.codebank.connect;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.Set;
import java.util.stream.IntStream;
import org.apache.kafka.connect.errors.ConnectException;
import org.apache.kafka.connect.errors.RetriableException;
import org.apache.kafka.connect.sink.SinkRecord;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Shows that no document goes into an index without the template's mapping and aliases, also if they go away later. */
@Timeout(30)
class IndexTemplateTest extends ElasticsearchSinkTaskSetup {
    private static final String OCTOBER = "bank-transactions-2026.10";
    private static final String NOVEMBER = "bank-transactions-2026.11";

    IndexTemplateTest() throws Exception {
    }

    @BeforeEach
    void configure() {
        settings.put("max.retries", "1");
        settings.put("index.template.name", "transactions");
        elasticsearch.templates.put("transactions", 200);
    }

    @Test
    void aTemplateThatIsDeletedStopsTheTaskBeforeTheNextIndexIsMade() {
        ElasticsearchSinkTask task = start();
        task.put(List.of(october(1)));
        elasticsearch.templates.clear();
        elasticsearch.templates.put("another", 404);

        requireStop(task, november(2), "index.template.name: ", "has no index template transactions");

        assertEquals(Set.of(OCTOBER), elasticsearch.indices.keySet());
        elasticsearch.templates.clear();
        elasticsearch.templates.put("transactions", 200);
        start().put(List.of(november(2)));
        assertEquals(Set.of(OCTOBER + "/e1", NOVEMBER + "/e2"), elasticsearch.stored().keySet());
    }

    @Test
    void anIndexThatIsDeletedWithItsTemplateTakesNoDocument() {
        ElasticsearchSinkTask task = start();
        task.put(List.of(october(1)));
        elasticsearch.indices.clear();
        elasticsearch.templates.put("transactions", 404);

        // Elasticsearch makes the index itself when the document arrives.
        requireStop(task, october(2), "index.template.name: ", "made without the template transactions");

        assertEquals(Set.of(OCTOBER), elasticsearch.indices.keySet());
        requireStop(start(), october(2), "has no index template");
        elasticsearch.templates.put("transactions", 200);
        requireStop(start(), october(2), "the index " + OCTOBER + " lacks the alias readers");
        elasticsearch.indices.put(OCTOBER, true);
        start().put(List.of(october(2)));
        assertEquals(Set.of(OCTOBER + "/e1", OCTOBER + "/e2"), elasticsearch.stored().keySet());
    }

    @Test
    void anIndexWithoutTheAliasOfItsTemplateStopsTheTask() {
        elasticsearch.indices.put(OCTOBER, true);
        elasticsearch.withoutAlias.add(OCTOBER);

        requireStop(start(), october(1), "the index " + OCTOBER + " lacks the alias readers");

        assertEquals(List.of(), elasticsearch.bulks());
        elasticsearch.withoutAlias.clear();
        start().put(List.of(october(1)));
        assertEquals(1, elasticsearch.stored().size());
    }

    @Test
    void theTemplateIsCheckedAgainAfterAnOutage() {
        ElasticsearchSinkTask task = start();
        task.put(List.of(october(1)));
        // The cluster that responds again is an empty one.
        elasticsearch.reactions.add((exchange, request) -> {
            elasticsearch.indices.clear();
            elasticsearch.templates.put("transactions", 404);
            ElasticsearchStub.respond(exchange, 503, "{}");
            return true;
        });

        requireStop(task, october(2), "has no index template transactions");

        assertEquals(Set.of(), elasticsearch.indices.keySet());
    }

    @Test
    void theCheckIsNotARequestForEachBulk() {
        ElasticsearchSinkTask task = start();
        IntStream.range(0, 50).forEach(i -> task.put(List.of(october(i), november(100 + i))));

        assertEquals(50, elasticsearch.bulks().size());
        assertEquals(List.of("GET /_index_template/transactions", "GET /" + OCTOBER, "PUT /" + OCTOBER, "GET /" + OCTOBER,
            "GET /" + NOVEMBER, "PUT /" + NOVEMBER, "GET /" + NOVEMBER), List.copyOf(elasticsearch.paths));
    }

    @Test
    void withoutATemplateNothingIsChecked() {
        settings.remove("index.template.name");
        start().put(List.of(october(1)));

        assertEquals(List.of(), List.copyOf(elasticsearch.paths));
        assertFalse(elasticsearch.bulks().get(0).documents().get(0).guarded());
    }

    /** Each bulk names its indices once, whatever the order and the length of their names. */
    @Test
    void aBulkKnowsTheIndicesOfItsDocuments() {
        Bulk bulk = new Bulk(16);
        for (String index : List.of("a", "a", "ab", "a", "abc", "b")) {
            bulk.add(october(1), json -> json.raw(("{\"create\":{\"_index\":\"" + index + "\",\"_id\":\"1\"}}\n{}\n")
                .getBytes(java.nio.charset.StandardCharsets.US_ASCII)));
        }

        assertEquals(List.of("a", "ab", "abc", "b"), List.copyOf(bulk.indices()));
    }

    private void requireStop(ElasticsearchSinkTask task, SinkRecord record, String... says) {
        ConnectException stop = assertThrows(ConnectException.class, () -> task.put(List.of(record)));

        assertFalse(stop instanceof RetriableException, stop.getMessage());
        for (String text : says) {
            assertTrue(stop.getMessage().contains(text), stop.getMessage());
        }
        assertTrue(stop.getMessage().contains("run `bankctl apply indices`, then restart the task"), stop.getMessage());
        assertEquals(List.of(), context.reported);
    }

    private static SinkRecord october(long offset) {
        return Events.record(offset, Events.event("e" + offset, "2026-10-21T10:15:30Z"));
    }

    private static SinkRecord november(long offset) {
        return Events.record(offset, Events.event("e" + offset, "2026-11-21T10:15:30Z"));
    }
}
