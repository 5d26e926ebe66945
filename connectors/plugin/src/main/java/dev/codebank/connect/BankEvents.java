package dev.codebank.connect;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.apache.kafka.connect.errors.DataException;

/**
 * Recognizes our events of one subject by their bytes alone, by the versions of their schema and by their {@link
 * Bounds}. So a registry that is empty or the wrong one, a broken index or a broken table never makes a dead letter of
 * an event: every correct registry, index and table takes each of them. Safe for concurrent use.
 */
final class BankEvents {
    /** The events of the bank. */
    static final BankEvents TRANSACTIONS = new BankEvents("transactions", Bounds.TRANSACTIONS);
    /** What becomes of merchants' charges. */
    static final BankEvents CHARGES = new BankEvents("charge-events", Bounds.CHARGES);

    /** What becomes of payments between banks. */
    static final BankEvents PIX = new BankEvents("pix-payments", Bounds.PIX);
    private static final List<BankEvents> ALL = List.of(TRANSACTIONS, CHARGES, PIX);

    private final String subject;
    private final Bounds bounds;
    private final List<AvroType> versions;

    private BankEvents(String subject, Bounds bounds) {
        this.subject = subject;
        this.bounds = bounds;
        versions = versions(subject);
    }

    /** Returns the names of all subjects. */
    static String[] subjects() {
        return ALL.stream().map(events -> events.subject).toArray(String[]::new);
    }

    /** Returns the events of a subject, which is one of {@link #subjects}. */
    static BankEvents of(String subject) {
        return ALL.stream().filter(events -> events.subject.equals(subject)).findFirst().orElseThrow();
    }

    /** Returns whether a value is an event of a known version. */
    boolean is(Object value) {
        return fits(value, versions, false);
    }

    /**
     * Returns whether a value is an event of a known version or may be one of a later version, which begins with the
     * fields of the first.
     */
    boolean mayBe(Object value) {
        return fits(value, versions.subList(0, 1), true);
    }

    /** Returns the types of the known versions, oldest first. */
    List<AvroType> released() {
        return versions;
    }

    /** Returns the bounds of the fields. */
    Bounds bounds() {
        return bounds;
    }

    private boolean fits(Object value, List<AvroType> candidates, boolean moreMayFollow) {
        if (!(value instanceof byte[] frame) || !SchemaRegistry.isFrame(frame)) {
            return false;
        }
        for (AvroType version : candidates) {
            try {
                new DocumentPlan(version, bounds, null, null).write(frame, new JsonBuffer(2 * frame.length), moreMayFollow);
                return true;
            } catch (DataException e) {
                // Not an event of this version.
                continue;
            }
        }
        return false;
    }

    private static List<AvroType> versions(String subject) {
        List<AvroType> versions = new ArrayList<>();
        try {
            for (int number = 1; BankEvents.class.getResource(file(subject, number)) != null; number++) {
                versions.add(AvroType.parse(new String(Bounds.resource(file(subject, number)), StandardCharsets.UTF_8)));
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return List.copyOf(versions);
    }

    private static String file(String subject, int number) {
        return subject + "/v" + number + ".avsc";
    }
}
