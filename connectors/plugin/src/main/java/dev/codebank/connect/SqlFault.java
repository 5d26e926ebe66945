package dev.codebank.connect;

import java.sql.SQLException;
import java.util.List;
import org.apache.kafka.connect.errors.ConnectException;
import org.apache.kafka.connect.errors.DataException;
import org.apache.kafka.connect.errors.RetriableException;

/**
 * Classifies an error of the database by its SQLSTATE. The server as a whole is at fault, for now or until an operator
 * acts, or one row may be. Any state that is not known to concern the server may be one row's.
 */
final class SqlFault {
    /** Connection, transaction state, resources, state of an object, operator intervention, system error, rollback. */
    private static final List<String> TRANSIENT_CLASSES = List.of("08", "25", "40", "53", "55", "57", "58");
    /**
     * A role, a database, a schema, a table, a column, a privilege, the configuration, or a broken page of an index is
     * wrong. No row differs from another in that.
     */
    private static final List<String> SERVER_CLASSES = List.of("0L", "0P", "28", "3D", "3F", "42", "F0");
    private static final List<String> SERVER_STATES = List.of("XX001", "XX002");

    private SqlFault() {
    }

    /** Returns whether one row may be the cause: the same rows in smaller batches show whether it is. */
    static boolean mayBeOfOneRow(SQLException error) {
        return !isTransient(error) && !isOf(error, SERVER_CLASSES) && !SERVER_STATES.contains(error.getSQLState());
    }

    /** Returns whether the same statement may succeed later. */
    static boolean isTransient(SQLException error) {
        // An error without a state comes from the driver: the connection ended.
        return error.getSQLState() == null || isOf(error, TRANSIENT_CLASSES);
    }

    /** Returns the error that is reported for a record that the database refuses. */
    static DataException refusal(SQLException error) {
        return new DataException("the database refused the row: " + describe(error), error);
    }

    /** Returns the exception for a task to throw because the database refuses an event that every such table takes. */
    static ConnectException refusesAnEvent(SQLException error, String position) {
        return new ConnectException("the database refused the row of record " + position + ", which is a valid event of the bank,"
            + " so the table is at fault: " + describe(error) + " – see its columns, constraints and triggers", error);
    }

    /** Returns the exception for a task to throw: a retriable one, or one that stops the task. */
    static ConnectException toThrow(SQLException error) {
        return isTransient(error) ? new RetriableException("the database is down or busy: " + describe(error), error)
            : new ConnectException("the database does not accept rows: " + describe(error) + hint(error.getSQLState()), error);
    }

    private static String describe(SQLException error) {
        return error.getSQLState() + ", " + error.getMessage();
    }

    private static String hint(String state) {
        return switch (state.substring(0, 2)) {
            case "28", "42" -> " – see " + PostgresSinkConfig.USERNAME + ", " + PostgresSinkConfig.TABLE
                + ", and the privileges of that role";
            case "3D" -> " – see " + PostgresSinkConfig.URL;
            default -> "";
        };
    }

    private static boolean isOf(SQLException error, List<String> classes) {
        String state = error.getSQLState();
        return state != null && state.length() == 5 && classes.contains(state.substring(0, 2));
    }
}
