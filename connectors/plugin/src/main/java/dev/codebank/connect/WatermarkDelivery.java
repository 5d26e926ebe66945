package dev.codebank.connect;

import java.io.IOException;
import java.time.Duration;
import java.util.List;
import org.apache.kafka.connect.errors.ConnectException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Writes watermarks into their index, one immutable document each. Whatever goes wrong is told and left for later: events do
 * not wait for a watermark, and the next one says more. Not safe for concurrent use.
 */
final class WatermarkDelivery {
    private static final Logger LOG = LoggerFactory.getLogger(WatermarkDelivery.class);
    private static final Duration PAUSE = Duration.ofSeconds(1);

    private final ElasticsearchClient client;
    private final BulkDelivery delivery;
    private final IndexName index;
    private final String template;
    private boolean templateSeen;
    private boolean failing;
    private long notBefore = System.nanoTime();

    WatermarkDelivery(ElasticsearchSinkConfig config, ElasticsearchClient client) {
        this.client = client;
        delivery = new BulkDelivery(client, 0, Duration.ZERO);
        index = config.watermarkIndexName();
        template = config.getString(ElasticsearchSinkConfig.WATERMARK_TEMPLATE);
        templateSeen = template == null;
    }

    /**
     * Writes what is due.
     *
     * @return the watermarks that the index refuses for their own sake
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
            due.forEach(watermarks::shown);
            failing = false;
            return refusals;
        } catch (ConnectException e) {
            later(e.getMessage());
        } catch (IOException e) {
            later(e.getMessage());
        }
        return List.of();
    }

    private void checkTemplate() throws IOException, InterruptedException {
        if (templateSeen) {
            return;
        }
        HttpNodes.Answer answer = client.indexTemplate(template);
        if (answer.status() != 200) {
            throw new IOException("asked for the index template " + template + ", " + answer.node() + " answered "
                + answer.status());
        }
        templateSeen = true;
    }

    private void later(String problem) {
        if (!failing) {
            LOG.warn("watermarks are not written, events are not concerned: {}", problem);
        }
        failing = true;
        notBefore = System.nanoTime() + PAUSE.toNanos();
    }
}
