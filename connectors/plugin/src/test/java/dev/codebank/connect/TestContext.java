package dev.codebank.connect;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Future;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.metrics.PluginMetrics;
import org.apache.kafka.connect.errors.DataException;
import org.apache.kafka.connect.sink.ErrantRecordReporter;
import org.apache.kafka.connect.sink.SinkRecord;
import org.apache.kafka.connect.sink.SinkTaskContext;

/** Stands in for Connect in tests of a task, and keeps what the task reports. */
class TestContext implements SinkTaskContext {
    final List<Refusal> reported = new ArrayList<>();
    boolean reporting = true;
    long timeout;
    Set<TopicPartition> assignment = Set.of();

    List<Long> reportedOffsets() {
        return reported.stream().map(refusal -> refusal.record().kafkaOffset()).sorted().toList();
    }

    @Override
    public ErrantRecordReporter errantRecordReporter() {
        return reporting ? this::report : null;
    }

    private Future<Void> report(SinkRecord record, Throwable cause) {
        reported.add(new Refusal(record, (DataException) cause));
        return CompletableFuture.completedFuture(null);
    }

    @Override
    public Map<String, String> configs() {
        return Map.of();
    }

    @Override
    public void offset(Map<TopicPartition, Long> offsets) {
        throw new UnsupportedOperationException();
    }

    @Override
    public void offset(TopicPartition partition, long offset) {
        throw new UnsupportedOperationException();
    }

    @Override
    public void timeout(long timeoutMs) {
        timeout = timeoutMs;
    }

    @Override
    public Set<TopicPartition> assignment() {
        return assignment;
    }

    @Override
    public void pause(TopicPartition... partitions) {
        throw new UnsupportedOperationException();
    }

    @Override
    public void resume(TopicPartition... partitions) {
        throw new UnsupportedOperationException();
    }

    @Override
    public void requestCommit() {
        throw new UnsupportedOperationException();
    }

    @Override
    public PluginMetrics pluginMetrics() {
        return null;
    }
}
