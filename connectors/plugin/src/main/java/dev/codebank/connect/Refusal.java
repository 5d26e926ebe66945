package dev.codebank.connect;

import org.apache.kafka.connect.errors.DataException;
import org.apache.kafka.connect.sink.SinkRecord;

/**
 * A record that will never be a document, however often it is sent.
 *
 * @param record the record
 * @param cause why; its message is what the dead-letter topic shows
 */
record Refusal(SinkRecord record, DataException cause) {
    /** Returns where the record stands, which is all of it that may be logged. */
    String place() {
        return record.originalTopic() + "-" + record.originalKafkaPartition() + "@" + record.originalKafkaOffset();
    }
}
