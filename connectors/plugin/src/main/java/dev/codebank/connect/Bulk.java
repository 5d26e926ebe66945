package dev.codebank.connect;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.Consumer;
import org.apache.kafka.connect.sink.SinkRecord;

/**
 * The documents of one bulk request and its body. It is filled by one thread and then only read. Its bytes are never used
 * for another request: the HTTP client may still be reading the body of one that has timed out.
 */
final class Bulk {
    /** A record on its way to being a document. */
    static final class Document {
        final SinkRecord record;
        /** Set once Elasticsearch has the document; read after the delivery has ended. */
        boolean acknowledged;

        Document(SinkRecord record) {
            this.record = record;
        }
    }

    private final JsonBuffer body;
    private final List<Document> documents = new ArrayList<>();
    private int[] ends = new int[256];

    /** Makes an empty bulk with room for {@code capacity} bytes before it grows. */
    Bulk(int capacity) {
        body = new JsonBuffer(capacity);
    }

    int count() {
        return documents.size();
    }

    int bytes() {
        return body.size();
    }

    /** The array whose first {@link #bytes} bytes are the body. */
    byte[] array() {
        return body.array();
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
     * @throws org.apache.kafka.connect.errors.DataException if the record can be no document; the bulk is then as it was
     */
    void add(SinkRecord record, DocumentRenderer renderer) {
        renderer.render(record, body);
        added(new Document(record));
    }

    /** Adds a document, made of a record, that writes its two lines itself. */
    void add(SinkRecord record, Consumer<JsonBuffer> lines) {
        lines.accept(body);
        added(new Document(record));
    }

    /** Takes the last document away and returns a new bulk that starts with it. */
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

    /** Returns a bulk of the documents at the positions given. */
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
