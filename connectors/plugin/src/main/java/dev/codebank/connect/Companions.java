package dev.codebank.connect;

import java.util.ArrayList;
import java.util.List;
import org.apache.kafka.connect.errors.DataException;

/**
 * Checks that fields that belong together are null together ({@link Bounds.Bound#with}). An account's event without the
 * account's figures would leave a statement without a balance. Not safe for concurrent use.
 */
final class Companions {
    /** A field and the field that it comes with, by their places. */
    private record Pair(String field, int at, String with, int withAt) {
    }

    private final List<Pair> pairs = new ArrayList<>();
    private final boolean[] present;

    /** Creates the check of the fields of one schema, in their order. */
    Companions(List<String> fields, Bounds bounds) {
        present = new boolean[fields.size()];
        for (int i = 0; i < fields.size(); i++) {
            String with = bounds.of(fields.get(i)).with();
            if (with != null && fields.contains(with)) {
                pairs.add(new Pair(fields.get(i), i, with, fields.indexOf(with)));
            }
        }
    }

    /** Sets whether the field at a place of the event that is read now is not null. */
    void set(int at, boolean isPresent) {
        present[at] = isPresent;
    }

    /** Checks the event whose fields were set. */
    void check() {
        for (Pair pair : pairs) {
            if (present[pair.at] != present[pair.withAt]) {
                throw new DataException("field " + pair.field + " and field " + pair.with + " must be null together or not at all");
            }
        }
    }
}
