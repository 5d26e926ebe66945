package dev.codebank.connect;

import java.io.IOException;
import java.io.PrintStream;
import java.util.Map;
import java.util.function.IntUnaryOperator;
import org.apache.kafka.connect.data.Schema;
import org.apache.kafka.connect.data.SchemaBuilder;
import org.apache.kafka.connect.data.Struct;
import org.apache.kafka.connect.data.Timestamp;
import org.apache.kafka.connect.json.JsonConverter;
import org.apache.kafka.connect.sink.SinkRecord;

/**
 * Measures how fast a record becomes the two lines of a bulk request, compared with Connect's own JSON converter, which
 * makes no action line. It is not a test: run its main class with the test class path.
 */
final class RenderBenchmark {
    private static final int TEXTS = 28;
    private static final int ROUNDS = 8;
    private static final int RECORDS = 100_000;

    private RenderBenchmark() {
    }

    public static void main(String[] args) throws IOException {
        SinkRecord record = record();
        DocumentRenderer renderer = new DocumentRenderer(new ElasticsearchSinkConfig(Map.of(
            "connection.url", "http://127.0.0.1:1", "index.name.format", "bank-transactions-${timestamp}",
            "index.timestamp.field", "occurred_at", "document.id.field", "event_id")), null);
        try (JsonConverter converter = new JsonConverter()) {
            converter.configure(Map.of("schemas.enable", "false"), false);
            for (int round = 0; round < ROUNDS; round++) {
                measure(System.out, "DocumentRenderer", i -> {
                    JsonBuffer json = new JsonBuffer(2048);
                    renderer.render(record, json);
                    return json.size();
                });
                measure(System.out, "JsonConverter", i ->
                    converter.fromConnectData("t", record.valueSchema(), record.value()).length);
            }
        }
    }

    private static void measure(PrintStream out, String name, IntUnaryOperator work) {
        long bytes = 0;
        long start = System.nanoTime();
        for (int i = 0; i < RECORDS; i++) {
            bytes += work.applyAsInt(i);
        }
        double seconds = (System.nanoTime() - start) / 1e9;
        out.printf("%-16s %,12.0f records/s %8.1f MB/s%n", name, RECORDS / seconds, bytes / seconds / 1e6);
    }

    private static SinkRecord record() {
        SchemaBuilder builder = SchemaBuilder.struct().field("event_id", Schema.STRING_SCHEMA)
            .field("occurred_at", Timestamp.SCHEMA);
        for (int i = 0; i < TEXTS; i++) {
            builder.field("text_field_" + i, Schema.OPTIONAL_STRING_SCHEMA);
        }
        for (int i = 0; i < 6; i++) {
            builder.field("amount_" + i + "_minor", Schema.OPTIONAL_INT64_SCHEMA);
        }
        Schema schema = builder.build();
        Struct value = new Struct(schema).put("event_id", "00000000-0000-0000-0000-000000000003:17")
            .put("occurred_at", new java.util.Date(1_795_256_130_005L));
        for (int i = 0; i < TEXTS; i += 2) {
            value.put("text_field_" + i, i % 4 == 0 ? "Padaria São João" : "00000000-0000-0000-0000-000000000003");
        }
        for (int i = 0; i < 6; i++) {
            value.put("amount_" + i + "_minor", 1_999L * i);
        }
        return new SinkRecord(Events.TOPIC, 0, null, null, schema, value, 0);
    }
}
