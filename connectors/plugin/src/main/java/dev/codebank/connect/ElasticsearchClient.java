package dev.codebank.connect;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.URLEncoder;
import java.net.http.HttpRequest;
import java.nio.charset.StandardCharsets;
import java.util.zip.Deflater;
import java.util.zip.GZIPOutputStream;

/** The requests of this plug-in to Elasticsearch. The client retries nothing. Safe for concurrent use. */
final class ElasticsearchClient implements AutoCloseable {
    private static final String NDJSON = "application/x-ndjson";

    private final HttpNodes nodes;
    private final boolean compressed;
    private final String bulkPath;

    ElasticsearchClient(ElasticsearchSinkConfig config) {
        nodes = new HttpNodes(config.urls(), config.connectionTimeout(), config.readTimeout(), config.credentials());
        compressed = config.getBoolean(ElasticsearchSinkConfig.COMPRESSION);
        // Elasticsearch waits up to a minute for a missing shard. It must give up before this client does. Otherwise
        // the documents of the other shards would be sent again.
        long shardTimeout = Math.max(1, config.readTimeout().toMillis() * 3 / 4);
        bulkPath = "/_bulk?filter_path=" + BulkResponse.FILTER + "&timeout=" + shardTimeout + "ms";
    }

    /**
     * Sends a bulk request.
     *
     * @throws IOException if the connection failed or no complete response arrived in time; Elasticsearch may have
     *     executed the request
     */
    HttpNodes.Response bulk(Bulk bulk) throws IOException, InterruptedException {
        HttpRequest.Builder request = HttpRequest.newBuilder().header("Content-Type", NDJSON);
        if (compressed) {
            request.header("Content-Encoding", "gzip").POST(HttpRequest.BodyPublishers.ofByteArray(gzip(bulk)));
        } else {
            request.POST(HttpRequest.BodyPublishers.ofByteArray(bulk.array(), 0, bulk.bytes()));
        }
        return nodes.send(request, bulkPath);
    }

    /**
     * Requests an index template.
     *
     * @return the response: 200 if the cluster has the template, 404 if it does not
     */
    HttpNodes.Response indexTemplate(String name) throws IOException, InterruptedException {
        String encoded = URLEncoder.encode(name, StandardCharsets.UTF_8);
        return nodes.send(HttpRequest.newBuilder().GET(), "/_index_template/" + encoded
            + "?filter_path=index_templates.name,index_templates.index_template.template.aliases,"
            + "index_templates.index_template.template.mappings.dynamic");
    }

    /**
     * Requests the aliases of an index, and whether its mapping is dynamic.
     *
     * @return the response: 404 if there is no such index
     */
    HttpNodes.Response index(String name) throws IOException, InterruptedException {
        return nodes.send(HttpRequest.newBuilder().GET(), "/" + name + "?filter_path=*.aliases,*.mappings.dynamic");
    }

    /** Makes an index, with what the index templates say. */
    HttpNodes.Response createIndex(String name) throws IOException, InterruptedException {
        return nodes.send(HttpRequest.newBuilder().PUT(HttpRequest.BodyPublishers.noBody()), "/" + name);
    }

    /** Makes the latest documents of an index visible to searches. */
    HttpNodes.Response refresh(String index) throws IOException, InterruptedException {
        return nodes.send(HttpRequest.newBuilder().POST(HttpRequest.BodyPublishers.noBody()), "/" + index + "/_refresh");
    }

    /** Posts a JSON document to a path. */
    HttpNodes.Response post(String path, JsonBuffer content) throws IOException, InterruptedException {
        return nodes.send(HttpRequest.newBuilder().header("Content-Type", "application/json")
            .POST(HttpRequest.BodyPublishers.ofByteArray(content.array(), 0, content.size())), path);
    }

    /** Requests the root page, to check whether Elasticsearch accepts the credentials. */
    HttpNodes.Response root() throws IOException, InterruptedException {
        return nodes.send(HttpRequest.newBuilder().GET(), "/");
    }

    /** Closes idle connections. The caller ensures that no request is running. */
    @Override
    public void close() {
        nodes.close();
    }

    private static byte[] gzip(Bulk bulk) throws IOException {
        ByteArrayOutputStream compressed = new ByteArrayOutputStream(bulk.bytes() / 4);
        try (GZIPOutputStream gzip = new GZIPOutputStream(compressed, 8192) {
            {
                def.setLevel(Deflater.BEST_SPEED);
            }
        }) {
            gzip.write(bulk.array(), 0, bulk.bytes());
        }
        return compressed.toByteArray();
    }
}
