package dev.codebank.connect;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;

/**
 * Elasticsearch's response to a bulk request, document by document.
 *
 * @param allDone whether every document was created; then {@code items} is empty
 * @param items one item for each document, in the order of the request
 */
record BulkResponse(boolean allDone, List<Item> items) {
    /**
     * The requested parts of the response. Elasticsearch sends nothing else back, which matters with thousands of
     * documents.
     */
    static final String FILTER = "errors,items.*.status,items.*.error.type,items.*.error.reason,"
        + "items.*.error.caused_by.type,items.*.error.caused_by.reason";

    /**
     * The result of one document.
     *
     * @param status an HTTP status: 201 created, 409 exists already, 429 try later, 400 refused …
     * @param error the type of the error, or null
     * @param reason the text of the error with its cause, or null
     */
    record Item(int status, String error, String reason) {
    }

    /**
     * Reads the body of a successful bulk request.
     *
     * @throws IOException if it is not the response to a bulk request of {@code count} documents
     */
    static BulkResponse read(byte[] body, int count) throws IOException {
        JsonReader json = new JsonReader(body);
        List<Item> items = null;
        json.beginObject();
        for (String name = json.nextName(); name != null; name = json.nextName()) {
            if (name.equals("errors")) {
                if (!json.bool()) {
                    return new BulkResponse(true, List.of());
                }
            } else if (name.equals("items")) {
                items = items(json, count);
            } else {
                json.skip();
            }
        }
        if (items == null || items.size() != count) {
            throw new IOException("the response has " + (items == null ? "no" : items.size()) + " documents, not " + count);
        }
        return new BulkResponse(false, items);
    }

    /**
     * Reads the {@code error} of a request that failed as a whole. If there is none, it returns an item without an
     * error.
     */
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
            // A proxy's page, not a response of Elasticsearch: only the status is known.
            return new Item(status, null, null);
        }
        return new Item(status, null, null);
    }

    private static List<Item> items(JsonReader json, int count) throws IOException {
        List<Item> items = new ArrayList<>(count);
        json.beginArray();
        while (json.nextElement()) {
            // {"create": {"status": 201}}: the operation is the only name in the object.
            Item item = null;
            json.beginObject();
            while (json.nextName() != null) {
                item = item(json);
            }
            if (item == null) {
                throw new IOException("the response has a document without a result");
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
