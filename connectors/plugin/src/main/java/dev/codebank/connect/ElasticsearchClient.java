package dev.codebank.connect;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Base64;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.zip.Deflater;
import java.util.zip.GZIPOutputStream;

/**
 * Sends one request at a time, per calling thread, to one of the nodes of a cluster. It retries nothing. A node that was
 * lost is passed over by the next request. Safe for concurrent use.
 */
final class ElasticsearchClient implements AutoCloseable {
    /**
     * An answer, whatever its status.
     *
     * @param node the address it came from
     */
    record Answer(URI node, int status, byte[] body) {
    }

    private static final String NDJSON = "application/x-ndjson";

    private final HttpClient http;
    private final List<URI> nodes;
    private final AtomicInteger node = new AtomicInteger();
    private final Duration readTimeout;
    private final boolean compressed;
    private final String authorization;
    private final String bulkPath;

    ElasticsearchClient(ElasticsearchSinkConfig config) {
        // The server speaks HTTP/1.1 only; offering it HTTP/2 would cost a header on every request.
        http = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1)
            .connectTimeout(config.connectionTimeout()).build();
        nodes = config.urls();
        readTimeout = config.readTimeout();
        compressed = config.getBoolean(ElasticsearchSinkConfig.COMPRESSION);
        authorization = authorization(config);
        // Elasticsearch waits a minute for a shard that is away. It had better give up before this client does, so
        // that the documents of the other shards are not sent again.
        bulkPath = "/_bulk?filter_path=" + BulkAnswer.FILTER + "&timeout=" + Math.max(1, readTimeout.toMillis() * 3 / 4) + "ms";
    }

    /**
     * Sends a bulk request.
     *
     * @throws IOException if the connection failed or no whole answer came in time; the request may have been carried out
     */
    Answer bulk(Bulk bulk) throws IOException, InterruptedException {
        HttpRequest.Builder request = HttpRequest.newBuilder().header("Content-Type", NDJSON);
        if (compressed) {
            request.header("Content-Encoding", "gzip").POST(HttpRequest.BodyPublishers.ofByteArray(gzip(bulk)));
        } else {
            request.POST(HttpRequest.BodyPublishers.ofByteArray(bulk.array(), 0, bulk.bytes()));
        }
        return send(request, bulkPath);
    }

    /**
     * Asks whether the cluster has an index template.
     *
     * @return the answer: 200 it has, 404 it has not
     */
    Answer indexTemplate(String name) throws IOException, InterruptedException {
        return send(HttpRequest.newBuilder().GET(), "/_index_template/" + URLEncoder.encode(name, StandardCharsets.UTF_8)
            + "?filter_path=index_templates.name");
    }

    /** Asks for nothing in particular: what matters is whether the caller is let in. */
    Answer root() throws IOException, InterruptedException {
        return send(HttpRequest.newBuilder().GET(), "/");
    }

    /** Closes idle connections. No request may be under way. */
    @Override
    public void close() {
        // The JDK's client can be closed from Java 21 on; before, it ends when it is no longer used.
        if ((Object) http instanceof AutoCloseable closeable) {
            try {
                closeable.close();
            } catch (Exception e) {
                throw new IllegalStateException("the HTTP client does not close", e);
            }
        }
    }

    private Answer send(HttpRequest.Builder request, String path) throws IOException, InterruptedException {
        int chosen = node.get();
        URI address = nodes.get(Math.floorMod(chosen, nodes.size()));
        if (authorization != null) {
            request.header("Authorization", authorization);
        }
        request.uri(URI.create(address + path));
        try {
            HttpResponse<byte[]> response = await(http.sendAsync(request.build(), HttpResponse.BodyHandlers.ofByteArray()));
            return new Answer(address, response.statusCode(), response.body());
        } catch (IOException e) {
            node.compareAndSet(chosen, chosen + 1);
            throw new IOException(address + ": " + (e.getMessage() == null ? e.getClass().getSimpleName() : e.getMessage()), e);
        }
    }

    /** Waits for the whole answer: the request's own timeout would end with its headers, and a body can stall as well. */
    private <T> T await(CompletableFuture<T> answer) throws IOException, InterruptedException {
        try {
            return answer.get(readTimeout.toMillis(), TimeUnit.MILLISECONDS);
        } catch (TimeoutException e) {
            answer.cancel(true);
            throw new IOException("no whole answer within " + readTimeout.toMillis() + " ms", e);
        } catch (InterruptedException e) {
            answer.cancel(true);
            throw e;
        } catch (ExecutionException e) {
            if (e.getCause() instanceof IOException lost) {
                throw lost;
            }
            throw new IOException(e.getCause());
        }
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

    private static String authorization(ElasticsearchSinkConfig config) {
        if (config.username() == null || config.username().isEmpty()) {
            return null;
        }
        String pair = config.username() + ":" + config.password().value();
        return "Basic " + Base64.getEncoder().encodeToString(pair.getBytes(StandardCharsets.UTF_8));
    }
}
