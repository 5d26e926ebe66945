package dev.codebank.connect;

import java.util.Map;
import org.apache.kafka.common.config.AbstractConfig;
import org.apache.kafka.common.config.ConfigDef;
import org.apache.kafka.connect.data.Schema;
import org.apache.kafka.connect.data.SchemaAndValue;
import org.apache.kafka.connect.errors.DataException;
import org.apache.kafka.connect.storage.Converter;

/**
 * Reads Avro values in Confluent's frame: a zero byte, the schema's id in four bytes, the value as it was written with that
 * schema. Made for sinks: it writes nothing.
 *
 * <p>A value that cannot be read is a {@link DataException} and goes where the connector sends its errors. A registry that is
 * away is no fault of the value: it gives a {@link org.apache.kafka.connect.errors.RetriableException}, so that with
 * {@code errors.retry.timeout=-1} records wait for the registry instead of filling the dead-letter topic.
 */
public final class AvroConverter implements Converter {
    private static final ConfigDef CONFIG = SchemaRegistry.define(new ConfigDef(), true);

    private SchemaRegistry registry;

    /** Makes a converter; Connect configures it next. */
    public AvroConverter() {
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
    public void configure(Map<String, ?> settings, boolean isKey) {
        registry = new SchemaRegistry(new AbstractConfig(CONFIG, settings, false));
    }

    @Override
    public SchemaAndValue toConnectData(String topic, byte[] value) {
        if (value == null) {
            return SchemaAndValue.NULL;
        }
        AvroType type = registry.byId(SchemaRegistry.idOf(value));
        AvroInput in = new AvroInput(value, 0);
        SchemaRegistry.begin(in, value);
        Object data = type.reader().read(in);
        in.end();
        return new SchemaAndValue(type.schema(), data);
    }

    /** Always fails: no source of ours writes Avro by way of Connect. */
    @Override
    public byte[] fromConnectData(String topic, Schema schema, Object value) {
        throw new DataException("this converter only reads");
    }

    @Override
    public void close() {
        if (registry != null) {
            registry.close();
        }
    }
}
