package dev.codebank.connect;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.kafka.connect.errors.ConnectException;
import org.apache.kafka.connect.errors.RetriableException;
import org.apache.kafka.connect.sink.SinkRecord;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** A valid event of the bank is never a dead letter, whatever is wrong with the index or with the registry. */
@Timeout(30)
class IndexFaultTest extends ElasticsearchSinkTaskSetup {
    private final HttpServer registry;
    private final Map<String, String> schemas = new ConcurrentHashMap<>();
    private final AtomicInteger asked = new AtomicInteger();

    IndexFaultTest() throws Exception {
        registry = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        registry.createContext("/schemas/ids/", exchange -> {
            asked.incrementAndGet();
            String path = exchange.getRequestURI().getPath();
            String schema = schemas.get(path.substring(path.lastIndexOf('/') + 1));
            ElasticsearchStub.respond(exchange, schema == null ? 404 : 200,
                schema == null ? "{\"error_code\":40403,\"message\":\"no\"}" : "{\"schema\":" + new ObjectMapper().writeValueAsString(schema) + "}");
        });
        registry.start();
    }

    @BeforeEach
    void configure() throws IOException {
        settings.put("max.retries", "1");
        settings.put("schema.registry.url", "http://127.0.0.1:" + registry.getAddress().getPort());
        settings.put(SchemaRegistry.SETTLING_MS, "0");
        schemas.put(String.valueOf(BankEvent.NEWEST), BankEvent.schema(BankEvent.NEWEST));
    }

    @AfterEach
    void stopRegistry() {
        registry.stop(0);
    }

    @ParameterizedTest
    @CsvSource({
        "400, illegal_argument_exception, pipeline with id [nope] does not exist",
        "400, illegal_argument_exception, Limit of total fields [1000] has been exceeded",
        "400, mapper_parsing_exception, failed to parse field [status] of type [long]",
        "400, document_parsing_exception, failed to parse field [status] of type [long]",
        "400, strict_dynamic_mapping_exception, mapping set to strict",
        "400, index_closed_exception, closed",
        "404, index_not_found_exception, no such index",
        "403, security_exception, unauthorized",
        "400, what_nobody_knows_exception, why"})
    void aValidEventThatTheIndexRefusesStopsTheTask(int status, String type, String reason) {
        elasticsearch.refused.put(id(1), new ElasticsearchStub.Refused(status,
            "{\"type\":\"" + type + "\",\"reason\":\"" + reason + "\"}", 99));
        ElasticsearchSinkTask task = start();

        ConnectException e = assertThrows(ConnectException.class, () -> task.put(List.of(event(0), event(1), event(2))));

        assertFalse(e instanceof RetriableException);
        assertTrue(e.getMessage().contains(type) && e.getMessage().contains(reason), e.getMessage());
        assertTrue(e.getMessage().contains(Events.TOPIC + "-0@1"), e.getMessage());
        assertEquals(List.of(), context.reported);
    }

    @ParameterizedTest
    @CsvSource({"400, action_request_validation_exception", "413, ''"})
    void aRequestOfOneValidEventThatIsRejectedStopsTheTask(int status, String error) {
        for (int i = 0; i < 9; i++) {
            elasticsearch.reactions.add(ElasticsearchStub.status(status, "{\"error\":{\"type\":\"" + error + "\",\"reason\":\"id\"}}"));
        }
        ElasticsearchSinkTask task = start();

        assertFalse(assertThrows(ConnectException.class, () -> task.put(List.of(event(0), event(1)))) instanceof RetriableException);

        assertEquals(List.of(), context.reported);
    }

    @Test
    void aReadOnlyIndexIsWaitedFor() {
        elasticsearch.refused.put(id(0), new ElasticsearchStub.Refused(403, "{\"type\":\"cluster_block_exception\",\"reason\":\"r\"}", 2));
        ElasticsearchSinkTask task = start();

        assertThrows(RetriableException.class, () -> task.put(List.of(event(0))));
        task.put(List.of(event(0)));

        assertEquals(1, elasticsearch.stored().size());
        assertEquals(List.of(), context.reported);
    }

    @Test
    void aForeignDocumentThatTheMappingRefusesIsADeadLetter() {
        schemas.put("9", "{\"type\":\"record\",\"name\":\"Foreign\",\"fields\":[{\"name\":\"event_id\",\"type\":\"string\"},"
            + "{\"name\":\"occurred_at\",\"type\":{\"type\":\"long\",\"logicalType\":\"timestamp-millis\"}},"
            + "{\"name\":\"more\",\"type\":\"string\"}]}");
        elasticsearch.refused.put("x", new ElasticsearchStub.Refused(400,
            "{\"type\":\"strict_dynamic_mapping_exception\",\"reason\":\"[more]\"}", 9));

        start().put(List.of(event(0), BankEvent.record(1, BankEvent.framed(9, new byte[] {2, 'x', 0, 2, 'y'}))));

        assertEquals(List.of(1L), context.reportedOffsets());
        assertEquals(1, elasticsearch.stored().size());
    }

    @Test
    void anEventWhoseSchemaTheRegistryDoesNotKnowWaitsAndTheOthersPass() throws Exception {
        byte[] unknown = event(1).value() instanceof byte[] value ? value.clone() : null;
        unknown[4] = 77;
        List<SinkRecord> records = List.of(event(0), BankEvent.record(1, unknown),
            BankEvent.record(2, "not an event".getBytes(java.nio.charset.StandardCharsets.UTF_8)), BankEvent.record(3, new byte[] {0, 0, 0, 0, 77, 1}),
            event(4));
        ElasticsearchSinkTask task = start();

        RetriableException waits = assertThrows(RetriableException.class, () -> task.put(records));
        assertTrue(waits.getMessage().contains("has no schema 77"), waits.getMessage());
        assertEquals(2, elasticsearch.stored().size());
        assertEquals(List.of(), context.reported, "a letter is reported once, when no record waits any more");
        schemas.put("77", BankEvent.schema(BankEvent.NEWEST));
        for (int tries = 0; context.reported.isEmpty(); tries++) {
            Thread.sleep(200);
            try {
                task.put(records);
            } catch (RetriableException e) {
                assertTrue(tries < 50, e.getMessage());
            }
        }

        assertEquals(3, elasticsearch.stored().size());
        assertEquals(List.of(2L, 3L), context.reportedOffsets());
    }

    @Test
    void manyEventsOfAnUnknownSchemaAskTheRegistryOnce() {
        schemas.clear();
        ElasticsearchSinkTask task = start();

        assertThrows(RetriableException.class,
            () -> task.put(java.util.stream.LongStream.range(0, 500).mapToObj(IndexFaultTest::event).toList()));

        assertTrue(asked.get() <= 3, asked + " requests");
    }

    @Test
    void anEventWaitsIfTheRegistryHasAnotherSchemaUnderItsId() throws IOException {
        schemas.put(String.valueOf(BankEvent.NEWEST), "{\"type\":\"record\",\"name\":\"Other\",\"fields\":[{\"name\":\"event_id\",\"type\":\"long\"}]}");
        ElasticsearchSinkTask task = start();

        assertThrows(RetriableException.class, () -> task.put(List.of(event(0))));
        schemas.put(String.valueOf(BankEvent.NEWEST), BankEvent.schema(BankEvent.NEWEST));
        task.put(List.of(event(0)));

        assertEquals(1, elasticsearch.stored().size());
        assertEquals(List.of(), context.reported);
    }

    @Test
    void aValueOutsideItsBoundIsADeadLetterAndHarmsNoOther() {
        start().put(List.of(event(0), BankEvent.record(1, BankEvent.with("event_id", "x".repeat(10_000))),
            BankEvent.record(2, BankEvent.with("occurred_at", 253402300800000L)), event(3)));

        assertEquals(List.of(1L, 2L), context.reportedOffsets());
        assertEquals(2, elasticsearch.stored().size());
    }

    private static String id(long sequence) {
        return "5a1f3c1e-9d2b-4c56-8a53-0d6a5f7f2b10:" + (sequence + 1);
    }

    private static SinkRecord event(long offset) {
        return BankEvent.record(offset, BankEvent.with(Map.of("event_id", id(offset), "sequence", offset + 1)));
    }
}
