package dev.codebank.connect;

import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
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
 * Writes records to Elasticsearch, each as one immutable document.
 *
 * <p>{@link #put} returns when Elasticsearch has acknowledged every record or the record was reported to the
 * dead-letter topic. So Connect commits only the offsets of such records. While Elasticsearch is down or busy, put
 * throws a {@link RetriableException}, and Connect delivers the same records again, without end and without a dead
 * letter. Refused records are reported last, when all others are written. So an outage in between does not report a
 * record twice.
 */
public final class ElasticsearchSinkTask extends SinkTask {
    private static final Logger LOG = LoggerFactory.getLogger(ElasticsearchSinkTask.class);
    /** The time after which Connect delivers the same records again. */
    private static final Duration REDELIVERY_DELAY = Duration.ofSeconds(2);
    private static final int MAX_FIRST_BUFFER = 1 << 20;

    /** The position of a record in Kafka. */
    private record Position(String topic, Integer partition, long offset) {
        static Position of(SinkRecord record) {
            return new Position(record.originalTopic(), record.originalKafkaPartition(), record.originalKafkaOffset());
        }
    }

    private ElasticsearchSinkConfig config;
    private Addressee addressee;
    private int batchSize;
    private long bulkBytes;
    private SchemaRegistry registry;
    private DocumentRenderer renderer;
    private ElasticsearchClient client;
    private BulkDelivery delivery;
    private ExecutorService senders;
    private Semaphore inFlight;
    private ErrantRecordReporter reporter;
    private Waits waits;
    private final Waits watermarkWaits = new Waits(LOG);
    /** Null if every record is an event. The delivery writes the watermarks and the documents of the dead letters. */
    private Watermarks watermarks;
    private IndexedLetters letters;
    private WatermarkDelivery watermarkDelivery;
    /**
     * The records that a failed put has already written. Connect delivers all of the put's records again; these are not
     * sent again.
     */
    private final Set<Position> acknowledged = new HashSet<>();

    /** Creates a task. Connect starts it next. */
    public ElasticsearchSinkTask() {
    }

    @Override
    public String version() {
        return Version.current();
    }

    @Override
    public void start(Map<String, String> settings) {
        config = new ElasticsearchSinkConfig(settings);
        addressee = new Addressee(settings.get("name"));
        batchSize = config.getInt(ElasticsearchSinkConfig.BATCH_SIZE);
        bulkBytes = config.getLong(ElasticsearchSinkConfig.BULK_SIZE_BYTES);
        registry = config.getList(SchemaRegistry.URLS) == null ? null : new SchemaRegistry(config, config.events());
        renderer = new DocumentRenderer(config, registry);
        client = new ElasticsearchClient(config);
        delivery = new BulkDelivery(client, new IndexTemplate(config, ElasticsearchSinkConfig.INDEX_TEMPLATE, client),
            config.getInt(ElasticsearchSinkConfig.MAX_RETRIES),
            Duration.ofMillis(config.getLong(ElasticsearchSinkConfig.RETRY_BACKOFF_MS)));
        int requests = config.getInt(ElasticsearchSinkConfig.MAX_IN_FLIGHT);
        inFlight = new Semaphore(requests);
        senders = Executors.newFixedThreadPool(requests, work -> {
            Thread thread = new Thread(work, "elasticsearch-bulk");
            thread.setDaemon(true);
            return thread;
        });
        watermarks = config.hasWatermarks() ? new Watermarks(config) : null;
        IndexTemplate watermarkTemplate = new IndexTemplate(config, ElasticsearchSinkConfig.WATERMARK_TEMPLATE, client);
        letters = watermarks == null ? null : new IndexedLetters(config, client, watermarkTemplate);
        watermarkDelivery = watermarks == null ? null : new WatermarkDelivery(config, client, watermarkTemplate, letters);
        reporter = config.failOnMalformed() ? null : context.errantRecordReporter();
        waits = new Waits(LOG, context);
    }

    @Override
    public void put(Collection<SinkRecord> records) {
        try {
            if (!records.isEmpty()) {
                write(records);
                waits.end();
            }
            if (watermarks != null) {
                watermarkDelivery.deliver(watermarks);
            }
        } catch (RetriableException e) {
            waits.waitsFor(e.getMessage());
            context.timeout(REDELIVERY_DELAY.toMillis());
            throw e;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new RetriableException("interrupted before all records were written", e);
        }
    }

    private void write(Collection<SinkRecord> records) throws InterruptedException {
        Put put = new Put();
        try {
            put.render(records);
        } finally {
            put.await();
        }
        put.finish();
        acknowledged.clear();
        if (watermarks != null) {
            watermarks.processed(records);
            acceptRedriven(records, put.refusals);
        }
    }

    /** Tells the letters' documents which redriven records the index has accepted. */
    private void acceptRedriven(Collection<SinkRecord> records, List<Refusal> refusals) {
        for (SinkRecord record : records) {
            if (!record.headers().isEmpty() && addressee.takes(record)
                && refusals.stream().noneMatch(refusal -> refusal.record() == record)) {
                letters.addAccepted(record);
            }
        }
    }

    /**
     * The offsets are those of records that a put has processed, or the start of a partition. All events below them are
     * in the index, or are dead letters. A dead letter without a document yet is not committed, nor is a watermark that
     * is held back.
     */
    @Override
    public Map<TopicPartition, OffsetAndMetadata> preCommit(Map<TopicPartition, OffsetAndMetadata> offsets) {
        if (watermarks == null) {
            return super.preCommit(offsets);
        }
        offsets.forEach((partition, offset) -> watermarks.advance(partition, offset.offset()));
        Map<TopicPartition, OffsetAndMetadata> committable = new HashMap<>();
        offsets.forEach((partition, offset) -> {
            long limit = watermarks.committable(partition, letters.committable(partition, offset.offset()));
            committable.put(partition, limit == offset.offset() ? offset : new OffsetAndMetadata(limit));
        });
        return super.preCommit(committable);
    }

    @Override
    public void close(Collection<TopicPartition> partitions) {
        // The next owner of the partitions starts from the committed offsets.
        acknowledged.clear();
        if (watermarks != null) {
            watermarks.revoke(partitions);
            letters.revoke(partitions);
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

    /** One call of {@link #put}: its running requests and their results. */
    private final class Put {
        private final long deadline = System.nanoTime() + config.flushTimeout().toNanos();
        private final List<Bulk> bulks = new ArrayList<>();
        private final List<Future<List<Refusal>>> deliveries = new ArrayList<>();
        private final List<Refusal> refusals = new ArrayList<>();
        private ConnectException failure;
        private volatile boolean failing;

        /** Renders the records, and sends a bulk as soon as it is full, while earlier bulks are still being sent. */
        void render(Collection<SinkRecord> records) throws InterruptedException {
            Bulk bulk = new Bulk(4096);
            for (SinkRecord record : records) {
                if (failing) {
                    return;
                }
                if (!acknowledged.isEmpty() && acknowledged.contains(Position.of(record)) || !addressee.takes(record)) {
                    continue;
                }
                if (watermarks != null && letters.isAction(record)) {
                    letters.addAction(record);
                } else if (watermarks != null && watermarks.isWatermark(record)) {
                    holdBack(record);
                } else {
                    bulk = add(bulk, record);
                }
            }
            send(bulk);
        }

        private void holdBack(SinkRecord record) {
            try {
                watermarks.add(Watermark.of(record, registry), context.assignment());
                watermarkWaits.end();
            } catch (RetriableException e) {
                skip(e);
            } catch (DataException e) {
                if (Watermark.mayBe(record.value())) {
                    skip(e);
                } else {
                    refusals.add(new Refusal(record, e));
                }
            }
        }

        /** Skips a watermark that cannot be read now. The next one is newer. */
        private void skip(RuntimeException cause) {
            watermarkWaits.waitsFor("watermarks of the index stand still, because they cannot be read: " + cause.getMessage());
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
            return Math.min(bulk.bytes() + bulk.bytes() / 8, MAX_FIRST_BUFFER);
        }

        private void send(Bulk bulk) throws InterruptedException {
            if (bulk.count() == 0 || failing) {
                return;
            }
            // This limits the memory: no more bulks are rendered than can be sent.
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

        /**
         * Waits until no request is running. A failure that needs an operator takes precedence over one that Connect
         * can retry.
         */
        void await() throws InterruptedException {
            for (Future<List<Refusal>> response : deliveries) {
                try {
                    refusals.addAll(response.get());
                } catch (ExecutionException e) {
                    ConnectException problem = e.getCause() instanceof ConnectException known ? known
                        : new ConnectException("a bulk request failed", e.getCause());
                    if (failure == null || failure instanceof RetriableException) {
                        failure = problem;
                    }
                }
            }
        }

        /** Reports the refused records, or throws the failure. While a record waits, none is reported. */
        void finish() {
            List<Refusal> waiting = refusals.stream().filter(refusal -> refusal.cause() instanceof WaitingException).toList();
            if (failure == null && !waiting.isEmpty()) {
                failure = new RetriableException(waiting.size() + " of the records wait, among them " + waiting.get(0).position()
                    + ": " + waiting.get(0).cause().getMessage());
            }
            if (failure != null) {
                for (Bulk bulk : bulks) {
                    for (Bulk.Document document : bulk.documents()) {
                        if (document.acknowledged) {
                            acknowledged.add(Position.of(document.record));
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
            throw new ConnectException("record " + refusal.position() + " cannot be a document and there is no dead-letter"
                + " topic for it: " + refusal.cause().getMessage(), refusal.cause());
        }
        LOG.warn("record {} goes to the dead-letter topic", refusal.position());
        reporter.report(refusal.record(), refusal.cause());
        if (letters != null) {
            letters.add(refusal.record());
        }
    }
}
