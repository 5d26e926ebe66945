package dev.codebank.connect;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.URLEncoder;
import java.net.http.HttpRequest;
import java.nio.charset.StandardCharsets;
import java.util.zip.Deflater;
import java.util.zip.GZIPOutputStream;

/** The requests this plug-in has for Elasticsearch. It retries nothing. Safe for concurrent use. */
final class ElasticsearchClient implements AutoCloseable {
    private static final String NDJSON = "application/x-ndjson";

    private final HttpNodes nodes;
    private final boolean compressed;
    private final String bulkPath;

    ElasticsearchClient(ElasticsearchSinkConfig config) {
        nodes = new HttpNodes(config.urls(), config.connectionTimeout(), config.readTimeout(), config.credentials());
        compressed = config.getBoolean(ElasticsearchSinkConfig.COMPRESSION);
        // Elasticsearch waits a minute for a shard that is away. It had better give up before this client does, so
        // that the documents of the other shards are not sent again.
        long patience = Math.max(1, config.readTimeout().toMillis() * 3 / 4);
        bulkPath = "/_bulk?filter_path=" + BulkAnswer.FILTER + "&timeout=" + patience + "ms";
    }

    /**
     * Sends a bulk request.
     *
     * @throws IOException if the connection failed or no whole answer came in time; the request may have been carried out
     */
    HttpNodes.Answer bulk(Bulk bulk) throws IOException, InterruptedException {
        HttpRequest.Builder request = HttpRequest.newBuilder().header("Content-Type", NDJSON);
        if (compressed) {
            request.header("Content-Encoding", "gzip").POST(HttpRequest.BodyPublishers.ofByteArray(gzip(bulk)));
        } else {
            request.POST(HttpRequest.BodyPublishers.ofByteArray(bulk.array(), 0, bulk.bytes()));
        }
        return nodes.send(request, bulkPath);
    }

    /**
     * Asks whether the cluster has an index template.
     *
     * @return the answer: 200 it has, 404 it has not
     */
    HttpNodes.Answer indexTemplate(String name) throws IOException, InterruptedException {
        String encoded = URLEncoder.encode(name, StandardCharsets.UTF_8);
        return nodes.send(HttpRequest.newBuilder().GET(), "/_index_template/" + encoded
            + "?filter_path=index_templates.name");
    }

    /** Asks for nothing in particular: what matters is whether the caller is let in. */
    HttpNodes.Answer root() throws IOException, InterruptedException {
        return nodes.send(HttpRequest.newBuilder().GET(), "/");
    }

    /** Closes idle connections. No request may be under way. */
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
