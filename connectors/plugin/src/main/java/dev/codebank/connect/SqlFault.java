package dev.codebank.connect;

import java.sql.SQLException;
import java.util.List;
import org.apache.kafka.connect.errors.ConnectException;
import org.apache.kafka.connect.errors.DataException;
import org.apache.kafka.connect.errors.RetriableException;

/**
 * Classifies an error of the database by its SQLSTATE. The cause is a row, or the error is temporary, or an operator
 * must act.
 */
final class SqlFault {
    /** Connection, resources, operator intervention, system error, transaction rollback. */
    private static final List<String> TRANSIENT_CLASSES = List.of("08", "53", "57", "58", "40");
    /** A lock timeout; a transaction that was idle or took too long; a server that is read-only for now. */
    private static final List<String> TRANSIENT_STATES = List.of("55P03", "25P03", "25P04", "25006");
    /** A value that does not fit; a violated constraint. */
    private static final List<String> ROW_CLASSES = List.of("22", "23");

    private SqlFault() {
    }

    /** Returns whether a row caused the error. */
    static boolean isRowFault(SQLException error) {
        return isOf(error, ROW_CLASSES);
    }

    /** Returns whether the same statement may succeed later. */
    static boolean isTransient(SQLException error) {
        // An error without a state comes from the driver: the connection ended.
        return error.getSQLState() == null || isOf(error, TRANSIENT_CLASSES) || TRANSIENT_STATES.contains(error.getSQLState());
    }

    /** Returns the error that is reported for a record that the database refuses. */
    static DataException refusal(SQLException error) {
        return new DataException("the database refused the row: " + describe(error), error);
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
