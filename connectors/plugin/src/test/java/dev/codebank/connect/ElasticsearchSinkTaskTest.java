package dev.codebank.connect;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.net.InetAddress;
import java.net.ServerSocket;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.connect.data.Schema;
import org.apache.kafka.connect.errors.ConnectException;
import org.apache.kafka.connect.errors.RetriableException;
import org.apache.kafka.connect.sink.SinkRecord;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

@Timeout(30)
class ElasticsearchSinkTaskTest extends ElasticsearchSinkTaskSetup {
    private static final String REFUSED = "{\"type\":\"document_parsing_exception\",\"reason\":\"failed to parse field [x]\","
        + "\"caused_by\":{\"type\":\"illegal_argument_exception\",\"reason\":\"not a number\"}}";
    private static final String BUSY = "{\"type\":\"es_rejected_execution_exception\",\"reason\":\"queue full\"}";

    ElasticsearchSinkTaskTest() throws Exception {
    }

    @BeforeEach
    void configure() {
        settings.put("max.retries", "2");
    }

    @Test
    void theEventsTimeChoosesTheMonthAndItsIdTheDocument() {
        put(List.of(Events.record(0, Events.event("a:1", "2026-10-31T23:59:59.999Z")),
            Events.record(1, Events.event("a:2", "2026-11-01T00:00:00Z"))));

        assertEquals(Set.of("bank-transactions-2026.10/a:1", "bank-transactions-2026.11/a:2"),
            elasticsearch.stored().keySet());
        assertEquals("{\"event_id\":\"a:1\",\"status\":\"APPROVED\",\"amount_minor\":1999,"
            + "\"occurred_at\":\"2026-10-31T23:59:59.999Z\"}",
            elasticsearch.stored().get("bank-transactions-2026.10/a:1").toString());
        assertEquals(1, elasticsearch.bulks().size());
    }

    @ParameterizedTest
    @CsvSource({
        "1970-01-01T00:00:00Z,      0, 4",
        "1970-01-01T23:59:59.999Z, 23, 4",
        "2026-11-23T00:00:00Z,      0, 1",
        "2026-11-22T23:59:59.999Z, 23, 7",
        "2028-02-29T12:30:00Z,     12, 2"})
    void hourAndWeekdayInUtcAndThePositionInKafkaAreAdded(String time, int hour, int weekday) {
        settings.put("hour.field", "h");
        settings.put("weekday.field", "d");
        settings.put("topic.field", "topic");
        settings.put("partition.field", "partition");
        settings.put("offset.field", "offset");

        put(List.of(Events.record(7, Events.event("a:1", time))));

        String document = elasticsearch.stored().values().iterator().next().toString();
        assertTrue(document.endsWith(",\"h\":" + hour + ",\"d\":" + weekday + ",\"topic\":\"" + Events.TOPIC
            + "\",\"partition\":0,\"offset\":7}"), document);
    }

    @Test
    void recordsWaitForARegistryThatIsDown() throws Exception {
        try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            settings.put("schema.registry.url", "http://127.0.0.1:" + socket.getLocalPort());
        }
        ElasticsearchSinkTask task = start();
        byte[] value = {0, 0, 0, 0, 1, 0};
        List<SinkRecord> records = List.of(new SinkRecord(Events.TOPIC, 0, null, null, null, value, 0));

        assertThrows(RetriableException.class, () -> task.put(records));
        assertThrows(RetriableException.class, () -> task.put(records));

        assertTrue(context.timeout > 0);
        assertEquals(List.of(), context.reported);
    }

    @Test
    void aRecordThatWasSentAgainForAnotherSinkIsSkipped() {
        settings.put("name", "transactions-elasticsearch");

        put(List.of(Events.record(0), Events.addressed(1, "statement-postgres"), Events.addressed(2, "transactions-elasticsearch"),
            Events.addressed(3, "")));

        assertEquals(Set.of("bank-transactions-2026.11/e0", "bank-transactions-2026.11/e2"), elasticsearch.stored().keySet());
        assertEquals(List.of(), context.reported);
    }

    @Test
    void poisonThatWasSentAgainIsReportedByItsOwnSinkOnly() {
        settings.put("name", "transactions-elasticsearch");

        put(List.of(Events.poison(1, "statement-postgres"), Events.poison(2, "transactions-elasticsearch")));

        assertEquals(List.of(2L), context.reportedOffsets());
    }

    @Test
    void anExistingDocumentCountsAsWritten() {
        ElasticsearchSinkTask task = put(records(3));
        var before = elasticsearch.stored();

        task.put(records(4));

        assertEquals(4, elasticsearch.stored().size());
        assertTrue(elasticsearch.stored().entrySet().containsAll(before.entrySet()));
        assertEquals(List.of(), context.reported);
    }

    @Test
    void onlyTemporarilyRefusedDocumentsAreSentAgain() {
        elasticsearch.refused.put("e1", new ElasticsearchStub.Refused(429, BUSY, 1));
        elasticsearch.refused.put("e3", new ElasticsearchStub.Refused(503, BUSY, 2));

        put(records(5));

        assertEquals(List.of(List.of("e0", "e1", "e2", "e3", "e4"), List.of("e1", "e3"), List.of("e3")), idsSent());
        assertEquals(5, elasticsearch.stored().size());
    }

    @ParameterizedTest
    @ValueSource(ints = {408, 429, 500, 502, 503, 504})
    void aRequestToABusyOrUnavailableServerIsSentAgain(int status) {
        elasticsearch.reactions.add(ElasticsearchStub.status(status, "<html>not now</html>"));

        put(records(2));

        assertEquals(2, elasticsearch.stored().size());
        assertEquals(2, elasticsearch.bulks().size());
    }

    @Test
    void aConnectionLostDuringTheResponseLosesNoDocument() {
        elasticsearch.reactions.add(elasticsearch.cutAfterWriting());

        put(records(3));

        assertEquals(3, elasticsearch.stored().size());
        assertEquals(2, elasticsearch.bulks().size());
        assertEquals(List.of(), context.reported);
    }

    @Test
    void aResponseThatStallsEndsAtTheTimeout() {
        settings.put("read.timeout.ms", "300");
        CountDownLatch end = new CountDownLatch(1);
        elasticsearch.reactions.add((exchange, request) -> {
            exchange.sendResponseHeaders(200, 100);
            exchange.getResponseBody().write('{');
            exchange.getResponseBody().flush();
            awaitLatch(end);
            exchange.close();
            return true;
        });

        put(records(2));
        end.countDown();

        assertEquals(2, elasticsearch.stored().size());
    }

    @Test
    void anIndexThatIsShortOfTimeGetsSmallerRequestsUntilItResponds() {
        settings.put("read.timeout.ms", "300");
        settings.put("batch.size", "800");
        settings.put("max.in.flight.requests", "1");
        CountDownLatch end = new CountDownLatch(1);
        ElasticsearchStub.Reaction tooLarge = (exchange, request) -> {
            if (request.documents().size() <= 2 * BulkDelivery.LEAST_DOCUMENTS) {
                return false;
            }
            awaitLatch(end);
            exchange.close();
            return true;
        };
        IntStream.range(0, 4).forEach(i -> elasticsearch.reactions.add(tooLarge));
        ElasticsearchSinkTask task = start();

        task.put(records(800));
        task.flush(Map.of());

        assertEquals(800, elasticsearch.stored().size());
        assertEquals(List.of(800, 400, 200, 200, 251, 149), sizes(0));

        // Each response allows a quarter more.
        int before = elasticsearch.bulks().size();
        task.put(IntStream.range(800, 1600).mapToObj(Events::record).toList());
        task.flush(Map.of());
        end.countDown();

        assertEquals(1600, elasticsearch.stored().size());
        assertEquals(List.of(314, 314, 172), sizes(before));
    }

    private List<Integer> sizes(int from) {
        return elasticsearch.bulks().stream().skip(from).map(bulk -> bulk.documents().size()).toList();
    }

    @ParameterizedTest
    @ValueSource(strings = {"welcome", "{\"errors\":true,\"items\":[]}", "{\"errors\":true,\"items\":[{}]}", "{}"})
    void aRequestWithAnInvalidResponseIsSentAgain(String body) {
        elasticsearch.reactions.add(ElasticsearchStub.status(200, body));

        put(records(1));

        assertEquals(1, elasticsearch.stored().size());
    }

    @Test
    void afterAnOutageOnlyTheMissingDocumentsAreSent() {
        settings.put("batch.size", "2");
        settings.put("max.in.flight.requests", "1");
        elasticsearch.refused.put("e1", new ElasticsearchStub.Refused(429, BUSY, 3));
        ElasticsearchSinkTask task = start();

        assertThrows(RetriableException.class, () -> task.put(records(2)));
        assertTrue(context.timeout > 0);
        int before = elasticsearch.bulks().size();
        task.put(records(2));

        assertEquals(2, elasticsearch.stored().size());
        assertEquals(List.of(List.of("e1")), idsSent().subList(before, elasticsearch.bulks().size()));
        assertEquals(List.of(), context.reported);
    }

    @Test
    void afterARebalanceEveryDeliveredRecordIsSent() {
        settings.put("max.retries", "0");
        elasticsearch.refused.put("e1", new ElasticsearchStub.Refused(429, BUSY, 1));
        ElasticsearchSinkTask task = start();
        assertThrows(RetriableException.class, () -> task.put(records(2)));

        task.close(List.of(new TopicPartition(Events.TOPIC, 0)));
        task.put(records(2));

        assertEquals(List.of("e0", "e1"), idsSent().get(1));
    }

    @Test
    void aNodeThatIsDownIsSkipped() throws Exception {
        int nobody;
        try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            nobody = socket.getLocalPort();
        }
        settings.put("connection.url", "http://127.0.0.1:" + nobody + "," + elasticsearch.url() + "/");

        put(records(2));

        assertEquals(2, elasticsearch.stored().size());
    }

    @Test
    void anOutageOfAllNodesIsRetriable() throws Exception {
        try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            settings.put("connection.url", "http://127.0.0.1:" + socket.getLocalPort());
        }
        ElasticsearchSinkTask task = start();
        RetriableException e = assertThrows(RetriableException.class, () -> task.put(records(1)));
        assertTrue(e.getMessage().contains("1 of 1 documents not written: http://127.0.0.1:"), e.getMessage());
    }

    @Test
    void aDocumentThatTheMappingRefusesIsReportedWithTheCauseAndTheOthersAreWritten() {
        elasticsearch.refused.put("e1", new ElasticsearchStub.Refused(400, REFUSED, 99));

        put(records(4));

        assertEquals(Set.of("e0", "e2", "e3"), storedIds());
        assertEquals(List.of(1L), context.reportedOffsets());
        assertEquals("Elasticsearch refused the document: 400, document_parsing_exception: failed to parse field [x];"
            + " not a number", context.reported.get(0).cause().getMessage());
    }

    @Test
    void aRefusedDocumentIsReportedOnceDespiteAnOutage() {
        settings.put("max.retries", "0");
        elasticsearch.refused.put("e0", new ElasticsearchStub.Refused(400, REFUSED, 99));
        elasticsearch.refused.put("e1", new ElasticsearchStub.Refused(429, BUSY, 2));
        ElasticsearchSinkTask task = start();

        assertThrows(RetriableException.class, () -> task.put(records(2)));
        assertThrows(RetriableException.class, () -> task.put(records(2)));
        assertEquals(List.of(), context.reported);
        task.put(records(2));

        assertEquals(List.of(0L), context.reportedOffsets());
        assertEquals(Set.of("e1"), storedIds());
    }

    @Test
    void withoutADeadLetterTopicARefusedDocumentFailsTheTask() {
        context.reporting = false;
        elasticsearch.refused.put("e1", new ElasticsearchStub.Refused(400, REFUSED, 99));
        ElasticsearchSinkTask task = start();

        ConnectException e = assertThrows(ConnectException.class, () -> task.put(records(2)));

        assertFalse(e instanceof RetriableException);
        assertTrue(e.getMessage().startsWith("record bank-001.transactions.v1-0@1 cannot be a document"), e.getMessage());
    }

    @Test
    void aSettingMakesMalformedDocumentsFailTheTask() {
        settings.put("behavior.on.malformed.documents", "FAIL");
        ElasticsearchSinkTask task = start();

        assertThrows(ConnectException.class, () -> task.put(List.of(tombstone(0))));

        assertEquals(List.of(), context.reported);
    }

    @Test
    void aRecordThatCannotBeADocumentIsReportedAndTheOthersAreWritten() {
        put(List.of(
            tombstone(0),
            Events.record(1, Events.event(null, "2026-11-21T10:15:30Z")),
            Events.record(2, Events.event("", "2026-11-21T10:15:30Z")),
            Events.record(3, Events.event("late", null)),
            Events.record(4, Events.event("x".repeat(513), "2026-11-21T10:15:30Z")),
            Events.record(5, Events.event("early", "1969-12-31T23:59:59.999Z")),
            new SinkRecord(Events.TOPIC, 0, null, null, Schema.STRING_SCHEMA, "text", 6),
            Events.record(7)));

        assertEquals(List.of(0L, 1L, 2L, 3L, 4L, 5L, 6L), context.reportedOffsets());
        assertEquals(Set.of("e7"), storedIds());
        assertEquals("field event_id holds no id: it must be a text or a number",
            context.reported.get(1).cause().getMessage());
    }

    @ParameterizedTest
    @CsvSource({"400, action_request_validation_exception", "413, ''"})
    void aRequestRejectedAsAWholeIsHalvedUntilOneDocumentIsLeft(int status, String error) {
        ElasticsearchStub.Reaction reaction = (exchange, request) -> {
            if (request.documents().stream().noneMatch(sent -> sent.id().equals("e5"))) {
                return false;
            }
            ElasticsearchStub.respond(exchange, status, "{\"error\":{\"type\":\"" + error + "\",\"reason\":\"id\"}}");
            return true;
        };
        IntStream.range(0, 20).forEach(i -> elasticsearch.reactions.add(reaction));

        put(records(8));

        assertEquals(7, elasticsearch.stored().size());
        assertEquals(List.of(5L), context.reportedOffsets());
    }

    @ParameterizedTest
    @CsvSource({
        "400, validation_exception", "400, illegal_argument_exception", "400, what_nobody_knows_exception",
        "400, index_closed_exception", "403, security_exception",
        "404, index_not_found_exception", "409, resource_already_exists_exception"})
    void anErrorThatIsNotADocumentsFaultStopsTheTask(int status, String error) {
        elasticsearch.refused.put("e1",
            new ElasticsearchStub.Refused(status, "{\"type\":\"" + error + "\",\"reason\":\"no\"}", 99));
        ElasticsearchSinkTask task = start();

        ConnectException e = assertThrows(ConnectException.class, () -> task.put(records(2)));

        assertFalse(e instanceof RetriableException);
        assertTrue(e.getMessage().contains(error), e.getMessage());
        assertEquals(List.of(), context.reported);
    }

    @Test
    void anErrorForAnOperatorTakesPrecedenceOverATemporaryOne() {
        settings.put("batch.size", "1");
        settings.put("max.retries", "0");
        CountDownLatch both = new CountDownLatch(2);
        for (int i = 0; i < 2; i++) {
            elasticsearch.reactions.add((exchange, request) -> {
                both.countDown();
                awaitLatch(both);
                ElasticsearchStub.respond(exchange, request.documents().get(0).id().equals("e0") ? 503 : 401, "");
                return true;
            });
        }
        ElasticsearchSinkTask task = start();

        ConnectException e = assertThrows(ConnectException.class, () -> task.put(records(2)));

        assertFalse(e instanceof RetriableException);
    }

    @Test
    void recordsWaitForAClusterThatIsReadOnly() {
        elasticsearch.refused.put("e0", new ElasticsearchStub.Refused(403,
            "{\"type\":\"cluster_block_exception\",\"reason\":\"read-only\"}", 1));

        put(records(1));

        assertEquals(1, elasticsearch.stored().size());
    }

    @ParameterizedTest
    @CsvSource({"401, connection.username", "403, connection.username", "404, connection.url", "301, connection.url"})
    void aRefusedConnectionNamesTheSetting(int status, String key) {
        elasticsearch.reactions.add(ElasticsearchStub.status(status, ""));
        ElasticsearchSinkTask task = start();

        ConnectException e = assertThrows(ConnectException.class, () -> task.put(records(2)));

        assertFalse(e instanceof RetriableException);
        assertTrue(e.getMessage().contains(key), e.getMessage());
    }

    @Test
    void aRequestKeepsTheLimitsOfBytesAndDocuments() {
        settings.put("bulk.size.bytes", "1000");
        settings.put("batch.size", "4");
        List<SinkRecord> records = new ArrayList<>(records(20));
        records.add(7, Events.record(100, Events.event("large", "2026-11-21T10:15:30Z")
            .put("description", "x".repeat(5000))));

        put(records);

        assertEquals(21, elasticsearch.stored().size());
        assertTrue(elasticsearch.bulks().stream().allMatch(bulk -> bulk.documents().size() <= 4));
        assertTrue(elasticsearch.bulks().stream().allMatch(bulk -> bulk.bytes() <= 1000 || bulk.documents().size() == 1));
        assertTrue(elasticsearch.bulks().stream().anyMatch(bulk -> bulk.documents().size() == 4));
    }

    @Test
    void requestsRunConcurrentlyUpToTheLimit() {
        settings.put("batch.size", "1");
        settings.put("max.in.flight.requests", "3");
        CountDownLatch three = new CountDownLatch(3);
        AtomicInteger underWay = new AtomicInteger();
        AtomicInteger most = new AtomicInteger();
        IntStream.range(0, 12).forEach(i -> elasticsearch.reactions.add((exchange, request) -> {
            most.accumulateAndGet(underWay.incrementAndGet(), Math::max);
            three.countDown();
            awaitLatch(three);
            underWay.decrementAndGet();
            return false;
        }));

        put(records(12));

        assertEquals(12, elasticsearch.stored().size());
        assertEquals(3, most.get());
    }

    @Test
    void requestsHaveTheCredentialsAndAreCompressedIfConfigured() {
        settings.put("connection.compression", "true");
        settings.put("connection.username", "sink");
        settings.put("connection.password", "secret:ü");

        put(records(50));

        ElasticsearchStub.Request request = elasticsearch.bulks().get(0);
        assertEquals("gzip", request.headers().get("Content-Encoding"));
        assertEquals("application/x-ndjson", request.headers().get("Content-Type"));
        assertEquals("Basic c2luazpzZWNyZXQ6w7w=", request.headers().get("Authorization"));
        assertTrue(Integer.parseInt(request.headers().get("Content-Length")) < request.bytes() / 2);
        assertEquals(50, elasticsearch.stored().size());
    }

    @Test
    void nothingIsWrittenBeforeTheTemplateExists() {
        settings.put("index.template.name", "transactions");
        ElasticsearchSinkTask task = start();

        ConnectException missing = assertThrows(ConnectException.class, () -> task.put(records(1)));
        assertFalse(missing instanceof RetriableException);
        assertTrue(missing.getMessage().startsWith("index.template.name: "), missing.getMessage());
        elasticsearch.templates.put("transactions", 503);
        assertInstanceOf(RetriableException.class, assertThrows(ConnectException.class, () -> task.put(records(1))));
        assertEquals(0, elasticsearch.bulks().size());
        elasticsearch.templates.put("transactions", 200);
        task.put(records(1));

        assertEquals(1, elasticsearch.stored().size());
    }

    @Test
    void withoutAnIdFieldTheKeyOrThePositionIsTheId() {
        settings.remove("document.id.field");
        put(List.of(Events.record(5)));
        settings.put("key.ignore", "true");
        put(List.of(Events.record(6)));

        assertEquals(Set.of("account", "bank-001.transactions.v1+0+6"), storedIds());
    }

    @Test
    void recordsWithoutASchemaBecomeDocuments() {
        put(List.of(new SinkRecord(Events.TOPIC, 0, null, null, null,
            Map.of("event_id", 7, "occurred_at", "2026-01-02T03:04:05Z"), 0)));

        assertEquals(Set.of("bank-transactions-2026.01/7"), elasticsearch.stored().keySet());
    }

    private ElasticsearchSinkTask put(List<SinkRecord> records) {
        ElasticsearchSinkTask task = start();
        task.put(records);
        return task;
    }

    private static List<SinkRecord> records(int count) {
        return LongStream.range(0, count).mapToObj(Events::record).toList();
    }

    private static SinkRecord tombstone(long offset) {
        return new SinkRecord(Events.TOPIC, 0, Schema.STRING_SCHEMA, "account", null, null, offset);
    }

    private List<List<String>> idsSent() {
        return elasticsearch.bulks().stream()
            .map(bulk -> bulk.documents().stream().map(ElasticsearchStub.Sent::id).toList()).toList();
    }

    private Set<String> storedIds() {
        return Set.copyOf(elasticsearch.stored().keySet().stream().map(key -> key.substring(key.indexOf('/') + 1)).toList());
    }

    private static void awaitLatch(CountDownLatch latch) {
        try {
            latch.await(20, TimeUnit.SECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
