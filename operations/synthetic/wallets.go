package synthetic

import (
	"fmt"
	"iter"
	"time"
)

// Wallet is an account that holds money. Its customer has a card too.
type Wallet struct {
	// Card is the index in Load.Cards of the customer's card.
	Card     int
	Opened   time.Time
	Currency string
	// salaryMinor is what is paid in on a salary's day.
	salaryMinor int64
}

// oneIn is how many cards there are for each wallet.
const oneIn = 10

// newWallets makes the wallets of a plan: one card in ten has a customer who opens one, some days after the
// first use of the card.
func newWallets(plan *Plan, cards []Card) []Wallet {
	const wait = 20 * day
	var wallets []Wallet
	for i := oneIn - 1; i < len(cards); i += oneIn {
		c, d := &cards[i], newDraw(plan.Seed, aboutWallet+i)
		w := Wallet{Card: i, Currency: c.Currency, Opened: c.came.Add(day + millis(d, wait))}
		if plan.Outage.Contains(w.Opened) {
			w.Opened = plan.Outage.To
		}
		w.salaryMinor = int64(d.between(18, 90)) * 10_000
		if c.Currency == Dollar {
			w.salaryMinor = int64(d.between(12, 60)) * 10_000
		}
		if w.Opened.Before(plan.End) {
			wallets = append(wallets, w)
		}
	}
	return wallets
}

// Wallets returns the wallets of the load. Step.Wallet is an index of this list. The caller must not change
// it.
func (l *Load) Wallets() []Wallet { return l.wallets }

// WalletRequest returns the request id with which the wallet of this index is opened.
func (l *Load) WalletRequest(wallet int) string { return fmt.Sprintf("%s-wallet-%d", l.name, wallet) }

// WalletSteps yields every request on the load's wallets in the order of time. No account of a card is in
// them. It needs as little memory as Steps.
func (l *Load) WalletSteps() iter.Seq[Step] { return l.daily(l.walletDay, "-w") }

// How many wallets of a thousand do something on a day. Salaries and advances are paid on pay-days.
const (
	depositsPayDay = 850
	depositsElse   = 6
	paysDaily      = 110
	transfersDaily = 45
	withdrawsDaily = 14
	holdsDaily     = 12
)

// Of a thousand transfers and payments, how many are given back.
const givenBack = 25

// walletHolds are the holds of a wallet, for the rides and the hotels that take them.
var walletHolds = holds{1000, 0, 300, 120, 30, time.Hour, 5 * day}

// walletReturns are what is given back on wallets.
var walletReturns = returns{soonest: 1, latest: 96}

var (
	messages = []string{"", "Almoço", "Aluguel", "Presente", "Vaquinha do churrasco", "Mercado da semana", "Obrigada!", "Parte da viagem"}
	heldAt   = []int{hotel, ride}
)

// walletDay makes the requests on wallets of one day. They have no order and no request ids yet.
func (l *Load) walletDay(number int) []Step {
	d, date := newDraw(l.plan.Seed, aboutWalletDay+number), l.plan.Start.AddDate(0, 0, number)
	m := &walletMoves{visit: visit{draw: d, load: l, date: date}}
	for i := range l.wallets {
		m.wallet = i
		m.cash()
		if m.chance(paysDaily) {
			m.pay()
		}
		if m.chance(transfersDaily) {
			m.transfer()
		}
		if m.chance(holdsDaily) {
			m.hold()
		}
	}
	return m.steps
}

// walletMoves makes the steps of a day, one wallet after the other.
type walletMoves struct {
	visit
	wallet int
	steps  []Step
}

// begin begins a step on the wallet. It reports false when the wallet is not used at the time that is drawn.
func (m *walletMoves) begin(kind Kind, of *hours) bool {
	at, _ := m.load.moment(m.draw, m.date, of)
	w := &m.load.wallets[m.wallet]
	m.step = Step{Kind: kind, At: at, Card: w.Card, Wallet: m.wallet, To: -1, Currency: w.Currency}
	return at.After(w.Opened) && m.load.cards[w.Card].used(at)
}

func (m *walletMoves) end() { m.steps = append(m.steps, m.step) }

// cash pays a salary or an advance in on a pay-day, sometimes other cash, and cash out.
func (m *walletMoves) cash() {
	salary, often := m.load.wallets[m.wallet].salaryMinor, depositsElse
	amount, why := m.share(salary, 5, 25)/100*100, ""
	switch m.date.Day() {
	case salaryOf(m.date):
		amount, why, often = salary, "Salário", depositsPayDay
	case advanceDay:
		amount, why, often = salary*2/5, "Adiantamento", depositsPayDay
	}
	if m.chance(often) && m.begin(Deposit, &shopHours) {
		m.step.AmountMinor, m.step.Description = amount, why
		m.end()
	}
	if m.chance(withdrawsDaily) && m.begin(Withdrawal, &shopHours) {
		m.step.AmountMinor = int64(m.between(1, 20)) * 2_000
		m.end()
	}
}

// merchantOf gives the step a merchant of a category and a price of it.
func (m *walletMoves) merchantOf(of int) {
	home := m.load.cards[m.step.Card].city
	m.step.Merchant = m.load.merchants.sell(m.draw, of, home, m.load.progress(m.step.At))
	m.step.AmountMinor = m.price(categories[of].prices(m.step.Currency))
}

// pay pays a merchant from the balance.
func (m *walletMoves) pay() {
	of := m.pick(m.load.merchants.weightsOf(m.date))
	if !m.begin(Payment, categories[of].hours) {
		return
	}
	m.merchantOf(of)
	if m.chance(givenBack) {
		m.refund(&walletReturns, m.step.At, m.step.AmountMinor)
	}
	m.end()
}

// transfer pays another customer. Some recipients give it back, or a part of it.
func (m *walletMoves) transfer() {
	if !m.begin(Transfer, &onlineHours) || !m.recipient() {
		return
	}
	m.step.AmountMinor = max(m.amount(9_000, 70)/100*100, 500)
	m.step.Description = messages[m.below(len(messages))]
	if m.chance(givenBack) {
		m.refund(&walletReturns, m.step.At, m.step.AmountMinor)
	}
	m.end()
}

// recipient draws another wallet of the same currency. It reports false when there is none yet.
func (m *walletMoves) recipient() bool {
	const tries = 12
	for range tries {
		to := m.below(len(m.load.wallets))
		if w := &m.load.wallets[to]; to != m.wallet && w.Currency == m.step.Currency && w.Opened.Before(m.step.At) {
			m.step.To = to
			return true
		}
	}
	return false
}

// hold sets an amount aside for a merchant, who takes it, or a part of it, or releases it.
func (m *walletMoves) hold() {
	of := heldAt[m.below(len(heldAt))]
	if !m.begin(Hold, categories[of].hours) {
		return
	}
	m.merchantOf(of)
	m.setAside(&walletHolds, &walletReturns)
	m.end()
}

// salaryOf returns the day of the month on which the salaries of a date's month are paid.
func salaryOf(date time.Time) int { return salary(date.Year(), date.Month()) }
