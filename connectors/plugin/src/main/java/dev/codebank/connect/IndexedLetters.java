package dev.codebank.connect;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.connect.sink.SinkRecord;

/**
 * Keeps a document about each dead letter of the events' topics beside the watermarks, so that a watermark can say how
 * many letters the index is short of. The document's id is the position of the record, so a letter that is reported
 * again is one document. {@code bankctl dlq} changes the state of the document when the letter is redriven or discarded.
 * Not safe for concurrent use.
 */
final class IndexedLetters {
    private static final byte[] END_OF_DOCUMENT = "}\n".getBytes(StandardCharsets.US_ASCII);
    /** Takes the place of the month in the name of the watermarks' index, so that it belongs to the same template. */
    static final String INDEX_PART = "dead-letters";

    private final ElasticsearchClient client;
    private final BulkDelivery delivery;
    private final String index;
    private final String eventsSuffix;
    /** The name of the watermarks' field, or null if letters are not counted. */
    private final String field;
    private final Map<TopicPartition, Long> firstPending = new HashMap<>();
    private final Map<String, SinkRecord> pending = new LinkedHashMap<>();
    private boolean unrefreshed;

    IndexedLetters(ElasticsearchSinkConfig config, ElasticsearchClient client) {
        this.client = client;
        delivery = new BulkDelivery(client, 0, Duration.ZERO);
        index = config.getString(ElasticsearchSinkConfig.WATERMARK_INDEX_NAME_FORMAT).replace(IndexName.TIMESTAMP, INDEX_PART);
        field = config.getString(ElasticsearchSinkConfig.DEAD_LETTERS_FIELD);
        eventsSuffix = config.getString(ElasticsearchSinkConfig.WATERMARK_EVENTS_SUFFIX);
    }

    /** Adds a record that goes to the dead-letter topic. A record of another topic than the events' is left out. */
    void add(SinkRecord record) {
        if (field == null || !record.originalTopic().endsWith(eventsSuffix)) {
            return;
        }
        pending.put(id(record), record);
        firstPending.merge(new TopicPartition(record.originalTopic(), record.originalKafkaPartition()), record.originalKafkaOffset(),
            Math::min);
    }

    /**
     * Returns the offset up to which Connect may commit a partition. A letter whose document is not written yet is
     * delivered again after a restart.
     */
    long committable(TopicPartition partition, long offset) {
        return Math.min(offset, firstPending.getOrDefault(partition, Long.MAX_VALUE));
    }

    /** Removes the state of partitions that are assigned to other tasks, which get their uncommitted records again. */
    void revoke(Iterable<TopicPartition> partitions) {
        for (TopicPartition partition : partitions) {
            firstPending.remove(partition);
            pending.values().removeIf(record -> record.originalTopic().equals(partition.topic())
                && record.originalKafkaPartition() == partition.partition());
        }
    }

    boolean hasPending() {
        return !pending.isEmpty() || unrefreshed;
    }

    /**
     * Writes the documents of the added letters, and makes them visible to {@link #waiting}.
     *
     * @throws IOException if Elasticsearch does not respond, or does not refresh the index
     * @throws org.apache.kafka.connect.errors.ConnectException if the index does not take the documents
     */
    void deliver() throws IOException, InterruptedException {
        if (!pending.isEmpty()) {
            Bulk bulk = new Bulk(256 * pending.size());
            pending.forEach((id, record) -> bulk.add(record, json -> render(id, record, json)));
            delivery.deliver(bulk, System.nanoTime());
            unrefreshed = true;
            pending.clear();
            firstPending.clear();
        }
        if (unrefreshed) {
            HttpNodes.Response response = client.refresh(index);
            if (response.status() != 200) {
                throw new IOException("cannot refresh " + index + ": " + response.node() + " responded " + response.status());
            }
            unrefreshed = false;
        }
    }

    /**
     * Returns the number of letters of a topic that were neither redriven nor discarded, as a further field of a document;
     * nothing if letters are not counted.
     */
    byte[] waiting(String topic) throws IOException, InterruptedException {
        if (field == null) {
            return new byte[0];
        }
        JsonBuffer counted = new JsonBuffer(64).raw(',').string(field).raw(':').number(count(topic));
        return counted.slice(0, counted.size());
    }

    private long count(String topic) throws IOException, InterruptedException {
        JsonBuffer query = new JsonBuffer(256);
        query.raw("{\"query\":{\"bool\":{\"filter\":[{\"term\":{\"letter\":\"waiting\"}},{\"term\":{\"topic\":"
            .getBytes(StandardCharsets.US_ASCII)).string(topic).raw("}}]}}}".getBytes(StandardCharsets.US_ASCII));
        HttpNodes.Response response = client.count(index, query);
        if (response.status() != 200) {
            throw new IOException("cannot count the dead letters in " + index + ": " + response.node() + " responded " + response.status());
        }
        if (new JsonReader(response.body()).value() instanceof Map<?, ?> answer && answer.get("count") instanceof Number count) {
            return count.longValue();
        }
        throw new IOException(response.node() + " responded without a count");
    }

    private static String id(SinkRecord record) {
        return record.originalTopic() + "/" + record.originalKafkaPartition() + "/" + record.originalKafkaOffset();
    }

    private void render(String id, SinkRecord record, JsonBuffer json) {
        json.raw("{\"create\":{\"_index\":".getBytes(StandardCharsets.US_ASCII)).string(index)
            .raw(",\"_id\":".getBytes(StandardCharsets.US_ASCII)).string(id).raw("}}\n".getBytes(StandardCharsets.US_ASCII));
        json.raw('{').string("letter").raw(':').string("waiting");
        json.raw(',').string("topic").raw(':').string(record.originalTopic());
        json.raw(',').string("partition").raw(':').number((long) record.originalKafkaPartition());
        json.raw(',').string("offset").raw(':').number(record.originalKafkaOffset());
        json.raw(',').string("reported_at").raw(':').instant(System.currentTimeMillis());
        json.raw(END_OF_DOCUMENT);
    }
}
