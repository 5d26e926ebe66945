package dev.codebank.connect;

import java.sql.SQLException;
import java.util.List;
import org.apache.kafka.connect.errors.ConnectException;
import org.apache.kafka.connect.errors.DataException;
import org.apache.kafka.connect.errors.RetriableException;

/** Whose fault an error of the database is, by its SQLSTATE: a row's, a bad moment's, or one that only an operator can mend. */
final class SqlFault {
    /** Connection, resources, operator's intervention, failure of the server's system, transaction rolled back. */
    private static final List<String> MOMENTS = List.of("08", "53", "57", "58", "40");
    /** A lock that did not come in time; a transaction that was idle or took too long; a server that only reads for now. */
    private static final List<String> MOMENTARY = List.of("55P03", "25P03", "25P04", "25006");
    /** A value that does not fit, a constraint that refuses it. */
    private static final List<String> ROWS = List.of("22", "23");

    private SqlFault() {
    }

    /** Tells whether a row brought it upon itself. */
    static boolean isOfARow(SQLException error) {
        return isOf(error, ROWS);
    }

    /** Tells whether the same statement may succeed later. */
    static boolean isOfTheMoment(SQLException error) {
        // Without a state it is the driver's own: a stream that ended.
        return error.getSQLState() == null || isOf(error, MOMENTS) || MOMENTARY.contains(error.getSQLState());
    }

    /** Returns what a record that the database refuses is reported with. */
    static DataException refusal(SQLException error) {
        return new DataException("the database refused the row: " + describe(error), error);
    }

    /** Returns what a task throws: to be called again, or to stop. */
    static ConnectException toThrow(SQLException error) {
        return isOfTheMoment(error) ? new RetriableException("the database is away or busy: " + describe(error), error)
            : new ConnectException("the database does not take rows: " + describe(error) + hint(error.getSQLState()), error);
    }

    private static String describe(SQLException error) {
        return error.getSQLState() + ", " + error.getMessage();
    }

    private static String hint(String state) {
        return switch (state.substring(0, 2)) {
            case "28", "42" -> " – see " + PostgresSinkConfig.USERNAME + ", " + PostgresSinkConfig.TABLE
                + ", and what that role may do";
            case "3D" -> " – see " + PostgresSinkConfig.URL;
            default -> "";
        };
    }

    private static boolean isOf(SQLException error, List<String> classes) {
        String state = error.getSQLState();
        return state != null && state.length() == 5 && classes.contains(state.substring(0, 2));
    }
}
