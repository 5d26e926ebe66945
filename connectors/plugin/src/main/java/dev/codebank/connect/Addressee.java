package dev.codebank.connect;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import org.apache.kafka.connect.header.Header;
import org.apache.kafka.connect.sink.SinkRecord;

/**
 * Tells which records a sink takes. All sinks read the same topic. A dead letter that is sent again is for the sink that
 * refused it, and a header names that sink; every other sink skips the record. A record without the header is for all.
 */
final class Addressee {
    /** The header that names the connector. The operators' tool writes it. */
    static final String HEADER = "codebank.redrive.to";

    private final String connector;

    /**
     * Creates the addressee of a connector.
     *
     * @param connector the name of the connector; null takes every record
     */
    Addressee(String connector) {
        this.connector = connector;
    }

    /** Returns whether this sink takes the record. */
    boolean takes(SinkRecord record) {
        if (connector == null || record.headers().isEmpty()) {
            return true;
        }
        Header header = record.headers().lastWithName(HEADER);
        return header == null || connector.equals(text(header.value()));
    }

    /** Returns the records that this sink takes. It copies nothing if it takes all of them. */
    Collection<SinkRecord> taken(Collection<SinkRecord> records) {
        if (records.stream().allMatch(this::takes)) {
            return records;
        }
        List<SinkRecord> taken = new ArrayList<>(records.size());
        for (SinkRecord record : records) {
            if (takes(record)) {
                taken.add(record);
            }
        }
        return taken;
    }

    private static String text(Object value) {
        return value instanceof byte[] bytes ? new String(bytes, StandardCharsets.UTF_8) : String.valueOf(value);
    }
}
