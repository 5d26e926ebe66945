package synthetic

import "time"

// visit is one customer's attempt to buy something, with one try or several. It ends
// early if the day has all its purchases, if the day ends, or if the bank is away.
type visit struct {
	draw
	load *Load
	date time.Time
	// take accepts or refuses a try, and reports which.
	take func(Step) bool
	// step is the next try.
	step Step
	// over is set when no try can follow.
	over bool
}

// course is a way in which visits go, and how many of a thousand visits go that way.
type course struct {
	inThousand int
	follow     func(*visit)
}

// courses are all ways. Each of them except the first is meant to cause a decline for
// one reason. The bank decides by its own rules.
var courses = []course{
	{904, (*visit).plain},
	{18, (*visit).mistyped},
	{8, (*visit).wrongDetail},
	{1, (*visit).guess},
	{12, (*visit).tooMuch},
	{3, (*visit).tooLittle},
	{4, (*visit).inHaste},
	{28, (*visit).outOfFunds},
	{6, (*visit).expired},
	{6, (*visit).blocked},
	{10, (*visit).unknown},
}

// visit makes one visit of a day and passes its tries to take until take refuses one.
func (l *Load) visit(d draw, date time.Time, take func(Step) bool) {
	v := &visit{draw: d, load: l, date: date, take: take}
	at := d.below(1000)
	for _, course := range courses {
		if at -= course.inThousand; at < 0 {
			course.follow(v)
			return
		}
	}
}

// goTo begins the visit: at a merchant of a category, with a card that choose draws.
func (v *visit) goTo(of int, choose func(draw, time.Time) int) {
	kind := &categories[of]
	at, late := v.load.moment(v.draw, v.date, kind.hours)
	card := choose(v.draw, at)
	holder := &v.load.cards[card]
	v.step = Step{
		At: at, Card: card, Wallet: -1, To: -1, Merchant: v.load.merchants.sell(v.draw, of, holder.city, v.load.progress(at)),
		Currency: holder.Currency, Channel: kind.channel, Attempt: 1,
	}
	v.step.AmountMinor = v.price(kind.prices(holder.Currency))
	if kind.channel == online && v.chance(250) {
		v.step.Presented = Typed
	}
	if kind.channel == recurring {
		v.step.Description = "Assinatura mensal"
	}
	if late { // The first try met a bank that was away.
		v.step.Attempt, v.step.Description = 2, "Nova tentativa"
	}
}

// goAnywhere is goTo with a category that is drawn by its weight.
func (v *visit) goAnywhere(choose func(draw, time.Time) int) {
	v.goTo(v.pick(v.load.merchants.weightsOf(v.date)), choose)
}

// price draws an amount in minor units. Prices in reais are multiples of ten and often end in
// 90. Prices in dollars often end in 99.
func (v *visit) price(of prices) int64 {
	amount := max(v.amount(of.median, of.spread), 150)
	if of.currency == Dollar {
		if v.chance(450) {
			amount = amount/100*100 + 99
		}
		return amount
	}
	amount = amount / 10 * 10
	if v.chance(300) {
		amount = amount/100*100 + 90
	}
	return amount
}

// try presents the card, and prepares another try some seconds later.
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

// wait moves the next try by a number of seconds.
func (v *visit) wait(least, most int) {
	v.step.At = v.step.At.Add(time.Duration(v.between(least*1000, most*1000)) * time.Millisecond)
	if !v.step.At.Before(v.date.Add(day)) || v.load.plan.Outage.Contains(v.step.At) {
		v.over = true
	}
}

// plain is a purchase with nothing wrong. Some are only authorised at first, and some are given back later.
func (v *visit) plain() {
	of := v.pick(v.load.merchants.weightsOf(v.date))
	v.goTo(of, v.load.someone)
	if kind := &categories[of]; !v.setAside(&kind.holds, &kind.returns) {
		v.giveBack(&kind.returns)
	}
	v.try(v.step.Presented)
}

// mistyped is a wrong security code, once or twice, and then the right one.
func (v *visit) mistyped() {
	v.goTo(shopOnline, v.load.someone)
	v.try(WrongCVV)
	if v.chance(250) {
		v.try(WrongCVV)
	}
	if v.chance(850) {
		v.try(Typed)
	}
}

// wrongDetail is a wrong expiry or a wrong name, and then the right one.
func (v *visit) wrongDetail() {
	v.goTo(shopOnline, v.load.someone)
	v.try([]Presented{WrongExpiry, WrongName}[v.below(2)])
	v.try(Typed)
}

// guesses is how many security codes are tried in a row. A bank locks a card after five
// wrong ones.
const guesses = 7

// guess is somebody who has a card's number and guesses its security code.
func (v *visit) guess() {
	v.goTo(shopOnline, v.load.someone)
	for range guesses {
		v.try(WrongCVV)
	}
}

// tooMuch is an amount above the card's limit for one purchase.
func (v *visit) tooMuch() {
	v.goTo(electronics, v.ruledCard)
	v.step.AmountMinor = int64(v.between(ruledMost/100+10, ruledMost/40)) * 100
	v.try(OnFile)
	if v.chance(500) {
		v.step.AmountMinor = int64(v.between(ruledMost/300, ruledMost/110)) * 100
		v.try(OnFile)
	}
}

// tooLittle is an amount below the card's minimum for one purchase.
func (v *visit) tooLittle() {
	v.goAnywhere(v.ruledCard)
	v.step.AmountMinor = int64(v.between(ruledLeast/5, ruledLeast-10)) / 10 * 10
	v.try(OnFile)
}

// inHaste makes more purchases within a minute than the card allows.
func (v *visit) inHaste() {
	v.goTo(shopOnline, v.ruledCard)
	v.step.Description = ""
	for range ruledRate + 2 {
		v.step.AmountMinor = int64(v.between(20, 120)) * 50
		v.step.Attempt = 1
		if v.over || !v.take(v.step) {
			return
		}
		v.wait(1, 5)
	}
}

// outOfFunds is an amount above the card's credit limit. Some customers then buy for
// less.
func (v *visit) outOfFunds() {
	v.goAnywhere(func(d draw, at time.Time) int { return v.load.oneOf(d, at, tight) })
	limit := int(v.load.cards[v.step.Card].LimitMinor)
	v.step.AmountMinor = int64(limit+v.between(10, limit)) / 10 * 10
	v.try(OnFile)
	if v.chance(400) {
		v.step.AmountMinor = int64(v.between(limit/100, limit/20)) / 10 * 10
		v.try(OnFile)
	}
}

// expired is a subscription that is collected from a card after its last month.
func (v *visit) expired() {
	v.goTo(streaming, func(d draw, at time.Time) int { return v.load.oneOf(d, at, old) })
	for range 2 {
		v.try(OnFile)
		v.wait(600, 3600)
	}
}

// blocked is a purchase with a card that was lost.
func (v *visit) blocked() {
	v.goAnywhere(func(d draw, at time.Time) int { return v.load.oneOf(d, at, lost) })
	v.try(OnFile)
}

// unknown is a card number with a mistake. No card has that number.
func (v *visit) unknown() {
	v.goTo(shopOnline, v.load.someone)
	typed := v.step
	v.step.Card, v.step.Number = -1, guessed(v.draw)
	v.try(Unknown)
	if v.chance(600) {
		v.step.Card, v.step.Number = typed.Card, ""
		v.try(Typed)
	}
}

// ruledCard draws a card that has limits of its own.
func (v *visit) ruledCard(d draw, at time.Time) int { return v.load.oneOf(d, at, ruled) }
