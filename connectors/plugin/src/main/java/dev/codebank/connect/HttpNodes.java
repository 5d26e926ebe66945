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
 * The nodes of one server, any of which can be asked. One request goes to one node; a node that was lost is passed over by the
 * next request. Nothing is retried. Safe for concurrent use.
 */
final class HttpNodes implements AutoCloseable {
    /**
     * An answer, whatever its status.
     *
     * @param node the address it came from
     */
    record Answer(URI node, int status, byte[] body) {
    }

    private final HttpClient http;
    private final List<URI> nodes;
    private final Duration readTimeout;
    private final String authorization;
    private final AtomicInteger current = new AtomicInteger();

    /**
     * Makes a client; it connects when it is first used.
     *
     * @param nodes addresses without a slash at the end
     * @param readTimeout how long a whole answer may take
     * @param credentials {@code user:password}, or null to send none
     */
    HttpNodes(List<URI> nodes, Duration connectionTimeout, Duration readTimeout, String credentials) {
        // The servers speak HTTP/1.1; offering HTTP/2 would cost a header on every request.
        http = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).connectTimeout(connectionTimeout).build();
        this.nodes = nodes;
        this.readTimeout = readTimeout;
        authorization = credentials == null ? null
            : "Basic " + Base64.getEncoder().encodeToString(credentials.getBytes(StandardCharsets.UTF_8));
    }

    /**
     * Sends a request to a path of one of the nodes.
     *
     * @throws IOException if the connection failed or no whole answer came in time; the request may have been carried out
     */
    Answer send(HttpRequest.Builder request, String path) throws IOException, InterruptedException {
        int chosen = current.get();
        URI address = nodes.get(Math.floorMod(chosen, nodes.size()));
        if (authorization != null) {
            request.header("Authorization", authorization);
        }
        request.uri(URI.create(address + path));
        try {
            HttpResponse<byte[]> response = await(http.sendAsync(request.build(), HttpResponse.BodyHandlers.ofByteArray()));
            return new Answer(address, response.statusCode(), response.body());
        } catch (IOException e) {
            current.compareAndSet(chosen, chosen + 1);
            throw new IOException(address + ": " + (e.getMessage() == null ? e.getClass().getSimpleName() : e.getMessage()), e);
        }
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
}
