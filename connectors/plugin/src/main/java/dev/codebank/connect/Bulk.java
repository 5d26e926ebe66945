package dev.codebank.connect;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.function.Consumer;
import org.apache.kafka.connect.sink.SinkRecord;

/**
 * The documents of one bulk request, and its body. One thread fills it; after that it is only read. Its bytes are never
 * used for a second request, because the HTTP client may still be reading the body of a request that timed out.
 */
final class Bulk {
    /** What every action line starts with, before the name of the index. */
    private static final int INDEX_START = "{\"create\":{\"_index\":\"".length();

    /** A record that becomes a document. */
    static final class Document {
        final SinkRecord record;
        /** What the record should be; null if this sink made the document's content, not the writer of the record. */
        private final BankEvents events;
        /** True when Elasticsearch has the document. It is read after the delivery has ended. */
        boolean acknowledged;

        Document(SinkRecord record, BankEvents events) {
            this.record = record;
            this.events = events;
        }

        /**
         * Returns whether every index of the template takes the document. If an index refuses it, the index is at fault,
         * whatever the error says.
         */
        boolean isValid() {
            return events == null || events.mayBe(record.value());
        }
    }

    private final JsonBuffer body;
    private final List<Document> documents = new ArrayList<>();
    private int[] ends = new int[256];

    /** Creates an empty bulk with space for {@code capacity} bytes before it grows. */
    Bulk(int capacity) {
        body = new JsonBuffer(capacity);
    }

    int count() {
        return documents.size();
    }

    int bytes() {
        return body.size();
    }

    /** Returns the array whose first {@link #bytes} bytes are the body. */
    byte[] array() {
        return body.array();
    }

    /** Returns the names of the indices that the documents go into. */
    Set<String> indices() {
        Set<String> names = new LinkedHashSet<>();
        byte[] bytes = body.array();
        int from = 0;
        int to = 0;
        for (int i = 0; i < count(); i++) {
            int start = start(i) + INDEX_START;
            int length = to - from;
            // Nearly every document goes into the index of the document before. The quote after the name is compared too.
            if (i > 0 && start + length < bytes.length
                && Arrays.equals(bytes, from, to + 1, bytes, start, start + length + 1)) {
                continue;
            }
            from = start;
            to = start;
            while (bytes[to] != '"') {
                to++;
            }
            names.add(new String(bytes, from, to - from, StandardCharsets.US_ASCII));
        }
        return names;
    }

    Document document(int i) {
        return documents.get(i);
    }

    List<Document> documents() {
        return documents;
    }

    /**
     * Adds a record's document at the end.
     *
     * @throws org.apache.kafka.connect.errors.DataException if the record cannot be a document; the bulk is then
     *     unchanged
     */
    void add(SinkRecord record, DocumentRenderer renderer) {
        renderer.render(record, body);
        added(new Document(record, renderer.events()));
    }

    /** Adds a document of this sink's own about a record. The consumer writes its two lines. */
    void add(SinkRecord record, Consumer<JsonBuffer> lines) {
        lines.accept(body);
        added(new Document(record, null));
    }

    /** Removes the last document and returns a new bulk that starts with it. */
    Bulk splitLast(int capacity) {
        int last = count() - 1;
        Bulk next = new Bulk(capacity);
        next.copy(this, last);
        body.truncate(start(last));
        documents.remove(last);
        return next;
    }

    /** Returns a bulk of the documents from one position up to another. */
    Bulk range(int from, int to) {
        Bulk part = new Bulk(start(to) - start(from));
        for (int i = from; i < to; i++) {
            part.copy(this, i);
        }
        return part;
    }

    /** Returns a bulk of the documents at the given positions. */
    Bulk only(List<Integer> positions) {
        Bulk part = new Bulk(positions.stream().mapToInt(i -> ends[i] - start(i)).sum());
        positions.forEach(i -> part.copy(this, i));
        return part;
    }

    private void copy(Bulk source, int i) {
        body.raw(source.array(), source.start(i), source.ends[i]);
        added(source.document(i));
    }

    private void added(Document document) {
        if (documents.size() == ends.length) {
            ends = Arrays.copyOf(ends, 2 * ends.length);
        }
        ends[documents.size()] = body.size();
        documents.add(document);
    }

    private int start(int i) {
        return i == 0 ? 0 : ends[i - 1];
    }
}
