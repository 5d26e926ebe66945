package dev.codebank.connect;

import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.Map;
import org.apache.kafka.connect.data.Schema;
import org.apache.kafka.connect.errors.DataException;
import org.apache.kafka.connect.sink.SinkRecord;
import org.junit.jupiter.api.Test;

class RefuseTombstoneTest {
    private final RefuseTombstone<SinkRecord> transformation = new RefuseTombstone<>();

    @Test
    void aRecordWithoutAValueIsRefusedAndEveryOtherPasses() {
        transformation.configure(Map.of());
        SinkRecord event = Events.record(1);
        SinkRecord tombstone = new SinkRecord(Events.TOPIC, 0, Schema.STRING_SCHEMA, "a", null, null, 2);

        assertSame(event, transformation.apply(event));
        assertThrows(DataException.class, () -> transformation.apply(tombstone));
    }
}
