package dev.codebank.connect;

import java.nio.charset.StandardCharsets;
import java.time.LocalDate;
import java.util.Arrays;
import org.apache.kafka.connect.errors.DataException;

/**
 * A growing array of UTF-8 bytes for JSON. It writes values; the caller writes commas and braces. Only {@link #slice}
 * copies the content. Not safe for concurrent use.
 */
final class JsonBuffer {
    private static final byte[] HEX = "0123456789abcdef".getBytes(StandardCharsets.US_ASCII);
    private static final byte[] TRUE = "true".getBytes(StandardCharsets.US_ASCII);
    private static final byte[] FALSE = "false".getBytes(StandardCharsets.US_ASCII);
    private static final byte[] LOWEST = Long.toString(Long.MIN_VALUE).getBytes(StandardCharsets.US_ASCII);
    private static final int REPLACEMENT = 0xFFFD;
    private static final int MAX_LONG_BYTES = 20;
    private static final long MILLIS_PER_DAY = 86_400_000L;
    /** The first and the last day whose year ISO 8601 writes with four digits. */
    private static final long FIRST_DAY = LocalDate.of(0, 1, 1).toEpochDay();
    private static final long LAST_DAY = LocalDate.of(9999, 12, 31).toEpochDay();

    private byte[] bytes;
    private int size;
    private long writtenDay = Long.MIN_VALUE;
    private byte[] writtenDate;

    /** Creates an empty buffer with space for {@code capacity} bytes before it grows. */
    JsonBuffer(int capacity) {
        bytes = new byte[Math.max(capacity, 64)];
    }

    int size() {
        return size;
    }

    /** Returns the array of the buffer. Its first {@link #size} bytes are the content. */
    byte[] array() {
        return bytes;
    }

    /** Removes everything after the first {@code length} bytes. */
    void truncate(int length) {
        size = length;
    }

    byte[] slice(int from, int to) {
        return Arrays.copyOfRange(bytes, from, to);
    }

    JsonBuffer raw(char ascii) {
        ensure(1);
        bytes[size++] = (byte) ascii;
        return this;
    }

    JsonBuffer raw(byte[] source) {
        return raw(source, 0, source.length);
    }

    JsonBuffer raw(byte[] source, int from, int to) {
        ensure(to - from);
        System.arraycopy(source, from, bytes, size, to - from);
        size += to - from;
        return this;
    }

    JsonBuffer bool(boolean value) {
        return raw(value ? TRUE : FALSE);
    }

    JsonBuffer number(long value) {
        if (value == Long.MIN_VALUE) {
            return raw(LOWEST);
        }
        ensure(MAX_LONG_BYTES);
        long rest = value;
        if (rest < 0) {
            bytes[size++] = '-';
            rest = -rest;
        }
        int start = size;
        do {
            bytes[size++] = (byte) ('0' + rest % 10);
            rest /= 10;
        } while (rest > 0);
        for (int left = start, right = size - 1; left < right; left++, right--) {
            byte swapped = bytes[left];
            bytes[left] = bytes[right];
            bytes[right] = swapped;
        }
        return this;
    }

    /** Writes a floating-point number. JSON has no form for infinities and not-a-number, so they are refused. */
    JsonBuffer number(double value) {
        if (!Double.isFinite(value)) {
            throw new DataException("JSON has no number " + value);
        }
        return raw(Double.toString(value).getBytes(StandardCharsets.US_ASCII));
    }

    /** Writes a text in quotes. A lone surrogate is not a character and becomes U+FFFD. */
    JsonBuffer string(CharSequence text) {
        int length = text.length();
        // An escape takes six bytes, a char in UTF-8 at most three, and the quotes take two.
        ensure(Math.addExact(Math.multiplyExact(6, length), 2));
        bytes[size++] = '"';
        for (int i = 0; i < length; i++) {
            char c = text.charAt(i);
            if (c >= 0x20 && c < 0x80) {
                if (c == '"' || c == '\\') {
                    bytes[size++] = '\\';
                }
                bytes[size++] = (byte) c;
            } else if (c < 0x20) {
                escape(c);
            } else if (Character.isHighSurrogate(c) && i + 1 < length && Character.isLowSurrogate(text.charAt(i + 1))) {
                utf8(Character.toCodePoint(c, text.charAt(++i)));
            } else {
                utf8(Character.isSurrogate(c) ? REPLACEMENT : c);
            }
        }
        bytes[size++] = '"';
        return this;
    }

    /** Writes a text in quotes if it is ASCII and needs no escape. Otherwise it writes nothing and returns false. */
    boolean plain(byte[] source, int from, int count) {
        ensure(count + 2);
        int at = size;
        bytes[at++] = '"';
        for (int i = from; i < from + count; i++) {
            byte letter = source[i];
            if (letter < 0x20 || letter == '"' || letter == '\\') {
                return false;
            }
            bytes[at++] = letter;
        }
        bytes[at++] = '"';
        size = at;
        return true;
    }

    /**
     * Converts the content since {@code start}, names and values each after a comma, into an object that is still open.
     */
    void open(int start) {
        if (size == start) {
            raw('{');
        } else {
            bytes[start] = '{';
        }
    }

    /** Writes a day, counted from 1 January 1970, as {@code "2026-11-21"}. */
    JsonBuffer date(long epochDay) {
        return raw('"').day(epochDay).raw('"');
    }

    /** Writes a time, in milliseconds since 1970, as {@code "2026-11-21T02:46:00.123Z"}. */
    JsonBuffer instant(long millis) {
        raw('"').day(Math.floorDiv(millis, MILLIS_PER_DAY)).raw('T');
        return clock((int) Math.floorMod(millis, MILLIS_PER_DAY)).raw('Z').raw('"');
    }

    /** Writes a time of day, in milliseconds since midnight, as {@code "02:46:00.123"}. */
    JsonBuffer time(int millisOfDay) {
        return raw('"').clock(millisOfDay).raw('"');
    }

    private JsonBuffer day(long epochDay) {
        if (epochDay < FIRST_DAY || epochDay > LAST_DAY) {
            throw new DataException("a time is outside the years 0 to 9999: day " + epochDay + " since 1970");
        }
        // Nearly all events of one batch are from the same day.
        if (epochDay != writtenDay) {
            writtenDate = LocalDate.ofEpochDay(epochDay).toString().getBytes(StandardCharsets.US_ASCII);
            writtenDay = epochDay;
        }
        return raw(writtenDate);
    }

    private JsonBuffer clock(int millisOfDay) {
        digits(millisOfDay / 3_600_000, 2).raw(':');
        digits(millisOfDay / 60_000 % 60, 2).raw(':');
        digits(millisOfDay / 1_000 % 60, 2).raw('.');
        return digits(millisOfDay % 1_000, 3);
    }

    private JsonBuffer digits(int value, int width) {
        ensure(width);
        int rest = value;
        for (int i = size + width - 1; i >= size; i--) {
            bytes[i] = (byte) ('0' + rest % 10);
            rest /= 10;
        }
        size += width;
        return this;
    }

    private void escape(char control) {
        bytes[size++] = '\\';
        switch (control) {
            case '\n' -> bytes[size++] = 'n';
            case '\r' -> bytes[size++] = 'r';
            case '\t' -> bytes[size++] = 't';
            default -> {
                bytes[size++] = 'u';
                bytes[size++] = '0';
                bytes[size++] = '0';
                bytes[size++] = HEX[control >> 4];
                bytes[size++] = HEX[control & 0xF];
            }
        }
    }

    private void utf8(int codePoint) {
        if (codePoint < 0x800) {
            bytes[size++] = (byte) (0xC0 | codePoint >> 6);
        } else if (codePoint < 0x10000) {
            bytes[size++] = (byte) (0xE0 | codePoint >> 12);
            bytes[size++] = (byte) (0x80 | codePoint >> 6 & 0x3F);
        } else {
            bytes[size++] = (byte) (0xF0 | codePoint >> 18);
            bytes[size++] = (byte) (0x80 | codePoint >> 12 & 0x3F);
            bytes[size++] = (byte) (0x80 | codePoint >> 6 & 0x3F);
        }
        bytes[size++] = (byte) (0x80 | codePoint & 0x3F);
    }

    private void ensure(int more) {
        if (bytes.length - size < more) {
            bytes = Arrays.copyOf(bytes, Math.max(2 * bytes.length, Math.addExact(size, more)));
        }
    }
}
