package synthetic

import (
	"time"

	"codebank.dev/bank"
)

// visit is somebody who wants to buy: one purchase, or as many tries as it takes. It
// ends when enough was bought that day, when the day ends, and when the bank is away.
type visit struct {
	draw
	h    *History
	date time.Time
	take func(Step) bool
	// step is the next try.
	step Step
	// over is set when no try can follow.
	over bool
}

// course is how visits go, and how many in a thousand go so.
type course struct {
	inThousand int
	follow     func(*visit)
}

// courses are all the ways. What a bank does with them is its own decision; each is
// meant for one.
var courses = []course{
	{904, (*visit).plain},
	{18, (*visit).mistyped},
	{8, (*visit).mistaken},
	{1, (*visit).guess},
	{12, (*visit).tooMuch},
	{3, (*visit).tooLittle},
	{4, (*visit).inHaste},
	{28, (*visit).outOfFunds},
	{6, (*visit).expired},
	{6, (*visit).blocked},
	{10, (*visit).unknown},
}

// visit makes one visit of a day and gives its tries to take until that wants no more.
func (h *History) visit(d draw, date time.Time, take func(Step) bool) {
	v := &visit{draw: d, h: h, date: date, take: take}
	at := d.below(1000)
	for _, course := range courses {
		if at -= course.inThousand; at < 0 {
			course.follow(v)
			return
		}
	}
}

// goTo sets out to a merchant of a category, with a card that choose draws.
func (v *visit) goTo(of int, choose func(draw, time.Time) int) {
	kind := &categories[of]
	at := v.h.moment(v.draw, v.date, kind.hours)
	card := choose(v.draw, at)
	v.step = Step{
		At: at, Card: card, Merchant: v.h.merchants.sell(v.draw, of, v.h.cards[card].city),
		AmountMinor: v.price(kind.median, kind.spread), Channel: kind.channel, Attempt: 1,
	}
	if kind.channel == bank.ChannelECommerce && v.chance(250) {
		v.step.Presented = Typed
	}
	if kind.channel == bank.ChannelRecurring {
		v.step.Description = "Assinatura mensal"
	}
}

// goAnywhere is goTo a category as the next one goes.
func (v *visit) goAnywhere(choose func(draw, time.Time) int) {
	v.goTo(v.pick(v.h.merchants.weights), choose)
}

// price draws an amount, as prices are: in tens, often just below the next whole one.
func (v *visit) price(median int64, spread int) int64 {
	amount := max(v.amount(median, spread), 150) / 10 * 10
	if v.chance(300) {
		amount = amount/100*100 + 90
	}
	return amount
}

// try presents the card, and readies another try some seconds later.
func (v *visit) try(presented Presented) {
	if v.over {
		return
	}
	v.step.Presented = presented
	if v.over = !v.take(v.step); v.over {
		return
	}
	v.wait(8, 75)
	v.step.Attempt++
}

// wait lets seconds pass.
func (v *visit) wait(least, most int) {
	v.step.At = v.step.At.Add(time.Duration(v.between(least*1000, most*1000)) * time.Millisecond)
	if !v.step.At.Before(v.date.Add(day)) || v.h.plan.Outage.Contains(v.step.At) {
		v.over = true
	}
}

// goesBack is how many of a thousand purchases are given back, some days later.
const goesBack = 13

func (v *visit) plain() {
	v.goAnywhere(v.h.someone)
	if v.chance(goesBack) {
		if back := v.step.At.Add(time.Duration(v.between(20, 240)) * time.Hour); back.Before(v.h.plan.End) && !v.h.plan.Outage.Contains(back) {
			v.step.backAt = back
		}
	}
	v.try(v.step.Presented)
}

// mistyped is a wrong security code, once or twice, and then the right one.
func (v *visit) mistyped() {
	v.goTo(shopOnline, v.h.someone)
	v.try(WrongCVV)
	if v.chance(250) {
		v.try(WrongCVV)
	}
	if v.chance(850) {
		v.try(Typed)
	}
}

// mistaken is another detail that is wrong.
func (v *visit) mistaken() {
	v.goTo(shopOnline, v.h.someone)
	v.try([]Presented{WrongExpiry, WrongName}[v.below(2)])
	v.try(Typed)
}

// guess is somebody who has a card's number only, until it is locked.
func (v *visit) guess() {
	v.goTo(shopOnline, v.h.someone)
	for range bank.WrongAttemptsToLock + 2 {
		v.try(WrongCVV)
	}
}

// tooMuch is more than the card allows for one purchase.
func (v *visit) tooMuch() {
	v.goTo(electronics, v.ruledCard)
	v.step.AmountMinor = int64(v.between(ruledMost/100+10, ruledMost/40)) * 100
	v.try(OnFile)
	if v.chance(500) {
		v.step.AmountMinor = int64(v.between(ruledMost/300, ruledMost/110)) * 100
		v.try(OnFile)
	}
}

func (v *visit) tooLittle() {
	v.goAnywhere(v.ruledCard)
	v.step.AmountMinor = int64(v.between(ruledLeast/5, ruledLeast-10)) / 10 * 10
	v.try(OnFile)
}

// inHaste is more purchases within a minute than the card allows.
func (v *visit) inHaste() {
	v.goTo(shopOnline, v.ruledCard)
	for range ruledRate + 2 {
		v.step.AmountMinor = int64(v.between(20, 120)) * 50
		v.step.Attempt = 1
		if v.over || !v.take(v.step) {
			return
		}
		v.wait(1, 5)
	}
}

// outOfFunds is more than there is on the card; some then take less.
func (v *visit) outOfFunds() {
	v.goAnywhere(func(d draw, at time.Time) int { return v.h.oneOf(d, at, tight) })
	limit := int(v.h.cards[v.step.Card].LimitMinor)
	v.step.AmountMinor = int64(limit+v.between(10, limit)) / 10 * 10
	v.try(OnFile)
	if v.chance(400) {
		v.step.AmountMinor = int64(v.between(limit/100, limit/20)) / 10 * 10
		v.try(OnFile)
	}
}

// expired is a subscription that goes on when its card does not.
func (v *visit) expired() {
	v.goTo(streaming, func(d draw, at time.Time) int { return v.h.oneOf(d, at, old) })
	for range 2 {
		v.try(OnFile)
		v.wait(600, 3600)
	}
}

func (v *visit) blocked() {
	v.goAnywhere(func(d draw, at time.Time) int { return v.h.oneOf(d, at, lost) })
	v.try(OnFile)
}

// unknown is a number with a slip in it.
func (v *visit) unknown() {
	v.goTo(shopOnline, v.h.someone)
	typed := v.step
	v.step.Card, v.step.Number = -1, guessed(v.draw)
	v.try(Unknown)
	if v.chance(600) {
		v.step.Card, v.step.Number = typed.Card, ""
		v.try(Typed)
	}
}

func (v *visit) ruledCard(d draw, at time.Time) int { return v.h.oneOf(d, at, ruled) }
