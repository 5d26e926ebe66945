package dev.codebank.connect;

import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.connect.sink.SinkRecord;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Holds watermarks back until they are true of the index: until every event below their offset was accepted by Elasticsearch
 * or reported to the dead-letter topic, after which nothing more comes of it. How far that is, is known of a partition from
 * the records of successful puts and from the offsets that Connect is about to commit, which also are where a partition
 * begins that nothing comes from. Not safe for concurrent use.
 */
final class Watermarks {
    private static final Logger LOG = LoggerFactory.getLogger(Watermarks.class);
    /** How many are held back of a partition at most. */
    private static final int MOST_HELD = 64;

    private final String suffix;
    private final String eventsSuffix;
    private final long intervalMillis;
    private final Map<TopicPartition, Partition> partitions = new HashMap<>();
    private final Set<TopicPartition> strange = new HashSet<>();
    private String latestTopic;
    private boolean latestIsWatermark;

    /** A partition of events. */
    private static final class Partition {
        /** Every event below it is done with; -1 as long as that is not known. */
        long position = -1;
        /** The time of the last watermark that is in the index. */
        long shownTo = Long.MIN_VALUE;
        /** Those held back: later ones have a later time and a higher offset. */
        final List<Watermark> held = new ArrayList<>();
    }

    Watermarks(ElasticsearchSinkConfig config) {
        suffix = config.getString(ElasticsearchSinkConfig.WATERMARK_SUFFIX);
        eventsSuffix = config.getString(ElasticsearchSinkConfig.WATERMARK_EVENTS_SUFFIX);
        intervalMillis = config.getLong(ElasticsearchSinkConfig.WATERMARK_INTERVAL_MS);
    }

    /** Returns whether a record is a watermark, not an event. */
    boolean claims(SinkRecord record) {
        String topic = record.originalTopic();
        if (!topic.equals(latestTopic)) {
            latestTopic = topic;
            latestIsWatermark = topic.endsWith(suffix);
        }
        return latestIsWatermark;
    }

    /**
     * Takes a watermark to hold. One that says no more than another that is held or shown is passed over.
     *
     * @param assigned the partitions that come to this task
     */
    void offer(Watermark watermark, Set<TopicPartition> assigned) {
        TopicPartition events = eventsOf(watermark.record());
        Partition partition = partitions.computeIfAbsent(events, any -> new Partition());
        if (partition.position < 0 && !assigned.contains(events) && strange.add(events)) {
            LOG.warn("watermarks of {} come to a task that its events do not come to, and are not shown: both topics need"
                + " the same number of partitions, and the consumer the range assignor", events);
        }
        List<Watermark> held = partition.held;
        if (watermark.completeTo() <= partition.shownTo
            || !held.isEmpty() && watermark.completeTo() <= held.get(held.size() - 1).completeTo()) {
            return;
        }
        while (!held.isEmpty() && held.get(held.size() - 1).offset() >= watermark.offset()) {
            held.remove(held.size() - 1);
        }
        held.add(watermark);
        if (held.size() > MOST_HELD) {
            thin(held);
        }
    }

    /** Lets go the one whose neighbours are nearest to each other, so that what is left moves evenly with the events. */
    private static void thin(List<Watermark> held) {
        int least = 1;
        long nearest = Long.MAX_VALUE;
        for (int i = 1; i < held.size() - 1; i++) {
            long apart = held.get(i + 1).completeTo() - held.get(i - 1).completeTo();
            if (apart < nearest) {
                nearest = apart;
                least = i;
            }
        }
        held.remove(least);
    }

    /** Takes note that every event of these records is done with. They are in the order of their partitions. */
    void done(Collection<SinkRecord> records) {
        SinkRecord last = null;
        for (SinkRecord record : records) {
            if (last != null && !(record.originalKafkaPartition().equals(last.originalKafkaPartition())
                && record.originalTopic().equals(last.originalTopic()))) {
                done(last);
            }
            last = record;
        }
        if (last != null) {
            done(last);
        }
    }

    private void done(SinkRecord last) {
        reached(new TopicPartition(last.originalTopic(), last.originalKafkaPartition()), last.originalKafkaOffset() + 1);
    }

    /** Takes note that every event of a partition below an offset is done with. */
    void reached(TopicPartition events, long offset) {
        if (events.topic().endsWith(eventsSuffix)) {
            partitions.computeIfAbsent(events, any -> new Partition()).position = offset;
        }
    }

    /** Forgets what came from partitions that go elsewhere: others may move on with them. */
    void forget(Collection<TopicPartition> gone) {
        for (TopicPartition partition : gone) {
            partitions.remove(partition);
            if (partition.topic().endsWith(suffix)) {
                Partition events = partitions.get(eventsOf(partition.topic(), partition.partition()));
                if (events != null) {
                    events.held.clear();
                }
            }
        }
    }

    /** Returns of each partition the latest watermark that is true of the index, if it is time to show one. */
    List<Watermark> due() {
        List<Watermark> due = new ArrayList<>();
        for (Partition partition : partitions.values()) {
            List<Watermark> held = partition.held;
            while (held.size() > 1 && held.get(1).offset() <= partition.position) {
                held.remove(0);
            }
            if (!held.isEmpty() && held.get(0).offset() <= partition.position
                && (partition.shownTo == Long.MIN_VALUE || held.get(0).completeTo() - partition.shownTo >= intervalMillis)) {
                due.add(held.get(0));
            }
        }
        return due;
    }

    /** Takes note that a watermark is in the index, or never will be. */
    void shown(Watermark watermark) {
        Partition partition = partitions.get(eventsOf(watermark.record()));
        if (partition != null) {
            partition.held.remove(watermark);
            partition.shownTo = Math.max(partition.shownTo, watermark.completeTo());
        }
    }

    private TopicPartition eventsOf(SinkRecord record) {
        return eventsOf(record.originalTopic(), record.originalKafkaPartition());
    }

    private TopicPartition eventsOf(String topic, int partition) {
        return new TopicPartition(topic.substring(0, topic.length() - suffix.length()) + eventsSuffix, partition);
    }
}
