package dev.codebank.connect;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.net.httpserver.HttpServer;
import java.io.ByteArrayOutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Date;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.stream.LongStream;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.AbstractConfig;
import org.apache.kafka.common.config.ConfigDef;
import org.apache.kafka.connect.data.Schema;
import org.apache.kafka.connect.data.SchemaBuilder;
import org.apache.kafka.connect.data.Struct;
import org.apache.kafka.connect.data.Timestamp;
import org.apache.kafka.connect.errors.DataException;
import org.apache.kafka.connect.errors.RetriableException;
import org.apache.kafka.connect.sink.SinkRecord;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** A watermark is in the index only when it is true of the index. */
@Timeout(30)
class WatermarksTest extends ElasticsearchSinkTaskSetup {
    private static final String TOPIC = "bank-001.watermarks.v1";
    private static final String ACTIONS = "dead-letter-actions.v1";
    private static final TopicPartition EVENTS = new TopicPartition(Events.TOPIC, 0);
    private static final TopicPartition MARKS = new TopicPartition(TOPIC, 0);
    private static final long NOON = Instant.parse("2026-11-21T12:00:00Z").toEpochMilli();
    private static final Schema SCHEMA = SchemaBuilder.struct().name("dev.codebank.bank.Watermark")
        .field("bank_code", Schema.STRING_SCHEMA).field("partition", Schema.INT32_SCHEMA).field("offset", Schema.INT64_SCHEMA)
        .field("complete_to", Timestamp.SCHEMA).field("published_at", Timestamp.SCHEMA).build();
    private static final String AVRO = """
        {"type":"record","name":"Watermark","namespace":"dev.codebank.bank","fields":[
        {"name":"bank_code","type":"string"},{"name":"partition","type":"int"},{"name":"offset","type":"long"},
        {"name":"complete_to","type":{"type":"long","logicalType":"timestamp-millis"}},
        {"name":"published_at","type":{"type":"long","logicalType":"timestamp-millis"}}]}""";

    WatermarksTest() throws Exception {
    }

    @BeforeEach
    void configure() {
        settings.put("max.retries", "0");
        settings.put("watermark.topic.suffix", ".watermarks.v1");
        settings.put("watermark.events.topic.suffix", ".transactions.v1");
        settings.put("watermark.index.name.format", "bank-watermarks-${timestamp}");
        settings.put("watermark.index.template.name", "watermarks");
        settings.put("watermark.dead.letters.field", "dead_letters");
        settings.put("watermark.dead.letters.actions.topic", ACTIONS);
        settings.put("errors.deadletterqueue.topic.name", "dlq.index");
        settings.put("name", "index");
        elasticsearch.templates.put("watermarks", 200);
        context.assignment = Set.of(EVENTS, MARKS);
    }

    @Test
    void isHeldUntilEveryEventBelowItIsAccepted() {
        ElasticsearchSinkTask task = start();

        task.put(both(events(0, 3), mark(5, 0)));
        assertEquals(List.of(), written());
        task.put(events(3, 4));
        assertEquals(List.of(), written());
        task.put(events(4, 5));

        assertEquals(List.of(0L), written());
        assertEquals("{\"bank_code\":\"001\",\"partition\":0,\"offset\":5,\"complete_to\":\"2026-11-21T12:00:00.000Z\","
            + "\"published_at\":\"2026-11-21T12:00:10.000Z\",\"dead_letters\":0}",
            elasticsearch.stored().get("bank-watermarks-2026.11/001:0:" + NOON).toString());
        assertEquals(5 + 1, elasticsearch.stored().size());
    }

    @Test
    void isWrittenAtOnceWhenItComesWithItsEvents() {
        start().put(both(events(0, 5), mark(5, 0)));

        assertEquals(List.of(0L), written());
    }

    @Test
    void isHeldWhileItsEventsAreRefusedTemporarily() {
        ElasticsearchSinkTask task = start();
        elasticsearch.refused.put("e1", new ElasticsearchStub.Refused(503, "{\"type\":\"busy\"}", 1));
        List<SinkRecord> records = both(events(0, 3), mark(3, 0));

        assertThrows(RetriableException.class, () -> task.put(records));
        assertEquals(List.of(), written());
        task.put(records);

        assertEquals(List.of(0L), written());
    }

    @Test
    void existingEventsCountAsAccepted() {
        start().put(events(0, 5));

        start().put(both(events(0, 5), mark(5, 0)));

        assertEquals(List.of(0L), written());
    }

    @Test
    void saysHowManyDeadLettersTheIndexIsShortOf() {
        elasticsearch.refused.put("e1", new ElasticsearchStub.Refused(400, "{\"type\":\"mapper_parsing_exception\"}", 9));
        ElasticsearchSinkTask task = start();

        task.put(both(List.of(Events.record(0), Events.record(1), Events.record(2, Events.event(null, null))), mark(3, 0)));
        assertEquals(List.of(1L, 2L), context.reportedOffsets());
        assertEquals(List.of(0L), written());
        assertEquals(2, deadLetters(0));

        task.put(List.of(action(0, "shown", "dlq.index", 2), action(1, "discarded", "dlq.another", 1),
            action(2, "discarded", "dlq.index", 77), action(3, "discarded", "dlq.index", 2), record(ACTIONS, 0, 4, null)));
        task.put(both(events(3, 4), mark(4, 5)));
        assertEquals(1, deadLetters(5));
        assertEquals(List.of(1L, 2L), context.reportedOffsets(), "an action is no event");
    }

    @Test
    void aRedrivenLetterWaitsUntilTheIndexHasAcceptedIt() {
        ElasticsearchSinkTask task = start();
        task.put(both(List.of(Events.record(0, Events.event(null, null)), Events.record(1, Events.event("", null))), mark(2, 0)));
        assertEquals(2, deadLetters(0));

        task.put(both(List.of(Events.redriven(2, Events.event(null, null), "index", Events.TOPIC + "/0/0")), mark(3, 5)));
        assertEquals(2, deadLetters(5), "it was refused again, and is still one letter");
        task.put(both(List.of(
            Events.redriven(3, Events.event("e3", "2026-11-21T10:15:30Z"), "index", Events.TOPIC + "/0/0"),
            Events.redriven(4, Events.event("e4", "2026-11-21T10:15:30Z"), "statement", Events.TOPIC + "/0/1"),
            Events.redriven(5, Events.event("e5", "2026-11-21T10:15:30Z"), "index", Events.TOPIC + "/0/99")), mark(6, 10)));

        assertEquals(1, deadLetters(10), "the second was sent to another sink");
    }

    @Test
    void aLetterThatIsReportedAgainCountsOnce() {
        List<SinkRecord> records = both(List.of(Events.record(0, Events.event(null, null))), mark(1, 0));
        start().put(records);
        start().put(List.of(action(0, "discarded", "dlq.index", 0)));

        ElasticsearchSinkTask task = start();
        task.put(records);
        task.put(both(events(1, 2), mark(2, 5)));

        assertEquals(2, context.reported.size());
        assertEquals(0, deadLetters(5));
    }

    @Test
    void neitherAWatermarkNorTheOffsetPassesALetterWithoutADocument() throws Exception {
        elasticsearch.refused.put(Events.TOPIC + "/0/1", new ElasticsearchStub.Refused(503, "{\"type\":\"busy\"}", 1));
        ElasticsearchSinkTask task = start();
        task.put(both(List.of(Events.record(0), Events.record(1, Events.event(null, null)), Events.record(2)), mark(3, 0)));

        assertEquals(List.of(), written());
        OffsetAndMetadata three = new OffsetAndMetadata(3);
        assertEquals(Map.of(EVENTS, new OffsetAndMetadata(1), MARKS, new OffsetAndMetadata(0)),
            task.preCommit(Map.of(EVENTS, three, MARKS, three)));
        while (written().isEmpty()) {
            Thread.sleep(20);
            task.put(List.of());
        }

        assertEquals(1, deadLetters(0));
        assertEquals(Map.of(EVENTS, three), task.preCommit(Map.of(EVENTS, three)));
    }

    @Test
    void ofAnIdlePartitionIsWrittenWhenConnectCommitsItsPosition() {
        ElasticsearchSinkTask task = start();
        task.put(List.of(mark(10, 0)));
        task.put(List.of());
        assertEquals(List.of(), written(), "the position of the partition is unknown");

        task.preCommit(Map.of(EVENTS, new OffsetAndMetadata(9), MARKS, new OffsetAndMetadata(99)));
        task.put(List.of());
        assertEquals(List.of(), written(), "one event is missing");
        task.preCommit(Map.of(EVENTS, new OffsetAndMetadata(10)));
        task.put(List.of());

        assertEquals(List.of(0L), written());
    }

    @Test
    void thatIsHeldIsNotCommitted() {
        ElasticsearchSinkTask task = start();
        task.put(both(events(0, 3), mark(2, 0), mark(5, 9), mark(8, 12)));
        OffsetAndMetadata end = new OffsetAndMetadata(13);

        assertEquals(offsets(3, 9), task.preCommit(offsets(3, 13)), "the next watermark waits for the events up to offset 5");
        task.put(events(3, 5));
        assertEquals(List.of(0L, 9L), written());
        assertEquals(offsets(5, 12), task.preCommit(offsets(5, 13)));
        task.put(events(5, 8));
        assertEquals(Map.of(MARKS, end), task.preCommit(Map.of(MARKS, end)), "the latest one waits for its interval only");
    }

    @Test
    void thatIsHeldOutlivesTheTask() {
        ElasticsearchSinkTask first = start();
        first.put(both(events(0, 3), mark(5, 5), mark(90, 9)));
        long next = first.preCommit(offsets(3, 10)).get(MARKS).offset();
        first.close(List.of(EVENTS, MARKS));
        first.stop();

        ElasticsearchSinkTask second = start();
        second.put(both(events(3, 8), LongStream.of(5, 9).filter(offset -> offset >= next)
            .mapToObj(seconds -> mark(seconds == 5 ? 5 : 90, seconds)).toArray(SinkRecord[]::new)));

        assertEquals(List.of(5L), written());
    }

    @Test
    void ofAPartitionWithoutEventsHereHoldsNoOffset() {
        context.assignment = Set.of(MARKS);
        ElasticsearchSinkTask task = start();

        task.put(List.of(mark(5, 0)));

        assertEquals(Map.of(MARKS, new OffsetAndMetadata(1)), task.preCommit(Map.of(MARKS, new OffsetAndMetadata(1))));
    }

    @Test
    void aRevokedPartitionLosesItsPosition() {
        ElasticsearchSinkTask task = start();
        task.put(events(0, 5));

        task.close(List.of(EVENTS, MARKS));
        task.put(List.of(mark(5, 0)));

        assertEquals(List.of(), written());
    }

    @Test
    void ofAnotherPartitionOrBankIsNotWritten() {
        ElasticsearchSinkTask task = start();
        task.put(events(0, 5));

        task.put(List.of(mark(TOPIC, 1, 1, 1, 0), mark("bank-002.watermarks.v1", 0, 0, 1, 0)));
        task.put(List.of());

        assertEquals(List.of(), written());
        assertEquals(List.of(), context.reported);
    }

    @Test
    void onlyTheLatestTrueWatermarkIsWritten() {
        ElasticsearchSinkTask task = start();

        task.put(both(events(0, 3), mark(1, 0), mark(2, 5), mark(3, 10), mark(4, 15), mark(9, 20)));
        assertEquals(List.of(10L), written());
        task.put(events(3, 9));

        assertEquals(List.of(10L, 20L), written());
    }

    @Test
    void isNotWrittenTooSoonAfterTheLastOne() {
        ElasticsearchSinkTask task = start();
        task.put(both(events(0, 1), mark(1, 0)));
        task.put(List.of(mark(1, 3)));
        assertEquals(List.of(0L), written());

        task.put(List.of(mark(1, 4)));

        assertEquals(List.of(0L, 4L), written());
    }

    @Test
    void thatIsNotLaterThanAnotherIsSkipped() {
        ElasticsearchSinkTask task = start();
        task.put(both(events(0, 1), mark(1, 60)));

        task.put(List.of(mark(1, 30), mark(1, 60)));

        assertEquals(List.of(60L), written());
    }

    @Test
    void manyHeldWatermarksAreThinnedAndFollowTheEvents() {
        ElasticsearchSinkTask task = start();
        task.put(LongStream.range(1, 5_000).mapToObj(i -> mark(i, 5 * i)).toList());
        assertEquals(List.of(), written());

        for (long i = 0; i < 5_000; i += 500) {
            task.put(events(i, i + 500));
            List<Long> written = written();
            if (!written.isEmpty()) {
                assertTrue(written.get(written.size() - 1) <= 5 * (i + 500), "never ahead of the events");
            }
        }

        List<Long> written = written();
        assertTrue(written.size() >= 8, "it moves with the events: " + written);
        assertEquals(5L * 4_999, written.get(written.size() - 1));
    }

    @Test
    void thatIsInvalidGoesToTheDeadLetterTopicAndBlocksNothing() {
        Struct good = value(0, 1, 0);
        List<SinkRecord> records = new ArrayList<>(List.of(
            record(TOPIC, 0, 0, null), record(TOPIC, 0, 1, new Struct(Events.SCHEMA)),
            record(TOPIC, 0, 2, value(3, 1, 0)), record(TOPIC, 0, 3, value(0, -1, 0)),
            record(TOPIC, 0, 4, value(0, 1, -NOON - 1)),
            new SinkRecord(TOPIC, 0, null, null, null, "text", 5), record(TOPIC, 0, 6, copy(good, "bank_code", "0/1"))));
        records.addAll(both(events(0, 1), mark(1, 0)));

        start().put(records);

        assertEquals(List.of(0L, 1L, 2L, 3L, 4L, 5L, 6L), context.reportedOffsets());
        assertEquals(List.of(0L), written());
        assertEquals(1 + 1, elasticsearch.stored().size(), "the letters that count are those of events");
    }

    @Test
    void isNoDeadLetterIfTheIndexRefusesIt() throws Exception {
        elasticsearch.refused.put("001:0:" + NOON,
            new ElasticsearchStub.Refused(400, "{\"type\":\"strict_dynamic_mapping_exception\"}", 2));
        ElasticsearchSinkTask task = start();

        task.put(both(events(0, 1), mark(1, 0)));
        assertEquals(List.of(), written());
        while (written().isEmpty()) {
            Thread.sleep(20);
            task.put(List.of());
        }

        assertEquals(List.of(0L), written());
        assertEquals(List.of(), context.reported);
    }

    @Test
    void waitsForItsTemplateAndForAClosedIndexWhileEventsAreWritten() throws Exception {
        elasticsearch.templates.remove("watermarks");
        ElasticsearchSinkTask task = start();
        task.put(both(events(0, 1), mark(1, 0)));
        assertEquals(List.of(), written());
        assertEquals(1, elasticsearch.stored().size());

        elasticsearch.templates.put("watermarks", 200);
        elasticsearch.refused.put("001:0:" + NOON,
            new ElasticsearchStub.Refused(400, "{\"type\":\"index_closed_exception\"}", 1));
        for (long i = 1; written().isEmpty(); i++) {
            task.put(events(i, i + 1));
            Thread.sleep(20);
        }

        assertEquals(List.of(0L), written());
        assertEquals(List.of(), context.reported);
    }

    @Test
    void withoutTheirSettingsEveryRecordIsAnEvent() {
        settings.keySet().removeIf(key -> key.startsWith("watermark."));

        start().put(both(events(0, 1), mark(1, 0)));

        assertEquals(1, context.reported.size(), "the watermark has no event_id");
        assertEquals(1, elasticsearch.stored().size());
    }

    @Test
    void isReadInTheRegistrysFrameAndBrokenBytesAreRefused() throws Exception {
        HttpServer server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        server.createContext("/schemas/ids/7", exchange -> ElasticsearchStub.respond(exchange, 200,
            "{\"schema\":\"" + AVRO.replace("\n", "").replace("\"", "\\\"") + "\"}"));
        server.start();
        try (SchemaRegistry registry = new SchemaRegistry(new AbstractConfig(SchemaRegistry.define(new ConfigDef(), true),
                Map.of("schema.registry.url", "http://127.0.0.1:" + server.getAddress().getPort())), BankEvents.TRANSACTIONS)) {
            byte[] frame = frame(7, "001", 4, 4711, NOON, NOON + 10_000);
            SinkRecord record = new SinkRecord(TOPIC, 4, null, null, null, frame, 0);
            assertEquals(new Watermark(record, "001", 4, 4711, NOON, NOON + 10_000), Watermark.of(record, registry));

            Random random = new Random(20261121);
            for (int i = 0; i < 50_000; i++) {
                byte[] broken = java.util.Arrays.copyOf(frame, random.nextInt(4) == 0 ? 6 + random.nextInt(30) : frame.length);
                for (int times = random.nextInt(4); times > 0; times--) {
                    broken[5 + random.nextInt(broken.length - 5)] = (byte) random.nextInt();
                }
                try {
                    Watermark read = Watermark.of(new SinkRecord(TOPIC, 4, null, null, null, broken, 0), registry);
                    read.render(new IndexName("w-${timestamp}", "yyyy.MM"), new byte[0], new byte[0], new JsonBuffer(64));
                } catch (DataException e) {
                    assertNotNull(e.getMessage());
                }
            }
        } finally {
            server.stop(0);
        }
    }

    private static byte[] frame(int id, String bank, long... numbers) {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        out.writeBytes(new byte[] {0, 0, 0, 0, (byte) id});
        varint(out, bank.length());
        out.writeBytes(bank.getBytes(StandardCharsets.US_ASCII));
        for (long number : numbers) {
            varint(out, number);
        }
        return out.toByteArray();
    }

    private static void varint(ByteArrayOutputStream out, long number) {
        long bits = number << 1 ^ number >> 63;
        for (; (bits & ~0x7fL) != 0; bits >>>= 7) {
            out.write((int) (bits & 0x7f | 0x80));
        }
        out.write((int) bits);
    }

    /** Returns the watermarks in the index, in seconds after noon. */
    private List<Long> written() {
        return elasticsearch.stored().keySet().stream().filter(key -> key.startsWith("bank-watermarks-2026.11/001:0:"))
            .map(key -> (Long.parseLong(key.substring(key.lastIndexOf(':') + 1)) - NOON) / 1_000).sorted().toList();
    }

    /** Returns the number of dead letters in the watermark of a moment, in seconds after noon. */
    private long deadLetters(long seconds) {
        return elasticsearch.stored().get("bank-watermarks-2026.11/001:0:" + (NOON + seconds * 1_000)).get("dead_letters").asLong();
    }

    private static Map<TopicPartition, OffsetAndMetadata> offsets(long events, long watermarks) {
        return Map.of(EVENTS, new OffsetAndMetadata(events), MARKS, new OffsetAndMetadata(watermarks));
    }

    private static List<SinkRecord> events(long from, long to) {
        return LongStream.range(from, to).mapToObj(Events::record).toList();
    }

    private static List<SinkRecord> both(List<SinkRecord> events, SinkRecord... marks) {
        List<SinkRecord> records = new ArrayList<>(List.of(marks));
        records.addAll(events);
        return records;
    }

    /** Returns a watermark of partition 0, complete up to {@code seconds} after noon, below the offset. */
    private static SinkRecord mark(long offset, long seconds) {
        return mark(TOPIC, 0, 0, offset, seconds);
    }

    private static SinkRecord mark(String topic, int in, int of, long offset, long seconds) {
        return record(topic, in, seconds, value(of, offset, seconds * 1_000));
    }

    private static Struct value(int partition, long offset, long millis) {
        return new Struct(SCHEMA).put("bank_code", "001").put("partition", partition).put("offset", offset)
            .put("complete_to", new Date(NOON + millis)).put("published_at", new Date(NOON + millis + 10_000));
    }

    private static Struct copy(Struct value, String field, Object changed) {
        Struct copy = new Struct(value.schema());
        value.schema().fields().forEach(f -> copy.put(f, value.get(f)));
        return copy.put(field, changed);
    }

    /** Returns what an operator did with the letter of an event, as the operators' tool records it. */
    private static SinkRecord action(long offset, String what, String topic, long of) {
        return new SinkRecord(ACTIONS, 0, null, null, null, ("{\"action\":\"" + what + "\",\"by\":\"o\",\"letter\":{\"topic\":\"" + topic
            + "\",\"partition\":0,\"offset\":9},\"origin\":\"" + Events.TOPIC + "/0/" + of + "\"}").getBytes(StandardCharsets.UTF_8), offset);
    }

    private static SinkRecord record(String topic, int partition, long offset, Struct value) {
        return new SinkRecord(topic, partition, null, null, value == null ? null : value.schema(), value, offset);
    }
}
