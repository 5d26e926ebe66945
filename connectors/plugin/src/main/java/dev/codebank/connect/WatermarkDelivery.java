package dev.codebank.connect;

import java.io.IOException;
import java.time.Duration;
import java.util.List;
import org.apache.kafka.connect.errors.ConnectException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Writes watermarks into their index, each as one immutable document. A failure is logged and retried later. Events do
 * not wait for a watermark, and the next watermark is newer anyway. Not safe for concurrent use.
 */
final class WatermarkDelivery {
    private static final Logger LOG = LoggerFactory.getLogger(WatermarkDelivery.class);
    private static final Duration BACKOFF = Duration.ofSeconds(1);

    private final ElasticsearchClient client;
    private final BulkDelivery delivery;
    private final IndexName index;
    private final String template;
    private boolean templateFound;
    private boolean failing;
    private long notBefore = System.nanoTime();

    WatermarkDelivery(ElasticsearchSinkConfig config, ElasticsearchClient client) {
        this.client = client;
        delivery = new BulkDelivery(client, 0, Duration.ZERO);
        index = config.watermarkIndexName();
        template = config.getString(ElasticsearchSinkConfig.WATERMARK_TEMPLATE);
        templateFound = template == null;
    }

    /**
     * Writes the watermarks that are due.
     *
     * @return the watermarks that the index refuses because of their own content
     */
    List<Refusal> deliver(Watermarks watermarks) throws InterruptedException {
        if (System.nanoTime() - notBefore < 0) {
            return List.of();
        }
        List<Watermark> due = watermarks.due();
        if (due.isEmpty()) {
            return List.of();
        }
        try {
            checkTemplate();
            Bulk bulk = new Bulk(512 * due.size());
            due.forEach(watermark -> bulk.add(watermark.record(), json -> watermark.render(index, json)));
            List<Refusal> refusals = delivery.deliver(bulk, System.nanoTime());
            due.forEach(watermarks::written);
            failing = false;
            return refusals;
        } catch (ConnectException e) {
            retryLater(e.getMessage());
        } catch (IOException e) {
            retryLater(e.getMessage());
        }
        return List.of();
    }

    private void checkTemplate() throws IOException, InterruptedException {
        if (templateFound) {
            return;
        }
        HttpNodes.Response response = client.indexTemplate(template);
        if (response.status() != 200) {
            throw new IOException("cannot read the index template " + template + ": " + response.node() + " responded "
                + response.status());
        }
        templateFound = true;
    }

    private void retryLater(String problem) {
        if (!failing) {
            LOG.warn("watermarks are not written (events are not affected): {}", problem);
        }
        failing = true;
        notBefore = System.nanoTime() + BACKOFF.toNanos();
    }
}
