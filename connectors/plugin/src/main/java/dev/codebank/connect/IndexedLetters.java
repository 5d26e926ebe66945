package dev.codebank.connect;

import java.io.IOException;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.connect.header.Header;
import org.apache.kafka.connect.sink.SinkRecord;

/**
 * Keeps a document about each dead letter of the events' topics beside the watermarks, so that a watermark can say how
 * many letters the index is short of. The id of the document is the place of the first record, so a letter that is
 * reported again, or again after a redrive, is one document. A letter waits until the index has accepted a redriven
 * record of it, or until an operator has discarded it, which a topic of actions says. Not safe for concurrent use.
 */
final class IndexedLetters {
    /** The header of a redriven record that says where the first record is. The operators' tool writes it. */
    static final String FIRST = "codebank.redrive.origin";
    /** Takes the place of the month in the name of the watermarks' index, so that it belongs to the same template. */
    static final String INDEX_PART = "dead-letters";

    private static final byte[] END_OF_DOCUMENT = "}\n".getBytes(StandardCharsets.US_ASCII);

    private final ElasticsearchClient client;
    private final IndexTemplate template;
    private final byte[] endOfAction;
    private final BulkDelivery delivery;
    private final String index;
    private final String eventsSuffix;
    private final String actionsTopic;
    private final String deadLetterTopic;
    /** The name of the watermarks' field, or null if letters are not counted. */
    private final String field;
    /** The letters without a document yet, and the states that their documents are to get, by the documents' ids. */
    private final Map<String, SinkRecord> letters = new LinkedHashMap<>();
    private final Map<String, String> states = new LinkedHashMap<>();
    /** The offset of the first record of a partition that the two maps come from. */
    private final Map<TopicPartition, Long> uncommitted = new HashMap<>();
    private boolean unrefreshed;

    IndexedLetters(ElasticsearchSinkConfig config, ElasticsearchClient client, IndexTemplate template) {
        this.client = client;
        this.template = template;
        endOfAction = IndexTemplate.endOfAction(config.getString(ElasticsearchSinkConfig.WATERMARK_TEMPLATE), "letter");
        delivery = new BulkDelivery(client, template, 0, Duration.ZERO);
        field = config.getString(ElasticsearchSinkConfig.DEAD_LETTERS_FIELD);
        index = config.getString(ElasticsearchSinkConfig.WATERMARK_INDEX_NAME_FORMAT).replace(IndexName.TIMESTAMP, INDEX_PART);
        eventsSuffix = config.getString(ElasticsearchSinkConfig.WATERMARK_EVENTS_SUFFIX);
        actionsTopic = config.getString(ElasticsearchSinkConfig.ACTIONS_TOPIC);
        deadLetterTopic = config.originalsStrings().get("errors.deadletterqueue.topic.name");
    }

    /** Returns whether a record says what an operator did with a letter, and is not an event. */
    boolean isAction(SinkRecord record) {
        return record.originalTopic().equals(actionsTopic);
    }

    /** Adds an action. Only a discarded letter of this connector's own topic matters. Any other record is skipped. */
    void addAction(SinkRecord record) {
        if (field == null || !(record.value() instanceof byte[] value)) {
            return;
        }
        try {
            if (new JsonReader(value).value() instanceof Map<?, ?> action && "discarded".equals(action.get("action"))
                && action.get("letter") instanceof Map<?, ?> letter && letter.get("topic") instanceof String topic
                && topic.equals(deadLetterTopic) && action.get("origin") instanceof String origin) {
                setState(origin, "discarded", record);
            }
        } catch (IOException e) {
            // Not an action: anybody may write to the topic.
            return;
        }
    }

    /** Adds a record that goes to the dead-letter topic. A record of another topic than the events' is skipped. */
    void add(SinkRecord record) {
        if (field == null || !record.originalTopic().endsWith(eventsSuffix)) {
            return;
        }
        letters.put(id(record), record);
        hold(record);
    }

    /** Adds a record that the index has accepted. Only a redriven one matters. */
    void addAccepted(SinkRecord record) {
        String first = field == null ? null : first(record);
        if (first != null) {
            setState(first, "redriven", record);
        }
    }

    private void setState(String id, String state, SinkRecord record) {
        states.put(id, state);
        hold(record);
    }

    private void hold(SinkRecord record) {
        uncommitted.merge(new TopicPartition(record.originalTopic(), record.originalKafkaPartition()),
            record.originalKafkaOffset(), Math::min);
    }

    /**
     * Returns the offset up to which Connect may commit a partition. What is not written yet is delivered again after a
     * restart.
     */
    long committable(TopicPartition partition, long offset) {
        return Math.min(offset, uncommitted.getOrDefault(partition, Long.MAX_VALUE));
    }

    /**
     * Forgets what is not written yet, when partitions are assigned to other tasks. These get the uncommitted records
     * again. Writing what comes from the other partitions twice changes nothing.
     */
    void revoke(Collection<TopicPartition> partitions) {
        uncommitted.keySet().removeAll(partitions);
    }

    boolean hasPending() {
        return !letters.isEmpty() || !states.isEmpty() || unrefreshed;
    }

    /**
     * Writes what was added, and makes it visible to {@link #waiting}.
     *
     * @throws IOException if Elasticsearch does not respond, or refuses a request
     * @throws org.apache.kafka.connect.errors.ConnectException if the index does not take the documents
     */
    void deliver() throws IOException, InterruptedException {
        if (!hasPending()) {
            return;
        }
        if (!states.isEmpty()) {
            // Elasticsearch would also make an index for an update.
            template.check(Set.of(index));
        }
        if (!letters.isEmpty()) {
            Bulk bulk = new Bulk(256 * letters.size());
            letters.forEach((id, record) -> bulk.add(record, json -> render(id, record, json)));
            delivery.deliver(bulk, System.nanoTime());
            unrefreshed = true;
            letters.clear();
        }
        while (!states.isEmpty()) {
            Map.Entry<String, String> next = states.entrySet().iterator().next();
            update(next.getKey(), next.getValue());
            unrefreshed = true;
            states.remove(next.getKey());
        }
        uncommitted.clear();
        // The index does not exist if there was only an action on a letter of an earlier version.
        check(client.refresh(index), "refresh " + index, 404);
        unrefreshed = false;
    }

    /** Sets the state of a document. A letter without a document does not count, so it needs no state. */
    private void update(String id, String state) throws IOException, InterruptedException {
        JsonBuffer change = new JsonBuffer(64).raw("{\"doc\":{\"letter\":".getBytes(StandardCharsets.US_ASCII)).string(state)
            .raw("}}".getBytes(StandardCharsets.US_ASCII));
        check(client.post("/" + index + "/_update/" + URLEncoder.encode(id, StandardCharsets.UTF_8), change), "update " + index, 404);
    }

    /**
     * Returns the number of letters of a topic that wait, as a further field of a document; nothing if letters are not
     * counted.
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
        HttpNodes.Response response = check(client.post("/" + index + "/_count?ignore_unavailable=true", query), "count " + index, 200);
        if (new JsonReader(response.body()).value() instanceof Map<?, ?> answer && answer.get("count") instanceof Number count) {
            return count.longValue();
        }
        throw new IOException(response.node() + " responded without a count");
    }

    private static HttpNodes.Response check(HttpNodes.Response response, String what, int alsoFine) throws IOException {
        if (response.status() != 200 && response.status() != alsoFine) {
            throw new IOException("cannot " + what + ": " + response.node() + " responded " + response.status());
        }
        return response;
    }

    private static String id(SinkRecord record) {
        String first = first(record);
        return first != null ? first
            : record.originalTopic() + "/" + record.originalKafkaPartition() + "/" + record.originalKafkaOffset();
    }

    /** Returns where the first record of a redriven record is, or null. */
    private static String first(SinkRecord record) {
        Header header = record.headers().isEmpty() ? null : record.headers().lastWithName(FIRST);
        return header != null && header.value() instanceof byte[] place && place.length <= 512
            ? new String(place, StandardCharsets.UTF_8) : null;
    }

    private void render(String id, SinkRecord record, JsonBuffer json) {
        json.raw("{\"create\":{\"_index\":".getBytes(StandardCharsets.US_ASCII)).string(index)
            .raw(",\"_id\":".getBytes(StandardCharsets.US_ASCII)).string(id).raw(endOfAction);
        json.raw('{').string("letter").raw(':').string("waiting");
        json.raw(',').string("topic").raw(':').string(record.originalTopic());
        json.raw(',').string("partition").raw(':').number((long) record.originalKafkaPartition());
        json.raw(',').string("offset").raw(':').number(record.originalKafkaOffset());
        json.raw(',').string("reported_at").raw(':').instant(System.currentTimeMillis());
        json.raw(END_OF_DOCUMENT);
    }
}
