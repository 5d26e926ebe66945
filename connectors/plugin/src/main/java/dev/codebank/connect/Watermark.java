package dev.codebank.connect;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.Date;
import java.util.Map;
import java.util.regex.Pattern;
import org.apache.kafka.connect.data.Struct;
import org.apache.kafka.connect.errors.DataException;
import org.apache.kafka.connect.sink.SinkRecord;

/**
 * A record that states how far a partition of events is complete: every event that occurred before {@code completeTo}
 * has an offset below {@code offset}.
 *
 * @param record the record that it was read from, in the partition with the same number
 * @param bank the code of the events' bank
 * @param offset the first offset that may hold a later event
 * @param completeTo the time up to which the events are complete, in milliseconds since 1970
 * @param publishedAt the time when the watermark was written, in milliseconds since 1970
 */
record Watermark(SinkRecord record, String bank, int partition, long offset, long completeTo, long publishedAt) {
    private static final byte[] END_OF_DOCUMENT = "}\n".getBytes(StandardCharsets.US_ASCII);
    private static final Pattern BANK = Pattern.compile("[0-9A-Za-z]{1,32}");
    private static final AvroType RELEASED = released();

    Watermark {
        if (!BANK.matcher(bank).matches()) {
            throw new DataException("field bank_code is not a bank code");
        }
        if (partition != record.originalKafkaPartition()) {
            throw new DataException("the watermark is about partition " + partition + " but is in partition "
                + record.originalKafkaPartition());
        }
        Bounds.WATERMARKS.of("offset").checkNumber(offset);
        Bounds.WATERMARKS.of("complete_to").checkNumber(completeTo);
        Bounds.WATERMARKS.of("published_at").checkNumber(publishedAt);
    }

    /**
     * Reads a record.
     *
     * @param registry returns the schemas of values in the registry's frame; may be null
     * @throws DataException if the record is not a watermark
     * @throws org.apache.kafka.connect.errors.RetriableException if the registry could not be reached
     */
    static Watermark of(SinkRecord record, SchemaRegistry registry) {
        Object value = record.value();
        if (value instanceof byte[] frame && registry != null) {
            value = read(registry.byId(SchemaRegistry.idOf(frame)), frame);
        }
        return of(record, value);
    }

    /**
     * Returns whether a value is a watermark of the released schema, by its bytes alone. Its schema may be missing in the
     * registry, or be another one.
     */
    static boolean mayBe(Object value) {
        if (!(value instanceof byte[] frame) || !SchemaRegistry.isFrame(frame)) {
            return false;
        }
        try {
            Struct read = (Struct) read(RELEASED, frame);
            for (Map.Entry<String, Bounds.Bound> bound : Bounds.WATERMARKS.all().entrySet()) {
                if (read.get(bound.getKey()) instanceof String text) {
                    bound.getValue().checkSize(text.length());
                } else {
                    bound.getValue().checkNumber(number(read, bound.getKey()));
                }
            }
            return true;
        } catch (DataException e) {
            return false;
        }
    }

    private static Object read(AvroType type, byte[] frame) {
        AvroInput in = new AvroInput(frame, 0);
        SchemaRegistry.begin(in, frame);
        Object value = type.reader().read(in);
        in.end();
        return value;
    }

    private static AvroType released() {
        try {
            return AvroType.parse(new String(Bounds.resource("watermarks/v1.avsc"), StandardCharsets.UTF_8));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static Watermark of(SinkRecord record, Object value) {
        if (!(value instanceof Struct struct)) {
            throw new DataException("the value is not a record with fields, so it is not a watermark");
        }
        Object bank = struct.get("bank_code");
        if (!(bank instanceof String code)) {
            throw new DataException("field bank_code is not a text");
        }
        int partition = (int) Math.max(-1, Math.min(number(struct, "partition"), Integer.MAX_VALUE));
        return new Watermark(record, code, partition, number(struct, "offset"), number(struct, "complete_to"),
            number(struct, "published_at"));
    }

    private static long number(Struct struct, String name) {
        Object value = struct.get(name);
        if (value instanceof Date date) {
            return date.getTime();
        }
        if (value instanceof Long || value instanceof Integer) {
            return ((Number) value).longValue();
        }
        throw new DataException("field " + name + " is not a whole number");
    }

    /**
     * Appends the two lines of a bulk request that create the document.
     *
     * @param endOfAction the end of the action line, after the id
     * @param more further fields of the document, each after a comma
     */
    void render(IndexName index, byte[] endOfAction, byte[] more, JsonBuffer json) {
        json.raw(index.action(record.topic(), completeTo)).string(bank + ":" + partition + ":" + completeTo).raw(endOfAction);
        json.raw('{').string("bank_code").raw(':').string(bank);
        json.raw(',').string("partition").raw(':').number(partition);
        json.raw(',').string("offset").raw(':').number(offset);
        json.raw(',').string("complete_to").raw(':').instant(completeTo);
        json.raw(',').string("published_at").raw(':').instant(publishedAt);
        json.raw(more);
        json.raw(END_OF_DOCUMENT);
    }
}
