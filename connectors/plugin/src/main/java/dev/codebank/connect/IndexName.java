package dev.codebank.connect;

import java.nio.charset.StandardCharsets;
import java.time.LocalDate;
import java.time.format.DateTimeFormatter;
import java.util.Locale;
import java.util.Map;
import java.util.regex.Pattern;
import org.apache.kafka.connect.errors.DataException;

/**
 * The index of an event, by its topic and its own time in UTC: {@code bank-transactions-${timestamp}} and {@code
 * yyyy.MM} give {@code bank-transactions-2026.11}. The index never depends on the moment when the event is written. So
 * a second write finds the document of the first. Not safe for concurrent use.
 */
final class IndexName {
    static final String TIMESTAMP = "${timestamp}";
    static final String TOPIC = "${topic}";

    private static final long MILLIS_PER_DAY = 86_400_000L;
    private static final long LAST_DAY = LocalDate.of(9999, 12, 31).toEpochDay();
    private static final int MAX_LENGTH = 255;
    private static final int MAX_ACTIONS = 1024;
    /** Lower case, no character that Elasticsearch forbids, none of - _ + . at the start. */
    private static final Pattern VALID = Pattern.compile("[a-z0-9][a-z0-9._+-]*");

    private record Key(String topic, long day) {
    }

    private final String format;
    private final boolean byTopic;
    private final DateTimeFormatter timestampFormat;
    private final Map<Key, byte[]> known = new BoundedCache<>(MAX_ACTIONS);
    private Key latest = new Key(null, Long.MIN_VALUE);
    private byte[] latestAction;

    /**
     * Creates the names' format.
     *
     * @throws IllegalArgumentException if the pattern is finer than a day, or the names are not valid
     */
    IndexName(String format, String timestampFormat) {
        this.format = format;
        this.byTopic = format.contains(TOPIC);
        this.timestampFormat = DateTimeFormatter.ofPattern(timestampFormat, Locale.ROOT);
        try {
            checked(name("topic", 0));
        } catch (java.time.DateTimeException e) {
            throw new IllegalArgumentException("the finest period of an index is a day: " + timestampFormat, e);
        } catch (DataException e) {
            throw new IllegalArgumentException(e.getMessage(), e);
        }
    }

    /** Returns whether the name contains a date, so that it needs a record's time. */
    boolean needsTime() {
        return format.contains(TIMESTAMP);
    }

    /**
     * Returns the start of a bulk action line up to the id: <code>{"create":{"_index":"…","_id":</code>.
     *
     * @throws DataException if the time is outside 1970 to 9999, or the topic does not make a valid name
     */
    byte[] action(String topic, long millis) {
        long day = Math.floorDiv(millis, MILLIS_PER_DAY);
        String part = byTopic ? topic : null;
        if (day == latest.day && (part == null || part.equals(latest.topic))) {
            return latestAction;
        }
        Key key = new Key(part, day);
        byte[] action = known.get(key);
        if (action == null) {
            action = ("{\"create\":{\"_index\":\"" + checked(name(topic, day)) + "\",\"_id\":")
                .getBytes(StandardCharsets.US_ASCII);
            known.put(key, action);
        }
        latest = key;
        latestAction = action;
        return action;
    }

    private String name(String topic, long day) {
        if (day < 0 || day > LAST_DAY) {
            throw new DataException("the time that chooses the index is outside the years 1970 to 9999");
        }
        String name = format.replace(TOPIC, topic.toLowerCase(Locale.ROOT));
        return needsTime() ? name.replace(TIMESTAMP, timestampFormat.format(LocalDate.ofEpochDay(day))) : name;
    }

    private static String checked(String name) {
        if (name.length() > MAX_LENGTH || !VALID.matcher(name).matches()) {
            throw new DataException("not a valid name for an index: " + name);
        }
        return name;
    }
}
