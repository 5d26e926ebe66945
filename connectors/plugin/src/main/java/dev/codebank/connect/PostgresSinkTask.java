package dev.codebank.connect;

import java.sql.SQLException;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.IdentityHashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.apache.kafka.connect.errors.ConnectException;
import org.apache.kafka.connect.errors.DataException;
import org.apache.kafka.connect.errors.RetriableException;
import org.apache.kafka.connect.sink.ErrantRecordReporter;
import org.apache.kafka.connect.sink.SinkRecord;
import org.apache.kafka.connect.sink.SinkTask;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Writes events to a table, each as one row.
 *
 * <p>{@link #put} returns when every record is committed or was reported to the dead-letter topic. So Connect commits
 * only the offsets of such records. While the database or the registry is down, or the registry does not have the schema
 * of an event of the bank, put throws a {@link RetriableException}, and Connect delivers the same records again, without
 * end and without a dead letter. Refused records are reported last, when all others are written. So an outage in between
 * does not report a record twice.
 */
public final class PostgresSinkTask extends SinkTask {
    private static final Logger LOG = LoggerFactory.getLogger(PostgresSinkTask.class);
    private static final long MAX_BACKOFF_MS = 10_000;
    private static final int MAX_PLANS = 1_000;

    private PostgresSinkConfig config;
    private Addressee addressee;
    private int batchSize;
    private SchemaRegistry registry;
    private ErrantRecordReporter reporter;
    private Waits waits;
    private PostgresSession session;
    private final RowDelivery delivery = new RowDelivery();
    /** How events become rows of this session's table, by the id of their schema. */
    private final Map<Integer, CopyPlan> plans = new HashMap<>();
    private int failures;

    /** Creates a task. Connect starts it next. */
    public PostgresSinkTask() {
    }

    @Override
    public String version() {
        return Version.current();
    }

    @Override
    public void start(Map<String, String> settings) {
        config = new PostgresSinkConfig(settings);
        addressee = new Addressee(settings.get("name"));
        batchSize = config.getInt(PostgresSinkConfig.BATCH_SIZE);
        registry = new SchemaRegistry(config, BankEvents.TRANSACTIONS);
        reporter = context.errantRecordReporter();
        waits = new Waits(LOG, context);
    }

    @Override
    public void put(Collection<SinkRecord> delivered) {
        Collection<SinkRecord> records = addressee.taken(delivered);
        if (records.isEmpty()) {
            return;
        }
        Map<SinkRecord, DataException> refusals = new IdentityHashMap<>();
        try {
            write(records, refusals);
        } catch (SQLException e) {
            disconnect();
            throw retryLater(SqlFault.toThrow(e));
        } catch (RetriableException e) {
            throw retryLater(e);
        }
        try {
            awaitRegistry(refusals);
        } catch (RetriableException e) {
            throw retryLater(e);
        }
        failures = 0;
        waits.end();
        refusals.forEach(this::report);
    }

    /** Throws a retriable exception if a record waits: all others are written, and none is reported yet. */
    private void awaitRegistry(Map<SinkRecord, DataException> refusals) {
        refusals.replaceAll((record, cause) -> cause.getCause() instanceof SQLException ? cause
            : registry.reason(record.value(), cause));
        int count = 0;
        String first = null;
        for (Map.Entry<SinkRecord, DataException> refusal : refusals.entrySet()) {
            if (refusal.getValue() instanceof WaitingException) {
                first = first == null ? Refusal.position(refusal.getKey()) + ": " + refusal.getValue().getMessage() : first;
                count++;
            }
        }
        if (count > 0) {
            plans.clear();
            throw new RetriableException(count + " of the records wait, among them " + first);
        }
    }

    @Override
    public void stop() {
        disconnect();
        if (registry != null) {
            registry.close();
        }
    }

    private void write(Collection<SinkRecord> records, Map<SinkRecord, DataException> refusals) throws SQLException {
        if (session == null) {
            session = new PostgresSession(config);
        }
        for (Map.Entry<CopyPlan, List<SinkRecord>> group : planned(records, refusals).entrySet()) {
            List<SinkRecord> all = group.getValue();
            for (int from = 0; from < all.size(); from += batchSize) {
                delivery.deliver(session, group.getKey(), all.subList(from, Math.min(all.size(), from + batchSize)), refusals);
            }
        }
    }

    /** Groups the records by their plan, because all rows of one statement have the same columns. */
    private Map<CopyPlan, List<SinkRecord>> planned(Collection<SinkRecord> records, Map<SinkRecord, DataException> refusals) {
        Map<CopyPlan, List<SinkRecord>> groups = new LinkedHashMap<>();
        CopyPlan latest = null;
        List<SinkRecord> group = null;
        for (SinkRecord record : records) {
            CopyPlan plan;
            try {
                plan = plan(record);
            } catch (DataException e) {
                refusals.put(record, e);
                continue;
            }
            if (plan != latest) {
                group = groups.computeIfAbsent(plan, key -> new ArrayList<>(records.size()));
                latest = plan;
            }
            group.add(record);
        }
        return groups;
    }

    private CopyPlan plan(SinkRecord record) {
        if (record.value() == null) {
            throw new DataException("a tombstone is not an event: events are never deleted");
        }
        if (!(record.value() instanceof byte[] value)) {
            throw new ConnectException("value.converter: this sink reads the registry's frame itself; set"
                + " org.apache.kafka.connect.converters.ByteArrayConverter");
        }
        int id = SchemaRegistry.idOf(value);
        CopyPlan plan = plans.get(id);
        if (plan == null) {
            plan = new CopyPlan(registry.byId(id), session.table());
            if (plans.size() >= MAX_PLANS) {
                plans.clear();
            }
            plans.put(id, plan);
        }
        return plan;
    }

    /** Tells Connect when to deliver the same records again, if the error can be retried. */
    private ConnectException retryLater(ConnectException error) {
        if (error instanceof RetriableException) {
            long wait = config.getLong(PostgresSinkConfig.RETRY_BACKOFF_MS) << Math.min(failures++, 16);
            context.timeout(Math.min(wait, MAX_BACKOFF_MS));
            waits.waitsFor(error.getMessage());
        }
        return error;
    }

    private void disconnect() {
        if (session != null) {
            session.close();
        }
        session = null;
        plans.clear();
    }

    private void report(SinkRecord record, DataException cause) {
        String position = new Refusal(record, cause).position();
        if (reporter == null) {
            throw new ConnectException("record " + position + " cannot be a row and there is no dead-letter topic for it: "
                + cause.getMessage(), cause);
        }
        LOG.warn("record {} goes to the dead-letter topic", position);
        reporter.report(record, cause);
    }
}
