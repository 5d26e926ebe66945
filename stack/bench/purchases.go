package bench

import (
	"context"
	"errors"
	"fmt"
)

// yardstickDatabase is where the yardstick keeps its tables, on the bank's own server.
const yardstickDatabase = "bench_yardstick"

// hotConnections is how many of the yardstick's connections want the one card: more
// of them only wait for its row longer.
const hotConnections = 16

// rivals are a bank and the yardstick on the same server.
type rivals struct {
	*bank
	yardstick *yardstick
}

// rivals starts a bank on a fresh ledger and makes the yardstick's tables.
func (w *world) rivals(ctx context.Context) (*rivals, error) {
	bank, err := w.newBank(ctx, "ledger", nil)
	if err != nil {
		return nil, err
	}
	yardstick, err := w.newYardstick(ctx)
	if err == nil {
		err = bank.meet(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, bank.end(ctx))
	}
	return &rivals{bank, yardstick}, nil
}

func (w *world) newYardstick(ctx context.Context) (*yardstick, error) {
	err := errors.Join(w.drop(ctx, yardstickDatabase), w.stack.CreateDatabase(ctx, yardstickDatabase))
	if err != nil {
		return nil, err
	}
	url, err := w.stack.DatabaseURL(ctx, yardstickDatabase)
	if err != nil {
		return nil, err
	}
	return newYardstick(ctx, url, w.options.Callers, w.options.Cards)
}

func (r *rivals) end(ctx context.Context) error {
	r.yardstick.close()
	return errors.Join(r.bank.end(ctx), r.world.drop(context.WithoutCancel(ctx), yardstickDatabase))
}

// plain is the yardstick that every figure of purchases is held against.
func (r *rivals) plain() term {
	callers := r.world.options.Callers
	return closed(fmt.Sprintf("one SQL transaction per purchase, %d connections", callers), callers, r.yardstick.plain)
}

// purchases measures unary calls against the yardstick, in both of its forms.
func (w *world) purchases(ctx context.Context) (figures []Figure, err error) {
	r, err := w.rivals(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.end(ctx)) }()
	callers := w.options.Callers
	series, err := w.alternate(ctx,
		r.term("unary purchases, commits shared", callers, r.uniform),
		r.plain(),
		closed("the yardstick in two round trips", callers, r.yardstick.pipelined))
	if err != nil {
		return nil, err
	}
	w.rate = Median(series[0].Values)
	setting := fmt.Sprintf("%d in flight on %d HTTP/2 connections, %d cards", callers, connections, len(w.cards))
	return []Figure{
		ratio("Purchases", setting, series[0], series[1]),
		ratio("PurchasesPipelined", setting, series[0], series[2]),
	}, nil
}

// bulk measures the stream against the yardstick.
func (w *world) bulk(ctx context.Context) (figures []Figure, err error) {
	r, err := w.rivals(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.end(ctx)) }()
	series, err := w.alternate(ctx, r.bulkTerm(), r.plain())
	if err != nil {
		return nil, err
	}
	setting := fmt.Sprintf("one stream, %d messages of %d purchases in flight, %d cards", w.options.Messages, perMessage, len(w.cards))
	return []Figure{ratio("Bulk", setting, series[0], series[1])}, nil
}

// bulkTerm is purchases over one stream.
func (b *bank) bulkTerm() term {
	return term{name: "purchases over the stream", unit: "bank/s", workers: 1, bank: b.client.bank,
		work: func(ctx context.Context, _ int, count *tally) error {
			return b.stream(ctx, b.world.options.Messages, count, b.anyCard)
		}}
}

// hot measures one card against all cards, and against the yardstick on one card.
func (w *world) hot(ctx context.Context) (figures []Figure, err error) {
	r, err := w.rivals(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.end(ctx)) }()
	callers, few := w.options.Callers, min(hotConnections, w.options.Callers)
	uniform := r.term("unary purchases on all cards", callers, r.uniform)
	uniform.unit = "uniform/s"
	series, err := w.alternate(ctx,
		r.term("unary purchases on one card", callers, r.client.hot),
		uniform,
		closed(fmt.Sprintf("one SQL transaction per purchase on one card, %d connections", few), few, r.yardstick.oneCard))
	if err != nil {
		return nil, err
	}
	setting := fmt.Sprintf("%d in flight, %d cards otherwise", callers, len(w.cards))
	return []Figure{
		ratio("HotUniform", setting, series[0], series[1]),
		ratio("HotYardstick", setting, series[0], series[2]),
	}, nil
}
