package postgres_test

import (
	"log/slog"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"codebank.dev/platform/id"
	"codebank.dev/statement"
	"codebank.dev/statement/postgres"
	"codebank.dev/statement/statementtest"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
)

// The accounts of the table of BenchmarkMillion, and the lines of each.
const (
	others   = 1_000
	ofOthers = 1_000
)

// fillLines writes lines like those of a sink for accounts and customers that are numbered from 1. Its parameters
// are the beginning of the accounts' ids, the number of accounts, that of the lines of each, and the account whose one line is the pattern.
const fillLines = `
INSERT INTO statement_lines (event_id, transaction_id, account_id, customer_id, bank_code, sequence, kind, direction, status, amount_minor, currency,
	balance_after_minor, held_after_minor, available_after_minor, credit_limit_minor, card_id, card_brand, card_last4, merchant_id, merchant_name,
	merchant_city, merchant_country, channel, occurred_at)
SELECT gen_random_uuid()::text, gen_random_uuid()::text, $1 || lpad(a::text, 12, '0'), left(customer_id, 24) || lpad(a::text, 12, '0'), bank_code, s, kind,
	direction, status, 100, currency, -100 * s, 0, 100000 - 100 * s, credit_limit_minor, card_id, card_brand, card_last4, merchant_id, merchant_name,
	merchant_city, merchant_country, channel, occurred_at + s * interval '1 minute'
FROM statement_lines, generate_series(1, $3) AS s, generate_series(1, $2) AS a WHERE account_id = $4`

// BenchmarkMillion: a page of 50 lines in a table of 1,000,000 lines, against a read of one line by its primary
// key in the same way: by the store's pool, as its role and with a reader. "page/key" is the 99th percentile of the one over
// that of the other.
func BenchmarkMillion(b *testing.B) {
	_, sink, url := opened(b)
	store := open(b, postgres.Config{URL: serviceURL(b, url), BankCode: statementtest.Bank})
	require.NoError(b, store.Prepare(b.Context(), slog.New(slog.DiscardHandler)))
	sink.Write(b, purchases(bob, 1, 1)...)
	_, err := sink.Pool().Exec(b.Context(), fillLines, alice[:24], others, ofOthers, bob)
	require.NoError(b, err)
	_, err = sink.Pool().Exec(b.Context(), "VACUUM ANALYZE statement_lines")
	require.NoError(b, err)
	service := statement.NewService(store)
	accounts := make([]string, others)
	for i := range accounts {
		accounts[i] = numbered(i + 1)
		_, err := service.State(b.Context(), statement.Everybody, accountID(accounts[i]))
		require.NoError(b, err)
	}
	rows, err := sink.Pool().Query(b.Context(), "SELECT event_id FROM statement_lines TABLESAMPLE BERNOULLI (1)")
	require.NoError(b, err)
	keys, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(b, err)
	config, err := pgxpool.ParseConfig(serviceURL(b, url))
	require.NoError(b, err)
	pool, err := pgxpool.NewWithConfig(b.Context(), config)
	require.NoError(b, err)
	defer pool.Close()
	key := func(reader statement.Reader) func(*rand.Rand) {
		return func(random *rand.Rand) {
			batch := &pgx.Batch{}
			batch.Queue("SELECT set_config('codebank.reader', $1, true)", string(reader))
			batch.Queue(postgres.SelectByKey, keys[random.IntN(len(keys))]).Query(func(rows pgx.Rows) error {
				lines, err := pgx.CollectRows(rows, postgres.LineOf)
				require.Len(b, lines, 1)
				return err
			})
			require.NoError(b, pool.SendBatch(b.Context(), batch).Close())
		}
	}
	account := func(random *rand.Rand) (id.ID, statement.Reader) {
		n := random.IntN(len(accounts))
		return accountID(accounts[n]), customer[:24] + statement.Reader(accounts[n][24:])
	}
	page := func(operator bool) func(*rand.Rand) {
		return func(random *rand.Rand) {
			below := int64(51 + random.IntN(ofOthers-51))
			account, reader := account(random)
			if operator {
				reader = statement.Everybody
			}
			page, err := service.Page(b.Context(), statement.PageQuery{Reader: reader, Account: account, Below: below, Size: 50})
			require.NoError(b, err)
			require.Len(b, page.Lines, 50)
		}
	}
	lines := func(random *rand.Rand) {
		account, reader := account(random)
		lines, err := store.Lines(b.Context(), statement.LineQuery{Reader: reader, Account: account, Below: int64(51 + random.IntN(ofOthers-51)), Limit: 50})
		require.NoError(b, err)
		require.Len(b, lines, 50)
	}
	boundary := func(random *rand.Rand) {
		account, reader := account(random)
		_, err := store.Boundary(b.Context(), reader, account, statementtest.Opened.Add(time.Duration(random.IntN(ofOthers))*time.Minute))
		require.NoError(b, err)
	}
	state := func(random *rand.Rand) {
		account, reader := account(random)
		_, err := service.State(b.Context(), reader, account)
		require.NoError(b, err)
	}
	ways := []struct {
		name string
		read func(*rand.Rand)
	}{{"key", key(statement.Everybody)}, {"page", page(false)}, {"page-operator", page(true)}, {"lines", lines}, {"boundary", boundary}, {"state", state}}
	taken := make([][]time.Duration, len(ways))
	random := rand.New(rand.NewPCG(1, 2))
	for b.Loop() {
		for range 200 {
			for i, way := range ways {
				began := time.Now()
				way.read(random)
				taken[i] = append(taken[i], time.Since(began))
			}
		}
	}
	at := func(i int, share float64) float64 {
		slices.Sort(taken[i])
		return float64(taken[i][int(share*float64(len(taken[i])-1))].Microseconds())
	}
	for i, way := range ways {
		b.ReportMetric(at(i, 0.99), way.name+"-p99-µs")
		b.ReportMetric(at(i, 0.5), way.name+"-p50-µs")
		b.ReportMetric(at(i, 0), way.name+"-least-µs")
	}
	b.ReportMetric(at(1, 0.99)/at(0, 0.99), "page/key")
	b.ReportMetric(at(1, 0.5)/at(0, 0.5), "page/key-p50")
}
