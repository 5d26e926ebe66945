package dev.codebank.connect;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.UUID;
import org.apache.kafka.connect.data.Date;
import org.apache.kafka.connect.data.Decimal;
import org.apache.kafka.connect.data.Time;
import org.apache.kafka.connect.data.Timestamp;
import org.apache.kafka.connect.errors.DataException;

/**
 * Converts one field from Avro's binary encoding to that of Postgres, for every pair of types that fits. A value outside
 * its bound ({@link Bounds}) is refused.
 */
final class CopyField {
    /** The time from 1970 to 2000, where Postgres starts to count. */
    private static final long EPOCH_MILLIS = 946_684_800_000L;
    private static final int EPOCH_DAYS = 10_957;
    private static final long MILLIS_PER_DAY = 86_400_000L;

    private CopyField() {
    }

    /** Returns the step that skips a field. */
    static CopyPlan.Step skip(AvroType type) {
        AvroType.Shape shape = type.shape();
        if (shape.nonNull() != null) {
            CopyPlan.Step nonNull = skip(shape.nonNull());
            return (in, out) -> {
                if (in.branch() != shape.nullBranch()) {
                    nonNull.run(in, out);
                }
            };
        }
        if (isText(type)) {
            return (in, out) -> in.skipBytes();
        }
        AvroType.Reader reader = type.reader();
        return (in, out) -> reader.read(in);
    }

    /**
     * Returns the step that converts a field for its column.
     *
     * @throws DataException if values of the type do not fit the column
     */
    static CopyPlan.Step of(AvroType type, PostgresTable.Column column) {
        AvroType.Shape shape = type.shape();
        CopyPlan.Step step = convert(shape.nonNull() == null ? type : shape.nonNull(), column);
        if (step == null) {
            throw new DataException("field " + column.name() + " has the type " + typeName(type)
                + ", which does not fit the column type " + column.typeName());
        }
        if (shape.nonNull() == null) {
            return step;
        }
        int nullBranch = shape.nullBranch();
        Bounds.Bound bound = Bounds.TRANSACTIONS.of(column.name());
        if (column.required() || bound.required()) {
            return (in, out) -> {
                if (in.branch() == nullBranch) {
                    throw column.required()
                        ? new DataException("field " + column.name() + " is null, but its column is NOT NULL") : bound.isEmpty();
                }
                step.run(in, out);
            };
        }
        return (in, out) -> {
            if (in.branch() == nullBranch) {
                out.nullField();
            } else {
                step.run(in, out);
            }
        };
    }

    private static CopyPlan.Step convert(AvroType type, PostgresTable.Column column) {
        Bounds.Bound bound = Bounds.TRANSACTIONS.of(column.name());
        return switch (column.type()) {
            case TEXT -> text(type, bound);
            case UUID -> isText(type) ? uuid(column.name()) : null;
            case INT2, INT4, INT8 -> integer(type, column, bound);
            case FLOAT4, FLOAT8 -> floating(type, column.type() == PostgresTable.Type.FLOAT4);
            case BOOL -> typeName(type).equals("BOOLEAN") ? (in, out) -> out.byteField(in.bool() ? 1 : 0) : null;
            case BYTEA -> typeName(type).equals("BYTES") ? (in, out) -> {
                byte[] value = (byte[]) type.reader().read(in);
                out.field(value, 0, value.length);
            } : null;
            case TIMESTAMP -> timestamp(type, bound.ofTime());
            case DATE -> typeName(type).equals(Date.LOGICAL_NAME) ? date(bound.ofTime()) : null;
        };
    }

    private static CopyPlan.Step text(AvroType type, Bounds.Bound bound) {
        String[] symbols = type.shape().symbols();
        if (symbols != null) {
            byte[][] texts = Arrays.stream(symbols).map(symbol -> symbol.getBytes(StandardCharsets.UTF_8)).toArray(byte[][]::new);
            Arrays.stream(texts).forEach(text -> bound.checkSize(text.length));
            return (in, out) -> {
                byte[] text = texts[in.symbol(texts.length)];
                out.field(text, 0, text.length);
            };
        }
        // The server checks in any case whether the text is UTF-8 and has no zero byte.
        return isText(type) ? (in, out) -> {
            int size = in.skipBytes();
            bound.checkSize(size);
            out.field(in.array(), in.position() - size, size);
        } : null;
    }

    private static CopyPlan.Step uuid(String name) {
        return (in, out) -> {
            UUID value;
            try {
                value = UUID.fromString(in.text());
            } catch (IllegalArgumentException e) {
                throw new DataException("field " + name + " holds a text that is not a UUID", e);
            }
            byte[] bytes = java.nio.ByteBuffer.allocate(16).putLong(value.getMostSignificantBits())
                .putLong(value.getLeastSignificantBits()).array();
            out.field(bytes, 0, bytes.length);
        };
    }

    private static CopyPlan.Step integer(AvroType type, PostgresTable.Column column, Bounds.Bound bound) {
        boolean wide = typeName(type).equals("INT64");
        if (!wide && !typeName(type).equals("INT32")) {
            return null;
        }
        return switch (column.type()) {
            case INT8 -> (in, out) -> out.longField(number(in, wide, bound));
            case INT4 -> (in, out) -> out.intField(exact(number(in, wide, bound), column.name()));
            default -> (in, out) -> {
                long value = number(in, wide, bound);
                if (value != (short) value) {
                    throw tooLarge(column.name());
                }
                out.shortField((int) value);
            };
        };
    }

    private static long number(AvroInput in, boolean wide, Bounds.Bound bound) {
        long value = wide ? in.longInteger() : in.integer();
        bound.checkNumber(value);
        return value;
    }

    private static CopyPlan.Step floating(AvroType type, boolean single) {
        boolean one = typeName(type).equals("FLOAT32");
        if (single) {
            return one ? (in, out) -> out.intField(Float.floatToRawIntBits(in.float32())) : null;
        }
        if (one) {
            return (in, out) -> out.longField(Double.doubleToRawLongBits(in.float32()));
        }
        return typeName(type).equals("FLOAT64")
            ? (in, out) -> out.longField(Double.doubleToRawLongBits(in.float64())) : null;
    }

    private static CopyPlan.Step timestamp(AvroType type, Bounds.Bound bound) {
        boolean millis = typeName(type).equals(Timestamp.LOGICAL_NAME);
        if (!millis && !"timestamp-micros".equals(type.shape().logical())) {
            return null;
        }
        return (in, out) -> {
            long value = in.longInteger();
            bound.checkNumber(millis ? value : Math.floorDiv(value, 1_000L));
            out.longField(millis ? (value - EPOCH_MILLIS) * 1_000L : value - EPOCH_MILLIS * 1_000L);
        };
    }

    private static CopyPlan.Step date(Bounds.Bound bound) {
        return (in, out) -> {
            int day = in.integer();
            bound.checkNumber(day * MILLIS_PER_DAY);
            out.intField(day - EPOCH_DAYS);
        };
    }

    private static int exact(long value, String name) {
        if (value != (int) value) {
            throw tooLarge(name);
        }
        return (int) value;
    }

    private static DataException tooLarge(String name) {
        return new DataException("field " + name + " holds a number that does not fit its column");
    }

    private static boolean isText(AvroType type) {
        return typeName(type).equals("STRING") && type.shape().symbols() == null;
    }

    /** Returns Connect's name of the type, or the name of a logical type that Connect has. */
    private static String typeName(AvroType type) {
        String logical = type.schema().name();
        boolean known = Timestamp.LOGICAL_NAME.equals(logical) || Date.LOGICAL_NAME.equals(logical)
            || Time.LOGICAL_NAME.equals(logical) || Decimal.LOGICAL_NAME.equals(logical);
        return known ? logical : type.schema().type().name();
    }
}
