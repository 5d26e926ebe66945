package postgres

import (
	"context"

	"github.com/jackc/pgx/v5/pgconn"

	"codebank.dev/bank"
)

// statement is an SQL text with the name under which it is prepared.
type statement struct{ name, sql string }

// session is a connection with its prepared statements and the buffer in which its parameters are
// built. It lives as long as the connection.
type session struct {
	conn       *pgconn.PgConn
	prepared   map[string]*pgconn.StatementDescription
	parameters parameters
}

// sessionKey is the key of the session in a connection's custom data.
const sessionKey = "codebank.session"

func sessionOf(conn *pgconn.PgConn) *session {
	if s, ok := conn.CustomData()[sessionKey].(*session); ok {
		return s
	}
	s := &session{conn: conn, prepared: make(map[string]*pgconn.StatementDescription)}
	conn.CustomData()[sessionKey] = s
	return s
}

// prepare prepares the statements that are not prepared yet: once per connection, one
// round trip each.
func (s *session) prepare(ctx context.Context, statements ...*statement) error {
	for _, st := range statements {
		if s.prepared[st.name] != nil {
			continue
		}
		description, err := s.conn.Prepare(ctx, st.name, st.sql, nil)
		if err != nil {
			return err
		}
		s.prepared[st.name] = description
	}
	return nil
}

// binaryFormat is the format of all parameters and all results.
var binaryFormat = []int16{1}

// batch collects statements for one round trip.
type batch struct {
	session *session
	wire    pgconn.Batch
	each    []func(row)
	err     error
}

// add queues a prepared statement with the session's parameters; the next parameters
// may be built afterwards. It calls each for every row of the result; each is nil for a
// statement without rows.
func (b *batch) add(st *statement, each func(row)) {
	b.queue(st, b.session.parameters.list(), each)
}

// queue is add with values that were built from the session's parameters.
func (b *batch) queue(st *statement, values [][]byte, each func(row)) {
	p := &b.session.parameters
	if b.err == nil {
		b.err = p.err
	}
	b.wire.ExecStatement(b.session.prepared[st.name], values, binaryFormat, binaryFormat)
	b.each = append(b.each, each)
	p.reset()
}

// run sends the batch and reads the answers in order. It returns how many statements
// completed, the tag of the last one that did, and the first error.
func (b *batch) run(ctx context.Context) (done int, tag string, err error) {
	if b.err != nil {
		return 0, "", b.err
	}
	answers := b.session.conn.ExecBatch(ctx, &b.wire)
	for answers.NextResult() {
		result := answers.ResultReader()
		for result.NextRow() {
			if each := b.each[done]; each != nil {
				each(row{values: result.Values()})
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

// closeAfter reads to the end of the batch, so that the connection can be used again,
// and returns the error that came first.
func closeAfter(answers *pgconn.MultiResultReader, first error) error {
	_ = answers.Close()
	return first
}

// query runs one statement on a connection of the pool, outside a transaction, and
// calls each for every row. build writes the parameters.
func (s *Store) query(ctx context.Context, st *statement, build func(*parameters), each func(row)) error {
	return s.with(ctx, func(session *session) error {
		if err := session.prepare(ctx, st); err != nil {
			return notCommitted(err)
		}
		build(&session.parameters)
		b := batch{session: session}
		b.add(st, each)
		_, _, err := b.run(ctx)
		return answered(err)
	})
}

// one is query for at most one row. It returns bank.ErrNotFound when there is none.
func (s *Store) one(ctx context.Context, st *statement, build func(*parameters), each func(row)) error {
	found := false
	err := s.query(ctx, st, build, func(row row) {
		found = true
		each(row)
	})
	if err == nil && !found {
		return bank.ErrNotFound
	}
	return err
}
