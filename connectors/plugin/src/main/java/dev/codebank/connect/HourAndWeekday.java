package dev.codebank.connect;

import java.util.Date;
import java.util.LinkedHashMap;
import java.util.Map;
import org.apache.kafka.common.config.AbstractConfig;
import org.apache.kafka.common.config.ConfigDef;
import org.apache.kafka.connect.connector.ConnectRecord;
import org.apache.kafka.connect.data.Field;
import org.apache.kafka.connect.data.Schema;
import org.apache.kafka.connect.data.SchemaBuilder;
import org.apache.kafka.connect.data.Struct;
import org.apache.kafka.connect.errors.DataException;
import org.apache.kafka.connect.transforms.Transformation;

/**
 * Adds two fields to a record: the hour, 0 to 23, and the weekday, 1 for Monday to 7 for Sunday (ISO 8601), of one of its
 * times, in UTC. An index can then draw "when do people pay" without a script or a runtime field.
 *
 * <p>The time is a Connect Timestamp or a whole number of milliseconds since 1970. A tombstone passes unchanged. A record
 * without the time is a {@link DataException}, which Connect treats by the connector's {@code errors.tolerance}.
 *
 * @param <R> the kind of record
 */
public abstract class HourAndWeekday<R extends ConnectRecord<R>> implements Transformation<R> {
    static final String SOURCE_FIELD = "source.field";
    static final String HOUR_FIELD = "hour.field";
    static final String WEEKDAY_FIELD = "weekday.field";

    private static final ConfigDef CONFIG = new ConfigDef()
        .define(SOURCE_FIELD, ConfigDef.Type.STRING, ConfigDef.NO_DEFAULT_VALUE, new ConfigDef.NonEmptyString(),
            ConfigDef.Importance.HIGH, "The field that holds the time, a Timestamp or milliseconds since 1970.")
        .define(HOUR_FIELD, ConfigDef.Type.STRING, "hour", new ConfigDef.NonEmptyString(),
            ConfigDef.Importance.LOW, "The field to add for the hour in UTC, 0 to 23.")
        .define(WEEKDAY_FIELD, ConfigDef.Type.STRING, "weekday", new ConfigDef.NonEmptyString(),
            ConfigDef.Importance.LOW, "The field to add for the weekday in UTC, 1 for Monday to 7 for Sunday.");

    private static final long MILLIS_PER_HOUR = 3_600_000L;
    private static final long MILLIS_PER_DAY = 24 * MILLIS_PER_HOUR;
    /** 1 January 1970 was a Thursday, three days after a Monday. */
    private static final long DAYS_FROM_MONDAY_TO_EPOCH = 3;

    private String sourceField;
    private String hourField;
    private String weekdayField;
    private SchemaCache<Schema> widened;

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
        AbstractConfig config = new AbstractConfig(CONFIG, settings, false);
        sourceField = config.getString(SOURCE_FIELD);
        hourField = config.getString(HOUR_FIELD);
        weekdayField = config.getString(WEEKDAY_FIELD);
        widened = new SchemaCache<>(this::widen);
    }

    @Override
    public R apply(R record) {
        Object value = valueOf(record);
        if (value == null) {
            return record;
        }
        if (value instanceof Struct struct) {
            return applyToStruct(record, struct);
        }
        if (value instanceof Map<?, ?> map) {
            return applyToMap(record, map);
        }
        throw new DataException("HourAndWeekday needs a structure or a map, not a " + value.getClass().getSimpleName());
    }

    @Override
    public void close() {
        // Nothing is held open.
    }

    /** Returns the part of the record that is transformed. */
    protected abstract Object valueOf(R record);

    /** Returns the record with that part replaced. */
    protected abstract R withValue(R record, Schema schema, Object value);

    private R applyToStruct(R record, Struct struct) {
        Field source = struct.schema().field(sourceField);
        long millis = millis(source == null ? null : struct.get(source));
        Schema schema = widened.get(struct.schema());
        Struct result = new Struct(schema);
        for (Field field : struct.schema().fields()) {
            result.put(field.name(), struct.getWithoutDefault(field.name()));
        }
        result.put(hourField, hour(millis));
        result.put(weekdayField, weekday(millis));
        return withValue(record, schema, result);
    }

    private R applyToMap(R record, Map<?, ?> map) {
        long millis = millis(map.get(sourceField));
        Map<Object, Object> result = new LinkedHashMap<>(map);
        result.put(hourField, hour(millis));
        result.put(weekdayField, weekday(millis));
        return withValue(record, null, result);
    }

    private Schema widen(Schema schema) {
        SchemaBuilder builder = SchemaBuilder.struct().name(schema.name()).version(schema.version()).doc(schema.doc());
        if (schema.parameters() != null) {
            builder.parameters(schema.parameters());
        }
        if (schema.isOptional()) {
            builder.optional();
        }
        for (Field field : schema.fields()) {
            builder.field(field.name(), field.schema());
        }
        return builder.field(hourField, Schema.INT32_SCHEMA).field(weekdayField, Schema.INT32_SCHEMA).build();
    }

    private long millis(Object time) {
        if (time instanceof Date date) {
            return date.getTime();
        }
        if (time instanceof Long millis) {
            return millis;
        }
        throw new DataException("HourAndWeekday: field " + sourceField + " holds "
            + (time == null ? "no time" : "a " + time.getClass().getSimpleName() + ", not a time"));
    }

    private static int hour(long millis) {
        return (int) Math.floorMod(Math.floorDiv(millis, MILLIS_PER_HOUR), 24L);
    }

    private static int weekday(long millis) {
        return (int) Math.floorMod(Math.floorDiv(millis, MILLIS_PER_DAY) + DAYS_FROM_MONDAY_TO_EPOCH, 7L) + 1;
    }

    /**
     * Adds the fields to a record's value.
     *
     * @param <R> the kind of record
     */
    public static final class Value<R extends ConnectRecord<R>> extends HourAndWeekday<R> {
        /** Makes the transformation; Connect configures it next. */
        public Value() {
        }

        @Override
        protected Object valueOf(R record) {
            return record.value();
        }

        @Override
        protected R withValue(R record, Schema schema, Object value) {
            return record.newRecord(record.topic(), record.kafkaPartition(), record.keySchema(), record.key(),
                schema, value, record.timestamp());
        }
    }
}
