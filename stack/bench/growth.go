package bench

import (
	"context"
	"fmt"
)

// growth is what a purchase writes and keeps in a ledger.
type growth struct {
	// log is the bytes of the write-ahead log per purchase, of one purchase with every card after
	// a checkpoint. They include the whole pages that are logged at their first change after it.
	log float64
	// table and indexes are the bytes of the table entries and of its indexes per row.
	table, indexes float64
}

// grow buys once with every card. In a new ledger this caches the accounts too, as in the row
// purchases; otherwise the rounds would differ in how many accounts are cached. Nothing else may
// write on the server meanwhile.
func (b *bank) grow(ctx context.Context) (g growth, err error) {
	if err := b.workbench.exec(ctx, b.database, "CHECKPOINT"); err != nil {
		return g, err
	}
	before, err := b.logged(ctx)
	if err != nil {
		return g, err
	}
	if err := b.buyWithEveryCard(ctx); err != nil {
		return g, err
	}
	after, err := b.logged(ctx)
	if err != nil {
		return g, err
	}
	g.log = float64(after-before) / float64(len(b.cards))
	err = b.workbench.queryRow(ctx, b.database, `SELECT pg_table_size('entries')::float8 / n, pg_indexes_size('entries')::float8 / n
		FROM (SELECT count(*) AS n FROM entries) e`, &g.table, &g.indexes)
	return g, err
}

// logged returns how many bytes of log the server has written.
func (b *bank) logged(ctx context.Context) (bytes int64, err error) {
	err = b.workbench.queryRow(ctx, b.database, "SELECT (pg_current_wal_insert_lsn() - '0/0')::bigint", &bytes)
	return bytes, err
}

// growthFigures shows the growth of ledgers of several sizes. The values are those of the largest.
func growthFigures(sizes Sizes, grown []growth) []Figure {
	log := Figure{Name: "ScaleLog", Setting: "bytes of log per purchase, one purchase with every card after a checkpoint", Unit: "B/purchase"}
	kept := Figure{Name: "ScaleStored", Setting: "bytes of the table entries and of its indexes per row", Unit: "B/row"}
	for i, size := range sizes {
		g := grown[i]
		log.Values, kept.Values = []float64{g.log}, []float64{g.table + g.indexes}
		log.Terms = append(log.Terms, Series{fmt.Sprintf("log on %d transactions", size), fmt.Sprintf("log%d-B", size), log.Values})
		kept.Terms = append(kept.Terms,
			Series{fmt.Sprintf("table on %d transactions", size), fmt.Sprintf("table%d-B", size), []float64{g.table}},
			Series{fmt.Sprintf("indexes on %d transactions", size), fmt.Sprintf("indexes%d-B", size), []float64{g.indexes}})
	}
	return []Figure{log, kept}
}
