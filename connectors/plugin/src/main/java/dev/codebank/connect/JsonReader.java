package dev.codebank.connect;

import java.io.IOException;
import java.math.BigDecimal;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * A pull parser over the UTF-8 bytes of one JSON document. It has the parts that the responses of Elasticsearch and of
 * the registry need. The caller reads what it expects and skips the rest. Any other content is an {@link IOException}
 * that names the byte.
 */
final class JsonReader {
    private static final int MAX_DEPTH = 64;

    private final byte[] bytes;
    private int at;
    /** Whether a value was read since the innermost brace or bracket. */
    private boolean started;
    private int depth;

    JsonReader(byte[] bytes) {
        this.bytes = bytes;
    }

    void beginObject() throws IOException {
        open('{');
    }

    void beginArray() throws IOException {
        open('[');
    }

    /** Returns the next name of the current object, or null at the end of the object. */
    String nextName() throws IOException {
        if (!advance('}')) {
            return null;
        }
        String name = string();
        expect(':');
        return name;
    }

    /** Returns whether the current array has another value. At the end it closes the array. */
    boolean nextElement() throws IOException {
        return advance(']');
    }

    boolean bool() throws IOException {
        if (peek() == 't') {
            word("true");
            return true;
        }
        word("false");
        return false;
    }

    /** Reads a whole number that fits into an int. */
    int integer() throws IOException {
        int from = begin();
        while (at < bytes.length && (bytes[at] == '-' || bytes[at] >= '0' && bytes[at] <= '9')) {
            at++;
        }
        try {
            return Integer.parseInt(new String(bytes, from, at - from, StandardCharsets.US_ASCII));
        } catch (NumberFormatException e) {
            throw broken("a whole number");
        }
    }

    /** Reads a string. Any other value, also null, is skipped and gives null. */
    String stringOrNull() throws IOException {
        if (peek() == '"') {
            return string();
        }
        skip();
        return null;
    }

    /** Skips one value of any kind. */
    void skip() throws IOException {
        switch (peek()) {
            case '{' -> {
                beginObject();
                while (nextName() != null) {
                    skip();
                }
            }
            case '[' -> {
                beginArray();
                while (nextElement()) {
                    skip();
                }
            }
            case '"' -> string();
            case 't' -> word("true");
            case 'f' -> word("false");
            case 'n' -> word("null");
            default -> number();
        }
    }

    /** Reads one value of any kind: a LinkedHashMap, an ArrayList, a String, a Boolean, a BigDecimal, or null. */
    Object value() throws IOException {
        return switch (peek()) {
            case '{' -> {
                Map<String, Object> object = new LinkedHashMap<>();
                beginObject();
                for (String name = nextName(); name != null; name = nextName()) {
                    object.put(name, value());
                }
                yield object;
            }
            case '[' -> {
                List<Object> array = new ArrayList<>();
                beginArray();
                while (nextElement()) {
                    array.add(value());
                }
                yield array;
            }
            case '"' -> string();
            case 't', 'f' -> bool();
            case 'n' -> {
                word("null");
                yield null;
            }
            default -> decimal();
        };
    }

    private BigDecimal decimal() throws IOException {
        int from = begin();
        number();
        try {
            return new BigDecimal(new String(bytes, from, at - from, StandardCharsets.US_ASCII));
        } catch (NumberFormatException e) {
            throw broken("a number");
        }
    }

    private void open(char bracket) throws IOException {
        expect(bracket);
        if (++depth > MAX_DEPTH) {
            throw broken("at most " + MAX_DEPTH + " levels");
        }
        started = false;
    }

    private boolean advance(char closing) throws IOException {
        if (peek() == closing) {
            at++;
            depth--;
            started = true;
            return false;
        }
        if (started) {
            expect(',');
        }
        started = true;
        return true;
    }

    private void number() throws IOException {
        int from = begin();
        while (at < bytes.length && "+-.eE0123456789".indexOf(bytes[at]) >= 0) {
            at++;
        }
        if (at == from) {
            throw broken("a value");
        }
    }

    private void word(String expected) throws IOException {
        int from = begin();
        int to = from + expected.length();
        if (to > bytes.length || !expected.equals(new String(bytes, from, to - from, StandardCharsets.US_ASCII))) {
            throw broken(expected);
        }
        at = to;
    }

    private String string() throws IOException {
        expect('"');
        int from = at;
        while (at < bytes.length && bytes[at] != '"' && bytes[at] != '\\') {
            at++;
        }
        if (at < bytes.length && bytes[at] == '"') {
            return new String(bytes, from, at++ - from, StandardCharsets.UTF_8);
        }
        return escapedString(from);
    }

    private String escapedString(int start) throws IOException {
        StringBuilder text = new StringBuilder();
        int from = start;
        while (at < bytes.length) {
            if (bytes[at] != '"' && bytes[at] != '\\') {
                at++;
                continue;
            }
            text.append(new String(bytes, from, at - from, StandardCharsets.UTF_8));
            if (bytes[at++] == '"') {
                return text.toString();
            }
            text.append(escaped());
            from = at;
        }
        throw broken("the end of a string");
    }

    private char escaped() throws IOException {
        if (at >= bytes.length) {
            throw broken("an escaped character");
        }
        char c = (char) bytes[at++];
        return switch (c) {
            case 'n' -> '\n';
            case 'r' -> '\r';
            case 't' -> '\t';
            case 'b' -> '\b';
            case 'f' -> '\f';
            case '"', '\\', '/' -> c;
            case 'u' -> unicode();
            default -> throw broken("an escaped character");
        };
    }

    private char unicode() throws IOException {
        int code = 0;
        for (int i = 0; i < 4; i++) {
            int digit = at < bytes.length ? Character.digit(bytes[at++], 16) : -1;
            if (digit < 0) {
                throw broken("four hexadecimal digits");
            }
            code = code << 4 | digit;
        }
        return (char) code;
    }

    /** Returns the position of the next token. */
    private int begin() throws IOException {
        peek();
        return at;
    }

    private void expect(char c) throws IOException {
        if (peek() != c) {
            throw broken("'" + c + "'");
        }
        at++;
    }

    private char peek() throws IOException {
        while (at < bytes.length && (bytes[at] == ' ' || bytes[at] == '\n' || bytes[at] == '\r' || bytes[at] == '\t')) {
            at++;
        }
        if (at >= bytes.length) {
            throw broken("more bytes");
        }
        return (char) bytes[at];
    }

    private IOException broken(String expected) {
        return new IOException("the response is not the expected JSON: at byte " + at + " there is no " + expected);
    }
}
