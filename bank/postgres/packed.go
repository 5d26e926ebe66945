package postgres

import (
	"math"
	"time"

	"codebank.dev/bank"
	"codebank.dev/platform/money"
	"codebank.dev/platform/pan"
)

// packed is an account with one of its cards, without a single pointer, so that the garbage
// collector need not scan the hundreds of thousands of them in the cache.
type packed struct {
	customer                   bank.ID
	balance, held, creditLimit int64
	sequence, lastAt, closedAt int64
	version, readAt            int64
	card                       packedCard
	kind                       bank.AccountKind
	currency                   money.Currency
	hasCard                    bool
}

// packedCard is a card; its account is the one that it is packed with. Times are microseconds since
// 1970; never stands for the zero time.
type packedCard struct {
	id                        bank.ID
	limit, minimum            int64
	level, levelAt            int64
	lockedUntil, issuedAt     int64
	wrongAt                   [bank.WrongAttemptsToLock]int64
	perMinute                 int32
	month, year               int16
	brand                     pan.Brand
	wrong, bin, last4, holder uint8
	blocks                    bank.Blocks
	used                      bool
	text                      [88]byte
}

const never = int64(-1) << 63

func packTime(at time.Time) int64 {
	if at.IsZero() {
		return never
	}
	return at.UnixMicro()
}

func unpackTime(micros int64) time.Time {
	if micros == never {
		return time.Time{}
	}
	return time.UnixMicro(micros).UTC()
}

// pack reports false for a card that does not fit; such an account is not cached, but read when it
// is needed. Of several cards it packs the last one.
func pack(state *accountState) (packed, bool) {
	a := &state.account
	p := packed{
		customer: a.CustomerID, kind: a.Kind, currency: a.Currency,
		balance: a.Balance, held: a.Held, creditLimit: a.CreditLimit,
		sequence: a.Sequence, lastAt: packTime(a.LastAt), closedAt: packTime(a.ClosedAt),
		version: state.version, readAt: state.readAt,
	}
	if len(state.cards) == 0 {
		return p, true
	}
	p.hasCard = true
	return p, p.card.fill(&state.cards[len(state.cards)-1])
}

func (p *packedCard) fill(c *bank.Card) bool {
	if len(c.BIN)+len(c.Last4)+len(c.HolderName) > len(p.text) ||
		len(c.WrongAt) > len(p.wrongAt) || c.Expiry.Year > math.MaxInt16 {
		return false
	}
	p.id, p.brand, p.blocks, p.used = c.ID, c.Brand, c.Blocks, c.Used
	p.limit, p.minimum, p.perMinute = c.Rules.Limit, c.Rules.Minimum, c.Rules.PerMinute
	p.level, p.levelAt = c.Frequency.Level, packTime(c.Frequency.At)
	p.lockedUntil, p.issuedAt = packTime(c.LockedUntil), packTime(c.IssuedAt)
	p.month, p.year = int16(c.Expiry.Month), int16(c.Expiry.Year)
	p.wrong = uint8(len(c.WrongAt))
	for i, at := range c.WrongAt {
		p.wrongAt[i] = packTime(at)
	}
	p.bin, p.last4, p.holder = uint8(len(c.BIN)), uint8(len(c.Last4)), uint8(len(c.HolderName))
	_ = append(append(append(p.text[:0], c.BIN...), c.Last4...), c.HolderName...)
	return true
}

// unpack is the inverse of pack.
func (p *packed) unpack(account bank.ID) accountState {
	state := accountState{version: p.version, readAt: p.readAt, account: bank.Account{
		ID: account, CustomerID: p.customer, Kind: p.kind, Currency: p.currency,
		Balance: p.balance, Held: p.held, CreditLimit: p.creditLimit,
		Sequence: p.sequence, LastAt: unpackTime(p.lastAt), ClosedAt: unpackTime(p.closedAt),
	}}
	if p.hasCard {
		state.cards = []bank.Card{p.card.card(account)}
	}
	return state
}

func (p *packedCard) card(account bank.ID) bank.Card {
	text := string(p.text[:int(p.bin)+int(p.last4)+int(p.holder)])
	last4, holder := int(p.bin), int(p.bin)+int(p.last4)
	c := bank.Card{
		CardSnapshot: bank.CardSnapshot{ID: p.id, Brand: p.brand, BIN: text[:last4], Last4: text[last4:holder]},
		AccountID:    account, HolderName: text[holder:],
		Expiry: pan.Expiry{Month: int(p.month), Year: int(p.year)}, Blocks: p.blocks,
		LockedUntil: unpackTime(p.lockedUntil), IssuedAt: unpackTime(p.issuedAt), Used: p.used,
		Rules:     bank.PurchaseRules{Limit: p.limit, Minimum: p.minimum, PerMinute: p.perMinute},
		Frequency: bank.Frequency{Level: p.level, At: unpackTime(p.levelAt)},
	}
	for _, at := range p.wrongAt[:p.wrong] {
		c.WrongAt = append(c.WrongAt, unpackTime(at))
	}
	return c
}
