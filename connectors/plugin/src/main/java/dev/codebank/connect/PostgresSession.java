package dev.codebank.connect;

import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.apache.kafka.connect.errors.DataException;
import org.apache.kafka.connect.sink.SinkRecord;
import org.postgresql.Driver;
import org.postgresql.PGConnection;
import org.postgresql.copy.CopyIn;
import org.postgresql.copy.CopyManager;
import org.postgresql.util.PSQLException;
import org.postgresql.util.PSQLState;

/**
 * A connection, and the two ways in which rows get into the table: straight, which refuses all of them when one is there
 * already, and by way of a temporary table, which leaves alone what is there. After an error it is closed and made anew,
 * unless the error was a row's. Not safe for concurrent use.
 */
final class PostgresSession implements AutoCloseable {
    /** How much is sent at a time: the server works on one piece while the next is made. */
    private static final int CHUNK_BYTES = 64 * 1024;
    private static final String STAGING = "pg_temp.codebank_rows";

    private final Connection connection;
    private final CopyManager manager;
    private final PostgresTable table;
    private final String key;
    private final CopyBuffer buffer = new CopyBuffer(2 * CHUNK_BYTES);
    private boolean staged;

    /**
     * Connects and asks what the table looks like.
     *
     * @throws org.apache.kafka.common.config.ConfigException if it is not as the settings say
     */
    PostgresSession(PostgresSinkConfig config) throws SQLException {
        connection = connect(config);
        try {
            manager = connection.unwrap(PGConnection.class).getCopyAPI();
            try (Statement set = connection.createStatement()) {
                // Whoever holds the table, or this worker when it is frozen, does not hold the other up for ever.
                set.execute("SET lock_timeout = '10s'; SET idle_in_transaction_session_timeout = '60s'");
            }
            table = PostgresTable.read(connection, config.getString(PostgresSinkConfig.TABLE), config.fields());
            key = config.keyFields().stream().map(PostgresTable::quoted).collect(Collectors.joining(", "));
            requireColumns(config.keyFields());
        } catch (SQLException | RuntimeException e) {
            close();
            throw e;
        }
    }

    private static Connection connect(PostgresSinkConfig config) throws SQLException {
        Connection made = new Driver().connect(config.getString(PostgresSinkConfig.URL), config.driverProperties());
        if (made == null) {
            throw new PSQLException("the driver does not take " + PostgresSinkConfig.URL, PSQLState.INVALID_PARAMETER_VALUE);
        }
        return made;
    }

    private void requireColumns(List<String> fields) {
        for (String field : fields) {
            if (table.column(field) == null) {
                throw new org.apache.kafka.common.config.ConfigException(PostgresSinkConfig.KEY_FIELDS
                    + ": " + field + " is not among the fields that are written");
            }
        }
    }

    /** The table, as it was when the connection was made. */
    PostgresTable table() {
        return table;
    }

    /**
     * Writes records straight into the table, all or, on an error, none.
     *
     * @param refusals takes those that can be no row; those in it already are passed over
     */
    void append(CopyPlan plan, List<SinkRecord> records, Map<SinkRecord, DataException> refusals) throws SQLException {
        // Outside a transaction block a COPY is a transaction, with two round trips less.
        copy(table.name(), plan, records, refusals);
    }

    /**
     * Writes those of the records whose key is not there yet, all or, on an error, none.
     *
     * @param refusals takes those that can be no row; those in it already are passed over
     * @return whether there was none whose key was there
     */
    boolean merge(CopyPlan plan, List<SinkRecord> records, Map<SinkRecord, DataException> refusals) throws SQLException {
        try (Statement statement = connection.createStatement()) {
            if (!staged) {
                // Without constraints and defaults: those are the table's own.
                statement.execute("CREATE TEMPORARY TABLE " + STAGING + " ON COMMIT DELETE ROWS AS SELECT "
                    + allColumns() + " FROM " + table.name() + " WITH NO DATA");
                staged = true;
            }
            connection.setAutoCommit(false);
            long rows = copy(STAGING, plan, records, refusals);
            long added = statement.executeLargeUpdate("INSERT INTO " + table.name() + " (" + plan.columns() + ") SELECT "
                + plan.columns() + " FROM " + STAGING + " ON CONFLICT (" + key + ") DO NOTHING");
            connection.commit();
            connection.setAutoCommit(true);
            return added == rows;
        } catch (SQLException e) {
            rollback(e);
            throw e;
        }
    }

    private String allColumns() {
        StringBuilder names = new StringBuilder();
        table.columns().forEach(column -> names.append(names.length() == 0 ? "" : ", ")
            .append(PostgresTable.quoted(column.name())));
        return names.toString();
    }

    private void rollback(SQLException cause) {
        try {
            if (!connection.isClosed() && !connection.getAutoCommit()) {
                connection.rollback();
                connection.setAutoCommit(true);
            }
        } catch (SQLException e) {
            cause.addSuppressed(e);
        }
    }

    private long copy(String target, CopyPlan plan, List<SinkRecord> records, Map<SinkRecord, DataException> refusals)
            throws SQLException {
        CopyIn copy = manager.copyIn("COPY " + target + " (" + plan.columns() + ") FROM STDIN (FORMAT binary)");
        try {
            buffer.truncate(0);
            buffer.header();
            for (SinkRecord record : records) {
                encode(plan, record, refusals);
                if (buffer.size() >= CHUNK_BYTES) {
                    send(copy);
                }
            }
            buffer.trailer();
            send(copy);
            return copy.endCopy();
        } catch (SQLException | RuntimeException e) {
            cancel(copy, e);
            throw e;
        }
    }

    private void encode(CopyPlan plan, SinkRecord record, Map<SinkRecord, DataException> refusals) {
        if (!refusals.isEmpty() && refusals.containsKey(record)) {
            return;
        }
        try {
            plan.encode((byte[]) record.value(), buffer);
        } catch (DataException e) {
            refusals.put(record, e);
        }
    }

    private void send(CopyIn copy) throws SQLException {
        copy.writeToCopy(buffer.array(), 0, buffer.size());
        buffer.truncate(0);
    }

    private static void cancel(CopyIn copy, Exception cause) {
        try {
            if (copy.isActive()) {
                copy.cancelCopy();
            }
        } catch (SQLException e) {
            cause.addSuppressed(e);
        }
    }

    /** Closes the connection; one that is lost already is no error. */
    @Override
    public void close() {
        try {
            connection.close();
        } catch (SQLException e) {
            // It is of no more use either way.
            return;
        }
    }
}
