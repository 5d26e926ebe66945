package dev.codebank.connect;

import java.math.BigDecimal;
import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.Collection;
import java.util.Map;
import org.apache.kafka.connect.data.Date;
import org.apache.kafka.connect.data.Decimal;
import org.apache.kafka.connect.data.Field;
import org.apache.kafka.connect.data.Schema;
import org.apache.kafka.connect.data.Struct;
import org.apache.kafka.connect.data.Time;
import org.apache.kafka.connect.data.Timestamp;
import org.apache.kafka.connect.errors.DataException;

/**
 * The JSON form of Connect's values. A Timestamp is ISO 8601 in UTC with milliseconds; a Date and a Time are ISO 8601
 * too. A Decimal is a number with all its digits, and bytes are Base64. A field that is null is left out: for
 * Elasticsearch both mean the same, and the document is smaller.
 *
 * <p>The work has two steps. {@link #writerFor} reads a schema once and returns a writer. The writer then only moves
 * bytes. It keeps no state, and several threads may use it.
 */
final class JsonValues {
    /** Writes one value. The value is not null and fits the schema of the writer. */
    interface Writer {
        void write(JsonBuffer json, Object value);
    }

    private static final long MILLIS_PER_DAY = 86_400_000L;
    private static final byte[] NULL = "null".getBytes(StandardCharsets.US_ASCII);

    private JsonValues() {
    }

    /** Returns the writer for values of a schema. If the schema is null, the writer checks the type of each value. */
    static Writer writerFor(Schema schema) {
        if (schema == null) {
            return JsonValues::schemaless;
        }
        Writer logical = logicalWriter(schema);
        if (logical != null) {
            return logical;
        }
        return switch (schema.type()) {
            case INT8, INT16, INT32, INT64 -> (json, value) -> json.number(((Number) value).longValue());
            case FLOAT32, FLOAT64 -> JsonValues::floating;
            case BOOLEAN -> (json, value) -> json.bool((Boolean) value);
            case STRING -> (json, value) -> json.string((CharSequence) value);
            case BYTES -> JsonValues::base64;
            case ARRAY -> arrayWriter(schema);
            case MAP -> mapWriter(schema);
            case STRUCT -> new StructWriter(schema);
        };
    }

    private static Writer logicalWriter(Schema schema) {
        if (schema.name() == null) {
            return null;
        }
        return switch (schema.name()) {
            case Timestamp.LOGICAL_NAME -> (json, value) -> json.instant(((java.util.Date) value).getTime());
            case Date.LOGICAL_NAME -> (json, value) ->
                json.date(Math.floorDiv(((java.util.Date) value).getTime(), MILLIS_PER_DAY));
            case Time.LOGICAL_NAME -> (json, value) ->
                json.time((int) Math.floorMod(((java.util.Date) value).getTime(), MILLIS_PER_DAY));
            case Decimal.LOGICAL_NAME -> (json, value) -> ascii(json, value.toString());
            default -> null;
        };
    }

    private static Writer arrayWriter(Schema schema) {
        Writer element = writerFor(schema.valueSchema());
        return (json, value) -> array(json, (Collection<?>) value, element);
    }

    private static Writer mapWriter(Schema schema) {
        Writer entry = writerFor(schema.valueSchema());
        return (json, value) -> map(json, (Map<?, ?>) value, entry);
    }

    private static void array(JsonBuffer json, Collection<?> values, Writer element) {
        json.raw('[');
        boolean first = true;
        for (Object value : values) {
            if (!first) {
                json.raw(',');
            }
            first = false;
            // Without the null, the elements after it would move.
            if (value == null) {
                json.raw(NULL);
            } else {
                element.write(json, value);
            }
        }
        json.raw(']');
    }

    private static void map(JsonBuffer json, Map<?, ?> values, Writer entry) {
        json.raw('{');
        boolean first = true;
        for (Map.Entry<?, ?> pair : values.entrySet()) {
            if (pair.getValue() == null) {
                continue;
            }
            if (!first) {
                json.raw(',');
            }
            first = false;
            json.string(name(pair.getKey())).raw(':');
            entry.write(json, pair.getValue());
        }
        json.raw('}');
    }

    private static String name(Object key) {
        if (key instanceof String || key instanceof Number || key instanceof Boolean) {
            return key.toString();
        }
        throw new DataException("a map key that is not a text, number or boolean has no form in JSON");
    }

    private static void floating(JsonBuffer json, Object value) {
        // A conversion to double would add digits that the float does not have.
        if (value instanceof Float single && Float.isFinite(single)) {
            ascii(json, single.toString());
        } else {
            json.number(((Number) value).doubleValue());
        }
    }

    private static void base64(JsonBuffer json, Object value) {
        byte[] bytes;
        if (value instanceof ByteBuffer buffer) {
            bytes = new byte[buffer.remaining()];
            buffer.duplicate().get(bytes);
        } else {
            bytes = (byte[]) value;
        }
        json.raw('"').raw(Base64.getEncoder().encode(bytes)).raw('"');
    }

    private static void ascii(JsonBuffer json, String text) {
        json.raw(text.getBytes(StandardCharsets.US_ASCII));
    }

    private static void schemaless(JsonBuffer json, Object value) {
        if (value instanceof CharSequence text) {
            json.string(text);
        } else if (value instanceof Boolean truth) {
            json.bool(truth);
        } else if (value instanceof Float || value instanceof Double) {
            floating(json, value);
        } else if (value instanceof BigDecimal || value instanceof BigInteger) {
            ascii(json, value.toString());
        } else if (value instanceof Number number) {
            json.number(number.longValue());
        } else if (value instanceof java.util.Date time) {
            json.instant(time.getTime());
        } else if (value instanceof Map<?, ?> map) {
            map(json, map, JsonValues::schemaless);
        } else if (value instanceof Collection<?> values) {
            array(json, values, JsonValues::schemaless);
        } else if (value instanceof byte[] || value instanceof ByteBuffer) {
            base64(json, value);
        } else if (value instanceof Struct struct) {
            writerFor(struct.schema()).write(json, struct);
        } else {
            throw new DataException("a value of " + value.getClass().getName() + " has no form in JSON");
        }
    }

    /** Writes structures of one schema. The names are prepared as bytes. */
    private static final class StructWriter implements Writer {
        private final Field[] fields;
        private final byte[][] names;
        private final Writer[] writers;

        StructWriter(Schema schema) {
            fields = schema.fields().toArray(new Field[0]);
            names = new byte[fields.length][];
            writers = new Writer[fields.length];
            for (int i = 0; i < fields.length; i++) {
                JsonBuffer name = new JsonBuffer(64).string(fields[i].name()).raw(':');
                names[i] = name.slice(0, name.size());
                writers[i] = writerFor(fields[i].schema());
            }
        }

        @Override
        public void write(JsonBuffer json, Object value) {
            Struct struct = (Struct) value;
            json.raw('{');
            boolean first = true;
            for (int i = 0; i < fields.length; i++) {
                Object part = struct.get(fields[i]);
                if (part == null) {
                    continue;
                }
                if (!first) {
                    json.raw(',');
                }
                first = false;
                json.raw(names[i]);
                writers[i].write(json, part);
            }
            json.raw('}');
        }
    }
}
