package dev.codebank.connect;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.math.BigDecimal;
import java.util.HashMap;
import java.util.Map;
import org.apache.kafka.connect.errors.DataException;

/**
 * The bounds of the fields of our events: the longest text and the range of a number. The table is the one that our
 * programs use ({@code schemas/bounds}). A value outside its bound is never an event of ours, and some store could not
 * hold it or show it. Safe for concurrent use.
 */
final class Bounds {
    /** The first moment of the year 1 and the last of the year 9999: what all readers of a time can show. */
    static final long FIRST_MILLI = -62_135_596_800_000L;
    static final long LAST_MILLI = 253_402_300_799_999L;

    static final Bounds TRANSACTIONS = read("transactions");
    static final Bounds CHARGES = read("charge-events");
    static final Bounds PIX = read("pix-payments");
    static final Bounds WATERMARKS = read("watermarks");

    /**
     * The bound of one field.
     *
     * @param longest the most bytes of a text
     * @param least the least number; a time is milliseconds since 1970
     * @param most the largest number
     * @param required whether null and an empty text are refused
     * @param with the field that is null exactly when this one is, or null
     */
    record Bound(String field, int longest, long least, long most, boolean required, String with) {
        /** Returns a bound that every value is within. */
        static Bound none(String field) {
            return new Bound(field, Integer.MAX_VALUE, Long.MIN_VALUE, Long.MAX_VALUE, false, null);
        }

        /** Returns this bound for a time, which is at most the range that every reader can show. */
        Bound ofTime() {
            return new Bound(field, longest, Math.max(least, FIRST_MILLI), Math.min(most, LAST_MILLI), required, with);
        }

        /** Returns whether the bound limits texts. */
        boolean isLimited() {
            return longest < Integer.MAX_VALUE;
        }

        void checkSize(int bytes) {
            if (bytes > longest) {
                throw new DataException("field " + field + " has " + bytes + " bytes, more than " + longest);
            }
            if (bytes == 0 && required) {
                throw isEmpty();
            }
        }

        void checkNumber(long value) {
            if (value < least || value > most) {
                throw new DataException("field " + field + " is outside the range " + least + " to " + most);
            }
        }

        /** Returns the reason to refuse null or an empty text. */
        DataException isEmpty() {
            return new DataException("field " + field + " is required");
        }
    }

    private final Map<String, Bound> byField = new HashMap<>();

    /** Returns the bound of a field. A field that the table does not have gets a bound that every value is within. */
    Bound of(String field) {
        Bound bound = byField.get(field);
        return bound == null ? Bound.none(field) : bound;
    }

    /** Returns all bounds, by the names of their fields. */
    Map<String, Bound> all() {
        return Map.copyOf(byField);
    }

    private static Bounds read(String subject) {
        Bounds bounds = new Bounds();
        try {
            Map<?, ?> table = (Map<?, ?>) new JsonReader(resource(subject + "/bounds.json")).value();
            table.forEach((field, values) -> bounds.byField.put((String) field, bound((String) field, (Map<?, ?>) values)));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return bounds;
    }

    private static Bound bound(String field, Map<?, ?> values) {
        Bound none = Bound.none(field);
        return new Bound(field,
            values.get("longest") instanceof BigDecimal longest ? longest.intValueExact() : none.longest,
            values.get("least") instanceof BigDecimal least ? least.longValueExact() : none.least,
            values.get("most") instanceof BigDecimal most ? most.longValueExact() : none.most,
            Boolean.TRUE.equals(values.get("required")), (String) values.get("with"));
    }

    /** Returns a file that the jar has beside its classes. */
    static byte[] resource(String name) throws IOException {
        try (InputStream in = Bounds.class.getResourceAsStream(name)) {
            if (in == null) {
                throw new IOException("the jar has no " + name);
            }
            return in.readAllBytes();
        }
    }
}
