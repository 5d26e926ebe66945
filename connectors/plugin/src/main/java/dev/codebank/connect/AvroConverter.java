package dev.codebank.connect;

import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.Map;
import org.apache.kafka.common.config.AbstractConfig;
import org.apache.kafka.common.config.ConfigDef;
import org.apache.kafka.common.config.ConfigDef.Importance;
import org.apache.kafka.common.config.ConfigDef.Range;
import org.apache.kafka.common.config.ConfigDef.Type;
import org.apache.kafka.common.config.types.Password;
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
    static final String URLS = "schema.registry.url";
    static final String USER_INFO = "basic.auth.user.info";
    static final String CONNECTION_TIMEOUT_MS = "http.connect.timeout.ms";
    static final String READ_TIMEOUT_MS = "http.read.timeout.ms";

    private static final ConfigDef CONFIG = new ConfigDef()
        .define(URLS, Type.LIST, ConfigDef.NO_DEFAULT_VALUE, HttpAddresses.VALIDATOR, Importance.HIGH,
            "The nodes of the registry, separated by commas, each up to where its Confluent interface begins.")
        .define(USER_INFO, Type.PASSWORD, null, Importance.MEDIUM,
            "user:password to sign in with; unset, no credentials are sent.")
        .define(CONNECTION_TIMEOUT_MS, Type.INT, 3_000, Range.atLeast(1), Importance.LOW,
            "How long to wait for a connection, in milliseconds.")
        .define(READ_TIMEOUT_MS, Type.INT, 10_000, Range.atLeast(1), Importance.LOW,
            "How long to wait for a whole answer, in milliseconds.");

    private static final int FRAME_BYTES = 5;

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
        AbstractConfig config = new AbstractConfig(CONFIG, settings, false);
        Password userInfo = config.getPassword(USER_INFO);
        registry = new SchemaRegistry(new HttpNodes(HttpAddresses.parse(config.getList(URLS)),
            Duration.ofMillis(config.getInt(CONNECTION_TIMEOUT_MS)), Duration.ofMillis(config.getInt(READ_TIMEOUT_MS)),
            userInfo == null || userInfo.value().isEmpty() ? null : userInfo.value()));
    }

    @Override
    public SchemaAndValue toConnectData(String topic, byte[] value) {
        if (value == null) {
            return SchemaAndValue.NULL;
        }
        if (value.length < FRAME_BYTES || value[0] != 0) {
            throw new DataException("not a value in the registry's frame, which begins with a zero byte and four more");
        }
        AvroType type = registry.byId(ByteBuffer.wrap(value).getInt(1));
        AvroInput in = new AvroInput(value, FRAME_BYTES);
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
