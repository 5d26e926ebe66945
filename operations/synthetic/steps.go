package synthetic

import (
	"iter"
	"slices"
	"strconv"
	"time"

	bankv1 "codebank.dev/schemas/gen/bank/v1"
)

// Presented says how a card is presented to the bank.
type Presented uint8

// The ways to present a card. All but OnFile and Typed are wrong.
const (
	// OnFile is the card's name at the bank, which the merchant stores.
	OnFile Presented = iota
	// Typed is the card's data, which its holder types.
	Typed
	// WrongCVV, WrongExpiry and WrongName are the card's data with one mistake.
	WrongCVV
	WrongExpiry
	WrongName
	// Unknown is Step.Number. No card has that number.
	Unknown
)

// Kind says what a step asks for.
type Kind uint8

// The kinds of steps. A capture, a void and a reversal follow an earlier step.
const (
	// Purchase is a purchase by card. With Step.Later its amount is only set aside.
	Purchase Kind = iota
	// Capture takes what an earlier step has set aside, or a part of it. Void releases it.
	Capture
	Void
	// Reversal gives an earlier step back, or a part of it.
	Reversal
	// Deposit and Withdrawal are cash, Payment pays a merchant, Transfer pays another wallet, and Hold sets
	// an amount aside: all on a wallet.
	Deposit
	Withdrawal
	Payment
	Transfer
	Hold
)

// Step is one request of the load.
type Step struct {
	// RequestID is unique among the requests of all loads.
	RequestID string
	Kind      Kind
	// At is when the request is made, whole milliseconds, UTC.
	At time.Time
	// Card is the index of the card in Load.Cards; -1 with Unknown.
	Card int
	// Wallet is the index in Load.Wallets of the account that pays or is paid, and To that of the other
	// account of a transfer and of its reversal. Both are -1 for none.
	Wallet, To int
	// Follows is the request id of the step that this one captures, voids or reverses.
	Follows string

	Presented Presented
	Number    string
	// Later says that the purchase is captured later.
	Later    bool
	Merchant *bankv1.Merchant
	// AmountMinor of a capture or a reversal is 0 for all of it.
	AmountMinor int64
	Currency    string
	Channel     bankv1.Channel
	Description string
	Attempt     int32

	// followers are the later steps that follow this one, in the order of time, without request ids.
	followers []Step
}

// Followers returns how many later steps capture, void or reverse this one.
func (s *Step) Followers() int { return len(s.followers) }

// Steps yields every request with a card in the order of time. It makes one day after the
// other, so its memory does not grow with the number of days.
func (l *Load) Steps() iter.Seq[Step] { return l.daily(l.day, "-") }

// daily yields the steps that make returns for each day, with what follows them, in the order of time. It
// gives them their request ids.
func (l *Load) daily(newSteps func(day int) []Step, infix string) iter.Seq[Step] {
	return func(yield func(Step) bool) {
		number := 0
		due := make(map[int][]Step) // followers by day
		for at := range l.plan.Days {
			steps := newSteps(at)
			slices.SortStableFunc(steps, inTime)
			for i := range steps {
				step := &steps[i]
				number++
				step.RequestID = l.name + infix + strconv.Itoa(number)
				for _, follower := range step.followers {
					follower.RequestID, follower.Follows = step.RequestID+suffixes[follower.Kind], step.RequestID
					on := int(follower.At.Sub(l.plan.Start) / day)
					due[on] = append(due[on], follower)
				}
			}
			followers := due[at]
			delete(due, at)
			slices.SortStableFunc(followers, inTime)
			if !merged(steps, followers, yield) {
				return
			}
		}
	}
}

// suffixes are the ends of the request ids of followers.
var suffixes = map[Kind]string{Capture: "-capture", Void: "-void", Reversal: "-back"}

func inTime(a, b Step) int { return a.At.Compare(b.At) }

// follow lets a later step follow this one, unless it would come after the end of the load.
func (s *Step) follow(load *Load, follower Step) {
	if !follower.At.Before(load.plan.End) {
		return
	}
	follower.Card, follower.Wallet, follower.To = s.Card, s.Wallet, s.To
	s.followers = append(s.followers, follower)
}

// merged yields two ordered lists in one order. It returns false as soon as yield does.
func merged(steps, followers []Step, yield func(Step) bool) bool {
	for _, step := range steps {
		for len(followers) > 0 && followers[0].At.Before(step.At) {
			if !yield(followers[0]) {
				return false
			}
			followers = followers[1:]
		}
		if !yield(step) {
			return false
		}
	}
	for _, step := range followers {
		if !yield(step) {
			return false
		}
	}
	return true
}

// day makes the purchases of one day. They have no order and no request ids yet.
func (l *Load) day(number int) []Step {
	d, date := newDraw(l.plan.Seed, aboutDay+number), l.plan.Start.AddDate(0, 0, number)
	count := l.until[number]
	if number > 0 {
		count -= l.until[number-1]
	}
	steps := make([]Step, 0, count+count/50+l.plan.Burst.Purchases)
	for len(steps) < count {
		l.visit(d, date, func(step Step) bool {
			if len(steps) == count {
				return false
			}
			steps = append(steps, step)
			return true
		})
	}
	if l.plan.Burst.From.Truncate(day).Equal(date) {
		steps = append(steps, l.burst(d)...)
	}
	return steps
}

// burst makes the purchases of somebody who tries card numbers one after the other. Most
// numbers belong to no card. Some belong to a card whose security code is not known, and
// a few are stolen with all the card's data.
func (l *Load) burst(d draw) []Step {
	plan := &l.plan.Burst
	steps := make([]Step, plan.Purchases)
	gap := plan.To.Sub(plan.From) / time.Duration(plan.Purchases)
	at := plan.From
	stolen := d.below(len(l.cards) / 2)
	for i := range steps {
		step := &steps[i]
		*step = Step{
			At: at.Add(time.Duration(d.below(int(gap/time.Millisecond))) * time.Millisecond).Truncate(time.Millisecond), Card: -1, Wallet: -1, To: -1, Presented: Unknown,
			Merchant: burstMerchant, AmountMinor: int64(d.between(100, 490)), Currency: Real, Channel: online, Attempt: 1,
		}
		at = at.Add(gap)
		if !d.chance(350) {
			step.Number = guessed(d)
			continue
		}
		for stolen = (stolen + 1) % len(l.cards); l.cards[stolen].Brand != burstBrand || l.cards[stolen].came.After(plan.From); {
			stolen = (stolen + 1) % len(l.cards)
		}
		step.Card, step.Presented, step.Currency = stolen, WrongCVV, l.cards[stolen].Currency
		if d.chance(200) {
			step.Presented = Typed
		}
	}
	return steps
}

// guessed returns a number under the BIN of the burst, with the right check digit.
func guessed(d draw) string {
	const digits = 16
	number := []byte(burstBIN)
	for len(number) < digits-1 {
		number = append(number, byte('0'+d.below(10)))
	}
	return string(append(number, checkDigit(number)))
}

// checkDigit returns the last digit of a card number that begins with these digits
// (ISO/IEC 7812-1, annex B).
func checkDigit(number []byte) byte {
	sum := 0
	for i := range number {
		digit := int(number[len(number)-1-i] - '0')
		if i%2 == 0 {
			if digit *= 2; digit > 9 {
				digit -= 9
			}
		}
		sum += digit
	}
	return byte('0' + (10-sum%10)%10)
}
