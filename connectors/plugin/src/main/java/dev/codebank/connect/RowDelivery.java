package dev.codebank.connect;

import java.sql.SQLException;
import java.util.List;
import java.util.Map;
import org.apache.kafka.connect.errors.DataException;
import org.apache.kafka.connect.sink.SinkRecord;

/**
 * Writes records into the table, each once. Usually the records are new, so they are written directly. If one of them
 * exists already, the same records are written in the way that keeps existing rows. So are all later records, until a
 * delivery has no existing row, because a consumer that reads a topic again meets repeats in every delivery. Not safe
 * for concurrent use.
 */
final class RowDelivery {
    private boolean expectRepeats;

    /** Creates a delivery that expects new records. */
    RowDelivery() {
    }

    /**
     * Writes every record that can be a row. A record that the database refuses for another reason than the state of
     * the server is refused, and only that record, unless it is a valid event of the bank.
     *
     * @param refusals gets the other records, with the reasons
     * @throws SQLException if the database is down, or no row caused the error; some records may have been written
     * @throws org.apache.kafka.connect.errors.ConnectException if the table refuses a valid event of the bank
     */
    void deliver(PostgresSession session, CopyPlan plan, List<SinkRecord> records, Map<SinkRecord, DataException> refusals)
            throws SQLException {
        if (!expectRepeats) {
            try {
                session.append(plan, records, refusals);
                return;
            } catch (SQLException e) {
                if (!SqlFault.mayBeOfOneRow(e)) {
                    throw e;
                }
            }
        }
        expectRepeats = !merge(session, plan, records, refusals);
    }

    private static boolean merge(PostgresSession session, CopyPlan plan, List<SinkRecord> records,
            Map<SinkRecord, DataException> refusals) throws SQLException {
        try {
            return session.merge(plan, records, refusals);
        } catch (SQLException e) {
            if (!SqlFault.mayBeOfOneRow(e)) {
                throw e;
            }
            if (records.size() == 1) {
                refuse(records.get(0), e, refusals);
                return true;
            }
        }
        // One record can be the cause: halving the records finds it, and the others are written.
        int half = records.size() / 2;
        boolean first = merge(session, plan, records.subList(0, half), refusals);
        return merge(session, plan, records.subList(half, records.size()), refusals) && first;
    }

    private static void refuse(SinkRecord record, SQLException error, Map<SinkRecord, DataException> refusals) {
        if (BankEvents.TRANSACTIONS.mayBe(record.value())) {
            throw SqlFault.refusesAnEvent(error, Refusal.position(record));
        }
        refusals.put(record, SqlFault.refusal(error));
    }
}
