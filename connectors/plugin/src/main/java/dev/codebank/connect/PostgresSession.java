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
 * A connection, and the two ways to write rows into the table. The direct way refuses all rows if one of them exists
 * already. The way by a temporary table keeps existing rows. After an error the session is closed and a new one is
 * opened, unless a row caused the error. Not safe for concurrent use.
 */
final class PostgresSession implements AutoCloseable {
    /** The size of one piece. The server works on a piece while the next one is made. */
    private static final int CHUNK_BYTES = 64 * 1024;
    private static final String STAGING = "pg_temp.codebank_rows";

    private final Connection connection;
    private final CopyManager manager;
    private final PostgresTable table;
    private final String key;
    private final CopyBuffer buffer = new CopyBuffer(2 * CHUNK_BYTES);
    private boolean staged;

    /**
     * Connects, and reads the columns of the table.
     *
     * @throws org.apache.kafka.common.config.ConfigException if the table does not fit the settings
     */
    PostgresSession(PostgresSinkConfig config) throws SQLException {
        connection = connect(config);
        try {
            manager = connection.unwrap(PGConnection.class).getCopyAPI();
            try (Statement set = connection.createStatement()) {
                // A long lock on the table must not block this worker forever. A frozen worker must not block others
                // forever.
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
            throw new PSQLException("the driver does not accept " + PostgresSinkConfig.URL, PSQLState.INVALID_PARAMETER_VALUE);
        }
        return made;
    }

    private void requireColumns(List<String> fields) {
        for (String field : fields) {
            if (table.column(field) == null) {
                throw new org.apache.kafka.common.config.ConfigException(PostgresSinkConfig.KEY_FIELDS
                    + ": " + field + " is not one of the written fields");
            }
        }
    }

    /** Returns the table as it was when the connection was opened. */
    PostgresTable table() {
        return table;
    }

    /**
     * Writes records directly into the table. On an error, none of them is written.
     *
     * @param refusals gets the records that cannot be rows; records that it already holds are skipped
     */
    void append(CopyPlan plan, List<SinkRecord> records, Map<SinkRecord, DataException> refusals) throws SQLException {
        // Outside a transaction block, a COPY is a transaction of its own. This saves two round trips.
        copy(table.name(), plan, records, refusals);
    }

    /**
     * Writes the records whose key does not exist yet. On an error, none of them is written.
     *
     * @param refusals gets the records that cannot be rows; records that it already holds are skipped
     * @return whether no key existed already
     */
    boolean merge(CopyPlan plan, List<SinkRecord> records, Map<SinkRecord, DataException> refusals) throws SQLException {
        try (Statement statement = connection.createStatement()) {
            if (!staged) {
                // The temporary table has no constraints and no defaults. The table itself has them.
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

    /** Closes the connection. A lost connection is no error. */
    @Override
    public void close() {
        try {
            connection.close();
        } catch (SQLException e) {
            // The connection is of no use in either case.
            return;
        }
    }
}
