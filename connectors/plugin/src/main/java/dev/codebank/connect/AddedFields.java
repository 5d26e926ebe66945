package dev.codebank.connect;

import java.util.Date;
import java.util.function.LongSupplier;
import org.apache.kafka.connect.errors.DataException;
import org.apache.kafka.connect.sink.SinkRecord;

/**
 * The fields that a document has and its event does not have: the hour and the weekday of the event's time in UTC, the
 * time that the event took to reach the sink, and the record's position in Kafka. With hour and weekday an index can
 * show when people pay, without a script or a runtime field. Only fields that the settings name are added. Not safe for
 * concurrent use.
 */
final class AddedFields {
    private static final long MILLIS_PER_HOUR = 3_600_000L;
    private static final long MILLIS_PER_DAY = 24 * MILLIS_PER_HOUR;
    /** 1 January 1970 was a Thursday, three days after a Monday. */
    private static final long DAYS_FROM_MONDAY_TO_EPOCH = 3;

    private final byte[] hour;
    private final byte[] weekday;
    private final byte[] topic;
    private final byte[] partition;
    private final byte[] offset;
    private final byte[] pipelineMillis;
    private final LongSupplier clock;
    private String latestTopic;
    private byte[] latestTopicText;

    /**
     * Creates the fields that the settings name.
     *
     * @param clock returns the time in milliseconds since 1970; the time taken is measured with it
     */
    AddedFields(ElasticsearchSinkConfig config, LongSupplier clock) {
        this.clock = clock;
        hour = name(config.getString(ElasticsearchSinkConfig.HOUR_FIELD));
        weekday = name(config.getString(ElasticsearchSinkConfig.WEEKDAY_FIELD));
        topic = name(config.getString(ElasticsearchSinkConfig.TOPIC_FIELD));
        partition = name(config.getString(ElasticsearchSinkConfig.PARTITION_FIELD));
        offset = name(config.getString(ElasticsearchSinkConfig.OFFSET_FIELD));
        pipelineMillis = name(config.getString(ElasticsearchSinkConfig.PIPELINE_MILLIS_FIELD));
    }

    /**
     * Adds the fields to a document that is still open.
     *
     * @param time the event's time
     * @throws DataException if hour, weekday or the time taken are requested and the event has no time
     */
    void write(SinkRecord record, Object time, JsonBuffer json) {
        if (hour != null || weekday != null || pipelineMillis != null) {
            long millis = millis(time);
            number(hour, Math.floorMod(Math.floorDiv(millis, MILLIS_PER_HOUR), 24L), json);
            number(weekday, Math.floorMod(Math.floorDiv(millis, MILLIS_PER_DAY) + DAYS_FROM_MONDAY_TO_EPOCH, 7L) + 1, json);
            // The bank's clock may be ahead of ours.
            number(pipelineMillis, Math.max(clock.getAsLong() - millis, 0), json);
        }
        if (topic != null) {
            name(topic, json).raw(topicText(record.originalTopic()));
        }
        if (partition != null) {
            number(partition, record.originalKafkaPartition(), json);
        }
        number(offset, record.originalKafkaOffset(), json);
    }

    private byte[] topicText(String name) {
        if (!name.equals(latestTopic)) {
            JsonBuffer quoted = new JsonBuffer(64).string(name);
            latestTopicText = quoted.slice(0, quoted.size());
            latestTopic = name;
        }
        return latestTopicText;
    }

    private static void number(byte[] name, long value, JsonBuffer json) {
        if (name != null) {
            name(name, json).number(value);
        }
    }

    private static JsonBuffer name(byte[] name, JsonBuffer json) {
        boolean first = json.array()[json.size() - 1] == '{';
        return json.raw(name, first ? 1 : 0, name.length);
    }

    private static byte[] name(String field) {
        if (field == null || field.isEmpty()) {
            return null;
        }
        JsonBuffer name = new JsonBuffer(64).raw(',').string(field).raw(':');
        return name.slice(0, name.size());
    }

    private static long millis(Object time) {
        if (time instanceof Date date) {
            return date.getTime();
        }
        if (time instanceof Long millis) {
            return millis;
        }
        throw new DataException("the event has no time, which hour, weekday and the time taken need");
    }
}
