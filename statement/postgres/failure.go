package postgres

import (
	"context"
	"errors"
	"strings"

	"codebank.dev/platform/fault"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// failure translates an error of the database. All that is done here may be
// repeated, so whatever another try could cure is Unavailable: a connection that
// fails or ends (classes 08 and 57, or no SQLSTATE at all), a server short of
// something (53, 58), a transaction that lost (40, 55). The rest, and a row that does
// not fit where it is read into, is a broken program.
func failure(err error) error {
	if err == nil {
		return nil
	}
	var known *fault.Error
	if errors.As(err, &known) {
		return err
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		var connecting *pgconn.ConnectError
		if errors.As(err, &connecting) {
			return errAway.Wrap(err) // The connection's own time limit, not the caller's.
		}
		return fault.Of(err)
	}
	var refused *pgconn.PgError
	if errors.As(err, &refused) {
		for _, class := range []string{"08", "40", "53", "55", "57", "58"} {
			if strings.HasPrefix(refused.Code, class) {
				return errAway.Wrap(err)
			}
		}
		return fault.Of(err)
	}
	var unfit pgx.ScanArgError
	if errors.As(err, &unfit) {
		return fault.Of(err)
	}
	return errAway.Wrap(err)
}
