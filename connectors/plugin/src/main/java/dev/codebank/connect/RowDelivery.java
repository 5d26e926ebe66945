package dev.codebank.connect;

import java.sql.SQLException;
import java.util.List;
import java.util.Map;
import org.apache.kafka.connect.errors.DataException;
import org.apache.kafka.connect.sink.SinkRecord;

/**
 * Gets records into the table, each once. New ones are the rule, so they are written straight; when one is there already, the
 * same records go the way that leaves alone what is there, and so do the next ones, until none of a delivery was there:
 * whoever reads a topic again meets a repeat every time. Not safe for concurrent use.
 */
final class RowDelivery {
    private boolean repeats;

    /** Makes a delivery that expects new records. */
    RowDelivery() {
    }

    /**
     * Writes every record that can be a row.
     *
     * @param refusals takes the others, with the reason
     * @throws SQLException if the database is away, or the error is no row's; some records may have been written
     */
    void deliver(PostgresSession session, CopyPlan plan, List<SinkRecord> records, Map<SinkRecord, DataException> refusals)
            throws SQLException {
        if (!repeats) {
            try {
                session.append(plan, records, refusals);
                return;
            } catch (SQLException e) {
                if (!SqlFault.isOfARow(e)) {
                    throw e;
                }
            }
        }
        repeats = !merge(session, plan, records, refusals);
    }

    private static boolean merge(PostgresSession session, CopyPlan plan, List<SinkRecord> records,
            Map<SinkRecord, DataException> refusals) throws SQLException {
        try {
            return session.merge(plan, records, refusals);
        } catch (SQLException e) {
            if (!SqlFault.isOfARow(e)) {
                throw e;
            }
            if (records.size() == 1) {
                refusals.put(records.get(0), SqlFault.refusal(e));
                return true;
            }
        }
        // One record can be the cause: halves find it, and the others pass.
        int half = records.size() / 2;
        boolean first = merge(session, plan, records.subList(0, half), refusals);
        return merge(session, plan, records.subList(half, records.size()), refusals) && first;
    }
}
