package dev.codebank.connect;

import java.util.Map;
import org.apache.kafka.common.config.ConfigDef;
import org.apache.kafka.connect.connector.ConnectRecord;
import org.apache.kafka.connect.errors.DataException;
import org.apache.kafka.connect.transforms.Transformation;

/**
 * Refuses a record without a value; every other passes unchanged. Events are never taken back, so a tombstone on their topic
 * is a mistake that belongs into the dead-letter topic, while a sink that knows deletes would skip it without a word.
 *
 * @param <R> the kind of record
 */
public final class RefuseTombstone<R extends ConnectRecord<R>> implements Transformation<R> {
    private static final ConfigDef CONFIG = new ConfigDef();

    /** Makes the transformation; it has no settings. */
    public RefuseTombstone() {
    }

    @Override
    public String version() {
        return Version.current();
    }

    @Override
    public ConfigDef config() {
        return CONFIG;
    }

    @Override
    public void configure(Map<String, ?> settings) {
        // There is nothing to choose.
    }

    @Override
    public R apply(R record) {
        if (record.value() == null) {
            throw new DataException("a tombstone is no event: events are never deleted");
        }
        return record;
    }

    @Override
    public void close() {
        // Nothing is held open.
    }
}
