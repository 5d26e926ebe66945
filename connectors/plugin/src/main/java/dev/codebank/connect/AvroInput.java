package dev.codebank.connect;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import org.apache.kafka.connect.errors.DataException;

/**
 * Reads the bytes of one value in Avro's binary encoding from front to back (Apache Avro 1.12 specification, "Binary
 * encoding"). Any fault in the bytes is a {@link DataException}. Not safe for concurrent use.
 */
final class AvroInput {
    private byte[] bytes;
    private int at;

    /** Starts to read at a position in the array. */
    AvroInput(byte[] bytes, int from) {
        begin(bytes, from);
    }

    /** Starts again with another value. */
    void begin(byte[] bytes, int from) {
        this.bytes = bytes;
        at = from;
    }

    /** Refuses bytes that remain unread: the value was not written with this schema. */
    void end() {
        if (at != bytes.length) {
            throw new DataException("the value has " + (bytes.length - at) + " bytes after its end");
        }
    }

    boolean bool() {
        int value = next();
        if (value > 1) {
            throw new DataException("a boolean is neither 0 nor 1");
        }
        return value == 1;
    }

    int integer() {
        long value = varint(5);
        if (value != (int) value) {
            throw new DataException("a number does not fit into 32 bits");
        }
        return (int) value;
    }

    long longInteger() {
        return varint(10);
    }

    float float32() {
        return ByteBuffer.wrap(bytes, take(4), 4).order(ByteOrder.LITTLE_ENDIAN).getFloat();
    }

    double float64() {
        return ByteBuffer.wrap(bytes, take(8), 8).order(ByteOrder.LITTLE_ENDIAN).getDouble();
    }

    /** Reads the branch number of a union of two types. */
    int branch() {
        int branch = integer();
        if (branch != 0 && branch != 1) {
            throw new DataException("a union has no branch " + branch);
        }
        return branch;
    }

    /** Reads the number of an enum's symbol. */
    int symbol(int symbols) {
        int symbol = integer();
        if (symbol < 0 || symbol >= symbols) {
            throw new DataException("an enum has no symbol " + symbol);
        }
        return symbol;
    }

    /** Skips a text or a byte string and returns its size. It lies before {@link #position}. */
    int skipBytes() {
        int size = length();
        take(size);
        return size;
    }

    /** Returns the array that is read. */
    byte[] array() {
        return bytes;
    }

    /** Returns the position in the array where the next read starts. */
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

    /** Reads a text. Bytes that are not UTF-8 are refused, not replaced. */
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

    /** Reads the number of elements in the next block of an array or a map. 0 ends the array or map. */
    int blockCount() {
        long count = longInteger();
        if (count < 0) {
            // A negative count is followed by the block's size, for readers that skip the block.
            count = -count;
            longInteger();
        }
        // An element takes at least one byte, unless it has no content. This bounds the memory that broken bytes can
        // request.
        if (count < 0 || count > bytes.length - at) {
            throw new DataException("a block has more elements than bytes");
        }
        return (int) count;
    }

    private String nonAscii(int from, int size) {
        try {
            return StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes, from, size)).toString();
        } catch (CharacterCodingException e) {
            throw new DataException("a text is not UTF-8", e);
        }
    }

    private int length() {
        long length = longInteger();
        if (length < 0 || length > bytes.length - at) {
            throw new DataException("a length is " + length + ", but " + (bytes.length - at) + " bytes are left");
        }
        return (int) length;
    }

    private long varint(int longest) {
        // Most numbers are a length or a branch, which takes one byte.
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
        throw new DataException("a number has more than " + longest + " bytes");
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
