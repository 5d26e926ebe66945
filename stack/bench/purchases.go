package bench

import (
	"context"
	"errors"
	"fmt"

	"codebank.dev/stack/launch"
)

// yardstickDatabase is the database of the yardstick, on the same server as the bank's.
const yardstickDatabase = "bench_yardstick"

// openDatabase is the ledger of a bank without TLS.
const openDatabase = "bench_open"

// hotConnections is how many connections of the yardstick use the one card. More connections
// would only wait longer for its row.
const hotConnections = 16

// bankAndYardstick is a bank and the yardstick on the same server.
type bankAndYardstick struct {
	*bank
	yardstick *yardstick
}

// startBankAndYardstick starts a bank on a new ledger and creates the yardstick's tables.
func (w *workbench) startBankAndYardstick(ctx context.Context) (*bankAndYardstick, error) {
	bank, err := w.newBank(ctx, "ledger", nil)
	if err != nil {
		return nil, err
	}
	yardstick, err := w.newYardstick(ctx)
	if err == nil {
		err = bank.buyWithEveryCard(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, bank.remove(ctx))
	}
	return &bankAndYardstick{bank, yardstick}, nil
}

func (w *workbench) newYardstick(ctx context.Context) (*yardstick, error) {
	err := errors.Join(w.dropDatabase(ctx, yardstickDatabase), w.stack.CreateDatabase(ctx, yardstickDatabase))
	if err != nil {
		return nil, err
	}
	url, err := w.stack.DatabaseURL(ctx, yardstickDatabase)
	if err != nil {
		return nil, err
	}
	return newYardstick(ctx, url, w.options.Callers, w.options.Cards)
}

func (r *bankAndYardstick) end(ctx context.Context) error {
	r.yardstick.close()
	return errors.Join(r.bank.remove(ctx), r.workbench.dropDatabase(context.WithoutCancel(ctx), yardstickDatabase))
}

// plainTerm is the yardstick for every figure of purchases.
func (r *bankAndYardstick) plainTerm() term {
	callers := r.workbench.options.Callers
	return closedTerm(fmt.Sprintf("one SQL transaction per purchase, %d connections", callers), callers, r.yardstick.plain)
}

// purchases compares unary calls with the yardstick in both of its forms.
func (w *workbench) purchases(ctx context.Context) (figures []Figure, err error) {
	r, err := w.startBankAndYardstick(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.end(ctx)) }()
	callers := w.options.Callers
	open, err := w.startOpenBank(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, open.remove(ctx)) }()
	without := open.unaryTerm()
	without.name, without.unit = "the same in plain text and without tokens", "open/s"
	series, err := w.alternate(ctx,
		r.unaryTerm(),
		r.plainTerm(),
		closedTerm("the yardstick in two round trips", callers, r.yardstick.pipelined),
		without)
	if err != nil {
		return nil, err
	}
	w.rate = Median(series[0].Values)
	setting := fmt.Sprintf("%d in flight on %d HTTP/2 connections, %d cards, paid by card data, token and card in equal parts",
		callers, connections, len(w.cards))
	return []Figure{
		ratio("Purchases", setting, series[0], series[1]),
		ratio("PurchasesPipelined", setting, series[0], series[2]),
		ratio("PurchasesWalls", setting+"; TLS with client certificates against plain text", series[0], series[3]),
	}, nil
}

// startOpenBank starts a bank on a new ledger that takes everybody for the checkout, in plain text.
func (w *workbench) startOpenBank(ctx context.Context) (*bank, error) {
	if err := w.copyLedger(ctx, cardsDatabase, openDatabase); err != nil {
		return nil, err
	}
	b, err := w.start(ctx, bankStart{database: openDatabase, cards: w.cards, plain: launch.Checkout})
	if err != nil {
		return nil, err
	}
	if err := b.buyWithEveryCard(ctx); err != nil {
		return nil, errors.Join(err, b.remove(ctx))
	}
	return b, nil
}

// unaryTerm is a term of unary purchases on all cards, by card data, token and card in equal parts.
func (b *bank) unaryTerm() term {
	return b.term("unary purchases, group commit", b.workbench.options.Callers, b.mixed)
}

// bulk compares the stream with the yardstick.
func (w *workbench) bulk(ctx context.Context) (figures []Figure, err error) {
	r, err := w.startBankAndYardstick(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.end(ctx)) }()
	series, err := w.alternate(ctx, r.bulkTerm(), r.plainTerm())
	if err != nil {
		return nil, err
	}
	setting := fmt.Sprintf("one stream, %d messages of %d purchases in flight, %d cards", w.options.Messages, perMessage, len(w.cards))
	return []Figure{ratio("Bulk", setting, series[0], series[1])}, nil
}

// bulkTerm is a term of purchases over one stream.
func (b *bank) bulkTerm() term {
	return term{name: "purchases over the stream", unit: "bank/s", workers: 1, bank: b.client.bank,
		work: func(ctx context.Context, _ int, count *counter) error {
			return b.stream(ctx, b.workbench.options.Messages, count, b.anyCard)
		}}
}

// hotTerm is a term of unary purchases on one card.
func (b *bank) hotTerm() term {
	return b.term("unary purchases on one card", b.workbench.options.Callers, b.client.hot)
}

// hot compares purchases on one card with purchases on all cards, and with the yardstick on one
// card.
func (w *workbench) hot(ctx context.Context) (figures []Figure, err error) {
	r, err := w.startBankAndYardstick(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.end(ctx)) }()
	callers, few := w.options.Callers, min(hotConnections, w.options.Callers)
	uniform := r.term("unary purchases on all cards", callers, r.uniform)
	uniform.unit = "uniform/s"
	series, err := w.alternate(ctx,
		r.hotTerm(),
		uniform,
		closedTerm(fmt.Sprintf("one SQL transaction per purchase on one card, %d connections", few), few, r.yardstick.oneCard))
	if err != nil {
		return nil, err
	}
	setting := fmt.Sprintf("%d in flight; all cards are %d", callers, len(w.cards))
	return []Figure{
		ratio("HotUniform", setting, series[0], series[1]),
		ratio("HotYardstick", setting, series[0], series[2]),
	}, nil
}
