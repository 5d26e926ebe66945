package bench

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// yardstickSchema is the least that one purchase needs in a transaction of its own: the
// account, the purchase with the unique keys that make a repeat safe, and the event in an
// outbox. It has fewer columns and checks than the bank's schema.
const yardstickSchema = `
CREATE TABLE accounts (
	id           uuid PRIMARY KEY,
	balance      bigint NOT NULL,
	credit_limit bigint NOT NULL,
	sequence     bigint NOT NULL
) WITH (fillfactor = 50);
CREATE TABLE purchases (
	id            uuid PRIMARY KEY,
	account_id    uuid NOT NULL,
	sequence      bigint NOT NULL,
	amount        bigint NOT NULL,
	balance_after bigint NOT NULL,
	merchant_id   text NOT NULL,
	merchant_name text NOT NULL,
	merchant_city text NOT NULL,
	description   text NOT NULL,
	occurred_at   timestamptz NOT NULL,
	UNIQUE (account_id, sequence)
);
CREATE TABLE outbox (
	id   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	key  uuid NOT NULL,
	body bytea NOT NULL
);
CREATE TABLE commits (
	id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	at timestamptz NOT NULL
);`

const (
	selectAccount  = `SELECT balance, credit_limit, sequence FROM accounts WHERE id = $1 FOR NO KEY UPDATE`
	insertPurchase = `INSERT INTO purchases VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`
	updateAccount  = `UPDATE accounts SET balance = $2, sequence = $3 WHERE id = $1`
	insertEvent    = `INSERT INTO outbox (key, body) VALUES ($1, $2)`
	insertCommit   = `INSERT INTO commits (at) VALUES ($1)`
)

// yardstick makes one SQL transaction per purchase on the same server: lock and read the
// account, decide, then insert, update, outbox insert and commit, with prepared statements. It
// has two forms: plain with one statement per round trip, and pipelined with two round trips.
type yardstick struct {
	pool     *pgxpool.Pool
	accounts [][16]byte
	event    []byte
}

func newYardstick(ctx context.Context, url string, connections, accounts int) (*yardstick, error) {
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, err
	}
	config.MaxConns = int32(connections)
	config.MinConns = int32(connections)
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, err
	}
	y := &yardstick{pool: pool, accounts: make([][16]byte, accounts), event: make([]byte, 300)}
	if err := y.createTables(ctx); err != nil {
		pool.Close()
		return nil, fmt.Errorf("yardstick: %w", err)
	}
	return y, nil
}

// createTables creates the tables and the accounts.
func (y *yardstick) createTables(ctx context.Context) error {
	if _, err := y.pool.Exec(ctx, yardstickSchema); err != nil {
		return err
	}
	rows := make([][]any, len(y.accounts))
	for i := range y.accounts {
		y.accounts[i] = randomID()
		rows[i] = []any{y.accounts[i], int64(0), int64(unlimitedCredit), int64(0)}
	}
	columns := []string{"id", "balance", "credit_limit", "sequence"}
	if _, err := y.pool.CopyFrom(ctx, pgx.Identifier{"accounts"}, columns, pgx.CopyFromRows(rows)); err != nil {
		return err
	}
	for _, statement := range []string{"VACUUM ANALYZE", "CHECKPOINT"} {
		if _, err := y.pool.Exec(ctx, statement); err != nil {
			return err
		}
	}
	return nil
}

func randomID() (id [16]byte) {
	binary.NativeEndian.PutUint64(id[:8], rand.Uint64())
	binary.NativeEndian.PutUint64(id[8:], rand.Uint64())
	return id
}

// plain makes one purchase on a random account.
func (y *yardstick) plain(ctx context.Context, _ int) error {
	return y.purchase(ctx, y.accounts[rand.IntN(len(y.accounts))])
}

// oneCard makes one purchase on always the same account.
func (y *yardstick) oneCard(ctx context.Context, _ int) error { return y.purchase(ctx, y.accounts[0]) }

// purchase makes one purchase in one transaction, one statement at a time.
func (y *yardstick) purchase(ctx context.Context, account [16]byte) error {
	const amount = 100
	return pgx.BeginFunc(ctx, y.pool, func(tx pgx.Tx) error {
		var balance, limit, sequence int64
		if err := tx.QueryRow(ctx, selectAccount, account).Scan(&balance, &limit, &sequence); err != nil {
			return err
		}
		if balance+limit < amount {
			return fmt.Errorf("the limit is reached after %d purchases", sequence)
		}
		if _, err := tx.Exec(ctx, insertPurchase, randomID(), account, sequence+1, amount, balance-amount,
			"books-by-the-river", "Books by the River", "Recife", "Order of three paperbacks", time.Now()); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, updateAccount, account, balance-amount, sequence+1); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, insertEvent, account, y.event)
		return err
	})
}

// pipelined makes one purchase in one transaction with two round trips.
func (y *yardstick) pipelined(ctx context.Context, _ int) error {
	account, amount := y.accounts[rand.IntN(len(y.accounts))], int64(100)
	connection, err := y.pool.Acquire(ctx)
	if err != nil {
		return err
	}
	defer connection.Release()

	var balance, limit, sequence int64
	read := &pgx.Batch{}
	read.Queue("BEGIN")
	read.Queue(selectAccount, account).QueryRow(func(row pgx.Row) error { return row.Scan(&balance, &limit, &sequence) })
	if err := connection.SendBatch(ctx, read).Close(); err != nil {
		return err
	}
	if balance+limit < amount {
		return fmt.Errorf("the limit is reached after %d purchases", sequence)
	}
	write := &pgx.Batch{}
	write.Queue(insertPurchase, randomID(), account, sequence+1, amount, balance-amount,
		"books-by-the-river", "Books by the River", "Recife", "Order of three paperbacks", time.Now())
	write.Queue(updateAccount, account, balance-amount, sequence+1)
	write.Queue(insertEvent, account, y.event)
	write.Queue("COMMIT")
	return connection.SendBatch(ctx, write).Close()
}

// commit makes the smallest durable commit: one row.
func (y *yardstick) commit(ctx context.Context, _ int) error {
	_, err := y.pool.Exec(ctx, insertCommit, time.Now())
	return err
}

func (y *yardstick) close() { y.pool.Close() }
