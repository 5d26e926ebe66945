package dev.codebank.connect;

import java.io.IOException;
import java.net.URI;
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

/**
 * The nodes of one server. Each request goes to one node, and any node can serve it. After a lost connection, the next
 * request goes to the next node. Nothing is retried. Safe for concurrent use.
 */
final class HttpNodes implements AutoCloseable {
    /**
     * A response with any status.
     *
     * @param node the address that sent the response
     */
    record Response(URI node, int status, byte[] body) {
    }

    private final HttpClient http;
    private final List<URI> nodes;
    private final Duration readTimeout;
    private final String authorization;
    private final AtomicInteger current = new AtomicInteger();

    /**
     * Creates a client. It connects when it is first used.
     *
     * @param nodes addresses without a slash at the end
     * @param readTimeout the longest time until a complete response has arrived
     * @param credentials {@code user:password}, or null to send none
     */
    HttpNodes(List<URI> nodes, Duration connectionTimeout, Duration readTimeout, String credentials) {
        // The servers speak HTTP/1.1. An offer of HTTP/2 would add a header to every request.
        http = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).connectTimeout(connectionTimeout).build();
        this.nodes = nodes;
        this.readTimeout = readTimeout;
        authorization = credentials == null ? null
            : "Basic " + Base64.getEncoder().encodeToString(credentials.getBytes(StandardCharsets.UTF_8));
    }

    /**
     * Sends a request to a path of one of the nodes.
     *
     * @throws IOException if the connection failed or no complete response arrived in time; the node may have executed
     *     the request
     */
    Response send(HttpRequest.Builder request, String path) throws IOException, InterruptedException {
        int chosen = current.get();
        URI address = nodes.get(Math.floorMod(chosen, nodes.size()));
        if (authorization != null) {
            request.header("Authorization", authorization);
        }
        request.uri(URI.create(address + path));
        try {
            HttpResponse<byte[]> response = await(http.sendAsync(request.build(), HttpResponse.BodyHandlers.ofByteArray()));
            return new Response(address, response.statusCode(), response.body());
        } catch (NoResponseInTime e) {
            current.compareAndSet(chosen, chosen + 1);
            throw new NoResponseInTime(address + ": " + e.getMessage());
        } catch (IOException e) {
            current.compareAndSet(chosen, chosen + 1);
            throw new IOException(address + ": " + (e.getMessage() == null ? e.getClass().getSimpleName() : e.getMessage()), e);
        }
    }

    /** The node took a request and sent no complete response in time. It may still be at work on it. */
    static final class NoResponseInTime extends IOException {
        private static final long serialVersionUID = 1;

        NoResponseInTime(String message) {
            super(message);
        }
    }

    /** Closes idle connections. The caller ensures that no request is running. */
    @Override
    public void close() {
        // The JDK's client can be closed since Java 21. In earlier versions it ends when it is no longer used.
        if ((Object) http instanceof AutoCloseable closeable) {
            try {
                closeable.close();
            } catch (Exception e) {
                throw new IllegalStateException("the HTTP client cannot be closed", e);
            }
        }
    }

    /**
     * Waits for the complete response. The request's own timeout ends with the headers, but a body can stall as well.
     */
    private <T> T await(CompletableFuture<T> response) throws IOException, InterruptedException {
        try {
            return response.get(readTimeout.toMillis(), TimeUnit.MILLISECONDS);
        } catch (TimeoutException e) {
            response.cancel(true);
            throw new NoResponseInTime("no complete response within " + readTimeout.toMillis() + " ms");
        } catch (InterruptedException e) {
            response.cancel(true);
            throw e;
        } catch (ExecutionException e) {
            if (e.getCause() instanceof IOException lost) {
                throw lost;
            }
            throw new IOException(e.getCause());
        }
    }
}
