package dev.codebank.connect;

import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.Date;
import org.apache.kafka.common.record.TimestampType;
import org.apache.kafka.connect.data.Schema;
import org.apache.kafka.connect.data.SchemaBuilder;
import org.apache.kafka.connect.data.Struct;
import org.apache.kafka.connect.data.Timestamp;
import org.apache.kafka.connect.sink.SinkRecord;

/** Records like those of the bank's topic, with fewer fields. */
final class Events {
    static final String TOPIC = "bank-001.transactions.v1";
    static final Schema SCHEMA = SchemaBuilder.struct().name("dev.codebank.bank.TransactionEvent")
        .field("event_id", Schema.OPTIONAL_STRING_SCHEMA)
        .field("status", SchemaBuilder.string().parameter("io.apicurio.avro.enum.default", "UNKNOWN").build())
        .field("amount_minor", Schema.INT64_SCHEMA)
        .field("description", Schema.OPTIONAL_STRING_SCHEMA)
        .field("occurred_at", SchemaBuilder.int64().name(Timestamp.LOGICAL_NAME).optional().build())
        .build();

    private Events() {
    }

    static Struct event(String id, String occurredAt) {
        return new Struct(SCHEMA).put("event_id", id).put("status", "APPROVED").put("amount_minor", 1999L)
            .put("occurred_at", occurredAt == null ? null : Date.from(Instant.parse(occurredAt)));
    }

    static SinkRecord record(long offset, Struct value) {
        return new SinkRecord(TOPIC, 0, Schema.STRING_SCHEMA, "account", SCHEMA, value, offset, 0L,
            TimestampType.CREATE_TIME);
    }

    static SinkRecord record(long offset) {
        return record(offset, event("e" + offset, "2026-11-21T10:15:30.123Z"));
    }

    /** A record that was sent again for one connector. The value of its header is bytes, as the sinks' converter makes it. */
    static SinkRecord addressed(long offset, String connector) {
        SinkRecord record = record(offset);
        record.headers().add(Addressee.HEADER, connector.getBytes(StandardCharsets.UTF_8), Schema.OPTIONAL_BYTES_SCHEMA);
        return record;
    }

    /** A record that was sent again for one connector, after the record at a place had become a dead letter. */
    static SinkRecord redriven(long offset, Struct value, String connector, String first) {
        SinkRecord record = record(offset, value);
        record.headers().add(Addressee.HEADER, connector.getBytes(StandardCharsets.UTF_8), Schema.OPTIONAL_BYTES_SCHEMA);
        record.headers().add(IndexedLetters.FIRST, first.getBytes(StandardCharsets.UTF_8), Schema.OPTIONAL_BYTES_SCHEMA);
        return record;
    }

    /** A record without a value that was sent again for one connector. */
    static SinkRecord poison(long offset, String connector) {
        SinkRecord record = new SinkRecord(TOPIC, 0, null, null, null, null, offset);
        record.headers().add(Addressee.HEADER, connector.getBytes(StandardCharsets.UTF_8), Schema.OPTIONAL_BYTES_SCHEMA);
        return record;
    }
}
