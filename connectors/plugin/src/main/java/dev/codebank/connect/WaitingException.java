package dev.codebank.connect;

import org.apache.kafka.connect.errors.DataException;

/**
 * The reason why a record is neither written nor a dead letter yet: it is an event of the bank, and the registry or the
 * store is at fault. Its task delivers it again until an operator has mended the fault.
 */
final class WaitingException extends DataException {
    private static final long serialVersionUID = 1L;

    WaitingException(String message, Throwable cause) {
        super(message, cause);
    }
}
