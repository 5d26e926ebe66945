package dev.codebank.connect;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.UUID;
import org.apache.kafka.connect.data.Date;
import org.apache.kafka.connect.data.Decimal;
import org.apache.kafka.connect.data.Time;
import org.apache.kafka.connect.data.Timestamp;
import org.apache.kafka.connect.errors.DataException;

/** From one field in Avro's binary encoding to one field in that of Postgres, for every pair of types that fits. */
final class CopyField {
    /** From 1970 to 2000, which is where Postgres counts from. */
    private static final long EPOCH_MILLIS = 946_684_800_000L;
    private static final int EPOCH_DAYS = 10_957;

    private CopyField() {
    }

    /** Returns what passes over a field. */
    static CopyPlan.Step skip(AvroType type) {
        AvroType.Shape shape = type.shape();
        if (shape.some() != null) {
            CopyPlan.Step some = skip(shape.some());
            return (in, out) -> {
                if (in.branch() != shape.empty()) {
                    some.run(in, out);
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
     * Returns what rewrites a field for its column.
     *
     * @throws DataException if values of that type are none of the column's
     */
    static CopyPlan.Step of(AvroType type, PostgresTable.Column column) {
        AvroType.Shape shape = type.shape();
        CopyPlan.Step step = present(shape.some() == null ? type : shape.some(), column);
        if (step == null) {
            throw new DataException("field " + column.name() + " holds " + named(type) + ", which column type "
                + column.typeName() + " does not take");
        }
        if (shape.some() == null) {
            return step;
        }
        int empty = shape.empty();
        if (column.required()) {
            return (in, out) -> {
                if (in.branch() == empty) {
                    throw new DataException("field " + column.name() + " is null, which its column does not take");
                }
                step.run(in, out);
            };
        }
        return (in, out) -> {
            if (in.branch() == empty) {
                out.empty();
            } else {
                step.run(in, out);
            }
        };
    }

    private static CopyPlan.Step present(AvroType type, PostgresTable.Column column) {
        return switch (column.type()) {
            case TEXT -> text(type);
            case UUID -> isText(type) ? uuid(column.name()) : null;
            case INT2, INT4, INT8 -> integer(type, column);
            case FLOAT4, FLOAT8 -> floating(type, column.type() == PostgresTable.Type.FLOAT4);
            case BOOL -> named(type).equals("BOOLEAN") ? (in, out) -> out.byteField(in.bool() ? 1 : 0) : null;
            case BYTEA -> named(type).equals("BYTES") ? (in, out) -> {
                byte[] value = (byte[]) type.reader().read(in);
                out.field(value, 0, value.length);
            } : null;
            case TIMESTAMP -> timestamp(type, column.name());
            case DATE -> named(type).equals(Date.LOGICAL_NAME)
                ? (in, out) -> out.intField(exact(in.integer() - (long) EPOCH_DAYS, column.name())) : null;
        };
    }

    private static CopyPlan.Step text(AvroType type) {
        String[] symbols = type.shape().symbols();
        if (symbols != null) {
            byte[][] texts = Arrays.stream(symbols).map(symbol -> symbol.getBytes(StandardCharsets.UTF_8)).toArray(byte[][]::new);
            return (in, out) -> {
                byte[] text = texts[in.symbol(texts.length)];
                out.field(text, 0, text.length);
            };
        }
        // Whether it is UTF-8 and has no zero byte is looked at by the server in any case.
        return isText(type) ? (in, out) -> {
            int size = in.skipBytes();
            out.field(in.array(), in.position() - size, size);
        } : null;
    }

    private static CopyPlan.Step uuid(String name) {
        return (in, out) -> {
            UUID value;
            try {
                value = UUID.fromString(in.text());
            } catch (IllegalArgumentException e) {
                throw new DataException("field " + name + " holds a text that is no UUID", e);
            }
            byte[] bytes = java.nio.ByteBuffer.allocate(16).putLong(value.getMostSignificantBits())
                .putLong(value.getLeastSignificantBits()).array();
            out.field(bytes, 0, bytes.length);
        };
    }

    private static CopyPlan.Step integer(AvroType type, PostgresTable.Column column) {
        boolean wide = named(type).equals("INT64");
        if (!wide && !named(type).equals("INT32")) {
            return null;
        }
        return switch (column.type()) {
            case INT8 -> wide ? (in, out) -> out.longField(in.longInteger()) : (in, out) -> out.longField(in.integer());
            case INT4 -> wide ? (in, out) -> out.intField(exact(in.longInteger(), column.name()))
                : (in, out) -> out.intField(in.integer());
            default -> (in, out) -> {
                long value = wide ? in.longInteger() : in.integer();
                if (value != (short) value) {
                    throw tooLarge(column.name());
                }
                out.shortField((int) value);
            };
        };
    }

    private static CopyPlan.Step floating(AvroType type, boolean single) {
        boolean one = named(type).equals("FLOAT32");
        if (single) {
            return one ? (in, out) -> out.intField(Float.floatToRawIntBits(in.single())) : null;
        }
        if (one) {
            return (in, out) -> out.longField(Double.doubleToRawLongBits(in.single()));
        }
        return named(type).equals("FLOAT64")
            ? (in, out) -> out.longField(Double.doubleToRawLongBits(in.twice())) : null;
    }

    private static CopyPlan.Step timestamp(AvroType type, String name) {
        boolean millis = named(type).equals(Timestamp.LOGICAL_NAME);
        if (!millis && !"timestamp-micros".equals(type.shape().logical())) {
            return null;
        }
        return (in, out) -> {
            long value = in.longInteger();
            try {
                out.longField(millis ? Math.multiplyExact(Math.subtractExact(value, EPOCH_MILLIS), 1_000L)
                    : Math.subtractExact(value, EPOCH_MILLIS * 1_000L));
            } catch (ArithmeticException e) {
                throw tooLarge(name);
            }
        };
    }

    private static int exact(long value, String name) {
        if (value != (int) value) {
            throw tooLarge(name);
        }
        return (int) value;
    }

    private static DataException tooLarge(String name) {
        return new DataException("field " + name + " holds a number that its column does not");
    }

    private static boolean isText(AvroType type) {
        return named(type).equals("STRING") && type.shape().symbols() == null;
    }

    /** Returns the type's name: Connect's, or that of a logical type Connect has. */
    private static String named(AvroType type) {
        String logical = type.schema().name();
        boolean known = Timestamp.LOGICAL_NAME.equals(logical) || Date.LOGICAL_NAME.equals(logical)
            || Time.LOGICAL_NAME.equals(logical) || Decimal.LOGICAL_NAME.equals(logical);
        return known ? logical : type.schema().type().name();
    }
}
