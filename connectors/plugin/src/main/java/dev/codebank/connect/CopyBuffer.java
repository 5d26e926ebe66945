package dev.codebank.connect;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/** A growing array of bytes in the byte order of Postgres' binary formats. Not safe for concurrent use. */
final class CopyBuffer {
    /** The start of a binary COPY: a signature, no flags, no extension (Postgres manual, COPY, "Binary Format"). */
    private static final byte[] HEADER = "PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0\0".getBytes(StandardCharsets.ISO_8859_1);
    private static final VarHandle SHORTS = MethodHandles.byteArrayViewVarHandle(short[].class, ByteOrder.BIG_ENDIAN);
    private static final VarHandle INTS = MethodHandles.byteArrayViewVarHandle(int[].class, ByteOrder.BIG_ENDIAN);
    private static final VarHandle LONGS = MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.BIG_ENDIAN);

    private byte[] bytes;
    private int size;

    CopyBuffer(int capacity) {
        bytes = new byte[capacity];
    }

    /** Returns the array whose first {@link #size} bytes are the content. */
    byte[] array() {
        return bytes;
    }

    int size() {
        return size;
    }

    /** Removes the content after an earlier size. */
    void truncate(int earlier) {
        size = earlier;
    }

    /** Starts a COPY. */
    void header() {
        raw(HEADER, 0, HEADER.length);
    }

    /** Ends a COPY. */
    void trailer() {
        int16(-1);
    }

    /** Adds a field that is null. */
    void nullField() {
        int32(-1);
    }

    /** Adds a field of {@code count} bytes. */
    void field(byte[] source, int from, int count) {
        room(4 + count);
        INTS.set(bytes, size, count);
        System.arraycopy(source, from, bytes, size + 4, count);
        size += 4 + count;
    }

    /** Adds a field of eight bytes. */
    void longField(long value) {
        room(12);
        INTS.set(bytes, size, 8);
        LONGS.set(bytes, size + 4, value);
        size += 12;
    }

    /** Adds a field of four bytes. */
    void intField(int value) {
        room(8);
        INTS.set(bytes, size, 4);
        INTS.set(bytes, size + 4, value);
        size += 8;
    }

    /** Adds a field of two bytes. */
    void shortField(int value) {
        int32(2);
        int16(value);
    }

    /** Adds a field of one byte. */
    void byteField(int value) {
        room(5);
        INTS.set(bytes, size, 1);
        bytes[size + 4] = (byte) value;
        size += 5;
    }

    void int16(int value) {
        room(2);
        SHORTS.set(bytes, size, (short) value);
        size += 2;
    }

    private void int32(int value) {
        room(4);
        INTS.set(bytes, size, value);
        size += 4;
    }

    void raw(byte[] source, int from, int count) {
        room(count);
        System.arraycopy(source, from, bytes, size, count);
        size += count;
    }

    private void room(int more) {
        if (more > bytes.length - size) {
            bytes = Arrays.copyOf(bytes, Math.max(size + more, 2 * bytes.length));
        }
    }
}
