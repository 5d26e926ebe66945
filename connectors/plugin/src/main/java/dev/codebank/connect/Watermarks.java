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
 * Holds watermarks back until the index has the events below their offset. Each of these events must be accepted by
 * Elasticsearch or reported to the dead-letter topic. The document of the watermark says how many dead letters the index
 * is short of. The position of a partition
 * is known from the records of successful puts, and from the offsets that Connect is about to commit. The latter also
 * give the position of a partition that receives no records. Not safe for concurrent use.
 */
final class Watermarks {
    private static final Logger LOG = LoggerFactory.getLogger(Watermarks.class);
    /** The most watermarks that are held back for one partition. */
    private static final int MAX_HELD = 64;

    private final String suffix;
    private final String eventsSuffix;
    private final long intervalMillis;
    private final Map<TopicPartition, Partition> partitions = new HashMap<>();
    private final Set<TopicPartition> unassigned = new HashSet<>();
    private String latestTopic;
    private boolean latestIsWatermark;

    /** A partition of events. */
    private static final class Partition {
        /** Every event below this offset has been processed. It is -1 while that is unknown. */
        long position = -1;
        /** The time of the last watermark in the index. */
        long writtenTo = Long.MIN_VALUE;
        /** The watermarks that are held back. Later ones have a later time and a higher offset. */
        final List<Watermark> held = new ArrayList<>();
    }

    Watermarks(ElasticsearchSinkConfig config) {
        suffix = config.getString(ElasticsearchSinkConfig.WATERMARK_SUFFIX);
        eventsSuffix = config.getString(ElasticsearchSinkConfig.WATERMARK_EVENTS_SUFFIX);
        intervalMillis = config.getLong(ElasticsearchSinkConfig.WATERMARK_INTERVAL_MS);
    }

    /** Returns whether a record is a watermark and not an event. */
    boolean isWatermark(SinkRecord record) {
        String topic = record.originalTopic();
        if (!topic.equals(latestTopic)) {
            latestTopic = topic;
            latestIsWatermark = topic.endsWith(suffix);
        }
        return latestIsWatermark;
    }

    /**
     * Adds a watermark. It is skipped if its time is not after that of a watermark that is held or written.
     *
     * @param assigned the partitions that are assigned to this task
     */
    void add(Watermark watermark, Set<TopicPartition> assigned) {
        TopicPartition events = eventsOf(watermark.record());
        Partition partition = partitions.computeIfAbsent(events, any -> new Partition());
        if (partition.position < 0 && !assigned.contains(events)) {
            if (unassigned.add(events)) {
                LOG.warn("the watermarks of {} come to a task that does not have the partition of their events, so they are not"
                    + " written: both topics need the same number of partitions, and the consumer needs the range assignor", events);
            }
            return;
        }
        List<Watermark> held = partition.held;
        if (watermark.completeTo() <= partition.writtenTo
            || !held.isEmpty() && watermark.completeTo() <= held.get(held.size() - 1).completeTo()) {
            return;
        }
        while (!held.isEmpty() && held.get(held.size() - 1).offset() >= watermark.offset()) {
            held.remove(held.size() - 1);
        }
        held.add(watermark);
        if (held.size() > MAX_HELD) {
            thin(held);
        }
    }

    /** Removes the watermark whose neighbours are nearest to each other, so that the others stay evenly spread. */
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

    /**
     * Records that every event of these records has been processed. The records are in the order of their partitions.
     */
    void processed(Collection<SinkRecord> records) {
        SinkRecord last = null;
        for (SinkRecord record : records) {
            if (last != null && !(record.originalKafkaPartition().equals(last.originalKafkaPartition())
                && record.originalTopic().equals(last.originalTopic()))) {
                processed(last);
            }
            last = record;
        }
        if (last != null) {
            processed(last);
        }
    }

    private void processed(SinkRecord last) {
        advance(new TopicPartition(last.originalTopic(), last.originalKafkaPartition()), last.originalKafkaOffset() + 1);
    }

    /** Records that every event of a partition below an offset has been processed. */
    void advance(TopicPartition events, long offset) {
        if (events.topic().endsWith(eventsSuffix)) {
            partitions.computeIfAbsent(events, any -> new Partition()).position = offset;
        }
    }

    /**
     * Removes the state of partitions that are assigned to other tasks, because those tasks may process further events.
     */
    void revoke(Collection<TopicPartition> revoked) {
        for (TopicPartition partition : revoked) {
            partitions.remove(partition);
            if (partition.topic().endsWith(suffix)) {
                Partition events = partitions.get(eventsOf(partition.topic(), partition.partition()));
                if (events != null) {
                    events.held.clear();
                }
            }
        }
    }

    /**
     * Returns, for each partition, the latest watermark that is true of the index, if enough time has passed since the
     * last one.
     */
    List<Watermark> due() {
        List<Watermark> due = new ArrayList<>();
        for (Partition partition : partitions.values()) {
            List<Watermark> held = partition.held;
            while (held.size() > 1 && held.get(1).offset() <= partition.position) {
                held.remove(0);
            }
            if (!held.isEmpty() && held.get(0).offset() <= partition.position && !tooSoon(partition, held.get(0))) {
                due.add(held.get(0));
            }
        }
        return due;
    }

    private boolean tooSoon(Partition partition, Watermark watermark) {
        return partition.writtenTo != Long.MIN_VALUE && watermark.completeTo() - partition.writtenTo < intervalMillis;
    }

    /**
     * Returns the offset up to which Connect may commit a partition. A watermark that is held back is delivered again
     * after a restart. Otherwise a task that is far behind and restarts often would only know watermarks that it never
     * reaches, and the index would have none.
     */
    long committable(TopicPartition topicPartition, long offset) {
        if (!topicPartition.topic().endsWith(suffix)) {
            return offset;
        }
        Partition events = partitions.get(eventsOf(topicPartition.topic(), topicPartition.partition()));
        if (events == null) {
            return offset;
        }
        for (Watermark watermark : events.held) {
            if (watermark.offset() > events.position || !tooSoon(events, watermark)) {
                return Math.min(offset, watermark.record().originalKafkaOffset());
            }
        }
        return offset;
    }

    /** Records that a watermark is in the index, or never will be. */
    void written(Watermark watermark) {
        Partition partition = partitions.get(eventsOf(watermark.record()));
        if (partition != null) {
            partition.held.remove(watermark);
            partition.writtenTo = Math.max(partition.writtenTo, watermark.completeTo());
        }
    }

    /** Returns the partition of the events that a watermark is about. */
    TopicPartition eventsOf(SinkRecord record) {
        return eventsOf(record.originalTopic(), record.originalKafkaPartition());
    }

    private TopicPartition eventsOf(String topic, int partition) {
        return new TopicPartition(topic.substring(0, topic.length() - suffix.length()) + eventsSuffix, partition);
    }
}
