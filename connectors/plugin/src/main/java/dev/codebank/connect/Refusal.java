package dev.codebank.connect;

import org.apache.kafka.connect.errors.DataException;
import org.apache.kafka.connect.sink.SinkRecord;

/**
 * A record that can never be a document or a row, however often it is sent.
 *
 * @param record the record
 * @param cause the reason; the dead-letter topic shows its message
 */
record Refusal(SinkRecord record, DataException cause) {
    /** Returns the position of the record, which is the only part of it that may be logged. */
    String position() {
        return position(record);
    }

    /** Returns the position of a record, which is the only part of it that may be logged. */
    static String position(SinkRecord record) {
        return record.originalTopic() + "-" + record.originalKafkaPartition() + "@" + record.originalKafkaOffset();
    }
}
