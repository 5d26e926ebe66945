package dev.codebank.connect;

import java.io.IOException;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
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

    private final BulkDelivery delivery;
    private final IndexedLetters letters;
    private final IndexName index;
    private final byte[] endOfAction;
    private final Waits waits = new Waits(LOG);
    private long notBefore = System.nanoTime();

    WatermarkDelivery(ElasticsearchSinkConfig config, ElasticsearchClient client, IndexTemplate template, IndexedLetters letters) {
        this.letters = letters;
        delivery = new BulkDelivery(client, template, 0, Duration.ZERO);
        index = config.watermarkIndexName();
        endOfAction = IndexTemplate.endOfAction(config.getString(ElasticsearchSinkConfig.WATERMARK_TEMPLATE), "bank_code");
    }

    /** Writes the documents of new dead letters, and then the watermarks that are due. */
    void deliver(Watermarks watermarks) throws InterruptedException {
        if (System.nanoTime() - notBefore < 0) {
            return;
        }
        List<Watermark> due = watermarks.due();
        if (due.isEmpty() && !letters.hasPending()) {
            return;
        }
        try {
            letters.deliver();
            write(due, watermarks);
            waits.end();
        } catch (ConnectException e) {
            retryLater(e.getMessage());
        } catch (IOException e) {
            retryLater(e.getMessage());
        }
    }

    private void write(List<Watermark> due, Watermarks watermarks) throws IOException, InterruptedException {
        if (due.isEmpty()) {
            return;
        }
        Map<String, byte[]> waiting = new HashMap<>();
        for (Watermark watermark : due) {
            String topic = watermarks.eventsOf(watermark.record()).topic();
            if (!waiting.containsKey(topic)) {
                waiting.put(topic, letters.waiting(topic));
            }
        }
        Bulk bulk = new Bulk(512 * due.size());
        due.forEach(watermark -> bulk.add(watermark.record(),
            json -> watermark.render(index, endOfAction, waiting.get(watermarks.eventsOf(watermark.record()).topic()), json)));
        delivery.deliver(bulk, System.nanoTime());
        due.forEach(watermarks::written);
    }

    private void retryLater(String problem) {
        waits.waitsFor("watermarks are not written (events are not affected): " + problem);
        notBefore = System.nanoTime() + BACKOFF.toNanos();
    }
}
