// Package wire sends prepared statements with binary parameters, many in one round trip. It is for
// programs that write sets of rows as arrays: the driver's own encoding costs several allocations
// for each value, and this one costs none.
//
//	session.go     a connection with its prepared statements; Batch: statements for one round trip
//	parameters.go  the binary parameters of a statement
//	row.go         a row of a result
package wire

import (
	"context"

	"github.com/jackc/pgx/v5/pgconn"
)

// Statement is an SQL text with the name under which it is prepared.
type Statement struct{ Name, SQL string }

// Session is a connection with its prepared statements and the buffer in which its parameters are
// built. It lives as long as the connection, and like that it is not safe for concurrent use.
type Session struct {
	Conn *pgconn.PgConn
	// Parameters are those of the statement that is added to a batch next.
	Parameters Parameters
	prepared   map[string]*pgconn.StatementDescription
}

// sessionKey is the key of the session in a connection's custom data.
const sessionKey = "codebank.session"

// SessionOf returns the session of a connection, always the same.
func SessionOf(conn *pgconn.PgConn) *Session {
	if s, ok := conn.CustomData()[sessionKey].(*Session); ok {
		return s
	}
	s := &Session{Conn: conn, prepared: make(map[string]*pgconn.StatementDescription)}
	conn.CustomData()[sessionKey] = s
	return s
}

// PrepareStatements prepares the statements that are not prepared yet: once per connection, one
// round trip each. Its error is the driver's.
func (s *Session) PrepareStatements(ctx context.Context, statements ...*Statement) error {
	for _, st := range statements {
		if s.prepared[st.Name] != nil {
			continue
		}
		description, err := s.Conn.Prepare(ctx, st.Name, st.SQL, nil)
		if err != nil {
			return err
		}
		s.prepared[st.Name] = description
	}
	return nil
}

// Prepared returns the description of a statement that is prepared, else nil.
func (s *Session) Prepared(st *Statement) *pgconn.StatementDescription { return s.prepared[st.Name] }

// binaryFormat is the format of all parameters and all results.
var binaryFormat = []int16{1}

// Batch collects statements for one round trip. Without a BEGIN among them they are one
// transaction. Session is required.
type Batch struct {
	Session *Session
	wire    pgconn.Batch
	each    []func(Row)
	err     error
}

// Add queues a prepared statement with the session's parameters; the next parameters may be built
// afterwards. It calls each for every row of the result, before Run returns; each is nil for a
// statement without rows.
func (b *Batch) Add(st *Statement, each func(Row)) {
	b.AddValues(st, b.Session.Parameters.Values(), each)
}

// AddValues is Add with values that were built from the session's parameters.
func (b *Batch) AddValues(st *Statement, values [][]byte, each func(Row)) {
	p := &b.Session.Parameters
	if b.err == nil {
		b.err = p.err
	}
	b.wire.ExecStatement(b.Session.prepared[st.Name], values, binaryFormat, binaryFormat)
	b.each = append(b.each, each)
	p.Reset()
}

// Len returns how many statements were added.
func (b *Batch) Len() int { return len(b.each) }

// Err returns the error of parameters that cannot be sent, ErrRange, or nil. Run does not send such
// a batch.
func (b *Batch) Err() error { return b.err }

// Run sends the batch and reads the answers in order. It returns how many statements completed, the
// tag of the last one that did, and the first error: Err or the driver's. If all completed and there
// is an error, it is the answer to the end of the batch, which commits it if there is no COMMIT
// among the statements.
func (b *Batch) Run(ctx context.Context) (done int, tag string, err error) {
	if b.err != nil {
		return 0, "", b.err
	}
	answers := b.Session.Conn.ExecBatch(ctx, &b.wire)
	for answers.NextResult() {
		result := answers.ResultReader()
		for result.NextRow() {
			if each := b.each[done]; each != nil {
				each(Row{values: result.Values()})
			}
		}
		completed, err := result.Close()
		if err != nil {
			return done, tag, closeAfter(answers, err)
		}
		tag = completed.String()
		done++
	}
	return done, tag, answers.Close()
}

// closeAfter reads to the end of the batch, so that the connection can be used again, and returns
// the error that came first.
func closeAfter(answers *pgconn.MultiResultReader, first error) error {
	_ = answers.Close()
	return first
}
