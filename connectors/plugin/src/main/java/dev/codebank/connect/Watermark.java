package dev.codebank.connect;

import java.nio.charset.StandardCharsets;
import java.util.Date;
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
    private static final byte[] END_OF_ACTION = "}}\n".getBytes(StandardCharsets.US_ASCII);
    private static final byte[] END_OF_DOCUMENT = "}\n".getBytes(StandardCharsets.US_ASCII);
    private static final Pattern BANK = Pattern.compile("[0-9A-Za-z]{1,32}");
    /** The end of the year 9999. */
    private static final long LAST_MILLI = 253_402_300_799_999L;

    Watermark {
        if (!BANK.matcher(bank).matches()) {
            throw new DataException("field bank_code is not a bank code");
        }
        if (partition != record.originalKafkaPartition()) {
            throw new DataException("the watermark is about partition " + partition + " but is in partition "
                + record.originalKafkaPartition());
        }
        if (offset < 0) {
            throw new DataException("field offset is negative");
        }
        if (completeTo < 0 || completeTo > LAST_MILLI || publishedAt < 0 || publishedAt > LAST_MILLI) {
            throw new DataException("complete_to or published_at is outside the years 1970 to 9999");
        }
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
            AvroType type = registry.byId(SchemaRegistry.idOf(frame));
            AvroInput in = new AvroInput(frame, 0);
            SchemaRegistry.begin(in, frame);
            value = type.reader().read(in);
            in.end();
        }
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
     * Appends the two lines of a bulk request that create the document. The same watermark always gives the same bytes.
     */
    void render(IndexName index, JsonBuffer json) {
        json.raw(index.action(record.topic(), completeTo)).string(bank + ":" + partition + ":" + completeTo).raw(END_OF_ACTION);
        json.raw('{').string("bank_code").raw(':').string(bank);
        json.raw(',').string("partition").raw(':').number(partition);
        json.raw(',').string("offset").raw(':').number(offset);
        json.raw(',').string("complete_to").raw(':').instant(completeTo);
        json.raw(',').string("published_at").raw(':').instant(publishedAt);
        json.raw(END_OF_DOCUMENT);
    }
}
