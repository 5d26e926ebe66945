package dev.codebank.connect;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentHashMap;
import org.apache.kafka.connect.errors.ConnectException;

/**
 * The index template of a sink. It ensures that documents go only into indices that have the mapping and the aliases of
 * the template. Without the template, Elasticsearch would make a missing index with a guessed mapping, and nobody who
 * reads an alias would find its documents.
 *
 * <p>{@link #check} asks Elasticsearch before the first document of an index, after a failed request, and then every
 * half minute. It makes a missing index. In between, an index and its template may both be deleted. So the action line
 * of each document has a guard ({@link #endOfAction}): Elasticsearch refuses the document if the index does not know the
 * document's fields. Safe for concurrent use.
 */
final class IndexTemplate {
    /** The name of a dynamic template that no index has. Elasticsearch looks for it only if it would guess a field. */
    static final String GUARD = "codebank-index-without-its-template";

    private static final Duration VALID = Duration.ofSeconds(30);
    private static final String EXISTS_ALREADY = "resource_already_exists_exception";

    private final ElasticsearchClient client;
    private final String setting;
    private final String name;
    /** The {@link System#nanoTime} up to which an index counts as checked. */
    private final Map<String, Long> checked = new ConcurrentHashMap<>();

    /**
     * Creates an instance.
     *
     * @param setting the setting that names the template; if it is not set, nothing is checked
     */
    IndexTemplate(ElasticsearchSinkConfig config, String setting, ElasticsearchClient client) {
        this.client = client;
        this.setting = setting;
        name = config.getString(setting);
    }

    /**
     * Returns the end of a bulk action line, after the id.
     *
     * @param template the name of the template; without one there is no guard
     * @param field a field that every document has; null if there is none
     */
    static byte[] endOfAction(String template, String field) {
        JsonBuffer end = new JsonBuffer(96);
        if (template != null && field != null) {
            end.raw(",\"dynamic_templates\":{".getBytes(StandardCharsets.US_ASCII)).string(field).raw(':').string(GUARD).raw('}');
        }
        end.raw("}}\n".getBytes(StandardCharsets.US_ASCII));
        return end.slice(0, end.size());
    }

    /**
     * Ensures that the template is there, and that each index exists and was made from it.
     *
     * @throws IOException if Elasticsearch does not say so now
     * @throws ConnectException if only an operator can help
     */
    void check(Set<String> indices) throws IOException, InterruptedException {
        if (name == null) {
            return;
        }
        Template template = null;
        for (String index : indices) {
            Long validUntil = checked.get(index);
            if (validUntil != null && System.nanoTime() - validUntil < 0) {
                continue;
            }
            template = template == null ? template() : template;
            check(index, template);
            checked.put(index, System.nanoTime() + VALID.toNanos());
        }
    }

    /** Forgets what was checked, because a request has failed: the cluster may be another one when it responds again. */
    void forget() {
        checked.clear();
    }

    /** Returns whether the guard has refused a document. */
    static boolean isGuard(BulkResponse.Item item) {
        return item.reason() != null && item.reason().contains(GUARD);
    }

    /** Returns the exception that stops the task because the guard has refused a document. */
    ConnectException guarded(String problem) {
        return fault("an index was made without the template " + name + " (" + problem + ")");
    }

    private record Template(Set<String> aliases, Object dynamic) {
    }

    private Template template() throws IOException, InterruptedException {
        HttpNodes.Response response = client.indexTemplate(name);
        if (response.status() == 404) {
            throw fault(response.node() + " has no index template " + name);
        }
        requireOk(response, "read the index template " + name);
        Object found = new JsonReader(response.body()).value();
        Object first = at(found, "index_templates") instanceof Iterable<?> all && all.iterator().hasNext() ? all.iterator().next() : null;
        Object made = at(at(first, "index_template"), "template");
        return new Template(keys(at(made, "aliases")), at(at(made, "mappings"), "dynamic"));
    }

    private void check(String index, Template template) throws IOException, InterruptedException {
        HttpNodes.Response response = client.index(index);
        if (response.status() == 404) {
            create(index);
            response = client.index(index);
        }
        requireOk(response, "read the index " + index);
        if (!(new JsonReader(response.body()).value() instanceof Map<?, ?> found)) {
            throw new IOException(response.node() + " responded without the index " + index);
        }
        for (Map.Entry<?, ?> one : found.entrySet()) {
            Set<String> missing = new TreeSet<>(template.aliases);
            missing.removeAll(keys(at(one.getValue(), "aliases")));
            Object dynamic = at(at(one.getValue(), "mappings"), "dynamic");
            if (!missing.isEmpty()) {
                throw fault("the index " + one.getKey() + " lacks the alias " + String.join(", ", missing) + " of the template " + name
                    + ", so readers do not find its documents");
            }
            if (template.dynamic != null && !template.dynamic.equals(dynamic)) {
                throw fault("the index " + one.getKey() + " was made without the template " + name + ": Elasticsearch would guess the"
                    + " mapping of its fields");
            }
        }
    }

    private void create(String index) throws IOException, InterruptedException {
        HttpNodes.Response response = client.createIndex(index);
        if (response.status() == 400
            && EXISTS_ALREADY.equals(BulkResponse.failure(response.status(), response.body()).error())) {
            return; // Another task was first.
        }
        requireOk(response, "make the index " + index);
    }

    private void requireOk(HttpNodes.Response response, String what) throws IOException {
        if (response.status() == 200) {
            return;
        }
        BulkResponse.Item failure = BulkResponse.failure(response.status(), response.body());
        String problem = "cannot " + what + ": " + response.node() + " responded " + response.status()
            + (failure.error() == null ? "" : ", " + failure.error() + ": " + failure.reason());
        if (BulkDelivery.isTemporary(response.status()) || response.status() == 404 || BulkDelivery.BLOCKED.equals(failure.error())) {
            throw new IOException(problem);
        }
        throw new ConnectException(setting + ": " + problem);
    }

    private ConnectException fault(String problem) {
        forget();
        return new ConnectException(setting + ": " + problem + "; run `bankctl apply indices`, then restart the task");
    }

    private static Object at(Object object, String name) {
        return object instanceof Map<?, ?> map ? map.get(name) : null;
    }

    private static Set<String> keys(Object object) {
        Set<String> keys = new TreeSet<>();
        if (object instanceof Map<?, ?> map) {
            map.keySet().forEach(key -> keys.add((String) key));
        }
        return keys;
    }
}
