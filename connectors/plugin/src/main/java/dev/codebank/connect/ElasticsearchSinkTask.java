package dev.codebank.connect;

import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.Semaphore;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.connect.errors.ConnectException;
import org.apache.kafka.connect.errors.DataException;
import org.apache.kafka.connect.errors.RetriableException;
import org.apache.kafka.connect.sink.ErrantRecordReporter;
import org.apache.kafka.connect.sink.SinkRecord;
import org.apache.kafka.connect.sink.SinkTask;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Writes records to Elasticsearch, one immutable document each.
 *
 * <p>{@link #put} returns when every record is acknowledged by Elasticsearch or reported to the dead-letter topic, so Connect
 * commits the offsets of such records only. While Elasticsearch is away or busy it throws a {@link RetriableException} and
 * Connect delivers the same records again, without end and without a dead letter. Records are reported last, when the others
 * are through, so an outage in between does not report one twice.
 */
public final class ElasticsearchSinkTask extends SinkTask {
    private static final Logger LOG = LoggerFactory.getLogger(ElasticsearchSinkTask.class);
    /** How long Connect waits before it delivers the same records again. */
    private static final Duration REDELIVERY_DELAY = Duration.ofSeconds(2);
    private static final int LARGEST_FIRST_BUFFER = 1 << 20;

    /** Where a record stands in Kafka. */
    private record Place(String topic, Integer partition, long offset) {
        static Place of(SinkRecord record) {
            return new Place(record.originalTopic(), record.originalKafkaPartition(), record.originalKafkaOffset());
        }
    }

    private ElasticsearchSinkConfig config;
    private int batchSize;
    private long bulkBytes;
    private SchemaRegistry registry;
    private DocumentRenderer renderer;
    private ElasticsearchClient client;
    private BulkDelivery delivery;
    private ExecutorService senders;
    private Semaphore inFlight;
    private ErrantRecordReporter reporter;
    private boolean templateSeen;
    /** Null when every record is an event; and how they are written. */
    private Watermarks watermarks;
    private WatermarkDelivery watermarkDelivery;
    /** What a put that failed had already written. Connect delivers all its records again; these need not be sent again. */
    private final Set<Place> acknowledged = new HashSet<>();

    /** Makes a task; Connect starts it next. */
    public ElasticsearchSinkTask() {
    }

    @Override
    public String version() {
        return Version.current();
    }

    @Override
    public void start(Map<String, String> settings) {
        config = new ElasticsearchSinkConfig(settings);
        batchSize = config.getInt(ElasticsearchSinkConfig.BATCH_SIZE);
        bulkBytes = config.getLong(ElasticsearchSinkConfig.BULK_SIZE_BYTES);
        registry = config.getList(SchemaRegistry.URLS) == null ? null : new SchemaRegistry(config);
        renderer = new DocumentRenderer(config, registry);
        client = new ElasticsearchClient(config);
        delivery = new BulkDelivery(client, config.getInt(ElasticsearchSinkConfig.MAX_RETRIES),
            Duration.ofMillis(config.getLong(ElasticsearchSinkConfig.RETRY_BACKOFF_MS)));
        int requests = config.getInt(ElasticsearchSinkConfig.MAX_IN_FLIGHT);
        inFlight = new Semaphore(requests);
        senders = Executors.newFixedThreadPool(requests, work -> {
            Thread thread = new Thread(work, "elasticsearch-bulk");
            thread.setDaemon(true);
            return thread;
        });
        watermarks = config.hasWatermarks() ? new Watermarks(config) : null;
        watermarkDelivery = watermarks == null ? null : new WatermarkDelivery(config, client);
        reporter = config.failOnMalformed() ? null : context.errantRecordReporter();
        templateSeen = config.getString(ElasticsearchSinkConfig.INDEX_TEMPLATE) == null;
    }

    @Override
    public void put(Collection<SinkRecord> records) {
        try {
            if (!records.isEmpty()) {
                write(records);
            }
            if (watermarks != null) {
                watermarkDelivery.deliver(watermarks).forEach(this::report);
            }
        } catch (RetriableException e) {
            context.timeout(REDELIVERY_DELAY.toMillis());
            throw e;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new RetriableException("interrupted before all records were written", e);
        }
    }

    private void write(Collection<SinkRecord> records) throws InterruptedException {
        awaitTemplate();
        Put put = new Put();
        try {
            put.render(records);
        } finally {
            put.await();
        }
        put.finish();
        acknowledged.clear();
        if (watermarks != null) {
            watermarks.done(records);
        }
    }

    /** The offsets are those of records that a put is done with, or where a partition began: all below is in the index. */
    @Override
    public Map<TopicPartition, OffsetAndMetadata> preCommit(Map<TopicPartition, OffsetAndMetadata> offsets) {
        if (watermarks != null) {
            offsets.forEach((partition, offset) -> watermarks.reached(partition, offset.offset()));
        }
        return super.preCommit(offsets);
    }

    @Override
    public void close(Collection<TopicPartition> partitions) {
        // Whoever has the partitions next starts from the committed offsets.
        acknowledged.clear();
        if (watermarks != null) {
            watermarks.forget(partitions);
        }
    }

    @Override
    public void stop() {
        if (senders != null) {
            senders.shutdownNow();
        }
        if (client != null) {
            client.close();
        }
        if (registry != null) {
            registry.close();
        }
    }

    /** Before the first document: an index made without its template would have a mapping guessed by Elasticsearch. */
    private void awaitTemplate() throws InterruptedException {
        if (templateSeen) {
            return;
        }
        String name = config.getString(ElasticsearchSinkConfig.INDEX_TEMPLATE);
        HttpNodes.Answer answer;
        try {
            answer = client.indexTemplate(name);
        } catch (IOException e) {
            throw new RetriableException("cannot ask for the index template " + name + ": " + e.getMessage(), e);
        }
        if (answer.status() == 404) {
            throw new ConnectException(ElasticsearchSinkConfig.INDEX_TEMPLATE + ": " + answer.node()
                + " has no index template " + name + "; put it there, then restart the task");
        }
        if (answer.status() != 200) {
            String problem = "asked for the index template " + name + ", " + answer.node() + " answered " + answer.status();
            throw answer.status() == 429 || answer.status() >= 500 ? new RetriableException(problem)
                : new ConnectException(problem);
        }
        templateSeen = true;
    }

    /** One call of {@link #put}: its requests under way and what came of them. */
    private final class Put {
        private final long deadline = System.nanoTime() + config.flushTimeout().toNanos();
        private final List<Bulk> bulks = new ArrayList<>();
        private final List<Future<List<Refusal>>> deliveries = new ArrayList<>();
        private final List<Refusal> refusals = new ArrayList<>();
        private ConnectException failure;
        private volatile boolean failing;

        /** Renders the records and sends a bulk as soon as it is full, while the ones before are under way. */
        void render(Collection<SinkRecord> records) throws InterruptedException {
            Bulk bulk = new Bulk(4096);
            for (SinkRecord record : records) {
                if (failing) {
                    return;
                }
                if (!acknowledged.isEmpty() && acknowledged.contains(Place.of(record))) {
                    continue;
                }
                if (watermarks != null && watermarks.claims(record)) {
                    hold(record);
                } else {
                    bulk = add(bulk, record);
                }
            }
            send(bulk);
        }

        private void hold(SinkRecord record) {
            try {
                watermarks.offer(Watermark.of(record, registry), context.assignment());
            } catch (DataException e) {
                refusals.add(new Refusal(record, e));
            } catch (RetriableException e) {
                LOG.debug("a watermark is passed over, the next one says more", e);
            }
        }

        private Bulk add(Bulk bulk, SinkRecord record) throws InterruptedException {
            try {
                bulk.add(record, renderer);
            } catch (DataException e) {
                refusals.add(new Refusal(record, e));
                return bulk;
            }
            Bulk next = bulk;
            if (bulk.bytes() > bulkBytes && bulk.count() > 1) {
                next = bulk.splitLast(capacityAfter(bulk));
                send(bulk);
            }
            if (next.count() >= batchSize || next.bytes() >= bulkBytes) {
                send(next);
                next = new Bulk(capacityAfter(next));
            }
            return next;
        }

        private int capacityAfter(Bulk bulk) {
            return Math.min(bulk.bytes() + bulk.bytes() / 8, LARGEST_FIRST_BUFFER);
        }

        private void send(Bulk bulk) throws InterruptedException {
            if (bulk.count() == 0 || failing) {
                return;
            }
            // Bounds the memory: no more bulks are rendered than can be sent.
            inFlight.acquire();
            bulks.add(bulk);
            deliveries.add(senders.submit(() -> {
                try {
                    return delivery.deliver(bulk, deadline);
                } catch (ConnectException e) {
                    failing = true;
                    throw e;
                } finally {
                    inFlight.release();
                }
            }));
        }

        /** Waits until nothing is under way. A failure that needs an operator outweighs one that Connect can retry. */
        void await() throws InterruptedException {
            for (Future<List<Refusal>> answer : deliveries) {
                try {
                    refusals.addAll(answer.get());
                } catch (ExecutionException e) {
                    ConnectException problem = e.getCause() instanceof ConnectException known ? known
                        : new ConnectException("a bulk request failed", e.getCause());
                    if (failure == null || failure instanceof RetriableException) {
                        failure = problem;
                    }
                }
            }
        }

        /** Reports what was refused, or throws what went wrong. */
        void finish() {
            if (failure != null) {
                for (Bulk bulk : bulks) {
                    for (Bulk.Document document : bulk.documents()) {
                        if (document.acknowledged) {
                            acknowledged.add(Place.of(document.record));
                        }
                    }
                }
                throw failure;
            }
            refusals.forEach(ElasticsearchSinkTask.this::report);
        }
    }

    private void report(Refusal refusal) {
        if (reporter == null) {
            throw new ConnectException("record " + refusal.place() + " can be no document and there is no dead-letter"
                + " topic to put it: " + refusal.cause().getMessage(), refusal.cause());
        }
        LOG.warn("record {} goes to the dead-letter topic", refusal.place());
        reporter.report(refusal.record(), refusal.cause());
    }
}
