package dev.codebank.connect;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.zip.GZIPInputStream;

/**
 * A server on the loopback interface that responds to bulk requests as Elasticsearch does. It creates documents,
 * responds 409 to an id that exists, and refuses the ids that a test names. Queued reactions come first, one for each
 * bulk request.
 */
final class ElasticsearchStub implements AutoCloseable {
    /** A reaction that a test sets in place of an ordinary response. */
    interface Reaction {
        /** Returns true if it has responded to the exchange or cut it. */
        boolean play(HttpExchange exchange, Request request) throws IOException;
    }

    /** One document of a bulk request. */
    record Sent(String index, String id, boolean guarded, JsonNode source) {
    }

    /** One bulk request as it arrived. */
    record Request(List<Sent> documents, int bytes, Map<String, String> headers, String query) {
    }

    final Queue<Reaction> reactions = new ConcurrentLinkedQueue<>();
    final Queue<Request> requests = new ConcurrentLinkedQueue<>();
    /** id → the error object in the response for this document, once or forever. */
    final Map<String, Refused> refused = new HashMap<>();
    final Map<String, Integer> templates = new HashMap<>();
    /** The indices that exist, and whether each was made from the template. */
    final Map<String, Boolean> indices = new ConcurrentHashMap<>();
    /** The indices without the template's alias. */
    final Set<String> withoutAlias = ConcurrentHashMap.newKeySet();
    /** The paths of all requests but bulk requests, in the order in which they arrived. */
    final Queue<String> paths = new ConcurrentLinkedQueue<>();
    volatile int rootStatus = 404;

    /** The response for one document. {@code times} is counted down. */
    static final class Refused {
        final int status;
        final String error;
        int times;

        Refused(int status, String error, int times) {
            this.status = status;
            this.error = error;
            this.times = times;
        }
    }

    private static final ObjectMapper JSON = new ObjectMapper();
    private final Map<String, JsonNode> stored = new TreeMap<>();
    private final HttpServer server;
    private final ExecutorService threads = Executors.newCachedThreadPool();

    ElasticsearchStub() throws IOException {
        server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        server.createContext("/", this::handle);
        server.setExecutor(threads);
        server.start();
    }

    String url() {
        return "http://127.0.0.1:" + server.getAddress().getPort();
    }

    /** Returns index/id → source of every document created so far. */
    synchronized Map<String, JsonNode> stored() {
        return new TreeMap<>(stored);
    }

    List<Request> bulks() {
        return new ArrayList<>(requests);
    }

    @Override
    public void close() {
        server.stop(0);
        threads.shutdownNow();
    }

    static Reaction status(int status, String body) {
        return (exchange, request) -> {
            respond(exchange, status, body);
            return true;
        };
    }

    /** Writes the documents, announces a complete response, sends a part of it and cuts the connection. */
    Reaction cutAfterWriting() {
        return (exchange, request) -> {
            create(request);
            exchange.sendResponseHeaders(200, 10_000);
            exchange.getResponseBody().write("{\"errors\":fal".getBytes(StandardCharsets.US_ASCII));
            exchange.getResponseBody().flush();
            exchange.close();
            return true;
        };
    }

    static void respond(HttpExchange exchange, int status, String body) throws IOException {
        byte[] bytes = body.getBytes(StandardCharsets.UTF_8);
        exchange.getResponseHeaders().add("Content-Type", "application/json");
        exchange.sendResponseHeaders(status, bytes.length == 0 ? -1 : bytes.length);
        try (OutputStream out = exchange.getResponseBody()) {
            out.write(bytes);
        }
    }

    private void handle(HttpExchange exchange) throws IOException {
        String path = exchange.getRequestURI().getPath();
        if (path.equals("/_bulk")) {
            bulk(exchange);
            return;
        }
        paths.add(exchange.getRequestMethod() + " " + path);
        if (path.startsWith("/_index_template/")) {
            int status = templates.getOrDefault(path.substring("/_index_template/".length()), 404);
            respond(exchange, status, status == 200 ? "{\"index_templates\":[{\"name\":\"t\",\"index_template\":{\"template\":"
                + "{\"aliases\":{\"readers\":{}},\"mappings\":{\"dynamic\":\"strict\"}}}}]}" : "{}");
        } else if (path.indexOf('/', 1) < 0 && path.length() > 1) {
            index(exchange, path.substring(1));
        } else if (path.endsWith("/_refresh")) {
            respond(exchange, 200, "{}");
        } else if (path.contains("/_update/")) {
            JsonNode change = JSON.readTree(exchange.getRequestBody().readAllBytes());
            respond(exchange, setLetter(path.replaceFirst("/_update/", "/").substring(1), change.at("/doc/letter").asText()), "{}");
        } else if (path.endsWith("/_count")) {
            respond(exchange, 200, "{\"count\":" + count(path.substring(1, path.indexOf("/_count"))) + "}");
        } else {
            respond(exchange, rootStatus, "{\"error\":\"no handler found for uri [/]\"}");
        }
    }

    /** Makes an index or shows it. */
    private void index(HttpExchange exchange, String name) throws IOException {
        if (exchange.getRequestMethod().equals("PUT")) {
            boolean made = indices.putIfAbsent(name, hasTemplates()) == null;
            respond(exchange, made ? 200 : 400, made ? "{}" : "{\"error\":{\"type\":\"resource_already_exists_exception\",\"reason\":\"\"}}");
        } else if (indices.containsKey(name)) {
            respond(exchange, 200, "{\"" + name + "\":{" + (indices.get(name)
                ? "\"aliases\":{" + (withoutAlias.contains(name) ? "" : "\"readers\":{}") + "},\"mappings\":{\"dynamic\":\"strict\"}" : "") + "}}");
        } else {
            respond(exchange, 404, "{\"error\":{\"type\":\"index_not_found_exception\",\"reason\":\"no such index\"}}");
        }
    }

    private boolean hasTemplates() {
        return templates.values().stream().allMatch(status -> status == 200);
    }

    /** Counts the waiting letters of an index. The tests have letters of one topic. */
    private synchronized long count(String index) {
        return stored.entrySet().stream().filter(document -> document.getKey().startsWith(index + "/")
            && document.getValue().path("letter").asText().equals("waiting")).count();
    }

    private synchronized int setLetter(String document, String state) {
        if (!(stored.get(document) instanceof ObjectNode letter)) {
            return 404;
        }
        letter.put("letter", state);
        return 200;
    }

    private void bulk(HttpExchange exchange) throws IOException {
        Request request = read(exchange);
        requests.add(request);
        Reaction reaction = reactions.poll();
        if (reaction == null || !reaction.play(exchange, request)) {
            respond(exchange, 200, create(request));
        }
    }

    private static Request read(HttpExchange exchange) throws IOException {
        Map<String, String> headers = new TreeMap<>(String.CASE_INSENSITIVE_ORDER);
        exchange.getRequestHeaders().forEach((name, values) -> headers.put(name, values.get(0)));
        InputStream in = exchange.getRequestBody();
        byte[] body = (headers.containsKey("Content-Encoding") ? new GZIPInputStream(in) : in).readAllBytes();
        String[] lines = new String(body, StandardCharsets.UTF_8).split("\n", -1);
        List<Sent> documents = new ArrayList<>();
        for (int i = 0; i + 1 < lines.length; i += 2) {
            JsonNode action = JSON.readTree(lines[i]).get("create");
            documents.add(new Sent(action.get("_index").asText(), action.get("_id").asText(), action.has("dynamic_templates"), JSON.readTree(lines[i + 1])));
        }
        return new Request(documents, body.length, headers, exchange.getRequestURI().getQuery());
    }

    private synchronized String create(Request request) {
        boolean errors = false;
        StringBuilder items = new StringBuilder();
        for (Sent sent : request.documents) {
            String item = "{\"status\":201}";
            Refused no = refused.get(sent.id);
            indices.putIfAbsent(sent.index, hasTemplates());
            if (sent.guarded && !indices.get(sent.index)) {
                item = "{\"status\":400,\"error\":{\"type\":\"document_parsing_exception\",\"reason\":\"Can't find dynamic template for dynamic"
                    + " template name [" + IndexTemplate.GUARD + "]\"}}";
            } else if (no != null && no.times-- > 0) {
                item = "{\"status\":" + no.status + ",\"error\":" + no.error + "}";
            } else if (stored.putIfAbsent(sent.index + "/" + sent.id, sent.source) != null) {
                item = "{\"status\":409,\"error\":{\"type\":\"version_conflict_engine_exception\",\"reason\":\"there\"}}";
            }
            errors |= item.contains("error");
            items.append(items.isEmpty() ? "" : ",").append("{\"create\":").append(item).append('}');
        }
        return "{\"errors\":" + errors + ",\"items\":[" + items + "]}";
    }
}
