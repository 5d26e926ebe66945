// Package databasetest tests that every store follows the one list of what an error of
// the database means, and that its calls need no privilege that readiness does not check.
package databasetest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"codebank.dev/platform/database"
	"codebank.dev/platform/fault"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"
)

// states are all SQLSTATEs of Postgres that are errors, by class.
var states = map[database.Class]string{
	database.Conflict: `23505 40000 40001 40002 40003 40P01 55P03`,
	database.Refused: `22000 22001 22002 22003 22004 22005 22007 22008 22009 2200B 2200C 2200D 2200F 2200G 2200H 2200L 2200M 2200N
		2200S 2200T 22010 22011 22012 22013 22014 22015 22016 22018 22019 2201B 2201E 2201F 2201G 2201W 2201X 22021 22022 22023
		22024 22025 22026 22027 2202E 2202G 2202H 22030 22031 22032 22033 22034 22035 22036 22037 22038 22039 2203A 2203B 2203C
		2203D 2203E 2203F 2203G 22P01 22P02 22P03 22P04 22P05 22P06
		23000 23001 23502 23503 23514 23P01`,
	database.Unavailable: `08000 08001 08003 08004 08006 08007 08P01
		25000 25001 25002 25003 25004 25005 25006 25007 25008 25P01 25P02 25P03 25P04
		28000 28P01 3D000 53000 53100 53200 53300 53400 55000 55006 55P02 55P04
		57000 57014 57P01 57P02 57P03 57P04 57P05 58000 58030 58P01 58P02 58P03`,
	database.Broken: `03000 09000 0A000 0B000 0F000 0F001 0L000 0LP01 0P000 0Z000 0Z002 10608 20000 21000 24000 26000 27000 2B000 2BP01
		2D000 2F000 2F002 2F003 2F004 2F005 34000 38000 38001 38002 38003 38004 39000 39001 39004 39P01 39P02 39P03 3B000 3B001
		3F000 42000 42501 42601 42602 42611 42622 42701 42702 42703 42704 42710 42712 42723 42725 42803 42804 42809 42830 42846
		42883 428C9 42939 42P01 42P02 42P03 42P04 42P05 42P06 42P07 42P08 42P09 42P10 42P11 42P12 42P13 42P14 42P15 42P16 42P17
		42P18 42P19 42P20 42P21 42P22 44000 54000 54001 54011 54023 F0000 F0001 HV000 HV001 HV002 HV004 HV005 HV006 HV007 HV008
		HV009 HV00A HV00B HV00C HV00D HV00J HV00K HV00L HV00M HV00N HV00P HV00Q HV00R HV010 HV014 HV021 HV024 HV090 HV091
		P0000 P0001 P0002 P0003 P0004 XX000 XX001 XX002`,
}

// Errors returns an error for every SQLSTATE and for every other way in which a database
// fails, each with its class. The keys name the errors.
func Errors() map[string]Case {
	cases := map[string]Case{
		"the network ends":             {io.ErrUnexpectedEOF, database.Unavailable},
		"no attempt to connect":        {errors.New("throttled"), database.Unavailable},
		"the caller canceled":          {fmt.Errorf("query: %w", context.Canceled), database.Ended},
		"the caller's deadline passed": {fmt.Errorf("query: %w", context.DeadlineExceeded), database.Ended},
		"a column that does not fit":   {pgx.ScanArgError{Err: errors.New("text into int")}, database.Broken},
		"a row that is not there":      {fmt.Errorf("read: %w", pgx.ErrNoRows), database.Broken},
		"an unknown state":             {&pgconn.PgError{Code: "ZZ999"}, database.Broken},
		"a connection attempt that takes too long": {
			fmt.Errorf("acquire: %w", connectTimeout()), database.Unavailable,
		},
	}
	for class, list := range states {
		for state := range strings.FieldsSeq(list) {
			cases["SQLSTATE "+state] = Case{fmt.Errorf("query: %w", &pgconn.PgError{Code: state}), class}
		}
	}
	return cases
}

// Case is an error of the database and its class.
type Case struct {
	Err   error
	Class database.Class
}

// connectTimeout returns the error of a connection attempt that its own time limit ended.
func connectTimeout() error {
	config, err := pgconn.ParseConfig("postgres://127.0.0.1:1/x?sslmode=disable")
	if err != nil {
		return err
	}
	expired, cancel := context.WithTimeout(context.Background(), 0)
	defer cancel()
	_, err = pgconn.ConnectConfig(expired, config)
	return err
}

// TestFault tests the function with which a store makes faults of database errors. An error
// that may be tried again must be UNAVAILABLE with a retry time. The end of the caller's
// context must be DEADLINE_EXCEEDED. Every other error must be INTERNAL. The cause must be
// kept for the log.
func TestFault(t *testing.T, toFault func(error) error) {
	codes := map[database.Class]fault.Code{
		database.Conflict: fault.Unavailable, database.Unavailable: fault.Unavailable,
		database.Refused: fault.Internal, database.Broken: fault.Internal,
		database.Ended: fault.DeadlineExceeded,
	}
	for name, c := range Errors() {
		answer := fault.Of(toFault(c.Err))
		require.Equal(t, codes[c.Class], answer.Code, name)
		require.Equal(t, answer.Code == fault.Unavailable, answer.RetryAfter > 0, "%s: a retry time", name)
		require.ErrorIs(t, answer, c.Err, name)
	}
	require.NoError(t, toFault(nil))
	known := fault.New(fault.NotFound, "NO_SUCH_THING", "There is no such thing.")
	require.Equal(t, error(known), toFault(known), "a fault stays as it is")
}
