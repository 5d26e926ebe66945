package dev.codebank.connect;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import org.apache.kafka.connect.errors.DataException;

/**
 * The bytes of one value in Avro's binary encoding, read from front to back (Apache Avro 1.12 specification, "Binary
 * encoding"). Whatever is wrong with them is a {@link DataException}.
 */
final class AvroInput {
    private byte[] bytes;
    private int at;

    /** Begins to read at a position of the array. */
    AvroInput(byte[] bytes, int from) {
        begin(bytes, from);
    }

    /** Begins again, with another value. */
    void begin(byte[] bytes, int from) {
        this.bytes = bytes;
        at = from;
    }

    /** Refuses bytes that no one has read: the value was not written with this schema. */
    void end() {
        if (at != bytes.length) {
            throw new DataException("the value goes on after its end: " + (bytes.length - at) + " bytes are left");
        }
    }

    boolean bool() {
        int value = next();
        if (value > 1) {
            throw new DataException("a truth value that is neither 0 nor 1");
        }
        return value == 1;
    }

    int integer() {
        long value = varint(5);
        if (value != (int) value) {
            throw new DataException("a number that does not fit 32 bits");
        }
        return (int) value;
    }

    long longInteger() {
        return varint(10);
    }

    float single() {
        return ByteBuffer.wrap(bytes, take(4), 4).order(ByteOrder.LITTLE_ENDIAN).getFloat();
    }

    double twice() {
        return ByteBuffer.wrap(bytes, take(8), 8).order(ByteOrder.LITTLE_ENDIAN).getDouble();
    }

    /** Reads which branch of a union of two follows. */
    int branch() {
        int branch = integer();
        if (branch != 0 && branch != 1) {
            throw new DataException("a union has no branch " + branch);
        }
        return branch;
    }

    /** Reads which symbol of an enum it is. */
    int symbol(int symbols) {
        int symbol = integer();
        if (symbol < 0 || symbol >= symbols) {
            throw new DataException("an enum has no symbol " + symbol);
        }
        return symbol;
    }

    /** Passes over a text or a byte string and returns its size; it lies before {@link #position}. */
    int skipBytes() {
        int size = length();
        take(size);
        return size;
    }

    /** The array that is read. */
    byte[] array() {
        return bytes;
    }

    /** Where in the array the next read begins. */
    int position() {
        return at;
    }

    byte[] byteString() {
        return fixed(length());
    }

    byte[] fixed(int size) {
        int from = take(size);
        return Arrays.copyOfRange(bytes, from, from + size);
    }

    /** Reads a text. Bytes that are not UTF-8 are refused rather than replaced. */
    String text() {
        int size = length();
        int from = take(size);
        for (int i = from; i < from + size; i++) {
            if (bytes[i] < 0) {
                return nonAscii(from, size);
            }
        }
        return new String(bytes, from, size, StandardCharsets.ISO_8859_1);
    }

    /** Reads how many elements the next block of an array or a map has; 0 ends it. */
    int blockCount() {
        long count = longInteger();
        if (count < 0) {
            // A negative count comes with the block's size, for readers that skip it.
            count = -count;
            longInteger();
        }
        // An element takes at least a byte, except those that hold nothing: this bounds what broken bytes can ask for.
        if (count < 0 || count > bytes.length - at) {
            throw new DataException("a block of more elements than there are bytes");
        }
        return (int) count;
    }

    private String nonAscii(int from, int size) {
        try {
            return StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes, from, size)).toString();
        } catch (CharacterCodingException e) {
            throw new DataException("a text that is not UTF-8", e);
        }
    }

    private int length() {
        long length = longInteger();
        if (length < 0 || length > bytes.length - at) {
            throw new DataException("a length of " + length + " where " + (bytes.length - at) + " bytes are left");
        }
        return (int) length;
    }

    private long varint(int longest) {
        // Most numbers are a length or a branch: one byte.
        if (at < bytes.length && bytes[at] >= 0) {
            int small = bytes[at++];
            return small >>> 1 ^ -(small & 1);
        }
        long raw = 0;
        for (int i = 0; i < longest; i++) {
            int next = next();
            raw |= (next & 0x7FL) << 7 * i;
            if (next < 0x80) {
                return raw >>> 1 ^ -(raw & 1);
            }
        }
        throw new DataException("a number of more than " + longest + " bytes");
    }

    private int next() {
        return bytes[take(1)] & 0xFF;
    }

    private int take(int size) {
        if (size > bytes.length - at) {
            throw new DataException("the value ends too early");
        }
        int from = at;
        at += size;
        return from;
    }
}
