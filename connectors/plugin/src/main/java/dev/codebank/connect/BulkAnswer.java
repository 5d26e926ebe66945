package dev.codebank.connect;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;

/**
 * What Elasticsearch said to a bulk request, document by document.
 *
 * @param allDone whether every document was created; then {@code items} is empty
 * @param items one per document, in the order of the request
 */
record BulkAnswer(boolean allDone, List<Item> items) {
    /** The parts of the answer that are asked for; nothing else is sent back, which matters at thousands of documents. */
    static final String FILTER = "errors,items.*.status,items.*.error.type,items.*.error.reason,"
        + "items.*.error.caused_by.type,items.*.error.caused_by.reason";

    /**
     * What became of one document.
     *
     * @param status an HTTP status: 201 created, 409 already there, 429 not now, 400 refused …
     * @param error the error's type, or null
     * @param reason the error's text with its cause, or null
     */
    record Item(int status, String error, String reason) {
    }

    /**
     * Reads the body of a successful bulk request.
     *
     * @throws IOException if it is not the answer to a bulk request of {@code count} documents
     */
    static BulkAnswer read(byte[] body, int count) throws IOException {
        JsonReader json = new JsonReader(body);
        List<Item> items = null;
        json.beginObject();
        for (String name = json.nextName(); name != null; name = json.nextName()) {
            if (name.equals("errors")) {
                if (!json.bool()) {
                    return new BulkAnswer(true, List.of());
                }
            } else if (name.equals("items")) {
                items = items(json, count);
            } else {
                json.skip();
            }
        }
        if (items == null || items.size() != count) {
            throw new IOException("the answer speaks of " + (items == null ? "no" : items.size()) + " documents, not " + count);
        }
        return new BulkAnswer(false, items);
    }

    /** Reads the {@code error} of a request that failed as a whole; gives an item without error if there is none to read. */
    static Item failure(int status, byte[] body) {
        try {
            JsonReader json = new JsonReader(body);
            json.beginObject();
            for (String name = json.nextName(); name != null; name = json.nextName()) {
                if (name.equals("error")) {
                    return error(json, status);
                }
                json.skip();
            }
        } catch (IOException e) {
            // A proxy's page rather than Elasticsearch's words: the status has to do.
            return new Item(status, null, null);
        }
        return new Item(status, null, null);
    }

    private static List<Item> items(JsonReader json, int count) throws IOException {
        List<Item> items = new ArrayList<>(count);
        json.beginArray();
        while (json.nextElement()) {
            // {"create": {"status": 201}}: an object with the operation as its only name.
            Item item = null;
            json.beginObject();
            while (json.nextName() != null) {
                item = item(json);
            }
            if (item == null) {
                throw new IOException("the answer has a document without a result");
            }
            items.add(item);
        }
        return items;
    }

    private static Item item(JsonReader json) throws IOException {
        int status = 0;
        Item error = null;
        json.beginObject();
        for (String name = json.nextName(); name != null; name = json.nextName()) {
            switch (name) {
                case "status" -> status = json.integer();
                case "error" -> error = error(json, 0);
                default -> json.skip();
            }
        }
        return error == null ? new Item(status, null, null) : new Item(status, error.error, error.reason);
    }

    private static Item error(JsonReader json, int status) throws IOException {
        String type = null;
        String reason = null;
        Item cause = null;
        json.beginObject();
        for (String name = json.nextName(); name != null; name = json.nextName()) {
            switch (name) {
                case "type" -> type = json.stringOrNull();
                case "reason" -> reason = json.stringOrNull();
                case "caused_by" -> cause = error(json, status);
                default -> json.skip();
            }
        }
        String because = cause == null || cause.reason == null ? "" : "; " + cause.reason;
        return new Item(status, type, reason + because);
    }
}
