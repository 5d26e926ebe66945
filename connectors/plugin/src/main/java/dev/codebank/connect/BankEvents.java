package dev.codebank.connect;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.apache.kafka.connect.errors.DataException;

/**
 * Recognizes events of the bank by their bytes alone, by the released versions of their schema and by {@link Bounds}.
 * So a registry that is empty or the wrong one, a broken index or a broken table never makes a dead letter of an event:
 * every correct registry, index and table takes each of them. Safe for concurrent use.
 */
final class BankEvents {
    private static final List<AvroType> VERSIONS = versions();

    private BankEvents() {
    }

    /** Returns whether a value is an event of a released version. */
    static boolean is(Object value) {
        return fits(value, VERSIONS, false);
    }

    /**
     * Returns whether a value is an event of a released version or may be one of a later version, which begins with the
     * fields of the first.
     */
    static boolean mayBe(Object value) {
        return fits(value, VERSIONS.subList(0, 1), true);
    }

    /** Returns the types of the released versions, oldest first. */
    static List<AvroType> released() {
        return VERSIONS;
    }

    private static boolean fits(Object value, List<AvroType> versions, boolean moreMayFollow) {
        if (!(value instanceof byte[] frame) || !SchemaRegistry.isFrame(frame)) {
            return false;
        }
        for (AvroType version : versions) {
            try {
                new DocumentPlan(version, null, null).write(frame, new JsonBuffer(2 * frame.length), moreMayFollow);
                return true;
            } catch (DataException e) {
                // Not an event of this version.
                continue;
            }
        }
        return false;
    }

    private static List<AvroType> versions() {
        List<AvroType> versions = new ArrayList<>();
        try {
            for (int number = 1; BankEvents.class.getResource(file(number)) != null; number++) {
                versions.add(AvroType.parse(new String(Bounds.resource(file(number)), StandardCharsets.UTF_8)));
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return List.copyOf(versions);
    }

    private static String file(int number) {
        return "transactions/v" + number + ".avsc";
    }
}
